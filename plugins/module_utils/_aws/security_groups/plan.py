# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The planner of security groups: what is to change so that the observed groups become the desired ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import domain
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups import desired as wanted
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.rules import (
    NEW_GROUP_OUTBOUND,
    Rule,
    Rules,
    shown,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, has_mark
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, update

KIND = "security_group"
#: The kind of change for the rules of each direction.
INBOUND, OUTBOUND = "inbound_rules", "outbound_rules"


@dataclass(frozen=True)
class ObservedGroup:
    id: str
    name: str
    description: str
    tags: Mapping[str, str]
    #: Rules of groups know them by id.
    inbound: Rules
    outbound: Rules


@dataclass(frozen=True)
class Observed:
    """Every group of the platform's VPC, and the ids of the prefix lists that the desired rules name."""

    groups: tuple[ObservedGroup, ...] = ()
    prefix_lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan(domain.Plan):
    #: The id of each group that is there, by the name that AWS knows it under.
    ids: Mapping[str, str] = field(default_factory=dict)
    #: The rules before and after each change of rules, by the change's resource.
    rules: Mapping[str, tuple[Rules, Rules]] = field(default_factory=dict)


def plan(desired: wanted.SecurityGroups, observed: Observed, *, purge: bool = False) -> Plan:
    """Plan the changes that make the observed groups the desired ones.

    With C(purge), or where no group is desired at all, the platform's other groups are removed.

    Raises:
        PlanError: with every reason why the desired groups cannot be reached.
    """
    ours = {group.name: group for group in observed.groups if _is_ours(desired, group.name, group.tags)}
    names = {group.id: name for name, group in ours.items()}
    groups = domain.plan_set(
        KIND,
        [domain.Resource(name, {"description": one.description}, one.tags) for name, one in desired.groups.items()],
        [domain.Resource(group.name, _shown(group, names), group.tags, group.id) for group in observed.groups],
        owns=lambda one: _is_ours(desired, one.name, one.tags),
        marks=f"{PLATFORM_TAG}={desired.platform} {ROLE_TAG}={desired.role}",
        fixed=("description",),
        purge=purge or not desired.present,
        against=[
            f"there is no prefix list {name}. Write its id, or the name of one of AWS's own, as "
            "com.amazonaws.<region>.s3"
            for name in sorted(desired.prefix_lists)
            if name not in observed.prefix_lists
        ],
    )
    changes: list[Change] = []
    rules: dict[str, tuple[Rules, Rules]] = {}

    def change_rules(kind: str, name: str, before: Rules, after: Rules) -> None:
        others = {name, *(rule.source for rule in after if rule.kind == "group")} & set(desired.groups)
        rules[f"{kind}/{name}"] = (before, after)
        needs = [f"{KIND}/{other}" for other in sorted(others)]
        changes.extend(update(kind, name, {"rules": shown(before)}, {"rules": shown(after)}, needs=needs))

    for name, group in desired.groups.items():
        there = ours.get(name)
        before_in = _by_name(there.inbound, names) if there else {}
        before_out = _by_name(there.outbound, names) if there else NEW_GROUP_OUTBOUND
        change_rules(INBOUND, name, before_in, _by_prefix_list(group.inbound, observed.prefix_lists))
        change_rules(OUTBOUND, name, before_out, _by_prefix_list(group.outbound, observed.prefix_lists))
    removals = [change for change in groups.changes if change.action == "delete"]
    going = {change.name for change in removals}
    for name in sorted(going):
        for kind, there_rules in ((INBOUND, ours[name].inbound), (OUTBOUND, ours[name].outbound)):
            before = _by_name(there_rules, names)
            # AWS deletes no group that another one refers to, so the references between them go first.
            change_rules(kind, name, before, _without_groups(before, going - {name}))
    freed = tuple(change.resource for change in changes)
    kept = [change for change in groups.changes if change.action != "delete"]
    return Plan(
        [*kept, *changes, *(replace(change, needs=freed) for change in removals)],
        groups.unlisted,
        targets=groups.targets,
        ids={name: group.id for name, group in ours.items()},
        rules=rules,
    )


def _is_ours(desired: wanted.SecurityGroups, name: str, tags: Mapping[str, str]) -> bool:
    """A group's name cannot change and no other in the VPC has it, so one of our tags beside a wanted one is enough."""
    if name in desired.groups:
        return has_mark(tags, desired.platform, desired.role, name)
    return belongs(tags, desired.platform, desired.role, inside=True)


def foreign_references(observed: Observed, planned: Plan) -> list[str]:
    """The rules of groups that are not the platform's and refer to a group that the plan deletes."""
    going = {planned.ids[change.name]: change.name for change in planned.changes if change.action == "delete"}
    ours = set(planned.ids.values())
    return sorted(
        f"a rule of security group {group.name} ({group.id}), which refers to {going[rule.source]}"
        for group in observed.groups
        if group.id not in ours
        for rule in [*group.inbound, *group.outbound]
        if rule.kind == "group" and rule.source in going
    )


def _by_name(rules: Rules, names: Mapping[str, str]) -> dict[Rule, str]:
    """Observed rules with our groups under their names."""
    return {
        replace(rule, source=names.get(rule.source, rule.source)) if rule.kind == "group" else rule: description
        for rule, description in rules.items()
    }


def _by_prefix_list(rules: Rules, ids: Mapping[str, str]) -> dict[Rule, str]:
    """Desired rules with prefix lists under their ids."""
    return {
        replace(rule, source=ids.get(rule.source, rule.source)) if rule.kind == "prefix_list" else rule: description
        for rule, description in rules.items()
    }


def _without_groups(rules: Rules, groups: Iterable[str]) -> dict[Rule, str]:
    refused = set(groups)
    return {
        rule: description
        for rule, description in rules.items()
        if not (rule.kind == "group" and rule.source in refused)
    }


def _shown(group: ObservedGroup, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "description": group.description,
        "inbound": shown(_by_name(group.inbound, names)),
        "outbound": shown(_by_name(group.outbound, names)),
    }
