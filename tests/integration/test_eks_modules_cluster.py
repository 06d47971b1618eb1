# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""eks_cluster against the emulated EKS, judged by boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.cluster.plan import DEFAULT_VERSION
from botocore.exceptions import ClientError

from tests.support.aws_server import AwsServer
from tests.support.eks import PLATFORM, cluster_options, make_parents, settled_update
from tests.support.modules import Modules, Outcome, finish
from tests.support.waiting import wait_until

QUICK = {"cluster": 0.3, "update": 0.3, "node_group": 0.3, "node": 0.0}


@pytest.fixture
def server(account: AwsServer) -> Iterator[AwsServer]:
    """A server with an empty account, where everything is quick."""
    account.control("POST", "settings", QUICK)
    yield account
    account.control("POST", "settings", QUICK)


@pytest.fixture
def modules(server: AwsServer) -> Modules:
    """The modules against the empty account."""
    return Modules(server)


@pytest.fixture
def parents(server: AwsServer) -> dict[str, str]:
    return make_parents(server)


@pytest.fixture
def eks(server: AwsServer) -> Any:
    return server.client("eks")


def cluster(eks: Any) -> dict[str, Any]:
    described: dict[str, Any] = eks.describe_cluster(name=PLATFORM)["cluster"]
    return described


def gone(eks: Any) -> bool:
    return eks.list_clusters()["clusters"] == []


def make(modules: Modules, **options: Any) -> Outcome:
    outcome = modules.run("eks_cluster", **cluster_options(**options))
    assert not outcome.failed, outcome.message
    return outcome


def test_check_mode_on_an_empty_account_plans_the_creation(modules: Modules, eks: Any) -> None:
    outcome = modules.run("eks_cluster", check=True, **cluster_options(security_groups=["nodes"], encryption_key="k"))
    assert not outcome.failed, outcome.message
    assert outcome.changes == [("create", PLATFORM)]
    assert outcome.result["cluster"]["endpoint"] == "(known after apply)"
    assert gone(eks)


def test_a_run_names_every_missing_parent_at_once(modules: Modules, eks: Any) -> None:
    outcome = modules.run("eks_cluster", **cluster_options(security_groups=["nodes"]))
    assert outcome.failed
    assert [problem.split(" does not exist")[0] for problem in outcome.result["problems"]] == [
        "VPC 'demo'",
        "subnet 'demo-private-a'",
        "subnet 'demo-private-b'",
        "security group 'nodes'",
        "IAM role 'demo-eks-cluster'",
    ]
    assert gone(eks)


