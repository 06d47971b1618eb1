# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The whole set: whether enough nodes are ready, whether waiting can still help, when it ends, and in words why not."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._gpu.counts import Counts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import CODES, ORDER, Reason, reason

#: Why a wait ended in vain: time ran out; waiting cannot help; no node is there; the caller may not read what it needs;
#: the API cannot be reached.
FailureKind = Literal["timeout", "impossible", "no_nodes", "forbidden", "api_unreachable"]

#: How a wait ends.
End = Literal["ready", "impossible", "timeout"]

#: How many reasons a message tells in full: more would bury the first.
_TOLD_IN_FULL = 2


@dataclass(frozen=True)
class Percent:
    """A part of the nodes, above 0 and at most 100."""

    value: float

    def of(self, count: int) -> int:
        """This part of so many nodes, rounded up: 95 % of 16 are 16."""
        # As it was written, so that 28.6 % of 1000 are 286 and not, by the error of a float, 287.
        return math.ceil(Fraction(str(self.value)) * count / 100)


@dataclass(frozen=True)
class Goal:
    """How many nodes have to be ready.

    C(expected_count) is how many nodes the whole set has; None: those that are there. C(min_ready) is how many of them
    are enough; None: all. C(names) are nodes that have to be there. C(fail_fast) is for each code the seconds after
    which a node that has this reason is given up; the same mapping belongs into C(Counts).
    """

    expected_count: int | None
    min_ready: int | Percent | None
    allow_empty: bool
    names: frozenset[str]
    fail_fast: Mapping[str, float]

    def needed(self, total: int) -> int:
        """How many nodes have to be ready where C(total) are there."""
        whole = self.expected_count
        if whole is None:
            whole = max(total, len(self.names))
            if not whole and not self.allow_empty and self.min_ready != 0:
                return 1
        if self.min_ready is None:
            return whole
        # A share is of those that are there where more are there than expected.
        return self.min_ready.of(max(whole, total)) if isinstance(self.min_ready, Percent) else self.min_ready


@dataclass(frozen=True)
class Verdict:
    """The set at one moment. C(reasons) are those of the set itself; those of the nodes are in C(Counts).

    C(needed) is how many nodes have to be ready, C(of) how many the set has, or is meant to have. C(impossible) are
    the codes that waiting cannot mend, empty while enough nodes can still become ready.
    """

    ready_count: int
    total: int
    needed: int
    of: int
    reasons: tuple[Reason, ...] = ()
    impossible: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return self.ready_count >= self.needed


def judge(counts: Counts, goal: Goal, at: float) -> Verdict:
    """The verdict on the set as it is, C(at) a time on the clock of C(Counts.put).

    It costs the same however many nodes there are, but for C(goal.names) and those with reasons that last.
    """
    needed = goal.needed(counts.total)
    reasons = []
    if needed and not counts.total:
        reasons.append(reason("NO_NODES", "no node is there"))
    elif counts.total < needed:
        reasons.append(reason("TOO_FEW_NODES", f"{counts.total} of {needed} nodes are there"))
    missing = sorted(name for name in goal.names if not counts.has(name))
    if missing:
        reasons.append(reason("NODE_MISSING", f"not found: {', '.join(missing)}"))
    of = max(counts.total, goal.expected_count or 0, len(goal.names))
    # Nodes that are expected and not there yet may still become ready.
    spare = max(of, needed) - needed
    hopeless = counts.hopeless(at)
    in_vain = len(set().union(*hopeless.values())) > spare
    return Verdict(
        ready_count=counts.ready,
        total=counts.total,
        needed=needed,
        of=of,
        reasons=tuple(reasons),
        impossible=tuple(_by_weight({code: len(nodes) for code, nodes in hopeless.items()})) if in_vain else (),
    )


