# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated security groups do what AWS's do. Tests that moto alone would fail say what moto does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

REGION = "ap-northeast-2"
ALL_OUT = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def vpc(ec2: Any) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def make_group(ec2: Any, vpc: str) -> Callable[[str], str]:
    def make(name: str) -> str:
        return str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    return make


@pytest.fixture
def group(make_group: Callable[[str], str]) -> str:
    return make_group("demo-application")


@pytest.fixture
def other(make_group: Callable[[str], str]) -> str:
    return make_group("demo-frontend")


@pytest.fixture
def prefix_list(ec2: Any) -> str:
    name = {"Name": "prefix-list-name", "Values": [f"com.amazonaws.{REGION}.s3"]}
    [found] = ec2.describe_managed_prefix_lists(Filters=[name])["PrefixLists"]
    assert found["OwnerId"] == "AWS"
    return str(found["PrefixListId"])


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as failed:
        call(**arguments)
    return str(failed.value.response["Error"]["Code"])


def tcp(port: int, **source: Any) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]


def rules_of(ec2: Any, group: str, *, outbound: bool = False) -> list[dict[str, Any]]:
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in found if rule["IsEgress"] is outbound]


def test_a_new_group_lets_everything_out(ec2: Any, group: str) -> None:
    [shown] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert shown["IpPermissions"] == []
    [rule] = shown["IpPermissionsEgress"]
    assert rule["IpProtocol"] == "-1"
    assert rule["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    [rule] = rules_of(ec2, group, outbound=True)
    assert (rule["FromPort"], rule["ToPort"], rule["CidrIpv4"]) == (-1, -1, "0.0.0.0/0")
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[ALL_OUT])
    assert rules_of(ec2, group, outbound=True) == []


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_every_kind_of_source_keeps_its_description(
    ec2: Any, group: str, other: str, prefix_list: str, direction: str
) -> None:
    """moto keeps descriptions of CIDR blocks only."""
    sources: dict[str, dict[str, Any]] = {
        "CidrIpv4": {"IpRanges": [{"CidrIp": "10.1.0.0/16", "Description": "a network"}]},
        "CidrIpv6": {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32", "Description": "a network"}]},
        "ReferencedGroupInfo": {"UserIdGroupPairs": [{"GroupId": other, "Description": "a network"}]},
        "PrefixListId": {"PrefixListIds": [{"PrefixListId": prefix_list, "Description": "a network"}]},
    }
    authorize = getattr(ec2, f"authorize_security_group_{direction}")
    for number, (field, source) in enumerate(sources.items()):
        [made] = authorize(GroupId=group, IpPermissions=tcp(8000 + number, **source))["SecurityGroupRules"]
        [shown] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])[
            "SecurityGroupRules"
        ]
        for rule in (made, shown):
            assert rule["GroupId"] == group
            assert rule["Description"] == "a network"
            assert rule["IsEgress"] is (direction == "egress")
            assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (8000 + number, 8000 + number, "tcp")
            assert field in rule
            others = set(sources) - {field}
            assert not others & set(rule)
    [shown] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    permissions = shown["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]
    by_port = {permission.get("FromPort"): permission for permission in permissions}
    assert by_port[8000]["IpRanges"] == [{"CidrIp": "10.1.0.0/16", "Description": "a network"}]
    assert by_port[8001]["Ipv6Ranges"] == [{"CidrIpv6": "2001:db8::/32", "Description": "a network"}]
    [pair] = by_port[8002]["UserIdGroupPairs"]
    assert (pair["GroupId"], pair["Description"], pair["UserId"]) == (other, "a network", "123456789012")
    assert by_port[8003]["PrefixListIds"] == [{"PrefixListId": prefix_list, "Description": "a network"}]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_rules_are_revoked_by_id(ec2: Any, group: str, other: str, direction: str) -> None:
    authorize = getattr(ec2, f"authorize_security_group_{direction}")
    revoke = getattr(ec2, f"revoke_security_group_{direction}")
    permissions = tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "172.16.0.0/12"}])
    permissions += tcp(81, UserIdGroupPairs=[{"GroupId": other}])
    made = authorize(GroupId=group, IpPermissions=permissions)["SecurityGroupRules"]
    assert len({rule["SecurityGroupRuleId"] for rule in made}) == 3
    before = len(rules_of(ec2, group, outbound=direction == "egress"))
    revoke(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"], made[2]["SecurityGroupRuleId"]])
    left = rules_of(ec2, group, outbound=direction == "egress")
    assert len(left) == before - 2
    assert made[1]["SecurityGroupRuleId"] in {rule["SecurityGroupRuleId"] for rule in left}
    missing = {"GroupId": group, "SecurityGroupRuleIds": ["sgr-0123456789abcdef0"]}
    assert code_of(revoke, **missing) == "InvalidSecurityGroupRuleId.NotFound"


@pytest.mark.parametrize(
    "source",
    [
        {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]},
        {"UserIdGroupPairs": "other"},
        {"PrefixListIds": "prefix list"},
    ],
    ids=["ipv4", "ipv6", "group", "prefix list"],
)
def test_rules_are_revoked_by_what_they_say_whatever_their_description(
    ec2: Any, group: str, other: str, prefix_list: str, source: dict[str, Any]
) -> None:
    """moto finds no rule with a group or a prefix list unless the description is the same."""
    names: dict[str, list[dict[str, str]]] = {
        "UserIdGroupPairs": [{"GroupId": other}],
        "PrefixListIds": [{"PrefixListId": prefix_list}],
    }
    [(key, value)] = source.items()
    plain = names.get(key, value)
    described = [{**entry, "Description": "why"} for entry in plain]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, **{key: described}))
    again = tcp(80, **{key: plain})
    call = {"GroupId": group, "IpPermissions": again}
    assert code_of(ec2.authorize_security_group_ingress, **call) == "InvalidPermission.Duplicate"
    ec2.revoke_security_group_ingress(**call)
    assert rules_of(ec2, group) == []
    assert code_of(ec2.revoke_security_group_ingress, **call) == "InvalidPermission.NotFound"


