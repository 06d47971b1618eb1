# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules and the planner of security groups, by plain data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.desired import (
    SecurityGroups,
    absent,
    desired_groups,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.plan import (
    INBOUND,
    Observed,
    ObservedGroup,
    Plan,
    plan,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.rules import (
    NEW_GROUP_OUTBOUND,
    Rule,
    Rules,
    from_permissions,
    parse_rules,
    shown,
    to_permissions,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError, apply
from hypothesis import given, settings
from hypothesis import strategies as st

PLATFORM = "demo"
OWNER = "123456789012"
TEN = {"cidr_ipv4": "10.0.0.0/8"}
ANYWHERE = {"protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}


def parsed(*written: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    rules = parse_rules("inbound", written, problems)
    assert problems == []
    return shown(rules)


def refused(*written: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    parse_rules("inbound", written, problems)
    return problems


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"from_port": 443, "cidr_ipv4": "0.0.0.0/0"}, "tcp 443 0.0.0.0/0"),
        ({"from_port": 0, "to_port": 65535, "cidr_ipv4": "10.0.0.0/8"}, "tcp 0-65535 10.0.0.0/8"),
        ({"protocol": "udp", "from_port": 53, "group": "dns", "description": "Names"}, "udp 53 group dns (Names)"),
        (ANYWHERE, "every protocol 0.0.0.0/0"),
        ({"protocol": "icmp", **TEN}, "icmp 10.0.0.0/8"),
        ({"protocol": "icmp", "from_port": 8, **TEN}, "icmp type 8 10.0.0.0/8"),
        ({"protocol": "icmp", "from_port": 3, "to_port": 4, **TEN}, "icmp type 3 code 4 10.0.0.0/8"),
        ({"protocol": "icmpv6", "cidr_ipv6": "::/0"}, "icmpv6 ::/0"),
        ({"from_port": 443, "cidr_ipv6": "2001:0DB8:0:0::/32"}, "tcp 443 2001:db8::/32"),
        ({"from_port": 443, "prefix_list": "pl-0a1b2c3d"}, "tcp 443 prefix list pl-0a1b2c3d"),
    ],
)
def test_a_rule_is_normalised_as_aws_does(written: dict[str, Any], expected: str) -> None:
    assert parsed(written) == [expected]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({}, ": write exactly one of cidr_ipv4, cidr_ipv6, group, prefix_list; there is none"),
        (
            {**TEN, "group": "x"},
            ": write exactly one of cidr_ipv4, cidr_ipv6, group, prefix_list; there is cidr_ipv4, g",
        ),
        ({"cidr_ipv4": "10.0.0.5/16"}, ".cidr_ipv4: 10.0.0.5/16 is an address, not a network; write 10.0.0.0/16"),
        ({"cidr_ipv4": "10.0.0.5"}, ".cidr_ipv4: 10.0.0.5 is an address, not a network; write 10.0.0.5/32"),
        (
            {"cidr_ipv6": "2001:db8::1/64"},
            ".cidr_ipv6: 2001:db8::1/64 is an address, not a network; write 2001:db8::/64",
        ),
        ({"cidr_ipv4": "::/0"}, ".cidr_ipv4: '::/0' is not a network; write it as 10.0.0.0/16"),
        ({**TEN, "from_port": None}, ": tcp needs from_port; write 0, and to_port 65535, for all ports"),
        ({**TEN, "to_port": 8}, ": ports go upwards from 0 to 65535; 22 to 8 do not"),
        (ANYWHERE, ': protocol "-1" is every protocol and has no ports; remove from_port and to_port'),
        (
            {**TEN, "protocol": "icmp", "from_port": None, "to_port": 4},
            ": from_port is the icmp type and to_port the code, each 0 to 255 or -1 for all; -1 and 4 are not",
        ),
        (
            {**TEN, "description": "naïve"},
            ".description: AWS takes at most 255 letters, digits, spaces and ._-:/()#,@[]",
        ),
    ],
)
def test_a_bad_rule_is_refused_with_what_to_write(written: dict[str, Any], problem: str) -> None:
    [told] = refused({"from_port": 22, **written})
    assert told.startswith(f"inbound[0]{problem}")


def test_the_same_rule_twice_is_one_unless_the_descriptions_differ() -> None:
    rule = {"from_port": 22, "cidr_ipv4": "10.0.0.0/8"}
    assert parsed(rule, rule) == ["tcp 22 10.0.0.0/8"]
    assert refused(rule, {**rule, "description": "Why"}) == [
        "inbound[1]: the same rule is there before with the description ''; remove one of the two"
    ]


