# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake API server for what a real one cannot be made to do: refuse, stall, forget and hang up on demand.

It speaks the part of the protocol that following objects needs: lists in pages, watches with bookmarks and a timeout,
statuses as the real server words them, bearer tokens, and discovery. Objects are whatever JSON a test puts in.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.control_plane import Outcome, finish
from tests.support.modules import Process, start
from tests.support.waiting import wait_until

Object = dict[str, Any]

#: The kinds that it serves, by their names in paths: group, version, kind, scope.
_KINDS = {
    "nodes": ("", "v1", "Node", "Cluster"),
    "pods": ("", "v1", "Pod", "Namespaced"),
    "daemonsets": ("apps", "v1", "DaemonSet", "Namespaced"),
    "resourceslices": ("resource.k8s.io", "v1", "ResourceSlice", "Cluster"),
    "leases": ("coordination.k8s.io", "v1", "Lease", "Namespaced"),
}

#: A term of a label selector.
_LABEL_TERM = re.compile(r"([\w./-]+)(?: in \(([^)]*)\)|==?([\w.-]*))")

#: Seconds between two looks of a watch at what ends it.
_TICK = 0.05

#: Reasons and messages as the real server gives them.
_REFUSALS = {
    401: ("Unauthorized", "Unauthorized"),
    403: (
        "Forbidden",
        '{0} is forbidden: User "fake" cannot {1} resource "{0}" in API group "{2}" at the cluster scope',
    ),
    410: ("Expired", "The provided continue parameter is too old"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
}


@dataclass(frozen=True)
class Request:
    """A request that came: C(verb) is list or watch, C(status) what it was answered with (0: not at all)."""

    verb: str
    resource: str
    namespace: str
    query: Mapping[str, str]
    token: str
    status: int
    at: float


@dataclass
class Fault:
    """What happens instead of the right answer, to the next C(times) requests of this verb and resource.

    C(status) is answered, with C(retry_after) as header; or, without a status, the connection is kept open and silent,
    or with C(close) closed before any answer. C(after) is how many of these requests are answered rightly before.
    """

    verb: str
    resource: str
    status: int = 0
    retry_after: str = ""
    close: bool = False
    times: int = 1
    after: int = 0


@dataclass(frozen=True)
class _Event:
    """A change of an object, or without a resource a bookmark."""

    version: int
    resource: str = ""
    before: Object | None = None
    after: Object | None = None


class KubernetesFake:
    """The server, on a free port of loopback, from entering the context to leaving it."""

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self.requests: list[Request] = []
        #: Tokens that are taken; every other is answered with 401.
        self.tokens = {"first"}
        #: (verb, resource) that are answered with 403.
        self.forbidden: set[tuple[str, str]] = set()
        self.faults: list[Fault] = []
        #: How many bookmarks were sent, on all watches.
        self.bookmarks_sent = 0
        #: Events after which each watch is closed; 0: never.
        self.events_per_watch = 0
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.events: list[_Event] = []
        #: The version last given, and the oldest from which a watch may go on.
        self.version = self.oldest = 1
        #: Which watches may live on, and which stay open without another byte.
        self.generation, self.silenced = 0, -1
        self.changed = threading.Condition()
        self.stopped = False

    def __enter__(self) -> KubernetesFake:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK,), daemon=True)
        self._thread.start()
        self.write_kubeconfig("first")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def write_kubeconfig(self, token: str) -> None:
        """A kubeconfig whose user has this token."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}],
            "users": [{"name": "caller", "user": {"token": token}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "caller"}}],
            "current-context": "fake",
        }
        self.kubeconfig.write_text(json.dumps(config))

    def start(self, *, check: bool = False, environment: Mapping[str, str] | None = None, **options: Any) -> Process:
        """Begin gpu_node_ready against this server, as a process of its own."""
        arguments = {"kubeconfig": str(self.kubeconfig), **options, "_ansible_check_mode": check}
        return start("gpu_node_ready", arguments, {**os.environ, **(environment or {})})

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        """The answer of gpu_node_ready."""
        return finish(self.start(check=check, **options))

    def put(self, resource: str, *objects: Object) -> None:
        """Make or replace objects. One that has a uid other than the last of its name was made anew."""
        with self.changed:
            for one in objects:
                metadata = one["metadata"]
                key = (resource, metadata.get("namespace", ""), metadata["name"])
                uid = metadata.get("uid", f"uid-of-{metadata['name']}")
                before = self.objects.get(key)
                if before is not None and before["metadata"]["uid"] != uid:
                    self._record(resource, before, None)
                    before = None
                version = str(self.version + 1)
                self.objects[key] = {**one, "metadata": {**metadata, "uid": uid, "resourceVersion": version}}
                self._record(resource, before, self.objects[key])

    def delete(self, resource: str, name: str, namespace: str = "") -> None:
        with self.changed:
            self._record(resource, self.objects.pop((resource, namespace, name)), None)

    def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        with self.changed:
            self._record("", None, None)

    def _record(self, resource: str, before: Object | None, after: Object | None) -> None:
        self.version += 1
        self.events.append(_Event(self.version, resource, before, after))
        self.changed.notify_all()

    def close_watches(self) -> None:
        """End every watch, as an API server does that is replaced."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def silence_watches(self) -> None:
        """Leave every watch of now open, but send nothing on it, as a half-open connection does."""
        with self.changed:
            self.silenced = self.generation
            self.generation += 1

    def forget(self) -> None:
        """Compact: no watch can go on from a version before now; and end all watches, so that they try to."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.events.clear()
        self.close_watches()

    def count(self, verb: str, resource: str) -> int:
        return sum((one.verb, one.resource) == (verb, resource) for one in self.requests)

    def wait_for(self, verb: str, resource: str, times: int = 1) -> None:
        """Until so many of these requests came."""
        wait_until(lambda: self.count(verb, resource) >= times, f"{times} times {verb} {resource}")

    def fault(self, verb: str, resource: str) -> Fault | None:
        """The fault that this request meets."""
        with self.changed:
            for fault in self.faults:
                if (fault.verb, fault.resource) == (verb, resource) and not fault.after:
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault
                fault.after -= (fault.verb, fault.resource) == (verb, resource)
        return None


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    fake: KubernetesFake

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the requests are kept in KubernetesFake.requests."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path in ("/api", "/apis"):
            self._answer(200, _discovery(core=url.path == "/api"))
            return
        *above, resource = url.path.strip("/").split("/")
        namespace = above[-1] if above[-2] == "namespaces" else ""
        verb = "watch" if query.get("watch") else "list"
        fault = self.fake.fault(verb, resource)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        status = 200
        if fault is not None:
            status = fault.status
        elif token not in self.fake.tokens:
            status = 401
        elif (verb, resource) in self.fake.forbidden:
            status = 403
        request = Request(verb, resource, namespace, query, token, status, time.monotonic())
        self.fake.requests.append(request)
        if status == 200:
            (self._list if verb == "list" else self._watch)(request)
        elif status:
            self._refuse(request, "" if fault is None else fault.retry_after)
        else:
            self.close_connection = True
            with self.fake.changed:
                while fault and not fault.close and not self._ended():
                    self.fake.changed.wait(_TICK)

    def _refuse(self, request: Request, retry_after: str) -> None:
        reason, message = _REFUSALS.get(request.status, ("InternalError", "an error on the server"))
        told = message.format(request.resource, request.verb, _KINDS[request.resource][0])
        body = {"kind": "Status", "status": "Failure", "code": request.status, "reason": reason, "message": told}
        self._answer(request.status, body, **({"Retry-After": retry_after} if retry_after else {}))

    def _list(self, request: Request) -> None:
        with self.fake.changed:
            metadata = {"resourceVersion": str(self.fake.version)}
            found = [one for key, one in sorted(self.fake.objects.items()) if _selected(one, key[0], request)]
        first = int(request.query.get("continue", "0"))
        end = first + (int(request.query.get("limit", "0")) or len(found))
        if end < len(found):
            metadata["continue"] = str(end)
        self._answer(200, {"kind": "List", "metadata": metadata, "items": found[first:end]})

    def _watch(self, request: Request) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        try:
            for event in self._events(request):
                self._chunk(json.dumps(event).encode() + b"\n")
                self.fake.bookmarks_sent += event["type"] == "BOOKMARK"
                sent += event["type"] != "BOOKMARK"
                if sent == self.fake.events_per_watch:
                    break
            self._chunk(b"")
        except OSError:
            # The reader has left.
            return

    def _events(self, request: Request) -> Iterator[Object]:
        fake = self.fake
        version, end = int(request.query["resourceVersion"]), time.monotonic() + float(request.query["timeoutSeconds"])
        with fake.changed:
            generation = fake.generation
            if version < fake.oldest:
                yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
                return
        while time.monotonic() < end:
            with fake.changed:
                if self._ended() or fake.generation != generation != fake.silenced:
                    return
                news = [one for one in fake.events if one.version > version and fake.silenced != generation]
                if not news:
                    fake.changed.wait(_TICK)
                    continue
                version = news[-1].version
            yield from filter(None, (_told(one, request) for one in news))

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _answer(self, status: int, body: Object, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _ended(self) -> bool:
        """Whether the server stops, or the other side has closed the connection."""
        self.connection.setblocking(False)
        try:
            return self.fake.stopped or self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)


def _told(event: _Event, request: Request) -> Object | None:
    """The event as this watch sees it."""
    version = {"resourceVersion": str(event.version)}
    if not event.resource:
        return {"type": "BOOKMARK", "object": {"metadata": version}}
    before, after = (
        one if one and _selected(one, event.resource, request) else None for one in (event.before, event.after)
    )
    if after is not None:
        return {"type": "ADDED" if before is None else "MODIFIED", "object": after}
    if before is not None:
        return {"type": "DELETED", "object": {**before, "metadata": {**before["metadata"], **version}}}
    return None


def _selected(one: Object, resource: str, request: Request) -> bool:
    """Whether an object is asked for: labels by C(key=value) or C(key in (a,b)), fields by C(path=value)."""
    metadata = one["metadata"]
    if resource != request.resource or request.namespace not in ("", metadata.get("namespace", "")):
        return False
    labels = metadata.get("labels") or {}
    for key, one_of, value in _LABEL_TERM.findall(request.query.get("labelSelector", "")):
        if labels.get(key) not in (one_of.split(",") if one_of else [value]):
            return False
    for part in filter(None, request.query.get("fieldSelector", "").split(",")):
        path, _equals, value = part.partition("=")
        found: Any = one
        for name in path.split("."):
            found = (found or {}).get(name)
        if found != value:
            return False
    return True


def _discovery(*, core: bool) -> Object:
    items = [
        {
            "metadata": {"name": group},
            "versions": [
                {
                    "version": version,
                    "resources": [{"resource": plural, "responseKind": {"kind": kind}, "scope": scope}],
                }
            ],
        }
        for plural, (group, version, kind, scope) in _KINDS.items()
        if (group == "") == core
    ]
    return {"kind": "APIGroupDiscoveryList", "items": items}
