# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS modules: what a run with nothing to do costs, and how well a creation uses the time that AWS takes.

The figures are ratios against a bare boto3 script, a process of its own too, that makes the same calls of the same
server one after the other. Ansible's own part (its start, its playbook, the transport of the module) is in neither.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.aws_server import REGION, AwsServer
from tests.support.eks import cluster_options, make_parents, pool_options
from tests.support.modules import Modules
from tests.support.network import PLATFORM, network_options
from tests.support.platform import Sandbox

#: Runs of each of the two, in turns, of which the medians are compared.
RUNS = 7
NO_OP_BAR = 3.0
#: Seconds that each call of AWS takes while a creation is measured.
LATENCY = 0.1
CHAIN_BAR = 1.3

_SCRIPT = """
import boto3
def all_of(client, operation, key, **arguments):
    if not client.can_paginate(operation):
        return getattr(client, operation)(**arguments)[key]
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]
"""


@dataclass(frozen=True)
class Case:
    """A module, the options of its run, and the bare script that reads the same."""

    module: str
    options: Callable[[], dict[str, Any]]
    script: str
    #: The modules that make what this one needs, with their options.
    after: tuple[tuple[str, dict[str, Any]], ...] = ()
    prepare: Callable[[AwsServer], object] = lambda _server: None


CASES = (
    Case(
        "aws_network",
        network_options,
        f"""
ec2 = boto3.client("ec2")
vpcs = all_of(ec2, "describe_vpcs", "Vpcs")
all_of(ec2, "describe_internet_gateways", "InternetGateways")
all_of(ec2, "describe_addresses", "Addresses")
ours = {{"Key": "entasis.io/platform", "Value": "{PLATFORM}"}}
vpc = next(vpc["VpcId"] for vpc in vpcs if ours in vpc.get("Tags", ()))
inside = [{{"Name": "vpc-id", "Values": [vpc]}}]
ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
all_of(ec2, "describe_subnets", "Subnets", Filters=inside)
all_of(ec2, "describe_nat_gateways", "NatGateways", Filter=inside)
all_of(ec2, "describe_route_tables", "RouteTables", Filters=inside)
all_of(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=inside)
""",
    ),
    Case(
        "aws_security_groups",
        lambda: {
            "platform": PLATFORM,
            "role": "vpc",
            "groups": [
                {
                    "name": name,
                    "inbound": [{"from_port": 443, "group": other}, {"from_port": 80, "cidr_ipv4": "10.0.0.0/8"}],
                }
                for name, other in (("frontend", "database"), ("application", "frontend"), ("database", "application"))
            ],
        },
        f"""
ec2 = boto3.client("ec2")
ours = [{{"Name": "tag:entasis.io/platform", "Values": ["{PLATFORM}"]}}]
vpc = all_of(ec2, "describe_vpcs", "Vpcs", Filters=ours)[0]["VpcId"]
all_of(ec2, "describe_security_groups", "SecurityGroups", Filters=[{{"Name": "vpc-id", "Values": [vpc]}}])
""",
        after=(("aws_network", network_options()),),
    ),
    Case(
        "eks_cluster",
        cluster_options,
        f"""
ec2, eks, iam = boto3.client("ec2"), boto3.client("eks"), boto3.client("iam")
ours = [{{"Name": "tag:entasis.io/platform", "Values": ["{PLATFORM}"]}}]
all_of(ec2, "describe_vpcs", "Vpcs", Filters=ours)
all_of(ec2, "describe_subnets", "Subnets", Filters=ours)
iam.get_role(RoleName="{PLATFORM}-{REGION}-eks-cluster")
eks.describe_cluster(name="{PLATFORM}")
""",
        prepare=make_parents,
    ),
    Case(
        "eks_node_pools",
        pool_options,
        f"""
ec2, eks, iam = boto3.client("ec2"), boto3.client("eks"), boto3.client("iam")
all_of(ec2, "describe_subnets", "Subnets", Filters=[{{"Name": "tag:entasis.io/platform", "Values": ["{PLATFORM}"]}}])
iam.get_role(RoleName="{PLATFORM}-{REGION}-eks-node")
eks.describe_cluster(name="{PLATFORM}")
for pool in all_of(eks, "list_nodegroups", "nodegroups", clusterName="{PLATFORM}"):
    eks.describe_nodegroup(clusterName="{PLATFORM}", nodegroupName=pool)
""",
        after=(("eks_cluster", cluster_options()),),
        prepare=make_parents,
    ),
)

