# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready at 5,000 nodes of a real API server: its first verdict, its memory, and what it asks of the server.

Each node has a pod of the device plugin, and the images, conditions and managed fields of a node that has worked for a
while. All but one offer their GPUs, so that the module goes on to watch. The nodes are objects only: nothing simulates
a kubelet, so that the API server has nothing else to do. The first verdict is taken from the progress that the module
says; then the last node offers its GPU too, which ends the run. It is compared with a bare script that lists the same
nodes and pods in the same pages and reads the JSON.
"""

from __future__ import annotations

import json
import os
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import kinds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.connection import KubeconfigConnection

from tests.support.control_plane import PROJECT, ControlPlane
from tests.support.gpu import condition, node
from tests.support.platform import Sandbox

COUNT = 5000
RUNS = 3
FIRST_VERDICT_BAR = 1.5
MEMORY_BAR = 300.0
PAGES_BAR = 12
WATCHES_BAR = 2
MODULE = "ansible_collections.entasis.engine.plugins.modules.gpu_node_ready"
GPU = "nvidia.com/gpu"
PLUGIN = {"app.kubernetes.io/name": "nvidia-device-plugin"}
SELECTOR = "eks.amazonaws.com/nodegroup=gpu"
#: Images on each node; some 50 are what a kubelet reports at most.
IMAGES = 50
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
POD_SPEC: dict[str, Any] = {
    "tolerations": [{"operator": "Exists"}],
    "containers": [{"name": "plugin", "image": "registry.example.com/plugin:1"}],
}
#: Requests at the same time while the nodes are made.
CREATORS = 16
#: The longest that a process may take (seconds).
LIMIT = 120.0

#: The nodes and the plugin's pods in pages, as the module asks for them, and nothing else done with them.
_LIST = f"""
import json, sys, urllib.parse
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
api = client.ApiClient()
for path, selector, size in (
    ("/api/v1/nodes", "{SELECTOR}", 500),
    ("/api/v1/namespaces/kube-system/pods", "{"=".join(*PLUGIN.items())}", 5000),
):
    token = ""
    while True:
        query = dict(labelSelector=selector, limit=size, **(dict([("continue", token)]) if token else {{}}))
        answer = api.call_api("GET", f"{{api.configuration.host}}{{path}}?{{urllib.parse.urlencode(query)}}")
        token = json.loads(answer.read())["metadata"].get("continue")
        if not token:
            break
"""


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float | None]]:
    """All of it on a control plane of its own, without what would work on the nodes."""
    idle = ("kube-controller-manager", "kube-scheduler", "kwok-controller")
    with (
        tempfile.TemporaryDirectory(prefix="entasis-bench-gpu-") as home,
        ControlPlane(Path(home), without=idle) as cluster,
    ):
        client = Client(lambda: KubeconfigConnection(str(cluster.kubeconfig), None))
        _fill(client)
        pairs = [(_watched(cluster, client), _listed(cluster)) for _run in range(RUNS)]
        runs, lists = zip(*pairs, strict=True)
        first, bare = statistics.median(run["first"] for run in runs), statistics.median(lists)
        return [
            (f"first verdict on {COUNT} nodes, seconds from process start", first, None),
            (f"a bare paged list of {COUNT} nodes, seconds from process start", bare, None),
            (f"first verdict on {COUNT} nodes / a bare paged list of them", first / bare, FIRST_VERDICT_BAR),
            ("memory of the module then (VmHWM), MiB", max(run["memory"] for run in runs), MEMORY_BAR),
            ("list pages asked of the API server", max(run["pages"] for run in runs), PAGES_BAR),
            ("watches asked of the API server", max(run["watches"] for run in runs), WATCHES_BAR),
        ]


def _fill(client: Client) -> None:
    """The nodes, a plugin's pod on each, and its DaemonSet."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "kube-system"},
    }
    client.request("POST", "/api/v1/namespaces/kube-system/serviceaccounts", body=account)
    client.request("POST", "/apis/apps/v1/namespaces/kube-system/daemonsets", body=_daemon_set())
    with ThreadPoolExecutor(CREATORS) as threads:
        for _made in threads.map(lambda number: _make(client, number), range(COUNT)):
            pass


def _make(client: Client, number: int) -> None:
    made = client.request("POST", kinds.NODES.path(), body=_node(number, offers=number > 0))
    # Admission gives each new node a taint that a controller takes away.
    taints = {"spec": {"taints": [{"key": GPU, "effect": "NoSchedule"}]}}
    path = kinds.NODES.path(name=made["metadata"]["name"])
    client.request("PATCH", path, body=taints, content_type="application/merge-patch+json")
    pod = client.request("POST", kinds.PODS.path("kube-system"), body=_pod(number))
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    client.request("PUT", f"{kinds.PODS.path('kube-system', pod['metadata']['name'])}/status", body=pod)


