# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of C(security_groups)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.defaults import MONITORING_GROUP
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import Peer, SecurityGroup, SecurityGroupRule
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedError,
    Section,
    Value,
    expected,
    list_of,
    mapping_of,
    one_of,
    one_or_list_of,
    section_of,
    text,
)


def security_groups(platform: str, defined: tuple[str, ...]) -> Parser[tuple[SecurityGroup, ...]]:
    """The parser of C(security_groups), which defines the names C(defined).

    The built-in group comes at the end where a rule refers to it and the spec does not define it.
    """
    known = frozenset((*defined, MONITORING_GROUP))

    def parser(value: Value) -> tuple[SecurityGroup, ...]:
        parsed = mapping_of(values.group_name, section_of(lambda section: _written_group(section, known)))(value)
        rules = [rule for group in parsed.values() for rule in group.inbound + group.outbound]
        if any(Peer("group", MONITORING_GROUP) in rule.peers for rule in rules):
            parsed.setdefault(MONITORING_GROUP, _WrittenGroup(None, (), _ANYWHERE))
        return tuple(
            SecurityGroup(name, group.description or f"{name} of platform {platform}", group.inbound, group.outbound)
            for name, group in parsed.items()
        )

    return parser


#: What AWS itself gives a new group, and what leaves a group without outbound rules of its own.
_ANYWHERE = (SecurityGroupRule("-1", None, (Peer("cidr_ipv4", "0.0.0.0/0"),), None),)

_description: Parser[str] = values.pattern(
    r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+",
    "a description that AWS takes; write letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
    longest=255,
)


@dataclass(frozen=True)
class _WrittenGroup:
    description: str | None
    inbound: tuple[SecurityGroupRule, ...]
    outbound: tuple[SecurityGroupRule, ...]


def _written_group(section: Section, known: frozenset[str]) -> _WrittenGroup:
    return _WrittenGroup(
        description=section.take("description", _description, None),
        inbound=section.take("inbound", _rules("source", known), ()),
        outbound=section.take("outbound", _rules("destination", known), _ANYWHERE),
    )


_PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "icmpv6": "icmpv6", "all": "-1"}


@dataclass(frozen=True)
class _Ports:
    """The ports as written; a wrapper, because "all" ports are None."""

    range: tuple[int, int] | None


def _rules(peer_key: str, known: frozenset[str]) -> Parser[tuple[SecurityGroupRule, ...]]:
    def rule(section: Section) -> SecurityGroupRule:
        protocol = section.take("protocol", one_of(*_PROTOCOLS), "tcp")
        without_ports = protocol in ("icmp", "icmpv6", "all")
        ports = section.take("port", _rule_ports(without_ports), *([_Ports(None)] if without_ports else []))
        return SecurityGroupRule(
            protocol=_PROTOCOLS.get(protocol, protocol),
            ports=ports.range if ports else None,
            peers=section.take(peer_key, one_or_list_of(_peer(known))),
            description=section.take("description", _description, None),
        )

    def rules(value: Value) -> tuple[SecurityGroupRule, ...]:
        parsed = list_of(section_of(rule))(value)
        _refuse_repeats(value, parsed)
        return parsed

    return rules


def _rule_ports(without_ports: bool) -> Parser[_Ports]:
    def parser(value: Value) -> _Ports:
        parsed = values.ports(value)
        if without_ports and parsed is not None:
            raise value.refuse("this protocol has no ports here; remove the port, or write port: all")
        return _Ports(parsed)

    return parser


def _refuse_repeats(value: Value, rules: tuple[SecurityGroupRule, ...]) -> None:
    """AWS keeps a rule once, so that the same rule written twice would never be what the account has."""
    seen: dict[tuple[str, tuple[int, int] | None, Peer], int] = {}
    wrong = False
    for index, rule in enumerate(rules):
        for peer in rule.peers:
            first = seen.setdefault((rule.protocol, rule.ports, peer), index)
            if first != index:
                value.child(index, None).problem(f"repeats [{first}] for {peer.name}; remove one of the two")
                wrong = True
    if wrong:
        raise RefusedError


def _peer(known: frozenset[str]) -> Parser[Peer]:
    """An IPv4 or IPv6 network, a group of the spec as C(<name>_sg), or a prefix list."""

    def parser(value: Value) -> Peer:
        word = text(value)
        if re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]+)?", word) and re.search(r"[.:]", word):
            return Peer(_network_kind(values.any_network(value)), word)
        if re.fullmatch(r"pl-[0-9a-f]{8,17}|com\.amazonaws\.[a-z0-9.-]+", word):
            return Peer("prefix_list", word)
        if re.fullmatch(r"sg-[0-9a-f]{8,17}", word):
            raise value.refuse(f"'{word}' is an id; define the group in security_groups and write <name>_sg")
        if word in known:
            raise value.refuse(f"'{word}' is the name of a group; write {word}_sg")
        group = word.removesuffix("_sg")
        if group in known and group != word:
            return Peer("group", group)
        if group != word:
            raise value.refuse(
                f"there is no security group '{group}'; {expected(word, _references(known), 'write one of')}, "
                f"or define {group} in security_groups"
            )
        raise value.refuse(
            f"'{word}' is not known; write a network such as 10.0.0.0/16, a prefix list (pl-… or com.amazonaws.…), "
            f"or a group: {', '.join(_references(known))}"
        )

    return parser


def _network_kind(cidr: str) -> str:
    return f"cidr_ipv{ip_network(cidr).version}"


def _references(groups: frozenset[str]) -> list[str]:
    return [f"{name}_sg" for name in sorted(groups)]
