# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole set of GPU nodes: when enough are ready, when waiting is in vain, and what is said of it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.counts import Counts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import NodeReport, evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import (
    Decision,
    Patience,
    Percent,
    Seen,
    Verdict,
    decide,
    describe,
    failure_kind,
    headline,
    judge,
    summary,
    warnings,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gpu import NOW, Object, deleting, node, settings

GOOD, BAD = node("good"), node("bad", unschedulable=True)
LAME = node("lame", capacity=3, allocatable=3, instance_type="g6.12xlarge")
LEAVING = deleting()
GRACE = 60
CONFIG = settings().config


def reported(one: Object) -> NodeReport:
    return evaluate(one, Context(now=NOW), CONFIG)


def verdict_on(*seen: Object, at: float = 0, **options: Any) -> tuple[Verdict, Counts]:
    """The verdict by these options at a time, the nodes seen at 0."""
    goal = settings(**options).goal
    counts = Counts(goal.fail_fast)
    for one in seen:
        counts.put(reported(one), 0)
    return judge(counts, goal, at), counts


@pytest.mark.parametrize(
    ("nodes", "options", "codes", "ready"),
    [
        ([], {}, ["NO_NODES"], False),
        ([], {"expected_count": 2}, ["NO_NODES"], False),
        ([], {"expected_count": 0}, [], True),
        ([], {"allow_empty": True}, [], True),
        ([], {"min_ready": "0"}, [], True),
        ([], {"min_ready": "50%"}, ["NO_NODES"], False),
        ([], {"min_ready": "50%", "allow_empty": True}, [], True),
        ([], {"nodes": ["a"]}, ["NO_NODES", "NODE_MISSING"], False),
        ([LEAVING], {}, ["NO_NODES"], False),
        ([BAD], {"expected_count": 0}, [], True),
        ([GOOD], {}, [], True),
        ([GOOD, LEAVING], {}, [], True),
        ([GOOD, BAD], {}, [], False),
        ([GOOD], {"expected_count": 2}, ["TOO_FEW_NODES"], False),
        ([GOOD, BAD], {"expected_count": 1}, [], True),
        ([GOOD, BAD], {"expected_count": 2}, [], False),
        ([GOOD, BAD], {"min_ready": "1"}, [], True),
        ([GOOD, BAD], {"min_ready": "50%"}, [], True),
        ([GOOD, BAD], {"min_ready": "51%"}, [], False),
        ([GOOD, BAD], {"expected_count": 4, "min_ready": "50%"}, [], False),
        ([GOOD, BAD], {"expected_count": 4, "min_ready": "25%"}, [], True),
        ([GOOD, BAD], {"expected_count": 6, "min_ready": "50%"}, ["TOO_FEW_NODES"], False),
        # of those that are there where more are there than expected
        ([GOOD, BAD, LAME], {"expected_count": 1, "min_ready": "50%"}, [], False),
        ([GOOD], {"nodes": ["good"]}, [], True),
        ([GOOD], {"nodes": ["good", "gone"]}, ["TOO_FEW_NODES", "NODE_MISSING"], False),
        ([GOOD], {"nodes": ["good", "gone"], "min_ready": "1"}, ["NODE_MISSING"], True),
    ],
)
def test_the_whole_set(nodes: list[Object], options: dict[str, Any], codes: list[str], ready: bool) -> None:
    verdict, _counts = verdict_on(*nodes, **options)
    assert [reason.code for reason in verdict.reasons] == codes
    assert verdict.ready == ready


@given(st.decimals(min_value="0.01", max_value=100, places=2), st.integers(0, 10_000))
def test_a_percentage_is_rounded_up(percent: object, count: int) -> None:
    part = Percent(float(str(percent))).of(count)
    exact = Fraction(str(percent)) * count / 100
    assert part - 1 < exact <= part
    assert 0 <= part <= count