def test_rules_are_tagged_by_the_call_that_makes_them(ec2: Any, group: str) -> None:
    tags = [{"Key": "entasis.io/platform", "Value": "demo"}]
    [rule] = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8"}]),
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
    )["SecurityGroupRules"]
    assert rule["Tags"] == tags
    [found] = ec2.describe_security_group_rules(Filters=[{"Name": "tag:entasis.io/platform", "Values": ["demo"]}])[
        "SecurityGroupRules"
    ]
    assert found["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]


def test_rules_are_kept_in_canonical_form(ec2: Any, group: str) -> None:
    """moto keeps what it is given, so that a rule would be seen as it was written, which AWS does not do."""
    ranges = {"IpRanges": [{"CidrIp": "10.1.2.3/16"}], "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0::/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, **ranges))
    assert {rule.get("CidrIpv4") or rule.get("CidrIpv6") for rule in rules_of(ec2, group)} == {
        "10.1.0.0/16",
        "2001:db8::/32",
    }


@pytest.mark.parametrize(
    ("protocol", "first", "last"),
    [("icmp", -1, -1), ("icmpv6", -1, -1), ("udp", 53, 53), ("tcp", 30000, 32767)],
)
def test_protocols(ec2: Any, group: str, protocol: str, first: int, last: int) -> None:
    permission = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    [rule] = rules_of(ec2, group)
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (protocol, first, last)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert rules_of(ec2, group) == []


def test_protocol_numbers_become_names(ec2: Any, group: str) -> None:
    """moto keeps 58."""
    permission = {"IpProtocol": "58", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    [rule] = rules_of(ec2, group)
    assert rule["IpProtocol"] == "icmpv6"


def test_groups_that_refer_to_each_other_hold_each_other(ec2: Any, group: str, other: str) -> None:
    """moto deletes a group from under the rules that name it."""
    pairs = [{"GroupId": other}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=pairs))
    assert code_of(ec2.delete_security_group, GroupId=other) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=pairs))
    ec2.delete_security_group(GroupId=other)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": group}]))
    ec2.delete_security_group(GroupId=group)
    assert code_of(ec2.delete_security_group, GroupId=group) == "InvalidGroup.NotFound"


