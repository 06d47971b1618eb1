# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is eks_cluster's own, beside the life that test_aws_life.py shows: its parts, its waits, and EKS's refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import PLATFORM, cluster_options, clusters, make_cluster, make_key, make_parents, theirs
from tests.support.modules import Modules, Outcome, finish
from tests.support.network import TAGS
from tests.support.waiting import wait_until

ABSENT: dict[str, Any] = {"platform": PLATFORM, "role": "eks_cluster", "state": "absent"}
BUSY = "because cluster demo currently has update 408c0738 in progress"
NEW_ROLE = "Role with arn: x, could not be assumed because it does not exist or the trusted entity is not correct"


@pytest.fixture(autouse=True)
def parents(account: AwsServer) -> dict[str, str]:
    make_key(account)
    return make_parents(account)


@pytest.fixture
def eks(account: AwsServer) -> Any:
    return account.client("eks")


def status(eks: Any) -> str:
    """The state of the cluster; empty where it is gone."""
    known = PLATFORM in eks.list_clusters()["clusters"]
    return str(eks.describe_cluster(name=PLATFORM)["cluster"]["status"]) if known else ""


def make(modules: Modules, **options: Any) -> Outcome:
    outcome = modules.run("eks_cluster", **cluster_options(**options))
    assert not outcome.failed, outcome.message
    return outcome


@pytest.mark.parametrize(
    ("made", "changed", "parts", "seen"),
    [
        (
            {"authentication_mode": "API_AND_CONFIG_MAP"},
            {
                "authentication_mode": "API",
                "logging": ["scheduler"],
                "public_access_cidrs": ["192.0.2.0/24"],
                "subnets": ["demo-private-a", "demo-private-b", "demo-private-extra"],
                "security_groups": ["nodes"],
                "deletion_protection": True,
                "upgrade_policy": "STANDARD",
                "tags": {"team": "data"},
            },
            [
                "tags",
                "deletion protection",
                "upgrade policy",
                "logging",
                "endpoint access",
                "subnets",
                "security groups",
                "authentication mode API",
            ],
            {
                "authentication": "API",
                "logs": {"scheduler"},
                "cidrs": {"192.0.2.0/24"},
                "subnets": {"demo-private-a", "demo-private-b", "demo-private-extra"},
                "groups": {"demo-nodes"},
                "deletionProtection": True,
                "upgradePolicy": {"supportType": "STANDARD"},
                "tags": {**TAGS, "entasis.io/role": "eks_cluster", "Name": PLATFORM, "team": "data"},
            },
        ),
        ({}, {"endpoint_public_access": False}, ["endpoint access"], {"endpointPublicAccess": False}),
        ({}, {"encryption_key": "alias/demo"}, ["encryption"], {"keys": ["alias/demo"]}),
        ({"version": "1.34"}, {"version": "1.36"}, ["version 1.35", "version 1.36"], {"version": "1.36"}),
        (
            {},
            {"subnets": ["demo-private-extra", "demo-private-b"]},
            ["subnets"],
            {"subnets": {"demo-private-extra", "demo-private-b"}},
        ),
    ],
    ids=["every kind", "a private endpoint", "a first key", "two versions", "other subnets of its zones"],
)
def test_a_change_is_made_part_by_part_and_nothing_else_changes(
    modules: Modules,
    account: AwsServer,
    made: dict[str, Any],
    changed: dict[str, Any],
    parts: list[str],
    seen: dict[str, Any],
) -> None:
    make(modules, **made)
    before = clusters(account)["demo"]
    outcome = modules.quartet("eks_cluster", **cluster_options(**changed))
    assert outcome.changes == [("update", f"demo {part}") for part in parts]
    # What a private endpoint lets in is not compared.
    [after] = ({**cluster, "cidrs": {**before, **seen}["cidrs"]} for cluster in clusters(account).values())
    assert after == {**before, **seen}


@pytest.mark.parametrize("zones", ["abc", "bc"])
def test_a_change_of_zones_leaves_the_control_plane_where_it_is(
    modules: Modules, account: AwsServer, zones: str
) -> None:
    """EKS refuses any other zones than those of the creation; nodes may use them."""
    make(modules)
    before = clusters(account)
    outcome = make(modules, subnets=[f"demo-private-{zone}" for zone in zones])
    assert outcome.changes == []
    assert "EKS keeps a control plane in the zones that it was made in" in str(outcome.result["warnings"])
    assert clusters(account) == before


def test_absent_says_which_node_groups_are_in_the_way(
    modules: Modules, account: AwsServer, eks: Any, parents: dict[str, str]
) -> None:
    make_cluster(account, parents)
    theirs(account, "theirs")
    outcome = modules.run("eks_cluster", **ABSENT)
    assert outcome.failed
    assert "Its node groups are: theirs. Remove them first, with eks_node_pools" in outcome.message
    assert status(eks) == "ACTIVE"


