# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError, poll
from botocore.exceptions import ClientError


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "sleep", made.sleep)
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def test_looks_are_close_together_first_and_15_seconds_apart_at_the_end(clock: Clock) -> None:
    poll(lambda: "CREATING" if clock.now < 600 else None, "it", 1800)
    assert clock.pauses[0] == 0.2
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] == 15
    assert len(clock.pauses) < 60


@pytest.mark.parametrize("seconds", [0.3, 1, 2, 10, 60])
def test_what_is_done_after_a_while_is_seen_soon_after(clock: Clock, seconds: float) -> None:
    poll(lambda: "CREATING" if clock.now < seconds else None, "it", 1800)
    assert clock.now < seconds * 1.5 + 0.2


def test_a_wait_ends_in_time_and_says_what_was_still_so(clock: Clock) -> None:
    with pytest.raises(WaitError, match=r"the cluster is still CREATING after 30 s.*A new run goes on"):
        poll(lambda: "CREATING", "the cluster", 30)
    assert clock.now == pytest.approx(30)


def refusing(code: str, message: str, times: int) -> Callable[[], str]:
    """A create call that AWS refuses some times."""
    answers = [code] * times

    def call() -> str:
        if answers:
            raise ClientError({"Error": {"Code": answers.pop(), "Message": message}}, "CreateCluster")
        return "made"

    return call


@pytest.mark.parametrize(
    "message",
    [
        "Role with arn: x, could not be assumed because it does not exist or the trusted entity is not correct",
        "Required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole",
        "The role with name x cannot be found, it does not exist",
    ],
)
def test_a_role_that_is_not_seen_yet_is_tried_again_for_a_minute(clock: Clock, message: str) -> None:
    assert eks.create_with_new_role(refusing("InvalidParameterException", message, 3)) == "made"
    with pytest.raises(ClientError):
        eks.create_with_new_role(refusing("InvalidParameterException", message, 1000))
    assert 60 <= clock.now < 90


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterException", "The subnet ID 'subnet-1' does not exist"),
        ("ResourceInUseException", "Cluster already exists with name: demo; role x could not be assumed"),
    ],
)
def test_any_other_refusal_is_final(clock: Clock, code: str, message: str) -> None:
    with pytest.raises(ClientError):
        eks.create_with_new_role(refusing(code, message, 1))
    assert clock.pauses == []


def test_a_health_issue_says_code_words_resources_and_what_to_do() -> None:
    issues: list[dict[str, Any]] = [
        {"code": "AsgInstanceLaunchFailures", "message": "No capacity.", "resourceIds": ["asg-1", "asg-2"]},
        {"code": "SomethingNew", "message": "What it says", "resourceIds": []},
    ]
    assert eks.health_issues({"health": {"issues": issues}}) == [
        "AsgInstanceLaunchFailures: No capacity (asg-1, asg-2). Try other instance types, or subnets in other zones.",
        "SomethingNew: What it says.",
    ]
