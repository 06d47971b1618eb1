# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for AWS, and creating what has no idempotency token, without any AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
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


def test_a_refusal_that_passes_is_waited_out() -> None:
    call = answers(refusal("DependencyViolation"), refusal("InvalidIPAddress.InUse"), "gone")
    assert retry(call, still_used, pause=0) == "gone"


def test_another_refusal_is_not() -> None:
    with pytest.raises(ClientError, match=r"InvalidVpcID\.NotFound"):
        retry(answers(refusal("InvalidVpcID.NotFound"), "never"), still_used, pause=0)


def test_a_refusal_that_does_not_pass_is_told_when_the_time_is_over() -> None:
    with pytest.raises(ClientError, match="NotFound"):
        retry(answers(refusal("InvalidGroup.NotFound"), "never"), not_found, limit=0, pause=0.01)


LOST = LostAnswerError("AWS answered InternalError: Sorry.")
CLOSED = ConnectionClosedError(endpoint_url="http://127.0.0.1")


@pytest.mark.parametrize("lost", [LOST, CLOSED])
def test_what_was_made_although_the_answer_was_lost_is_found(lost: Exception) -> None:
    made = {"VpcId": "vpc-1"}
    assert create_once(answers(lost, AssertionError("made twice")), answers([made]), pause=0) is made


def test_what_was_not_made_is_made_at_the_next_attempt() -> None:
    assert create_once(answers(LOST, CLOSED, {"VpcId": "vpc-2"}), answers([], []), pause=0) == {"VpcId": "vpc-2"}


def test_the_last_failure_is_told() -> None:
    with pytest.raises(LostAnswerError, match="Sorry"):
        create_once(answers(*[LOST] * ATTEMPTS), answers(*[[]] * ATTEMPTS), pause=0)


def test_a_refusal_of_a_creation_is_told_at_once() -> None:
    with pytest.raises(ClientError):
        create_once(answers(refusal("VpcLimitExceeded")), answers(AssertionError("looked")), pause=0)


class Server:
    """Answers a client's requests from a list of (status, error code), and counts them."""

    def __init__(self, *given: tuple[int, str]) -> None:
        self.left = list(given)

    def __call__(self, **_request: Any) -> AWSResponse:
        status, code = self.left.pop(0)
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>Sorry</Message></Error></Errors></Response>"
        return AWSResponse("http://127.0.0.1", status, {}, _Raw(body.encode()))


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_options: Any) -> list[bytes]:
        return [self._body]


def client(server: Server) -> Any:
    keys: Mapping[str, str] = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "never-sent"}
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    ec2 = boto3.client("ec2", region_name="ap-northeast-2", config=config, **keys)
    ec2.meta.events.register("before-send.ec2", server)
    stop_blind_retries(ec2, ["CreateVpc"])
    return ec2


def test_only_a_call_that_may_have_had_its_effect_is_not_repeated() -> None:
    lost = Server((500, "InternalError"), (200, "unused"))
    with pytest.raises(LostAnswerError, match="AWS answered InternalError: Sorry"):
        client(lost).create_vpc(CidrBlock="10.0.0.0/16")
    assert len(lost.left) == 1

    throttled = Server((503, "RequestLimitExceeded"), (400, "VpcLimitExceeded"))
    with pytest.raises(ClientError, match="VpcLimitExceeded"):
        client(throttled).create_vpc(CidrBlock="10.0.0.0/16")
    assert throttled.left == []

    reading = Server((500, "InternalError"), (400, "AuthFailure"))
    with pytest.raises(ClientError, match="AuthFailure"):
        client(reading).describe_vpcs()
    assert reading.left == []
