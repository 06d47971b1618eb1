# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS API without a control plane, seen through boto3."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks_account import REGION, Account, refusal
from tests.support.waiting import wait_until

QUICK = {"cluster": 0, "node_group": 0, "node": 0, "update": 0}


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


def test_a_cluster_is_created_then_active_then_deleted(server: AwsServer, account: Account) -> None:
    server.control("POST", "settings", {"cluster": 0.3})
    created = account.create_cluster(tags={"team": "data"})
    assert created["status"] == "CREATING"
    assert "endpoint" not in created
    account.eks.get_waiter("cluster_active").wait(name="prod", WaiterConfig={"Delay": 1})
    cluster = account.cluster()
    assert cluster["arn"] == f"arn:aws:eks:{REGION}:123456789012:cluster/prod"
    assert cluster["version"] == "1.34"
    assert cluster["tags"] == {"team": "data"}
    assert cluster["endpoint"].startswith("https://")
    assert cluster["identity"]["oidc"]["issuer"].startswith(f"https://oidc.eks.{REGION}.amazonaws.com/id/")
    assert cluster["accessConfig"] == {"authenticationMode": "API"}
    assert cluster["resourcesVpcConfig"]["vpcId"] == account.vpc
    assert cluster["health"] == {"issues": []}
    group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    found = account.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert found["GroupName"].startswith("eks-cluster-sg-prod-")
    assert tags["aws:eks:cluster-name"] == "prod"
    assert tags["kubernetes.io/cluster/prod"] == "owned"
    assert [pair["GroupId"] for pair in found["IpPermissions"][0]["UserIdGroupPairs"]] == [group]
    assert account.eks.list_clusters()["clusters"] == ["prod"]
    assert account.eks.delete_cluster(name="prod")["cluster"]["status"] == "DELETING"
    wait_until(lambda: not account.eks.list_clusters()["clusters"])
    assert refusal(account.eks.describe_cluster, name="prod") == (
        "ResourceNotFoundException",
        "No cluster found for name: prod.",
    )
    assert refusal(account.ec2.describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"


def test_a_cluster_is_refused_with_the_reason(account: Account) -> None:
    elsewhere = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    stranger = account.subnet(elsewhere, "10.9.0.0/24", "c")
    group = account.ec2.create_security_group(GroupName="x", Description="x", VpcId=elsewhere)["GroupId"]
    one_zone = [account.subnets[0], account.subnet(account.vpc, "10.0.2.0/24", "a")]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"version": "9.99"}, "unsupported Kubernetes version 9.99"),
        ({"roleArn": "arn:aws:iam::123456789012:role/nobody"}, "it does not exist"),
        ({"roleArn": account.node_role}, "its trust policy does not let eks.amazonaws.com assume it"),
        ({"name": "-bad"}, "does not match"),
        ({"resourcesVpcConfig": {"subnetIds": []}}, "at least two different AZs"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-nope", *account.subnets]}}, "'subnet-nope' does not exist"),
        ({"resourcesVpcConfig": {"subnetIds": one_zone}}, "at least two different AZs"),
        ({"resourcesVpcConfig": {"subnetIds": [account.subnets[0], stranger]}}, "the same VPC"),
        ({"resourcesVpcConfig": {"subnetIds": account.subnets, "securityGroupIds": ["sg-nope"]}}, "'sg-nope' does not"),
        ({"resourcesVpcConfig": {"subnetIds": account.subnets, "securityGroupIds": [group]}}, "does not belong to"),
        ({"resourcesVpcConfig": {"subnetIds": account.subnets, "publicAccessCidrs": ["10.0.0.0/99"]}}, "10.0.0.0/99"),
        ({"resourcesVpcConfig": {"subnetIds": account.subnets, "endpointPublicAccess": False}}, "cannot both be false"),
        ({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "8.8.0.0/16"}}, "private network"),
        ({"logging": {"clusterLogging": [{"types": ["kubelet"], "enabled": True}]}}, "'kubelet' is not one of api"),
        (
            {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:x:1:key/nope"}}]},
            "does not exist",
        ),
        ({"tags": {"aws:mine": "x"}}, "must not start with aws:"),
    ]
    for changes, reason in cases:
        code, message = refusal(account.create_cluster, **changes)
        assert (code, reason in message) == ("InvalidParameterException", True), f"{changes}: {code}: {message}"
    assert account.eks.list_clusters()["clusters"] == []


