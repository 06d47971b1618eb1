# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The changes that make the node groups of a cluster what the pools say.

What EKS cannot change on a group is changed by a second group under another name, which takes over before the first is
removed: for that time the pool has two groups. That happens only where the pool asks for it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.state import (
    FAILED,
    FIXED_FIELDS,
    Group,
    Pool,
    differences,
    fixed_differences,
    is_fitting,
    is_ours,
    minor,
    pool_name,
    shown,
    size_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    Change,
    Plan,
    PlanError,
    create,
    delete,
    update,
)

KIND = "node_group"
#: The part of a change that removes a group whose pool has another one.
LEFTOVER = "left over"


@dataclass(frozen=True)
class World:
    """What is there besides the groups."""

    #: The version that pools without their own follow; None where there is no cluster yet.
    cluster_version: str | None = None
    #: The zone of each subnet that is there, by the subnet's name.
    zones: Mapping[str, str] = field(default_factory=dict)
    #: The zones that offer each instance type; None while nobody has asked.
    offered: Mapping[str, Collection[str]] | None = None
    #: The newest AMI release of a version and an AMI type, where it is known.
    releases: Mapping[tuple[str, str], str] = field(default_factory=dict)


def plan(
    platform: str,
    role: str,
    pools: Sequence[Pool],
    groups: Sequence[Group],
    world: World,
    *,
    purge: bool = False,
) -> Plan:
    """The changes that make the node groups of a cluster what the pools say.

    C(groups) are all node groups of the cluster: those of others are never changed, but their names are taken.

    Raises:
        PlanError: a name is taken by a group that is not ours, a version would go back, no zone offers what a new group
            needs, or a group would have to be replaced and nobody asked for that; lists every problem.
    """
    present = [group for group in groups if group["status"] != "DELETING"]
    ours = [group for group in present if is_ours(group["tags"], platform, role)]
    taken = {group["node_group"] for group in present}
    names = {pool["name"] for pool in pools}
    problems: list[str] = []
    changes: list[Change] = []
    warnings = [
        f"the node group '{group['node_group']}' is {group['status']}: {' '.join(group['health_issues'])}"
        for group in ours
        if group["health_issues"]
    ]
    for pool in pools:
        own = [group for group in ours if pool_name(group) == pool["name"]]
        if not own and pool["name"] in taken - {group["node_group"] for group in ours}:
            problems.append(
                f"a node group named '{pool['name']}' exists without the tags {PLATFORM_TAG}={platform} and "
                f"{ROLE_TAG}={role}: it is not ours and is left alone. Choose another name for the pool; or, if it is "
                "this platform's, set those tags on it."
            )
        wanted = {**pool, "version": pool["version"] or world.cluster_version}
        problems += _version_problems(wanted, own)
        if not [group for group in own if is_fitting(wanted, group)]:
            problems += _creation_problems(pool, world)
            wanted["subnets"] = _subnets_on_offer(wanted, world, problems, warnings)
        steps = _plan_pool(wanted, own, taken, world)
        problems += _unasked_removals(pool, own, steps)
        changes += steps
        warnings += _release_warnings(wanted, own, world)
    if problems:
        raise PlanError(problems)
    unlisted = [group for group in ours if pool_name(group) not in names]
    if purge:
        changes += [delete(KIND, group["node_group"], shown(group)) for group in unlisted]
        unlisted = []
    return Plan(_one_after_another(changes), sorted({pool_name(group) for group in unlisted}), warnings)


def _one_after_another(changes: Iterable[Change]) -> list[Change]:
    """The changes, those that move pods from one group to another in a row: what moves needs a place to go."""
    ordered: list[Change] = []
    before: list[str] = []
    for change in changes:
        if _moves_pods(change):
            ordered.append(replace(change, needs=(*change.needs, *before)))
            before = [change.resource]
        else:
            ordered.append(change)
    return ordered


def _moves_pods(change: Change) -> bool:
    return change.action == "replace" or change.part == LEFTOVER


