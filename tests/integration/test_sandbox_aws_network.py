# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EC2 does what AWS does, where the network and the security groups of a platform depend on it.

Each test here that moto alone would fail names what moto does in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_server import AwsServer
from tests.support.waiting import wait_until

REGION = "ap-northeast-2"
TAGS = [{"Key": "Name", "Value": "demo"}, {"Key": "entasis.io/platform", "Value": "demo"}]
OURS = [{"Name": "tag:entasis.io/platform", "Values": ["demo"]}]
NOT_OURS = [{"Name": "tag:entasis.io/platform", "Values": ["other"]}]


@pytest.fixture
def server(account: AwsServer) -> AwsServer:
    """An empty account in which NAT gateways take no time."""
    account.control("POST", "settings", {"nat_gateway": 0.0})
    return account


@pytest.fixture
def ec2(server: AwsServer) -> Any:
    return server.client("ec2")


def specification(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    """The code with which a call fails."""
    with pytest.raises(ClientError) as failed:
        call(**arguments)
    return str(failed.value.response["Error"]["Code"])


@pytest.fixture
def vpc(ec2: Any) -> str:
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc"))
    return str(made["Vpc"]["VpcId"])


@pytest.fixture
def subnet(ec2: Any, vpc: str) -> str:
    made = ec2.create_subnet(
        VpcId=vpc,
        CidrBlock="10.0.0.0/24",
        AvailabilityZone="ap-northeast-2a",
        TagSpecifications=specification("subnet"),
    )
    return str(made["Subnet"]["SubnetId"])


@pytest.fixture
def gateway(ec2: Any, vpc: str) -> str:
    made = ec2.create_internet_gateway(TagSpecifications=specification("internet-gateway"))
    identifier = str(made["InternetGateway"]["InternetGatewayId"])
    ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=vpc)
    return identifier


@pytest.fixture
def address(ec2: Any) -> str:
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=specification("elastic-ip"))
    return str(made["AllocationId"])


@pytest.fixture
def nat_gateway(ec2: Any, subnet: str, gateway: str, address: str) -> str:
    assert gateway
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=specification("natgateway"))
    return str(made["NatGateway"]["NatGatewayId"])


def state_of(ec2: Any, nat_gateway: str) -> str:
    return str(ec2.describe_nat_gateways(NatGatewayIds=[nat_gateway])["NatGateways"][0]["State"])


def test_every_resource_is_tagged_by_its_create_call_and_found_by_tag(
    ec2: Any, vpc: str, subnet: str, gateway: str, address: str, nat_gateway: str
) -> None:
    """moto ignores a tag filter on NAT gateways, and so finds every one."""
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=specification("route-table"))["RouteTable"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", TagSpecifications=specification("vpc-endpoint")
    )["VpcEndpoint"]
    group = ec2.create_security_group(
        GroupName="demo-x", Description="x", VpcId=vpc, TagSpecifications=specification("security-group")
    )
    found = {
        "Vpcs": (ec2.describe_vpcs, "VpcId", vpc),
        "Subnets": (ec2.describe_subnets, "SubnetId", subnet),
        "InternetGateways": (ec2.describe_internet_gateways, "InternetGatewayId", gateway),
        "Addresses": (ec2.describe_addresses, "AllocationId", address),
        "NatGateways": (ec2.describe_nat_gateways, "NatGatewayId", nat_gateway),
        "RouteTables": (ec2.describe_route_tables, "RouteTableId", table["RouteTableId"]),
        "VpcEndpoints": (ec2.describe_vpc_endpoints, "VpcEndpointId", endpoint["VpcEndpointId"]),
        "SecurityGroups": (ec2.describe_security_groups, "GroupId", group["GroupId"]),
    }
    for name, (describe, key, identifier) in found.items():
        [ours] = describe(Filters=OURS)[name]
        assert ours[key] == identifier
        assert sorted(ours["Tags"], key=lambda tag: str(tag["Key"])) == TAGS
        assert describe(Filters=NOT_OURS)[name] == []


def test_describe_tags_knows_the_resource_types_of_aws(ec2: Any, address: str, nat_gateway: str) -> None:
    """moto calls them vpc-elastic-ip and nat-gateway, so that a filter by AWS's names finds nothing."""
    for kind, identifier in (("elastic-ip", address), ("natgateway", nat_gateway)):
        tags = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": [kind]}])["Tags"]
        assert {tag["ResourceId"] for tag in tags} == {identifier}
        assert {tag["ResourceType"] for tag in tags} == {kind}


def test_tags_go_with_their_resource(ec2: Any, vpc: str, subnet: str, address: str) -> None:
    """moto keeps them for ever, so that a search for leftovers by tag finds ghosts."""
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["entasis.io/platform"]}])["Tags"] == []


