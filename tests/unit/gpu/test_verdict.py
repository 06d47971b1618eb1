# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole set of GPU nodes: when it is ready, and what is said of it."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.report import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import describe, judge, summary

from tests.support.gpu import Object, node


def reports(*nodes: Object) -> list[NodeReport]:
    return [evaluate(one, (), Config()) for one in nodes]


GOOD, BAD = node("good"), node("bad", unschedulable=True)


@pytest.mark.parametrize(
    ("nodes", "count", "codes"),
    [
        ([], None, ["NO_NODES"]),
        ([], 2, ["NO_NODES"]),
        ([], 0, []),
        ([BAD], 0, []),
        ([GOOD], None, []),
        ([GOOD], 1, []),
        ([GOOD], 2, ["TOO_FEW_NODES"]),
        ([GOOD, BAD], None, ["CORDONED"]),
        ([GOOD, BAD], 1, []),
        ([GOOD, BAD], 2, ["CORDONED"]),
        ([GOOD, BAD], 3, ["TOO_FEW_NODES", "CORDONED"]),
    ],
)
def test_the_whole_set(nodes: list[Object], count: int | None, codes: list[str]) -> None:
    verdict = judge(reports(*nodes), count)
    assert [reason.code for reason in verdict.reasons] == codes
    assert verdict.ready == (not codes)


def test_an_unknown_type_is_warned_of() -> None:
    assert "x9.huge" in judge(reports(node(instance_type="x9.huge")), None).warnings[0]
    assert judge(reports(node()), None).warnings == ()


def test_the_most_frequent_reason_comes_first() -> None:
    cordoned = [node(f"c{number}", unschedulable=True) for number in range(2)]
    verdict = judge(reports(node("a", capacity=1, allocatable=0), *cordoned, GOOD), None)
    assert list(summary(verdict)) == ["CORDONED", "ALL_UNHEALTHY"]
    said = describe(verdict, None)
    assert said.startswith("1 of 4 nodes are ready; 2 CORDONED (c0: the node takes no new pods); 1 ALL_UNHEALTHY (a: ")
