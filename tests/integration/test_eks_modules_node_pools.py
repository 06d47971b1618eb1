# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""eks_node_pools against the emulated EKS, judged by boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import (
    PLATFORM,
    cluster_options,
    make_cluster,
    make_parents,
    node_pool,
    pool_options,
    settled_update,
)
from tests.support.modules import Modules, Outcome
from tests.support.waiting import wait_until

QUICK = {"cluster": 0.0, "update": 0.2, "node_group": 0.2, "node": 0.0}
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


@pytest.fixture
def server(account: AwsServer) -> Iterator[AwsServer]:
    """A server with an empty account, where everything is quick."""
    account.control("POST", "settings", QUICK)
    yield account
    account.control("POST", "settings", QUICK)


@pytest.fixture
def empty(server: AwsServer) -> Modules:
    """The modules against the empty account."""
    return Modules(server)


@pytest.fixture
def eks(server: AwsServer) -> Any:
    return server.client("eks")


@pytest.fixture
def modules(empty: Modules, server: AwsServer) -> Modules:
    """The modules against an account that has the platform's cluster."""
    make_cluster(server, make_parents(server))
    return empty


def make(modules: Modules, *pools: dict[str, Any], **options: Any) -> Outcome:
    outcome = modules.run("eks_node_pools", **pool_options(*pools, **options))
    assert not outcome.failed, outcome.message
    return outcome


def groups(eks: Any) -> dict[str, dict[str, Any]]:
    """The cluster's node groups by their names; one that goes while they are read is left out."""
    found = {}
    for name in eks.list_nodegroups(clusterName=PLATFORM)["nodegroups"]:
        with suppress(eks.exceptions.ResourceNotFoundException):
            found[name] = eks.describe_nodegroup(clusterName=PLATFORM, nodegroupName=name)["nodegroup"]
    return found


def update(eks: Any, group: str = "general", **changed: Any) -> None:
    """Change a node group by hand, and wait for it."""
    answer = eks.update_nodegroup_config(clusterName=PLATFORM, nodegroupName=group, **changed)
    settled_update(eks, answer, name=PLATFORM, nodegroupName=group)


def test_check_mode_on_an_empty_account_plans_what_a_real_run_then_makes(
    empty: Modules, eks: Any, server: AwsServer
) -> None:
    options = pool_options(node_pool(), node_pool("data", instance_types=["r5.2xlarge"], max_size=8))
    foreseen = empty.run("eks_node_pools", check=True, **options)
    assert not foreseen.failed, foreseen.message
    assert foreseen.changes == [("create", "general"), ("create", "data")]
    make_parents(server)
    assert not empty.run("eks_cluster", **cluster_options()).failed
    done = empty.run("eks_node_pools", **options)
    assert done.result["changes"] == foreseen.result["changes"]
    assert done.result["diff"] == foreseen.result["diff"]
    assert set(groups(eks)) == {"general", "data"}


def test_a_run_names_what_is_missing(empty: Modules, server: AwsServer) -> None:
    outcome = empty.run("eks_node_pools", **pool_options())
    assert outcome.failed
    assert len(outcome.result["problems"]) == 3
    make_parents(server)
    outcome = empty.run("eks_node_pools", **pool_options())
    assert outcome.failed
    assert "EKS cluster 'demo' does not exist" in outcome.message


