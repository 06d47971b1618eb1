# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of gpu_node_ready that say what is expected: what they mean, and every way in which they are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import OptionsError, parse
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import LASTING
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import FAIL_FAST_AFTER, Goal, Percent


def test_nothing_given_is_the_defaults() -> None:
    assert parse({}) == (Config(), Goal())
    assert parse({"expected_gpus": None, "conditions": None, "nodes": None}) == (Config(), Goal())
    assert parse({"device_plugin": {"mode": None}, "conditions": {"presets": None}})[0] == Config()


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"expected_gpus": "4"}, "expected_gpus", 4),
        ({"expected_gpus": "peers_max"}, "expected_gpus", "peers_max"),
        ({"expected_gpus": "skip"}, "expected_gpus", "skip"),
        ({"min_driver_version": "570.86"}, "min_driver_version", (570, 86)),
        ({"min_cuda_version": 12.8}, "min_cuda_version", (12, 8)),
        ({"mig_profiles": {"1g.5gb": "7", "3g.20gb": None}}, "mig_profiles", {"1g.5gb": 7, "3g.20gb": None}),
        (
            {"expected_taints": ["a/b=c:NoSchedule", "d*"]},
            "expected_taints",
            (TaintPattern("a/b", "c", "NoSchedule"), TaintPattern("d*")),
        ),
        (
            {"ignore_taints": ["a"], "release_taint": {"key": "b", "value": None, "effect": "NoExecute"}},
            "ignore_taints",
            (TaintPattern("a"), TaintPattern("b", "", "NoExecute")),
        ),
        ({"ignore_reasons": ["CORDONED"]}, "ignore_reasons", frozenset(["CORDONED"])),
    ],
)
def test_what_a_node_has_to_be(options: dict[str, Any], field: str, value: object) -> None:
    assert getattr(parse(options)[0], field) == value


def test_parts_of_a_group_keep_the_other_defaults() -> None:
    config = parse(
        {
            "device_plugin": {"mode": "required", "selectors": ["app in (a, b)"]},
            "conditions": {"require": [{"type": "A"}], "forbid": [{"type": "B", "status": "False"}], "ignore": ["C"]},
        }
    )[0]
    assert (config.device_plugin.mode, config.device_plugin.namespace) == ("required", "")
    assert config.device_plugin.selectors == ("app in (a, b)",)
    rules = [(one.type, one.status) for one in (*config.conditions.require, *config.conditions.forbid)]
    assert rules == [("A", "True"), ("B", "False")]
    assert config.conditions.presets == Config().conditions.presets


@pytest.mark.parametrize(
    ("options", "goal"),
    [
        ({"min_ready": "12"}, Goal(min_ready=12)),
        ({"min_ready": 12}, Goal(min_ready=12)),
        ({"min_ready": "95%"}, Goal(min_ready=Percent(95))),
        ({"min_ready": "99.5 %", "expected_count": 16}, Goal(min_ready=Percent(99.5), expected_count=16)),
        ({"nodes": ["a", "b"], "allow_empty": True}, Goal(names=frozenset(["a", "b"]), allow_empty=True)),
        ({"fail_fast_reasons": []}, Goal(fail_fast={})),
        ({"fail_fast_reasons": ["CORDONED", "NOT_READY"]}, Goal(fail_fast={"CORDONED": 60, "NOT_READY": 60})),
        ({"fail_fast_after": 5}, Goal(fail_fast=dict.fromkeys(LASTING, 5.0))),
    ],
)
def test_how_many_nodes(options: dict[str, Any], goal: Goal) -> None:
    assert parse(options)[1] == goal
    assert FAIL_FAST_AFTER == 60


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expected_gpus": "0"}, "expected_gpus is '0'. Write auto, peers_max, skip, or a whole number of at least 1."),
    ({"gpu_resource": "gpu"}, "gpu_resource is 'gpu'. Write a name such as nvidia.com/gpu."),
    ({"expected_product": "~["}, "expected_product: unterminated character set at position 0."),
    ({"min_driver_version": "latest"}, "min_driver_version is 'latest'. Write numbers with dots"),
    ({"min_cuda_version": "12.x"}, "min_cuda_version is '12.x'. Write numbers with dots"),
    ({"mig_profiles": {"1g.5gb": 0}}, "mig_profiles.1g.5gb is '0'. Write a number of at least 1, or null for any."),
    ({"startup_taints": ["a b"]}, "startup_taints: 'a b' is no taint"),
    ({"device_plugin": {"selectors": ["a=b=c"]}}, "device_plugin.selectors: 'a=b=c' is no label selector."),
    ({"conditions": {"require": [{"type": "A", "status": "Yes"}]}}, "conditions.require: the status of A is 'Yes'"),
    ({"conditions": {"forbid": [{"status": "True"}]}}, "conditions.forbid: an entry has no type."),
    ({"conditions": {"min_age": -1}}, "conditions.min_age is -1."),
    ({"ignore_reasons": ["CORDONNED"]}, "'CORDONNED' is no reason that a node can have, did you mean CORDONED?"),
    ({"ignore_reasons": ["NO_NODES"]}, "ignore_reasons: 'NO_NODES' is no reason that a node can have"),
    ({"fail_fast_reasons": ["SMOKE_FAILED"]}, "fail_fast_reasons: 'SMOKE_FAILED' is no reason"),
    ({"fail_fast_after": -1}, "fail_fast_after is -1."),
    ({"expected_count": -1}, "expected_count is -1."),
    ({"min_ready": "0%"}, "min_ready: '0%' is neither a number of nodes nor a percentage"),
    ({"min_ready": "101%"}, "min_ready: '101%' is neither"),
    ({"min_ready": "most"}, "min_ready: 'most' is neither"),
    ({"min_ready": "5", "expected_count": 4}, "min_ready is 5, more than expected_count, which is 4."),
    ({"mode": "dra", "expected_gpus": "peers_max"}, "expected_gpus is peers_max, which needs the device plugin's"),
    ({"mig_strategy": "none", "mig_profiles": {"1g.5gb": 7}}, "mig_profiles are given, and mig_strategy is none."),
    ({"mig_strategy": "single", "mig_profiles": {"1g.5gb": 7, "2g.10gb": 1}}, "mig_profiles can have one entry only."),
    ({"mig_strategy": "mixed", "expected_gpus": "8"}, "expected_gpus is a number, and mig_strategy mixed has"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionsError) as caught:
        parse(options)
    [told] = caught.value.problems
    assert problem in told
    assert told.endswith(".")


def test_all_that_is_wrong_is_told_at_once() -> None:
    alone = [(options, problem) for options, problem in WRONG if len(options) == 1]
    together = {key: value for options, _problem in alone for key, value in options.items()}
    with pytest.raises(OptionsError) as caught:
        parse(together)
    assert len(caught.value.problems) == len(together)
    assert str(caught.value) == " ".join(caught.value.problems)
