# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the network modules share: the options of a small network, and how boto3 sees it."""

from __future__ import annotations

from typing import Any

from tests.support.aws_server import REGION, AwsServer

PLATFORM = "demo"
TAGS = {"entasis.io/platform": PLATFORM, "entasis.io/role": "vpc"}
READS = ("Describe", "Get", "List")


def network_options(**changed: Any) -> dict[str, Any]:
    """Two zones, each with a public and a private subnet and a NAT gateway."""
    return {
        "platform": PLATFORM,
        "role": "vpc",
        "cidr": "10.20.0.0/16",
        "subnets": [
            {"name": "demo-public-a", "cidr": "10.20.0.0/24", "zone": f"{REGION}a", "public": True},
            {"name": "demo-public-c", "cidr": "10.20.1.0/24", "zone": f"{REGION}c", "public": True},
            {"name": "demo-private-a", "cidr": "10.20.16.0/20", "zone": f"{REGION}a"},
            {"name": "demo-private-c", "cidr": "10.20.32.0/20", "zone": f"{REGION}c"},
        ],
        "nat_gateways": "per_zone",
        "tags": {"team": "data"},
        **changed,
    }


def writes(server: AwsServer) -> list[str]:
    """The writing calls since the account was emptied."""
    calls = server.control("GET", "calls")["calls"]
    return [operation for counts in calls.values() for operation in counts if not operation.startswith(READS)]


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}


def picture(ec2: Any) -> dict[str, Any]:
    """Everything of networks that the account has, by Name tags, so that two accounts with the same network are equal.

    What has no Name tag is under its id, so a duplicate or a leftover is never hidden. The default VPC is left out.
    """
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    vpcs = [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs] or ["none"]}]
    states = {"Name": "state", "Values": ["pending", "available", "deleting", "failed"]}
    read = {
        "vpc": ("VpcId", vpcs),
        "subnet": ("SubnetId", ec2.describe_subnets(Filters=inside)["Subnets"]),
        "igw": ("InternetGatewayId", ec2.describe_internet_gateways()["InternetGateways"]),
        "eip": ("AllocationId", ec2.describe_addresses()["Addresses"]),
        "nat": ("NatGatewayId", ec2.describe_nat_gateways(Filter=[*inside, states])["NatGateways"]),
        "table": ("RouteTableId", ec2.describe_route_tables(Filters=inside)["RouteTables"]),
        "endpoint": ("VpcEndpointId", ec2.describe_vpc_endpoints(Filters=inside)["VpcEndpoints"]),
    }
    default = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} - {vpc["VpcId"] for vpc in vpcs}
    for kind, (identity, items) in read.items():
        for item in items:
            if kind == "igw" and any(attached["VpcId"] in default for attached in item["Attachments"]):
                continue
            if kind == "table" and any(association.get("Main") for association in item["Associations"]):
                continue
            name = f"{kind} {tags_of(item).get('Name', item[identity])}"
            name = f"{name} {item[identity]}" if name in found else name
            names[item[identity]] = name
            found[name] = item

    def named(identity: Any) -> Any:
        return names.get(identity, identity)

    described: dict[str, Any] = {}
    for name, item in found.items():
        kind = name.split()[0]
        shown: dict[str, Any] = {"tags": tags_of(item)}
        if kind == "vpc":
            shown["cidr"] = item["CidrBlock"]
            for attribute in ("enableDnsSupport", "enableDnsHostnames"):
                answer = ec2.describe_vpc_attribute(VpcId=item["VpcId"], Attribute=attribute)
                shown[attribute] = answer[attribute[0].upper() + attribute[1:]]["Value"]
        elif kind == "subnet":
            shown |= {key: item[key] for key in ("CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")}
            shown["vpc"] = named(item["VpcId"])
        elif kind == "igw":
            shown["vpcs"] = [named(attached["VpcId"]) for attached in item["Attachments"]]
        elif kind == "nat":
            shown["state"], shown["subnet"] = item["State"], named(item["SubnetId"])
            shown["addresses"] = [named(address["AllocationId"]) for address in item["NatGatewayAddresses"]]
        elif kind == "table":
            shown["subnets"] = sorted(named(a["SubnetId"]) for a in item["Associations"] if a.get("SubnetId"))
            shown["routes"] = {
                route.get("DestinationCidrBlock", "prefix list"): (
                    named(route.get("NatGatewayId") or route.get("GatewayId")),
                    route["State"],
                )
                for route in item["Routes"]
            }
        elif kind == "endpoint":
            shown["service"] = item["ServiceName"]
            shown["tables"] = sorted(named(table) for table in item["RouteTableIds"])
        described[name] = shown
    return described


def ids_by_name(ec2: Any, platform: str = PLATFORM) -> dict[str, str]:
    """The id of each of the platform's resources, as C(subnet/demo-public-a)."""
    ours = [{"Name": "key", "Values": ["Name"]}]
    pages = ec2.get_paginator("describe_tags").paginate(Filters=ours)
    return {
        f"{item['ResourceType']}/{item['Value']}": item["ResourceId"]
        for page in pages
        for item in page["Tags"]
        if item["Value"].startswith(platform)
    }
