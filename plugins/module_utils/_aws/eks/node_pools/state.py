# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Managed node groups as plain data: pools as they should be, groups as they are, and how the two differ.

A pool is what the user declares; a node group is what EKS runs for it. A group belongs to the pool that its tag
entasis.io/pool names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs
from ansible_collections.entasis.engine.plugins.module_utils._ownership import ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

POOL_TAG = "entasis.io/pool"

#: What EKS cannot change on a node group.
FIXED_FIELDS = ("instance_types", "ami_type", "capacity_type", "disk_size", "subnets", "iam_role")
#: A group in one of these states is of no use; it can only be removed.
FAILED = ("CREATE_FAILED", "DELETE_FAILED")

#: Longest name of a pool: EKS allows 63 characters, and a replacement adds a hyphen and eight.
LONGEST_NAME = 54

EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_EFFECT_NAMES = {value: name for name, value in EFFECTS.items()}

Pool = Mapping[str, Any]
Group = Mapping[str, Any]
#: A taint of Kubernetes: key, value, effect.
Taint = dict[str, str]


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
        **pool,
        "instance_types": list(dict.fromkeys(pool["instance_types"])),
        "subnets": sorted(set(pool["subnets"])),
        "labels": {key: str(value) for key, value in pool["labels"].items()},
        "taints": [{**taint, "value": taint["value"] or ""} for taint in pool["taints"]],
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
        "taints": [
            {"key": taint["key"], "value": taint.get("value", ""), "effect": _EFFECT_NAMES[taint["effect"]]}
            for taint in described.get("taints", [])
        ],
        "max_unavailable": limits.get("maxUnavailable", f"{limits.get('maxUnavailablePercentage')}%"),
        "update_strategy": limits.get("updateStrategy", "DEFAULT"),
        "version": described.get("version"),
        "release": described.get("releaseVersion"),
        "tags": dict(described.get("tags", {})),
    }


def is_ours(tags: Mapping[str, str], platform: str, role: str) -> bool:
    """Whether a group with these tags, in a cluster of the platform's, is the role's."""
    return belongs(tags, platform, role, inside=True)


def pool_name(group: Group) -> str:
    """The pool that a group of ours belongs to: by its tag; by its name where somebody removed the tag."""
    return group["tags"].get(POOL_TAG) or re.sub(r"-[0-9a-f]{8}$", "", group["node_group"])


def is_fitting(pool: Pool, group: Group) -> bool:
    """Whether a group can become what the pool says without a replacement."""
    return group["status"] not in FAILED and not fixed_differences(pool, group)


def fixed_differences(pool: Pool, group: Group) -> list[str]:
    """What EKS would have to change and cannot. A pool that leaves its subnets open is content with any of them."""
    return [
        name
        for name in FIXED_FIELDS
        if _as_set(pool[name]) != _as_set(group[name])
        and not (name == "subnets" and not pool["exact_subnets"] and set(group[name]) <= set(pool[name]))
    ]


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


def size_of(pool: Pool, present: int | None) -> int:
    """The number of nodes: the pool's own, or the present one, an autoscaler's perhaps, within the limits."""
    if pool["desired_size"] is not None:
        return int(pool["desired_size"])
    return max(pool["min_size"], min(present or 0, pool["max_size"]))


def differences(group: Group, pool: Pool, *, tags: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """What UpdateNodegroupConfig is to change: each field on both sides, of labels and taints those that differ."""
    wanted = {**pool, "desired_size": size_of(pool, group["desired_size"])}
    fields = ("min_size", "max_size", "desired_size", "max_unavailable", "update_strategy")
    before = {name: group[name] for name in fields if group[name] != wanted[name]}
    after = {name: wanted[name] for name in before}
    for name in ("labels", "tags") if tags else ("labels",):
        if group[name] != wanted[name]:
            before[name], after[name] = _without_common(group[name], wanted[name])
    old, new = _without_common(by_key(group["taints"]), by_key(wanted["taints"]))
    if old or new:
        before["taints"], after["taints"] = list(old.values()), list(new.values())
    return before, after


def _without_common(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Both sides cut down to the entries that were added, changed or removed."""
    return (
        {key: before[key] for key in before if key not in after or before[key] != after[key]},
        {key: after[key] for key in after if key not in before or before[key] != after[key]},
    )


def by_key(taints: Iterable[Taint]) -> dict[tuple[str, str], Taint]:
    """The taints by what tells one from another, in order."""
    return {(taint["key"], taint["effect"]): taint for taint in sorted(taints, key=lambda t: (t["key"], t["effect"]))}


def shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """A whole group as the diff shows it."""
    others = ("min_size", "max_size", "desired_size", "max_unavailable", "update_strategy", "labels", "taints", "tags")
    return {name: state[name] for name in (*FIXED_FIELDS, *others)}


def time_for_all(timeout: float, described: Mapping[str, Any]) -> float:
    """The seconds that EKS may take to replace all nodes of a group: C(timeout) for each batch of them."""
    nodes = described.get("scalingConfig", {}).get("desiredSize", 1)
    limits = described.get("updateConfig", {})
    share = limits.get("maxUnavailablePercentage", 100) / 100
    at_once = limits.get("maxUnavailable") or max(1, ceil(nodes * share))
    return timeout * max(1, ceil(nodes / at_once))


def minor(version: str) -> int:
    """The number that tells one Kubernetes version from the next: 36 of 1.36."""
    return int(version.split(".")[1])
