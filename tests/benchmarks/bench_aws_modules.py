# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS modules: what a run with nothing to do costs, and how well a creation uses the time that AWS takes.

The figures are ratios against a bare boto3 script, a process of its own too, that makes the same calls of the same
server one after the other. Ansible's own part (its start, its playbook, the transport of the module) is in neither.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name

from tests.support.aws_server import AwsServer
from tests.support.eks import cluster_options, make_parents, pool_options
from tests.support.modules import Modules
from tests.support.network import PLATFORM, ids_by_name, network_options
from tests.support.platform import Sandbox
from tests.support.security_groups import group_options

#: Runs of each of the two, in turns, of which the medians are compared.
RUNS = 7
NO_OP_BAR = 3.0
#: Seconds that each call of AWS takes while a creation is measured.
LATENCY = 0.1
CHAIN_BAR = 1.15

#: A script with the seconds that it takes without its imports, which the process that modules are forked from has done.
_SCRIPT = """
import boto3, json, sys, time
begun = time.monotonic()
{}
print(time.monotonic() - begun)
"""
#: The calls of a run of the module, one after the other.
_READS = """
for service, calls in json.loads(sys.argv[1]).items():
    client = boto3.client(service)
    for operation, arguments in calls:
        getattr(client, operation)(**arguments)
"""
#: What those calls are given that take no list of everything.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "DescribeVpcAttribute": {"Attribute": "enableDnsSupport"},
    "GetRole": {"RoleName": f"{PLATFORM}-eks-node"},
    "DescribeCluster": {"name": PLATFORM},
    "ListNodegroups": {"clusterName": PLATFORM},
    "DescribeNodegroup": {"clusterName": PLATFORM, "nodegroupName": "general"},
    "GetParameters": {"Names": ["/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended"]},
}


@dataclass(frozen=True)
class Case:
    """A module, and the options of its run."""

    module: str
    options: dict[str, Any]
    #: The modules that make what this one needs, with their options.
    after: tuple[tuple[str, dict[str, Any]], ...] = ()
    prepare: Callable[[AwsServer], object] = lambda _server: None


CASES = (
    Case("aws_network", network_options()),
    Case("aws_security_groups", group_options(), after=(("aws_network", network_options()),)),
    Case("eks_cluster", cluster_options(), prepare=make_parents),
    Case("eks_node_pools", pool_options(), after=(("eks_cluster", cluster_options()),), prepare=make_parents),
)

#: All calls of a new network, one after the other. Only what must come one after the other, whatever does the work, has
#: latency, and each once; the rest is made on the way.
_CHAIN = """
ec2 = boto3.client("ec2")
for read in ("vpcs", "internet_gateways", "addresses", "availability_zones"):
    getattr(ec2, f"describe_{read}")()
vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _zone in range(3)]
ec2.create_route(RouteTableId=tables[2], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
for zone in range(2):
    blocks = [f"10.20.{2 * zone + number}.0/24" for number in range(2)]
    public, private = [ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"] for block in blocks]
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]["NatGatewayId"]
    while ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] != "available":
        time.sleep(0.05)
    ec2.create_route(RouteTableId=tables[zone], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    for table, subnet in ((tables[2], public), (tables[zone], private)):
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
service = f"com.amazonaws.{ec2.meta.region_name}.s3"
ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, RouteTableIds=tables[:2])
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
    _run(modules, case.module, case.options)
    server.control("DELETE", "calls")
    _run(modules, case.module, case.options)
    reads = json.dumps(_reads(server))
    return _ratio(
        lambda: _timed(lambda: _run(modules, case.module, case.options)),
        lambda: _script(server, _READS, reads),
    )


def _reads(server: AwsServer) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The calls that the server has counted, as a client makes them."""
    vpc = {"VpcId": ids_by_name(server.client("ec2"))[f"vpc/{PLATFORM}"]}
    arguments = {**_ARGUMENTS, "DescribeVpcAttribute": {**vpc, **_ARGUMENTS["DescribeVpcAttribute"]}}
    return {
        service: [(xform_name(name), arguments.get(name, {})) for name in counts for _call in range(counts[name])]
        for service, counts in server.control("GET", "calls")["calls"].items()
    }


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
            fault = {"service": "ec2", "operation": operation, "kind": "latency", "seconds": LATENCY, "count": 1}
            server.control("POST", "faults", fault)
        try:
            return _script(server, _CHAIN)
        finally:
            server.control("DELETE", "faults")

    made = []
    for run in (create, chain):
        server.control("DELETE", "calls")
        run()
        made.append(server.control("GET", "calls")["calls"])
    if made[0] != made[1]:
        raise RuntimeError(f"aws_network makes {made[0]}, the bare script {made[1]}")
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


def _script(server: AwsServer, script: str, *arguments: str) -> float:
    environment = {**server.environment, "AWS_DEFAULT_REGION": server.environment["AWS_REGION"]}
    command = [sys.executable, "-c", _SCRIPT.format(script), *arguments]
    done = subprocess.run(command, env=environment, check=True, timeout=60, stdout=subprocess.PIPE)
    return float(done.stdout)