@pytest.mark.parametrize(
    ("slow", "begun", "options", "moment", "left"),
    [
        ("cluster", None, {}, "CREATING", []),
        ("update", "1.34", {"version": "1.36"}, "UPDATING", [("update", "demo version 1.36")]),
        ("cluster", "1.35", ABSENT, "DELETING", []),
    ],
    ids=["a creation", "an upgrade", "a removal"],
)
def test_an_operation_whose_run_was_killed_is_waited_for_and_not_repeated(
    modules: Modules,
    account: AwsServer,
    eks: Any,
    parents: dict[str, str],
    slow: str,
    begun: str | None,
    options: dict[str, Any],
    moment: str,
    left: list[tuple[str, str]],
) -> None:
    if begun:
        make_cluster(account, parents, begun)
    account.control("POST", "settings", {slow: 3.0})
    wanted = options if options is ABSENT else cluster_options(**options)
    first = modules.start("eks_cluster", **wanted)
    wait_until(lambda: status(eks) == moment)
    first.kill()
    first.communicate()
    account.control("POST", "settings", {"update": 0.2})
    second = modules.run("eks_cluster", **wanted)
    assert not second.failed, second.message
    assert second.changes == left
    assert status(eks) == ("" if options is ABSENT else "ACTIVE")


def test_a_wait_may_be_left_out_or_too_short_and_a_new_run_goes_on(
    modules: Modules, account: AwsServer, eks: Any
) -> None:
    account.control("POST", "settings", {"cluster": 4.0})
    make(modules, wait=False)
    assert status(eks) == "CREATING"
    outcome = modules.run("eks_cluster", **cluster_options(wait_timeout=1))
    assert outcome.failed
    assert "is still CREATING after 1 s. A new run goes on from there." in outcome.message
    assert make(modules).changes == []
    assert status(eks) == "ACTIVE"


def refuse(account: AwsServer, operation: str, code: str, message: str, **more: Any) -> None:
    """Have the emulated EKS refuse calls of an operation."""
    fault = {"service": "eks", "operation": operation, "kind": "error", "code": code, "message": message}
    account.control("POST", "faults", {**fault, "status": 400, **more})


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("DescribeCluster", "ResourceNotFoundException", "No cluster found for name: demo."),
        ("DescribeCluster", "ClientException", "No cluster found for name: demo."),
        ("CreateCluster", "InvalidParameterException", NEW_ROLE),
        ("UpdateClusterConfig", "ResourceInUseException", f"Cannot LoggingUpdate {BUSY}"),
        ("DeleteCluster", "ResourceInUseException", f"Cannot delete {BUSY}"),
    ],
)
def test_a_refusal_that_passes_is_waited_out(
    modules: Modules, account: AwsServer, eks: Any, operation: str, code: str, message: str
) -> None:
    refuse(account, operation, code, message, count=3)
    make(modules)
    assert status(eks) == "ACTIVE"
    make(modules, logging=["api"])
    assert clusters(account)[PLATFORM]["logs"] == {"api"}
    assert modules.run("eks_cluster", **ABSENT).changes == [("delete", "demo")]
    assert account.control("GET", "faults") == []
    assert status(eks) == ""


def test_credentials_that_expire_in_a_wait_are_told_with_what_to_do(
    modules: Modules, account: AwsServer, eks: Any
) -> None:
    account.control("POST", "settings", {"cluster": 30.0})
    run = modules.start("eks_cluster", **cluster_options())
    wait_until(lambda: status(eks) == "CREATING")
    refuse(account, "DescribeCluster", "ExpiredTokenException", "The security token is expired")
    outcome = finish(run)
    assert outcome.failed
    assert "ExpiredTokenException: The security token is expired. Renew the AWS credentials." in outcome.message


def test_a_cluster_that_aws_could_not_make_is_reported_and_left_to_the_user(
    modules: Modules, account: AwsServer, eks: Any
) -> None:
    failure = {"operation": "CreateCluster", "code": "InsufficientFreeAddresses", "message": "No address is free"}
    account.control("POST", "eks/failures", failure)
    for words in ("is FAILED: InsufficientFreeAddresses: No address is free. Free addresses", "with state: absent"):
        outcome = modules.run("eks_cluster", **cluster_options())
        assert outcome.failed
        assert words in outcome.message
    assert status(eks) == "FAILED"
    modules.quartet("eks_cluster", **ABSENT)
    make(modules)
    assert status(eks) == "ACTIVE"
