# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which nodes are proved, and the smoke pod of each, as pure functions of Node objects.

A pod reaches its node through the scheduler: an affinity to the node's name lets the scheduler keep it away from a node
that is cordoned or whose GPUs are in use. C(spec.nodeName) would pass the scheduler by. No cluster autoscaler makes a
node for such a pod, because a new node would have another name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.node_condition import PROVED
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import carries
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import FIELD_MANAGER

Object = Mapping[str, Any]

#: The run that made a pod, and the node that it is for: a node's name may be longer than a label's value.
RUN_LABEL = "entasis.io/gpu-smoke-run"
NODE_ANNOTATION = "entasis.io/gpu-smoke-node"
CONTAINER = "smoke"

_NAME = "gpu-smoke"
#: Seconds that a pod may run past its run's own timeout, which ends it in every case but a killed run.
_GRACE = 30
#: What a smoke pod asks for besides GPUs. A node may have hardly more to give than its GPUs.
_REQUESTS = {"cpu": "100m", "memory": "256Mi"}
#: Taints of the node controller and of a cordon. A pod that tolerated them would end up on a node in trouble.
_NEVER_TOLERATED = "node.kubernetes.io/"
_SHARING_LABEL = "nvidia.com/gpu.sharing-strategy"
_REPLICAS_LABEL = "nvidia.com/gpu.replicas"


def choose(nodes: Iterable[Object], options: SmokeOptions, seed: str) -> list[Object]:
    """The nodes to prove, in the order of their names. C(seed) decides which nodes a sample has."""
    by_name = sorted(nodes, key=lambda node: str(node["metadata"]["name"]))
    if options.mode == "none":
        return []
    if options.mode == "missing_only":
        return [node for node in by_name if not _passed_before(node, options)]
    if options.mode == "sample":
        drawn = sorted(by_name, key=lambda node: hashlib.sha256(f"{seed} {node['metadata']['name']}".encode()).digest())
        return sorted(drawn[: options.sample], key=lambda node: str(node["metadata"]["name"]))
    return by_name


def gpus_to_take(node: Object, options: SmokeOptions) -> int:
    """How many GPUs the node's smoke pod asks for, and so has to see."""
    allocatable = labels.amount(node["status"].get("allocatable"), options.gpu_resource) or 0
    # Where GPUs are shared, several of them may be the same card, and the device plugin may refuse more than one. A pod
    # without any would prove nothing.
    return max(1, allocatable) if options.all_gpus and not _shared(node) else 1


def pod(node: Object, options: SmokeOptions, run: str, name: str) -> dict[str, Any]:
    """The smoke pod of a node."""
    gpus = str(gpus_to_take(node, options))
    given = options.resources
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(options.timeout) + _GRACE,
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchFields": [
                                {"key": "metadata.name", "operator": "In", "values": [node["metadata"]["name"]]}
                            ]
                        }
                    ]
                }
            }
        },
        "tolerations": tolerations(node),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": CONTAINER,
                "image": options.image,
                "command": list(options.command),
                "resources": {
                    "requests": {**_REQUESTS, **given.get("requests", {})},
                    "limits": {**given.get("limits", {}), options.gpu_resource: gpus},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
    if options.service_account:
        spec["serviceAccountName"] = options.service_account
    if options.runtime_class:
        spec["runtimeClassName"] = options.runtime_class
    if options.priority_class:
        spec["priorityClassName"] = options.priority_class
    if options.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in options.pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": options.namespace,
            "labels": {
                "app.kubernetes.io/name": _NAME,
                "app.kubernetes.io/managed-by": FIELD_MANAGER,
                RUN_LABEL: run,
            },
            "annotations": {NODE_ANNOTATION: node["metadata"]["name"]},
        },
        "spec": spec,
    }


def pod_name(run: str, number: int) -> str:
    return f"{_NAME}-{run}-{number}"


def tolerations(node: Object) -> list[dict[str, Any]]:
    """What lets a pod onto the node as it is now: its taints one by one, but for those of a node in trouble."""
    entries: Sequence[Mapping[str, Any]] = node["spec"].get("taints") or ()
    return [
        {"key": entry["key"], "operator": "Equal", "value": entry.get("value") or "", "effect": entry["effect"]}
        for entry in entries
        if not entry["key"].startswith(_NEVER_TOLERATED)
    ]


def left_behind(pods: Iterable[Object], run: str, node_names: Iterable[str], now: datetime) -> list[Object]:
    """Smoke pods of earlier runs that nobody waits for any more.

    These are pods of the nodes that are to be proved now, and pods that are older than their run can have lasted. A
    pod that never got onto its node has no deadline that would end it.
    """
    wanted = set(node_names)
    found = []
    for one in pods:
        metadata = one["metadata"]
        if (metadata.get("labels") or {}).get(RUN_LABEL, run) == run:
            continue
        age = (now - datetime.fromisoformat(metadata["creationTimestamp"].replace("Z", "+00:00"))).total_seconds()
        stale = age > float(one["spec"].get("activeDeadlineSeconds") or 0) + _GRACE
        if stale or (metadata.get("annotations") or {}).get(NODE_ANNOTATION) in wanted:
            found.append(one)
    return found


def _passed_before(node: Object, options: SmokeOptions) -> bool:
    if options.release_taint is not None and carries(node, options.release_taint):
        return False
    if not options.condition:
        return True
    conditions = node["status"].get("conditions") or ()
    wanted = (options.condition, "True", PROVED)
    return any((entry["type"], entry["status"], entry.get("reason")) == wanted for entry in conditions)


def _shared(node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    return labels.get(_SHARING_LABEL, "none") != "none" or labels.get(_REPLICAS_LABEL, "1") not in ("0", "1")
