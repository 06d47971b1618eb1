# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of security groups.

moto keeps the description of CIDR blocks only, compares rules by their descriptions, returns the rules of the last
permission of a call only, makes half of a call that fails, ignores IPv6 when it revokes outbound rules, and takes
ports, descriptions and prefix lists that AWS refuses. Rules are made, found and shown here; moto's objects keep them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidPermissionDuplicateError, InvalidSecurityGroupNotFoundError
from moto.ec2.models.security_groups import GroupedSecurityRuleView, SecurityGroup, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups

from sandbox.aws.corrections.correction import corrects

#: AWS's default quota of inbound or outbound rules of a group.
_LIMIT = 60
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@dataclass(frozen=True)
class _Rule:
    """What makes a rule the rule it is, which its description is not."""

    protocol: str
    from_port: int | None
    to_port: int | None
    cidr_ipv4: str = ""
    cidr_ipv6: str = ""
    group: str = ""
    prefix_list: str = ""

    @classmethod
    def of(cls, rule: Any) -> _Rule:
        return cls(
            rule.ip_protocol,
            rule.from_port,
            rule.to_port,
            rule.cidr_ipv4 or "",
            rule.cidr_ipv6 or "",
            rule.source_group.get("GroupId", ""),
            rule.prefix_list_id or "",
        )


@corrects(SecurityGroups, "authorize_security_group_ingress")
def _authorize_inbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _authorize(self, outbound=False)


@corrects(SecurityGroups, "authorize_security_group_egress")
def _authorize_outbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _authorize(self, outbound=True)


def _authorize(request: SecurityGroups, *, outbound: bool) -> ActionResult:
    request.error_on_dryrun()
    group = _group(request)
    there = _rules(group, outbound)
    wanted = list(_given(request))
    keys = [_Rule.of(rule) for rule in there] + [key for key, _description in wanted]
    if len(set(keys)) < len(keys):
        raise InvalidPermissionDuplicateError()
    if len(keys) > _LIMIT:
        message = "The maximum number of rules per security group has been reached."
        raise EC2ClientError("RulesPerSecurityGroupLimitExceeded", message)
    tags = request._parse_tag_specification().get("security-group-rule", {})
    made = [_make(request.ec2_backend, group, key, description, outbound, tags) for key, description in wanted]
    there.extend(made)
    return ActionResult({"Return": True, "SecurityGroupRules": made})


@corrects(SecurityGroups, "revoke_security_group_ingress")
def _revoke_inbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _revoke(self, outbound=False)


@corrects(SecurityGroups, "revoke_security_group_egress")
def _revoke_outbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _revoke(self, outbound=True)


def _revoke(request: SecurityGroups, *, outbound: bool) -> ActionResult:
    request.error_on_dryrun()
    there = _rules(_group(request), outbound)
    gone = [_by_id(there, rule_id) for rule_id in request._get_param("SecurityGroupRuleIds", [])]
    if not gone:
        gone = [_by_key(there, key) for key, _description in _given(request)]
    there[:] = [rule for rule in there if not any(rule is other for other in gone)]
    return ActionResult({"Return": True})


