# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""When a wait ends: a pure function of what was seen, and since when. All times are seconds of one monotonic clock."""

from __future__ import annotations

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

End = Literal["ready", "impossible", "timeout"]


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


def _since_when(seen: Seen) -> float:
    """Since when enough nodes have been ready, each of them all the time."""
    if seen.needed <= 0:
        return float("-inf")
    if seen.needed > len(seen.ready_since):
        return float("inf")
    return heapq.nsmallest(seen.needed, seen.ready_since)[-1]