def test_the_same_token_makes_one_cluster(account: Account) -> None:
    first = account.create_cluster(clientRequestToken="once")
    again = account.create_cluster(clientRequestToken="once")
    assert first["createdAt"] == again["createdAt"]
    code, message = refusal(account.create_cluster, clientRequestToken="once", version="1.33")
    assert (code, "clientRequestToken" in message) == ("InvalidParameterException", True)
    assert refusal(account.create_cluster)[0] == "ResourceInUseException"


def test_each_kind_of_configuration_is_an_update_of_its_own(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    update = account.eks.update_cluster_config
    both = {"endpointPrivateAccess": True}
    protected = {"name": "prod", "resourcesVpcConfig": both, "deletionProtection": True}
    assert refusal(update, **protected) == ("InvalidParameterException", "Only one type of update can be allowed.")
    mixed = {"name": "prod", "resourcesVpcConfig": {**both, "subnetIds": account.subnets}}
    assert refusal(update, **mixed)[1] == "Only one type of update can be allowed."
    places = {"subnetIds": account.subnets, "securityGroupIds": []}
    assert refusal(update, name="prod", resourcesVpcConfig=places)[1] == "Only one type of update can be allowed."
    other_zone = {"subnetIds": [account.subnets[0], account.subnet(account.vpc, "10.0.9.0/24", "b")]}
    assert "same set of AZs" in refusal(update, name="prod", resourcesVpcConfig=other_zone)[1]
    assert "names nothing" in refusal(update, name="prod")[1]

    server.control("POST", "settings", {"update": 0.3})
    begun = update(name="prod", resourcesVpcConfig=both)["update"]
    assert (begun["type"], begun["status"]) == ("EndpointAccessUpdate", "InProgress")
    assert account.cluster()["status"] == "UPDATING"
    code, message = refusal(update, name="prod", deletionProtection=True)
    assert (code, "currently has update" in message) == ("ResourceInUseException", True)
    wait_until(lambda: account.cluster()["status"] == "ACTIVE")
    server.control("POST", "settings", {"update": 0})
    network = account.cluster()["resourcesVpcConfig"]
    assert network["endpointPrivateAccess"] is True
    assert network["publicAccessCidrs"] == ["0.0.0.0/0"]
    assert sorted(network["subnetIds"]) == sorted(account.subnets)
    assert account.eks.describe_update(name="prod", updateId=begun["id"])["update"]["status"] == "Successful"
    assert "already at the desired configuration" in refusal(update, name="prod", resourcesVpcConfig=both)[1]

    update(name="prod", logging={"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]})
    update(name="prod", logging={"clusterLogging": [{"types": ["audit"], "enabled": False}]})
    setups = account.cluster()["logging"]["clusterLogging"]
    assert {kind: setup["enabled"] for setup in setups for kind in setup["types"]} == {
        "api": True,
        "audit": False,
        "authenticator": False,
        "controllerManager": False,
        "scheduler": False,
    }
    update(name="prod", deletionProtection=True)
    assert "deletion protection" in refusal(account.eks.delete_cluster, name="prod")[1]
    update(name="prod", deletionProtection=False)
    assert refusal(update, name="prod", accessConfig={"authenticationMode": "CONFIG_MAP"})[0] == (
        "InvalidParameterException"
    )
    assert len(account.eks.list_updates(name="prod")["updateIds"]) == 5


def test_secrets_are_encrypted_once(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    configuration = [{"resources": ["secrets"], "provider": {"keyArn": key}}]
    account.eks.associate_encryption_config(clusterName="prod", encryptionConfig=configuration)
    assert account.cluster()["encryptionConfig"] == configuration
    again = refusal(account.eks.associate_encryption_config, clusterName="prod", encryptionConfig=configuration)
    assert again == ("InvalidParameterException", "Encryption is already enabled in the cluster")


def test_a_version_moves_one_minor_at_a_time_and_waits_for_old_nodes(account: Account) -> None:
    account.create_cluster(version="1.32")
    account.create_group()
    update = account.eks.update_cluster_version
    assert "Unsupported Kubernetes minor version update" in refusal(update, name="prod", version="1.34")[1]
    assert "already at" in refusal(update, name="prod", version="1.32")[1]
    assert "unsupported Kubernetes version" in refusal(update, name="prod", version="1.99")[1]
    for version in ("1.33", "1.34", "1.35"):
        update(name="prod", version=version)
        assert account.cluster()["version"] == version
    code, message = refusal(update, name="prod", version="1.36")
    assert (code, "general" in message) == ("InvalidRequestException", True)
    account.eks.update_nodegroup_version(clusterName="prod", nodegroupName="general")
    wait_until(lambda: account.group()["status"] == "ACTIVE")
    assert account.group()["version"] == "1.35"
    assert account.group()["releaseVersion"].startswith("1.35.")
    update(name="prod", version="1.36")
    assert account.cluster()["version"] == "1.36"
    back = refusal(account.eks.update_nodegroup_version, clusterName="prod", nodegroupName="general", version="1.34")
    assert back[0] == "InvalidParameterException"


def test_a_node_group_is_created_scaled_relabelled_and_deleted(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    server.control("POST", "settings", {"node_group": 0.2})
    assert account.create_group(labels={"role": "general", "old": "x"})["status"] == "CREATING"
    wait_until(lambda: account.group()["status"] == "ACTIVE")
    group = account.group()
    assert group["updateConfig"] == {"maxUnavailable": 1}
    assert (group["version"], group["amiType"], group["diskSize"]) == ("1.34", "AL2023_x86_64_STANDARD", 20)
    assert group["resources"]["autoScalingGroups"][0]["name"].startswith("eks-general-")
    taint = {"key": "dedicated", "value": "x", "effect": "NO_SCHEDULE"}
    done = account.update_group(
        scalingConfig={"minSize": 2, "maxSize": 5, "desiredSize": 4},
        labels={"addOrUpdateLabels": {"role": "changed"}, "removeLabels": ["old"]},
        taints={"addOrUpdateTaints": [taint]},
        updateConfig={"maxUnavailablePercentage": 50},
    )
    assert done["status"] == "Successful"
    group = account.group()
    assert group["scalingConfig"] == {"minSize": 2, "maxSize": 5, "desiredSize": 4}
    assert group["labels"] == {"role": "changed"}
    assert group["taints"] == [taint]
    assert group["updateConfig"] == {"maxUnavailablePercentage": 50}
    account.update_group(taints={"addOrUpdateTaints": [{**taint, "value": "y"}]})
    assert account.group()["taints"] == [{**taint, "value": "y"}]
    account.update_group(taints={"removeTaints": [{**taint, "value": "y"}]})
    assert account.group()["taints"] == []
    assert refusal(account.eks.delete_cluster, name="prod") == (
        "ResourceInUseException",
        "Cluster has nodegroups attached",
    )
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName="general")
    assert account.group()["status"] == "DELETING"
    wait_until(lambda: not account.eks.list_nodegroups(clusterName="prod")["nodegroups"])


def test_a_node_group_is_refused_with_the_reason(server: AwsServer, account: Account) -> None:
    server.control("POST", "settings", {"cluster": 60})
    account.create_cluster()
    assert refusal(account.create_group) == ("InvalidRequestException", "Cluster 'prod' is not in ACTIVE status")
    server.control("POST", "reset")
    server.control("POST", "settings", QUICK)
    account = account_of(server)
    account.create_cluster()
    elsewhere = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    sizes = {"minSize": 3, "maxSize": 10, "desiredSize": 3}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"scalingConfig": {**sizes, "desiredSize": 2}}, "Minimum capacity 3 can't be greater than desired size 2"),
        ({"scalingConfig": {**sizes, "desiredSize": 11}}, "can't be greater than maximum size 10"),
        ({"scalingConfig": {**sizes, "minSize": 11}}, "can't be greater than maximum size 10"),
        ({"instanceTypes": ["c5.gigantic"]}, "[c5.gigantic]"),
        ({"instanceTypes": ["c5.2xlarge", "m7g.large"]}, "different architectures"),
        ({"amiType": "AL2023_x86_64_NVIDIA"}, "[c5.2xlarge] is not a valid instance type"),
        ({"amiType": "AL2023_ARM_64_STANDARD"}, "[c5.2xlarge] is not a valid instance type"),
        ({"amiType": "AL2_x86_64"}, "only supported for kubernetes versions 1.32"),
        ({"nodeRole": account.cluster_role}, "ec2.amazonaws.com"),
        ({"subnets": ["subnet-nope"]}, "'subnet-nope' does not exist"),
        ({"subnets": [account.subnet(elsewhere, "10.9.0.0/24", "a")]}, "not in the cluster's VPC"),
        ({"labels": {"kubernetes.io/role": "x"}}, "reserved prefixes"),
        ({"version": "1.35"}, "must not be above the cluster's 1.34"),
        ({"version": "1.33"}, "is not the cluster's version 1.34"),
        ({"capacityType": "CHEAP"}, "'CHEAP' is not one of"),
        ({"taints": [{"key": "a", "effect": "NoSchedule"}]}, "'NoSchedule' is not one of"),
        ({"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 5}}, "Only one of"),
    ]
    for changes, reason in cases:
        code, message = refusal(account.create_group, **changes)
        assert (code, reason in message) == ("InvalidParameterException", True), f"{changes}: {code}: {message}"
    code, message = refusal(
        account.create_group, instanceTypes=["g5.xlarge"], subnets=[account.subnet(account.vpc, "10.0.5.0/24", "b")]
    )
    assert (code, "(g5.xlarge) is not supported in your requested Availability Zone" in message) == (
        "InvalidRequestException",
        True,
    )
    assert account.eks.list_nodegroups(clusterName="prod")["nodegroups"] == []


def test_a_creation_fails_on_demand(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    failure = {
        "operation": "CreateNodegroup",
        "name": "general",
        "code": "AsgInstanceLaunchFailures",
        "message": "full",
    }
    server.control("POST", "eks/failures", failure)
    account.create_group()
    wait_until(lambda: account.group()["status"] == "CREATE_FAILED")
    assert account.group()["health"]["issues"] == [
        {"code": "AsgInstanceLaunchFailures", "message": "full", "resourceIds": []}
    ]
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName="general")
    wait_until(lambda: not account.eks.list_nodegroups(clusterName="prod")["nodegroups"])
    account.create_group()
    wait_until(lambda: account.group()["status"] == "ACTIVE")


def test_a_full_subnet_fails_the_node_group(account: Account) -> None:
    account.create_cluster()
    small = account.subnet(account.vpc, "10.0.2.0/28", "a")
    account.create_group(subnets=[small], scalingConfig={"minSize": 12, "maxSize": 12, "desiredSize": 12})
    assert account.group()["status"] == "CREATE_FAILED"
    assert account.group()["health"]["issues"][0]["code"] == "InsufficientFreeAddresses"


def test_a_cluster_and_its_nodes_have_interfaces_that_hold_their_subnets_and_groups(account: Account) -> None:
    nodes = account.ec2.create_security_group(GroupName="nodes", Description="Nodes", VpcId=account.vpc)["GroupId"]

    def interfaces() -> list[dict[str, Any]]:
        found = account.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [account.vpc]}])
        return list(found["NetworkInterfaces"])

    account.create_cluster(resourcesVpcConfig={"subnetIds": account.subnets, "securityGroupIds": [nodes]})
    group = account.cluster()["resourcesVpcConfig"]["clusterSecurityGroupId"]
    assert {(found["SubnetId"], found["Description"], found["Status"]) for found in interfaces()} == {
        (subnet, "Amazon EKS prod", "in-use") for subnet in account.subnets
    }
    assert all({entry["GroupId"] for entry in found["Groups"]} == {group, nodes} for found in interfaces())
    account.create_group()
    wait_until(lambda: account.group()["status"] == "ACTIVE")
    of_nodes = [found for found in interfaces() if "Attachment" in found]
    assert len(of_nodes) == 3
    assert all([entry["GroupId"] for entry in found["Groups"]] == [group] for found in of_nodes)
    for refused in (
        refusal(account.ec2.delete_subnet, SubnetId=account.subnets[0]),
        refusal(account.ec2.delete_security_group, GroupId=nodes),
    ):
        assert refused[0] == "DependencyViolation"
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName="general")
    wait_until(lambda: not account.eks.list_nodegroups(clusterName="prod")["nodegroups"])
    assert len(interfaces()) == 2
    account.eks.delete_cluster(name="prod")
    wait_until(lambda: not account.eks.list_clusters()["clusters"])
    assert interfaces() == []


