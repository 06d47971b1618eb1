# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError, poll
from botocore.exceptions import ClientError

from tests.support.waiting import Clock


def test_looks_are_close_together_first_and_15_seconds_apart_at_the_end(clock: Clock) -> None:
    poll(lambda: "CREATING" if clock.now < 600 else None, "it", 1800)
    assert clock.pauses == sorted(clock.pauses)
    assert (clock.pauses[0], clock.pauses[-1]) == (0.2, 15)
    assert all(pause <= sum(clock.pauses[:count]) * 0.5 + 0.21 for count, pause in enumerate(clock.pauses))


def test_a_wait_ends_in_time_and_says_what_was_still_so(clock: Clock) -> None:
    with pytest.raises(WaitError, match=r"the cluster is still CREATING after 30 s.*A new run goes on"):
        poll(lambda: "CREATING", "the cluster", 30)
    assert clock.now == pytest.approx(30)


ISSUES = [{"code": "AsgInstanceLaunchFailures", "message": "No capacity.", "resourceIds": []}]


def describing(*statuses: str | None) -> eks.Describe:
    """A resource that is described in these states one after the other, and stays in the last."""
    left = list(statuses)

    def describe() -> dict[str, Any] | None:
        status = left.pop(0) if len(left) > 1 else left[0]
        return {"status": status, "health": {"issues": ISSUES}} if status else None

    return describe


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("wait", "statuses", "error"),
    [
        (eks.wait_until_made, ["CREATING", "ACTIVE"], None),
        (eks.wait_until_made, [None, None, "CREATING", "ACTIVE"], None),
        (eks.wait_until_made, ["CREATING", None, "CREATING", "ACTIVE"], None),
        (eks.wait_until_made, ["CREATING", "DEGRADED"], None),
        (eks.wait_until_made, ["CREATING", "CREATE_FAILED"], "it is CREATE_FAILED: AsgInstanceLaunchFailures: No"),
        (eks.wait_until_made, ["PENDING", "FAILED"], "it is FAILED"),
        (eks.wait_until_made, ["CREATING", "DELETING", None], "it was deleted while it was made"),
        (eks.wait_until_made, [None], "EKS accepted it and knows nothing of it 60 s later"),
        (eks.wait_until_gone, ["DELETING", None], None),
        (eks.wait_until_gone, ["CREATE_FAILED", "ACTIVE", "DELETING", None, None, "DELETING", None], None),
        (eks.wait_until_gone, ["DELETING", "DELETE_FAILED"], "it was not deleted and is DELETE_FAILED"),
        (eks.wait_until_gone, ["DELETING", "ACTIVE"], "it was not deleted and is ACTIVE"),
        (eks.wait_until_gone, ["DELETING"], "it is still DELETING after 300 s"),
        (eks.settled, ["UPDATING", "ACTIVE"], None),
        (eks.settled, ["UPDATING", "DEGRADED"], None),
    ],
)
def test_a_wait_ends_by_the_states_that_it_sees(
    wait: Callable[[eks.Describe, str, float], object], statuses: list[str | None], error: str | None
) -> None:
    with pytest.raises(WaitError, match=error) if error else nullcontext():
        wait(describing(*statuses), "it", 300)


def test_a_resource_that_others_still_see_is_not_gone(clock: Clock) -> None:
    """A new one of that name would be refused: AWS's servers hear of an end one after the other."""
    eks.wait_until_gone(describing("DELETING", None, "DELETING", None, None, "DELETING", None), "it", 300)
    assert len(clock.pauses) == 3


def refusing(code: str, message: str, times: int) -> Callable[[], str]:
    """A call that AWS refuses some times."""
    left = [ClientError({"Error": {"Code": code, "Message": message}}, "CreateCluster")] * times

    def call() -> str:
        if left:
            raise left.pop()
        return "made"

    return call


INVALID, IN_USE = "InvalidParameterException", "ResourceInUseException"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            INVALID,
            "Role with arn: x, could not be assumed because it does not exist or the trusted entity is not right",
        ),
        (
            INVALID,
            "Required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole",
        ),
        ("InvalidRequestException", "The role with name demo-eks-cluster cannot be found."),
        (IN_USE, "Cannot VersionUpdate because cluster demo currently has update 408c0738 in progress"),
    ],
)
def test_a_refusal_that_passes_is_waited_out_and_told_in_its_own_words(clock: Clock, code: str, message: str) -> None:
    def make(times: int) -> str:
        call = refusing(code, message, times)
        return eks.when_free(call, "it", 120) if code == IN_USE else eks.create_with_new_role(call)

    assert make(3) == "made"
    with pytest.raises(ClientError, match=message.replace("[", r"\[")):
        make(1000)
    assert 120 <= clock.now < 150


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (INVALID, "The subnet ID 'subnet-1' does not exist"),
        (IN_USE, "Cluster already exists with name: demo; role x could not be assumed"),
        (IN_USE, "Cluster has nodegroups attached"),
    ],
)
def test_any_other_refusal_is_final(clock: Clock, code: str, message: str) -> None:
    for make in (eks.create_with_new_role, lambda call: eks.when_free(call, "it", 120)):
        with pytest.raises(ClientError):
            make(refusing(code, message, 1))
    assert clock.pauses == []


@pytest.mark.parametrize(
    ("code", "message", "unknown"),
    [
        ("ResourceNotFoundException", "No cluster found for name: demo.", True),
        ("ClientException", "No cluster found for name: demo.", True),
        ("ClientException", "Something else", False),
        ("ExpiredTokenException", "The security token included in the request is expired", False),
    ],
)
def test_eks_says_in_two_ways_that_it_knows_no_such_thing(code: str, message: str, unknown: bool) -> None:
    with nullcontext() if unknown else pytest.raises(ClientError, match=code):
        assert eks.found(refusing(code, message, 1)) is None


def test_a_health_issue_says_code_words_resources_and_what_to_do() -> None:
    issues = [{**ISSUES[0], "resourceIds": ["asg-1", "asg-2"]}, {"code": "SomethingNew", "message": "What it says"}]
    assert eks.health_issues({"health": {"issues": issues}}) == [
        "AsgInstanceLaunchFailures: No capacity (asg-1, asg-2). Try other instance types, or subnets in other zones.",
        "SomethingNew: What it says.",
    ]