#: What must come one after the other in a new network, whatever does the work. The rest is made on the way, without
#: latency.
_CHAIN = """
import time
ec2 = boto3.client("ec2")
ec2.describe_vpcs()
vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]
address = ec2.allocate_address(Domain="vpc")["AllocationId"]
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
while ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] != "available":
    time.sleep(0.05)
ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
"""
_CHAIN_OPERATIONS = (
    "DescribeVpcs",
    "CreateVpc",
    "AttachInternetGateway",
    "CreateNatGateway",
    "DescribeNatGateways",
    "CreateRoute",
)


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float]]:
    """The no-op of each module, and the creation of a network, on a server of their own."""
    with tempfile.TemporaryDirectory(prefix="entasis-bench-aws-") as home, AwsServer(Path(home)) as server:
        server.control("POST", "settings", {"cluster": 0.0, "node_group": 0.0, "node": 0.0, "nat_gateway": 0.0})
        figures = [
            (f"{case.module} with nothing to do / a bare boto3 script", _no_op(server, case), NO_OP_BAR)
            for case in CASES
        ]
        name = f"a network in 2 zones at {LATENCY * 1000:.0f} ms a call / its longest chain of calls"
        return [*figures, (name, _creation(server), CHAIN_BAR)]


def _no_op(server: AwsServer, case: Case) -> float:
    server.control("POST", "reset")
    case.prepare(server)
    modules = Modules(server)
    for module, options in case.after:
        _run(modules, module, options)
    _run(modules, case.module, case.options())
    calls = []
    for run in (lambda: _run(modules, case.module, case.options()), lambda: _script(server, case.script)):
        server.control("DELETE", "calls")
        run()
        calls.append(server.control("GET", "calls")["calls"])
    if calls[0] != calls[1]:
        raise RuntimeError(f"{case.module} makes {calls[0]}, the bare script {calls[1]}")
    return _ratio(
        lambda: _timed(lambda: _run(modules, case.module, case.options())),
        lambda: _timed(lambda: _script(server, case.script)),
    )


def _creation(server: AwsServer) -> float:
    modules = Modules(server)

    def create() -> float:
        server.control("POST", "reset")
        server.control("POST", "faults", {"service": "ec2", "kind": "latency", "seconds": LATENCY})
        try:
            return _timed(lambda: _run(modules, "aws_network", network_options()))
        finally:
            server.control("DELETE", "faults")

    def chain() -> float:
        server.control("POST", "reset")
        for operation in _CHAIN_OPERATIONS:
            fault = {"service": "ec2", "operation": operation, "kind": "latency", "seconds": LATENCY}
            server.control("POST", "faults", fault)
        try:
            return _timed(lambda: _script(server, _CHAIN))
        finally:
            server.control("DELETE", "faults")

    return _ratio(create, chain)


def _ratio(ours: Callable[[], float], bare: Callable[[], float]) -> float:
    """The ratio of the medians of runs in turns, so that whatever else the machine does meets both."""
    pairs = [(ours(), bare()) for _run in range(RUNS)]
    return statistics.median(pair[0] for pair in pairs) / statistics.median(pair[1] for pair in pairs)


def _timed(run: Callable[[], None]) -> float:
    start = time.monotonic()
    run()
    return time.monotonic() - start


def _run(modules: Modules, module: str, options: dict[str, Any]) -> None:
    outcome = modules.run(module, **options)
    if outcome.failed:
        raise RuntimeError(f"{module}: {outcome.message}")


def _script(server: AwsServer, script: str) -> None:
    environment = {**server.environment, "AWS_DEFAULT_REGION": server.environment["AWS_REGION"]}
    subprocess.run([sys.executable, "-c", _SCRIPT + script], env=environment, check=True, timeout=60)
