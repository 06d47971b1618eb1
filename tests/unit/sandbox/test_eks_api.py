# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS API without a control plane, seen through boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID

from sandbox.eks.service import Eks
from sandbox.eks.standalone import serve

REGION = "ap-northeast-2"
TRUST = {
    service: json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
    )
    for service in ("eks.amazonaws.com", "ec2.amazonaws.com")
}
QUICK = {"cluster": 0.0, "node_group": 0.0, "node": 0.0, "update": 0.0}


@dataclass
class Account:
    """One account in one region, with what a cluster needs, on an emulated EKS of its own."""

    service: Eks
    url: str
    credentials: dict[str, str]
    region: str = REGION

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            config=Config(retries={"max_attempts": 1}),
            **self.credentials,
        )

    def prepare(self) -> None:
        ec2, iam = self.client("ec2"), self.client("iam")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=f"{self.region}{zone}")["Subnet"][
                "SubnetId"
            ]
            for cidr, zone in (("10.0.0.0/24", "a"), ("10.0.1.0/24", "c"))
        ]
        name = f"{self.vpc}"
        self.cluster_role = iam.create_role(
            RoleName=f"{name}-cluster", AssumeRolePolicyDocument=TRUST["eks.amazonaws.com"]
        )["Role"]["Arn"]
        self.node_role = iam.create_role(RoleName=f"{name}-node", AssumeRolePolicyDocument=TRUST["ec2.amazonaws.com"])[
            "Role"
        ]["Arn"]
        self.eks = self.client("eks")

    def create_cluster(self, name: str = "prod", **changes: Any) -> Any:
        arguments = {
            "name": name,
            "roleArn": self.cluster_role,
            "version": "1.35",
            "resourcesVpcConfig": {"subnetIds": self.subnets},
            "accessConfig": {"authenticationMode": "API"},
        }
        return self.eks.create_cluster(**(arguments | changes))["cluster"]

    def create_group(self, name: str = "general", cluster: str = "prod", **changes: Any) -> Any:
        arguments = {
            "clusterName": cluster,
            "nodegroupName": name,
            "subnets": self.subnets,
            "nodeRole": self.node_role,
            "instanceTypes": ["c5.2xlarge"],
            "scalingConfig": {"minSize": 3, "maxSize": 10, "desiredSize": 3},
        }
        return self.eks.create_nodegroup(**(arguments | changes))["nodegroup"]

    def group(self, name: str = "general", cluster: str = "prod") -> Any:
        return self.eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]

    def cluster(self, name: str = "prod") -> Any:
        return self.eks.describe_cluster(name=name)["cluster"]


def until(condition: Callable[[], bool], limit: float = 10.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.02)


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with serve(tmp_path / "eks.json") as served:
        eks, url = served.eks, served.url
        eks.settings.change(QUICK)
        root = Account(eks, url, {"aws_access_key_id": "root", "aws_secret_access_key": "root"})
        iam = root.client("iam")
        user = f"platform-{time.monotonic_ns()}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        made = Account(
            eks, url, {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        )
        made.prepare()
        yield made


def test_a_cluster_is_created_then_active_then_deleted(account: Account) -> None:
    account.service.settings.cluster = 0.3
    created = account.create_cluster(tags={"team": "data"})
    assert created["status"] == "CREATING"
    assert "endpoint" not in created
    account.eks.get_waiter("cluster_active").wait(name="prod", WaiterConfig={"Delay": 1})
    cluster = account.cluster()
    assert cluster["arn"] == f"arn:aws:eks:{REGION}:{DEFAULT_ACCOUNT_ID}:cluster/prod"
    assert cluster["version"] == "1.35"
    assert cluster["tags"] == {"team": "data"}
    assert cluster["endpoint"].startswith("https://")
    assert cluster["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] is True
    assert cluster["resourcesVpcConfig"]["vpcId"] == account.vpc
    group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    found = account.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags["aws:eks:cluster-name"] == "prod"
    assert tags["kubernetes.io/cluster/prod"] == "owned"
    assert account.eks.list_clusters()["clusters"] == ["prod"]
    assert account.eks.delete_cluster(name="prod")["cluster"]["status"] == "DELETING"
    until(lambda: not account.eks.list_clusters()["clusters"])
    assert refusal(account.eks.describe_cluster, name="prod")[0] == "ResourceNotFoundException"
    assert refusal(account.client("ec2").describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"


def test_a_node_group_is_created_scaled_relabelled_and_deleted(account: Account) -> None:
    account.create_cluster()
    account.service.settings.node_group = 0.2
    assert account.create_group()["status"] == "CREATING"
    until(lambda: account.group()["status"] == "ACTIVE")
    group = account.group()
    assert group["updateConfig"] == {"maxUnavailable": 1}
    assert group["version"] == "1.35"
    update = account.eks.update_nodegroup_config(
        clusterName="prod",
        nodegroupName="general",
        scalingConfig={"minSize": 2, "maxSize": 5, "desiredSize": 4},
        labels={"addOrUpdateLabels": {"role": "general"}},
        taints={"addOrUpdateTaints": [{"key": "dedicated", "value": "x", "effect": "NO_SCHEDULE"}]},
    )["update"]
    until(lambda: account.group()["status"] == "ACTIVE")
    described = account.eks.describe_update(name="prod", updateId=update["id"], nodegroupName="general")["update"]
    assert described["status"] == "Successful"
    group = account.group()
    assert group["scalingConfig"] == {"minSize": 2, "maxSize": 5, "desiredSize": 4}
    assert group["labels"] == {"role": "general"}
    assert group["taints"] == [{"key": "dedicated", "value": "x", "effect": "NO_SCHEDULE"}]
    assert refusal(account.eks.delete_cluster, name="prod") == (
        "ResourceInUseException",
        "Cluster has nodegroups attached",
    )
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName="general")
    until(lambda: not account.eks.list_nodegroups(clusterName="prod")["nodegroups"])
