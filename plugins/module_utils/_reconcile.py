# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The reconcile engine: changes, their order, their application and their diff.

A domain observes the world, its pure planner turns (desired, observed) into a list of L(Change), and this file does the
rest: it orders the changes, applies independent ones in parallel, and makes the module's result from the same list in
check mode and in a real run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["create", "update", "replace", "delete"]

#: What a value is called that is given out only when the resource is made.
KNOWN_AFTER_APPLY = "(known after apply)"

#: Changes applied at the same time. AWS throttles EC2 writes by account and region in token buckets of about 5 a second
#: for the slowest calls, so more threads than this only retry more.
PARALLELISM = 8


@dataclass(frozen=True)
class Change:
    """One change of one resource.

    Changes of the same resource (kind and name) are applied in the order of the plan. C(needs) names other resources as
    C(kind/name): every change of those that the plan holds is applied first; a resource without a change in the plan
    is there already and needs no wait. C(before) and C(after) hold what the diff shows; an update holds only the fields
    that differ, see L(update).
    """

    action: Action
    kind: str
    name: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    needs: tuple[str, ...] = ()
    #: What of the resource changes, where one resource has several changes: "version 1.35", "tags".
    part: str = ""

    @property
    def resource(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def label(self) -> str:
        return f"{self.resource} ({self.part})" if self.part else self.resource


def create(kind: str, name: str, after: Mapping[str, Any], *, needs: Iterable[str] = (), part: str = "") -> Change:
    """A change that makes a resource which does not exist."""
    return Change("create", kind, name, None, after, tuple(needs), part)


def delete(kind: str, name: str, before: Mapping[str, Any], *, needs: Iterable[str] = (), part: str = "") -> Change:
    """A change that removes a resource which exists."""
    return Change("delete", kind, name, before, None, tuple(needs), part)


def update(
    kind: str,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    needs: Iterable[str] = (),
    part: str = "",
) -> list[Change]:
    """The change that turns C(before) into C(after), cut down to the fields that differ; no change where none does.

    Only the fields of C(after) are compared: what the desired state does not mention is not managed.
    """
    differing = [field for field in after if before.get(field) != after[field]]
    if not differing:
        return []
    old = {field: before.get(field) for field in differing}
    new = {field: after[field] for field in differing}
    return [Change("update", kind, name, old, new, tuple(needs), part)]


@dataclass(frozen=True)
class Plan:
    """What a planner says. A domain that has to remember more for the apply extends it."""

    changes: Sequence[Change]
    #: What is ours, is not desired, and stays because nobody asked for its removal; None where there is no such thing.
    unlisted: Sequence[str] | None = None
    warnings: Sequence[str] = ()


class PlanError(Exception):
    """The desired state cannot be planned: a user's mistake, or a change that would be unsafe. Lists every problem."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class HandlerError(Exception):
    """A handler says in its own words, for the user, why it could not make its change."""


class ApplyError(Exception):
    """Changes failed: C(failures) has each with its cause, in the order in which they failed.

    C(done) was applied; C(left) was never begun.
    """

    def __init__(
        self, failures: Sequence[tuple[Change, BaseException]], done: Sequence[Change], left: Sequence[Change]
    ) -> None:
        super().__init__(" ".join(f"{change.action} {change.label}: {cause}" for change, cause in failures))
        self.failures = tuple(failures)
        self.done = tuple(done)
        self.left = tuple(left)


Handler = Callable[[Change], None]


def apply(
    changes: Sequence[Change],
    handlers: Mapping[tuple[str, str], Handler],
    *,
    parallelism: int = PARALLELISM,
) -> None:
    """Apply a plan: each change by the handler of its (kind, action), independent changes at the same time.

    After the first failure no further change starts; those under way are waited for.

    Raises:
        LookupError: a change has no handler. Nothing has been applied.
        ValueError: the changes need each other in a circle. Nothing has been applied.
        ApplyError: a handler failed.
    """
    without = sorted({f"{c.action} {c.kind}" for c in changes if (c.kind, c.action) not in handlers})
    if without:
        raise LookupError(f"no handler for: {', '.join(without)}")
    waits = _waits(changes)
    _reject_circles(changes, waits)

    done: set[int] = set()
    pending = set(range(len(changes)))
    running: dict[Future[None], int] = {}
    failures: list[tuple[Change, BaseException]] = []
    with ThreadPoolExecutor(max_workers=max(1, parallelism)) as pool:
        while (pending and not failures) or running:
            if not failures:
                for index in sorted(i for i in pending if waits[i] <= done):
                    change = changes[index]
                    running[pool.submit(handlers[change.kind, change.action], change)] = index
                    pending.discard(index)
            completed, _unfinished = wait(running, return_when=FIRST_COMPLETED)
            for future in completed:
                index = running.pop(future)
                error = future.exception()
                if error is None:
                    done.add(index)
                else:
                    failures.append((changes[index], error))
    if failures:
        raise ApplyError(failures, [changes[i] for i in sorted(done)], [changes[i] for i in sorted(pending)])


def _waits(changes: Sequence[Change]) -> list[set[int]]:
    """For each change, the positions of the changes that come first."""
    positions: dict[str, list[int]] = {}
    for index, change in enumerate(changes):
        positions.setdefault(change.resource, []).append(index)
    waits = []
    for index, change in enumerate(changes):
        first = {i for need in change.needs if need != change.resource for i in positions.get(need, ())}
        first.update(i for i in positions[change.resource] if i < index)
        waits.append(first)
    return waits


def _reject_circles(changes: Sequence[Change], waits: Sequence[set[int]]) -> None:
    left = set(range(len(changes)))
    while left:
        free = {i for i in left if not waits[i] & left}
        if not free:
            raise ValueError(
                f"changes need each other in a circle: {', '.join(changes[i].label for i in sorted(left))}"
            )
        left -= free


def summary(changes: Iterable[Change]) -> list[dict[str, str]]:
    """The changes as a module returns them: action, kind, name, and part where a resource has several."""
    return [
        {"action": c.action, "kind": c.kind, "name": c.name, **({"part": c.part} if c.part else {})} for c in changes
    ]


def diff(changes: Iterable[Change]) -> dict[str, Any]:
    """The changes as Ansible's diff mode shows them: what each resource was, and what it becomes."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in changes:
        if change.before is not None:
            before[change.label] = dict(change.before)
        if change.after is not None:
            after[change.label] = dict(change.after)
    return {"before": before, "after": after}


def result(changes: Sequence[Change]) -> dict[str, Any]:
    """The part of a module's result that every reconciling module shares."""
    return {"changed": bool(changes), "changes": summary(changes), "diff": diff(changes)}
