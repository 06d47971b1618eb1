# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The arguments of the calls that make and change node groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.state import (
    EFFECTS,
    Pool,
    Taint,
    by_key,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change


def create_request(
    cluster: str, node_group: str, pool: Pool, size: int, parents: Mapping[str, Lookup]
) -> dict[str, Any]:
    """The arguments of CreateNodegroup."""
    request: dict[str, Any] = {
        "clusterName": cluster,
        "nodegroupName": node_group,
        "scalingConfig": {"minSize": pool["min_size"], "maxSize": pool["max_size"], "desiredSize": size},
        "instanceTypes": pool["instance_types"],
        "amiType": pool["ami_type"],
        "capacityType": pool["capacity_type"],
        "diskSize": pool["disk_size"],
        "subnets": parents["subnets"].ids_of(pool["subnets"]),
        "nodeRole": parents["roles"].id_of(pool["iam_role"]),
        "labels": dict(pool["labels"]),
        "taints": _request_taints(pool["taints"]),
        "updateConfig": {"maxUnavailable": pool["max_unavailable"], "updateStrategy": pool["update_strategy"]},
        "tags": dict(pool["tags"]),
    }
    if pool["version"]:
        request["version"] = pool["version"]
    return request


_SCALING = {"min_size": "minSize", "max_size": "maxSize", "desired_size": "desiredSize"}


def update_request(change: Change, pool: Pool) -> dict[str, Any]:
    """The arguments of UpdateNodegroupConfig, without the names, for a planned change of the configuration.

    What is not sent stays as it is: the number of nodes is only sent where the plan changes it. The two fields of the
    update's own configuration go together.
    """
    before, after = dict(change.before or {}), dict(change.after or {})
    request: dict[str, Any] = {}
    if sizes := {parameter: after[name] for name, parameter in _SCALING.items() if name in after}:
        request["scalingConfig"] = sizes
    if "max_unavailable" in after or "update_strategy" in after:
        request["updateConfig"] = {
            "maxUnavailable": pool["max_unavailable"],
            "updateStrategy": pool["update_strategy"],
        }
    if "labels" in after:
        labels = {
            "addOrUpdateLabels": after["labels"],
            "removeLabels": sorted(before["labels"].keys() - after["labels"].keys()),
        }
        request["labels"] = {name: value for name, value in labels.items() if value}
    if "taints" in after:
        old, new = by_key(before["taints"]), by_key(after["taints"])
        taints = {
            "addOrUpdateTaints": _request_taints(new.values()),
            "removeTaints": _request_taints(old[key] for key in old if key not in new),
        }
        request["taints"] = {name: value for name, value in taints.items() if value}
    return request


def _request_taints(taints: Iterable[Taint]) -> list[dict[str, str]]:
    return [
        {
            "key": taint["key"],
            "effect": EFFECTS[taint["effect"]],
            **({"value": taint["value"]} if taint["value"] else {}),
        }
        for taint in taints
    ]
