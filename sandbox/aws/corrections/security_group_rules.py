# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of security groups, as far as aws_security_groups calls for them: each in the list of a call's permissions.

moto keeps the description of CIDR blocks only, compares rules by their descriptions, makes half of a call that fails,
and ignores IPv6 when it revokes outbound rules. Rules are made, found and shown here; moto's objects keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidPermissionDuplicateError, InvalidSecurityGroupNotFoundError
from moto.ec2.models.security_groups import GroupedSecurityRuleView, SecurityGroup, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups

from sandbox.aws.corrections.correction import corrects

#: The lists of a permission, and the key of the source in each of their entries.
_SOURCES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "UserIdGroupPairs": "GroupId",
    "PrefixListIds": "PrefixListId",
}
#: What makes a rule the rule it is, which its description is not: protocol, ports, the source's key and the source.
_Rule = tuple[str, Any, Any, str, str]


def _rule_of(rule: Any) -> _Rule:
    sources = {**rule.ip_range, **rule.source_group, "PrefixListId": rule.prefix_list_id}
    key = next(key for key in _SOURCES.values() if sources.get(key))
    return rule.ip_protocol, rule.from_port, rule.to_port, key, sources[key]


def _given(request: SecurityGroups) -> Iterator[tuple[_Rule, str]]:
    """The rules that a call names, each with its description."""
    for permission in request._get_param("IpPermissions", []):
        protocol = permission["IpProtocol"]
        ports = (None, None) if protocol == "-1" else (permission.get("FromPort"), permission.get("ToPort"))
        for field, key in _SOURCES.items():
            for entry in permission.get(field) or ():
                if key == "GroupId" and request.ec2_backend.get_security_group_from_id(entry[key]) is None:
                    raise InvalidSecurityGroupNotFoundError(entry[key])
                yield (protocol, *ports, key, entry[key]), entry.get("Description", "")


def _rules(request: SecurityGroups, *, outbound: bool) -> list[Any]:
    group = request.ec2_backend.get_security_group_from_id(request._get_param("GroupId"))
    if group is None:
        raise InvalidSecurityGroupNotFoundError(request._get_param("GroupId"))
    rules: list[Any] = group.egress_rules if outbound else group.ingress_rules
    return rules


def _named(request: SecurityGroups, there: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """The rules that are there and that a call names, each with its new description."""
    by_key = {_rule_of(rule): rule for rule in there}
    for key, description in list(_given(request)):
        if key not in by_key:
            message = "The specified rule does not exist in this security group."
            raise EC2ClientError("InvalidPermission.NotFound", message)
        yield by_key[key], description


def _authorize(request: SecurityGroups, *, outbound: bool) -> None:
    there, wanted = _rules(request, outbound=outbound), list(_given(request))
    keys = [*map(_rule_of, there), *(key for key, _description in wanted)]
    if len(set(keys)) < len(keys):
        raise InvalidPermissionDuplicateError()
    ec2 = request.ec2_backend
    for (protocol, first, last, key, source), description in wanted:
        made = SecurityGroupRule(
            ec2, protocol, request._get_param("GroupId"), first, last, None, is_egress=outbound, tags={}
        )
        made.ip_range = {key: source} if key.startswith("Cidr") else {}
        made.source_group = {key: source, "UserId": ec2.account_id} if key == "GroupId" else {}
        made.prefix_list_id = source if key == "PrefixListId" else None
        made.text = description
        there.append(made)


def _revoke(request: SecurityGroups, *, outbound: bool) -> None:
    there = _rules(request, outbound=outbound)
    gone = [rule for rule, _description in _named(request, there)]
    there[:] = [rule for rule in there if not any(rule is other for other in gone)]


def _describe(request: SecurityGroups, *, outbound: bool) -> None:
    for rule, description in list(_named(request, _rules(request, outbound=outbound))):
        rule.text = description


def _correct(operation: str, change: Callable[..., None]) -> None:
    for direction in ("ingress", "egress"):

        @corrects(SecurityGroups, operation.format(direction))
        def _call(_original: Any, self: SecurityGroups, outbound: bool = direction == "egress") -> ActionResult:
            change(self, outbound=outbound)
            return ActionResult({"Return": True})


_correct("authorize_security_group_{}", _authorize)
_correct("revoke_security_group_{}", _revoke)
_correct("update_security_group_rule_descriptions_{}", _describe)


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
