# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One rule of a security group, as the options write it, as AWS has it, and as the diff shows it. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["cidr_ipv4", "cidr_ipv6", "group", "prefix_list"]
SOURCES: tuple[Source, ...] = ("cidr_ipv4", "cidr_ipv6", "group", "prefix_list")

#: AWS takes protocol numbers too, and answers with these names for them.
_PROTOCOL_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_LAST_PORT = 65535
#: Type and code of ICMP; -1 stands for all of them.
_LAST_ICMP = 255

#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
_DESCRIPTION = re.compile(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@dataclass(frozen=True, order=True)
class Rule:
    """What makes a rule that rule. Its description is not part of it: AWS refuses the same rule with another one.

    C(from_port) and C(to_port) are None where the protocol has none; for ICMP they are type and code. The source of an
    outbound rule is where it leads to.
    """

    protocol: str
    from_port: int | None
    to_port: int | None
    kind: Source
    source: str


#: Rules, each with its description ("" where it has none).
Rules = Mapping[Rule, str]

#: What AWS gives a new group: everything may leave.
NEW_GROUP_OUTBOUND: Rules = {Rule("-1", None, None, "cidr_ipv4", "0.0.0.0/0"): ""}


def parse_rules(path: str, written: Iterable[Mapping[str, Any]], problems: list[str]) -> dict[Rule, str]:
    """The rules of the options. What is wrong is added to C(problems), with its path and what to write instead."""
    rules: dict[Rule, str] = {}
    for index, options in enumerate(written):
        here = f"{path}[{index}]"
        found: list[str] = []
        rule = _parse(here, options, found)
        description = options.get("description") or ""
        if not _DESCRIPTION.fullmatch(description):
            found.append(
                f"{here}.description: AWS takes at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
            )
        problems += found
        if rule is None or found:
            continue
        if rules.setdefault(rule, description) != description:
            problems.append(
                f"{here}: the same rule is there before with the description {rules[rule]!r}; remove one of the two"
            )
    return rules


def _parse(here: str, options: Mapping[str, Any], problems: list[str]) -> Rule | None:
    given = [source for source in SOURCES if options.get(source) is not None]
    if len(given) != 1:
        problems.append(f"{here}: write exactly one of {', '.join(SOURCES)}; there is {', '.join(given) or 'none'}")
        return None
    kind = given[0]
    source = _parse_source(f"{here}.{kind}", kind, str(options[kind]), problems)
    protocol = options.get("protocol") or "tcp"
    from_port, to_port = _parse_ports(here, protocol, options.get("from_port"), options.get("to_port"), problems)
    return None if source is None else Rule(protocol, from_port, to_port, kind, source)


def _parse_source(path: str, kind: Source, text: str, problems: list[str]) -> str | None:
    if kind in ("group", "prefix_list"):
        return text
    network_type = ipaddress.IPv4Network if kind == "cidr_ipv4" else ipaddress.IPv6Network
    example = "10.0.0.0/16" if kind == "cidr_ipv4" else "2001:db8::/32"
    try:
        network = network_type(text, strict=False)
    except ValueError:
        problems.append(f"{path}: {text!r} is not a network; write it as {example}")
        return None
    # AWS would cut an address inside a network down to the network without a word.
    if ipaddress.ip_interface(text).ip != network.network_address or "/" not in text:
        problems.append(f"{path}: {text} is an address, not a network; write {network}")
        return None
    return str(network)


def _parse_ports(
    here: str, protocol: str, from_port: int | None, to_port: int | None, problems: list[str]
) -> tuple[int | None, int | None]:
    if protocol == "-1":
        if from_port is not None or to_port is not None:
            problems.append(f'{here}: protocol "-1" is every protocol and has no ports; remove from_port and to_port')
        return None, None
    if protocol in ("icmp", "icmpv6"):
        kind, code = -1 if from_port is None else from_port, -1 if to_port is None else to_port
        if not (-1 <= kind <= _LAST_ICMP and -1 <= code <= _LAST_ICMP) or (kind == -1 and code != -1):
            problems.append(
                f"{here}: from_port is the {protocol} type and to_port the code, each 0 to {_LAST_ICMP} or -1 for all; "
                f"{kind} and {code} are not"
            )
        return kind, code
    if from_port is None:
        problems.append(f"{here}: {protocol} needs from_port; write 0, and to_port {_LAST_PORT}, for all ports")
        return None, None
    to_port = from_port if to_port is None else to_port
    if not 0 <= from_port <= to_port <= _LAST_PORT:
        problems.append(f"{here}: ports go upwards from 0 to {_LAST_PORT}; {from_port} to {to_port} do not")
    return from_port, to_port


def from_permissions(permissions: Iterable[Mapping[str, Any]], owner: str) -> dict[Rule, str]:
    """AWS's nested permissions as rules; a group of another account is known as account/group."""
    rules: dict[Rule, str] = {}
    for permission in permissions:
        protocol = _PROTOCOL_NAMES.get(permission["IpProtocol"], permission["IpProtocol"])
        from_port, to_port = permission.get("FromPort"), permission.get("ToPort")
        if protocol in ("icmp", "icmpv6"):
            from_port, to_port = (-1 if port is None else port for port in (from_port, to_port))
        elif protocol not in ("tcp", "udp"):
            from_port = to_port = None
        for kind, source, item in _sources(permission, owner):
            rules[Rule(protocol, from_port, to_port, kind, source)] = item.get("Description") or ""
    return rules


def _sources(permission: Mapping[str, Any], owner: str) -> Iterator[tuple[Source, str, Mapping[str, Any]]]:
    for item in permission.get("IpRanges", ()):
        yield "cidr_ipv4", item["CidrIp"], item
    for item in permission.get("Ipv6Ranges", ()):
        yield "cidr_ipv6", str(ipaddress.IPv6Network(item["CidrIpv6"], strict=False)), item
    for item in permission.get("UserIdGroupPairs", ()):
        account = item.get("UserId") or owner
        yield "group", item["GroupId"] if account == owner else f"{account}/{item['GroupId']}", item
    for item in permission.get("PrefixListIds", ()):
        yield "prefix_list", item["PrefixListId"], item


def to_permissions(rules: Rules, group_ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rules as AWS takes them, one permission a rule. C(group_ids) gives the ids of groups known by name."""
    return [_to_permission(rule, rules[rule], group_ids) for rule in sorted(rules, key=sort_key)]


def _to_permission(rule: Rule, description: str, group_ids: Mapping[str, str]) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": rule.protocol}
    if rule.from_port is not None:
        permission |= {"FromPort": rule.from_port, "ToPort": rule.to_port}
    item: dict[str, str] = {"Description": description} if description else {}
    if rule.kind == "cidr_ipv4":
        permission["IpRanges"] = [{"CidrIp": rule.source, **item}]
    elif rule.kind == "cidr_ipv6":
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule.source, **item}]
    elif rule.kind == "prefix_list":
        permission["PrefixListIds"] = [{"PrefixListId": rule.source, **item}]
    else:
        account, _slash, group = group_ids.get(rule.source, rule.source).rpartition("/")
        permission["UserIdGroupPairs"] = [{"GroupId": group, **({"UserId": account} if account else {}), **item}]
    return permission


def sort_key(rule: Rule) -> tuple[str, int, int, str, str]:
    return (rule.protocol, rule.from_port or 0, rule.to_port or 0, rule.kind, rule.source)


def shown(rules: Rules) -> list[str]:
    """The rules as the diff shows them, one line each."""
    return [_line(rule, rules[rule]) for rule in sorted(rules, key=sort_key)]


def _line(rule: Rule, description: str) -> str:
    words = ["every protocol" if rule.protocol == "-1" else rule.protocol]
    if rule.protocol in ("icmp", "icmpv6"):
        if rule.from_port != -1:
            words.append(f"type {rule.from_port}" + (f" code {rule.to_port}" if rule.to_port != -1 else ""))
    elif rule.from_port is not None:
        same = rule.from_port == rule.to_port
        words.append(str(rule.from_port) if same else f"{rule.from_port}-{rule.to_port}")
    words.append({"group": "group ", "prefix_list": "prefix list "}.get(rule.kind, "") + rule.source)
    return " ".join(words) + (f" ({description})" if description else "")