def test_the_creator_has_an_entry_and_others_get_theirs(account: Account) -> None:
    account.create_cluster()
    user = account.sts.get_caller_identity()["Arn"]
    admin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    assert account.eks.list_access_entries(clusterName="prod")["accessEntries"] == [user]
    policies = account.eks.list_associated_access_policies(clusterName="prod", principalArn=user)
    assert [p["policyArn"] for p in policies["associatedAccessPolicies"]] == [admin]
    assert policies["associatedAccessPolicies"][0]["accessScope"] == {"type": "cluster", "namespaces": []}

    role = account.role("viewer", "ec2.amazonaws.com")
    place = {"clusterName": "prod", "principalArn": role}
    entry = account.eks.create_access_entry(**place, kubernetesGroups=["watchers"], tags={"a": "b"})["accessEntry"]
    assert entry["username"] == "arn:aws:sts::123456789012:assumed-role/viewer/{{SessionName}}"
    assert entry["type"] == "STANDARD"
    assert entry["tags"] == {"a": "b"}
    assert refusal(account.eks.create_access_entry, **place)[0] == "ResourceInUseException"
    scope = {"type": "namespace", "namespaces": ["trading"]}
    account.eks.associate_access_policy(**place, policyArn=view, accessScope=scope)
    found = account.eks.list_associated_access_policies(**place)["associatedAccessPolicies"]
    assert [(p["policyArn"], p["accessScope"]) for p in found] == [(view, scope)]
    assert account.eks.list_access_entries(clusterName="prod", associatedPolicyArn=view)["accessEntries"] == [role]
    account.eks.update_access_entry(**place, kubernetesGroups=[])
    assert account.eks.describe_access_entry(**place)["accessEntry"]["kubernetesGroups"] == []
    account.eks.disassociate_access_policy(**place, policyArn=view)
    assert account.eks.list_associated_access_policies(**place)["associatedAccessPolicies"] == []
    missing = {**place, "policyArn": view}
    assert refusal(account.eks.disassociate_access_policy, **missing)[0] == "ResourceNotFoundException"
    account.eks.delete_access_entry(**place)
    assert refusal(account.eks.describe_access_entry, **place)[0] == "ResourceNotFoundException"
    nobody = {"clusterName": "prod", "principalArn": "arn:aws:iam::123456789012:role/nobody"}
    assert refusal(account.eks.create_access_entry, **nobody)[0] == "InvalidParameterException"
    masters = {**place, "kubernetesGroups": ["system:masters"]}
    assert "cannot start with" in refusal(account.eks.create_access_entry, **masters)[1]
    assert len(account.eks.list_access_policies()["accessPolicies"]) == 5


