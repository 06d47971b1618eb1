# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which AWS call a request is, by plain WSGI environments."""

from __future__ import annotations

import io
from typing import Any

import pytest

from sandbox.aws.calls import Call, recognise

KEY = "AKIAIOSFODNN7EXAMPLE"


def environ(service: str, method: str = "POST", path: str = "/", body: bytes = b"", **headers: str) -> dict[str, Any]:
    credential = f"{KEY}/20260101/eu-west-1/{service}/aws4_request"
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5570",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        **headers,
    }


FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("given", "service", "operation"),
    [
        (environ("ec2", body=b"Action=DescribeVpcs&Version=2016-11-15", **FORM), "ec2", "DescribeVpcs"),
        (environ("iam", body=b"Action=ListRoles&Version=2010-05-08", **FORM), "iam", "ListRoles"),
        (environ("kms", HTTP_X_AMZ_TARGET="TrentService.ListKeys"), "kms", "ListKeys"),
        (environ("eks", "GET", "/clusters"), "eks", "ListClusters"),
        (environ("eks", "POST", "/clusters/x/node-groups/y/update-version"), "eks", "UpdateNodegroupVersion"),
        (environ("kafka", "GET", "/v1/clusters"), "kafka", "ListClusters"),
        (environ("s3", "PUT", "/bucket/key/of/an/object"), "s3", "PutObject"),
        (environ("monitoring", path="/service/GraniteService/operation/ListMetrics"), "monitoring", "ListMetrics"),
        (environ("eks", "GET", "/no/such/route"), "eks", "Unknown"),
        (environ("nonsense", "GET", "/"), "nonsense", "Unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_is_recognised(given: dict[str, Any], service: str, operation: str) -> None:
    assert recognise(given) == Call(service, operation, "eu-west-1", KEY)


def test_the_body_is_still_there_afterwards() -> None:
    body = b"Action=DescribeVpcs&Version=2016-11-15"
    given = environ("ec2", body=body, **FORM)
    recognise(given)
    assert given["wsgi.input"].read() == body


def test_a_presigned_request_gets_its_header() -> None:
    given = environ("sts", "GET")
    del given["HTTP_AUTHORIZATION"]
    given["QUERY_STRING"] = (
        f"Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential={KEY}%2F20260101%2Feu-west-1%2Fsts%2Faws4_request"
    )
    assert recognise(given) == Call("sts", "GetCallerIdentity", "eu-west-1", KEY)
    assert f"Credential={KEY}/20260101/eu-west-1/sts/aws4_request" in given["HTTP_AUTHORIZATION"]


@pytest.mark.parametrize("authorization", ["", "Bearer x", "AWS AKIA:signature", "AWS4-HMAC-SHA256 Credential=x"])
def test_a_request_without_a_signature_is_no_call(authorization: str) -> None:
    assert recognise(environ("ec2") | {"HTTP_AUTHORIZATION": authorization}) is None
