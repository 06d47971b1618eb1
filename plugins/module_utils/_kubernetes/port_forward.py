# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A port of this machine whose connections the API server carries to a pod: C(kubectl port-forward) in the module.

    destination = find(client, "data", service="timescaledb-rw", port="5432")
    with PortForward(client, destination) as forward:
        socket.create_connection((forward.address, forward.port))

The kubernetes library has a port-forward too. It keeps no silent connection alive, holds what it has not delivered in
memory without limit, and loses what came last where the pod ends the connection.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import select
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    Client,
    label_selector,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import PODS, SERVICES, Resource

with contextlib.suppress(ImportError):  # see is_possible
    import websocket

ADDRESS = "127.0.0.1"

#: Seconds without anything to carry after which a sign of life is asked for: what stands between, such as AWS's load
#: balancers, cuts connections that are silent for some minutes. After as many signs unanswered the connection is dead.
KEEPALIVE = 20.0
UNANSWERED = 3

#: Bytes carried at a time: with its frame not more than one record of TLS, which a writable socket takes at once.
_CHUNK = 16_000

#: The channels of each port (v4.channel.k8s.io): its data both ways, and the errors of the node. The first message of
#: each is the number of the port.
_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERRORS = 0, 1


def is_possible() -> bool:
    """Whether the library is there that opens the websocket."""
    return importlib.util.find_spec("kubernetes") is not None


class MissingTargetError(KubernetesError):
    """The service or the pod does not exist."""


@dataclass(frozen=True)
class Destination:
    """A port of a pod."""

    namespace: str
    pod: str
    port: int

    def __str__(self) -> str:
        return f"port {self.port} of pod {self.namespace}/{self.pod}"


def find(
    client: Client, namespace: str, *, port: str, service: str | None = None, pod: str | None = None
) -> Destination:
    """The pod to carry connections to: the named one, or a ready one of the service.

    C(port) is a number or a name: the port of the service, or of the pod's containers where the pod is named.

    Raises:
        MissingTargetError: there is no such service or pod.
        KubernetesError: it has no such port, or no pod is ready.
    """
    if service is None:
        found = _get(client, PODS, namespace, str(pod))
        if not _is_ready(found):
            raise KubernetesError(f"pod {namespace}/{pod} is not ready ({_state(found)}). {_LOOK}")
        return Destination(namespace, str(pod), _container_port(found, port))
    manifest = _get(client, SERVICES, namespace, service)
    selector = manifest["spec"].get("selector")
    if not selector:
        raise KubernetesError(f"service {namespace}/{service} selects no pods. Name a pod instead.")
    target = _target_port(manifest, port)
    pods, _version = client.list(PODS, namespace, label_selector=label_selector(selector))
    ready = [one for one in pods if _is_ready(one)]
    if not ready:
        states = ", ".join(f"{one['metadata']['name']} ({_state(one)})" for one in pods) or "it has no pods"
        raise KubernetesError(f"no pod of service {namespace}/{service} is ready: {states}. {_LOOK}")
    chosen = min(ready, key=lambda one: str(one["metadata"]["name"]))
    return Destination(namespace, chosen["metadata"]["name"], _container_port(chosen, target))


_LOOK = "Run the task again once it is, or look at the pod's events."


def _get(client: Client, resource: Resource, namespace: str, name: str) -> Mapping[str, Any]:
    found = client.get(resource, namespace, name)
    if found is None:
        raise MissingTargetError(
            f"there is no {resource.kind.lower()} {namespace}/{name} in the cluster of {client.connection.source}. "
            "Deploy it first, or correct namespace and name."
        )
    return found


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _state(pod: Mapping[str, Any]) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "is being deleted"
    phase = str(pod.get("status", {}).get("phase") or "Pending")
    return "Running, but not Ready" if phase == "Running" else phase


def _target_port(service: Mapping[str, Any], port: str) -> str:
    one = _named("service", service, port, service["spec"].get("ports") or (), "port")
    return str(one.get("targetPort") or one["port"])


def _container_port(pod: Mapping[str, Any], port: str) -> int:
    if port.isdecimal():
        return int(port)
    ports = [one for container in pod["spec"]["containers"] for one in container.get("ports") or ()]
    return int(_named("pod", pod, port, ports, "containerPort")["containerPort"])


def _named(what: str, owner: Mapping[str, Any], port: str, ports: Sequence[Any], number: str) -> Mapping[str, Any]:
    """The one of some ports that has this name, or this number, which it keeps under C(number)."""
    for one in ports:
        if port in (str(one[number]), one.get("name")):
            return one
    known = [f"{one['name']} ({one[number]})" if one.get("name") else str(one[number]) for one in ports]
    name = f"{owner['metadata']['namespace']}/{owner['metadata']['name']}"
    raise KubernetesError(f"{what} {name} has no port {port}; it has: {', '.join(known) or 'none'}.")


