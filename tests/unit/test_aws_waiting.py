# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for AWS, and creating what has no idempotency token, without any AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.creating import (
    ATTEMPTS,
    LostAnswerError,
    create_once,
    stop_blind_retries,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import not_found, retry, still_used
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No."}}, "DeleteSubnet")


def answers(*given: Any) -> Callable[[], Any]:
    """A call that gives these one after the other; an exception is raised."""
    left = list(given)

    def call() -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("codes", "passes", "answer", "error"),
    [
        (["DependencyViolation", "InvalidIPAddress.InUse"], still_used, "gone", ""),
        (["NoSuchEntity", "InvalidVpcID.NotFound", "ResourceNotFoundException"], not_found, "gone", ""),
        (["InvalidPermission.Duplicate"], not_found, None, ""),
        (["InvalidVpcID.NotFound"], still_used, None, "InvalidVpcID.NotFound"),
        (["InvalidGroup.NotFound"] * 1000, not_found, None, "InvalidGroup.NotFound"),
    ],
)
def test_a_refusal_that_passes_is_waited_out_for_a_while_and_no_other(
    codes: list[str], passes: Callable[[str], bool], answer: str | None, error: str
) -> None:
    call, done = answers(*map(refusal, codes), "gone"), "InvalidPermission.Duplicate"
    with pytest.raises(ClientError, match=error) if error else nullcontext():
        assert retry(call, passes, done=lambda code: code == done) == answer


LOST = LostAnswerError("AWS answered InternalError: Sorry.")
CLOSED = ConnectionClosedError(endpoint_url="http://127.0.0.1")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("made", "found", "expected"),
    [
        ([LOST, AssertionError("made twice")], [["vpc-1"]], "vpc-1"),
        ([CLOSED, AssertionError("made twice")], [["vpc-1"]], "vpc-1"),
        ([LOST, CLOSED, "vpc-2"], [[], []], "vpc-2"),
        ([LOST] * ATTEMPTS, [[]] * ATTEMPTS, LostAnswerError),
        ([refusal("VpcLimitExceeded")], [AssertionError("looked")], ClientError),
    ],
)
def test_what_may_have_been_made_is_looked_for_before_it_is_made_again(
    made: list[Any], found: list[Any], expected: Any
) -> None:
    with nullcontext() if isinstance(expected, str) else pytest.raises(expected):
        assert create_once(answers(*made), answers(*found)) == expected


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("required", [True, False])
def test_a_parent_that_aws_does_not_show_yet_is_looked_for_again_where_it_is_needed(required: bool) -> None:
    ec2 = MagicMock(can_paginate=lambda _operation: False)
    ec2.describe_vpcs.side_effect = [{"Vpcs": []}, {"Vpcs": []}, {"Vpcs": [{"VpcId": "vpc-1"}]}]
    found = lookups.find(lambda: {"vpc": lookups.vpcs(ec2, "demo")}, required=required)["vpc"]
    assert found.ids == ({"demo": "vpc-1"} if required else {})


class Server:
    """Answers a client's requests from a list of (status, error code), and counts them."""

    def __init__(self, *given: tuple[int, str]) -> None:
        self.left = list(given)

    def __call__(self, **_request: Any) -> AWSResponse:
        status, code = self.left.pop(0)
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>Sorry</Message></Error></Errors></Response>"
        return AWSResponse("http://127.0.0.1", status, {}, SimpleNamespace(stream=lambda **_options: [body.encode()]))


def client(server: Server) -> Any:
    keys: Mapping[str, str] = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "never-sent"}
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    ec2 = boto3.client("ec2", region_name="ap-northeast-2", config=config, **keys)
    ec2.meta.events.register("before-send.ec2", server)
    stop_blind_retries(ec2, ["CreateVpc"])
    return ec2


@pytest.mark.parametrize(
    ("given", "call", "expected", "left"),
    [
        ([(500, "InternalError"), (200, "unused")], "create_vpc", "AWS answered InternalError: Sorry", 1),
        ([(503, "RequestLimitExceeded"), (400, "VpcLimitExceeded")], "create_vpc", "VpcLimitExceeded", 0),
        ([(500, "InternalError"), (400, "AuthFailure")], "describe_vpcs", "AuthFailure", 0),
    ],
    ids=["may have had its effect", "had none", "reads"],
)
def test_only_a_call_that_may_have_had_its_effect_is_not_repeated(
    given: list[tuple[int, str]], call: str, expected: str, left: int
) -> None:
    server = Server(*given)
    arguments = {"CidrBlock": "10.0.0.0/16"} if call == "create_vpc" else {}
    with pytest.raises((LostAnswerError, ClientError), match=expected):
        getattr(client(server), call)(**arguments)
    assert len(server.left) == left
