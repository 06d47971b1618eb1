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
EVERYWHERE = "0.0.0.0/0"


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


def make_vpc(server: AwsServer, platform: str = PLATFORM) -> str:
    """A VPC as aws_network makes it, without what is in it; its id."""
    tags = {"entasis.io/platform": platform, "entasis.io/role": "vpc", "Name": platform}
    specification = {"ResourceType": "vpc", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    made = server.client("ec2").create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=[specification])
    return str(made["Vpc"]["VpcId"])


def whole_network() -> dict[str, Any]:
    """What boto3 is to see of the network of C(network_options())."""
    cidrs = {
        "public-a": "10.20.0.0/24",
        "public-c": "10.20.1.0/24",
        "private-a": "10.20.16.0/20",
        "private-c": "10.20.32.0/20",
    }

    def tags(name: str) -> dict[str, str]:
        return {**TAGS, "team": "data", "Name": name}

    local = {"10.20.0.0/16": ("local", "active")}
    seen: dict[str, Any] = {
        "vpc demo": {
            "tags": tags("demo"),
            "cidr": "10.20.0.0/16",
            "enableDnsSupport": True,
            "enableDnsHostnames": True,
        },
        "igw demo": {"tags": tags("demo"), "vpcs": ["vpc demo"]},
        "table demo-public": {
            "tags": tags("demo-public"),
            "subnets": ["subnet demo-public-a", "subnet demo-public-c"],
            "routes": {**local, EVERYWHERE: ("igw demo", "active")},
        },
        "endpoint demo-s3": {
            "tags": tags("demo-s3"),
            "service": f"com.amazonaws.{REGION}.s3",
            "tables": ["table demo-private-a", "table demo-private-c"],
        },
    }
    for name, cidr in cidrs.items():
        seen[f"subnet demo-{name}"] = {
            "tags": tags(f"demo-{name}"),
            "CidrBlock": cidr,
            "AvailabilityZone": f"{REGION}{name[-1]}",
            "MapPublicIpOnLaunch": name.startswith("public"),
            "vpc": "vpc demo",
        }
    for zone in "ac":
        seen[f"eip demo-nat-{zone}"] = {"tags": tags(f"demo-nat-{zone}")}
        seen[f"nat demo-nat-{zone}"] = {
            "tags": tags(f"demo-nat-{zone}"),
            "state": "available",
            "subnet": f"subnet demo-public-{zone}",
            "addresses": [f"eip demo-nat-{zone}"],
        }
        seen[f"table demo-private-{zone}"] = {
            "tags": tags(f"demo-private-{zone}"),
            "subnets": [f"subnet demo-private-{zone}"],
            "routes": {
                **local,
                "prefix list": ("endpoint demo-s3", "active"),
                EVERYWHERE: (f"nat demo-nat-{zone}", "active"),
            },
        }
    return seen


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

    def seen(kind: str, item: Any) -> dict[str, Any]:
        if kind == "vpc":
            attributes = {
                name: ec2.describe_vpc_attribute(VpcId=item["VpcId"], Attribute=name)[name[0].upper() + name[1:]][
                    "Value"
                ]
                for name in ("enableDnsSupport", "enableDnsHostnames")
            }
            return {"cidr": item["CidrBlock"], **attributes}
        if kind == "subnet":
            shown = ("CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")
            return {**{key: item[key] for key in shown}, "vpc": named(item["VpcId"])}
        if kind == "igw":
            return {"vpcs": [named(attached["VpcId"]) for attached in item["Attachments"]]}
        if kind == "nat":
            addresses = [named(address["AllocationId"]) for address in item["NatGatewayAddresses"]]
            return {"state": item["State"], "subnet": named(item["SubnetId"]), "addresses": addresses}
        if kind == "endpoint":
            return {"service": item["ServiceName"], "tables": sorted(map(named, item["RouteTableIds"]))}
        if kind == "table":
            routes = {
                route.get("DestinationCidrBlock", "prefix list"): (
                    named(route.get("NatGatewayId") or route.get("GatewayId")),
                    route["State"],
                )
                for route in item["Routes"]
            }
            subnets = sorted(named(one["SubnetId"]) for one in item["Associations"] if one.get("SubnetId"))
            return {"subnets": subnets, "routes": routes}
        return {}

    return {name: {"tags": tags_of(item), **seen(name.split()[0], item)} for name, item in found.items()}


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