class PortForward:
    """Listens on a port of the loopback address while it is entered, for any number of connections."""

    address = ADDRESS

    def __init__(self, client: Client, destination: Destination) -> None:
        self.destination = destination
        #: Why the last connection that failed did so. Its user only sees that it was closed.
        self.failure: str | None = None
        self._client = client
        self._listener = socket.create_server((ADDRESS, 0))
        self.port: int = self._listener.getsockname()[1]
        # Every thread looks at one end; it becomes readable when the other is closed.
        self._ended, self._end = socket.socketpair()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> PortForward:
        self._start(self._listen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.close()
        # The first of them listens, and may have started another a moment ago: the list grows while it is walked.
        for thread in self._threads:
            thread.join(CONNECT_TIMEOUT)
        self._listener.close()
        self._ended.close()

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            readable, _writable, _broken = select.select([self._listener, self._ended], [], [])
            if self._ended in readable:
                return
            local, _address = self._listener.accept()
            self._start(self._serve, local)

    def _serve(self, local: socket.socket) -> None:
        """One connection, from its first byte to its last."""
        with local:
            try:
                remote = self._open()
            except KubernetesError as error:
                self.failure = str(error)
                return
            try:
                self._carry(local, remote)
            except (websocket.WebSocketException, OSError) as error:
                self.failure = f"the connection to {self.destination} through {self._client.server} broke: {error}."
            finally:
                with contextlib.suppress(websocket.WebSocketException, OSError):
                    remote.send_close()
                remote.shutdown()

    def _open(self) -> Any:
        """A websocket to the pod.

        Raises:
            KubernetesError: the API server refused, or could not be reached.
        """
        from kubernetes.stream.ws_client import create_websocket

        configuration, headers = self._client.credentials()
        destination = self.destination
        path = f"{PODS.path(destination.namespace, destination.pod)}/portforward"
        url = f"{self._client.server}{path}?{urlencode({'ports': destination.port})}"
        websocket.setdefaulttimeout(CONNECT_TIMEOUT)
        try:
            opened = create_websocket(
                configuration, url.replace("http", "ws", 1), {**headers, "sec-websocket-protocol": _PROTOCOL}
            )
        except websocket.WebSocketBadStatusException as error:
            refusal = ApiError("GET", path, error.status_code, _body(error))
            if refusal.status != 403:
                raise refusal from error
            raise KubernetesError(
                f"{refusal} A port-forward needs the verbs get and create on pods/portforward in namespace "
                f"{destination.namespace}."
            ) from error
        except (websocket.WebSocketException, OSError) as error:
            raise KubernetesError(
                f"no connection to {destination} through the API server {self._client.server}: {error}."
            ) from error
        opened.settimeout(READ_TIMEOUT)
        return opened

    def _carry(self, local: socket.socket, remote: Any) -> None:
        """Carry bytes both ways until one side, or the whole forward, ends."""
        outgoing = b""
        announced: set[int] = set()
        unanswered = 0
        while True:
            # More is taken from here only once the API server has taken what was; until then its own is still read.
            wanted = [remote.sock, self._ended] if outgoing else [remote.sock, local, self._ended]
            readable, writable, _broken = select.select(wanted, [remote.sock] if outgoing else [], [], KEEPALIVE)
            if not readable and not writable:
                if unanswered == UNANSWERED:
                    silence = KEEPALIVE * (UNANSWERED + 1)
                    raise websocket.WebSocketTimeoutException(f"nothing came for {silence:.0f} s")
                remote.ping()
                unanswered += 1
            if remote.sock in readable:
                unanswered = 0
                for channel, data in _messages(remote):
                    if channel is None:
                        return
                    if channel not in announced:
                        announced.add(channel)
                    elif channel == _ERRORS:
                        self.failure = _explain(self.destination, data.decode(errors="replace"))
                        return
                    elif not _deliver(local, data):
                        return
            if writable:
                remote.send_binary(bytes([_DATA]) + outgoing)
                outgoing = b""
            if local in readable:
                outgoing = _receive(local)
                if not outgoing:
                    return
            elif self._ended in readable and not outgoing:
                return


def _receive(local: socket.socket) -> bytes:
    """What the user of the connection sent; nothing where it closed it.

    A reset is how a connection closes whose user has not read all of it. It is no failure of the forward, and told as
    one it would hide why the user closed it, such as a certificate that it does not trust.
    """
    try:
        return local.recv(_CHUNK)
    except ConnectionError:
        return b""


def _deliver(local: socket.socket, data: bytes) -> bool:
    """Whether the user of the connection is still there to take the bytes."""
    try:
        local.sendall(data)
    except ConnectionError:
        return False
    return True


def _messages(remote: Any) -> Iterator[tuple[int | None, bytes]]:
    """The messages that are there, with their channels; no channel where the other side has ended."""
    while True:
        operation, frame = remote.recv_data_frame(True)
        if operation == websocket.ABNF.OPCODE_CLOSE:
            yield None, b""
            return
        if operation == websocket.ABNF.OPCODE_BINARY and frame.data:
            yield frame.data[0], frame.data[1:]
        # What TLS has decrypted already does not make the socket readable.
        pending = getattr(remote.sock, "pending", None)
        if pending is None or not pending():
            return


def _explain(destination: Destination, told: str) -> str:
    text = f"the node cannot connect to {destination}: {' '.join(told.split()).rstrip('.')}."
    if "refused" in told:
        text += " Check that the server in the pod runs and listens on that port."
    return text


def _body(error: Any) -> Mapping[str, Any]:
    """The status that the API server refused with."""
    body = bytes(error.resp_body or b"")
    with contextlib.suppress(ValueError):
        status = json.loads(body)
        if isinstance(status, dict):
            # Without the verb create it gives no reason after the colon.
            return {**status, "message": str(status.get("message") or "").rstrip(": ")}
    return {"message": body.decode(errors="replace")[:500]}
