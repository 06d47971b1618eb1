# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is eks_node_pools' own, beside the life that test_aws_life.py shows: replacements, releases, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import (
    PLATFORM,
    cluster_options,
    make_cluster,
    make_parents,
    node_groups,
    node_pool,
    pool_options,
    settled_update,
    theirs,
)
from tests.support.modules import Modules, Outcome
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def cluster(account: AwsServer) -> None:
    make_cluster(account, make_parents(account))


@pytest.fixture
def eks(account: AwsServer) -> Any:
    return account.client("eks")


def make(modules: Modules, *pools: dict[str, Any], **options: Any) -> Outcome:
    outcome = modules.run("eks_node_pools", **pool_options(*pools, **options))
    assert not outcome.failed, outcome.message
    return outcome


def refused(modules: Modules, words: str, *pools: dict[str, Any], **options: Any) -> Outcome:
    outcome = modules.run("eks_node_pools", **pool_options(*pools, **options))
    assert outcome.failed
    assert words in outcome.message
    return outcome


def scale(eks: Any, size: int) -> None:
    """Change the number of nodes by hand, and wait for it."""
    names = {"clusterName": PLATFORM, "nodegroupName": "general"}
    answer = eks.update_nodegroup_config(**names, scalingConfig={"desiredSize": size})
    settled_update(eks, answer, name=PLATFORM, nodegroupName="general")


def sizes(account: AwsServer) -> list[int]:
    return list(node_groups(account)["general"]["scalingConfig"].values())


def test_the_autoscalers_number_is_left_alone_unless_the_pool_sets_one(
    modules: Modules, account: AwsServer, eks: Any
) -> None:
    make(modules)
    scale(eks, 4)
    assert not make(modules).changed
    make(modules, node_pool(max_size=8))
    assert sizes(account) == [2, 8, 4]
    modules.quartet("eks_node_pools", **pool_options(node_pool(max_size=8, desired_size=3)))
    assert sizes(account) == [2, 8, 3]


def test_a_group_follows_its_cluster_to_a_new_version_and_is_never_ahead(modules: Modules, account: AwsServer) -> None:
    make(modules)
    refused(modules, "Update the cluster first", node_pool(version="1.36"))
    assert not modules.run("eks_cluster", **cluster_options(version="1.36")).failed
    outcome = modules.quartet("eks_node_pools", **pool_options())
    assert outcome.changes == [("update", "general version 1.36")]
    assert node_groups(account)["general"]["version"] == "1.36"


def test_an_old_release_of_the_image_is_told_and_replaced_where_that_is_asked(
    modules: Modules, account: AwsServer
) -> None:
    old = "1.35.1-20260101"
    theirs(
        account,
        "general",
        instanceTypes=["c5.2xlarge"],
        scalingConfig={"minSize": 2, "maxSize": 5, "desiredSize": 2},
        labels={"role": "general"},
        releaseVersion=old,
        tags={"Name": "general", "entasis.io/platform": PLATFORM, "entasis.io/pool": "general"},
    )
    assert f"runs AMI release {old}" in json.dumps(make(modules).result["warnings"])
    outcome = modules.quartet("eks_node_pools", **pool_options(node_pool(ami_release="latest")))
    assert outcome.changes == [("update", "general AMI release")]
    newest = node_groups(account)["general"]["releaseVersion"]
    assert newest > old
    assert outcome.result["node_pools"][0]["release"] == newest


def test_what_eks_cannot_change_is_replaced_without_losing_nodes(
    modules: Modules, account: AwsServer, eks: Any
) -> None:
    make(modules)
    scale(eks, 4)
    other = node_pool(instance_types=["c5.4xlarge"])
    refused(modules, "EKS cannot change instance_types from ['c5.2xlarge'] to ['c5.4xlarge']", other)
    outcome = modules.quartet("eks_node_pools", **pool_options({**other, "replacement": "delete"}))
    assert outcome.changes == [("replace", "general")]
    [(name, group)] = sorted(node_groups(account).items())
    assert name.startswith("general-")
    assert (group["instanceTypes"], group["scalingConfig"]["desiredSize"]) == (["c5.4xlarge"], 4)
    modules.quartet("eks_node_pools", **pool_options(node_pool(replacement="delete")))
    assert list(node_groups(account)) == ["general"]


def test_the_old_group_stays_until_the_new_one_is_active(modules: Modules, account: AwsServer) -> None:
    make(modules)
    account.control("POST", "settings", {"node_group": 2.0})
    process = modules.start("eks_node_pools", **pool_options(node_pool(disk_size=100, replacement="delete")))
    seen = set()
    while process.poll() is None:
        now = {name: group["status"] for name, group in node_groups(account).items()}
        seen.add((now.pop("general", "gone"), *now.values()))
    process.communicate()
    assert {("ACTIVE", "CREATING"), ("DELETING", "ACTIVE")} <= seen
    assert not {("DELETING", "CREATING"), ("gone", "CREATING"), ("DELETING",)} & seen