def test_aws_nested_permissions_are_read_rule_by_rule() -> None:
    permissions: list[dict[str, Any]] = [
        {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "Inside"}, {"CidrIp": "192.0.2.0/24"}],
            "Ipv6Ranges": [{"CidrIpv6": "2001:db8:0::/48"}],
            "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": OWNER}, {"GroupId": "sg-2", "UserId": "210987654321"}],
            "PrefixListIds": [{"PrefixListId": "pl-1"}],
        },
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "58", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "50", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    ]
    assert shown(from_permissions(permissions, OWNER)) == [
        "every protocol 0.0.0.0/0",
        "50 10.0.0.0/8",
        "icmpv6 ::/0",
        "tcp 443 10.0.0.0/8 (Inside)",
        "tcp 443 192.0.2.0/24",
        "tcp 443 2001:db8::/48",
        "tcp 443 group 210987654321/sg-2",
        "tcp 443 group sg-1",
        "tcp 443 prefix list pl-1",
    ]


#: Protocols and ports, and other sides but for groups, no two of which are the same.
PORTS: list[dict[str, Any]] = [
    {"from_port": 22},
    {"from_port": 22, "to_port": 65535},
    {"protocol": "udp", "from_port": 22},
    {"protocol": "icmp"},
    {"protocol": "icmp", "from_port": 8},
    {"protocol": "icmpv6"},
    {"protocol": "-1"},
]
SIDES: list[dict[str, str]] = [
    *({"cidr_ipv4": network} for network in ("10.0.0.0/8", "192.0.2.0/24", "0.0.0.0/0")),
    *({"cidr_ipv6": network} for network in ("::/0", "2001:DB8::/32")),
    *({"prefix_list": name} for name in ("pl-1", "com.amazonaws.s3")),
]


def written_rules(groups: Sequence[str] = ()) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rules as a user may write them, no two of which are the same."""
    sides = [*SIDES, *({"group": group} for group in groups)]
    rules = st.tuples(st.sampled_from(PORTS), st.sampled_from(sides), st.sampled_from(["", "Why", "Why not"]))
    return st.lists(rules, max_size=6, unique_by=lambda rule: str(rule[:2])).map(
        lambda found: [{**ports, **side, "description": description} for ports, side, description in found]
    )


@given(written_rules())
def test_rules_come_back_from_aws_as_they_were_given(written: list[dict[str, Any]]) -> None:
    problems: list[str] = []
    rules = parse_rules("inbound", written, problems)
    assert problems == []
    assert from_permissions(to_permissions(rules, {}), OWNER) == rules


class World:
    """The groups of a VPC in memory, with AWS's refusals."""

    prefix_lists: Mapping[str, str] = {"com.amazonaws.s3": "pl-s3"}

    def __init__(self) -> None:
        self.groups: dict[str, ObservedGroup] = {}
        self._numbers = itertools.count(1)

    def observe(self) -> Observed:
        return Observed(tuple(self.groups.values()), self.prefix_lists)

    def apply(self, planned: Plan) -> None:
        ids = dict(planned.ids)

        def make(change: Any) -> None:
            assert change.name not in {group.name for group in self.groups.values()}
            made = ids[change.name] = f"sg-{next(self._numbers)}"
            self.groups[made] = ObservedGroup(
                made, change.name, change.after["description"], dict(change.after["tags"]), {}, NEW_GROUP_OUTBOUND
            )

        def tag(change: Any) -> None:
            group = self.groups[ids[change.name]]
            self.groups[group.id] = replace(group, tags={**group.tags, **change.after["tags"]})

        def change_rules(change: Any) -> None:
            _before, after = planned.rules[change.resource]
            known = {replace(rule, source=ids.get(rule.source, rule.source)): text for rule, text in after.items()}
            assert all(rule.source in self.groups for rule in known if rule.kind == "group"), "no such group"
            group = self.groups[ids[change.name]]
            inbound = change.kind == INBOUND
            self.groups[group.id] = replace(group, inbound=known) if inbound else replace(group, outbound=known)

        def remove(change: Any) -> None:
            gone = self.groups.pop(ids[change.name])
            rules = [rule for group in self.groups.values() for rule in [*group.inbound, *group.outbound]]
            assert all(rule.source != gone.id for rule in rules), "another group refers to it"

        apply(
            planned.changes,
            {
                ("security_group", "create"): make,
                ("security_group", "update"): tag,
                ("security_group", "delete"): remove,
                ("inbound_rules", "update"): change_rules,
                ("outbound_rules", "update"): change_rules,
            },
            parallelism=1,
        )


