# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a wait for GPU nodes ends, to the moment."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Decision, Patience, Seen, decide

PATIENCE = Patience(timeout=60, stable_for=30)


def ready(*since: float, needed: int | None = None) -> Seen:
    return Seen(ready=True, needed=len(since) if needed is None else needed, ready_since=since)


@pytest.mark.parametrize(
    ("seen", "now", "decision"),
    [
        (ready(100), 129.9, Decision(None, 130)),
        (ready(100), 130, Decision("ready", 130)),
        (ready(100, 120), 149, Decision(None, 150)),
        (ready(100, 120, needed=1), 130, Decision("ready", 130)),
        (ready(), 100, Decision("ready", 100)),
        # Ready exactly when the time is over counts; a moment later would not.
        (ready(130), 160, Decision("ready", 160)),
        (ready(130.1), 160, Decision("timeout", 160)),
        (ready(130.1), 159, Decision(None, 160)),
        (Seen(ready=False, needed=1), 159.9, Decision(None, 160)),
        (Seen(ready=False, needed=1), 160, Decision("timeout", 160)),
        (Seen(ready=False, needed=1, impossible=True), 101, Decision("impossible", 101)),
        # What was ready for long enough may no longer be known to be so.
        (Seen(ready=False, needed=1, ready_since=(100,)), 140, Decision(None, 160)),
    ],
)
def test_the_end_of_a_wait(seen: Seen, now: float, decision: Decision) -> None:
    assert decide(PATIENCE, seen, 100, now) == decision


def test_no_time_at_all_is_one_look() -> None:
    assert decide(Patience(0), ready(100), 100, 100).end == "ready"
    assert decide(Patience(0), Seen(ready=False, needed=1), 100, 100).end == "timeout"
