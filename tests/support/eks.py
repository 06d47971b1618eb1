# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the EKS modules share: a module as a process of its own, and the parents of a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.aws_server import PROJECT, REGION, AwsServer

PLATFORM = "demo"
#: The longest that a module may run (seconds); a hang fails instead of hanging.
RUN_LIMIT = 60.0

_RUN = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
module = importlib.import_module("ansible_collections.entasis.engine.plugins.modules." + sys.argv[1])
with patch_module_args(json.load(sys.stdin)):
    module.main()
"""


@dataclass(frozen=True)
class Outcome:
    """What a module answered."""

    result: dict[str, Any]

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed", False))

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Each change as its action and what it is of: ("update", "general configuration")."""
        return [(c["action"], " ".join([c["name"], c.get("part", "")]).strip()) for c in self.result["changes"]]


class Modules:
    """The collection's modules against one server, each run a process of its own, as under Ansible.

    C(environment) changes the server's environment; None takes a variable out of it.
    """

    def __init__(self, server: AwsServer, **environment: str | None) -> None:
        collections = str(PROJECT / ".cache" / "collections")
        variables = {**server.environment, "PYTHONPATH": collections, **environment}
        self._environment = {name: value for name, value in variables.items() if value is not None}

    def start(self, module: str, *, check: bool = False, **options: Any) -> subprocess.Popen[str]:
        """Begin a run that the caller ends, or kills."""
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        assert process.stdin is not None
        arguments = {"region": REGION, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        process.stdin.write(json.dumps(arguments))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, module: str, *, check: bool = False, **options: Any) -> Outcome:
        """Run a module to its end, which may be a failure that it reports."""
        process = self.start(module, check=check, **options)
        try:
            output, errors = process.communicate(timeout=RUN_LIMIT)
        finally:
            process.kill()
        assert output.strip(), errors
        return Outcome(json.loads(output.strip().splitlines()[-1]))

    def quartet(self, module: str, **options: Any) -> Outcome:
        """Check, run, check, run: the first two agree and change, the last two change nothing. Gives the first run."""
        foreseen = self.run(module, check=True, **options)
        done = self.run(module, **options)
        assert not foreseen.failed, foreseen.message
        assert not done.failed, done.message
        assert foreseen.changed
        assert done.changed
        assert foreseen.result["changes"] == done.result["changes"]
        for check in (True, False):
            again = self.run(module, check=check, **options)
            assert not again.failed, again.message
            assert again.changes == []
            assert not again.changed
        return done


def wait_until(condition: Callable[[], bool], limit: float = 20.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not so after {limit} s"
        time.sleep(0.02)


def make_parents(server: AwsServer, platform: str = PLATFORM) -> dict[str, str]:
    """The VPC, three subnets, a security group and the two roles that a cluster needs: their ids by their names."""
    ec2, iam = server.client("ec2"), server.client("iam")

    def tagged(kind: str, name: str) -> list[dict[str, Any]]:
        tags = {"Name": name, "entasis.io/platform": platform, "entasis.io/role": "vpc"}
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", platform))["Vpc"]["VpcId"]
    ids = {platform: vpc}
    for index, zone in enumerate("abc"):
        name = f"{platform}-private-{zone}"
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


def make_cluster(server: AwsServer, ids: Mapping[str, str], version: str = "1.35") -> None:
    """The platform's cluster as eks_cluster makes it, without the time that a run of the module takes."""
    eks = server.client("eks")
    role = server.client("iam").get_role(RoleName=f"{PLATFORM}-eks-cluster")["Role"]["Arn"]
    eks.create_cluster(
        name=PLATFORM,
        version=version,
        roleArn=role,
        resourcesVpcConfig={"subnetIds": [ids["demo-private-a"], ids["demo-private-b"]]},
        accessConfig={"authenticationMode": "API"},
        tags={"Name": PLATFORM, "entasis.io/platform": PLATFORM, "entasis.io/role": "eks_cluster"},
    )
    wait_until(lambda: eks.describe_cluster(name=PLATFORM)["cluster"]["status"] == "ACTIVE")


def cluster_options(**changed: Any) -> dict[str, Any]:
    return {
        "platform": PLATFORM,
        "version": "1.35",
        "role": "demo-eks-cluster",
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
        "role": "demo-eks-node",
        **changed,
    }


def pool_options(*pools: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {"platform": PLATFORM, "node_pools": list(pools or [node_pool()]), **changed}


def settled_update(eks: Any, answer: Mapping[str, Any], **names: str) -> None:
    """Wait for an update that a test itself began."""
    update = answer["update"]["id"]
    wait_until(lambda: eks.describe_update(**names, updateId=update)["update"]["status"] == "Successful")