def test_the_pools_of_the_document_are_made_as_asked(modules: Modules, eks: Any) -> None:
    pools = (
        node_pool("general", min_size=3, max_size=10),
        node_pool(
            "ai-inference",
            instance_types=["g4dn.xlarge"],
            ami_type="AL2023_x86_64_NVIDIA",
            disk_size=100,
            labels={"role": "ai-inference", "nvidia.com/gpu.present": "true"},
            taints=[GPU_TAINT],
        ),
        node_pool("data-processing", instance_types=["r5.2xlarge"], max_size=8, max_unavailable=2, tags={"a": "b"}),
    )
    outcome = modules.quartet("eks_node_pools", **pool_options(*pools, tags={"team": "data"}))
    made = groups(eks)
    assert {name: group["status"] for name, group in made.items()} == dict.fromkeys(made, "ACTIVE")
    assert {name: list(group["scalingConfig"].values()) for name, group in made.items()} == {
        "general": [3, 10, 3],
        "ai-inference": [2, 5, 2],
        "data-processing": [2, 8, 2],
    }
    gpu = made["ai-inference"]
    assert gpu["instanceTypes"] == ["g4dn.xlarge"]
    assert gpu["amiType"] == "AL2023_x86_64_NVIDIA"
    assert gpu["diskSize"] == 100
    assert gpu["labels"] == {"role": "ai-inference", "nvidia.com/gpu.present": "true"}
    assert gpu["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]
    assert gpu["version"] == "1.35"
    data = made["data-processing"]
    assert data["updateConfig"]["maxUnavailable"] == 2
    assert data["tags"] == {
        "a": "b",
        "team": "data",
        "Name": "data-processing",
        "entasis.io/platform": PLATFORM,
        "entasis.io/role": "eks_node_pools",
        "entasis.io/pool": "data-processing",
    }
    assert [pool["name"] for pool in outcome.result["node_pools"]] == ["ai-inference", "data-processing", "general"]


def test_independent_pools_are_made_at_the_same_time(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control("POST", "settings", {"node_group": 2.0})
    make(modules, *(node_pool(name) for name in ("one", "two", "three")))
    created = [group["createdAt"] for group in groups(eks).values()]
    assert len(created) == 3
    assert (max(created) - min(created)).total_seconds() < 2.0, "one after another, each would have waited 2 s"


DRIFTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "scaled outside": (
        {"scalingConfig": {"minSize": 1, "maxSize": 9, "desiredSize": 9}},
        {"min_size": 1, "max_size": 9, "desired_size": 9},
        {"min_size": 2, "max_size": 5, "desired_size": 5},
    ),
    "several at once": (
        {
            "labels": {"addOrUpdateLabels": {"extra": "1"}, "removeLabels": ["role"]},
            "taints": {
                "addOrUpdateTaints": [
                    {"key": "nvidia.com/gpu", "value": "no", "effect": "NO_SCHEDULE"},
                    {"key": "spot", "effect": "NO_EXECUTE"},
                ]
            },
            "updateConfig": {"maxUnavailablePercentage": 50},
        },
        {
            "max_unavailable": "50%",
            "labels": {"extra": "1"},
            "taints": [{**GPU_TAINT, "value": "no"}, {"key": "spot", "value": "", "effect": "NoExecute"}],
        },
        {"max_unavailable": 1, "labels": {"role": "general"}, "taints": [GPU_TAINT]},
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_seen_named_and_mended_and_nothing_else_changes(modules: Modules, eks: Any, drift: str) -> None:
    options = pool_options(node_pool(taints=[GPU_TAINT]), node_pool("data"))
    assert not modules.run("eks_node_pools", **options).failed
    before = groups(eks)
    change, shown_before, shown_after = DRIFTS[drift]
    update(eks, **change)
    outcome = modules.quartet("eks_node_pools", **options)
    assert outcome.changes == [("update", "general configuration")]
    name = "node_group/general (configuration)"
    assert outcome.result["diff"] == {"before": {name: shown_before}, "after": {name: shown_after}}
    after = groups(eks)
    if drift == "scaled outside":
        assert after["general"]["scalingConfig"].pop("desiredSize") == 5
        before["general"]["scalingConfig"].pop("desiredSize")
    assert undated(after) == undated(before)


def undated(described: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {k: v for k, v in group.items() if k != "modifiedAt"} for name, group in described.items()}


def test_tags_that_were_removed_come_back(modules: Modules, eks: Any) -> None:
    make(modules, tags={"team": "data"})
    before = groups(eks)["general"]
    lost = ["Name", "entasis.io/platform", "entasis.io/pool", "team"]
    eks.untag_resource(resourceArn=before["nodegroupArn"], tagKeys=lost)
    outcome = modules.quartet("eks_node_pools", **pool_options(tags={"team": "data"}))
    assert outcome.changes == [("update", "general tags")]
    assert set(outcome.result["diff"]["after"]["node_group/general (tags)"]["tags"]) == set(lost)
    assert groups(eks)["general"] == before


def test_the_autoscalers_number_is_left_alone_unless_the_pool_sets_one(modules: Modules, eks: Any) -> None:
    make(modules)
    update(eks, scalingConfig={"desiredSize": 4})
    assert not make(modules).changed
    make(modules, node_pool(max_size=8))
    assert groups(eks)["general"]["scalingConfig"] == {"minSize": 2, "maxSize": 8, "desiredSize": 4}
    modules.quartet("eks_node_pools", **pool_options(node_pool(max_size=8, desired_size=3)))
    assert groups(eks)["general"]["scalingConfig"] == {"minSize": 2, "maxSize": 8, "desiredSize": 3}


def test_a_group_follows_its_cluster_to_a_new_version(modules: Modules, eks: Any) -> None:
    make(modules)
    assert not modules.run("eks_cluster", **cluster_options(version="1.36")).failed
    outcome = modules.quartet("eks_node_pools", **pool_options())
    assert outcome.changes == [("update", "general version 1.36")]
    assert groups(eks)["general"]["version"] == "1.36"


def test_a_version_ahead_of_the_cluster_or_behind_the_group_is_refused(modules: Modules) -> None:
    make(modules)
    for version, words in (("1.36", "Update the cluster first"), ("1.34", "cannot go back to 1.34")):
        outcome = modules.run("eks_node_pools", **pool_options(node_pool(version=version)))
        assert outcome.failed
        assert words in outcome.message


def test_what_eks_cannot_change_is_replaced_without_losing_nodes(modules: Modules, eks: Any) -> None:
    make(modules)
    update(eks, scalingConfig={"desiredSize": 4})
    other = node_pool(instance_types=["c5.4xlarge"])
    refused = modules.run("eks_node_pools", **pool_options(other))
    assert refused.failed
    assert "EKS cannot change instance_types from ['c5.2xlarge'] to ['c5.4xlarge']" in refused.message
    other["replacement"] = "delete"
    outcome = modules.quartet("eks_node_pools", **pool_options(other))
    assert outcome.changes == [("replace", "general")]
    [(name, group)] = list(groups(eks).items())
    assert name.startswith("general-")
    assert group["instanceTypes"] == ["c5.4xlarge"]
    assert group["scalingConfig"]["desiredSize"] == 4
    shown = outcome.result["diff"]
    assert shown["before"]["node_group/general"] == {"node_group": "general", "instance_types": ["c5.2xlarge"]}
    assert shown["after"]["node_group/general"] == {"node_group": name, "instance_types": ["c5.4xlarge"]}
    modules.quartet("eks_node_pools", **pool_options(node_pool(replacement="delete")))
    assert list(groups(eks)) == ["general"]


def test_the_old_group_stays_until_the_new_one_is_active(modules: Modules, eks: Any, server: AwsServer) -> None:
    make(modules)
    server.control("POST", "settings", {"node_group": 2.0})
    process = modules.start("eks_node_pools", **pool_options(node_pool(disk_size=100, replacement="delete")))
    seen = set()
    while process.poll() is None:
        now = groups(eks)
        new = [group["status"] for name, group in now.items() if name != "general"]
        seen.add((now["general"]["status"] if "general" in now else "gone", *new))
    process.communicate()
    assert ("ACTIVE", "CREATING") in seen
    assert ("DELETING", "ACTIVE") in seen
    assert not {("DELETING", "CREATING"), ("gone", "CREATING"), ("DELETING",)} & seen


@pytest.mark.parametrize("moment", ["CREATING", "DELETING"])
def test_a_replacement_that_was_killed_goes_on(modules: Modules, eks: Any, server: AwsServer, moment: str) -> None:
    make(modules)
    wanted = pool_options(node_pool(disk_size=100, replacement="delete"))
    server.control("POST", "settings", {"node_group": 2.5})
    first = modules.start("eks_node_pools", **wanted)
    wait_until(lambda: moment in [group["status"] for group in groups(eks).values()])
    first.kill()
    first.communicate()
    assert len(groups(eks)) == 2
    server.control("POST", "settings", {"node_group": 0.2})
    second = modules.run("eks_node_pools", **wanted)
    assert not second.failed, second.message
    assert second.changes == ([("delete", "general left over")] if moment == "CREATING" else [])
    [(name, group)] = list(groups(eks).items())
    assert name.startswith("general-")
    assert group["diskSize"] == 100
    assert not modules.run("eks_node_pools", **wanted).changed


def test_a_creation_that_was_killed_goes_on_without_a_duplicate(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control("POST", "settings", {"node_group": 4.0})
    options = pool_options(node_pool(), node_pool("data"))
    first = modules.start("eks_node_pools", **options)
    wait_until(lambda: bool(groups(eks)))
    first.kill()
    first.communicate()
    begun = {name: group["nodegroupArn"] for name, group in groups(eks).items()}
    second = modules.run("eks_node_pools", **options)
    assert not second.failed, second.message
    after = groups(eks)
    assert {name: group["status"] for name, group in after.items()} == {"general": "ACTIVE", "data": "ACTIVE"}
    assert {name: after[name]["nodegroupArn"] for name in begun} == begun
    assert not modules.run("eks_node_pools", **options).changed


def test_a_pool_that_left_the_set_stays_until_it_is_purged(modules: Modules, eks: Any) -> None:
    make(modules, node_pool(), node_pool("old"))
    kept = make(modules)
    assert not kept.changed
    assert kept.result["unlisted"] == ["old"]
    assert "Write purge: true" in json.dumps(kept.result["warnings"])
    assert set(groups(eks)) == {"general", "old"}
    outcome = modules.quartet("eks_node_pools", **pool_options(purge=True))
    assert outcome.changes == [("delete", "old")]
    assert set(groups(eks)) == {"general"}


def test_absent_removes_every_pool_of_ours_and_nothing_else(modules: Modules, eks: Any, server: AwsServer) -> None:
    make(modules, node_pool(), node_pool("data"))
    theirs(eks, server, "theirs")
    outcome = modules.quartet("eks_node_pools", platform=PLATFORM, role="eks_node_pools", state="absent")
    assert sorted(outcome.changes) == [("delete", "data"), ("delete", "general")]
    assert set(groups(eks)) == {"theirs"}


def test_absent_without_a_cluster_has_nothing_to_do(empty: Modules) -> None:
    outcome = empty.run("eks_node_pools", platform=PLATFORM, role="eks_node_pools", state="absent")
    assert not outcome.failed, outcome.message
    assert not outcome.changed


def theirs(eks: Any, server: AwsServer, name: str, **more: Any) -> dict[str, Any]:
    """A node group that somebody else made in our cluster."""
    role = server.client("iam").get_role(RoleName="demo-eks-node")["Role"]["Arn"]
    subnets = eks.describe_cluster(name=PLATFORM)["cluster"]["resourcesVpcConfig"]["subnetIds"]
    eks.create_nodegroup(clusterName=PLATFORM, nodegroupName=name, subnets=subnets, nodeRole=role, **more)
    wait_until(lambda: groups(eks)[name]["status"] == "ACTIVE")
    return groups(eks)[name]


def test_a_group_of_others_is_never_touched(modules: Modules, eks: Any, server: AwsServer) -> None:
    before = theirs(eks, server, "general")
    outcome = modules.run("eks_node_pools", **pool_options())
    assert outcome.failed
    assert "is not ours and is left alone" in outcome.message
    assert make(modules, node_pool("data"), purge=True).changes == [("create", "data")]
    assert groups(eks)["general"] == before


def test_a_cluster_of_others_is_never_given_a_pool(modules: Modules, eks: Any) -> None:
    # In check mode the other platform's parents may be missing, so that the cluster itself is what is refused.
    outcome = modules.run("eks_node_pools", check=True, **{**pool_options(cluster=PLATFORM), "platform": "other"})
    assert outcome.failed
    assert "is not ours" in outcome.message
    assert groups(eks) == {}


def test_mistakes_are_all_named_before_any_call(empty: Modules, server: AwsServer) -> None:
    server.control("DELETE", "calls")
    options = pool_options(node_pool(min_size=5, max_size=3), node_pool(), node_pool("x", instance_types=[]))
    outcome = empty.run("eks_node_pools", **options)
    assert outcome.failed
    assert len(outcome.result["problems"]) == 3
    assert server.control("GET", "calls")["total"] == 0


def test_a_group_that_aws_could_not_make_is_reported_and_made_again(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    failure = {"operation": "CreateNodegroup", "code": "NodeCreationFailure", "message": "Instances failed to join"}
    server.control("POST", "eks/failures", failure)
    outcome = modules.run("eks_node_pools", **pool_options())
    assert outcome.failed
    assert "is CREATE_FAILED: NodeCreationFailure: Instances failed to join." in outcome.message
    assert "check the node role, the subnets' routes and the security groups" in outcome.message
    assert groups(eks)["general"]["status"] == "CREATE_FAILED"
    again = modules.quartet("eks_node_pools", **pool_options())
    assert again.changes == [("delete", "general failed"), ("create", "general")]
    assert groups(eks)["general"]["status"] == "ACTIVE"


def test_the_first_node_group_of_an_account_is_made_again_once_its_service_linked_role_is_there(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    message = "Amazon EKS Nodegroups was unable to assume the service-linked role in your account"
    failure = {"operation": "CreateNodegroup", "code": "AccessDenied", "message": message}
    server.control("POST", "eks/failures", failure)
    make(modules)
    assert groups(eks)["general"]["status"] == "ACTIVE"
    for _failure in range(2):
        server.control("POST", "eks/failures", {**failure, "name": "other"})
    outcome = modules.run("eks_node_pools", **pool_options(node_pool(), node_pool("other")))
    assert outcome.failed
    assert "service-linked role in your account. EKS makes that role with the first node group" in outcome.message


def test_pools_go_where_their_types_are_offered_and_are_refused_elsewhere(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    # Of this region's zones, b alone offers no g5.
    gpu = node_pool("gpu", instance_types=["g5.xlarge"], ami_type="AL2023_x86_64_NVIDIA")
    for check in (True, False):
        outcome = modules.run("eks_node_pools", check=check, **pool_options(gpu))
        assert outcome.failed
        assert "ap-northeast-2b offers no g5.xlarge" in outcome.message
        assert "ap-northeast-2a, ap-northeast-2c" in outcome.message
    outcome = modules.quartet("eks_node_pools", **pool_options({**gpu, "exact_subnets": False}))
    assert "Its new node group is made in the other zones" in json.dumps(outcome.result["warnings"])
    found = server.client("ec2").describe_subnets(SubnetIds=groups(eks)["gpu"]["subnets"])["Subnets"]
    assert [subnet["AvailabilityZone"] for subnet in found] == ["ap-northeast-2a"]
    make(modules, {**gpu, "exact_subnets": False, "disk_size": 100, "replacement": "delete"})
    assert [group["diskSize"] for group in groups(eks).values()] == [100]
    nowhere = node_pool("other", instance_types=["c6a.xlarge"])
    outcome = modules.run("eks_node_pools", check=True, **pool_options({**nowhere, "exact_subnets": False}))
    assert outcome.failed
    assert "this region offers no c6a.xlarge" in outcome.message


def test_an_old_release_of_the_image_is_told_and_replaced_where_that_is_asked(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    theirs(
        eks,
        server,
        "general",
        instanceTypes=["c5.2xlarge"],
        scalingConfig={"minSize": 2, "maxSize": 5, "desiredSize": 2},
        labels={"role": "general"},
        releaseVersion="1.35.1-20260101",
        tags={"Name": "general", "entasis.io/platform": PLATFORM, "entasis.io/pool": "general"},
    )
    told = make(modules)
    assert "runs AMI release 1.35.1-20260101" in json.dumps(told.result["warnings"])
    outcome = modules.quartet("eks_node_pools", **pool_options(node_pool(ami_release="latest")))
    assert outcome.changes == [("update", "general AMI release")]
    newest = groups(eks)["general"]["releaseVersion"]
    assert newest > "1.35.1-20260101"
    assert outcome.result["node_pools"][0]["release"] == newest


def test_a_replacement_whose_new_group_fails_keeps_the_old_one_and_is_tried_again(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    make(modules)
    server.control("POST", "eks/failures", {"operation": "CreateNodegroup"})
    wanted = pool_options(node_pool(disk_size=100, replacement="delete"))
    outcome = modules.run("eks_node_pools", **wanted)
    assert outcome.failed
    assert "CREATE_FAILED" in outcome.message
    assert groups(eks)["general"]["status"] == "ACTIVE"
    again = modules.quartet("eks_node_pools", **wanted)
    assert [action for action, _name in again.changes] == ["delete", "replace"]
    assert [group["diskSize"] for group in groups(eks).values()] == [100]


def test_an_update_that_fails_is_reported_with_its_code_and_what_to_do(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    # A /28 has 11 addresses for nodes: an update to 20 nodes runs out of them.
    vpc = eks.describe_cluster(name=PLATFORM)["cluster"]["resourcesVpcConfig"]["vpcId"]
    tags = [{"Key": "Name", "Value": "demo-small"}, {"Key": "entasis.io/platform", "Value": PLATFORM}]
    server.client("ec2").create_subnet(
        VpcId=vpc, CidrBlock="10.0.9.0/28", TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}]
    )
    make(modules, node_pool(subnets=["demo-small"]))
    outcome = modules.run("eks_node_pools", **pool_options(node_pool(subnets=["demo-small"], min_size=20, max_size=20)))
    assert outcome.failed
    assert "the update of the node group 'general' (configuration) ended as Failed" in outcome.message
    assert "InsufficientFreeAddresses" in outcome.message
    assert "add larger subnets" in outcome.message


def test_one_pool_that_fails_does_not_undo_the_other(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control("POST", "eks/failures", {"operation": "CreateNodegroup", "name": "x"})
    outcome = modules.run("eks_node_pools", **pool_options(node_pool(), node_pool("x")))
    assert outcome.failed
    assert "the node group 'x' is CREATE_FAILED" in outcome.message
    assert outcome.changes == [("create", "general")]
    assert [(change["action"], change["name"]) for change in outcome.result["not_applied"]] == [("create", "x")]
    assert groups(eks)["general"]["status"] == "ACTIVE"


def test_a_wait_that_is_too_short_says_what_was_still_so_and_a_new_run_goes_on(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    server.control("POST", "settings", {"node_group": 4.0})
    outcome = modules.run("eks_node_pools", **pool_options(wait_timeout=1))
    assert outcome.failed
    assert "the node group 'general' is still CREATING after 1 s" in outcome.message
    assert not make(modules).changed
    assert groups(eks)["general"]["status"] == "ACTIVE"