def headline(verdict: Verdict, counts: Counts) -> str:
    """One line for a screen: C(12/16 ready; 3 COUNT_BELOW_TYPE (ip-10-0-1-7), 1 CORDONED (ip-10-0-1-9)).

    Where fewer nodes than all are enough it says how many: C(12/16 ready, 14 needed; …).
    """
    enough = "" if verdict.needed in (verdict.of, 0) else f", {verdict.needed} needed"
    by_code = counts.by_code()
    told = [f"{one.code} ({one.message})" for one in verdict.reasons]
    told += [f"{by_code[code]} {code} ({counts.example(code)[0]})" for code in _by_weight(by_code)]
    return f"{verdict.ready_count}/{verdict.of} ready{enough}" + ("; " + ", ".join(told) if told else "")


def describe(verdict: Verdict, counts: Counts) -> str:
    """The message of a failure: the headline, then what the first reasons are and what to do about them.

    What ended the wait comes first.
    """
    told = [f"{one.code}: {one.message}. {one.hint}" for one in verdict.reasons]
    ended: list[str] = []
    for code in _by_weight(counts.by_code()):
        name, example = counts.example(code)
        line = f"{code} ({name}): {example.message}. {example.hint}"
        (ended if code in verdict.impossible else told).append(line)
    return ". ".join([headline(verdict, counts), *(one.rstrip(".") for one in [*ended, *told][:_TOLD_IN_FULL])]) + "."


def summary(verdict: Verdict, counts: Counts) -> dict[str, dict[str, Any]]:
    """For each reason how many nodes have it, a message, a hint and a node as an example; those of the set first."""
    found: dict[str, dict[str, Any]] = {
        one.code: {"nodes": 0, "message": one.message, "hint": one.hint, "example": ""} for one in verdict.reasons
    }
    by_code = counts.by_code()
    for code in _by_weight(by_code):
        name, example = counts.example(code)
        found[code] = {"nodes": by_code[code], "message": example.message, "hint": example.hint, "example": name}
    return found


def warnings(counts: Counts) -> list[str]:
    """What the user should know although it is no reason to wait."""
    return [
        f"how many GPUs the instance type {name or '(no label)'} has is not known: any number above 0 is taken. "
        "Set expected_gpus to a number."
        for name in counts.unknown_types()
    ]


def failure_kind(verdict: Verdict) -> FailureKind:
    """Why a wait ended in vain where the API could be used. The two other kinds are the connection's."""
    if verdict.impossible:
        return "impossible"
    return "timeout" if verdict.total else "no_nodes"


@dataclass(frozen=True)
class Patience:
    """How long to wait (C(timeout)), and how long a node has to stay ready before it counts (C(stable_for))."""

    timeout: float
    stable_for: float = 0.0


@dataclass(frozen=True)
class Seen:
    """Where the nodes stand.

    C(ready) is whether enough nodes are ready now, and it is known that they still are; C(needed) how many that is, and
    C(ready_since) since when each node that is ready has been so. C(impossible) is whether waiting is in vain.
    """

    ready: bool
    needed: int
    ready_since: Collection[float] = ()
    impossible: bool = False


@dataclass(frozen=True)
class Decision:
    """How the wait ends, or, while C(end) is None, by when to decide again if nothing changes before."""

    end: End | None
    wake: float


def decide(patience: Patience, seen: Seen, start: float, now: float) -> Decision:
    """Whether to go on waiting. What is reached exactly at the end of the timeout is reached.

    Each node has to have been ready for long enough, so that nodes that take turns at failing are not stable together.
    All times are seconds of one monotonic clock.
    """
    deadline = start + patience.timeout
    stable_at = _since_when(seen) + patience.stable_for if seen.ready else float("inf")
    if stable_at <= now:
        return Decision("ready", now)
    if seen.impossible:
        return Decision("impossible", now)
    if now >= deadline:
        return Decision("timeout", now)
    return Decision(None, min(deadline, stable_at))


def _by_weight(by_code: Mapping[str, int]) -> list[str]:
    """The codes that most nodes have first, then from the ground up."""
    return sorted(by_code, key=lambda code: (-by_code[code], ORDER[CODES[code].layer], code))


def _since_when(seen: Seen) -> float:
    """Since when enough nodes have been ready, each of them all the time."""
    if seen.needed <= 0:
        return float("-inf")
    if seen.needed > len(seen.ready_since):
        return float("inf")
    return heapq.nsmallest(seen.needed, seen.ready_since)[-1]
