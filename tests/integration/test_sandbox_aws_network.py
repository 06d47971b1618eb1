# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EC2 refuses what AWS refuses and moto does not, so that a module that is wrong finds out here.

What it does otherwise than moto besides, the modules' own tests show. Each docstring says what moto does.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import REGION, AwsServer
from tests.support.eks_account import refusal
from tests.support.waiting import wait_until

IN_USE = "DependencyViolation"


@pytest.fixture
def vpc(ec2: Any) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnet(ec2: Any, vpc: str) -> str:
    return str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"])


@pytest.fixture
def gateway(ec2: Any, vpc: str) -> str:
    identifier = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=vpc)
    return identifier


@pytest.fixture
def address(ec2: Any) -> str:
    return str(ec2.allocate_address(Domain="vpc")["AllocationId"])


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    return str(ec2.create_security_group(GroupName="demo-application", Description="x", VpcId=vpc)["GroupId"])


def test_a_nat_gateway_takes_its_time_and_holds_what_it_stands_on_until_it_is_gone(
    account: AwsServer, ec2: Any, vpc: str, subnet: str, gateway: str, address: str
) -> None:
    """moto's is available and deleted at once, and its subnet, address and internet gateway can go from under it."""
    account.control("POST", "settings", {"nat_gateway": 1.0})
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]

    def state() -> str:
        [shown] = ec2.describe_nat_gateways(Filters=[{"Name": "nat-gateway-id", "Values": [made]}])["NatGateways"]
        return str(shown["State"])

    def refused() -> list[str]:
        return [
            refusal(ec2.release_address, AllocationId=address)[0],
            refusal(ec2.delete_subnet, SubnetId=subnet)[0],
            refusal(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)[0],
        ]

    held = ["InvalidIPAddress.InUse", IN_USE, IN_USE]
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
    assert refusal(ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdef0")[0] == "NatGatewayNotFound"


def test_a_nat_gateway_without_an_internet_gateway_fails(ec2: Any, subnet: str, address: str) -> None:
    """moto makes it available."""
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]

    def shown() -> dict[str, Any]:
        return dict(ec2.describe_nat_gateways(NatGatewayIds=[made])["NatGateways"][0])

    wait_until(lambda: shown()["State"] == "failed")
    assert shown()["FailureCode"] == "Gateway.NotAttached"
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]


def test_a_second_association_of_a_subnet_is_refused_and_goes_with_the_subnet(ec2: Any, vpc: str, subnet: str) -> None:
    """moto answers with the other one, and keeps it when the subnet is gone, so that the table can never be deleted."""
    first, second = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _number in range(2))
    ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)
    for table in (first, second):
        code, _message = refusal(ec2.associate_route_table, RouteTableId=table, SubnetId=subnet)
        assert code == "Resource.AlreadyAssociated"
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=first)


def test_a_vpc_goes_last_and_takes_its_own_with_it(ec2: Any, vpc: str, gateway: str, group: str) -> None:
    """moto lets go of a VPC with gateways, groups and endpoints in it, and leaves its network ACL behind."""
    service = {"VpcEndpointType": "Gateway", "ServiceName": f"com.amazonaws.{REGION}.s3"}
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, **service)["VpcEndpoint"]["VpcEndpointId"]
    for remove in (
        lambda: ec2.delete_security_group(GroupId=group),
        lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
    ):
        assert refusal(ec2.delete_vpc, VpcId=vpc)[0] == IN_USE
        remove()
    ec2.delete_vpc(VpcId=vpc)
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    assert ec2.describe_security_groups(Filters=inside)["SecurityGroups"] == []
    assert ec2.describe_network_acls(Filters=inside)["NetworkAcls"] == []


def tcp(port: int, **source: Any) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_rule_is_known_by_its_source_and_nothing_of_a_refused_call_is_made(
    ec2: Any, group: str, direction: str
) -> None:
    """moto finds a rule only by the same description, and makes half of a call that fails."""
    name = {"Name": "prefix-list-name", "Values": [f"com.amazonaws.{REGION}.s3"]}
    [prefix_list] = ec2.describe_managed_prefix_lists(Filters=[name])["PrefixLists"]
    authorize, revoke = (getattr(ec2, f"{verb}_security_group_{direction}") for verb in ("authorize", "revoke"))

    def seen(field: str) -> list[Any]:
        [shown] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        permissions = shown["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]
        return [
            entry.get("Description") for one in permissions if one.get("FromPort") in (79, 80) for entry in one[field]
        ]

    for field, source in {
        "IpRanges": {"CidrIp": "10.1.0.0/16"},
        "Ipv6Ranges": {"CidrIpv6": "2001:db8::/32"},
        "UserIdGroupPairs": {"GroupId": group},
        "PrefixListIds": {"PrefixListId": prefix_list["PrefixListId"]},
    }.items():
        authorize(GroupId=group, IpPermissions=tcp(80, **{field: [{**source, "Description": "why"}]}))
        both = [*tcp(79, **{field: [source]}), *tcp(80, **{field: [source]})]
        assert refusal(authorize, GroupId=group, IpPermissions=both)[0] == "InvalidPermission.Duplicate"
        assert refusal(revoke, GroupId=group, IpPermissions=both)[0] == "InvalidPermission.NotFound"
        assert seen(field) == ["why"]
        revoke(GroupId=group, IpPermissions=tcp(80, **{field: [source]}))
        assert seen(field) == []


def test_a_group_in_use_cannot_be_deleted(ec2: Any, vpc: str, subnet: str, group: str) -> None:
    """moto deletes a group from under the rules that name it and the interfaces that carry it."""
    other = ec2.create_security_group(GroupName="demo-frontend", Description="x", VpcId=vpc)["GroupId"]
    rule = {"GroupId": group, "IpPermissions": tcp(80, UserIdGroupPairs=[{"GroupId": other}])}
    ec2.authorize_security_group_ingress(**rule)
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    for used in (group, other):
        assert refusal(ec2.delete_security_group, GroupId=used)[0] == IN_USE
    ec2.revoke_security_group_ingress(**rule)
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    for free in (group, other):
        ec2.delete_security_group(GroupId=free)
    assert refusal(ec2.delete_security_group, GroupId=group)[0] == "InvalidGroup.NotFound"
