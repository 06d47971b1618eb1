# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What AWS has of a platform's network, read in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG

#: States of a NAT gateway that still holds its address. AWS lists deleted and failed ones for about an hour.
_NAT_STATES = ("pending", "available", "deleting")


@dataclass(frozen=True)
class Resource:
    id: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Vpc(Resource):
    cidr: str


@dataclass(frozen=True)
class Subnet(Resource):
    #: IPv4 addresses; empty for a subnet that has IPv6 only.
    cidr: str
    zone: str
    map_public_ip_on_launch: bool


@dataclass(frozen=True)
class InternetGateway(Resource):
    vpc_id: str | None


@dataclass(frozen=True)
class ElasticIp(Resource):
    public_ip: str


@dataclass(frozen=True)
class NatGateway(Resource):
    state: str
    #: Empty for a regional NAT gateway, which is in no subnet.
    subnet_id: str
    allocation_ids: frozenset[str] = frozenset()
    interface_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RouteTable(Resource):
    #: Destination (IPv4 or IPv6 CIDR, or prefix list) to the id of the target, of the routes that someone put in.
    routes: Mapping[str, str]
    #: Subnet id to association id.
    associations: Mapping[str, str]


@dataclass(frozen=True)
class Endpoint(Resource):
    #: Empty for an endpoint of a VPC Lattice resource or service network.
    service: str
    type: str
    route_table_ids: frozenset[str]
    state: str = "available"


@dataclass(frozen=True)
class Observed:
    """The VPCs, internet gateways, addresses and zones of the region, and what is in the platform's one VPC."""

    #: By kind.
    resources: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: The zones that the account has in the region, by name: the ids that mean the same place in every account.
    zones: Mapping[str, str] = field(default_factory=dict)
    #: enableDnsSupport and enableDnsHostnames of the platform's VPC.
    vpc_attributes: Mapping[str, bool] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[Any, ...]:
        return self.resources.get(kind, ())


