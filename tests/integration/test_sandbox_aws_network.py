# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EC2 does what AWS does and moto does not, where the network of a platform depends on it.

Each docstring says what moto does.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import REGION, AwsServer
from tests.support.eks_account import refusal
from tests.support.waiting import wait_until

ENDPOINT: dict[str, Any] = {"VpcEndpointType": "Gateway", "ServiceName": f"com.amazonaws.{REGION}.s3"}


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": "demo"}]}]


@pytest.fixture
def vpc(ec2: Any) -> str:
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))
    return str(made["Vpc"]["VpcId"])


@pytest.fixture
def subnet(ec2: Any, vpc: str) -> str:
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tagged("subnet"))
    return str(made["Subnet"]["SubnetId"])


@pytest.fixture
def gateway(ec2: Any, vpc: str) -> str:
    identifier = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=vpc)
    return identifier


@pytest.fixture
def address(ec2: Any) -> str:
    return str(ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"])


def nat_gateway(ec2: Any, subnet: str, address: str) -> str:
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway"))
    return str(made["NatGateway"]["NatGatewayId"])


def table_in(ec2: Any, vpc: str) -> str:
    return str(ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])


def test_a_nat_gateway_takes_its_time_and_holds_what_it_stands_on_until_it_is_gone(
    account: AwsServer, ec2: Any, vpc: str, subnet: str, gateway: str, address: str
) -> None:
    """moto's is available and deleted at once, and its subnet, address and internet gateway can go from under it."""
    account.control("POST", "settings", {"nat_gateway": 1.0})
    made = nat_gateway(ec2, subnet, address)

    def state() -> str:
        [shown] = ec2.describe_nat_gateways(Filters=[{"Name": "nat-gateway-id", "Values": [made]}])["NatGateways"]
        return str(shown["State"])

    def refused() -> list[str]:
        return [
            refusal(ec2.release_address, AllocationId=address)[0],
            refusal(ec2.delete_subnet, SubnetId=subnet)[0],
            refusal(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)[0],
        ]

    held = ["InvalidIPAddress.InUse", "DependencyViolation", "DependencyViolation"]
    assert state() == "pending"
    assert refusal(ec2.create_nat_gateway, SubnetId=subnet, AllocationId=address)[0] == "Resource.AlreadyAssociated"
    wait_until(lambda: state() == "available")
    assert refused() == held
    ec2.delete_nat_gateway(NatGatewayId=made)
    assert (state(), refused()) == ("deleting", held)
    wait_until(lambda: state() == "deleted")
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    missing = "nat-0123456789abcdef0"
    assert refusal(ec2.delete_nat_gateway, NatGatewayId=missing)[0] == "NatGatewayNotFound"


def test_a_nat_gateway_without_an_internet_gateway_fails(ec2: Any, subnet: str, address: str) -> None:
    """moto makes it available."""
    made = nat_gateway(ec2, subnet, address)

    def shown() -> dict[str, Any]:
        return dict(ec2.describe_nat_gateways(NatGatewayIds=[made])["NatGateways"][0])

    wait_until(lambda: shown()["State"] == "failed")
    assert shown()["FailureCode"] == "Gateway.NotAttached"
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]


def test_the_same_token_makes_one(ec2: Any, vpc: str, subnet: str, address: str) -> None:
    """moto ignores the token."""
    for call, arguments, key, identity in (
        (ec2.create_nat_gateway, {"SubnetId": subnet, "AllocationId": address}, "NatGateway", "NatGatewayId"),
        (ec2.create_vpc_endpoint, {"VpcId": vpc, **ENDPOINT}, "VpcEndpoint", "VpcEndpointId"),
        (ec2.create_route_table, {"VpcId": vpc}, "RouteTable", "RouteTableId"),
    ):
        first, second = (call(**arguments, ClientToken="once")[key][identity] for _time in range(2))
        assert first == second


def test_tags_are_known_by_the_names_of_aws_and_go_with_their_resource(
    ec2: Any, vpc: str, subnet: str, gateway: str, address: str
) -> None:
    """moto calls two kinds vpc-elastic-ip and nat-gateway, and keeps the tags of what is gone for ever."""
    assert gateway
    nat_gateway(ec2, subnet, address)
    kinds = {"vpc", "subnet", "elastic-ip", "natgateway"}
    assert {tag["ResourceType"] for tag in ec2.describe_tags()["Tags"]} == kinds
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", TagSpecifications=tagged("subnet"))["Subnet"]
    ec2.delete_subnet(SubnetId=other["SubnetId"])
    assert other["SubnetId"] not in {tag["ResourceId"] for tag in ec2.describe_tags()["Tags"]}


def test_a_second_association_of_a_subnet_is_refused_and_goes_with_the_subnet(ec2: Any, vpc: str, subnet: str) -> None:
    """moto answers with the other one, and keeps it when the subnet is gone, so that the table can never be deleted."""
    first, second = table_in(ec2, vpc), table_in(ec2, vpc)
    ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)
    for table in (first, second):
        code, _message = refusal(ec2.associate_route_table, RouteTableId=table, SubnetId=subnet)
        assert code == "Resource.AlreadyAssociated"
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=first)


def test_a_gateway_endpoint_has_its_route_in_exactly_its_tables(ec2: Any, vpc: str) -> None:
    """moto changes no route when the tables change, and keeps deleted endpoints."""
    first, second = table_in(ec2, vpc), table_in(ec2, vpc)
    made = ec2.create_vpc_endpoint(VpcId=vpc, **ENDPOINT, RouteTableIds=[first])["VpcEndpoint"]

    def routed() -> list[str]:
        return [
            table["RouteTableId"]
            for table in ec2.describe_route_tables(RouteTableIds=[first, second])["RouteTables"]
            if any(route.get("GatewayId") == made["VpcEndpointId"] for route in table["Routes"])
        ]

    assert routed() == [first]
    identifier = made["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, AddRouteTableIds=[second], RemoveRouteTableIds=[first])
    assert routed() == [second]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])
    assert (routed(), ec2.describe_vpc_endpoints()["VpcEndpoints"]) == ([], [])


def test_a_vpc_goes_last_and_takes_its_own_with_it(ec2: Any, vpc: str, gateway: str) -> None:
    """moto lets go of a VPC with gateways, groups and endpoints in it, and leaves its network ACL behind."""
    group = ec2.create_security_group(GroupName="demo-x", Description="x", VpcId=vpc)["GroupId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, **ENDPOINT)["VpcEndpoint"]["VpcEndpointId"]
    for remove in (
        lambda: ec2.delete_security_group(GroupId=group),
        lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
    ):
        assert refusal(ec2.delete_vpc, VpcId=vpc)[0] == "DependencyViolation"
        remove()
    ec2.delete_vpc(VpcId=vpc)
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    assert ec2.describe_security_groups(Filters=inside)["SecurityGroups"] == []
    assert ec2.describe_network_acls(Filters=inside)["NetworkAcls"] == []
