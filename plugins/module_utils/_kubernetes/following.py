# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Following a set of objects: one LIST in pages, then one WATCH that goes on from it, in a thread for each set.

All threads put what they see into one queue. A watch that ends or breaks goes on from the last version seen, so that no
change is lost; only where the API server no longer knows that version (410) are the objects listed again.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    PAGE_SIZE,
    WATCH_READ_TIMEOUT,
    Client,
    backoff,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import Resource

Object = Mapping[str, Any]

#: Seconds of one watch; the API server closes longer ones by itself, after 5 to 10 minutes.
LONGEST_WATCH = 280.0

#: Statuses of the 4xx that another attempt may not meet.
_PASSING = (408, 409, 410, 429)

#: Seconds that the end of the threads may take; one that waits for an answer ends with the process.
_JOIN_LIMIT = 1.0


@dataclass(frozen=True)
class Source:
    """A set of objects. C(accept) leaves out objects that no selector can leave out; C(without) leaves out fields.

    Where it is not C(watched), it is listed once.
    """

    name: str
    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    page_size: int = PAGE_SIZE
    without: tuple[str, ...] = ()
    watched: bool = True
    accept: Callable[[Object], bool] = lambda _object: True


@dataclass(frozen=True)
class Message:
    """What a thread tells of its source."""

    source: str


@dataclass(frozen=True)
class Listed(Message):
    """All objects of a source. C(again): not the first time, so that changes in between were not seen."""

    objects: list[Object]
    again: bool


@dataclass(frozen=True)
class Changed(Message):
    """One object came or changed, or C(deleted)."""

    object: Object
    deleted: bool


@dataclass(frozen=True)
class Broken(Message):
    """The source cannot be read just now; where C(refused), it never will be."""

    error: KubernetesError
    refused: bool


@dataclass(frozen=True)
class Resumed(Message):
    """A source that was broken is followed again, and nothing was missed."""


@dataclass
class Followers:
    """The sources that are followed, until L(close) ends the threads and closes the client."""

    client: Client
    #: Seconds without even a bookmark after which a connection counts as broken.
    silence: float = WATCH_READ_TIMEOUT
    messages: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)
    _threads: list[threading.Thread] = field(default_factory=list)

    def close(self) -> None:
        self.client.close()
        for thread in self._threads:
            thread.join(_JOIN_LIMIT)

    def follow(self, source: Source) -> None:
        """List and watch the source from now on."""
        follower = _Follower(self.client, source, self.messages, self.silence)
        thread = threading.Thread(target=follower.run, name=f"follow-{source.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def next(self, seconds: float) -> Message | None:
        """The next message, or None where none came for so many seconds."""
        try:
            return self.messages.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None


class _Follower:
    """The work of one thread."""

    def __init__(self, client: Client, source: Source, messages: queue.SimpleQueue[Message], silence: float) -> None:
        self._client = client
        self._source = source
        self._messages = messages
        self._silence = silence
        self._version = ""
        self._broken = self._listed = False
        #: Attempts in a row that brought nothing.
        self._failures = 0

    def run(self) -> None:
        """List, then watch, until the client is closed or the API server refuses."""
        with contextlib.suppress(_EndedError):
            while not self._client.closed:
                try:
                    if not self._version:
                        self._list()
                    if not self._source.watched:
                        return
                    self._watch()
                except KubernetesError as error:
                    self._after(error)

    def _list(self) -> None:
        source = self._source
        objects: list[Object] = []
        version = ""
        for page, page_version in self._client.pages(
            source.resource,
            source.namespace,
            label_selector=source.label_selector,
            field_selector=source.field_selector,
            page_size=source.page_size,
            without=source.without,
        ):
            objects += filter(source.accept, page)
            version = page_version
        self._messages.put(Listed(source.name, objects, self._listed))
        self._version, self._broken, self._listed = version, False, True

    def _watch(self) -> None:
        source = self._source
        with self._client.watch(
            source.resource,
            source.namespace,
            self._version,
            label_selector=source.label_selector,
            field_selector=source.field_selector,
            seconds=LONGEST_WATCH,
            silence=self._silence,
            without=source.without,
        ) as events:
            if self._broken:
                self._messages.put(Resumed(source.name))
                self._broken = False
            heard = False
            for event in events:
                heard = True
                self._failures = 0
                self._take(event)
        if not heard:
            self._pause(None)

    def _take(self, event: Mapping[str, Any]) -> None:
        seen = event["object"]
        self._version = seen["metadata"]["resourceVersion"]
        if event["type"] != "BOOKMARK" and self._source.accept(seen):
            self._messages.put(Changed(self._source.name, seen, deleted=event["type"] == "DELETED"))

    def _after(self, error: KubernetesError) -> None:
        """Make ready for the next attempt, and wait until it is due."""
        if self._client.closed:
            raise _EndedError
        status = error.status if isinstance(error, ApiError) else None
        if status == 410:
            self._version = ""
            # It happens to any watch that was away for some minutes: list again at once, but not in a circle.
            if not self._failures:
                self._failures = 1
                return
        refused = status is not None and 400 <= status < 500 and status not in _PASSING
        self._broken = True
        self._messages.put(Broken(self._source.name, error, refused))
        if refused:
            raise _EndedError
        self._pause(error.retry_after if isinstance(error, ApiError) else None)

    def _pause(self, asked: float | None) -> None:
        try:
            self._client.pause(backoff(self._failures, asked))
        except KubernetesError as error:
            raise _EndedError from error
        self._failures += 1


class _EndedError(Exception):
    """There is nothing more to follow."""
