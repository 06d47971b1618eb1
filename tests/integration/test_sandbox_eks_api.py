# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS API without a control plane, seen through boto3: what the modules' own tests do not show."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks_account import REGION, Account, refusal
from tests.support.waiting import wait_until

QUICK = {"cluster": 0, "node_group": 0, "node": 0, "update": 0}
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(tmp_path_factory.mktemp("eks")) as running:
        yield running


def account_of(server: AwsServer, region: str = REGION, **credentials: str) -> Account:
    return Account(lambda service, place: server.client(service, region=place, attempts=1, **credentials), region)


@pytest.fixture
def account(server: AwsServer) -> Account:
    server.control("POST", "reset")
    server.control("POST", "settings", QUICK)
    return account_of(server)


@pytest.fixture
def cluster(account: Account) -> Account:
    """An account with the ACTIVE cluster prod of version 1.34."""
    account.create_cluster()
    return account


def check_refusals(call: Callable[..., Any], cases: list[tuple[dict[str, Any], str]]) -> None:
    """Each of these changes of a good call is an invalid parameter, for this reason."""
    for changes, reason in cases:
        code, message = refusal(call, **changes)
        assert (code, reason in message) == ("InvalidParameterException", True), f"{changes}: {code}: {message}"


def test_a_cluster_is_refused_with_the_reason(account: Account) -> None:
    elsewhere = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    stranger = account.subnet(elsewhere, "10.9.0.0/24", "c")
    group = account.ec2.create_security_group(GroupName="x", Description="x", VpcId=elsewhere)["GroupId"]
    one_zone = [account.subnets[0], account.subnet(account.vpc, "10.0.2.0/24", "a")]

    def network(**changes: Any) -> dict[str, Any]:
        return {"resourcesVpcConfig": {"subnetIds": account.subnets, **changes}}

    key = {"keyArn": "arn:aws:kms:x:1:key/nope"}
    check_refusals(
        account.create_cluster,
        [
            ({"version": "9.99"}, "unsupported Kubernetes version 9.99"),
            ({"roleArn": "arn:aws:iam::123456789012:role/nobody"}, "it does not exist"),
            ({"roleArn": account.node_role}, "its trust policy does not let eks.amazonaws.com assume it"),
            ({"name": "-bad"}, "name: '-bad' does not match"),
            ({"name": "x" * 101}, "name: 101 is above the maximum 100"),
            (network(subnetIds=[]), "at least two different AZs"),
            (network(subnetIds=["subnet-nope", *account.subnets]), "'subnet-nope' does not exist"),
            (network(subnetIds=one_zone), "at least two different AZs"),
            (network(subnetIds=[account.subnets[0], stranger]), "the same VPC"),
            (network(securityGroupIds=["sg-nope"]), "'sg-nope' does not"),
            (network(securityGroupIds=[group]), "does not belong to"),
            (network(publicAccessCidrs=["10.0.0.0/99"]), "10.0.0.0/99"),
            (network(endpointPublicAccess=False), "cannot both be false"),
            ({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "8.8.0.0/16"}}, "private network"),
            ({"logging": {"clusterLogging": [{"types": ["kubelet"], "enabled": True}]}}, "'kubelet' is not one of api"),
            ({"encryptionConfig": [{"resources": ["secrets"], "provider": key}]}, "does not exist"),
            ({"tags": {"aws:mine": "x"}}, "must not start with aws:"),
        ],
    )
    assert account.eks.list_clusters()["clusters"] == []


def test_the_same_token_makes_one_cluster(account: Account) -> None:
    first, again = (account.create_cluster(clientRequestToken="once") for _time in range(2))
    assert first["createdAt"] == again["createdAt"]
    code, message = refusal(account.create_cluster, clientRequestToken="once", version="1.33")
    assert (code, "clientRequestToken" in message) == ("InvalidParameterException", True)
    assert refusal(account.create_cluster)[0] == "ResourceInUseException"


