# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of security groups share: the options of three groups, and how boto3 sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.aws_server import REGION
from tests.support.network import PLATFORM, TAGS, tags_of

_STORAGE = f"com.amazonaws.{REGION}.s3"
_SIDES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "UserIdGroupPairs": "GroupId",
    "PrefixListIds": "PrefixListId",
}


def group_options(**changed: Any) -> dict[str, Any]:
    """Three groups in a circle, with every kind of source."""
    frontend = [
        {"from_port": 443, "cidr_ipv4": "0.0.0.0/0", "description": "Everyone"},
        {"from_port": 443, "cidr_ipv6": "2001:DB8:0:0::/32"},
        {"protocol": "icmp", "cidr_ipv4": "10.0.0.0/8"},
    ]
    application = [
        {"from_port": 8080, "group": "frontend", "description": "Requests"},
        {"from_port": 9000, "to_port": 9010, "group": "monitoring"},
        {"protocol": "-1", "group": "application"},
    ]
    monitoring = [{"protocol": "udp", "from_port": 8125, "group": "application"}]
    out = [{"from_port": 443, "prefix_list": _STORAGE}, {"protocol": "-1", "group": "application"}]
    groups = [
        {"name": "frontend", "inbound": frontend},
        {"name": "application", "inbound": application, "outbound": []},
        {"name": "monitoring", "inbound": monitoring, "outbound": out},
    ]
    return {"platform": PLATFORM, "role": "vpc", "tags": {"team": "data"}, "groups": groups, **changed}


def whole_groups() -> dict[str, Any]:
    """What boto3 is to see of the groups of C(group_options())."""

    def group(name: str, inbound: set[Any], outbound: set[Any]) -> dict[str, Any]:
        tags = {**TAGS, "team": "data", "Name": f"demo-{name}"}
        return {"tags": tags, "description": f"{name} of platform demo", "in": inbound, "out": outbound}

    ours = ("-1", None, None, "demo-application", "")
    return {
        "demo-frontend": group(
            "frontend",
            {
                ("tcp", 443, 443, "0.0.0.0/0", "Everyone"),
                ("tcp", 443, 443, "2001:db8::/32", ""),
                ("icmp", -1, -1, "10.0.0.0/8", ""),
            },
            {("-1", None, None, "0.0.0.0/0", "")},
        ),
        "demo-application": group(
            "application",
            {
                ("tcp", 8080, 8080, "demo-frontend", "Requests"),
                ("tcp", 9000, 9010, "demo-monitoring", ""),
                ours,
            },
            set(),
        ),
        "demo-monitoring": group(
            "monitoring", {("udp", 8125, 8125, "demo-application", "")}, {("tcp", 443, 443, _STORAGE, ""), ours}
        ),
    }


def group_picture(ec2: Any) -> dict[str, Any]:
    """Every group but the default ones, by name: tags, description, rules in and out."""
    groups = [group for group in ec2.describe_security_groups()["SecurityGroups"] if group["GroupName"] != "default"]
    lists = ec2.describe_managed_prefix_lists()["PrefixLists"]
    names = {item["PrefixListId"]: item["PrefixListName"] for item in lists}
    names |= {group["GroupId"]: group["GroupName"] for group in groups}
    return {
        group["GroupName"]: {
            "tags": tags_of(group),
            "description": group["Description"],
            "in": _rules(group["IpPermissions"], names),
            "out": _rules(group["IpPermissionsEgress"], names),
        }
        for group in groups
    }


def _rules(permissions: list[dict[str, Any]], names: Mapping[str, str]) -> set[tuple[Any, ...]]:
    return {
        (
            permission["IpProtocol"],
            permission.get("FromPort"),
            permission.get("ToPort"),
            names.get(item[field], item[field]),
            item.get("Description", ""),
        )
        for permission in permissions
        for key, field in _SIDES.items()
        for item in permission.get(key, ())
    }
