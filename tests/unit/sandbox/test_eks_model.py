# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes and the validation that come from botocore's model of EKS."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.eks.api import OPERATIONS
from sandbox.eks.model import EksError, parameters, route

ARN = "arn:aws:iam::1:role/team/x"
QUOTED = "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fteam%2Fx"
POLICY = "arn%3Aaws%3Aeks%3A%3Aaws%3Acluster-access-policy%2FAmazonEKSViewPolicy"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/clusters", ("ListClusters", {})),
        ("POST", "/clusters", ("CreateCluster", {})),
        ("GET", "/clusters/prod", ("DescribeCluster", {"name": "prod"})),
        ("POST", "/clusters/prod/update-config", ("UpdateClusterConfig", {"name": "prod"})),
        ("GET", "/addons/supported-versions", ("DescribeAddonVersions", {})),
        (
            "DELETE",
            f"/clusters/prod/access-entries/{QUOTED}/access-policies/{POLICY}",
            (
                "DisassociateAccessPolicy",
                {
                    "name": "prod",
                    "principalArn": ARN,
                    "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                },
            ),
        ),
        ("PATCH", "/clusters", None),
        ("GET", "/nonsense", None),
    ],
)
def test_routes(method: str, path: str, expected: Any) -> None:
    assert route(method, path) == expected


def test_every_operation_answered_is_one_of_eks() -> None:
    from botocore.session import get_session

    assert OPERATIONS.keys() <= set(get_session().get_service_model("eks").operation_names)


def test_parameters_come_from_path_query_and_body() -> None:
    found = parameters("ListNodegroups", {"name": "prod"}, "maxResults=5&nextToken=a%3Db", b"")
    assert found == {"clusterName": "prod", "maxResults": 5, "nextToken": "a=b"}
    found = parameters("UntagResource", {"resourceArn": ARN}, "tagKeys=a&tagKeys=b", b"")
    assert found == {"resourceArn": ARN, "tagKeys": ["a", "b"]}
    found = parameters("DescribeClusterVersions", {}, "defaultOnly=true", b"")
    assert found == {"defaultOnly": True}


def test_all_problems_are_named_at_once() -> None:
    body = (
        b'{"nodegroupName": 5, "subnets": "a", "scalingConfig": {"minSize": -1}, "labels": {"": "x"}, "amiType": "X"}'
    )
    with pytest.raises(EksError) as caught:
        parameters("CreateNodegroup", {"name": "prod"}, "", body)
    assert caught.value.code == "InvalidParameterException"
    assert caught.value.status == 400
    for problem in (
        "nodeRole: missing",
        "nodegroupName: expected string, got int",
        "subnets: expected list, got str",
        "scalingConfig.minSize: -1 is below the minimum 0",
        "labels key '': the length 0 is below the minimum 1",
        "amiType: 'X' is not one of",
    ):
        assert problem in caught.value.message


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(EksError) as caught:
        parameters("CreateCluster", {}, "", b"name=prod")
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize(
    ("code", "status"),
    [("ResourceInUseException", 409), ("ResourceNotFoundException", 404), ("NotImplemented", 501)],
)
def test_errors_have_the_status_of_the_model(code: str, status: int) -> None:
    assert EksError(code, "x").status == status
