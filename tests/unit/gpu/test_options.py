# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of gpu_node_ready as users write them: what they mean, and every way in which they are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import OptionsError
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import LASTING
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import Selection
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Percent

from tests.support.gpu import settings

IMAGE = f"registry.example.com/vectoradd@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("options", "selection"),
    [
        ({"label_selector": "pool=gpu"}, Selection("pool=gpu")),
        ({"node_pool": {"name": "ai"}}, Selection("eks.amazonaws.com/nodegroup=ai")),
        ({"node_pool": {"type": "karpenter", "name": "ai"}}, Selection("karpenter.sh/nodepool=ai")),
        ({"nodes": ["n1", "n2"]}, Selection(names=frozenset({"n1", "n2"}))),
    ],
)
def test_which_nodes(options: dict[str, Any], selection: Selection) -> None:
    assert settings(**options).selection == selection


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({}, "fail_fast", dict.fromkeys(LASTING, 60.0)),
        ({"min_ready": "12"}, "min_ready", 12),
        ({"min_ready": 12}, "min_ready", 12),
        ({"min_ready": "99.5 %", "expected_count": 16}, "min_ready", Percent(99.5)),
        ({"nodes": ["a", "b"]}, "names", frozenset(["a", "b"])),
        ({"fail_fast_reasons": []}, "fail_fast", {}),
        ({"fail_fast_reasons": ["CORDONED"], "fail_fast_after": 5}, "fail_fast", {"CORDONED": 5.0}),
    ],
)
def test_how_many_nodes(options: dict[str, Any], field: str, value: object) -> None:
    assert getattr(settings(**options).goal, field) == value


def test_the_taint_to_lift_is_no_reason_against_a_node() -> None:
    read = settings(ignore_taints=["a"], release_taint={"key": "b", "effect": "NoExecute"})
    assert read.release_taint == TaintPattern("b", "", "NoExecute")
    assert read.config.ignore_taints == (TaintPattern("a"), TaintPattern("b", "", "NoExecute"))


def test_a_tag_is_taken_where_it_is_allowed() -> None:
    assert settings(smoke={"mode": "all", "image": "vectoradd:1", "allow_tag": True}).smoke.image == "vectoradd:1"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"timeout": -1}, "timeout is -1. Write a number of at least 0."),
    ({"nodes": []}, "nodes is empty"),
    ({"nodes": ["n1", ""]}, "nodes is empty, or has an empty name."),
    ({"node_pool": {"name": ""}}, "node_pool.name is empty."),
    ({"label_selector": ""}, "label_selector is empty, which would be every node."),
    ({"expected_gpus": "0"}, "expected_gpus is '0'. Write auto, skip, or a whole number of at least 1."),
    ({"gpu_resource": "gpu"}, "gpu_resource is 'gpu'. Write a name such as nvidia.com/gpu."),
    ({"expected_product": "~["}, "expected_product: unterminated character set at position 0."),
    ({"min_driver_version": "latest"}, "min_driver_version: 'latest' is no version. Write numbers with dots"),
    ({"min_cuda_version": "12.x"}, "min_cuda_version: '12.x' is no version."),
    ({"mig_profiles": {"1g.5gb": 0}}, "mig_profiles: 1g.5gb is '0'. Write a number of at least 1, or null for any."),
    ({"startup_taints": ["a b"]}, "startup_taints: 'a b' is no taint"),
    ({"device_plugin": {"selectors": ["a=b=c"]}}, "device_plugin.selectors: 'a=b=c' is no label with a value."),
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
    ({"mig_strategy": "none", "mig_profiles": {"1g.5gb": 7}}, "mig_profiles are given, and mig_strategy is none."),
    ({"mig_strategy": "single", "mig_profiles": {"1g.5gb": 7, "2g.10gb": 1}}, "mig_profiles can have one entry only."),
    ({"mig_strategy": "mixed", "expected_gpus": "8"}, "expected_gpus is a number, and mig_strategy mixed has"),
    ({"release_taint": {"key": "example.com/*"}}, "release_taint.key is 'example.com/*'."),
    ({"condition": "MemoryPressure"}, "condition is MemoryPressure, which the kubelet keeps."),
    ({"condition": "with space"}, "condition is 'with space'. Write a name"),
    ({"condition": "x" * 317}, "Write a name such as example.com/GPUReady."),
    ({"smoke": {"mode": "some"}}, "smoke.mode is 'some'"),
    ({"smoke": {"mode": "sample:0"}}, "smoke.mode is 'sample:0'"),
    ({"smoke": {"mode": "all"}}, "smoke.image is missing"),
    ({"smoke": {"mode": "all", "image": "vectoradd:1"}}, "has no digest"),
    ({"smoke": {"mode": "missing_only", "image": IMAGE}}, "nothing tells which nodes have passed"),
    ({"smoke": {"parallelism": 0}}, "smoke.parallelism is 0"),
    ({"smoke": {"timeout": 0}}, "smoke.timeout is 0"),
    ({"smoke": {"namespace": "No Name"}}, "smoke.namespace is 'No Name'"),
    ({"smoke": {"resources": {"requests": "1"}}}, "smoke.resources is not like"),
    ({"smoke": {"resources": {"claims": {}}}}, "smoke.resources has 'claims'"),
    ({"smoke": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}, "smoke.resources has nvidia.com/gpu"),
]


@pytest.mark.parametrize(("options", "problem"), WRONG, ids=[problem for _options, problem in WRONG])
def test_what_is_wrong(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionsError) as caught:
        settings(**options)
    [told] = caught.value.problems
    assert problem in told
    assert told.endswith(".")


def test_all_that_is_wrong_is_told_at_once() -> None:
    together = {key: value for options, _problem in WRONG if len(options) == 1 for key, value in options.items()}
    # Two of these exclude the selector, and the third is the resource that the smoke pod's resources must not name.
    del together["nodes"], together["node_pool"], together["gpu_resource"]
    with pytest.raises(OptionsError) as caught:
        settings(**together)
    assert len(caught.value.problems) == len(together)
    assert str(caught.value) == " ".join(caught.value.problems)
