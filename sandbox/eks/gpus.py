# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated GPUs of the Nodes: what a device plugin would advertise, and what a smoke pod would show.

kwok makes every pod that was scheduled Running, and nothing of it runs. So a smoke pod's log is made up here from the
GPUs that its node is to have, and its end is written into its status as a kubelet would.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from sandbox.eks import nodes
from sandbox.eks.account import instance_type
from sandbox.eks.gpu_board import GpuBoard
from sandbox.eks.kubernetes import Kubernetes, Rejected
from sandbox.eks.store import Cluster, Instance

Manifest = dict[str, Any]

_PLUGIN = "app.kubernetes.io/name=nvidia-device-plugin"
_SMOKE = "app.kubernetes.io/name=gpu-smoke"
_PODS = "/api/v1/pods"
#: The time of every line of a simulated log: the container runtime's format wants one, and nobody reads it.
_LOG_TIME = "2026-01-01T00:00:00.000000000Z"


class SimulatedGpus:
    """The GPUs of the cluster's Nodes. C(logs) is the folder of the simulated logs, which kwok serves."""

    def __init__(self, board: GpuBoard, logs: Path) -> None:
        self._board = board
        self._logs = logs
        #: When each device plugin pod was first seen Running, by its uid.
        self._plugin_since: dict[str, float] = {}
        self._ended: set[str] = set()

    def keep(self, client: Kubernetes, cluster: Cluster, found: list[Manifest], now: float, delay: float) -> bool:
        """Bring the Nodes' GPUs and their smoke pods a step further. True while there is more to do.

        A GPU node advertises its GPUs once the device plugin has run on it for the delay, and none without it.
        """
        instances = {i.id: i for group in cluster.node_groups.values() for i in group.instances}
        owners: dict[str, tuple[Manifest, Instance, int]] = {}
        for node in found:
            instance = instances.get(nodes.instance_of(node))
            kind = instance_type(instance.instance_type) if instance else None
            if instance and kind and kind.gpus:
                owners[node["metadata"]["name"]] = (node, instance, kind.gpus)
        if not owners:
            return False
        pods = [pod for pod in client.items(_PODS, labelSelector=_PLUGIN) if _runs(pod)]
        self._plugin_since = {
            pod["metadata"]["uid"]: self._plugin_since.get(pod["metadata"]["uid"], now) for pod in pods
        }
        since = {pod["spec"]["nodeName"]: self._plugin_since[pod["metadata"]["uid"]] for pod in pods}
        moving = False
        for name, (node, _instance, gpus) in owners.items():
            conduct = self._board.of(name)
            if name in since and now < since[name] + (delay if conduct.delay is None else conduct.delay):
                moving = True
                continue
            patch = nodes.gpu_correction(node, *(conduct.amounts(gpus) if name in since else (0, 0)))
            if patch is not None:
                client.patch(f"/api/v1/nodes/{name}/status", patch)
        return self._end_smoke_pods(client, {name: owner[1] for name, owner in owners.items()}) or moving

    def _end_smoke_pods(self, client: Kubernetes, instances: dict[str, Instance]) -> bool:
        """End the smoke pods that run on these nodes. True while there are any at all: the next one comes soon."""
        pods = client.items(_PODS, labelSelector=_SMOKE)
        self._ended &= {pod["metadata"]["uid"] for pod in pods}
        for pod in pods:
            instance = instances.get(pod["spec"].get("nodeName", ""))
            if instance is None or pod["metadata"]["uid"] in self._ended or not _runs(pod):
                continue
            try:
                self._end(client, pod, instance)
                self._ended.add(pod["metadata"]["uid"])
            except Rejected as error:
                if error.status != 404:
                    raise
        return bool(pods)

    def _end(self, client: Kubernetes, pod: Manifest, instance: Instance) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        conduct = self._board.of(pod["spec"]["nodeName"])
        container = pod["spec"]["containers"][0]
        asked = int(container.get("resources", {}).get("limits", {}).get(nodes.GPU, 0))
        text = smoke_log(instance, asked if conduct.seen is None else min(asked, conduct.seen), conduct.exit_code)
        self._logs.mkdir(parents=True, exist_ok=True)
        file = self._logs / f"{pod['metadata']['uid']}.log"
        file.write_text("".join(f"{_LOG_TIME} stdout F {line}\n" for line in text.splitlines()), encoding="utf-8")
        try:
            client.create(f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{namespace}/logs", _log_source(pod, file))
        except Rejected as error:
            # It is there from a round that was cut off.
            if error.status != 409:
                raise
        client.patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", _ended_status(container, conduct.exit_code))


def smoke_log(instance: Instance, gpus: int, exit_code: int) -> str:
    """What a smoke pod that sees so many GPUs of the instance prints: the lines of nvidia-smi -L, and a verdict."""
    kind = instance_type(instance.instance_type)
    model = f"NVIDIA {kind.gpu_name}" if kind else "GPU"
    lines = [f"GPU {place}: {model} (UUID: {gpu_uuid(instance, place)})" for place in range(gpus)]
    lines += ["Test FAILED (simulated)" if exit_code else "Test PASSED (simulated)"]
    return "\n".join(lines) + "\n"


def gpu_uuid(instance: Instance, place: int) -> str:
    """The UUID of one of the instance's GPUs, the same each time."""
    return f"GPU-{uuid.uuid5(uuid.NAMESPACE_OID, f'{instance.id}/{place}')}"


def _log_source(pod: Manifest, file: Path) -> Manifest:
    """The object by which kwok finds the log of a pod. It goes with the pod."""
    metadata = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Logs",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [owner]},
        "spec": {"logs": [{"logsFile": str(file)}]},
    }


def _ended_status(container: Manifest, exit_code: int) -> Manifest:
    state = {"terminated": {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}}
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }
    return {"status": {"phase": "Failed" if exit_code else "Succeeded", "containerStatuses": [status]}}


def _runs(pod: Manifest) -> bool:
    status = pod.get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
    return bool(
        status.get("phase") == "Running"
        and ready
        and pod["spec"].get("nodeName")
        and "deletionTimestamp" not in pod["metadata"]
    )
