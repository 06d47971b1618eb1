# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready at 5,000 nodes of a real API server: its verdict, beside a bare script that lists the same.

Each node has a pod of the device plugin, and the images, conditions and managed fields of a node that has worked for a
while. The nodes are objects only: nothing simulates a kubelet, so that the API server has nothing else to do. The bare
script lists the nodes in the same pages and reads the JSON; the module lists the DaemonSets and the pods beside them.
"""

from __future__ import annotations

import json
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
VERDICT_BAR = 1.5
MEMORY_BAR = 300.0

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

#: Runs the module with the arguments on the standard input; says the most memory that it had (KiB) on the standard
#: error, since what wait4() tells includes the process that forked it.
_PROGRAM = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.entasis.engine.plugins.modules.gpu_node_ready import main
try:
    with patch_module_args(json.load(sys.stdin)):
        main()
finally:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""

#: The nodes in pages, and nothing else done with them.
_LIST = f"""
import json, sys, urllib.parse
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
api = client.ApiClient()
page = {{}}
while page is not None:
    query = urllib.parse.urlencode(dict(labelSelector="{SELECTOR}", limit=500, **page))
    answer = api.call_api("GET", f"{{api.configuration.host}}/api/v1/nodes?{{query}}")
    token = json.loads(answer.read())["metadata"].get("continue")
    page = {{"continue": token}} if token else None
"""


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float]]:
    """All of it on a control plane of its own, without what would work on the nodes."""
    idle = ("kube-controller-manager", "kube-scheduler", "kwok-controller")
    with (
        tempfile.TemporaryDirectory(prefix="entasis-bench-gpu-") as home,
        ControlPlane(Path(home), without=idle) as cluster,
    ):
        client = Client(lambda: KubeconfigConnection(str(cluster.kubeconfig), None))
        _fill(client)
        judged, listed = zip(*((_judge(cluster), _list(cluster)) for _run in range(RUNS)), strict=True)
    verdict, bare = statistics.median(seconds for seconds, _memory in judged), statistics.median(listed)
    print(f"  a verdict on {COUNT} nodes {verdict:.1f} s, a bare paged list of them {bare:.1f} s")
    return [
        (f"first verdict on {COUNT} nodes / a bare paged list of them", verdict / bare, VERDICT_BAR),
        ("memory of the module then (VmHWM), MiB", max(memory for _seconds, memory in judged), MEMORY_BAR),
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
    made = client.request("POST", kinds.NODES.path(), body=_node(number))
    # Admission gives each new node a taint that a controller takes away.
    taints = {"spec": {"taints": [{"key": GPU, "effect": "NoSchedule"}]}}
    path = kinds.NODES.path(name=made["metadata"]["name"])
    client.request("PATCH", path, body=taints, content_type="application/merge-patch+json")
    pod = client.request("POST", kinds.PODS.path("kube-system"), body=_pod(number))
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    client.request("PUT", f"{kinds.PODS.path('kube-system', pod['metadata']['name'])}/status", body=pod)


def _node(number: int) -> dict[str, Any]:
    name = f"ip-10-{number // 65536}-{number // 256 % 256}-{number % 256}.example.internal"
    conditions = [condition(kind, "False", message=f"kubelet says so of {kind}") for kind in PRESSURES]
    labels = {"eks.amazonaws.com/nodegroup": "gpu", "topology.kubernetes.io/zone": "ap-northeast-2a"}
    made = node(name, labels=labels, conditions=conditions)
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
        "spec": {"nodeName": _node(number)["metadata"]["name"], **POD_SPEC},
    }


def _daemon_set() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": PLUGIN}, "template": {"metadata": {"labels": PLUGIN}, "spec": POD_SPEC}},
    }


def _judge(cluster: ControlPlane) -> tuple[float, float]:
    """Seconds of a run that finds all nodes ready, from the start of its process, and the most memory that it had."""
    options = {"label_selector": SELECTOR, "expected_count": COUNT, "timeout": 60, "stable_for": 0}
    arguments = json.dumps({"kubeconfig": str(cluster.kubeconfig), **options})
    environment = {**cluster.environment, "PYTHONPATH": str(PROJECT / ".cache" / "collections")}
    command = [sys.executable, "-c", _PROGRAM]
    start = time.monotonic()
    done = subprocess.run(
        command, input=arguments, capture_output=True, text=True, env=environment, timeout=LIMIT, check=False
    )
    seconds = time.monotonic() - start
    if done.returncode or json.loads(done.stdout)["ready_count"] != COUNT:
        raise RuntimeError(done.stdout[-1000:] + done.stderr)
    return seconds, int(done.stderr.split()[-1]) / 1024


def _list(cluster: ControlPlane) -> float:
    """Seconds of the bare script, from the start of its process."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", _LIST, str(cluster.kubeconfig)], check=True, timeout=LIMIT)
    return time.monotonic() - start
