# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of gpu_node_ready as a whole: which nodes, and every problem in one message."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import OptionsError
from ansible_collections.entasis.engine.plugins.module_utils._gpu.settings import parse
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import Selection
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint

GIVEN: dict[str, Any] = {
    "label_selector": "pool=gpu",
    "node_pool": None,
    "nodes": None,
    "gpu_resource": "nvidia.com/gpu",
    "lease_max_age": 50,
    "state": "ready",
    "timeout": 900,
    "stable_for": 30,
    "progress_interval": 5,
    "max_report_nodes": 200,
    "smoke": None,
    "release_taint": None,
    "condition": None,
}


@pytest.mark.parametrize(
    ("given", "selection"),
    [
        ({}, Selection("pool=gpu")),
        (
            {"label_selector": None, "node_pool": {"type": "nodegroup", "name": "ai"}},
            Selection("eks.amazonaws.com/nodegroup=ai"),
        ),
        (
            {"label_selector": None, "node_pool": {"type": "karpenter", "name": "ai"}},
            Selection("karpenter.sh/nodepool=ai"),
        ),
        ({"label_selector": None, "nodes": ["n1", "n2"]}, Selection(names=frozenset({"n1", "n2"}))),
    ],
)
def test_which_nodes(given: dict[str, Any], selection: Selection) -> None:
    assert parse({**GIVEN, **given}).selection == selection


def test_the_taint_to_lift_is_no_reason_against_a_node() -> None:
    settings = parse({**GIVEN, "release_taint": {"key": "gpu/starting", "value": None, "effect": "NoSchedule"}})
    assert settings.release_taint == Taint("gpu/starting", "", "NoSchedule")
    assert any(
        pattern.matches({"key": "gpu/starting", "effect": "NoSchedule"}) for pattern in settings.config.ignore_taints
    )


def test_all_problems_come_at_once() -> None:
    wrong = {
        "label_selector": "",
        "timeout": -1,
        "progress_interval": 0,
        "expected_gpus": "many",
        "min_ready": "101%",
        "fail_fast_reasons": ["COUNT_BELOW"],
        "smoke": {"mode": "all"},
        "condition": "Ready",
    }
    with pytest.raises(OptionsError) as refused:
        parse({**GIVEN, **wrong})
    message = str(refused.value)
    for name in wrong:
        assert name in message
    assert "smoke.image" in message
    assert "COUNT_BELOW_TYPE" in message
