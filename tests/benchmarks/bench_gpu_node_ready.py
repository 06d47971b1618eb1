# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready at 5,000 nodes of a real API server: its verdicts, its memory, and what it asks of the server.

Each node has a pod of the device plugin, and the images, conditions and managed fields of a node that has worked for a
while. All but one offer their GPUs, so that the module goes on to watch. The nodes are objects only: nothing simulates
a kubelet, so that the API server has nothing else to do. The first verdict is taken from the progress that the module
says; then the last node offers its GPU too, and the second verdict ends the run. It is compared with a bare script that
lists the nodes and the pods in pages and reads the JSON. kubernetes.core.k8s_info comes to the same two verdicts by
looking twice, as a task with C(until) does.
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
from typing import IO, Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import NODES, Moment, Observed
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Goal, judge
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import kinds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.connection import KubeconfigConnection
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Listed

from tests.support.control_plane import PROJECT, ControlPlane
from tests.support.platform import Sandbox

COUNT = 5000
RUNS = 3
FIRST_VERDICT_BAR = 1.5
MEMORY_BAR = 300.0
PAGES_BAR = 12
WATCHES_BAR = 2
K8S_INFO_BAR = 0.25
#: Seconds between two looks of a task with C(until), where it has no C(delay) (Ansible's default).
DELAY = 5.0

GPU = "nvidia.com/gpu"
PLUGIN = {"app.kubernetes.io/name": "nvidia-device-plugin"}
SELECTOR = "eks.amazonaws.com/nodegroup=gpu"
#: Images on each node; some 50 are what a kubelet reports at most.
IMAGES = 50
#: Requests at the same time while the nodes are made.
CREATORS = 16
#: The longest that a process may take (seconds).
LIMIT = 120.0

#: Runs the module of this name with the arguments on the standard input; says the most memory that it had (KiB) on the
#: standard error, since what wait4() tells includes the process that forked it.
_PROGRAM = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
module = importlib.import_module(sys.argv[1])
try:
    with patch_module_args(json.load(sys.stdin)):
        module.main()
finally:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""

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

_OURS = "ansible_collections.entasis.engine.plugins.modules.gpu_node_ready"
_THEIRS = "ansible_collections.kubernetes.core.plugins.modules.k8s_info"


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float | None]]:
    """All of it on a control plane of its own, without what would work on the nodes."""
    idle = ("kube-controller-manager", "kube-scheduler", "kwok-controller")
    with (
        tempfile.TemporaryDirectory(prefix="entasis-bench-gpu-") as home,
        ControlPlane(Path(home), without=idle) as cluster,
    ):
        client = Client(lambda: KubeconfigConnection(str(cluster.kubeconfig), None))
        _fill(client)
        runs, theirs, bare = [], [], []
        for _run in range(RUNS):
            runs.append(_watched(cluster, client))
            bare.append(_listed(cluster))
            theirs.append(_polled(cluster, client))
        first, both = (statistics.median(run[name] for run in runs) for name in ("first", "both"))
        return [
            (f"first verdict on {COUNT} nodes, seconds from process start", first, None),
            (
                f"first verdict on {COUNT} nodes / a bare paged list of them",
                first / statistics.median(bare),
                FIRST_VERDICT_BAR,
            ),
            ("memory of the module then and after (VmHWM), MiB", max(run["memory"] for run in runs), MEMORY_BAR),
            ("list pages asked of the API server", max(run["pages"] for run in runs), PAGES_BAR),
            ("watches asked of the API server", max(run["watches"] for run in runs), WATCHES_BAR),
            ("both verdicts / polling with kubernetes.core.k8s_info", both / statistics.median(theirs), K8S_INFO_BAR),
            (f"judging {COUNT} nodes without reading them, seconds", _evaluation(client), None),
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
    node = client.request("POST", kinds.NODES.path(), body=_node(number, offers=number > 0))
    # Admission gives each new node a taint that a controller takes away.
    taints = {"spec": {"taints": [{"key": GPU, "effect": "NoSchedule"}]}}
    path = kinds.NODES.path(name=node["metadata"]["name"])
    client.request("PATCH", path, body=taints, content_type="application/merge-patch+json")
    pod = client.request("POST", kinds.PODS.path("kube-system"), body=_pod(number))
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    client.request("PUT", f"{kinds.PODS.path('kube-system', pod['metadata']['name'])}/status", body=pod)


def _node(number: int, *, offers: bool) -> dict[str, Any]:
    amounts = {"cpu": "16", "memory": "64Gi", "pods": "110", **({GPU: "1"} if offers else {})}
    now = "2026-01-01T00:00:00Z"
    conditions = [
        {
            "type": kind,
            "status": str(kind == "Ready"),
            "reason": f"Kubelet{kind}",
            "message": f"kubelet says so of {kind}",
        }
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    ]
    images = [
        {
            "names": [
                f"registry.example.com/team/image-{one}@sha256:{one:064x}",
                f"registry.example.com/team/image-{one}:1.0.{one}",
            ],
            "sizeBytes": 10**8 + one,
        }
        for one in range(IMAGES)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"ip-10-{number // 65536}-{number // 256 % 256}-{number % 256}.example.internal",
            "labels": {
                "eks.amazonaws.com/nodegroup": "gpu",
                "node.kubernetes.io/instance-type": "g4dn.xlarge",
                "topology.kubernetes.io/zone": "ap-northeast-2a",
                "nvidia.com/gpu.present": "true",
            },
        },
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{**one, "lastHeartbeatTime": now, "lastTransitionTime": now} for one in conditions],
            "images": images,
        },
    }