def _node(number: int, *, offers: bool) -> dict[str, Any]:
    name = f"ip-10-{number // 65536}-{number // 256 % 256}-{number % 256}.example.internal"
    conditions = [condition(kind, "False", message=f"kubelet says so of {kind}") for kind in PRESSURES]
    labels = {"eks.amazonaws.com/nodegroup": "gpu", "topology.kubernetes.io/zone": "ap-northeast-2a"}
    gpus = 1 if offers else None
    made = node(name, capacity=gpus, allocatable=gpus, labels=labels, conditions=conditions)
    del made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    made["status"]["images"] = [
        {
            "names": [
                f"registry.example.com/team/image-{one}@sha256:{one:064x}",
                f"registry.example.com/team/image-{one}:1.0.{one}",
            ],
            "sizeBytes": 10**8 + one,
        }
        for one in range(IMAGES)
    ]
    return {"apiVersion": "v1", "kind": "Node", **made}


def _pod(number: int) -> dict[str, Any]:
    metadata = {"name": f"plugin-{number:05}", "namespace": "kube-system", "labels": PLUGIN}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": _node(number, offers=True)["metadata"]["name"], **POD_SPEC},
    }


def _daemon_set() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": PLUGIN}, "template": {"metadata": {"labels": PLUGIN}, "spec": POD_SPEC}},
    }


def _watched(cluster: ControlPlane, client: Client) -> dict[str, float]:
    """A run until the last node offers its GPU, which it does once the first verdict was given."""
    _offer(client, None)
    before = _counted(client)
    options = {
        "label_selector": SELECTOR,
        "expected_count": COUNT,
        "timeout": 60,
        "stable_for": 0,
    }
    arguments = {"ANSIBLE_MODULE_ARGS": {"kubeconfig": str(cluster.kubeconfig), **options}}
    with tempfile.TemporaryDirectory() as folder:
        pipe, given = Path(folder) / "pipe", Path(folder) / "arguments"
        os.mkfifo(pipe)
        given.write_text(json.dumps(arguments))
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        environment = {**cluster.environment, "PYTHONPATH": str(PROJECT / ".cache" / "collections")}
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(given)],
            stdout=subprocess.PIPE,
            env={**environment, "ENTASIS_PROGRESS_PIPE": str(pipe)},
        )
        _read_until(reader, f"{COUNT - 1}/{COUNT} ready")
        first = time.monotonic() - start
        memory = _most_memory(process.pid)
        _offer(client, "1")
        output, _errors = process.communicate(timeout=LIMIT)
        os.close(reader)
    result = json.loads(output)
    if result.get("failed") or result["ready_count"] != COUNT:
        raise RuntimeError(result.get("msg"))
    asked = {name: number - before[name] for name, number in _counted(client).items()}
    return {"first": first, "memory": memory, **asked}


def _listed(cluster: ControlPlane) -> float:
    """Seconds of a bare script that reads the same nodes and pods."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", _LIST, str(cluster.kubeconfig)], check=True, timeout=LIMIT)
    return time.monotonic() - start


def _offer(client: Client, gpus: str | None) -> None:
    """Let the first node offer its GPU, or not."""
    name = _node(0, offers=True)["metadata"]["name"]
    body = {"status": {"capacity": {GPU: gpus}, "allocatable": {GPU: gpus}}}
    client.request(
        "PATCH", f"{kinds.NODES.path(name=name)}/status", body=body, content_type="application/merge-patch+json"
    )


def _counted(client: Client) -> dict[str, int]:
    """Lists and ended watches of what the module reads, as the API server counts them."""
    counted = {"LIST": 0, "WATCH": 0}
    for line in client.text("/metrics").splitlines():
        match = re.fullmatch(r"apiserver_request_total{(.*)} (\S+)", line)
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[1])) if match else {}
        if labels.get("verb") in counted and labels["resource"] in ("nodes", "pods", "daemonsets", "resourceslices"):
            counted[labels["verb"]] += int(float(match[2])) if match else 0
    return {"pages": counted["LIST"], "watches": counted["WATCH"]}


def _most_memory(pid: int) -> float:
    """The most memory that a process has had (MiB)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _read_until(pipe: int, text: str) -> None:
    """Read lines until one has the text."""
    said = ""
    end = time.monotonic() + LIMIT
    while text not in said:
        if time.monotonic() > end:
            raise RuntimeError(f"no '{text}' within {LIMIT:.0f} s, but: {said}")
        # A pipe that nobody writes to is always ready to be read.
        if not select.select([pipe], [], [], 0.1)[0]:
            continue
        read = os.read(pipe, 65536).decode()
        said += read
        if not read:
            time.sleep(0.005)