def observe(ec2: Any, platform: str) -> Observed:
    """Read the platform's network: two rounds of parallel calls, one where the platform has no VPC.

    VPCs, internet gateways and addresses are read without a filter: one that lost its tag, or is not attached any more,
    would not be found by tag or VPC, and a region has few of them.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:

        def read(kinds: Iterable[str], **arguments: Any) -> dict[str, Future[list[dict[str, Any]]]]:
            return {kind: pool.submit(read_all, ec2, *CALLS[kind][:2], **arguments) for kind in kinds}

        reads = read(("vpc", "internet_gateway", "elastic_ip"))
        zones = pool.submit(read_all, ec2, "describe_availability_zones", "AvailabilityZones")
        tags = {item["VpcId"]: from_tag_list(item.get("Tags")) for item in reads["vpc"].result()}
        ours = [vpc for vpc in tags if tags[vpc].get(PLATFORM_TAG) == platform]
        attributes = {}
        if len(ours) == 1:
            inside = [{"Name": "vpc-id", "Values": ours}]
            attributes = {
                name: pool.submit(ec2.describe_vpc_attribute, VpcId=ours[0], Attribute=name)
                for name in ("enableDnsSupport", "enableDnsHostnames")
            }
            reads |= read(("subnet", "route_table", "vpc_endpoint"), Filters=inside)
            reads |= read(("nat_gateway",), Filter=[*inside, {"Name": "state", "Values": list(_NAT_STATES)}])
        return Observed(
            {kind: tuple(CALLS[kind][2](item) for item in answer.result()) for kind, answer in reads.items()},
            {zone["ZoneName"]: zone["ZoneId"] for zone in zones.result()},
            {name: answer.result()[name[0].upper() + name[1:]]["Value"] for name, answer in attributes.items()},
        )


def foreign_groups(ec2: Any, vpc_id: str) -> list[str]:
    """The security groups in a VPC that would stop its removal."""
    inside = [{"Name": "vpc-id", "Values": [vpc_id]}]
    return [
        f"security group {group['GroupName']} ({group['GroupId']})"
        for group in read_all(ec2, "describe_security_groups", "SecurityGroups", Filters=inside)
        if group["GroupName"] != "default"
    ]


def _vpc(item: Mapping[str, Any]) -> Vpc:
    return Vpc(item["VpcId"], from_tag_list(item.get("Tags")), item["CidrBlock"])


def _subnet(item: Mapping[str, Any]) -> Subnet:
    return Subnet(
        item["SubnetId"],
        from_tag_list(item.get("Tags")),
        item.get("CidrBlock", ""),
        item["AvailabilityZone"],
        item["MapPublicIpOnLaunch"],
    )


def _internet_gateway(item: Mapping[str, Any]) -> InternetGateway:
    attached = [
        attachment["VpcId"]
        for attachment in item.get("Attachments", ())
        if attachment.get("State") not in ("detaching", "detached")
    ]
    return InternetGateway(
        item["InternetGatewayId"], from_tag_list(item.get("Tags")), attached[0] if attached else None
    )


def _elastic_ip(item: Mapping[str, Any]) -> ElasticIp:
    return ElasticIp(item.get("AllocationId", item["PublicIp"]), from_tag_list(item.get("Tags")), item["PublicIp"])


def _nat_gateway(item: Mapping[str, Any]) -> NatGateway:
    addresses = item.get("NatGatewayAddresses", ())
    return NatGateway(
        item["NatGatewayId"],
        from_tag_list(item.get("Tags")),
        item["State"],
        item.get("SubnetId", ""),
        frozenset(address["AllocationId"] for address in addresses if address.get("AllocationId")),
        frozenset(address["NetworkInterfaceId"] for address in addresses if address.get("NetworkInterfaceId")),
    )


def _route_table(item: Mapping[str, Any]) -> RouteTable:
    associations = [
        association
        for association in item.get("Associations", ())
        if association.get("AssociationState", {}).get("State") not in ("disassociating", "disassociated")
    ]
    return RouteTable(
        item["RouteTableId"],
        from_tag_list(item.get("Tags")),
        # Routes of the table itself (local), of propagation and of gateway endpoints are AWS's own to keep.
        {
            _destination(route): _target(route)
            for route in item.get("Routes", ())
            if route.get("Origin") == "CreateRoute"
            and not (route.get("DestinationPrefixListId") and route.get("GatewayId", "").startswith("vpce-"))
        },
        {
            association["SubnetId"]: association["RouteTableAssociationId"]
            for association in associations
            if association.get("SubnetId")
        },
    )


def _destination(route: Mapping[str, Any]) -> str:
    fields = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return next(route[field] for field in fields if route.get(field))


def _target(route: Mapping[str, Any]) -> str:
    fields = (
        "NatGatewayId",
        "TransitGatewayId",
        "VpcPeeringConnectionId",
        "NetworkInterfaceId",
        "InstanceId",
        "EgressOnlyInternetGatewayId",
        "CarrierGatewayId",
        "LocalGatewayId",
        "CoreNetworkArn",
        "GatewayId",
    )
    return next((route[field] for field in fields if route.get(field)), "nothing")


def _endpoint(item: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        item["VpcEndpointId"],
        from_tag_list(item.get("Tags")),
        item.get("ServiceName", ""),
        item["VpcEndpointType"],
        frozenset(item.get("RouteTableIds", ())),
        item["State"].lower(),
    )


#: How each kind is read: the call, the key of its answer, and what is made of an item.
CALLS: dict[str, tuple[str, str, Callable[[Mapping[str, Any]], Resource]]] = {
    "vpc": ("describe_vpcs", "Vpcs", _vpc),
    "internet_gateway": ("describe_internet_gateways", "InternetGateways", _internet_gateway),
    "elastic_ip": ("describe_addresses", "Addresses", _elastic_ip),
    "subnet": ("describe_subnets", "Subnets", _subnet),
    "nat_gateway": ("describe_nat_gateways", "NatGateways", _nat_gateway),
    "route_table": ("describe_route_tables", "RouteTables", _route_table),
    "vpc_endpoint": ("describe_vpc_endpoints", "VpcEndpoints", _endpoint),
}