@corrects(SecurityGroups, "modify_security_group_rules")
def _modify(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    self.error_on_dryrun()
    group = _group(self)
    changes = []
    for item in self._get_param("SecurityGroupRules", []):
        rule = _by_id([*group.ingress_rules, *group.egress_rules], item["SecurityGroupRuleId"])
        wanted = item["SecurityGroupRule"]
        [(key, description)] = _expand(self.ec2_backend, group, _as_permission(wanted))
        changes.append((rule, key, description))
    for rule, key, description in changes:
        _fill(self.ec2_backend, rule, key, description)
    return ActionResult({"Return": True})


def _as_permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of one rule, as ModifySecurityGroupRules has it, in the shape of a permission."""
    description = {"Description": rule["Description"]} if rule.get("Description") else {}
    lists = {
        "CidrIpv4": ("IpRanges", "CidrIp"),
        "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "ReferencedGroupId": ("UserIdGroupPairs", "GroupId"),
        "PrefixListId": ("PrefixListIds", "PrefixListId"),
    }
    sources = {lists[name][0]: [{lists[name][1]: rule[name], **description}] for name in lists if rule.get(name)}
    if len(sources) > 1:
        message = "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified"
        raise EC2ClientError("InvalidParameterCombination", message)
    return {name: rule.get(name) for name in ("IpProtocol", "FromPort", "ToPort")} | sources


@corrects(SecurityGroups, "update_security_group_rule_descriptions_ingress")
def _describe_inbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _describe(self, outbound=False)


@corrects(SecurityGroups, "update_security_group_rule_descriptions_egress")
def _describe_outbound(_original: Callable[..., Any], self: SecurityGroups) -> ActionResult:
    return _describe(self, outbound=True)


def _describe(request: SecurityGroups, *, outbound: bool) -> ActionResult:
    there = _rules(_group(request), outbound)
    changes = [
        (_by_id(there, item["SecurityGroupRuleId"]), item.get("Description", ""))
        for item in request._get_param("SecurityGroupRuleDescriptions", [])
    ]
    if not changes:
        changes = [(_by_key(there, key), description) for key, description in _given(request)]
    for rule, description in changes:
        _check_description(description)
        rule.text = description
    return ActionResult({"Return": True})


def _group(request: SecurityGroups) -> Any:
    given = request._get_param("GroupId") or request._get_param("GroupName")
    group = request.ec2_backend.get_security_group_by_name_or_id(given)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(given)
    return group


def _rules(group: Any, outbound: bool) -> list[Any]:
    rules: list[Any] = group.egress_rules if outbound else group.ingress_rules
    return rules


def _by_id(rules: Iterable[Any], rule_id: str) -> Any:
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise EC2ClientError(
        "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist"
    )


def _by_key(rules: Iterable[Any], key: _Rule) -> Any:
    for rule in rules:
        if _Rule.of(rule) == key:
            return rule
    message = "The specified rule does not exist in this security group."
    raise EC2ClientError("InvalidPermission.NotFound", message)


def _given(request: SecurityGroups) -> Iterable[tuple[_Rule, str]]:
    """The rules that a call names, each with its description."""
    group = _group(request)
    permissions = request._get_param("IpPermissions", [])
    if not permissions:
        single = {name: request._get_param(name) for name in ("IpProtocol", "FromPort", "ToPort")}
        cidr = request._get_param("CidrIp")
        permissions = [{**single, "IpRanges": [{"CidrIp": cidr}] if cidr else []}]
    for permission in permissions:
        yield from _expand(request.ec2_backend, group, permission)


def _expand(ec2: Any, group: Any, permission: Mapping[str, Any]) -> Iterable[tuple[_Rule, str]]:
    """The single rules of a permission.

    Raises:
        EC2ClientError: AWS would refuse it.
    """
    given = str(permission.get("IpProtocol") or "").lower()
    protocol = _PROTOCOLS.get(given, given)
    ports = (protocol, *_ports(protocol, permission.get("FromPort"), permission.get("ToPort")))
    found = False
    for kind, entries in (
        ("cidr_ipv4", permission.get("IpRanges")),
        ("cidr_ipv6", permission.get("Ipv6Ranges")),
        ("group", permission.get("UserIdGroupPairs")),
        ("prefix_list", permission.get("PrefixListIds")),
    ):
        for entry in entries or ():
            found = True
            description = entry.get("Description", "")
            _check_description(description)
            source: dict[str, Any] = {kind: _source(ec2, group, kind, entry)}
            yield _Rule(*ports, **source), description
    if not found:
        message = "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
        raise EC2ClientError("MissingParameter", message)


def _ports(protocol: str, first: Any, last: Any) -> tuple[int | None, int | None]:
    if protocol in ("tcp", "udp"):
        if first is None or last is None:
            message = "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."
            raise EC2ClientError("InvalidParameterValue", message)
        if not 0 <= int(first) <= int(last) <= 65535:
            raise EC2ClientError("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
        return int(first), int(last)
    if protocol in ("icmp", "icmpv6"):
        return -1 if first is None else int(first), -1 if last is None else int(last)
    return None, None


def _source(ec2: Any, group: Any, kind: str, entry: Mapping[str, Any]) -> str:
    if kind == "group":
        given = entry.get("GroupId") or entry.get("GroupName") or ""
        named = ec2.get_security_group_by_name_or_id(given, group.vpc_id)
        if named is None:
            raise InvalidSecurityGroupNotFoundError(given)
        return str(named.id)
    if kind == "prefix_list":
        given = entry.get("PrefixListId", "")
        if given not in ec2.managed_prefix_lists:
            raise EC2ClientError("InvalidPrefixListID.NotFound", f"The prefix list ID '{given}' does not exist")
        return str(given)
    given = entry.get("CidrIp") or entry.get("CidrIpv6") or ""
    family = ipaddress.IPv4Network if kind == "cidr_ipv4" else ipaddress.IPv6Network
    try:
        return str(family(given, strict=False))
    except ValueError:
        raise EC2ClientError("InvalidParameterValue", f"CIDR block {given} is malformed") from None


def _check_description(description: str) -> None:
    if not _DESCRIPTION.fullmatch(description):
        raise EC2ClientError(
            "InvalidParameterValue",
            "Invalid rule description. Valid descriptions are strings less than 256 characters "
            "from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )


def _make(ec2: Any, group: Any, key: _Rule, description: str, outbound: bool, tags: dict[str, str]) -> Any:
    rule = SecurityGroupRule(ec2, "-1", group.id, None, None, None, is_egress=outbound, tags=tags)
    _fill(ec2, rule, key, description)
    return rule


def _fill(ec2: Any, rule: Any, key: _Rule, description: str) -> None:
    rule.ip_protocol, rule.from_port, rule.to_port = key.protocol, key.from_port, key.to_port
    cidrs = {"CidrIp": key.cidr_ipv4, "CidrIpv6": key.cidr_ipv6}
    rule.ip_range = {name: value for name, value in cidrs.items() if value}
    rule.source_group = {"GroupId": key.group, "UserId": ec2.account_id} if key.group else {}
    rule.prefix_list_id = key.prefix_list or None
    rule.text = description


def _description(rule: Any) -> str | None:
    return getattr(rule, "text", "") or rule.ip_range.get("Description") or None


SecurityGroupRule.description = property(_description)


@corrects(SecurityGroup, "_flattened_rules")
def _as_permissions(_original: Callable[..., Any], _self: Any, rules: Iterable[Any]) -> list[Any]:
    views: dict[tuple[Any, ...], Any] = {}
    for rule in rules:
        ports = (rule.from_port, rule.to_port, rule.ip_protocol)
        view = views.setdefault(ports, GroupedSecurityRuleView(*ports))
        description = {"Description": rule.description} if rule.description else {}
        if rule.ip_range:
            view.all_ip_ranges.append({**rule.ip_range, **description})
        if rule.source_group:
            view.source_groups.append({**rule.source_group, **description})
        if rule.prefix_list_id:
            view.prefix_list_ids.append({"PrefixListId": rule.prefix_list_id, **description})
    return list(views.values())
