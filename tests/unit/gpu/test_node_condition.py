# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The condition that a Node gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu import node_condition

READY: dict[str, Any] = {
    "name": "n1",
    "pool": "ai",
    "instance_type": "g5.12xlarge",
    "zone": "eu-central-1a",
    "ready": True,
    "expected": 4,
    "capacity": 4,
    "allocatable": 4,
    "reasons": [],
    "smoke": {"phase": "passed", "duration": 12.5},
}
BROKEN: dict[str, Any] = {
    "name": "n2",
    "pool": 'a"\\\nb',
    "ready": False,
    "expected": None,
    "capacity": None,
    "allocatable": None,
    "reasons": [{"code": "PLUGIN_POD_MISSING", "message": "no pod"}, {"code": "CORDONED", "message": "cordoned"}],
}


@pytest.mark.parametrize("name", ["Ready", "MemoryPressure", "", "with space", "x" * 317])
def test_a_condition_of_the_kubelet_or_none_at_all_is_refused(name: str) -> None:
    assert node_condition.problem(name)


def test_a_condition_says_what_the_report_says() -> None:
    assert node_condition.problem("example.com/GPUReady") == ""
    ready = node_condition.condition("example.com/GPUReady", READY, None, "T2")
    assert (ready["status"], ready["reason"], ready["lastTransitionTime"]) == ("True", "GPUsProved", "T2")
    broken = node_condition.condition("example.com/GPUReady", BROKEN, ready, "T3")
    assert (broken["status"], broken["reason"], broken["message"]) == (
        "False",
        "PLUGIN_POD_MISSING",
        "no pod; cordoned",
    )
    assert broken["lastTransitionTime"] == "T3"


@pytest.mark.parametrize("smoke", [None, {"phase": "busy", "duration": 1.0}, {"phase": "skipped_check_mode"}])
def test_a_node_counts_as_proved_only_by_a_smoke_pod_and_until_it_fails(smoke: Any) -> None:
    unproved = {**READY, "smoke": smoke}
    ready = node_condition.condition("x", unproved, None, "T1")
    assert (ready["status"], ready["reason"]) == ("True", "GPUsReady")
    proved = node_condition.condition("x", READY, ready, "T2")
    assert (proved["reason"], proved["lastTransitionTime"]) == ("GPUsProved", "T1")
    assert node_condition.condition("x", unproved, proved, "T3")["reason"] == "GPUsProved"
    broken = node_condition.condition("x", BROKEN, proved, "T4")
    assert node_condition.condition("x", unproved, broken, "T5")["reason"] == "GPUsReady"


def test_the_time_of_the_last_change_stays_while_nothing_changes() -> None:
    before = {"status": "True", "lastTransitionTime": "T1"}
    after = node_condition.condition("example.com/GPUReady", READY, before, "T2")
    assert (after["lastTransitionTime"], after["lastHeartbeatTime"]) == ("T1", "T2")