@st.composite
def group_sets(draw: st.DrawFn) -> SecurityGroups:
    """Groups that refer to each other in any way."""
    names = tuple(draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)))
    groups = [
        {
            "name": name,
            "inbound": draw(written_rules(names)),
            "outbound": draw(st.one_of(st.just([ANYWHERE]), written_rules(names))),
            "tags": draw(st.dictionaries(st.sampled_from(["team"]), st.sampled_from("xy"))),
        }
        for name in names
    ]
    return desired_groups(PLATFORM, "vpc", groups=groups)


@given(group_sets(), group_sets(), st.booleans())
@settings(max_examples=150)
def test_from_any_groups_to_any_others_and_to_none(first: SecurityGroups, second: SecurityGroups, purge: bool) -> None:
    world = World()
    world.apply(plan(first, world.observe()))
    assert plan(first, world.observe()).changes == []
    world.apply(plan(second, world.observe(), purge=purge))
    after = plan(second, world.observe(), purge=purge)
    assert after.changes == []
    left = {group.name for group in world.groups.values()}
    assert left == set(second.groups) | (set() if purge else set(first.groups))
    theirs = world.groups["sg-theirs"] = ObservedGroup("sg-theirs", "theirs", "Theirs", {}, {}, {})
    assert plan(absent(PLATFORM, "backups"), world.observe()).changes == []
    world.apply(plan(absent(PLATFORM, "vpc"), world.observe()))
    assert list(world.groups.values()) == [theirs]


def with_rules(inbound: Rules) -> Observed:
    desired = desired_groups(PLATFORM, "vpc", groups=[{"name": "a", "inbound": [], "outbound": [ANYWHERE]}])
    tags = desired.groups["demo-a"].tags
    group = ObservedGroup("sg-a", "demo-a", "a of platform demo", tags, inbound, NEW_GROUP_OUTBOUND)
    return Observed((group,))


def test_the_diff_shows_the_rules_before_and_after() -> None:
    there = {Rule("tcp", 22, 22, "cidr_ipv4", "0.0.0.0/0"): "", Rule("tcp", 80, 80, "group", "sg-a"): "Old"}
    written = {"name": "a", "inbound": [{"from_port": 80, "group": "a", "description": "New"}], "outbound": [ANYWHERE]}
    [change] = plan(desired_groups(PLATFORM, "vpc", groups=[written]), with_rules(there)).changes
    assert change.before == {"rules": ["tcp 22 0.0.0.0/0", "tcp 80 group demo-a (Old)"]}
    assert change.after == {"rules": ["tcp 80 group demo-a (New)"]}


def test_all_problems_of_the_options_are_told_at_once() -> None:
    groups = [
        {"name": "a", "description": "naïve", "inbound": [{"from_port": 22, "group": "nobody"}], "outbound": []},
        {"name": "a", "inbound": [], "outbound": [{"from_port": 22}]},
    ]
    with pytest.raises(PlanError) as failed:
        desired_groups(PLATFORM, "vpc", groups=groups)
    assert [problem.split(": ")[0] for problem in failed.value.problems] == [
        "groups[0].description",
        "groups[0].inbound[0].group",
        "groups[1].name",
        "groups[1].outbound[0]",
    ]
    assert "there is no group nobody; write one of a" in failed.value.problems[1]


@pytest.mark.parametrize(
    "tags", [{"owner": "them"}, {"entasis.io/platform": "other", "entasis.io/role": "vpc", "Name": "demo-a"}]
)
def test_what_cannot_be_reached_is_told_at_once(tags: dict[str, str]) -> None:
    rule = {"from_port": 443, "prefix_list": "com.amazonaws.nowhere.s3"}
    groups = [{"name": name, "description": "Ours", "inbound": [], "outbound": [rule]} for name in "ab"]
    desired = desired_groups(PLATFORM, "vpc", groups=groups)
    theirs = ObservedGroup("sg-1", "demo-a", "Theirs", tags, {}, {})
    ours = replace(theirs, id="sg-2", name="demo-b", tags=desired.groups["demo-b"].tags)
    with pytest.raises(PlanError) as failed:
        plan(desired, Observed((theirs, ours)))
    assert [problem.split(". ")[0] for problem in failed.value.problems] == [
        "security_group demo-a (sg-1) exists and is not ours: it is left alone",
        "description of security_group demo-b is Theirs and AWS cannot make it Ours",
        "there is no prefix list com.amazonaws.nowhere.s3",
    ]