def _unasked_removals(pool: Pool, groups: Iterable[Group], changes: Iterable[Change]) -> list[str]:
    """One sentence for each group of a pool that would have to go although the pool does not say how."""
    if pool["replacement"] != "refuse":
        return []
    going = {change.name: change for change in changes if _moves_pods(change)}
    problems = []
    for group in groups:
        if group["node_group"] not in going:
            continue
        differing = ", ".join(f"{name} from {group[name]} to {pool[name]}" for name in fixed_differences(pool, group))
        why = f"EKS cannot change {differing}" if differing else "it is left over of an earlier replacement"
        problems.append(
            f"node pool '{pool['name']}': its node group '{group['node_group']}' would have to be replaced: {why}. "
            "Write replacement: drain, which moves its pods to a new group within their disruption budgets and then "
            "removes it; or leave the pool as it was and add one of another name."
        )
    return problems


def _creation_problems(pool: Pool, world: World) -> list[str]:
    if not pool["version"] or not world.cluster_version or minor(pool["version"]) >= minor(world.cluster_version):
        return []
    plane = world.cluster_version
    return [
        f"node pool '{pool['name']}': EKS makes new node groups of the cluster's version {plane} only. Omit version."
    ]


def _subnets_on_offer(pool: Pool, world: World, problems: list[str], warnings: list[str]) -> list[str]:
    """The subnets in which a new group can be: all; or, where the pool leaves them open, those that offer its types.

    A subnet that is not there yet is taken for one that does.
    """
    wanted: list[str] = pool["subnets"]
    if world.offered is None:
        return wanted
    who = f"node pool '{pool['name']}'"
    offers = {kind: set(world.offered.get(kind, ())) for kind in pool["instance_types"]}
    if nowhere := [kind for kind in offers if not offers[kind]]:
        problems.append(
            f"{who}: this region offers no {' and no '.join(nowhere)}. Write other instance types, or remove the pool."
        )
        return wanted
    missing = {
        world.zones[name]: [kind for kind in offers if world.zones[name] not in offers[kind]]
        for name in wanted
        if name in world.zones
    }
    missing = {zone: kinds for zone, kinds in sorted(missing.items()) if kinds}
    if not missing:
        return wanted
    told = "; ".join(f"{zone} offers no {', no '.join(kinds)}" for zone, kinds in missing.items())
    left = [name for name in wanted if world.zones.get(name) not in missing]
    everywhere = ", ".join(sorted(set.intersection(*offers.values()))) or "none"
    if pool["exact_subnets"] or not left:
        problems.append(
            f"{who}: {told}. Zones of the region that offer all its types: {everywhere}. Write subnets in those, or "
            "other instance types."
        )
        return wanted
    warnings.append(f"{who}: {told}. Its new node group is made in the other zones.")
    return left


def _release_warnings(pool: Pool, groups: Iterable[Group], world: World) -> list[str]:
    if pool["ami_release"] == "latest":
        return []
    return [
        f"the node group '{group['node_group']}' runs AMI release {group['release']}, and {newest} is out, with newer "
        f"patches. Write ami_release: latest for the pool to have its nodes replaced one after another."
        for group in groups
        if group["version"] == pool["version"] and (newest := _newer_release(group, world))
    ]


def _newer_release(group: Group, world: World) -> str | None:
    """The newest AMI release of a group's version, where that is newer than the group's."""
    newest = world.releases.get((group["version"], group["ami_type"]))
    if not newest or not group["release"] or _release_order(newest) <= _release_order(group["release"]):
        return None
    return newest


def _release_order(release: str) -> tuple[list[int], str]:
    """By Kubernetes' patch version and date (1.36.3-20261112), or by Bottlerocket's version (1.50.0-1a2b3c4d)."""
    version, _hyphen, date = release.partition("-")
    return [int(number) for number in re.findall(r"\d+", version)], date if len(date) == 8 and date.isdigit() else ""


