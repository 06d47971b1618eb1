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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.control_plane import Outcome, finish
from tests.support.modules import Process, start
from tests.support.waiting import wait_until

Object = dict[str, Any]

#: The kinds that it serves: group, version, kind, plural, namespaced.
_KINDS = (
    ("", "v1", "Node", "nodes", False),
    ("", "v1", "Pod", "pods", True),
    ("apps", "v1", "DaemonSet", "daemonsets", True),
    ("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", False),
    ("coordination.k8s.io", "v1", "Lease", "leases", True),
)

#: A term of a label selector.
_LABEL_TERM = re.compile(r"([\w./-]+)(?: in \(([^)]*)\)|==?([\w.-]*))")

#: Seconds between two looks of a watch at what ends it.
_TICK = 0.05


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
    version: int
    resource: str
    before: Object | None
    after: Object | None


@dataclass
class _State:
    """What the server holds. C(version) is the last one given, C(oldest) the oldest from which a watch may go on."""

    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    events: list[_Event] = field(default_factory=list)
    version: int = 1
    oldest: int = 1
    #: Which watches may live on: a counter that a test raises to end them all.
    generation: int = 0
    #: Which watches get no more bytes though they stay open.
    silenced: int = -1
    bookmarks: int = 0


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
        #: Called for each request before it is answered.
        self.on_request: Callable[[Request], None] = lambda _request: None
        self._state = _State()
        self._changed = threading.Condition()
        self._stopped = False

    def __enter__(self) -> KubernetesFake:
        fake = self

        class Handler(_Handler):
            server_state = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK,), daemon=True)
        self._thread.start()
        self.write_kubeconfig("first")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def write_kubeconfig(self, token: str) -> None:
        """A kubeconfig whose user has this token."""
        host, port = self._server.server_address[:2]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": f"http://{host!s}:{port}"}}],
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
        with self._changed:
            for one in objects:
                self._store(resource, one)
            self._changed.notify_all()

    def delete(self, resource: str, name: str, namespace: str = "") -> None:
        with self._changed:
            gone = self._state.objects.pop((resource, namespace, name))
            self._record(resource, gone, None)
            self._changed.notify_all()

    def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        with self._changed:
            self._state.version += 1
            self._state.bookmarks += 1
            self._changed.notify_all()

    def close_watches(self) -> None:
        """End every watch, as an API server does that is replaced."""
        with self._changed:
            self._state.generation += 1
            self._changed.notify_all()

    def silence_watches(self) -> None:
        """Leave every watch of now open, but send nothing on it, as a half-open connection does."""
        with self._changed:
            self._state.silenced = self._state.generation
            self._state.generation += 1
            self._changed.notify_all()

    def forget(self) -> None:
        """Compact: no watch can go on from a version before now; and end all watches, so that they try to."""
        with self._changed:
            self._state.version += 1
            self._state.oldest = self._state.version
            self._state.events.clear()
            self._state.generation += 1
            self._changed.notify_all()

    def count(self, verb: str, resource: str) -> int:
        return sum((one.verb, one.resource) == (verb, resource) for one in self.requests)

    def wait_for(self, verb: str, resource: str, times: int = 1) -> None:
        """Until so many of these requests came."""
        wait_until(lambda: self.count(verb, resource) >= times, f"{times} times {verb} {resource}")

    def _store(self, resource: str, one: Object) -> None:
        metadata = one["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"])
        before = self._state.objects.get(key)
        uid = metadata.get("uid", f"uid-of-{metadata['name']}")
        if before is not None and before["metadata"]["uid"] != uid:
            self._record(resource, before, None)
            before = None
        stored = {**one, "metadata": {**metadata, "uid": uid}}
        self._state.objects[key] = stored
        self._record(resource, before, stored)

    def _record(self, resource: str, before: Object | None, after: Object | None) -> None:
        self._state.version += 1
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self._state.version)
        self._state.events.append(_Event(self._state.version, resource, before, after))


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_state: KubernetesFake

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the requests are kept in KubernetesFake.requests."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path in ("/api", "/apis"):
            self._answer(200, _discovery(core=url.path == "/api"))
            return
        resource, namespace = _resource_of(url.path)
        verb = "watch" if query.get("watch") else "list"
        fault = self._fault(verb, resource)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        fake = self.server_state
        status = 200
        if fault is not None:
            status = fault.status
        elif token not in fake.tokens:
            status = 401
        elif (verb, resource) in fake.forbidden:
            status = 403
        request = Request(verb, resource, namespace, query, token, status, time.monotonic())
        fake.requests.append(request)
        fake.on_request(request)
        if fault is not None and not fault.status:
            self._stall(fault)
        elif status != 200:
            self._refuse(status, verb, resource, namespace, "" if fault is None else fault.retry_after)
        elif verb == "list":
            self._list(resource, namespace, query)
        else:
            self._watch(resource, namespace, query)

    def _fault(self, verb: str, resource: str) -> Fault | None:
        fake = self.server_state
        with fake._changed:
            for fault in fake.faults:
                if (fault.verb, fault.resource) != (verb, resource):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if not fault.times:
                    fake.faults.remove(fault)
                return fault
        return None

    def _stall(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.close:
            return
        fake = self.server_state
        with fake._changed:
            while not fake._stopped and not self._hung_up():
                fake._changed.wait(_TICK)

    def _refuse(self, status: int, verb: str, resource: str, namespace: str, retry_after: str) -> None:
        group = next(kind[0] for kind in _KINDS if kind[3] == resource)
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        reason, message = {
            401: ("Unauthorized", "Unauthorized"),
            403: (
                "Forbidden",
                f'{resource} is forbidden: User "fake" cannot {verb} resource "{resource}" in API group "{group}" '
                + scope,
            ),
            410: ("Expired", "The provided continue parameter is too old"),
            429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
        }.get(status, ("InternalError", "an error on the server has prevented the request from succeeding"))
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        headers = {"Retry-After": retry_after} if retry_after else {}
        self._answer(status, {**body, "reason": reason, "message": message}, headers)

    def _list(self, resource: str, namespace: str, query: Mapping[str, str]) -> None:
        fake = self.server_state
        with fake._changed:
            version = str(fake._state.version)
            found = [
                one
                for (kind, inside, _name), one in sorted(fake._state.objects.items())
                if kind == resource and namespace in ("", inside) and _selected(one, query)
            ]
        first = int(query.get("continue", "0"))
        limit = int(query.get("limit", "0")) or len(found)
        metadata = {"resourceVersion": version}
        if first + limit < len(found):
            metadata["continue"] = str(first + limit)
        self._answer(200, {"kind": "List", "metadata": metadata, "items": found[first : first + limit]})

    def _watch(self, resource: str, namespace: str, query: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        fake = self.server_state
        end = time.monotonic() + float(query.get("timeoutSeconds", "60"))
        try:
            sent = 0
            for event in self._events(resource, namespace, query, end):
                self._chunk(json.dumps(event).encode() + b"\n")
                fake.bookmarks_sent += event["type"] == "BOOKMARK"
                sent += event["type"] not in ("BOOKMARK", "ERROR")
                if event["type"] == "ERROR" or sent == fake.events_per_watch:
                    break
            self._chunk(b"")
        except OSError:
            # The reader has left.
            return

    def _events(self, resource: str, namespace: str, query: Mapping[str, str], end: float) -> Iterator[Object]:
        fake, state = self.server_state, self.server_state._state
        version = int(query["resourceVersion"])
        with fake._changed:
            generation, bookmarks = state.generation, state.bookmarks
            if version < state.oldest:
                yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
                return
        while True:
            with fake._changed:
                if state.silenced == generation:
                    fake._changed.wait_for(lambda: fake._stopped or self._hung_up(), timeout=_TICK)
                    if fake._stopped or self._hung_up():
                        return
                    continue
                if fake._stopped or state.generation != generation or time.monotonic() >= end or self._hung_up():
                    return
                news = [one for one in state.events if one.version > version and one.resource == resource]
                bookmarked = state.bookmarks > bookmarks
                if not news and not bookmarked:
                    fake._changed.wait(_TICK)
                    continue
                version, bookmarks = state.version, state.bookmarks
            for one in news:
                told = _told(one, namespace, query)
                if told is not None:
                    yield told
            if bookmarked:
                yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _answer(self, status: int, body: Object, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def _hung_up(self) -> bool:
        """Whether the other side has closed the connection."""
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)


def _told(event: _Event, namespace: str, query: Mapping[str, str]) -> Object | None:
    """The event as a watch with this selector sees it."""
    before, after = (
        one
        if one is not None and namespace in ("", one["metadata"].get("namespace", "")) and _selected(one, query)
        else None
        for one in (event.before, event.after)
    )
    if after is not None:
        return {"type": "ADDED" if before is None else "MODIFIED", "object": after}
    if before is not None:
        gone = {**before, "metadata": {**before["metadata"], "resourceVersion": str(event.version)}}
        return {"type": "DELETED", "object": gone}
    return None


def _selected(one: Object, query: Mapping[str, str]) -> bool:
    """Whether the selectors of the request select the object: C(key=value), or C(key in (a,b)) for labels."""
    labels = one["metadata"].get("labels") or {}
    for key, one_of, value in _LABEL_TERM.findall(query.get("labelSelector", "")):
        if labels.get(key) not in (one_of.split(",") if one_of else [value]):
            return False
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        path, _equals, value = part.partition("=")
        found: Any = one
        for name in path.split("."):
            found = (found or {}).get(name)
        if found != value:
            return False
    return True


def _resource_of(path: str) -> tuple[str, str]:
    """The plural and the namespace of a collection's path."""
    parts = path.strip("/").split("/")
    return parts[-1], parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""


def _discovery(*, core: bool) -> Object:
    groups: dict[tuple[str, str], list[Object]] = {}
    for group, version, kind, plural, namespaced in _KINDS:
        if (group == "") == core:
            scope = "Namespaced" if namespaced else "Cluster"
            entry = {"resource": plural, "responseKind": {"kind": kind}, "scope": scope}
            groups.setdefault((group, version), []).append(entry)
    items = [
        {"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]}
        for (group, version), resources in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "items": items}