@pytest.mark.parametrize(("moment", "left"), [("CREATING", [("delete", "general left over")]), ("DELETING", [])])
def test_a_replacement_that_was_killed_goes_on(
    modules: Modules, account: AwsServer, moment: str, left: list[tuple[str, str]]
) -> None:
    make(modules)
    wanted = node_pool(disk_size=100, replacement="delete")
    account.control("POST", "settings", {"node_group": 2.5})
    first = modules.start("eks_node_pools", **pool_options(wanted))
    wait_until(lambda: moment in [group["status"] for group in node_groups(account).values()])
    first.kill()
    first.communicate()
    assert len(node_groups(account)) == 2
    account.control("POST", "settings", {"node_group": 0.2})
    assert make(modules, wanted).changes == left
    [(name, group)] = sorted(node_groups(account).items())
    assert (name.startswith("general-"), group["diskSize"]) == (True, 100)
    assert not make(modules, wanted).changed


def test_a_cluster_of_others_is_never_given_a_pool(modules: Modules, account: AwsServer) -> None:
    # In check mode the other platform's parents may be missing, so that the cluster itself is what is refused.
    outcome = modules.run("eks_node_pools", check=True, **{**pool_options(cluster=PLATFORM), "platform": "other"})
    assert outcome.failed
    assert "is not ours" in outcome.message
    assert node_groups(account) == {}


def test_a_group_that_aws_could_not_make_is_reported_and_made_again(modules: Modules, account: AwsServer) -> None:
    failure = {"operation": "CreateNodegroup", "code": "NodeCreationFailure", "message": "Instances failed to join"}
    account.control("POST", "eks/failures", failure)
    refused(
        modules,
        "is CREATE_FAILED: NodeCreationFailure: Instances failed to join. The nodes did not join: check the node role",
    )
    assert node_groups(account)["general"]["status"] == "CREATE_FAILED"
    again = modules.quartet("eks_node_pools", **pool_options())
    assert again.changes == [("delete", "general failed"), ("create", "general")]
    assert node_groups(account)["general"]["status"] == "ACTIVE"


def test_the_first_node_group_of_an_account_is_made_again_once_its_service_linked_role_is_there(
    modules: Modules, account: AwsServer
) -> None:
    message = "Amazon EKS Nodegroups was unable to assume the service-linked role in your account"
    failure = {"operation": "CreateNodegroup", "code": "AccessDenied", "message": message}
    account.control("POST", "eks/failures", failure)
    make(modules)
    assert node_groups(account)["general"]["status"] == "ACTIVE"
    for _failure in range(2):
        account.control("POST", "eks/failures", {**failure, "name": "other"})
    refused(modules, f"{message}. EKS makes that role with the first node group", node_pool(), node_pool("other"))


def test_pools_go_where_their_types_are_offered_and_are_refused_elsewhere(modules: Modules, account: AwsServer) -> None:
    # Of this region's zones, b alone offers no g5.
    gpu = node_pool("gpu", instance_types=["g5.xlarge"], ami_type="AL2023_x86_64_NVIDIA")
    refused(modules, "ap-northeast-2b offers no g5.xlarge. Zones of the region that offer all its types: ap-north", gpu)
    gpu["exact_subnets"] = False
    outcome = modules.quartet("eks_node_pools", **pool_options(gpu))
    assert "Its new node group is made in the other zones" in json.dumps(outcome.result["warnings"])
    subnets = node_groups(account)["gpu"]["subnets"]
    found = account.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
    assert [subnet["AvailabilityZone"] for subnet in found] == ["ap-northeast-2a"]
    make(modules, {**gpu, "disk_size": 100, "replacement": "delete"})
    assert [(group["diskSize"], group["subnets"]) for group in node_groups(account).values()] == [(100, subnets)]


def test_an_update_that_fails_is_reported_with_its_code_and_what_to_do(modules: Modules, account: AwsServer) -> None:
    # A /28 has 11 addresses for nodes: an update to 20 nodes runs out of them.
    cluster = account.client("eks").describe_cluster(name=PLATFORM)["cluster"]
    vpc = cluster["resourcesVpcConfig"]["vpcId"]
    account.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/28")
    make(modules, node_pool(subnets=["10.0.9.0/28"]))
    outcome = refused(
        modules,
        "the update of the node group 'general' (configuration) ended as Failed: InsufficientFreeAddresses",
        node_pool(subnets=["10.0.9.0/28"], min_size=20, max_size=20),
    )
    assert "add larger subnets" in outcome.message
