# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The planner of security groups: what is to change so that the observed groups become the desired ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups import desired as wanted
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.rules import (
    NEW_GROUP_OUTBOUND,
    Rule,
    Rules,
    shown,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, has_mark, tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG, PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    Change,
    PlanError,
    create,
    delete,
    update,
)

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
class Plan(_reconcile.Plan):
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
    matched, leftovers = _match(desired, observed)
    problems = _fixed_problems(desired, observed, matched)
    if problems:
        raise PlanError(problems)
    ours = {**matched, **{group.name: group for group in leftovers}}
    names = {group.id: name for name, group in ours.items()}
    removing = purge or not desired.present
    changes: list[Change] = []
    rules: dict[str, tuple[Rules, Rules]] = {}

    def change_rules(kind: str, name: str, before: Rules, after: Rules) -> None:
        groups = {name, *(rule.source for rule in after if rule.kind == "group")} & set(desired.groups)
        needs = [f"security_group/{other}" for other in sorted(groups)]
        rules[f"{kind}/{name}"] = (before, after)
        changes.extend(update(kind, name, {"rules": shown(before)}, {"rules": shown(after)}, needs=needs))

    for name, group in desired.groups.items():
        there = matched.get(name)
        if there is None:
            changes.append(create("security_group", name, {"description": group.description, "tags": group.tags}))
        else:
            changes += tag_changes("security_group", name, there.tags, group.tags)
    for name, group in desired.groups.items():
        there = matched.get(name)
        before_in = _by_name(there.inbound, names) if there else {}
        before_out = _by_name(there.outbound, names) if there else NEW_GROUP_OUTBOUND
        change_rules(INBOUND, name, before_in, _by_prefix_list(group.inbound, observed.prefix_lists))
        change_rules(OUTBOUND, name, before_out, _by_prefix_list(group.outbound, observed.prefix_lists))
    if removing:
        going = {group.name for group in leftovers}
        for gone in leftovers:
            for kind, there_rules in ((INBOUND, gone.inbound), (OUTBOUND, gone.outbound)):
                before = _by_name(there_rules, names)
                # AWS deletes no group that another one refers to, so the references between them go first.
                change_rules(kind, gone.name, before, _without_groups(before, going - {gone.name}))
        freed = [change.resource for change in changes if change.kind in (INBOUND, OUTBOUND)]
        changes += [delete("security_group", gone.name, _shown(gone, names), needs=freed) for gone in leftovers]
    return Plan(
        changes=tuple(changes),
        unlisted=() if removing else tuple(f"security_group/{group.name} ({group.id})" for group in leftovers),
        ids={name: group.id for name, group in ours.items()},
        rules=rules,
    )


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


def _match(
    desired: wanted.SecurityGroups, observed: Observed
) -> tuple[dict[str, ObservedGroup], tuple[ObservedGroup, ...]]:
    """The desired groups that are there, and the platform's others.

    A group's name cannot change and no other in the VPC has it, so one of our tags beside it is enough to know it.
    """
    by_name = {group.name: group for group in observed.groups}
    matched = {
        name: by_name[name]
        for name in desired.groups
        if name in by_name and has_mark(by_name[name].tags, desired.platform, desired.role, name)
    }
    leftovers = tuple(
        group
        for group in sorted(observed.groups, key=lambda group: group.name)
        if group.name not in desired.groups and belongs(group.tags, desired.platform, desired.role, inside=True)
    )
    return matched, leftovers


def _fixed_problems(
    desired: wanted.SecurityGroups, observed: Observed, matched: Mapping[str, ObservedGroup]
) -> list[str]:
    problems = [
        f"security group {group.name} ({group.id}) is not the platform's. If it is to be, give it the tags "
        f"{PLATFORM_TAG}={desired.platform}, {ROLE_TAG}={desired.role} and {NAME_TAG}={group.name}; if not, use "
        "another name in the options"
        for group in observed.groups
        if group.name in desired.groups and group.name not in matched
    ]
    for name, there in matched.items():
        description = desired.groups[name].description
        if there.description != description:
            problems.append(
                f"security group {name} ({there.id}) has the description {there.description!r}, not {description!r}, "
                "and AWS cannot change it. Write the description that is there, or use another name"
            )
    problems += [
        f"there is no prefix list {name}. Write its id, or the name of one of AWS's own, as com.amazonaws.<region>.s3"
        for name in sorted(desired.prefix_lists)
        if name not in observed.prefix_lists
    ]
    return problems


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
        "id": group.id,
        "description": group.description,
        "inbound": shown(_by_name(group.inbound, names)),
        "outbound": shown(_by_name(group.outbound, names)),
        "tags": dict(group.tags),
    }
