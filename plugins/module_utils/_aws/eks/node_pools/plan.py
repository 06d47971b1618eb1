# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Managed node groups as plain data: pools as they should be, groups as they are, the changes between, the requests.

A pool is what the user declares; a node group is what EKS runs for it. A group belongs to the pool that its tag
entasis.io/pool names. What EKS cannot change on a group is changed by a second group under another name, which takes
over before the first is removed: for that time the pool has two groups.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG, ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    Change,
    Plan,
    PlanError,
    create,
    delete,
    update,
)

KIND = "node_group"
POOL_TAG = "entasis.io/pool"

#: What EKS cannot change on a node group.
FIXED_FIELDS = ("instance_types", "ami_type", "capacity_type", "disk_size", "subnets", "iam_role")
#: A group in one of these states is of no use; it can only be removed.
FAILED = ("CREATE_FAILED", "DELETE_FAILED")

#: Longest name of a pool: EKS allows 63 characters, and a replacement adds a hyphen and eight.
LONGEST_NAME = 54

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_EFFECT_NAMES = {value: name for name, value in _EFFECTS.items()}

Pool = Mapping[str, Any]
Group = Mapping[str, Any]


def desired_pools(
    platform: str, role: str, options: Sequence[Mapping[str, Any]], tags: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The option node_pools as the planner compares it.

    Raises:
        PlanError: a pool contradicts itself or AWS's rules; lists every problem of every pool.
    """
    names = [pool["name"] for pool in options]
    problems = [
        f"node pool '{name}' is declared {names.count(name)} times."
        for name in sorted({*names})
        if names.count(name) > 1
    ]
    problems += [f"node pool '{pool['name']}': {problem}" for pool in options for problem in _problems(pool)]
    if problems:
        raise PlanError(problems)
    return [_desired_pool(platform, role, pool, tags) for pool in options]


def _desired_pool(platform: str, role: str, pool: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": pool["name"],
        "instance_types": list(dict.fromkeys(pool["instance_types"])),
        "ami_type": pool["ami_type"],
        "capacity_type": pool["capacity_type"],
        "disk_size": pool["disk_size"],
        "subnets": sorted(set(pool["subnets"])),
        "iam_role": pool["iam_role"],
        "min_size": pool["min_size"],
        "max_size": pool["max_size"],
        "desired_size": pool["min_size"] if pool["desired_size"] is None else pool["desired_size"],
        "labels": {key: str(value) for key, value in pool["labels"].items()},
        "taints": {f"{taint['key']}:{taint['effect']}": taint["value"] or "" for taint in pool["taints"]},
        "max_unavailable": pool["max_unavailable"],
        "version": pool["version"],
        "tags": {
            **ownership_tags(platform, role, pool["name"], {**tags, **pool["tags"]}),
            POOL_TAG: pool["name"],
        },
    }


def _problems(pool: Mapping[str, Any]) -> list[str]:
    problems = []
    if not re.fullmatch(rf"[0-9A-Za-z][0-9A-Za-z_-]{{0,{LONGEST_NAME - 1}}}", pool["name"]):
        problems.append(
            f"a name has at most {LONGEST_NAME} letters, digits, hyphens and underscores, the first a letter or digit."
        )
    problems += [f"{field} is empty." for field in ("instance_types", "subnets") if not pool[field]]
    smallest, largest, wanted = pool["min_size"], pool["max_size"], pool["desired_size"]
    if smallest < 0 or largest < 1 or smallest > largest:
        problems.append(
            f"min_size {smallest} and max_size {largest} do not go together: 0 <= min_size <= max_size, 1 <= max_size."
        )
    elif wanted is not None and not smallest <= wanted <= largest:
        problems.append(f"desired_size {wanted} is not between min_size {smallest} and max_size {largest}.")
    if not 1 <= pool["max_unavailable"] <= 100:
        problems.append(f"max_unavailable {pool['max_unavailable']} is not between 1 and 100.")
    if pool["version"] is not None and not re.fullmatch(r"1\.\d+", pool["version"]):
        problems.append(f"version '{pool['version']}' is not a Kubernetes version of EKS: write it as '1.36'.")
    taints = [f"{taint['key']}:{taint['effect']}" for taint in pool["taints"]]
    problems += [f"taint {taint} is declared twice." for taint in sorted({*taints}) if taints.count(taint) > 1]
    return problems


def observed_group(described: Mapping[str, Any], parents: Mapping[str, Lookup]) -> dict[str, Any]:
    """What DescribeNodegroup answers, in the form of a desired pool, with names for the ids that are ours."""
    scaling = described.get("scalingConfig", {})
    limits = described.get("updateConfig", {})
    subnets = described.get("subnets", [])
    return {
        "node_group": described["nodegroupName"],
        "status": described["status"],
        "health_issues": eks.health_issues(described),
        "instance_types": list(described.get("instanceTypes", [])),
        "ami_type": described.get("amiType"),
        "capacity_type": described.get("capacityType", "ON_DEMAND"),
        "disk_size": described.get("diskSize"),
        "subnets": parents["subnets"].names_of(subnets) if parents else sorted(subnets),
        "iam_role": described.get("nodeRole", "").rsplit("/", 1)[-1],
        "min_size": scaling.get("minSize"),
        "max_size": scaling.get("maxSize"),
        "desired_size": scaling.get("desiredSize"),
        "labels": dict(described.get("labels", {})),
        "taints": {
            f"{taint['key']}:{_EFFECT_NAMES[taint['effect']]}": taint.get("value", "")
            for taint in described.get("taints", [])
        },
        "max_unavailable": limits.get("maxUnavailable", f"{limits.get('maxUnavailablePercentage')}%"),
        "version": described.get("version"),
        "tags": dict(described.get("tags", {})),
    }


def plan(
    platform: str,
    role: str,
    pools: Sequence[Pool],
    groups: Sequence[Group],
    *,
    cluster_version: str | None = None,
    purge: bool = False,
) -> Plan:
    """The changes that make the node groups of a cluster what the pools say.

    C(groups) are all node groups of the cluster: those of others are never changed, but their names are taken.
    C(cluster_version) is the version that pools without their own follow; None where there is no cluster yet.

    Raises:
        PlanError: a name is taken by a group that is not ours, or a version would go back; lists every problem.
    """
    present = [group for group in groups if group["status"] != "DELETING"]
    ours = [group for group in present if is_ours(group["tags"], platform, role)]
    taken = {group["node_group"] for group in present}
    names = {pool["name"] for pool in pools}
    problems: list[str] = []
    changes: list[Change] = []
    for pool in pools:
        own = [group for group in ours if pool_name(group) == pool["name"]]
        if not own and pool["name"] in taken - {group["node_group"] for group in ours}:
            problems.append(
                f"a node group named '{pool['name']}' exists without the tags {PLATFORM_TAG}={platform} and "
                f"{ROLE_TAG}={role}: it is not ours and is left alone. Choose another name for the pool; or, if it is "
                "this platform's, set those tags on it."
            )
        version = pool["version"] or cluster_version
        problems += _version_problems(pool, own, version)
        changes += _plan_pool({**pool, "version": version}, own, taken)
    if problems:
        raise PlanError(problems)
    unlisted = [group for group in ours if pool_name(group) not in names]
    if purge:
        changes += [delete(KIND, group["node_group"], _shown(group)) for group in unlisted]
        unlisted = []
    return Plan(changes, sorted({pool_name(group) for group in unlisted}))


def is_ours(tags: Mapping[str, str], platform: str, role: str) -> bool:
    """Whether a group with these tags, in a cluster of the platform's, is the role's."""
    return belongs(tags, platform, role, inside=True)


def pool_name(group: Group) -> str:
    """The pool that a group of ours belongs to: by its tag; by its name where somebody removed the tag."""
    return group["tags"].get(POOL_TAG) or re.sub(r"-[0-9a-f]{8}$", "", group["node_group"])


def _plan_pool(pool: Pool, groups: Sequence[Group], taken: Collection[str]) -> list[Change]:
    """The changes of one pool; C(groups) are its own, C(taken) are the names of all groups of the cluster."""
    ordered = sorted(groups, key=lambda group: (group["node_group"] != pool["name"], group["node_group"]))
    failed = [group for group in ordered if group["status"] in FAILED]
    fitting = [group for group in ordered if group not in failed and not _fixed_differences(pool, group)]
    stale = [group for group in ordered if group not in failed and group not in fitting]
    removals = [delete(KIND, group["node_group"], _failure(group), part="failed") for group in failed]
    free_again = {group["node_group"] for group in failed}
    if fitting:
        current, *surplus = fitting
        after = [f"{KIND}/{current['node_group']}"]
        return [
            *removals,
            *_update_group(pool, current),
            *(delete(KIND, group["node_group"], _shown(group), needs=after) for group in [*stale, *surplus]),
        ]
    name = _free_name(pool, {*taken} - free_again)
    first = [change.resource for change in removals]
    if not stale:
        return [*removals, create(KIND, name, {"pool": pool["name"], **_shown(pool)}, needs=first)]
    old, *surplus = stale
    replacement = _replacement(pool, old, name, first)
    after = [replacement.resource]
    return [
        *removals,
        replacement,
        *(delete(KIND, group["node_group"], _shown(group), needs=after) for group in surplus),
    ]


def _replacement(pool: Pool, old: Group, name: str, needs: Sequence[str]) -> Change:
    """The change of a group into one of another name, with everything that the pool has otherwise by then."""
    before, after = eks.changed_entries(_configuration(old), _configuration(pool))
    for tags in tag_changes(KIND, old["node_group"], old["tags"], pool["tags"]):
        before, after = {**before, **(tags.before or {})}, {**after, **(tags.after or {})}
    for field in _fixed_differences(pool, old):
        before[field], after[field] = old[field], pool[field]
    if pool["version"] and pool["version"] != old["version"]:
        before["version"], after["version"] = old["version"], pool["version"]
    size = clamped(old["desired_size"], pool)
    if size != old["desired_size"]:
        before["desired_size"], after["desired_size"] = old["desired_size"], size
    before["node_group"], after["node_group"] = old["node_group"], name
    return Change("replace", KIND, old["node_group"], before, after, tuple(needs))


def _fixed_differences(pool: Pool, group: Group) -> list[str]:
    return [field for field in FIXED_FIELDS if _as_set(pool[field]) != _as_set(group[field])]


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


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


def _update_group(pool: Pool, group: Group) -> list[Change]:
    name = group["node_group"]
    old, new = eks.changed_entries(_configuration(group), _configuration(pool))
    size = clamped(group["desired_size"], pool)
    if size != group["desired_size"]:
        old["desired_size"], new["desired_size"] = group["desired_size"], size
    changes = tag_changes(KIND, name, group["tags"], pool["tags"])
    if old or new:
        changes.append(Change("update", KIND, name, old, new, part="configuration"))
    if pool["version"]:
        changes += update(KIND, name, group, {"version": pool["version"]}, part=f"version {pool['version']}")
    return changes


def clamped(size: int, pool: Pool) -> int:
    """The number of nodes that a pool keeps: the autoscaler's, unless it lies outside the pool's limits."""
    return max(pool["min_size"], min(size, pool["max_size"]))


def _configuration(state: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateNodegroupConfig sets, one entry for each thing that the diff shows."""
    return {
        "min_size": state["min_size"],
        "max_size": state["max_size"],
        "max_unavailable": state["max_unavailable"],
        **eks.entries("label", state["labels"]),
        **eks.entries("taint", state["taints"]),
    }


def _shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """A whole group as the diff shows it."""
    fixed = {field: state[field] for field in FIXED_FIELDS}
    sizes = {"desired_size": state["desired_size"]}
    return {**fixed, **sizes, **_configuration(state), "tags": state["tags"]}


def _failure(group: Group) -> dict[str, Any]:
    return {"status": group["status"], "health_issues": group["health_issues"]}


def _version_problems(pool: Pool, groups: Iterable[Group], version: str | None) -> list[str]:
    if version is None:
        return []
    return [
        f"node pool '{pool['name']}': its node group '{group['node_group']}' runs version {group['version']} and "
        f"cannot go back to {version}: EKS never rolls a node group back. Set version to {group['version']} or later."
        for group in groups
        if group["status"] not in FAILED
        and not _fixed_differences(pool, group)
        and _minor(version) < _minor(group["version"])
    ]


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def newer_than_cluster(pools: Iterable[Pool], cluster_version: str) -> list[str]:
    """One sentence for each pool whose own version the cluster has not reached yet."""
    return [
        f"node pool '{pool['name']}': version {pool['version']} is newer than the cluster's {cluster_version}. Update "
        "the cluster first, with eks_cluster."
        for pool in pools
        if pool["version"] and _minor(pool["version"]) > _minor(cluster_version)
    ]


def create_request(
    cluster: Mapping[str, Any], node_group: str, pool: Pool, size: int, parents: Mapping[str, Lookup]
) -> dict[str, Any]:
    """The arguments of CreateNodegroup."""
    request: dict[str, Any] = {
        "clusterName": cluster["name"],
        "nodegroupName": node_group,
        "scalingConfig": {"minSize": pool["min_size"], "maxSize": pool["max_size"], "desiredSize": size},
        "instanceTypes": pool["instance_types"],
        "amiType": pool["ami_type"],
        "capacityType": pool["capacity_type"],
        "diskSize": pool["disk_size"],
        "subnets": parents["subnets"].ids_of(pool["subnets"]),
        "nodeRole": parents["roles"].id_of(pool["iam_role"]),
        "labels": dict(pool["labels"]),
        "taints": _taints(pool["taints"]),
        "updateConfig": {"maxUnavailable": pool["max_unavailable"]},
        "tags": dict(pool["tags"]),
    }
    if pool["version"]:
        request["version"] = pool["version"]
    return request


def update_request(change: Change) -> dict[str, Any]:
    """The arguments of UpdateNodegroupConfig, without the names, for a planned change of the configuration.

    What is not sent stays as it is: the number of nodes is only sent where the plan changes it.
    """
    before, after = dict(change.before or {}), dict(change.after or {})
    request: dict[str, Any] = {}
    scaling = {"min_size": "minSize", "max_size": "maxSize", "desired_size": "desiredSize"}
    if sizes := {parameter: after[field] for field, parameter in scaling.items() if field in after}:
        request["scalingConfig"] = sizes
    if "max_unavailable" in after:
        request["updateConfig"] = {"maxUnavailable": after["max_unavailable"]}
    labels, old_labels = _without_prefix("label ", after), _without_prefix("label ", before)
    if labels or old_labels:
        removed = sorted(old_labels.keys() - labels.keys())
        request["labels"] = _without_empty({"addOrUpdateLabels": labels, "removeLabels": removed})
    taints, old_taints = _without_prefix("taint ", after), _without_prefix("taint ", before)
    if taints or old_taints:
        removed_taints = {taint: value for taint, value in old_taints.items() if taint not in taints}
        request["taints"] = _without_empty(
            {"addOrUpdateTaints": _taints(taints), "removeTaints": _taints(removed_taints)}
        )
    return request


def _without_prefix(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _taints(taints: Mapping[str, str]) -> list[dict[str, str]]:
    found = []
    for taint, value in sorted(taints.items()):
        key, effect = taint.rsplit(":", 1)
        found.append({"key": key, "effect": _EFFECTS[effect], **({"value": value} if value else {})})
    return found
