# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated security groups do what AWS's do and moto's do not, where aws_security_groups depends on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import REGION
from tests.support.eks_account import refusal


@pytest.fixture
def vpc(ec2: Any) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    return str(ec2.create_security_group(GroupName="demo-application", Description="x", VpcId=vpc)["GroupId"])


def tcp(port: int, **source: Any) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize("field", ["IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"])
def test_a_rule_is_known_by_what_it_says_and_keeps_its_description(
    ec2: Any, group: str, direction: str, field: str
) -> None:
    """moto keeps the descriptions of CIDR blocks only, and finds other rules only by the same description."""
    name = {"Name": "prefix-list-name", "Values": [f"com.amazonaws.{REGION}.s3"]}
    [prefix_list] = ec2.describe_managed_prefix_lists(Filters=[name])["PrefixLists"]
    source = {
        "IpRanges": {"CidrIp": "10.1.0.0/16"},
        "Ipv6Ranges": {"CidrIpv6": "2001:db8::/32"},
        "UserIdGroupPairs": {"GroupId": group},
        "PrefixListIds": {"PrefixListId": prefix_list["PrefixListId"]},
    }[field]
    authorize, revoke = (getattr(ec2, f"{verb}_security_group_{direction}") for verb in ("authorize", "revoke"))
    describe = getattr(ec2, f"update_security_group_rule_descriptions_{direction}")

    def seen() -> list[Any]:
        [shown] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        permissions = shown["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]
        return [entry for permission in permissions if permission.get("FromPort") == 80 for entry in permission[field]]

    plain = {"GroupId": group, "IpPermissions": tcp(80, **{field: [source]})}
    authorize(GroupId=group, IpPermissions=tcp(80, **{field: [{**source, "Description": "why"}]}))
    assert [entry["Description"] for entry in seen()] == ["why"]
    # Nothing of a refused call is made.
    both = [*tcp(79, **{field: [source]}), *plain["IpPermissions"]]
    assert refusal(authorize, GroupId=group, IpPermissions=both)[0] == "InvalidPermission.Duplicate"
    assert refusal(revoke, GroupId=group, IpPermissions=both)[0] == "InvalidPermission.NotFound"
    describe(GroupId=group, IpPermissions=tcp(80, **{field: [{**source, "Description": "why not"}]}))
    assert [entry["Description"] for entry in seen()] == ["why not"]
    revoke(**plain)
    assert seen() == []


def test_a_group_in_use_cannot_be_deleted(ec2: Any, vpc: str, group: str) -> None:
    """moto deletes a group from under the rules that name it and the interfaces that carry it."""
    other = ec2.create_security_group(GroupName="demo-frontend", Description="x", VpcId=vpc)["GroupId"]
    rule = {"GroupId": group, "IpPermissions": tcp(80, UserIdGroupPairs=[{"GroupId": other}])}
    ec2.authorize_security_group_ingress(**rule)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    for used in (group, other):
        assert refusal(ec2.delete_security_group, GroupId=used)[0] == "DependencyViolation"
    ec2.revoke_security_group_ingress(**rule)
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    for free in (group, other):
        ec2.delete_security_group(GroupId=free)
    assert refusal(ec2.delete_security_group, GroupId=group)[0] == "InvalidGroup.NotFound"
