# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the emulated EKS share: the parents of a cluster, and short forms of the calls on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import wait_until

REGION = "ap-northeast-2"
#: A function that makes a boto3 client of a service in a region.
Connect = Callable[[str, str], Any]


class Account:
    """What a cluster needs in one account and region, and short forms of the calls on it."""

    def __init__(self, connect: Connect, region: str = REGION) -> None:
        self.region = region
        self.ec2, self.iam, self.eks, self.sts = (connect(name, region) for name in ("ec2", "iam", "eks", "sts"))
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(self.vpc, "10.0.0.0/24", "a"), self.subnet(self.vpc, "10.0.1.0/24", "c")]
        self.cluster_role = self.role(f"cluster-{region}", "eks.amazonaws.com")
        self.node_role = self.role(f"node-{region}", "ec2.amazonaws.com")

    def subnet(self, vpc: str, cidr: str, zone: str) -> str:
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{self.region}{zone}")
        return str(subnet["Subnet"]["SubnetId"])

    def role(self, name: str, service: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return str(self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"])

    def create_cluster(self, name: str = "prod", **changes: Any) -> Any:
        arguments = {
            "name": name,
            "roleArn": self.cluster_role,
            "version": "1.34",
            "resourcesVpcConfig": {"subnetIds": self.subnets},
            "accessConfig": {"authenticationMode": "API"},
        }
        return self.eks.create_cluster(**(arguments | changes))["cluster"]

    def create_group(self, name: str = "general", **changes: Any) -> Any:
        arguments = {
            "clusterName": "prod",
            "nodegroupName": name,
            "subnets": self.subnets,
            "nodeRole": self.node_role,
            "instanceTypes": ["c5.2xlarge"],
            "scalingConfig": {"minSize": 3, "maxSize": 10, "desiredSize": 3},
        }
        return self.eks.create_nodegroup(**(arguments | changes))["nodegroup"]

    def cluster(self, name: str = "prod") -> Any:
        return self.eks.describe_cluster(name=name)["cluster"]

    def group(self, name: str = "general") -> Any:
        return self.eks.describe_nodegroup(clusterName="prod", nodegroupName=name)["nodegroup"]

    def update_group(self, **changes: Any) -> Any:
        """Change the node group and wait for the end of the update."""
        update = self.eks.update_nodegroup_config(clusterName="prod", nodegroupName="general", **changes)["update"]
        wait_until(lambda: self.group()["status"] == "ACTIVE")
        return self.eks.describe_update(name="prod", nodegroupName="general", updateId=update["id"])["update"]


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
