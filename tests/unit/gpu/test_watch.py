# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following GPU nodes, with a scripted API."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.watch import Watcher
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import ApiError, KubernetesError

from tests.support.gpu import Object, node

GOOD, BAD = node("good"), node("bad", unschedulable=True)


class Clock:
    """A clock that only moves when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Script:
    """An API whose lists and watches are written down: each watch is a list of (seconds later, event or error)."""

    def __init__(self, clock: Clock, nodes: list[Object], *watches: list[tuple[float, Any]]) -> None:
        self.clock = clock
        self.nodes = nodes
        self.watches = list(watches)
        self.lists = 0

    def list(self, resource: Any, **_selectors: str) -> tuple[list[Object], str]:
        if resource.kind != "Node":
            return [], "1"
        self.lists += 1
        return copy.deepcopy(self.nodes), "1"

    def watch(self, *_arguments: Any, seconds: float, **_options: Any) -> Iterator[Object]:
        end = self.clock.now + seconds
        script = self.watches[0] if self.watches else []
        while script:
            later, event = script[0]
            if self.clock.now + later > end:
                script[0] = (later - (end - self.clock.now), event)
                break
            self.clock.now += later
            script.pop(0)
            if not script:
                self.watches.pop(0)
            if isinstance(event, Exception):
                raise event
            yield event
        self.clock.now = max(self.clock.now, end)


def event(kind: str, one: Object) -> Object:
    return {"type": kind, "object": one}


def follow(script: Script, *, timeout: float = 60, stable_for: float = 0, count: int | None = None) -> Any:
    watcher = Watcher(script, "pool=gpu", Config(), count, clock=script.clock)  # type: ignore[arg-type]
    return watcher.wait(timeout, stable_for)


def test_ready_at_once() -> None:
    watched = follow(Script(Clock(), [node()]))
    assert watched.settled
    assert watched.seconds == 0


def test_a_node_that_becomes_ready() -> None:
    broken = node(capacity=1, allocatable=0)
    watched = follow(Script(Clock(), [broken], [(5, event("MODIFIED", broken)), (5, event("MODIFIED", node()))]))
    assert watched.settled
    assert watched.seconds == 10
    assert (watched.lists, watched.events) == (1, 2)


def test_ready_for_a_moment_is_not_enough() -> None:
    flap: list[tuple[float, Any]] = [(4, event("MODIFIED", node(ready="False"))), (1, event("MODIFIED", node()))]
    watched = follow(Script(Clock(), [node()], flap), stable_for=10)
    assert watched.settled
    assert watched.seconds == 15


def test_time_runs_out_while_it_flaps() -> None:
    flaps: list[tuple[float, Any]] = [
        (4, event("MODIFIED", node(ready=["False", "True"][number % 2]))) for number in range(20)
    ]
    watched = follow(Script(Clock(), [node()], flaps), stable_for=10, timeout=30)
    assert not watched.settled
    assert watched.seconds >= 30


def test_a_deleted_node_leaves_the_set() -> None:
    script = Script(Clock(), [GOOD, BAD], [(3, event("DELETED", BAD))])
    watched = follow(script)
    assert watched.settled
    assert [one.name for one in watched.verdict.nodes] == ["good"]


def test_a_version_that_is_too_old_means_a_new_list() -> None:
    script = Script(Clock(), [BAD], [(3, ApiError("GET", "/", 410, {"reason": "Expired"}))])
    original = script.list

    def later(*arguments: Any, **options: Any) -> Any:
        if script.lists:
            script.nodes = [node("bad")]
        return original(*arguments, **options)

    script.list = later  # type: ignore[method-assign]
    watched = follow(script)
    assert watched.settled
    assert watched.lists == 2


def test_a_bookmark_is_no_news() -> None:
    script = Script(Clock(), [BAD], [(3, event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))])
    watched = follow(script, timeout=10)
    assert not watched.settled
    assert (watched.lists, watched.events) == (1, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_the_wait(status: int) -> None:
    script = Script(Clock(), [BAD], [(1, ApiError("GET", "/", status, {}))])
    with pytest.raises(KubernetesError):
        follow(script)


def test_no_nodes_is_not_ready() -> None:
    watched = follow(Script(Clock(), []), timeout=5)
    assert not watched.settled
    assert [reason.code for reason in watched.verdict.reasons] == ["NO_NODES"]
    assert follow(Script(Clock(), []), count=0).settled