@pytest.mark.parametrize(
    ("nodes", "options", "at", "codes"),
    [
        ([GOOD, LAME], {}, GRACE - 0.1, ()),
        ([GOOD, LAME], {}, GRACE, ("COUNT_BELOW_TYPE",)),
        ([GOOD, BAD], {}, 1e6, ()),
        ([GOOD, LAME], {"min_ready": "1"}, 1e6, ()),
        ([BAD, LAME], {"min_ready": "1"}, 1e6, ()),
        ([BAD, LAME], {"min_ready": "2"}, 1e6, ("COUNT_BELOW_TYPE",)),
        # nodes that are expected may still join
        ([LAME], {"expected_count": 3, "min_ready": "2"}, 1e6, ()),
        ([LAME], {"expected_count": 3}, 1e6, ("COUNT_BELOW_TYPE",)),
        ([LAME], {"min_ready": "3"}, 1e6, ("COUNT_BELOW_TYPE",)),
        ([LAME, GOOD], {"expected_count": 0}, 1e6, ()),
        ([GOOD, LAME], {"fail_fast_reasons": []}, 1e6, ()),
        ([GOOD, BAD], {"fail_fast_reasons": ["CORDONED"], "fail_fast_after": 0}, 0, ("CORDONED",)),
        ([GOOD, LAME], {"fail_fast_after": 300}, 299, ()),
        ([GOOD, LAME], {"fail_fast_after": 300}, 300, ("COUNT_BELOW_TYPE",)),
    ],
)
def test_what_waiting_cannot_mend_ends_the_wait_where_too_few_others_are_left(
    nodes: list[Object], options: dict[str, Any], at: float, codes: tuple[str, ...]
) -> None:
    assert verdict_on(*nodes, at=at, **options)[0].impossible == codes


def test_another_machine_under_the_same_name_has_its_own_time() -> None:
    _verdict, counts = verdict_on(LAME)
    replaced = reported(node("lame", capacity=3, allocatable=3, instance_type="g6.12xlarge", uid="new"))
    goal = settings().goal
    counts.put(replaced, 50)
    assert judge(counts, goal, GRACE).impossible == ()
    counts.put(replaced, 70)
    assert judge(counts, goal, 50 + GRACE).impossible == ("COUNT_BELOW_TYPE",)


@pytest.mark.parametrize(
    ("nodes", "at", "kind"),
    [([BAD], 1e6, "timeout"), ([LAME], 1e6, "impossible"), ([LAME], 0, "timeout"), ([], 1e6, "no_nodes")],
)
def test_the_kind_of_failure(nodes: list[Object], at: float, kind: str) -> None:
    assert failure_kind(verdict_on(*nodes, at=at)[0]) == kind


def cordoned(count: int) -> list[Object]:
    return [node(f"c{number}", unschedulable=True) for number in range(count)]


