# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine: order, parallelism, failure midway, and what is refused before anything is applied."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    ApplyError,
    Change,
    apply,
    create,
    delete,
    diff,
    result,
    summary,
    update,
)
from hypothesis import given, settings
from hypothesis import strategies as st

#: The longest that a test waits for another thread (seconds); a deadlock fails instead of hanging.
LIMIT = 5.0


def thing(name: str, *needs: str) -> Change:
    return create("thing", name, {"size": 1}, needs=[f"thing/{need}" for need in needs])


def handlers(handler: Callable[[Change], None]) -> dict[tuple[str, str], Callable[[Change], None]]:
    return {("thing", action): handler for action in ("create", "update", "replace", "delete")}


class Journal:
    """A handler that notes what it was called with, and fails for the names that it is told."""

    def __init__(self, *failing: str) -> None:
        self.labels: list[str] = []
        self._failing = failing
        self._lock = threading.Lock()

    def __call__(self, change: Change) -> None:
        if change.name in self._failing:
            raise RuntimeError(f"no {change.name} today")
        with self._lock:
            self.labels.append(change.label)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        (
            [
                thing("c", "a", "b"),
                thing("b", "a"),
                *update("thing", "a", {"size": 1}, {"size": 2}, part="size"),
                *update("thing", "a", {"tags": {}}, {"tags": {"x": "y"}}, part="tags"),
            ],
            ["thing/a (size)", "thing/a (tags)", "thing/b", "thing/c"],
        ),
        (
            [delete("thing", "a", {}, part="old"), create("thing", "a", {}, part="new"), thing("b", "a")],
            ["thing/a (old)", "thing/a (new)", "thing/b"],
        ),
        ([thing("a", "made long ago")], ["thing/a"]),
        ([thing("a", "a")], ["thing/a"]),
        ([], []),
    ],
    ids=["after every change of its needs", "in the plan's order", "a need that is there", "its own need", "nothing"],
)
def test_changes_are_applied_in_an_order_that_their_needs_allow(changes: list[Change], labels: list[str]) -> None:
    journal = Journal()
    apply(changes, handlers(journal))
    assert journal.labels == labels


def test_independent_changes_are_applied_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=LIMIT)
    apply([thing("a"), thing("b"), thing("c")], handlers(lambda _change: void(together.wait())), parallelism=3)
    assert not together.broken


def test_no_more_changes_than_asked_for_are_applied_at_the_same_time() -> None:
    most, running = 0, 0
    lock = threading.Lock()
    turn = threading.Event()

    def handler(_change: Change) -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
            if running == 2:
                turn.set()
        assert turn.wait(LIMIT)
        with lock:
            running -= 1

    apply([thing(str(number)) for number in range(9)], handlers(handler), parallelism=2)
    assert most == 2


def test_after_a_failure_nothing_more_is_begun_and_what_was_done_is_told() -> None:
    journal = Journal("b")
    with pytest.raises(ApplyError, match=r"^create thing/b: no b today$") as failed:
        apply([thing("a"), thing("b", "a"), thing("c", "b"), thing("d", "c")], handlers(journal), parallelism=1)
    assert journal.labels == ["thing/a"]
    assert [change.name for change, _cause in failed.value.failures] == ["b"]
    assert [change.name for change in failed.value.done] == ["a"]
    assert [change.name for change in failed.value.left] == ["c", "d"]


def test_what_is_under_way_when_a_change_fails_is_waited_for_and_told() -> None:
    begun, over = threading.Event(), threading.Event()
    journal = Journal()

    def handler(change: Change) -> None:
        if change.name == "fails":
            assert begun.wait(LIMIT)
            over.set()
            raise RuntimeError("first")
        begun.set()
        assert over.wait(LIMIT)
        if change.name == "fails too":
            raise RuntimeError("second")
        journal(change)

    changes = [thing("slow"), thing("fails too"), thing("fails"), thing("later", "slow")]
    with pytest.raises(ApplyError) as failed:
        apply(changes, handlers(handler), parallelism=3)
    assert sorted(change.name for change, _cause in failed.value.failures) == ["fails", "fails too"]
    assert journal.labels == ["thing/slow"]
    assert [change.name for change in failed.value.done] == ["slow"]
    assert [change.name for change in failed.value.left] == ["later"]


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        (
            [create("other", "x", {}), delete("other", "y", {})],
            LookupError,
            "no handler for: create other, delete other",
        ),
        ([thing("b", "a", "c"), thing("c", "b")], ValueError, "in a circle: thing/b, thing/c$"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_anything_is(
    changes: list[Change], error: type[Exception], told: str
) -> None:
    journal = Journal()
    with pytest.raises(error, match=told):
        apply([thing("a"), *changes], handlers(journal))
    assert journal.labels == []


def void(_value: object) -> None:
    """A handler returns nothing."""


@st.composite
def _plans(draw: st.DrawFn) -> list[Change]:
    """Plans in any order whose needs go from later names to earlier ones, so that they have no circle."""
    size = draw(st.integers(1, 14))
    changes = [
        thing(f"{number:02}", *(f"{need:02}" for need in draw(st.sets(st.integers(0, number - 1), max_size=3))))
        if number
        else thing("00")
        for number in range(size)
    ]
    random.Random(draw(st.integers())).shuffle(changes)
    return changes


@given(_plans(), st.integers(1, 8))
@settings(max_examples=60)
def test_every_change_is_applied_once_and_after_its_needs(changes: list[Change], parallelism: int) -> None:
    journal = Journal()
    apply(changes, handlers(journal), parallelism=parallelism)
    assert sorted(journal.labels) == sorted(change.label for change in changes)
    position = {label: index for index, label in enumerate(journal.labels)}
    assert all(position[need] < position[change.label] for change in changes for need in change.needs)


@given(_plans(), st.data())
@settings(max_examples=60)
def test_after_a_failure_every_change_is_either_done_or_told_as_not_done(
    changes: list[Change], data: st.DataObject
) -> None:
    failing = data.draw(st.sampled_from(changes)).name
    with pytest.raises(ApplyError) as failed:
        apply(changes, handlers(Journal(failing)), parallelism=3)
    told = [
        *failed.value.done,
        *(change for change, _cause in failed.value.failures),
        *failed.value.left,
    ]
    assert sorted(change.name for change in told) == sorted(change.name for change in changes)


def test_an_update_holds_only_the_fields_that_differ() -> None:
    [change] = update("thing", "a", {"size": 1, "kept": True, "other": 3}, {"size": 2, "kept": True, "new": None})
    assert (change.before, change.after) == ({"size": 1}, {"size": 2})
    assert update("thing", "a", {"size": 1, "other": 3}, {"size": 1}) == []


def test_the_result_is_made_from_the_changes() -> None:
    changes = [
        thing("a"),
        *update("thing", "b", {"size": 1}, {"size": 2}, part="size"),
        delete("thing", "c", {"size": 3}),
    ]
    assert summary(changes) == [
        {"action": "create", "kind": "thing", "name": "a"},
        {"action": "update", "kind": "thing", "name": "b", "part": "size"},
        {"action": "delete", "kind": "thing", "name": "c"},
    ]
    assert diff(changes) == {
        "before": {"thing/b (size)": {"size": 1}, "thing/c": {"size": 3}},
        "after": {"thing/a": {"size": 1}, "thing/b (size)": {"size": 2}},
    }
    assert result(changes)["changed"] is True
    assert result([]) == {"changed": False, "changes": [], "diff": {"before": {}, "after": {}}}