def test_each_kind_of_configuration_is_an_update_of_its_own(server: AwsServer, cluster: Account) -> None:
    private = {"endpointPrivateAccess": True}
    other_zone = [cluster.subnets[0], cluster.subnet(cluster.vpc, "10.0.9.0/24", "b")]
    one_type = "Only one type of update can be allowed."

    def update(**changes: Any) -> Any:
        return cluster.eks.update_cluster_config(name="prod", **changes)["update"]

    check_refusals(
        update,
        [
            ({"resourcesVpcConfig": private, "deletionProtection": True}, one_type),
            ({"resourcesVpcConfig": {**private, "subnetIds": cluster.subnets}}, one_type),
            ({"resourcesVpcConfig": {"subnetIds": cluster.subnets, "securityGroupIds": []}}, one_type),
            ({"resourcesVpcConfig": {"subnetIds": other_zone}}, "same set of AZs"),
            ({"resourcesVpcConfig": {"endpointPublicAccess": True}}, "already at the desired configuration"),
            ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "Unsupported authentication mode update"),
            ({}, "names nothing"),
        ],
    )
    server.control("POST", "settings", {"update": 0.3})
    begun = update(resourcesVpcConfig=private)
    assert (begun["type"], begun["status"]) == ("EndpointAccessUpdate", "InProgress")
    assert cluster.cluster()["status"] == "UPDATING"
    code, message = refusal(update, deletionProtection=True)
    assert (code, "currently has update" in message) == ("ResourceInUseException", True)
    wait_until(lambda: cluster.cluster()["status"] == "ACTIVE")
    network = cluster.cluster()["resourcesVpcConfig"]
    assert (network["endpointPrivateAccess"], network["publicAccessCidrs"]) == (True, ["0.0.0.0/0"])
    assert cluster.eks.describe_update(name="prod", updateId=begun["id"])["update"]["status"] == "Successful"


def test_a_version_moves_one_minor_at_a_time_and_waits_for_old_nodes(account: Account) -> None:
    account.create_cluster(version="1.32")
    account.create_group()

    def update(version: str) -> None:
        account.eks.update_cluster_version(name="prod", version=version)

    check_refusals(
        update,
        [
            ({"version": "1.34"}, "Unsupported Kubernetes minor version update"),
            ({"version": "1.32"}, "already at"),
            ({"version": "1.99"}, "unsupported Kubernetes version"),
        ],
    )
    for version in ("1.33", "1.34", "1.35"):
        update(version)
    code, message = refusal(update, version="1.36")
    assert (code, "general" in message) == ("InvalidRequestException", True)
    account.eks.update_nodegroup_version(clusterName="prod", nodegroupName="general")
    wait_until(lambda: account.group()["status"] == "ACTIVE")
    assert account.group()["version"] == "1.35"
    update("1.36")
    back = refusal(account.eks.update_nodegroup_version, clusterName="prod", nodegroupName="general", version="1.34")
    assert back[0] == "InvalidParameterException"