def _pod(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"plugin-{number:05}", "namespace": "kube-system", "labels": PLUGIN},
        "spec": {
            "nodeName": _node(number, offers=True)["metadata"]["name"],
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "plugin", "image": "registry.example.com/plugin:1"}],
        },
    }


def _daemon_set() -> dict[str, Any]:
    template = {
        "metadata": {"labels": PLUGIN},
        "spec": {
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "plugin", "image": "registry.example.com/plugin:1"}],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": PLUGIN}, "template": template},
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
        "progress_interval": 1,
    }
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        pipe = Path(folder) / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        start = time.monotonic()
        process = _start(cluster, _OURS, options, output, ENTASIS_PROGRESS_PIPE=str(pipe))
        _read_until(reader, f"{COUNT - 1}/{COUNT} ready")
        first = time.monotonic() - start
        _offer(client, "1")
        memory = _end(process)
        both = time.monotonic() - start
        os.close(reader)
        output.seek(0)
        result = json.loads(output.read())
    if result.get("failed") or result["ready_count"] != COUNT:
        raise RuntimeError(result.get("msg"))
    asked = {name: number - before[name] for name, number in _counted(client).items()}
    return {"first": first, "both": both, "memory": memory, **asked}


def _listed(cluster: ControlPlane) -> float:
    """Seconds of a bare script that reads the same nodes and pods."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", _LIST, str(cluster.kubeconfig)], check=True, timeout=LIMIT)
    return time.monotonic() - start


def _polled(cluster: ControlPlane, client: Client) -> float:
    """Seconds of what a playbook does with kubernetes.core to know the same, where the second look is the last."""
    _offer(client, None)
    start = time.monotonic()
    _look(cluster, COUNT - 1)
    _offer(client, "1")
    time.sleep(DELAY)
    _look(cluster, COUNT)
    return time.monotonic() - start


def _look(cluster: ControlPlane, ready: int) -> None:
    """Count the nodes that are Ready and offer a GPU, and have a Ready pod of the plugin."""
    plugins = {"namespace": "kube-system", "label_selectors": ["=".join(*PLUGIN.items())]}
    nodes = _k8s_info(cluster, kind="Node", label_selectors=[SELECTOR])
    served = {pod["spec"]["nodeName"] for pod in _k8s_info(cluster, kind="Pod", **plugins) if _is_ready(pod)}
    passed = [
        node
        for node in nodes
        if _is_ready(node) and node["metadata"]["name"] in served and int(node["status"]["allocatable"].get(GPU, 0))
    ]
    if len(passed) != ready:
        raise RuntimeError(f"{len(passed)} nodes are ready, not {ready}")


def _k8s_info(cluster: ControlPlane, **options: Any) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile("w+") as output:
        _end(_start(cluster, _THEIRS, {"api_version": "v1", **options}, output))
        output.seek(0)
        found: list[dict[str, Any]] = json.loads(output.read())["resources"]
    return found


def _is_ready(manifest: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in manifest["status"]["conditions"])


def _evaluation(client: Client) -> float:
    """Seconds of the rules alone, for nodes as they are read."""
    nodes, _version = client.list(kinds.NODES, label_selector=SELECTOR)
    observed = Observed(Config(), {})
    moment = Moment(time.monotonic(), time.time())
    start = time.process_time()
    observed.take(Listed(NODES, [*nodes], again=False), moment)
    observed.evaluate(moment)
    verdict = judge(observed.counts, Goal(), moment.monotonic)
    took = time.process_time() - start
    if verdict.ready_count != COUNT:
        raise RuntimeError(f"{verdict.ready_count} of {COUNT} are ready")
    return took


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


def _start(
    cluster: ControlPlane, module: str, options: dict[str, Any], output: IO[str], **environment: str
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, module],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        env={**cluster.environment, "PYTHONPATH": str(PROJECT / ".cache" / "collections"), **environment},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"kubeconfig": str(cluster.kubeconfig), **options}))
    process.stdin.close()
    return process


def _end(process: subprocess.Popen[str]) -> float:
    """Wait for the end; the most memory that the process had (MiB)."""
    process.stdin = None
    _output, errors = process.communicate(timeout=LIMIT)
    lines = errors.split()
    if not lines or not lines[-1].isdecimal():
        raise RuntimeError(errors)
    return int(lines[-1]) / 1024


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
