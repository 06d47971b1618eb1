# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: what can be set, and which calls take it. Their wire shapes are tested against a running server."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws.calls import Call, CallCounter
from sandbox.aws.faults import Fault, FaultBoard, InvalidFaultError

CREATE = Call("ec2", "CreateNatGateway", "ap-northeast-2", "AKIA")
DESCRIBE = Call("ec2", "DescribeVpcs", "ap-northeast-2", "AKIA")
LIST = Call("eks", "ListClusters", "ap-northeast-2", "AKIA")


@pytest.mark.parametrize(
    ("fault", "taken_by"),
    [
        ({"service": "ec2", "operation": "CreateNatGateway", "kind": "throttle"}, {CREATE}),
        ({"service": "ec2", "operation": "*", "kind": "throttle"}, {CREATE, DESCRIBE}),
        ({"service": "ec2", "kind": "throttle"}, {CREATE, DESCRIBE}),
        ({"service": "*", "kind": "latency", "seconds": 0.1}, {CREATE, DESCRIBE, LIST}),
        ({"service": "iam", "kind": "error"}, set()),
    ],
)
def test_a_fault_is_for_the_calls_that_it_names(fault: dict[str, Any], taken_by: set[Call]) -> None:
    board = FaultBoard()
    board.set(Fault.parse(fault))
    assert {call for call in (CREATE, DESCRIBE, LIST) if board.take(call)} == taken_by


def test_a_count_runs_out_and_no_count_does_not() -> None:
    board = FaultBoard()
    board.set(Fault("ec2", "throttle", count=2))
    board.set(Fault("eks", "throttle"))
    assert [len(board.take(CREATE)) for _index in range(3)] == [1, 1, 0]
    assert [len(board.take(LIST)) for _index in range(3)] == [1, 1, 1]
    assert [fault["service"] for fault in board.report()] == ["eks"]
    board.clear()
    assert board.report() == []
    assert board.take(LIST) == []


def test_latency_adds_up_with_one_other_fault() -> None:
    board = FaultBoard()
    board.set(Fault("ec2", "error", count=1))
    board.set(Fault("*", "latency", seconds=0.1))
    board.set(Fault("ec2", "throttle", count=1))
    assert [fault.kind for fault in board.take(CREATE)] == ["latency", "error"]
    assert [fault.kind for fault in board.take(CREATE)] == ["latency", "throttle"]
    assert [fault.kind for fault in board.take(CREATE)] == ["latency"]


def test_a_wrong_fault_is_refused_with_everything_that_is_wrong() -> None:
    with pytest.raises(InvalidFaultError) as refused:
        Fault.parse({"servce": "ec2", "kind": "slow", "count": "two", "seconds": -1})
    message = str(refused.value)
    for part in ("'servce'", "service must be", "kind must be one of throttle", "count must be", "seconds must be"):
        assert part in message
    with pytest.raises(InvalidFaultError, match="must be an object"):
        Fault.parse(["ec2"])


@pytest.mark.parametrize("count", [0, -1, True])
def test_a_count_is_at_least_one(count: object) -> None:
    with pytest.raises(InvalidFaultError, match="count"):
        Fault.parse({"service": "ec2", "kind": "error", "count": count})


def test_calls_are_counted_by_service_and_operation() -> None:
    counter = CallCounter()
    for call in (CREATE, DESCRIBE, DESCRIBE, LIST):
        counter.count(call)
    assert counter.report() == {
        "total": 4,
        "calls": {"ec2": {"CreateNatGateway": 1, "DescribeVpcs": 2}, "eks": {"ListClusters": 1}},
    }
    counter.reset()
    assert counter.report() == {"total": 0, "calls": {}}


@pytest.mark.parametrize(
    ("operation", "is_read"),
    [
        ("DescribeVpcs", True),
        ("ListRoles", True),
        ("GetCallerIdentity", True),
        ("CreateVpc", False),
        ("Unknown", False),
    ],
)
def test_reads_are_told_by_their_names(operation: str, is_read: bool) -> None:
    assert Call("ec2", operation, "", "").is_read is is_read