@pytest.mark.parametrize(
    ("nodes", "options", "line"),
    [
        ([GOOD], {}, "1/1 ready"),
        ([GOOD, BAD], {"min_ready": "1"}, "1/2 ready, 1 needed; 1 CORDONED (bad)"),
        ([], {}, "0/0 ready, 1 needed; NO_NODES (no node is there)"),
        ([], {"expected_count": 3}, "0/3 ready; NO_NODES (no node is there)"),
        (
            [GOOD],
            {"nodes": ["good", "b", "a"], "min_ready": "1"},
            "1/3 ready, 1 needed; NODE_MISSING (not found: a, b)",
        ),
        ([LAME, *cordoned(2), GOOD], {}, "1/4 ready; 2 CORDONED (c0), 1 COUNT_BELOW_TYPE (lame)"),
        ([node("a", allocatable=0), BAD], {}, "0/2 ready; 1 CORDONED (bad), 1 ALL_UNHEALTHY (a)"),
    ],
    ids=[
        "all",
        "how many are enough",
        "none",
        "none of those expected",
        "named ones that are missing",
        "the most frequent reason first",
        "among equals the lower layer first",
    ],
)
def test_the_headline(nodes: list[Object], options: dict[str, Any], line: str) -> None:
    verdict, counts = verdict_on(*nodes, **options)
    assert headline(verdict, counts) == line
    told = [*summary(verdict, counts)]
    assert told == re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b(?= \()", line)


def test_a_failure_says_what_is_and_what_to_do() -> None:
    verdict, counts = verdict_on(*cordoned(3), GOOD, expected_count=5)
    assert describe(verdict, counts) == (
        "1/5 ready; TOO_FEW_NODES (4 of 5 nodes are there), 3 CORDONED (c0). TOO_FEW_NODES: 4 of 5 nodes are there. "
        "Look at the node group's health and at the activity of its autoscaling group: capacity, quota, subnets. "
        "CORDONED (c0): the node takes no new pods. Run kubectl uncordon once it is sound. "
        "Where this does not matter, ignore_reasons leaves it out."
    )


def test_what_ended_the_wait_is_told_first() -> None:
    verdict, counts = verdict_on(LAME, *cordoned(3), at=1e6)
    assert describe(verdict, counts).startswith(
        "0/4 ready; 3 CORDONED (c0), 1 COUNT_BELOW_TYPE (lame). COUNT_BELOW_TYPE (lame): 3 nvidia.com/gpu where"
    )


def test_the_summary_has_each_reason_once() -> None:
    verdict, counts = verdict_on(*cordoned(2), expected_count=3)
    told = summary(verdict, counts)
    assert [(code, one["nodes"], one["example"]) for code, one in told.items()] == [
        ("TOO_FEW_NODES", 0, ""),
        ("CORDONED", 2, "c0"),
    ]
    assert all(one["message"] and one["hint"] for one in told.values())


def test_an_unknown_type_is_warned_of() -> None:
    fraction = node("f", instance_type="g6f.xlarge")
    _verdict, counts = verdict_on(
        fraction, node("b", instance_type="x9.huge"), node("c", instance_type="x9.huge"), GOOD
    )
    assert [re.search(r"type (\S+) has", one)[1] for one in warnings(counts)] == ["g6f.xlarge", "x9.huge"]  # type: ignore[index]
    counts.remove("f")
    assert len(warnings(counts)) == 1
    assert warnings(verdict_on(GOOD)[1]) == []


PATIENCE = Patience(timeout=60, stable_for=30)


def ready_since(*since: float, needed: int | None = None) -> Seen:
    return Seen(ready=True, needed=len(since) if needed is None else needed, ready_since=since)


@pytest.mark.parametrize(
    ("seen", "now", "decision"),
    [
        (ready_since(100), 129.9, Decision(None, 130)),
        (ready_since(100), 130, Decision("ready", 130)),
        (ready_since(100, 120), 149, Decision(None, 150)),
        (ready_since(100, 120, needed=1), 130, Decision("ready", 130)),
        (ready_since(), 100, Decision("ready", 100)),
        # Ready exactly when the time is over counts; a moment later would not.
        (ready_since(130), 160, Decision("ready", 160)),
        (ready_since(130.1), 160, Decision("timeout", 160)),
        (ready_since(130.1), 159, Decision(None, 160)),
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
    assert decide(Patience(0), ready_since(100), 100, 100).end == "ready"
    assert decide(Patience(0), Seen(ready=False, needed=1), 100, 100).end == "timeout"


CODES = ["A", "B", "C"]
REPORTS = st.builds(
    lambda name, uid, codes, excluded, gpus, recheck: NodeReport(
        name=name,
        uid=uid,
        reasons=tuple(Reason(code, "L1", code) for code in codes),
        excluded=excluded,
        capacity=gpus,
        allocatable=gpus,
        expected=gpus,
        instance_type=f"type-{gpus}",
        recheck_at=recheck,
    ),
    st.sampled_from(["n1", "n2", "n3"]),
    st.sampled_from(["u1", "u2"]),
    st.sets(st.sampled_from(CODES)).map(sorted),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 8)),
    st.one_of(st.none(), st.floats(0, 10)),
)
STEPS = st.lists(st.one_of(REPORTS, st.sampled_from(["n1", "n2", "n3"])), max_size=12)


@given(STEPS)
def test_counting_step_by_step_is_counting_at_once(steps: list[NodeReport | str]) -> None:
    """However nodes come, change and go, the numbers are those of the nodes that are there."""
    grace = {"A": 2.0, "B": 3.5}
    counts = Counts(grace)
    there: dict[str, NodeReport] = {}
    since: dict[tuple[str, str], float] = {}
    for at, step in enumerate(steps):
        name = step if isinstance(step, str) else step.name
        old = there.pop(name, None)
        if isinstance(step, str):
            counts.remove(step)
        else:
            counts.put(step, at)
            there[name] = step
        now = there.get(name)
        codes = {one.code for one in now.reasons} if now and not now.excluded else set()
        for code in CODES:
            if code not in codes or (old and now and old.uid != now.uid):
                since.pop((name, code), None)
            if code in codes:
                since.setdefault((name, code), at)

        inside = [one for one in there.values() if not one.excluded]
        assert (counts.total, counts.ready) == (len(inside), sum(one.ready for one in inside))
        gpus = sum(one.capacity or 0 for one in inside)
        assert counts.gpus() == {"expected": gpus, "capacity": gpus, "allocatable": gpus}
        having = {code: sum(code in [one.code for one in report.reasons] for report in inside) for code in CODES}
        assert counts.by_code() == {code: number for code, number in having.items() if number}
        assert counts.unknown_types() == sorted({one.instance_type for one in inside if one.expected is None})
        hopeless = {(node, code) for (node, code), when in since.items() if code in grace and at - when >= grace[code]}
        assert {(node, code) for code, nodes in counts.hopeless(at).items() for node in nodes} == hopeless
        later = [when + grace[code] for (node, code), when in since.items() if code in grace]
        assert counts.next_hopeless(at) == min([when for when in later if when > at], default=None)
        assert set(counts.due(5)) == {one.name for one in there.values() if (one.recheck_at or 0) <= 5} - {
            one.name for one in there.values() if one.recheck_at is None
        }
        assert counts.next_due() == min(
            [one.recheck_at for one in there.values() if one.recheck_at is not None], default=None
        )
