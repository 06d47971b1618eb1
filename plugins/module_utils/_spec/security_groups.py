# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(security_groups)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.defaults import MONITORING_GROUP
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedValueError,
    Value,
    expected,
    list_of,
    mapping_of,
    one_of,
    one_or_list_of,
    pattern,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section

_PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "icmpv6": "icmpv6", "all": "-1"}
_WITHOUT_PORTS = ("icmp", "icmpv6", "all")

_description: Parser[str] = pattern(
    r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+",
    "a description that AWS takes; write letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
    longest=255,
)


@dataclass(frozen=True)
class Peer:
    """Who a rule lets in or out. C(kind) is cidr_ipv4, cidr_ipv6, group or prefix_list."""

    kind: str
    name: str


@text.then
def _peer(value: Value, word: str) -> Peer:
    """An IPv4 or IPv6 network, a group of the spec as C(<name>_sg), or a prefix list."""
    known: frozenset[str] = value.known["referable groups"]
    if re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]+)?", word) and re.search(r"[.:]", word):
        return Peer(f"cidr_ipv{ip_network(values.any_network(value)).version}", word)
    if re.fullmatch(r"pl-[0-9a-f]{8,17}|com\.amazonaws\.[a-z0-9.-]+", word):
        return Peer("prefix_list", word)
    if re.fullmatch(r"sg-[0-9a-f]{8,17}", word):
        raise value.refuse(f"'{word}' is an id; define the group in security_groups and write <name>_sg")
    if word in known:
        raise value.refuse(f"'{word}' is the name of a group; write {word}_sg")
    group = word.removesuffix("_sg")
    if group in known and group != word:
        return Peer("group", group)
    references = [f"{name}_sg" for name in sorted(known)]
    if group != word:
        raise value.refuse(
            f"there is no security group '{group}'; {expected(word, references, 'write one of')}, "
            f"or define {group} in security_groups"
        )
    raise value.refuse(
        f"'{word}' is not known; write a network such as 10.0.0.0/16, a prefix list (pl-… or com.amazonaws.…), "
        f"or a group: {', '.join(references)}"
    )


_peers = one_or_list_of(_peer)
_PEERS = "IPv4 or IPv6 networks, groups (`<name>_sg`), prefix lists (`pl-…`, or the name of one of AWS's)."


@dataclass(frozen=True)
class Ports:
    """The ports as written; a wrapper, because "all" ports are None."""

    range: tuple[int, int] | None


_ports = values.ports.then(lambda _value, parsed: Ports(parsed))


@dataclass(frozen=True)
class Rule:
    """What the rules of both directions have."""

    protocol: str = key(one_of(*_PROTOCOLS), "IP protocol.", "tcp")
    port: Ports | None = key(_ports, "Left out for `icmp`, `icmpv6` and `all`.", None, shown="—")
    description: str | None = key(_description, "Description of the rule.", None)


@dataclass(frozen=True)
class InboundRule(Rule):
    source: tuple[Peer, ...] = key(_peers, _PEERS)


@dataclass(frozen=True)
class OutboundRule(Rule):
    destination: tuple[Peer, ...] = key(_peers, _PEERS)


@dataclass(frozen=True)
class SecurityGroupRule:
    """One rule: a protocol, ports, and the peers that it lets in or out. C(ports) is None for all ports."""

    protocol: str
    ports: tuple[int, int] | None
    peers: tuple[Peer, ...]
    description: str | None


def _written(taken: Section, rule: Rule) -> Rule:
    without_ports = rule.protocol in _WITHOUT_PORTS
    if without_ports and rule.port and rule.port.range is not None:
        taken.refuse("port", "this protocol has no ports here; remove the port, or write port: all")
    elif rule.protocol and not without_ports and not taken.has("port"):
        taken.value.problem("'port' is missing; write it")
    return rule


def _rules(kind: type[Rule], peers: str) -> Parser[tuple[SecurityGroupRule, ...]]:
    """Rules whose peers are under the key C(peers)."""

    def read(_value: Value, rule: Rule) -> SecurityGroupRule:
        ports = rule.port.range if rule.port else None
        return SecurityGroupRule(_PROTOCOLS[rule.protocol], ports, getattr(rule, peers), rule.description)

    return list_of(section(kind, _written).then(read)).then(_refuse_repeats)


def _refuse_repeats(value: Value, rules: tuple[SecurityGroupRule, ...]) -> tuple[SecurityGroupRule, ...]:
    """AWS keeps a rule once, so that the same rule written twice would never be what the account has."""
    seen: dict[tuple[str, tuple[int, int] | None, Peer], int] = {}
    wrong = False
    for index, rule in enumerate(rules):
        for peer in rule.peers:
            first = seen.setdefault((rule.protocol, rule.ports, peer), index)
            if first != index:
                value.child(index).problem(f"repeats [{first}] for {peer.name}; remove one of the two")
                wrong = True
    if wrong:
        raise RefusedValueError
    return rules


#: What AWS itself gives a new group, and what leaves a group without outbound rules of its own.
_ANYWHERE = (SecurityGroupRule("-1", None, (Peer("cidr_ipv4", "0.0.0.0/0"),), None),)


@dataclass(frozen=True)
class SecurityGroup:
    description: str = key(
        _description, "Cannot be changed on AWS once the group exists.", "", shown="`<group> of platform <name>`"
    )
    inbound: tuple[SecurityGroupRule, ...] = key(_rules(InboundRule, "source"), "What the group lets in.", ())
    outbound: tuple[SecurityGroupRule, ...] = key(
        _rules(OutboundRule, "destination"),
        "What the group lets out. The default is AWS's own; `[]` lets nothing out.",
        _ANYWHERE,
        shown="everything over IPv4",
    )
    name: str = ""


_groups = mapping_of(values.group_name, section(SecurityGroup))


def _read(value: Value) -> tuple[SecurityGroup, ...]:
    """The built-in group comes at the end where a rule refers to it and the spec does not define it.

    What the spec defines is known as C(groups), and what it may refer to as C(referable groups), though a group may be
    refused.
    """
    names = tuple(name for name in value.data if isinstance(name, str)) if isinstance(value.data, Mapping) else ()
    value.known["groups"] = names
    value.known["referable groups"] = frozenset((*names, MONITORING_GROUP))
    parsed = _groups(value)
    rules = [rule for group in parsed.values() for rule in group.inbound + group.outbound]
    if any(Peer("group", MONITORING_GROUP) in rule.peers for rule in rules):
        parsed.setdefault(MONITORING_GROUP, SecurityGroup("", (), _ANYWHERE))
    value.known["referable groups"] = frozenset(parsed)
    platform = value.known["name"] or "platform"
    return tuple(
        replace(group, name=name, description=group.description or f"{name} of platform {platform}")
        for name, group in parsed.items()
    )


security_groups = Parser(_read, _groups.form, _groups.forms, _groups.schema, _groups.kinds)
