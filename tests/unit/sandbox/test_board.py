# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be set on demand, and which calls take a fault. Their wire shapes are tested against a running server."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws.board import Board, parse
from sandbox.aws.calls import Call
from sandbox.aws.faults import FaultBoard
from sandbox.aws.settings import Settings
from sandbox.eks.failures import Failures
from sandbox.eks.gpu_board import GpuBoard

CREATE = Call("ec2", "CreateNatGateway", "ap-northeast-2", "AKIA")
DESCRIBE = Call("ec2", "DescribeVpcs", "ap-northeast-2", "AKIA")
LIST = Call("eks", "ListClusters", "ap-northeast-2", "AKIA")


@pytest.mark.parametrize(
    ("board", "content", "problem"),
    [
        (FaultBoard, ["ec2"], r"must be an object, not \['ec2'\]"),
        (FaultBoard, {"kind": "error"}, "missing .* 'service'"),
        (FaultBoard, {"servce": "ec2", "kind": "slow"}, "unknown key 'servce'; .*; kind must be one of throttle, "),
        (FaultBoard, {"service": "ec2", "kind": "error", "count": True}, "count must be a number of at least 0"),
        (FaultBoard, {"service": "ec2", "kind": "latency", "seconds": -1}, "seconds must be a number of at least 0"),
        (Failures, {"operation": "DeleteCluster"}, "operation must be one of CreateCluster"),
        (GpuBoard, {"node": 7}, "node must be a text, not 7"),
        (GpuBoard, {"capacity": 1.5}, "capacity must be a number"),
    ],
)
def test_what_cannot_be_set_is_refused_with_everything_that_is_wrong(
    board: type[Board[Any]], content: Any, problem: str
) -> None:
    made = board()
    with pytest.raises(ValueError, match=problem):
        made.set(content)
    assert made.report() == []


def test_a_setting_is_a_number_of_seconds() -> None:
    assert parse(Settings, {"node": 3}).node == 3
    with pytest.raises(ValueError, match=r"unknown key 'nodes'.*update must be a number of at least 0, not 'soon'"):
        parse(Settings, {"nodes": 1, "update": "soon"})


@pytest.mark.parametrize(
    ("fault", "taken_by"),
    [
        ({"service": "ec2", "operation": "CreateNatGateway", "kind": "throttle"}, {CREATE}),
        ({"service": "ec2", "kind": "throttle"}, {CREATE, DESCRIBE}),
        ({"service": "*", "kind": "latency", "seconds": 0.1}, {CREATE, DESCRIBE, LIST}),
        ({"service": "iam", "kind": "error"}, set()),
    ],
)
def test_a_fault_is_for_the_calls_that_it_names(fault: dict[str, Any], taken_by: set[Call]) -> None:
    board = FaultBoard()
    board.set(fault)
    assert {call for call in (CREATE, DESCRIBE, LIST) if board.take(call)} == taken_by


def test_a_count_runs_out_and_latency_adds_up_with_one_other_fault() -> None:
    board = FaultBoard()
    for fault in (
        {"service": "ec2", "kind": "error", "count": 1},
        {"service": "*", "kind": "latency", "seconds": 0.1},
        {"service": "ec2", "kind": "throttle", "count": 2},
    ):
        board.set(fault)
    assert [[fault.kind for fault in board.take(CREATE)] for _call in range(4)] == [
        ["latency", "error"],
        ["latency", "throttle"],
        ["latency", "throttle"],
        ["latency"],
    ]
    assert [fault["kind"] for fault in board.report()] == ["latency"]
    board.clear()
    assert board.take(CREATE) == []


def test_the_latest_conduct_of_a_node_goes_before_that_of_every_node() -> None:
    board = GpuBoard()
    for conduct in ({"capacity": 1}, {"node": "one", "capacity": 3}, {"node": "one", "allocatable": 2}):
        board.set(conduct)
    assert [board.of(node).amounts(4) for node in ("one", "two")] == [(4, 2), (1, 1)]