def test_a_create_call_refuses_tags_for_another_kind(ec2: Any) -> None:
    """moto takes them for its own, or drops them."""
    call = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": specification("subnet")}
    assert code_of(ec2.create_vpc, **call) == "InvalidParameterValue"
    assert ec2.describe_vpcs(Filters=OURS)["Vpcs"] == []


def test_tags_can_be_changed_and_removed(ec2: Any, nat_gateway: str, address: str) -> None:
    ec2.create_tags(Resources=[nat_gateway, address], Tags=[{"Key": "Name", "Value": "other"}])
    ec2.delete_tags(Resources=[nat_gateway], Tags=[{"Key": "entasis.io/platform"}])
    [shown] = ec2.describe_nat_gateways(NatGatewayIds=[nat_gateway])["NatGateways"]
    assert shown["Tags"] == [{"Key": "Name", "Value": "other"}]
    [shown] = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert {"Key": "Name", "Value": "other"} in shown["Tags"]


def test_tags_cannot_be_put_on_what_does_not_exist(ec2: Any) -> None:
    """moto does not look for NAT gateways, addresses and endpoints."""
    for missing in ("nat-0123456789abcdef0", "eipalloc-0123456789abcdef0", "vpce-0123456789abcdef0"):
        with pytest.raises(ClientError) as failed:
            ec2.create_tags(Resources=[missing], Tags=TAGS)
        assert "NotFound" in failed.value.response["Error"]["Code"]


def test_dns_attributes_and_cidr(ec2: Any, vpc: str) -> None:
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    shown = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert shown["EnableDnsHostnames"]["Value"] is True
    shown = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
    assert shown["EnableDnsSupport"]["Value"] is True


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.0.0/25", "InvalidSubnet.Conflict"),
        ("10.0.9.0/29", "InvalidSubnet.Range"),
        ("10.0.9.0", "InvalidParameterValue"),
    ],
    ids=["outside", "overlap", "too small", "no prefix"],
)
def test_a_wrong_subnet_is_refused(ec2: Any, vpc: str, subnet: str, cidr: str, code: str) -> None:
    assert subnet
    assert code_of(ec2.create_subnet, VpcId=vpc, CidrBlock=cidr, AvailabilityZone="ap-northeast-2a") == code


