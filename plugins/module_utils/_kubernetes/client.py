# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A small client of the Kubernetes API: plain JSON in and out, server-side apply, lists in pages, watches, discovery.

The typed models of the kubernetes library are left aside: they know only the kinds of their own release, and parsing
thousands of objects with them is slow.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.connection import Connection
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import (
    ApiError,
    KubernetesError,
    NoClusterError,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import FIELD_MANAGER

with contextlib.suppress(ImportError):  # each way to a cluster needs a library that brings it, and says so
    import urllib3
    import urllib3.exceptions

#: Objects in one answer to a LIST; the rest follows in further pages.
PAGE_SIZE = 500

#: Seconds: to connect, and between two pieces of an answer. A watch is silent for at most a minute: then the API server
#: sends a bookmark.
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
WATCH_READ_TIMEOUT = 90.0

#: How often a request is sent again when the API server is overloaded or just starting (429, 503, 504).
OVERLOAD_RETRIES = 6

#: Seconds between two attempts: the first pause, which doubles, and the longest.
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
#: The longest pause that the API server may ask for by Retry-After (seconds).
LONGEST_RETRY_AFTER = 30.0

_RANDOM = random.SystemRandom()

_DISCOVERY_FORMAT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class Client:
    """What talks to one cluster. May be used by several threads."""

    def __init__(self, load: Callable[[], Connection]) -> None:
        """C(load) opens the connection: now, and once more whenever the API server no longer knows the caller."""
        #: Seconds by which the API server's clock was ahead of ours when it last answered.
        self.clock_skew = 0.0
        self._load = load
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watches: set[Any] = set()
        #: How often the connection was opened.
        self._loads = 0
        self._reload(0)
        self.server = self.connection.server
        #: What the API server serves, by apiVersion and kind, and the preferred versions, by group and kind.
        self._discovery: tuple[dict[tuple[str, str], Resource], dict[tuple[str, str], Resource]] | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        without: Iterable[str] = (),
        retries: int = OVERLOAD_RETRIES,
    ) -> dict[str, Any]:
        """Send one request and return the answer's JSON, but for the fields named in C(without), at any depth.

        C(retries) is how often it is sent again while the API server is overloaded.

        Raises:
            ApiError: the API server refused.
            NoClusterError: nothing answers at the server's address.
            KubernetesError: the connection failed in another way.
        """
        attempt = 0
        while True:
            response = self._send(method, path, query, body, content_type, accept, READ_TIMEOUT)
            try:
                content = response.data
            except urllib3.exceptions.HTTPError as error:
                raise self._connection_error(error) from error
            if response.status not in (429, 503, 504) or attempt == retries:
                break
            self.pause(backoff(attempt, _retry_after(response)))
            attempt += 1
        answer = _parse(content, without)
        if not 200 <= response.status < 300:
            raise ApiError(method, path, response.status, answer, _retry_after(response))
        return answer

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where it (or its namespace) does not exist."""
        try:
            return self.request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def text(self, path: str, *, query: Mapping[str, Any] | None = None) -> str:
        """What a GET answers as plain text, such as a pod's log. Sent once.

        Raises:
            ApiError: the API server refused.
            KubernetesError: the connection failed.
        """
        response = self._send("GET", path, query, None, "", "*/*", READ_TIMEOUT)
        try:
            content = response.data
        except urllib3.exceptions.HTTPError as error:
            raise self._connection_error(error) from error
        if response.status != 200:
            raise ApiError("GET", path, response.status, _parse(content), _retry_after(response))
        return bytes(content).decode(errors="replace")

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects, read in pages, and the resource version of the list, from which a watch can go on."""
        pages = [*self.pages(resource, namespace, label_selector=label_selector, field_selector=field_selector)]
        return [item for items, _version in pages for item in items], pages[-1][1]

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
        without: Iterable[str] = (),
    ) -> Iterator[tuple[Sequence[dict[str, Any]], str]]:
        """All objects, page by page, each with the resource version of the list.

        C(without) names fields that are left out while an answer is parsed, at any depth: thousands of objects with all
        their fields would not fit.

        Raises:
            ApiError: with status 410 the list took so long that its snapshot is gone; begin again.
        """
        query = {"limit": page_size, "labelSelector": label_selector, "fieldSelector": field_selector}
        while True:
            page = self.request("GET", resource.path(namespace), query=query, without=without)
            # The items of a list carry neither apiVersion nor kind.
            items = [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in page["items"]]
            yield items, page["metadata"]["resourceVersion"]
            following = page["metadata"].get("continue")
            if not following:
                return
            query["continue"] = following

    @contextlib.contextmanager
    def watch(
        self,
        resource: Resource,
        namespace: str,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        seconds: float,
        silence: float = WATCH_READ_TIMEOUT,
        without: Iterable[str] = (),
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """The changes after a list, as events (type, object), for at most C(seconds).

        C(silence) is how long nothing may come (seconds), not even a bookmark, before the connection counts as broken.
        C(without) is as for pages.

        Raises:
            ApiError: with status 410 the version is too old; list again.
            KubernetesError: the connection broke.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": max(1, int(seconds)),
        }
        path = resource.path(namespace)
        response = self._send("GET", path, query, None, "", "application/json", silence)
        with self._lock:
            self._watches.add(response)
        try:
            # The client may have been closed while nobody could see the new watch.
            self.pause(0)
            if response.status != 200:
                raise ApiError("GET", path, response.status, _parse(response.data), _retry_after(response))
            yield self._events(response, path, without)
        except urllib3.exceptions.HTTPError as error:
            raise self._connection_error(error) from error
        finally:
            with self._lock:
                self._watches.discard(response)
            response.close()

    def _events(self, response: Any, path: str, without: Iterable[str]) -> Iterator[dict[str, Any]]:
        rest = b""
        for piece in response.stream(amt=None):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                try:
                    event = json.loads(line, object_hook=_leaving_out(without))
                except ValueError as error:
                    where = f"the API server {self.server} ({self.connection.source})"
                    raise KubernetesError(f"{where} sent an event that is no JSON: {error}.") from error
                if event["type"] == "ERROR":
                    raise ApiError("GET", path, int(event["object"].get("code") or 500), event["object"])
                yield event

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            KubernetesError: the client was closed meanwhile.
        """
        if self._closed.wait(seconds):
            raise KubernetesError(f"the connection to {self.server} was closed.")

    def close(self) -> None:
        """End what other threads still wait for: watches, and pauses between attempts."""
        self._closed.set()
        with self._lock:
            watches = [*self._watches]
        for response in watches:
            # Only this wakes a thread that reads; urllib3 has it since 2.3. Older ones: the read ends by its timeout.
            shutdown = getattr(response, "shutdown", None)
            if shutdown is not None:
                with contextlib.suppress(ValueError, RuntimeError, OSError):
                    shutdown()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def apply(
        self, resource: Resource, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Server-side apply of one object under our field manager; unknown fields are refused.

        Raises:
            ApiError: with status 409 another manager owns a field that the manifest sets otherwise.
        """
        metadata = manifest["metadata"]
        return self.request(
            "PATCH",
            resource.path(metadata.get("namespace", ""), metadata["name"]),
            query={
                "fieldManager": FIELD_MANAGER,
                "fieldValidation": "Strict",
                "force": "true" if force else "",
                "dryRun": "All" if dry_run else "",
            },
            body=manifest,
            content_type="application/apply-patch+yaml",
        )

    def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Ask for the removal of exactly the object with this uid, its dependents first; gone already is fine."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        try:
            self.request("DELETE", resource.path(namespace, name), body=options)
        except ApiError as error:
            # 409: another object has taken the name since, and that one is not ours to remove.
            if error.status not in (404, 409):
                raise

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """How a kind is served, or None where the API server does not know it."""
        return self._served()[0].get((api_version, kind))

    def preferred_resource(self, group_kind: str) -> Resource | None:
        """The served version of C(Kind.group) that the API server prefers, or None."""
        kind, _dot, group = group_kind.partition(".")
        return self._served()[1].get((group, kind))

    def discover(self) -> None:
        """Read anew which kinds the API server serves: two requests for all of them (Kubernetes 1.30 or later)."""
        resources: dict[tuple[str, str], Resource] = {}
        preferred: dict[tuple[str, str], Resource] = {}
        for path in ("/api", "/apis"):
            answer = self.request("GET", path, accept=_DISCOVERY_FORMAT)
            if answer.get("kind") != "APIGroupDiscoveryList":
                raise KubernetesError(
                    f"the API server {self.server} does not offer aggregated discovery. Kubernetes 1.30 or later is "
                    "needed."
                )
            for resource in _discovered(answer):
                resources.setdefault((resource.api_version, resource.kind), resource)
                preferred.setdefault((resource.group, resource.kind), resource)
        self._discovery = (resources, preferred)

    def version(self) -> str:
        """The version of the API server, such as C(1.36.3)."""
        return self.request("GET", "/version")["gitVersion"].lstrip("v").partition("-")[0]

    def _served(self) -> tuple[dict[tuple[str, str], Resource], dict[tuple[str, str], Resource]]:
        if self._discovery is None:
            self.discover()
        return self._discovery or ({}, {})

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        content_type: str,
        accept: str,
        read_timeout: float,
    ) -> Any:
        given = {key: value for key, value in (query or {}).items() if value not in ("", None)}
        url = f"{self.server}{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Accept": accept, "User-Agent": FIELD_MANAGER}
        if body is not None:
            headers["Content-Type"] = content_type
        for attempt in (1, 2):
            authorization, connection, loads = self._credentials()
            try:
                response = connection.pool.request(
                    method,
                    url,
                    body=None if body is None else json.dumps(body).encode(),
                    headers={**headers, **authorization},
                    timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
                    retries=urllib3.Retry(
                        total=2, backoff_factor=0.2, status=0, redirect=0, respect_retry_after_header=False
                    ),
                    preload_content=False,
                )
            except urllib3.exceptions.HTTPError as error:
                raise self._connection_error(error) from error
            self._compare_clocks(response)
            if response.status != 401 or attempt == 2:
                break
            # A token may be revoked, or written anew, before the time that it says it ends.
            response.close()
            self._reload(loads)
        return response

    def _compare_clocks(self, response: Any) -> None:
        with contextlib.suppress(ValueError):
            self.clock_skew = parsedate_to_datetime(response.headers.get("Date", "")).timestamp() - time.time()

    def _reload(self, loads: int) -> None:
        """Open the connection again, unless another thread has done so since it was opened C(loads) times."""
        with self._lock:
            if self._loads != loads:
                return
            self.connection = self._load()
            self._loads += 1

    def credentials(self) -> tuple[Any, dict[str, str]]:
        """The kubernetes library's configuration and the header that says who we are, for a websocket.

        Raises:
            KubernetesError: no credentials can be had.
        """
        header, connection, _loads = self._credentials()
        return connection.configuration(), header

    def _credentials(self) -> tuple[dict[str, str], Connection, int]:
        """The header that says who we are, the connection, and the number of the load that both are of."""
        # One thread at a time: a token that has expired is renewed here.
        with self._lock:
            return self.connection.header(), self.connection, self._loads

    def _connection_error(self, error: Exception) -> KubernetesError:
        cause: BaseException = error
        while isinstance(cause, urllib3.exceptions.MaxRetryError) and cause.reason is not None:
            cause = cause.reason
        where = f"the API server {self.server} ({self.connection.source})"
        # A name that does not resolve and an address where nobody listens look the same to the user: no cluster there.
        if isinstance(cause, urllib3.exceptions.NewConnectionError):
            return NoClusterError(
                f"nothing answers at {where}: {_last_part(cause)}. Check that the cluster exists and runs.",
                expected=False,
            )
        if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
            return KubernetesError(
                f"{where} did not answer within {CONNECT_TIMEOUT:.0f} s. Check the network, and that the cluster "
                "lets this address in (public_access_cidrs). A private endpoint is reached from its VPC only."
            )
        if isinstance(cause, urllib3.exceptions.SSLError):
            return KubernetesError(
                f"no trusted connection to {where}: {_last_part(cause)}. The cluster may have been made anew: write "
                "the kubeconfig again."
            )
        return KubernetesError(f"the connection to {where} failed: {cause}.")


def _discovered(answer: Mapping[str, Any]) -> Iterator[Resource]:
    """The resources of one discovery answer, each group's preferred version first."""
    for group in answer["items"]:
        name = group["metadata"].get("name", "")
        for version in group.get("versions", ()):
            for entry in version.get("resources", ()):
                kind = entry.get("responseKind") or {}
                if kind.get("kind"):
                    yield Resource(
                        name, version["version"], kind["kind"], entry["resource"], entry["scope"] == "Namespaced"
                    )


def _parse(content: bytes, without: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON of an answer; a plain text, as proxies send it, becomes the message of a status."""
    try:
        answer = json.loads(content, object_hook=_leaving_out(without))
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    return {"message": content.decode(errors="replace")[:500]}


def _leaving_out(names: Iterable[str]) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """What json calls for each object that it has read, the innermost first."""
    unwanted = tuple(names)
    if not unwanted:
        return None

    def leave_out(read: dict[str, Any]) -> dict[str, Any]:
        for name in unwanted:
            read.pop(name, None)
        return read

    return leave_out


def _retry_after(response: Any) -> float | None:
    """Seconds to wait before the next attempt, where the API server asks for it."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else None


def backoff(attempt: int, asked: float | None = None) -> float:
    """Seconds before the next attempt: longer each time, at least what the server asked for, never in step with others.

    C(attempt) counts from 0.
    """
    usual = min(FIRST_PAUSE * 2.0 ** min(attempt, 16), LONGEST_PAUSE)
    spread = _RANDOM.uniform(0.5, 1.0)
    return usual * spread if asked is None else asked + FIRST_PAUSE * spread


def _last_part(error: BaseException) -> str:
    """The reason at the end of urllib3's nested messages."""
    return str(error).rsplit(": ", 1)[-1].strip(" ()'")


def label_selector(
    labels: Mapping[str, str] | None = None, *, one_of: Mapping[str, Iterable[str]] | None = None
) -> str:
    """A label selector: each label has the value, and each label of C(one_of) has one of the values."""
    parts = [f"{key}={value}" for key, value in (labels or {}).items()]
    parts += [f"{key} in ({','.join(values)})" for key, values in (one_of or {}).items()]
    return ",".join(parts)