def _plan_pool(pool: Pool, groups: Sequence[Group], taken: Collection[str], world: World) -> list[Change]:
    """The changes of one pool; C(groups) are its own, C(taken) are the names of all groups of the cluster."""
    ordered = sorted(groups, key=lambda group: (group["node_group"] != pool["name"], group["node_group"]))
    failed = [group for group in ordered if group["status"] in FAILED]
    fitting = [group for group in ordered if is_fitting(pool, group)]
    stale = [group for group in ordered if group not in failed and group not in fitting]
    removals = [
        delete(
            KIND,
            group["node_group"],
            {"status": group["status"], "health_issues": group["health_issues"]},
            part="failed",
        )
        for group in failed
    ]

    def leftovers(found: Iterable[Group], after: str) -> list[Change]:
        return [delete(KIND, group["node_group"], shown(group), needs=[after], part=LEFTOVER) for group in found]

    if fitting:
        current, *surplus = fitting
        after = f"{KIND}/{current['node_group']}"
        return [*removals, *_update_group(pool, current, world), *leftovers([*stale, *surplus], after)]
    name = _free_name(pool, {*taken} - {group["node_group"] for group in failed})
    first = [change.resource for change in removals]
    if not stale:
        made = {"pool": pool["name"], **shown({**pool, "desired_size": size_of(pool, None)})}
        return [*removals, create(KIND, name, made, needs=first)]
    old, *surplus = stale
    replacement = _replacement(pool, old, name, first)
    return [*removals, replacement, *leftovers(surplus, replacement.resource)]


def _replacement(pool: Pool, old: Group, name: str, needs: Sequence[str]) -> Change:
    """The change of a group into one of another name, with everything that the pool has otherwise by then."""
    before, after = differences(old, {**pool, "tags": {**old["tags"], **pool["tags"]}}, tags=True)
    for fixed in fixed_differences(pool, old):
        before[fixed], after[fixed] = old[fixed], pool[fixed]
    if pool["version"] and pool["version"] != old["version"]:
        before["version"], after["version"] = old["version"], pool["version"]
    if set(pool["subnets"]) != set(old["subnets"]):
        before["subnets"], after["subnets"] = old["subnets"], pool["subnets"]
    before["node_group"], after["node_group"] = old["node_group"], name
    return Change("replace", KIND, old["node_group"], before, after, tuple(needs))


def _free_name(pool: Pool, taken: Collection[str]) -> str:
    """The pool's name; where that is in use, the name with a hash of what EKS cannot change, the same in every run."""
    name: str = pool["name"]
    salt = 0
    while name in taken:
        fixed = [sorted(pool[field]) if isinstance(pool[field], list) else pool[field] for field in FIXED_FIELDS]
        digest = hashlib.sha256(json.dumps([fixed, salt]).encode()).hexdigest()
        name = f"{pool['name']}-{digest[:8]}"
        salt += 1
    return name


def _update_group(pool: Pool, group: Group, world: World) -> list[Change]:
    name = group["node_group"]
    changes = tag_changes(KIND, name, group["tags"], pool["tags"])
    old, new = differences(group, pool)
    if old or new:
        changes.append(Change("update", KIND, name, old, new, part="configuration"))
    if pool["version"] and pool["version"] != group["version"]:
        # It brings the newest AMI release of that version.
        return changes + update(KIND, name, group, {"version": pool["version"]}, part=f"version {pool['version']}")
    if pool["ami_release"] == "latest" and (newest := _newer_release(group, world)):
        changes += update(KIND, name, group, {"release": newest}, part="AMI release")
    return changes


def _version_problems(pool: Pool, groups: Iterable[Group]) -> list[str]:
    version = pool["version"]
    return [
        f"node pool '{pool['name']}': its node group '{group['node_group']}' runs version {group['version']} and "
        f"cannot go back to {version}: EKS never rolls a node group back. Set version to {group['version']} or later."
        for group in groups
        if version and is_fitting(pool, group) and minor(version) < minor(group["version"])
    ]


def newer_than_cluster(pools: Iterable[Pool], cluster_version: str) -> list[str]:
    """One sentence for each pool whose own version the cluster has not reached yet."""
    return [
        f"node pool '{pool['name']}': version {pool['version']} is newer than the cluster's {cluster_version}. Update "
        "the cluster first, with eks_cluster."
        for pool in pools
        if pool["version"] and minor(pool["version"]) > minor(cluster_version)
    ]
