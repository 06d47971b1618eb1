# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the kubelets of simulated GPU nodes: it decides how smoke pods end, and serves their logs.

kwok makes every pod that the real scheduler has placed Running, and nothing of it runs. What a kubelet and a GPU would
do with the pod from there is told here, node by node. The real API server asks this for logs, over HTTPS, as it asks
the kubelet that a node names.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from sandbox.eks.control_plane import ControlPlane as Connection
from sandbox.eks.kubernetes import Kubernetes, Rejected
from tests.support.control_plane import NAME, ControlPlane
from tests.support.waiting import wait_until

GPU = "nvidia.com/gpu"
RUN_LABEL = "entasis.io/gpu-smoke-run"
_SELECTOR = "app.kubernetes.io/name=gpu-smoke"


@dataclass(frozen=True)
class Fate:
    """What happens to one smoke pod. C(status) is merged into the pod's status, C(log) is None where it has none."""

    status: dict[str, Any]
    log: str | None = ""


def devices(*uuids: str) -> str:
    """What C(nvidia-smi -L) says of these GPUs."""
    return "".join(f"GPU {place}: NVIDIA A10G (UUID: {uuid})\n" for place, uuid in enumerate(uuids))


def ended(exit_code: int, reason: str = "Completed", message: str = "") -> dict[str, Any]:
    """The status of a pod whose container has ended."""
    state = {"terminated": {"exitCode": exit_code, "reason": reason, "message": message}}
    return {"phase": "Failed" if exit_code else "Succeeded", "containerStatuses": [_container(state)]}


def waiting(reason: str) -> dict[str, Any]:
    """The status of a pod whose container cannot be started."""
    return {"phase": "Pending", "containerStatuses": [_container({"waiting": {"reason": reason, "message": "said"}})]}


def _container(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": "smoke", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def passes(gpus: int) -> Fate:
    return Fate(ended(0), devices(*(f"GPU-{number}" for number in range(gpus))) + "Test PASSED\n")


RUNS_ON = Fate({}, "")
TURNED_AWAY = Fate({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no healthy devices"}, None)


class Kubelet(threading.Thread):
    """Plays the kubelet of the nodes that it added, until it is left."""

    def __init__(self, cluster: ControlPlane) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._client = Kubernetes(Connection(cluster.kubeconfig))
        self._halt = threading.Event()
        #: What is to happen to the pods of a node one after another; the last goes for all further ones.
        self._fates: dict[str, list[Fate]] = {}
        self._logs: dict[str, str | None] = {}
        #: The pods that were seen placed, in their order: (node, GPUs that they ask for), by the uid.
        self.seen: dict[str, tuple[str, int]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        keys = cluster.home / "clusters" / NAME / "pki"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Kubelet:
        self.start()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._halt.set()
        self.join()
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def add_node(self, name: str, gpus: int, *fates: Fate, labels: dict[str, str] | None = None) -> None:
        """A Ready node with GPUs. Without C(fates) its smoke pods pass."""
        self._fates[name] = list(fates)
        self._cluster.add_node(name, labels, **{GPU: str(gpus)})
        path = f"/api/v1/nodes/{name}"
        wait_until(lambda: self._client.get(path)["status"].get("phase") == "Running", f"the node {name} is Ready")
        port = self._server.server_address[1]
        self._client.patch(f"{path}/status", {"status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}})
        wait_until(lambda: not self._client.get(path)["spec"].get("taints"), f"the node {name} takes pods")

    def pods_of(self, node: str) -> Sequence[int]:
        """The GPUs that each smoke pod placed on the node asked for."""
        return [gpus for name, gpus in self.seen.values() if name == node]

    def run(self) -> None:
        while not self._halt.wait(0.1):
            for pod in self._client.items("/api/v1/pods", labelSelector=_SELECTOR):
                node, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
                if node in self._fates and uid not in self.seen and pod["status"].get("phase") == "Running":
                    self._decide(pod, node, uid)

    def finish(self, node: str) -> None:
        """Let the pods pass that run on, see RUNS_ON, on the node."""
        for pod in self._client.items("/api/v1/pods", labelSelector=_SELECTOR):
            if pod["spec"].get("nodeName") == node:
                self._end(pod, passes(_gpus(pod)))

    def _decide(self, pod: dict[str, Any], node: str, uid: str) -> None:
        fates = self._fates[node]
        fate = fates[min(len(self.pods_of(node)), len(fates) - 1)] if fates else passes(_gpus(pod))
        self._end(pod, fate)
        self.seen[uid] = (node, _gpus(pod))

    def _end(self, pod: dict[str, Any], fate: Fate) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._logs[f"/containerLogs/{namespace}/{name}/smoke"] = fate.log
        try:
            self._client.patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": fate.status})
        except Rejected as error:
            if error.status != 404:
                raise

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        logs = self._logs

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                log = logs.get(self.path.partition("?")[0])
                content = (log if log is not None else "the log is gone").encode()
                self.send_response(200 if log is not None else 500)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: Any) -> None:
                """Nothing: pytest shows what a test says."""

        return Handler


def _gpus(pod: dict[str, Any]) -> int:
    """How many GPUs a pod asks for."""
    return int(pod["spec"]["containers"][0]["resources"]["limits"][GPU])
