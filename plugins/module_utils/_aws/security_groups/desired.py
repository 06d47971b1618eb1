# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The desired security groups: the module's options, checked and with their rules parsed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.rules import Rules, parse_rules
from ansible_collections.entasis.engine.plugins.module_utils._ownership import ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
_TEXT = re.compile(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


@dataclass(frozen=True)
class Group:
    description: str
    inbound: Rules
    outbound: Rules
    tags: Mapping[str, str]


@dataclass(frozen=True)
class SecurityGroups:
    """The groups that are to exist, by the name that AWS knows them under. Rules refer to groups by that name too."""

    platform: str
    role: str
    groups: Mapping[str, Group] = field(default_factory=dict)
    present: bool = True

    @property
    def prefix_lists(self) -> frozenset[str]:
        """The prefix lists that rules name by name, not by id."""
        return frozenset(
            rule.source
            for group in self.groups.values()
            for rules in (group.inbound, group.outbound)
            for rule in rules
            if rule.kind == "prefix_list" and not rule.source.startswith("pl-")
        )


def absent(platform: str, role: str) -> SecurityGroups:
    """No group is to exist."""
    return SecurityGroups(platform, role, present=False)


def desired_groups(
    platform: str, role: str, *, groups: Sequence[Mapping[str, Any]], tags: Mapping[str, Any] | None = None
) -> SecurityGroups:
    """The groups that the options of aws_security_groups describe.

    Raises:
        PlanError: with every problem of the options.
    """
    problems: list[str] = []
    names = {group["name"]: f"{platform}-{group['name']}" for group in groups}
    desired: dict[str, Group] = {}
    for index, group in enumerate(groups):
        path, name = f"groups[{index}]", names[group["name"]]
        if name in desired:
            problems.append(f"{path}.name: {group['name']} is there before; give each group its own name")
        description = group.get("description") or f"{group['name']} of platform {platform}"
        for key, text in (("name", name), ("description", description)):
            if not _TEXT.fullmatch(text):
                problems.append(
                    f"{path}.{key}: AWS takes at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
                )
        inbound, outbound = (
            parse_rules(f"{path}.{direction}", _by_group_name(path, direction, group, names, problems), problems)
            for direction in ("inbound", "outbound")
        )
        given = {str(key): str(value) for key, value in {**(tags or {}), **group.get("tags", {})}.items()}
        desired[name] = Group(description, inbound, outbound, ownership_tags(platform, role, name, given))
    if problems:
        raise PlanError(problems)
    return SecurityGroups(platform, role, desired)


def _by_group_name(
    path: str, direction: str, group: Mapping[str, Any], names: Mapping[str, str], problems: list[str]
) -> list[Mapping[str, Any]]:
    """The rules of one direction, with the groups that they name under the name that AWS knows them by."""
    rules: list[Mapping[str, Any]] = []
    for index, rule in enumerate(group[direction]):
        source = rule.get("group")
        if source is not None and source not in names:
            problems.append(
                f"{path}.{direction}[{index}].group: there is no group {source}; "
                f"write one of {', '.join(sorted(names))}"
            )
        rules.append({**rule, "group": None if source is None else names.get(source, source)})
    return rules