def test_a_subnet_in_a_zone_of_another_region_is_refused(ec2: Any, vpc: str) -> None:
    call = {"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "eu-west-1a"}
    assert code_of(ec2.create_subnet, **call) == "InvalidParameterValue"


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.0.0.0/29"])
def test_a_vpc_of_a_wrong_size_is_refused(ec2: Any, cidr: str) -> None:
    assert code_of(ec2.create_vpc, CidrBlock=cidr) == "InvalidVpc.Range"


def test_public_addresses_on_launch(ec2: Any, subnet: str) -> None:
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"] is True


def test_the_zones_of_the_region(ec2: Any) -> None:
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert {"ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c"} <= {zone["ZoneName"] for zone in zones}


def test_a_nat_gateway_is_pending_then_available(
    server: AwsServer, ec2: Any, subnet: str, gateway: str, address: str
) -> None:
    """moto says available at once."""
    assert gateway
    server.control("POST", "settings", {"nat_gateway": 0.4})
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert made["State"] == "pending"
    assert state_of(ec2, made["NatGatewayId"]) == "pending"
    wait_until(lambda: state_of(ec2, made["NatGatewayId"]) == "available")
    [shown] = ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"]
    assert shown["NatGatewayAddresses"][0]["AllocationId"] == address
    assert shown["NatGatewayAddresses"][0]["PublicIp"]
    assert shown["ConnectivityType"] == "public"


def test_a_nat_gateway_holds_its_address_and_subnet_until_it_is_deleted(
    server: AwsServer, ec2: Any, subnet: str, address: str, nat_gateway: str
) -> None:
    """moto says deleted at once, keeps the network interface for ever, and releases an address that is in use."""
    server.control("POST", "settings", {"nat_gateway": 0.4})
    assert code_of(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)
    assert state_of(ec2, nat_gateway) == "deleting"
    assert code_of(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    assert code_of(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    wait_until(lambda: state_of(ec2, nat_gateway) == "deleted")
    assert (
        ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"] == []
    )
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)


def test_a_nat_gateway_without_an_internet_gateway_fails(ec2: Any, subnet: str, address: str) -> None:
    """moto makes it available."""
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    wait_until(lambda: state_of(ec2, made["NatGatewayId"]) == "failed")
    [shown] = ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"]
    assert shown["FailureCode"] == "Gateway.NotAttached"
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]


def test_nat_gateway_filters(ec2: Any, vpc: str, subnet: str, nat_gateway: str) -> None:
    for name, value in (("vpc-id", vpc), ("subnet-id", subnet), ("state", "available"), ("tag-key", "Name")):
        [shown] = ec2.describe_nat_gateways(Filters=[{"Name": name, "Values": [value]}])["NatGateways"]
        assert shown["NatGatewayId"] == nat_gateway
        assert ec2.describe_nat_gateways(Filters=[{"Name": name, "Values": ["other"]}])["NatGateways"] == []


def test_a_nat_gateway_that_is_not_there(ec2: Any, subnet: str, address: str) -> None:
    """moto answers an empty list, and 500 to the deletion."""
    missing = "nat-0123456789abcdef0"
    assert code_of(ec2.describe_nat_gateways, NatGatewayIds=[missing]) == "NatGatewayNotFound"
    assert code_of(ec2.delete_nat_gateway, NatGatewayId=missing) == "NatGatewayNotFound"
    call = {"SubnetId": "subnet-0123456789abcdef0", "AllocationId": address}
    assert code_of(ec2.create_nat_gateway, **call) == "InvalidSubnetID.NotFound"
    call = {"SubnetId": subnet, "AllocationId": "eipalloc-0123456789abcdef0"}
    assert code_of(ec2.create_nat_gateway, **call) == "InvalidAllocationID.NotFound"
    assert (
        ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"] == []
    )


def test_two_nat_gateways_cannot_share_an_address(ec2: Any, subnet: str, address: str, nat_gateway: str) -> None:
    call = {"SubnetId": subnet, "AllocationId": address}
    assert code_of(ec2.create_nat_gateway, **call) == "Resource.AlreadyAssociated"
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 1
    assert state_of(ec2, nat_gateway) == "available"


def test_the_same_token_makes_one_nat_gateway(ec2: Any, subnet: str, gateway: str, address: str) -> None:
    """moto ignores the token."""
    assert gateway
    call = {"SubnetId": subnet, "AllocationId": address, "ClientToken": "demo-nat-a"}
    first, second = ec2.create_nat_gateway(**call), ec2.create_nat_gateway(**call)
    assert first["NatGateway"]["NatGatewayId"] == second["NatGateway"]["NatGatewayId"]
    assert second["ClientToken"] == "demo-nat-a"
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 1
    changed = {**call, "ConnectivityType": "private"}
    assert code_of(ec2.create_nat_gateway, **changed) == "IdempotentParameterMismatch"


def test_the_same_token_makes_one_endpoint(ec2: Any, vpc: str) -> None:
    """moto ignores the token."""
    call = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.s3", "ClientToken": "demo-s3"}
    first, second = ec2.create_vpc_endpoint(**call), ec2.create_vpc_endpoint(**call)
    assert first["VpcEndpoint"]["VpcEndpointId"] == second["VpcEndpoint"]["VpcEndpointId"]
    assert len(ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 1


def test_routes_through_the_gateways(ec2: Any, vpc: str, subnet: str, gateway: str, nat_gateway: str) -> None:
    public = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    private = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.create_route(RouteTableId=private, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat_gateway)
    ec2.associate_route_table(RouteTableId=public, SubnetId=subnet)
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [table] = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    assert table["RouteTableId"] == public
    routes = {route["DestinationCidrBlock"]: route for route in table["Routes"]}
    assert routes["10.0.0.0/16"]["GatewayId"] == "local"
    assert routes["0.0.0.0/0"]["GatewayId"] == gateway
    [table] = ec2.describe_route_tables(RouteTableIds=[private])["RouteTables"]
    routes = {route["DestinationCidrBlock"]: route for route in table["Routes"]}
    assert routes["0.0.0.0/0"]["NatGatewayId"] == nat_gateway
    assert "GatewayId" not in routes["0.0.0.0/0"]
    call = {"RouteTableId": private, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    assert code_of(ec2.create_route, **call) == "RouteAlreadyExists"
    ec2.replace_route(**call)
    [table] = ec2.describe_route_tables(RouteTableIds=[private])["RouteTables"]
    routes = {route["DestinationCidrBlock"]: route for route in table["Routes"]}
    assert routes["0.0.0.0/0"]["GatewayId"] == gateway
    assert "NatGatewayId" not in routes["0.0.0.0/0"]


def test_a_second_association_of_a_subnet_is_refused(ec2: Any, vpc: str, subnet: str) -> None:
    """moto makes it, so that a subnet has two route tables."""
    first = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    second = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)["AssociationId"]
    assert code_of(ec2.associate_route_table, RouteTableId=second, SubnetId=subnet) == "Resource.AlreadyAssociated"
    ec2.replace_route_table_association(AssociationId=association, RouteTableId=second)
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [table] = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    assert table["RouteTableId"] == second


def test_a_gateway_endpoint_puts_its_prefix_list_into_the_route_tables(ec2: Any, vpc: str) -> None:
    """moto puts no route for it."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    name = f"com.amazonaws.{REGION}.s3"
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=name, RouteTableIds=[table])["VpcEndpoint"]
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["State"] == "available"
    assert endpoint["RouteTableIds"] == [table]
    [prefix_list] = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])["PrefixLists"]

    def destinations(identifier: str) -> dict[str, str]:
        [shown] = ec2.describe_route_tables(RouteTableIds=[identifier])["RouteTables"]
        return {r["DestinationPrefixListId"]: r["GatewayId"] for r in shown["Routes"] if "DestinationPrefixListId" in r}

    assert destinations(table) == {prefix_list["PrefixListId"]: endpoint["VpcEndpointId"]}
    assert destinations(other) == {}
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], AddRouteTableIds=[other], RemoveRouteTableIds=[table]
    )
    assert destinations(table) == {}
    assert destinations(other) == {prefix_list["PrefixListId"]: endpoint["VpcEndpointId"]}
    [shown] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["VpcEndpoints"]
    assert shown["RouteTableIds"] == [other]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert destinations(other) == {}


def test_an_endpoint_of_a_service_that_is_not_there_is_refused(ec2: Any, vpc: str) -> None:
    """moto makes it."""
    call = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.nonsense"}
    assert code_of(ec2.create_vpc_endpoint, **call) == "InvalidServiceName"


def test_a_second_gateway_endpoint_in_a_route_table_is_refused(ec2: Any, vpc: str) -> None:
    """moto makes it."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    call = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.s3", "RouteTableIds": [table]}
    ec2.create_vpc_endpoint(**call)
    assert code_of(ec2.create_vpc_endpoint, **call) == "RouteAlreadyExists"


def test_a_vpc_with_dependents_cannot_be_deleted(ec2: Any, vpc: str) -> None:
    """moto lets go of a VPC with security groups, route tables and endpoints of ours in it."""
    group = ec2.create_security_group(GroupName="demo-x", Description="x", VpcId=vpc)["GroupId"]
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_route_table(RouteTableId=table)
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3")["VpcEndpoint"]
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    ec2.delete_vpc(VpcId=vpc)
    assert code_of(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"


def test_a_vpc_with_a_subnet_or_a_gateway_cannot_be_deleted(ec2: Any, vpc: str, subnet: str, gateway: str) -> None:
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_subnet(SubnetId=subnet)
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    assert code_of(ec2.delete_internet_gateway, InternetGatewayId=gateway) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


def test_a_vpc_takes_its_own_group_and_table_with_it(ec2: Any, vpc: str) -> None:
    """moto leaves the default security group."""
    in_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert [group["GroupName"] for group in ec2.describe_security_groups(Filters=in_vpc)["SecurityGroups"]] == [
        "default"
    ]
    assert len(ec2.describe_route_tables(Filters=in_vpc)["RouteTables"]) == 1
    assert len(ec2.describe_network_acls(Filters=in_vpc)["NetworkAcls"]) == 1
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_security_groups(Filters=in_vpc)["SecurityGroups"] == []
    assert ec2.describe_route_tables(Filters=in_vpc)["RouteTables"] == []
    assert ec2.describe_network_acls(Filters=in_vpc)["NetworkAcls"] == []


def test_a_gateway_in_use_cannot_be_detached(ec2: Any, vpc: str, gateway: str, nat_gateway: str) -> None:
    """moto detaches it from under the public addresses."""
    call = {"InternetGatewayId": gateway, "VpcId": vpc}
    assert code_of(ec2.detach_internet_gateway, **call) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)
    wait_until(lambda: state_of(ec2, nat_gateway) == "deleted")
    ec2.detach_internet_gateway(**call)


def test_a_route_table_in_use_cannot_be_deleted(ec2: Any, vpc: str, subnet: str) -> None:
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert code_of(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)


def test_the_main_route_table_cannot_be_deleted(ec2: Any, vpc: str) -> None:
    [main] = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"]
    assert code_of(ec2.delete_route_table, RouteTableId=main["RouteTableId"]) == "DependencyViolation"


def test_a_subnet_takes_its_association_with_it(ec2: Any, vpc: str, subnet: str) -> None:
    """moto keeps the association of a subnet that is gone, so that the route table can never be deleted."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.delete_subnet(SubnetId=subnet)
    [shown] = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert shown["Associations"] == []
    ec2.delete_route_table(RouteTableId=table)