def test_a_cluster_is_made_as_asked_and_a_second_run_changes_nothing(
    modules: Modules, eks: Any, parents: dict[str, str], server: AwsServer
) -> None:
    key = server.client("kms").create_key()["KeyMetadata"]
    done = modules.quartet(
        "eks_cluster",
        **cluster_options(
            security_groups=["nodes"],
            public_access_cidrs=["192.0.2.0/24", "198.51.100.0/24"],
            logging=["audit", "api"],
            encryption_key=key["KeyId"],
            service_cidr="172.21.0.0/16",
            deletion_protection=True,
            tags={"team": "data"},
        ),
    )
    made = cluster(eks)
    network = made["resourcesVpcConfig"]
    assert made["status"] == "ACTIVE"
    assert made["version"] == "1.35"
    assert made["roleArn"].endswith(":role/demo-eks-cluster")
    assert set(network["subnetIds"]) == {parents["demo-private-a"], parents["demo-private-b"]}
    assert network["securityGroupIds"] == [parents["nodes"]]
    assert network["vpcId"] == parents["demo"]
    assert network["endpointPrivateAccess"] is True
    assert network["endpointPublicAccess"] is True
    assert set(network["publicAccessCidrs"]) == {"192.0.2.0/24", "198.51.100.0/24"}
    assert enabled_logs(made) == {"api", "audit"}
    assert made["accessConfig"]["authenticationMode"] == "API"
    assert made["encryptionConfig"][0]["provider"]["keyArn"] == key["Arn"]
    assert made["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.21.0.0/16"
    assert made["deletionProtection"] is True
    assert made["tags"] == {
        "team": "data",
        "Name": PLATFORM,
        "entasis.io/platform": PLATFORM,
        "entasis.io/role": "eks_cluster",
    }
    assert done.result["cluster"]["endpoint"] == made["endpoint"]


def enabled_logs(described: dict[str, Any]) -> set[str]:
    return {kind for setup in described["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]}


@pytest.mark.usefixtures("parents")
def test_each_kind_of_change_is_made_and_nothing_else(modules: Modules, eks: Any) -> None:
    make(modules, authentication_mode="API_AND_CONFIG_MAP")
    before = cluster(eks)
    outcome = modules.quartet(
        "eks_cluster",
        **cluster_options(
            authentication_mode="API",
            logging=["scheduler"],
            public_access_cidrs=["192.0.2.0/24"],
            subnets=["demo-private-a", "demo-private-b", "demo-private-extra"],
            security_groups=["nodes"],
            deletion_protection=True,
            tags={"team": "data"},
        ),
    )
    assert [what for _action, what in outcome.changes] == [
        "demo tags",
        "demo deletion protection",
        "demo authentication mode API",
        "demo logging",
        "demo endpoint access",
        "demo subnets",
        "demo security groups",
    ]
    after = cluster(eks)
    assert after["accessConfig"]["authenticationMode"] == "API"
    assert enabled_logs(after) == {"scheduler"}
    assert after["resourcesVpcConfig"]["publicAccessCidrs"] == ["192.0.2.0/24"]
    assert len(after["resourcesVpcConfig"]["subnetIds"]) == 3
    assert len(after["resourcesVpcConfig"]["securityGroupIds"]) == 1
    assert after["deletionProtection"] is True
    assert after["tags"]["team"] == "data"
    assert {field for field in before if before[field] != after[field]} == {
        "accessConfig",
        "logging",
        "resourcesVpcConfig",
        "deletionProtection",
        "tags",
    }


@pytest.mark.usefixtures("parents")
def test_a_private_cluster_stays_as_it_is(modules: Modules, eks: Any) -> None:
    make(modules)
    modules.quartet("eks_cluster", **cluster_options(endpoint_public_access=False))
    assert cluster(eks)["resourcesVpcConfig"]["endpointPublicAccess"] is False


@pytest.mark.usefixtures("parents")
def test_a_key_is_added_and_then_never_changed(modules: Modules, eks: Any, server: AwsServer) -> None:
    kms = server.client("kms")
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _number in range(2))
    make(modules)
    modules.quartet("eks_cluster", **cluster_options(encryption_key=key))
    outcome = modules.run("eks_cluster", **cluster_options(encryption_key=other))
    assert outcome.failed
    assert f"cannot become {other}" in outcome.message
    assert make(modules).changes == []
    assert [entry["provider"]["keyArn"] for entry in cluster(eks)["encryptionConfig"]] == [key]


@pytest.mark.usefixtures("parents")
def test_an_upgrade_goes_one_minor_version_at_a_time(modules: Modules, eks: Any) -> None:
    make(modules, version="1.34")
    outcome = modules.quartet("eks_cluster", **cluster_options(version="1.36"))
    assert outcome.changes == [("update", "demo version 1.35"), ("update", "demo version 1.36")]
    assert cluster(eks)["version"] == "1.36"
    updates = [
        eks.describe_update(name=PLATFORM, updateId=i)["update"] for i in eks.list_updates(name=PLATFORM)["updateIds"]
    ]
    versions = [p["value"] for u in updates for p in u["params"] if p["type"] == "Version"]
    assert sorted(versions) == ["1.35", "1.36"]


@pytest.mark.usefixtures("parents")
def test_a_version_left_out_is_the_collections_at_first_and_the_clusters_later(modules: Modules, eks: Any) -> None:
    make(modules, version=None)
    assert cluster(eks)["version"] == DEFAULT_VERSION
    modules.quartet("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    make(modules, version="1.34")
    assert make(modules, version=None).changes == []
    assert cluster(eks)["version"] == "1.34"


@pytest.mark.usefixtures("parents")
@pytest.mark.parametrize("zones", ["abc", "ac", "bc"])
def test_a_change_of_zones_leaves_the_control_plane_where_it_is(modules: Modules, eks: Any, zones: str) -> None:
    """EKS refuses any other zones than those of the creation; nodes may use them."""
    make(modules)
    before = cluster(eks)
    outcome = make(modules, subnets=[f"demo-private-{zone}" for zone in zones])
    assert outcome.changes == []
    assert "EKS keeps a control plane in the zones that it was made in" in str(outcome.result["warnings"])
    assert cluster(eks) == before


def test_within_its_zones_the_control_plane_changes_its_subnets(
    modules: Modules, eks: Any, parents: dict[str, str]
) -> None:
    make(modules)
    modules.quartet("eks_cluster", **cluster_options(subnets=["demo-private-extra", "demo-private-b"]))
    expected = {parents["demo-private-extra"], parents["demo-private-b"]}
    assert set(cluster(eks)["resourcesVpcConfig"]["subnetIds"]) == expected


@pytest.mark.parametrize("edited", ["demo-private-b", "nodes"])
def test_check_mode_takes_no_parent_without_its_mark_for_another_one(
    modules: Modules, parents: dict[str, str], server: AwsServer, edited: str
) -> None:
    """The layer before this one puts the tag back in the real run of the same playbook."""
    make(modules, security_groups=["nodes"])
    key = "entasis.io/platform" if edited == "nodes" else "Name"
    server.client("ec2").create_tags(Resources=[parents[edited]], Tags=[{"Key": key, "Value": "edited"}])
    outcome = modules.run("eks_cluster", check=True, **cluster_options(security_groups=["nodes"]))
    assert not outcome.failed, outcome.message
    assert outcome.changes == []
    assert "yet" in str(outcome.result["warnings"])


@pytest.mark.usefixtures("parents")
def test_a_downgrade_is_refused(modules: Modules, eks: Any) -> None:
    make(modules, version="1.36")
    for check in (True, False):
        outcome = modules.run("eks_cluster", check=check, **cluster_options(version="1.35"))
        assert outcome.failed
        assert "never downgrades" in outcome.message
    assert cluster(eks)["version"] == "1.36"


@pytest.mark.usefixtures("parents")
@pytest.mark.parametrize("drift", ["logging", "endpoint", "tag"])
def test_drift_is_seen_named_and_mended(modules: Modules, eks: Any, drift: str) -> None:
    options = cluster_options(logging=["api", "audit"])
    make(modules, logging=["api", "audit"])
    before = cluster(eks)
    expected: tuple[dict[str, Any], dict[str, Any]]
    if drift == "logging":
        off = {"clusterLogging": [{"types": ["audit"], "enabled": False}]}
        settled_update(eks, eks.update_cluster_config(name=PLATFORM, logging=off), name=PLATFORM)
        expected = {"logging": ["api"]}, {"logging": ["api", "audit"]}
    elif drift == "endpoint":
        network = {"endpointPrivateAccess": False}
        settled_update(eks, eks.update_cluster_config(name=PLATFORM, resourcesVpcConfig=network), name=PLATFORM)
        expected = {"endpoint_private_access": False}, {"endpoint_private_access": True}
    else:
        eks.untag_resource(resourceArn=before["arn"], tagKeys=["Name"])
        expected = {"tags": {}}, {"tags": {"Name": "demo"}}
    outcome = modules.quartet("eks_cluster", **options)
    shown = outcome.result["diff"]
    assert (list(shown["before"].values()), list(shown["after"].values())) == ([expected[0]], [expected[1]])
    assert cluster(eks) == before


@pytest.mark.usefixtures("parents")
def test_tags_of_others_stay(modules: Modules, eks: Any) -> None:
    make(modules)
    eks.tag_resource(resourceArn=cluster(eks)["arn"], tags={"cost-center": "42"})
    assert not modules.run("eks_cluster", **cluster_options()).changed
    assert cluster(eks)["tags"]["cost-center"] == "42"


def test_a_cluster_that_is_not_ours_is_never_touched(
    modules: Modules, eks: Any, parents: dict[str, str], server: AwsServer
) -> None:
    role = server.client("iam").get_role(RoleName="demo-eks-cluster")["Role"]["Arn"]
    subnets = [parents["demo-private-a"], parents["demo-private-b"]]
    eks.create_cluster(name=PLATFORM, roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, version="1.34")
    wait_until(lambda: cluster(eks)["status"] == "ACTIVE")
    before = cluster(eks)
    for state in ("present", "absent"):
        outcome = modules.run("eks_cluster", **cluster_options(state=state))
        assert outcome.failed
        assert "is not ours" in outcome.message
    assert cluster(eks) == before


@pytest.mark.usefixtures("parents")
def test_absent_removes_the_cluster_and_waits_until_it_is_gone(modules: Modules, eks: Any) -> None:
    make(modules)
    outcome = modules.quartet("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    assert outcome.changes == [("delete", PLATFORM)]
    assert gone(eks)


@pytest.mark.usefixtures("parents")
def test_absent_is_refused_while_deletion_protection_is_on(modules: Modules, eks: Any) -> None:
    make(modules, deletion_protection=True)
    outcome = modules.run("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    assert outcome.failed
    assert "deletion_protection: false" in outcome.message
    assert cluster(eks)["status"] == "ACTIVE"


def test_absent_says_which_node_groups_are_in_the_way(
    modules: Modules, eks: Any, parents: dict[str, str], server: AwsServer
) -> None:
    make(modules)
    role = server.client("iam").get_role(RoleName="demo-eks-node")["Role"]["Arn"]
    eks.create_nodegroup(
        clusterName=PLATFORM, nodegroupName="theirs", subnets=[parents["demo-private-a"]], nodeRole=role
    )
    outcome = modules.run("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    assert outcome.failed
    assert "theirs" in outcome.message
    assert "eks_node_pools" in outcome.message
    assert cluster(eks)["status"] == "ACTIVE"


@pytest.mark.usefixtures("parents")
def test_a_creation_that_was_killed_is_waited_for_and_not_repeated(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    server.control("POST", "settings", {"cluster": 4.0})
    first = modules.start("eks_cluster", **cluster_options())
    wait_until(lambda: not gone(eks))
    first.kill()
    first.communicate()
    assert cluster(eks)["status"] == "CREATING"
    created = cluster(eks)["createdAt"]
    second = make(modules)
    assert second.changes == []
    assert cluster(eks)["status"] == "ACTIVE"
    assert cluster(eks)["createdAt"] == created


@pytest.mark.usefixtures("parents")
def test_an_upgrade_that_was_killed_goes_on(modules: Modules, eks: Any, server: AwsServer) -> None:
    make(modules, version="1.34")
    server.control("POST", "settings", {"update": 3.0})
    first = modules.start("eks_cluster", **cluster_options(version="1.36"))
    wait_until(lambda: cluster(eks)["status"] == "UPDATING")
    first.kill()
    first.communicate()
    server.control("POST", "settings", {"update": 0.3})
    second = make(modules, version="1.36")
    assert second.changes == [("update", "demo version 1.36")]
    assert cluster(eks)["version"] == "1.36"


@pytest.mark.usefixtures("parents")
def test_a_deletion_that_was_killed_is_waited_for(modules: Modules, eks: Any, server: AwsServer) -> None:
    make(modules)
    server.control("POST", "settings", {"cluster": 3.0})
    first = modules.start("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    wait_until(lambda: cluster(eks)["status"] == "DELETING")
    first.kill()
    first.communicate()
    assert not modules.run("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent").changed
    assert gone(eks)


@pytest.mark.usefixtures("parents")
def test_a_wait_that_is_too_short_says_what_was_still_so_and_a_new_run_goes_on(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    server.control("POST", "settings", {"cluster": 4.0})
    outcome = modules.run("eks_cluster", **cluster_options(wait_timeout=1))
    assert outcome.failed
    assert "is still CREATING after 1 s" in outcome.message
    assert "a new run goes on" in outcome.message
    assert make(modules).changes == []
    assert cluster(eks)["status"] == "ACTIVE"


@pytest.mark.usefixtures("parents")
def test_without_wait_a_run_returns_while_aws_creates(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control("POST", "settings", {"cluster": 30.0})
    make(modules, wait=False)
    assert cluster(eks)["status"] == "CREATING"


@pytest.mark.usefixtures("parents")
def test_an_answer_that_was_lost_does_not_make_a_second_cluster(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control(
        "POST", "faults", {"service": "eks", "operation": "CreateCluster", "kind": "lost_answer", "count": 1}
    )
    make(modules)
    assert eks.list_clusters()["clusters"] == [PLATFORM]


@pytest.mark.usefixtures("parents")
def test_throttling_is_waited_out(modules: Modules, eks: Any, server: AwsServer) -> None:
    server.control("POST", "faults", {"service": "eks", "kind": "throttle", "count": 2})
    make(modules)
    assert cluster(eks)["status"] == "ACTIVE"


def refuse(server: AwsServer, operation: str, code: str, message: str, **more: Any) -> None:
    """Have the emulated EKS refuse calls of an operation."""
    fault = {"service": "eks", "operation": operation, "kind": "error", "code": code, "message": message}
    server.control("POST", "faults", {**fault, "status": 400, **more})


@pytest.mark.usefixtures("parents")
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ClientException"])
def test_a_new_cluster_that_eks_does_not_know_yet_is_waited_for(
    modules: Modules, eks: Any, server: AwsServer, code: str
) -> None:
    refuse(server, "DescribeCluster", code, "No cluster found for name: demo.", count=3)
    make(modules)
    assert cluster(eks)["status"] == "ACTIVE"


@pytest.mark.usefixtures("parents")
def test_credentials_that_expire_in_a_wait_are_told_with_what_to_do(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    server.control("POST", "settings", {"cluster": 30.0})
    run = modules.start("eks_cluster", **cluster_options())
    wait_until(lambda: not gone(eks))
    refuse(server, "DescribeCluster", "ExpiredTokenException", "The security token is expired")
    outcome = finish(run)
    assert outcome.failed
    assert "ExpiredTokenException: The security token is expired. Renew the AWS credentials." in outcome.message


@pytest.mark.usefixtures("parents")
def test_an_operation_in_progress_that_no_state_shows_is_waited_for(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    make(modules)
    busy = "because cluster demo currently has update 408c0738 in progress"
    refuse(server, "UpdateClusterConfig", "ResourceInUseException", f"Cannot LoggingUpdate {busy}", count=2)
    make(modules, logging=["api"])
    assert enabled_logs(cluster(eks)) == {"api"}
    refuse(server, "DeleteCluster", "ResourceInUseException", f"Cannot delete {busy}", count=2)
    modules.quartet("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    assert gone(eks)


@pytest.mark.usefixtures("parents")
def test_a_role_that_iam_has_not_spread_yet_is_tried_again(modules: Modules, eks: Any, server: AwsServer) -> None:
    refusal = "Role with arn: x, could not be assumed because it does not exist or the trusted entity is not correct"
    refuse(server, "CreateCluster", "InvalidParameterException", refusal, count=2)
    make(modules)
    assert cluster(eks)["status"] == "ACTIVE"


@pytest.mark.usefixtures("parents")
def test_what_aws_refuses_is_reported_in_its_own_words(modules: Modules, eks: Any, server: AwsServer) -> None:
    refuse(server, "CreateCluster", "ResourceLimitExceededException", "Too many clusters", count=1)
    outcome = modules.run("eks_cluster", **cluster_options())
    assert outcome.failed
    assert "ResourceLimitExceededException: Too many clusters" in outcome.message
    with pytest.raises(ClientError):
        cluster(eks)


@pytest.mark.usefixtures("parents")
def test_a_cluster_that_aws_could_not_make_is_reported_and_left_to_the_user(
    modules: Modules, eks: Any, server: AwsServer
) -> None:
    failure = {"operation": "CreateCluster", "code": "InsufficientFreeAddresses", "message": "No address is free"}
    server.control("POST", "eks/failures", failure)
    outcome = modules.run("eks_cluster", **cluster_options())
    assert outcome.failed
    assert "is FAILED: InsufficientFreeAddresses: No address is free. Free addresses" in outcome.message
    again = modules.run("eks_cluster", **cluster_options())
    assert again.failed
    assert "Remove it with state: absent" in again.message
    assert cluster(eks)["status"] == "FAILED"
    modules.quartet("eks_cluster", platform=PLATFORM, role="eks_cluster", state="absent")
    make(modules)
    assert cluster(eks)["status"] == "ACTIVE"
