# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the EKS modules share: the parents of a cluster, and options that make one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tests.support.aws_server import REGION, AwsServer
from tests.support.network import ids_by_name
from tests.support.waiting import wait_until

PLATFORM = "demo"


def make_parents(server: AwsServer, platform: str = PLATFORM) -> dict[str, str]:
    """The VPC, a subnet in each of three zones and one more in the first, a security group, the two roles of a cluster:
    their ids by their names.
    """
    ec2, iam = server.client("ec2"), server.client("iam")

    def tagged(kind: str, name: str) -> list[dict[str, Any]]:
        tags = {"Name": name, "entasis.io/platform": platform, "entasis.io/role": "vpc"}
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", platform))["Vpc"]["VpcId"]
    ids = {platform: vpc}
    places = {"a": "a", "b": "b", "c": "c", "extra": "a"}
    for index, (suffix, zone) in enumerate(places.items()):
        name = f"{platform}-private-{suffix}"
        ids[name] = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.0.{index}.0/24",
            AvailabilityZone=f"{REGION}{zone}",
            TagSpecifications=tagged("subnet", name),
        )["Subnet"]["SubnetId"]
    ids["nodes"] = ec2.create_security_group(
        VpcId=vpc,
        GroupName=f"{platform}-nodes",
        Description="Nodes",
        TagSpecifications=tagged("security-group", f"{platform}-nodes"),
    )["GroupId"]
    for role, service in (("eks-cluster", "eks"), ("eks-node", "ec2")):
        make_role(iam, f"{platform}-{role}", service)
    return ids


def make_role(iam: Any, name: str, service: str) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)


def make_cluster(server: AwsServer, ids: Mapping[str, str], version: str = "1.35", *, wait: bool = True) -> None:
    """The platform's cluster as eks_cluster makes it, without the time that a run of the module takes."""
    eks = server.client("eks")
    role = server.client("iam").get_role(RoleName=f"{PLATFORM}-eks-cluster")["Role"]["Arn"]
    eks.create_cluster(
        name=PLATFORM,
        version=version,
        roleArn=role,
        resourcesVpcConfig={
            "subnetIds": [ids["demo-private-a"], ids["demo-private-b"]],
            "endpointPrivateAccess": True,
        },
        accessConfig={"authenticationMode": "API"},
        tags={"Name": PLATFORM, "entasis.io/platform": PLATFORM, "entasis.io/role": "eks_cluster"},
    )
    if wait:
        wait_until(lambda: eks.describe_cluster(name=PLATFORM)["cluster"]["status"] == "ACTIVE")


def cluster_options(**changed: Any) -> dict[str, Any]:
    return {
        "platform": PLATFORM,
        "version": "1.35",
        "role": "eks_cluster",
        "iam_role": "demo-eks-cluster",
        "subnets": ["demo-private-a", "demo-private-b"],
        **changed,
    }


def node_pool(name: str = "general", **changed: Any) -> dict[str, Any]:
    return {
        "name": name,
        "instance_types": ["c5.2xlarge"],
        "min_size": 2,
        "max_size": 5,
        "labels": {"role": name},
        "subnets": ["demo-private-a", "demo-private-b"],
        "iam_role": "demo-eks-node",
        **changed,
    }


def pool_options(*pools: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {"platform": PLATFORM, "role": "eks_node_pools", "node_pools": list(pools or [node_pool()]), **changed}


def theirs(server: AwsServer, name: str, **more: Any) -> None:
    """A node group that somebody else made in our cluster."""
    eks = server.client("eks")
    role = server.client("iam").get_role(RoleName="demo-eks-node")["Role"]["Arn"]
    subnets = eks.describe_cluster(name=PLATFORM)["cluster"]["resourcesVpcConfig"]["subnetIds"]
    eks.create_nodegroup(clusterName=PLATFORM, nodegroupName=name, subnets=subnets, nodeRole=role, **more)
    wait_until(lambda: node_groups(server)[name]["status"] == "ACTIVE")


def settled_update(eks: Any, answer: Mapping[str, Any], **names: str) -> None:
    """Wait for an update that a test itself began."""
    update = answer["update"]["id"]
    wait_until(lambda: eks.describe_update(**names, updateId=update)["update"]["status"] == "Successful")


def clusters(server: AwsServer) -> dict[str, Any]:
    """The clusters of the account by name, with names for ids, so that two with the same options are equal."""
    eks, found = server.client("eks"), {}
    names = {identity: name.partition("/")[2] for name, identity in ids_by_name(server.client("ec2")).items()}
    names |= {alias["TargetKeyId"]: alias["AliasName"] for alias in _key_aliases(server)}
    for name in eks.list_clusters()["clusters"]:
        cluster = eks.describe_cluster(name=name)["cluster"]
        network, keys = cluster["resourcesVpcConfig"], cluster.get("encryptionConfig", ())
        setups = cluster["logging"]["clusterLogging"]
        found[name] = {
            **{key: cluster[key] for key in ("status", "version", "deletionProtection", "upgradePolicy", "tags")},
            **{key: network[key] for key in ("endpointPrivateAccess", "endpointPublicAccess")},
            "role": cluster["roleArn"].rpartition("/")[2],
            "vpc": names[network["vpcId"]],
            "subnets": {names[subnet] for subnet in network["subnetIds"]},
            "groups": {names[group] for group in network["securityGroupIds"]},
            "cidrs": set(network["publicAccessCidrs"]),
            "logs": {kind for setup in setups if setup["enabled"] for kind in setup["types"]},
            "authentication": cluster["accessConfig"]["authenticationMode"],
            "keys": [names[entry["provider"]["keyArn"].rpartition("/")[2]] for entry in keys],
            "services": cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
        }
    return found


def _key_aliases(server: AwsServer) -> list[dict[str, Any]]:
    return [alias for alias in server.client("kms").list_aliases()["Aliases"] if "TargetKeyId" in alias]


def make_key(server: AwsServer) -> str:
    """A KMS key; the alias that it is under."""
    kms = server.client("kms")
    kms.create_alias(AliasName="alias/demo", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    return "alias/demo"


def node_groups(server: AwsServer) -> dict[str, Any]:
    """The node groups of the platform's cluster by name, but for what no module decides."""
    eks, found = server.client("eks"), {}
    undecided = ("createdAt", "modifiedAt", "nodegroupArn", "resources")
    if PLATFORM not in eks.list_clusters()["clusters"]:
        return {}
    for name in eks.list_nodegroups(clusterName=PLATFORM)["nodegroups"]:
        # One may go while they are read.
        with suppress(eks.exceptions.ResourceNotFoundException):
            group = eks.describe_nodegroup(clusterName=PLATFORM, nodegroupName=name)["nodegroup"]
            found[name] = {key: value for key, value in group.items() if key not in undecided}
    return found
