# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The condition that a Node gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.node_condition import condition

PASSED = {"ready": True, "reasons": [], "smoke": {"phase": "passed"}}
SOUND = {**PASSED, "smoke": None}
BROKEN = {
    "ready": False,
    "reasons": [{"code": "PLUGIN_POD_MISSING", "message": "no pod"}, {"code": "CORDONED", "message": "cordoned"}],
}


def written(report: dict[str, Any], before: tuple[str, str, str] | None = None) -> tuple[str, str, str]:
    """Status, reason and time of the last change of the condition that follows on another one."""
    keys = ("status", "reason", "lastTransitionTime")
    made = condition("example.com/GPUReady", report, dict(zip(keys, before, strict=True)) if before else None, "now")
    assert made["lastHeartbeatTime"] == "now"
    return made["status"], made["reason"], made["lastTransitionTime"]


@pytest.mark.parametrize(
    ("report", "before", "after"),
    [
        (PASSED, None, ("True", "GPUsProved", "now")),
        (SOUND, None, ("True", "GPUsReady", "now")),
        ({**SOUND, "smoke": {"phase": "busy"}}, None, ("True", "GPUsReady", "now")),
        (PASSED, ("True", "GPUsReady", "then"), ("True", "GPUsProved", "then")),
        (SOUND, ("True", "GPUsProved", "then"), ("True", "GPUsProved", "then")),
        (SOUND, ("False", "SMOKE_FAILED", "then"), ("True", "GPUsReady", "now")),
        (BROKEN, ("True", "GPUsProved", "then"), ("False", "PLUGIN_POD_MISSING", "now")),
        (BROKEN, ("False", "CORDONED", "then"), ("False", "PLUGIN_POD_MISSING", "then")),
    ],
    ids=[
        "a smoke pod proves",
        "nothing proves",
        "a busy node is not proved",
        "proved later",
        "proved once, and ready since",
        "what failed in between is no longer proved",
        "the first reason is the condition's",
        "the time stays while the status does",
    ],
)
def test_what_a_condition_says(
    report: dict[str, Any], before: tuple[str, str, str] | None, after: tuple[str, str, str]
) -> None:
    assert written(report, before) == after


def test_a_condition_tells_every_reason() -> None:
    assert condition("example.com/GPUReady", BROKEN, None, "now")["message"] == "no pod; cordoned"