def test_a_group_in_use_by_a_network_interface_cannot_be_deleted(ec2: Any, vpc: str, group: str) -> None:
    """moto deletes it."""
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    assert code_of(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=group)


def test_the_default_group_cannot_be_deleted(ec2: Any, vpc: str) -> None:
    """moto deletes it."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [default] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert code_of(ec2.delete_security_group, GroupId=default["GroupId"]) == "CannotDelete"
    assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"]


def test_the_default_group_lets_itself_in(ec2: Any, vpc: str) -> None:
    """moto's has no inbound rule."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [default] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    [permission] = default["IpPermissions"]
    assert permission["IpProtocol"] == "-1"
    assert [pair["GroupId"] for pair in permission["UserIdGroupPairs"]] == [default["GroupId"]]


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (tcp(80, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}]), "InvalidGroup.NotFound"),
        (tcp(80, PrefixListIds=[{"PrefixListId": "pl-01234567"}]), "InvalidPrefixListID.NotFound"),
        (tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/33"}]), "InvalidParameterValue"),
        (tcp(80, Ipv6Ranges=[{"CidrIpv6": "10.0.0.0/8"}]), "InvalidParameterValue"),
        (
            [{"IpProtocol": "tcp", "FromPort": 90, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
            "InvalidParameterValue",
        ),
        ([{"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}], "InvalidParameterValue"),
        (tcp(80), "MissingParameter"),
        (tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "ends with a bang!?"}]), "InvalidParameterValue"),
    ],
    ids=["no such group", "no such prefix list", "ipv4", "ipv6", "ports", "no ports", "no source", "description"],
)
def test_wrong_rules_are_refused(ec2: Any, group: str, permissions: list[dict[str, Any]], code: str) -> None:
    """moto takes most of them, or breaks with a 500."""
    assert code_of(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permissions) == code
    assert rules_of(ec2, group) == []


def test_a_refused_call_makes_none_of_its_rules(ec2: Any, group: str) -> None:
    """moto keeps the rules that came before the wrong one."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(81, IpRanges=[{"CidrIp": "10.0.0.0/8"}]))
    permissions = tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8"}]) + tcp(81, IpRanges=[{"CidrIp": "10.0.0.0/8"}])
    call = {"GroupId": group, "IpPermissions": permissions}
    assert code_of(ec2.authorize_security_group_ingress, **call) == "InvalidPermission.Duplicate"
    assert [rule["FromPort"] for rule in rules_of(ec2, group)] == [81]


def test_names_are_unique_in_a_vpc(ec2: Any, vpc: str, group: str) -> None:
    call = {"GroupName": "demo-application", "Description": "x", "VpcId": vpc}
    assert group
    assert code_of(ec2.create_security_group, **call) == "InvalidGroup.Duplicate"
    second = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.create_security_group(**{**call, "VpcId": second})
    assert code_of(ec2.create_security_group, **{**call, "GroupName": "sg-x"}) == "InvalidParameterValue"


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_descriptions_can_be_changed_in_place(ec2: Any, group: str, other: str, direction: str) -> None:
    authorize = getattr(ec2, f"authorize_security_group_{direction}")
    describe = getattr(ec2, f"update_security_group_rule_descriptions_{direction}")
    [rule] = authorize(
        GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": other, "Description": "old"}])
    )["SecurityGroupRules"]
    describe(
        GroupId=group,
        SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "Description": "new"}],
    )
    shown = {r["SecurityGroupRuleId"]: r for r in rules_of(ec2, group, outbound=direction == "egress")}
    assert shown[rule["SecurityGroupRuleId"]]["Description"] == "new"


def test_a_rule_can_be_changed_in_place(ec2: Any, group: str, other: str) -> None:
    """moto changes the ports and IPv4 ranges only."""
    [rule] = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": other, "Description": "old"}])
    )["SecurityGroupRules"]
    changed = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 82, "ReferencedGroupId": group, "Description": "new"}
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": changed}],
    )
    [shown] = rules_of(ec2, group)
    assert shown["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]
    assert (shown["FromPort"], shown["ToPort"], shown["Description"]) == (81, 82, "new")
    assert shown["ReferencedGroupInfo"]["GroupId"] == group