def test_the_creator_rule_can_be_off(account: Account) -> None:
    access = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    account.create_cluster(accessConfig=access)
    assert account.eks.list_access_entries(clusterName="prod")["accessEntries"] == []


def test_a_cluster_of_the_config_map_has_no_entries(account: Account) -> None:
    account.create_cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    assert refusal(account.eks.list_access_entries, clusterName="prod")[0] == "InvalidRequestException"
    account.eks.update_cluster_config(name="prod", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    user = account.sts.get_caller_identity()["Arn"]
    wait_until(lambda: account.cluster()["status"] == "ACTIVE")
    assert account.eks.list_access_entries(clusterName="prod")["accessEntries"] == [user]


def test_a_node_role_has_its_entry(account: Account) -> None:
    account.create_cluster()
    account.create_group()
    entry = account.eks.describe_access_entry(clusterName="prod", principalArn=account.node_role)["accessEntry"]
    assert (entry["type"], entry["kubernetesGroups"]) == ("EC2_LINUX", ["system:nodes"])


def test_addons_are_installed_updated_and_removed(account: Account) -> None:
    account.create_cluster()
    offered = account.eks.describe_addon_versions(addonName="vpc-cni", kubernetesVersion="1.34")["addons"][0]
    versions = offered["addonVersions"]
    default = next(v["addonVersion"] for v in versions if v["compatibilities"][0]["defaultVersion"])
    newest = versions[0]["addonVersion"]
    place = {"clusterName": "prod", "addonName": "vpc-cni"}
    assert account.eks.create_addon(**place, tags={"a": "b"})["addon"]["addonVersion"] == default
    account.eks.get_waiter("addon_active").wait(**place, WaiterConfig={"Delay": 1})
    update = account.eks.update_addon(**place, addonVersion=newest, configurationValues='{"env": {}}')["update"]
    done = account.eks.describe_update(name="prod", addonName="vpc-cni", updateId=update["id"])["update"]
    assert (done["type"], done["status"]) == ("AddonUpdate", "Successful")
    addon = account.eks.describe_addon(**place)["addon"]
    assert (addon["addonVersion"], addon["configurationValues"]) == (newest, '{"env": {}}')
    assert refusal(account.eks.update_addon, **place, addonVersion="v9")[0] == "InvalidParameterException"
    unknown = refusal(account.eks.create_addon, clusterName="prod", addonName="nonsense")
    assert unknown == ("InvalidParameterException", "Addon nonsense specified is not supported")
    account.eks.delete_addon(**place)
    assert account.eks.list_addons(clusterName="prod")["addons"] == []


def test_pod_identities_are_associated_changed_and_removed(account: Account) -> None:
    account.create_cluster()
    first, second = (account.role(name, "pods.eks.amazonaws.com") for name in ("first", "second"))
    place = {"clusterName": "prod", "namespace": "trading", "serviceAccount": "api"}
    made = account.eks.create_pod_identity_association(**place, roleArn=first)["association"]
    assert refusal(account.eks.create_pod_identity_association, **place, roleArn=first)[0] == "ResourceInUseException"
    where = {"clusterName": "prod", "associationId": made["associationId"]}
    account.eks.update_pod_identity_association(**where, roleArn=second)
    assert account.eks.describe_pod_identity_association(**where)["association"]["roleArn"] == second
    listed = account.eks.list_pod_identity_associations(clusterName="prod", namespace="trading")["associations"]
    assert [entry["associationId"] for entry in listed] == [made["associationId"]]
    assert account.eks.list_pod_identity_associations(clusterName="prod", namespace="x")["associations"] == []
    account.eks.delete_pod_identity_association(**where)
    assert refusal(account.eks.describe_pod_identity_association, **where)[0] == "ResourceNotFoundException"


def test_everything_carries_tags(account: Account) -> None:
    account.create_cluster(tags={"kept": "1"})
    account.create_group()
    addon = account.eks.create_addon(clusterName="prod", addonName="coredns")["addon"]["addonArn"]
    entry = account.eks.describe_access_entry(
        clusterName="prod", principalArn=account.sts.get_caller_identity()["Arn"]
    )["accessEntry"]["accessEntryArn"]
    cluster = account.cluster()["arn"]
    for arn in (cluster, account.group()["nodegroupArn"], addon, entry):
        account.eks.tag_resource(resourceArn=arn, tags={"team": "data", "stage": "test"})
        account.eks.untag_resource(resourceArn=arn, tagKeys=["stage"])
        assert account.eks.list_tags_for_resource(resourceArn=arn)["tags"]["team"] == "data"
        assert "stage" not in account.eks.list_tags_for_resource(resourceArn=arn)["tags"]
    assert account.cluster()["tags"] == {"kept": "1", "team": "data"}
    missing = f"arn:aws:eks:{REGION}:123456789012:cluster/nope"
    assert refusal(account.eks.list_tags_for_resource, resourceArn=missing)[0] == "NotFoundException"


def test_lists_come_in_pages(account: Account) -> None:
    for number in range(5):
        account.create_cluster(f"c{number}")
    pages = list(account.eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [page["clusters"] for page in pages] == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert refusal(account.eks.list_clusters, nextToken="nonsense")[0] == "InvalidParameterException"


def test_versions_are_listed_with_their_support(account: Account) -> None:
    found = account.eks.describe_cluster_versions()["clusterVersions"]
    assert [v["clusterVersion"] for v in found if v["defaultVersion"]] == ["1.36"]
    assert {v["versionStatus"] for v in found} <= {"STANDARD_SUPPORT", "EXTENDED_SUPPORT"}
    one = account.eks.describe_cluster_versions(clusterVersions=["1.35"])["clusterVersions"]
    assert [v["clusterVersion"] for v in one] == ["1.35"]


def test_accounts_and_regions_are_apart(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    seoul, virginia = account, account_of(server, "us-east-1")
    assert virginia.eks.list_clusters()["clusters"] == []
    virginia.create_cluster()
    assert virginia.cluster()["arn"] == "arn:aws:eks:us-east-1:123456789012:cluster/prod"
    assumed = seoul.sts.assume_role(RoleArn="arn:aws:iam::222222222222:role/platform", RoleSessionName="test")
    keys = assumed["Credentials"]
    other = account_of(
        server,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert other.eks.list_clusters()["clusters"] == []
    other.create_cluster()
    assert other.cluster()["arn"] == f"arn:aws:eks:{REGION}:222222222222:cluster/prod"
    principal = "arn:aws:iam::222222222222:role/platform"
    assert other.eks.list_access_entries(clusterName="prod")["accessEntries"] == [principal]


def test_what_is_not_emulated_says_so(account: Account) -> None:
    account.create_cluster()
    code, message = refusal(account.eks.list_fargate_profiles, clusterName="prod")
    assert (code, "ListFargateProfiles" in message) == ("NotImplemented", True)


def test_a_killed_server_goes_on_where_it_was(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    server.control("POST", "settings", {"node": 1.5})
    account.create_group()
    before = account.cluster()
    assert account.group()["status"] == "CREATING"
    server.stop(signal.SIGKILL)
    server.start()
    assert account.cluster() == before
    wait_until(lambda: account.group()["status"] == "ACTIVE")


def test_the_newest_ami_releases_are_public(server: AwsServer, account: Account) -> None:
    account.create_cluster()
    account.create_group()
    name = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/release_version"
    found = server.client("ssm").get_parameters(Names=[name, f"{name}s"])
    assert [parameter["Value"] for parameter in found["Parameters"]] == [account.group()["releaseVersion"]]
    assert found["InvalidParameters"] == [f"{name}s"]