def test_a_node_group_is_refused_with_the_reason(cluster: Account) -> None:
    elsewhere = cluster.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    sizes = {"minSize": 3, "maxSize": 10, "desiredSize": 3}
    check_refusals(
        cluster.create_group,
        [
            ({"scalingConfig": {**sizes, "desiredSize": 2}}, "Minimum capacity 3 can't be greater than desired size 2"),
            ({"scalingConfig": {**sizes, "desiredSize": 11}}, "can't be greater than maximum size 10"),
            ({"scalingConfig": {**sizes, "minSize": 11}}, "can't be greater than maximum size 10"),
            ({"instanceTypes": ["c5.gigantic"]}, "[c5.gigantic]"),
            ({"instanceTypes": ["c5.2xlarge", "m7g.large"]}, "different architectures"),
            ({"amiType": "AL2023_x86_64_NVIDIA"}, "[c5.2xlarge] is not a valid instance type"),
            ({"amiType": "AL2023_ARM_64_STANDARD"}, "[c5.2xlarge] is not a valid instance type"),
            ({"amiType": "AL2_x86_64"}, "only supported for kubernetes versions 1.32"),
            ({"nodeRole": cluster.cluster_role}, "ec2.amazonaws.com"),
            ({"subnets": ["subnet-nope"]}, "'subnet-nope' does not exist"),
            ({"subnets": [cluster.subnet(elsewhere, "10.9.0.0/24", "a")]}, "not in the cluster's VPC"),
            ({"labels": {"kubernetes.io/role": "x"}}, "reserved prefixes"),
            ({"version": "1.35"}, "must not be above the cluster's 1.34"),
            ({"version": "1.33"}, "is not the cluster's version 1.34"),
            ({"capacityType": "CHEAP"}, "'CHEAP' is not one of"),
            ({"taints": [{"key": "a", "effect": "NoSchedule"}]}, "taints[0].effect: 'NoSchedule' is not one of"),
            ({"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 5}}, "Only one of"),
        ],
    )
    third_zone = [cluster.subnet(cluster.vpc, "10.0.5.0/24", "b")]
    code, message = refusal(cluster.create_group, instanceTypes=["g5.xlarge"], subnets=third_zone)
    assert (code, "(g5.xlarge) is not supported in your requested Availability Zone" in message) == (
        "InvalidRequestException",
        True,
    )
    assert cluster.eks.list_nodegroups(clusterName="prod")["nodegroups"] == []


def test_a_full_subnet_fails_the_node_group(cluster: Account) -> None:
    small = cluster.subnet(cluster.vpc, "10.0.2.0/28", "a")
    cluster.create_group(subnets=[small], scalingConfig={"minSize": 12, "maxSize": 12, "desiredSize": 12})
    assert cluster.group()["status"] == "CREATE_FAILED"
    assert cluster.group()["health"]["issues"][0]["code"] == "InsufficientFreeAddresses"


def test_a_cluster_and_its_nodes_hold_their_subnets_and_groups_until_they_are_gone(account: Account) -> None:
    nodes = account.ec2.create_security_group(GroupName="nodes", Description="Nodes", VpcId=account.vpc)["GroupId"]

    def interfaces() -> list[tuple[bool, set[str]]]:
        """Of each interface: whether it is a node's, and its groups."""
        found = account.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [account.vpc]}])
        return [
            ("Attachment" in one, {group["GroupId"] for group in one["Groups"]}) for one in found["NetworkInterfaces"]
        ]

    account.create_cluster(resourcesVpcConfig={"subnetIds": account.subnets, "securityGroupIds": [nodes]})
    group = account.cluster()["resourcesVpcConfig"]["clusterSecurityGroupId"]
    own = [(False, {group, nodes})] * 2
    assert interfaces() == own
    account.create_group()
    wait_until(lambda: account.group()["status"] == "ACTIVE")
    assert sorted(interfaces(), key=str) == [*own, *[(True, {group})] * 3]
    for refused in (
        refusal(account.ec2.delete_subnet, SubnetId=account.subnets[0]),
        refusal(account.ec2.delete_security_group, GroupId=nodes),
    ):
        assert refused[0] == "DependencyViolation"
    assert refusal(account.eks.delete_cluster, name="prod")[1] == "Cluster has nodegroups attached"
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName="general")
    wait_until(lambda: not account.eks.list_nodegroups(clusterName="prod")["nodegroups"])
    assert interfaces() == own
    account.eks.delete_cluster(name="prod")
    wait_until(lambda: not account.eks.list_clusters()["clusters"])
    assert interfaces() == []
    assert refusal(account.ec2.describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"


def test_the_creator_and_the_nodes_have_an_entry_and_others_get_theirs(cluster: Account) -> None:
    eks, user = cluster.eks, cluster.sts.get_caller_identity()["Arn"]
    policies = eks.list_associated_access_policies(clusterName="prod", principalArn=user)["associatedAccessPolicies"]
    assert [(one["policyArn"].rpartition("/")[2], one["accessScope"]) for one in policies] == [
        ("AmazonEKSClusterAdminPolicy", {"type": "cluster", "namespaces": []})
    ]
    cluster.create_group()
    entry = eks.describe_access_entry(clusterName="prod", principalArn=cluster.node_role)["accessEntry"]
    assert (entry["type"], entry["kubernetesGroups"]) == ("EC2_LINUX", ["system:nodes"])

    role = cluster.role("viewer", "ec2.amazonaws.com")
    place = {"clusterName": "prod", "principalArn": role}
    entry = eks.create_access_entry(**place, kubernetesGroups=["watchers"], tags={"a": "b"})["accessEntry"]
    assert entry["username"] == "arn:aws:sts::123456789012:assumed-role/viewer/{{SessionName}}"
    assert (entry["type"], entry["tags"]) == ("STANDARD", {"a": "b"})
    assert refusal(eks.create_access_entry, **place)[0] == "ResourceInUseException"
    scope = {"type": "namespace", "namespaces": ["trading"]}
    eks.associate_access_policy(**place, policyArn=VIEW, accessScope=scope)
    found = eks.list_associated_access_policies(**place)["associatedAccessPolicies"]
    assert [(one["policyArn"], one["accessScope"]) for one in found] == [(VIEW, scope)]
    assert eks.list_access_entries(clusterName="prod", associatedPolicyArn=VIEW)["accessEntries"] == [role]
    eks.update_access_entry(**place, kubernetesGroups=[])
    assert eks.describe_access_entry(**place)["accessEntry"]["kubernetesGroups"] == []
    eks.disassociate_access_policy(**place, policyArn=VIEW)
    assert refusal(eks.disassociate_access_policy, **place, policyArn=VIEW)[0] == "ResourceNotFoundException"
    eks.tag_resource(resourceArn=entry["accessEntryArn"], tags={"team": "data"})
    eks.untag_resource(resourceArn=entry["accessEntryArn"], tagKeys=["a"])
    assert eks.list_tags_for_resource(resourceArn=entry["accessEntryArn"])["tags"] == {"team": "data"}
    eks.delete_access_entry(**place)
    assert refusal(eks.describe_access_entry, **place)[0] == "ResourceNotFoundException"
    check_refusals(
        lambda **changes: eks.create_access_entry(**{**place, **changes}),
        [
            ({"principalArn": "arn:aws:iam::123456789012:role/nobody"}, "invalid principal"),
            ({"kubernetesGroups": ["system:masters"]}, "cannot start with"),
        ],
    )


def test_the_creator_has_no_entry_where_that_is_off_or_the_config_map_rules(
    server: AwsServer, account: Account
) -> None:
    off = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    account.create_cluster(accessConfig=off)
    assert account.eks.list_access_entries(clusterName="prod")["accessEntries"] == []
    virginia = account_of(server, "us-east-1")
    virginia.create_cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    assert refusal(virginia.eks.list_access_entries, clusterName="prod")[0] == "InvalidRequestException"
    virginia.eks.update_cluster_config(name="prod", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    user = account.sts.get_caller_identity()["Arn"]
    wait_until(lambda: virginia.cluster()["status"] == "ACTIVE")
    assert virginia.eks.list_access_entries(clusterName="prod")["accessEntries"] == [user]


def test_addons_are_installed_updated_and_removed(cluster: Account) -> None:
    offered = cluster.eks.describe_addon_versions(addonName="vpc-cni", kubernetesVersion="1.34")["addons"][0]
    versions = offered["addonVersions"]
    default = next(one["addonVersion"] for one in versions if one["compatibilities"][0]["defaultVersion"])
    place = {"clusterName": "prod", "addonName": "vpc-cni"}
    assert cluster.eks.create_addon(**place)["addon"]["addonVersion"] == default
    cluster.eks.get_waiter("addon_active").wait(**place, WaiterConfig={"Delay": 1})
    newest = {"addonVersion": versions[0]["addonVersion"], "configurationValues": '{"env": {}}'}
    update = cluster.eks.update_addon(**place, **newest)["update"]
    done = cluster.eks.describe_update(name="prod", addonName="vpc-cni", updateId=update["id"])["update"]
    assert (done["type"], done["status"]) == ("AddonUpdate", "Successful")
    assert newest.items() <= cluster.eks.describe_addon(**place)["addon"].items()
    check_refusals(cluster.eks.update_addon, [({**place, "addonVersion": "v9"}, "not supported")])
    check_refusals(cluster.eks.create_addon, [({**place, "addonName": "nonsense"}, "not supported")])
    cluster.eks.delete_addon(**place)
    assert cluster.eks.list_addons(clusterName="prod")["addons"] == []


def test_pod_identities_are_associated_changed_and_removed(cluster: Account) -> None:
    first, second = (cluster.role(name, "pods.eks.amazonaws.com") for name in ("first", "second"))
    place = {"clusterName": "prod", "namespace": "trading", "serviceAccount": "api"}
    made = cluster.eks.create_pod_identity_association(**place, roleArn=first)["association"]
    assert refusal(cluster.eks.create_pod_identity_association, **place, roleArn=first)[0] == "ResourceInUseException"
    where = {"clusterName": "prod", "associationId": made["associationId"]}
    cluster.eks.update_pod_identity_association(**where, roleArn=second)
    assert cluster.eks.describe_pod_identity_association(**where)["association"]["roleArn"] == second
    for namespace, expected in (("trading", [made["associationId"]]), ("x", [])):
        listed = cluster.eks.list_pod_identity_associations(clusterName="prod", namespace=namespace)["associations"]
        assert [entry["associationId"] for entry in listed] == expected
    cluster.eks.delete_pod_identity_association(**where)
    assert refusal(cluster.eks.describe_pod_identity_association, **where)[0] == "ResourceNotFoundException"


def test_lists_come_in_pages(account: Account) -> None:
    for number in range(3):
        account.create_cluster(f"c{number}")
    pages = list(account.eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [page["clusters"] for page in pages] == [["c0", "c1"], ["c2"]]


def test_accounts_and_regions_are_apart(server: AwsServer, cluster: Account) -> None:
    role = "arn:aws:iam::222222222222:role/platform"
    keys = cluster.sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    theirs = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    for other, arn in (
        (account_of(server, "us-east-1"), "arn:aws:eks:us-east-1:123456789012:cluster/prod"),
        (account_of(server, **theirs), f"arn:aws:eks:{REGION}:222222222222:cluster/prod"),
    ):
        assert other.eks.list_clusters()["clusters"] == []
        other.create_cluster()
        assert other.cluster()["arn"] == arn
    assert other.eks.list_access_entries(clusterName="prod")["accessEntries"] == [role]


def test_a_killed_server_goes_on_where_it_was(server: AwsServer, cluster: Account) -> None:
    server.control("POST", "settings", {"node": 1.5})
    cluster.create_group()
    before = cluster.cluster()
    assert cluster.group()["status"] == "CREATING"
    server.stop(signal.SIGKILL)
    server.start()
    assert cluster.cluster() == before
    wait_until(lambda: cluster.group()["status"] == "ACTIVE")
