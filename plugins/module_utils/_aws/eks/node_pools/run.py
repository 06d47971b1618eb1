# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Managed node groups at AWS: observe them, have their changes planned, apply them, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.plan import (
    KIND,
    clamped,
    create_request,
    desired_pools,
    is_ours,
    newer_than_cluster,
    observed_group,
    plan,
    pool_name,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, is_owned
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    PARALLELISM,
    Change,
    Handler,
    Plan,
    PlanError,
)
from ansible_collections.entasis.engine.plugins.module_utils._waiting import poll

_UNDER_WAY = ("CREATING", "UPDATING", "DELETING")


class EksNodePools:
    """One run of the module eks_node_pools: observes, plans by eks_node_pools_plan, applies."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._platform: str = module.params["platform"]
        self._role: str = module.params["role"]
        self._cluster_name: str = module.params["cluster"] or self._platform
        self._present: bool = module.params["state"] == "present"
        self._timeout: int = module.params["wait_timeout"]
        self._eks = client(module, "eks")
        self._cluster: dict[str, Any] | None = None
        self._parents: dict[str, Lookup] = {}
        self._pools: dict[str, dict[str, Any]] = {}
        self._described: dict[str, dict[str, Any]] = {}
        self._plan = Plan([])

    def plan(self) -> Plan:
        parameters = self._module.params
        if self._present:
            pools = desired_pools(self._platform, self._role, parameters["node_pools"] or [], parameters["tags"])
            self._pools = {pool["name"]: pool for pool in pools}
            self._parents = self._find_parents()
        self._find_cluster()
        self._observe()
        self._plan = plan(
            self._platform,
            self._role,
            list(self._pools.values()),
            [observed_group(described, self._parents) for described in self._described.values()],
            cluster_version=self._cluster["version"] if self._cluster else None,
            purge=parameters["purge"] or not self._present,
        )
        for described in self._described.values():
            if (issues := eks.health_issues(described)) and is_ours(described["tags"], self._platform, self._role):
                self._module.warn(
                    f"the node group '{described['nodegroupName']}' is {described['status']}: {' '.join(issues)}"
                )
        return self._plan

    def _find_parents(self) -> dict[str, Lookup]:
        ec2, iam = client(self._module, "ec2"), client(self._module, "iam")
        pools = self._pools.values()
        found = {
            "subnets": lookups.subnets(ec2, self._platform, [name for pool in pools for name in pool["subnets"]]),
            "roles": lookups.roles(iam, [pool["iam_role"] for pool in pools]),
        }
        if not self._module.check_mode:
            lookups.require(*found.values())
        return found

    def _find_cluster(self) -> None:
        name, check_mode = self._cluster_name, self._module.check_mode
        described = eks.describe_cluster(self._eks, name)
        if described and not is_owned(described["tags"], self._platform):
            raise PlanError(
                f"the EKS cluster '{name}' does not carry the tag {PLATFORM_TAG}={self._platform}: it is not ours and "
                "is left alone. Set the option cluster to this platform's cluster."
            )
        self._cluster = eks.settled_cluster(self._module, self._eks, described, self._timeout)
        if not self._present or check_mode:
            return
        if self._cluster is None:
            raise PlanError(f"the EKS cluster '{name}' does not exist. Make it with eks_cluster.")
        if problems := newer_than_cluster(self._pools.values(), self._cluster["version"]):
            raise PlanError(problems)

    def _observe(self) -> None:
        """Read every node group of the cluster, once what an earlier run has under way on ours is done."""
        if self._cluster is None:
            return
        pages = self._eks.get_paginator("list_nodegroups").paginate(clusterName=self._cluster_name)
        names = [name for page in pages for name in page["nodegroups"]]
        with ThreadPoolExecutor(PARALLELISM) as pool:
            found = [described for described in pool.map(self._describe, names) if described]
            self._described = {
                described["nodegroupName"]: described for described in pool.map(self._settled, found) if described
            }

    def _describe(self, name: str) -> dict[str, Any] | None:
        names = {"clusterName": self._cluster_name, "nodegroupName": name}
        return eks.found(lambda: self._eks.describe_nodegroup(**names)["nodegroup"])

    def _settled(self, described: dict[str, Any]) -> dict[str, Any] | None:
        """The group once nothing is under way on it: EKS takes one operation a group at a time."""
        if self._module.check_mode or not is_ours(described["tags"], self._platform, self._role):
            return described
        latest: dict[str, Any] | None = described

        def look() -> str | None:
            nonlocal latest
            if latest and latest["status"] in _UNDER_WAY:
                latest = self._describe(described["nodegroupName"])
            return latest["status"] if latest and latest["status"] in _UNDER_WAY else None

        poll(look, f"the node group '{described['nodegroupName']}'", self._timeout, advice=eks.LONGER)
        return latest

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            (KIND, "create"): self._create,
            (KIND, "update"): self._update,
            (KIND, "replace"): self._replace,
            (KIND, "delete"): self._delete,
        }

    def _create(self, change: Change) -> None:
        pool = self._pools[(change.after or {})["pool"]]
        self._make(change.name, pool, pool["desired_size"])
        if self._module.params["wait"]:
            self._wait(eks.wait_until_made, change.name)

    def _make(self, name: str, pool: Mapping[str, Any], size: int) -> None:
        request = create_request(self._cluster or {}, name, pool, size, self._parents)
        eks.create_with_new_role(lambda: self._eks.create_nodegroup(**request))

    def _replace(self, change: Change) -> None:
        """The new group takes over with as many nodes as the old one has, then the old one is drained and removed."""
        old = observed_group(self._described[change.name], self._parents)
        pool = self._pools[pool_name(old)]
        name = (change.after or {})["node_group"]
        self._make(name, pool, clamped(old["desired_size"], pool))
        self._wait(eks.wait_until_made, name)
        self._delete(change)

    def _update(self, change: Change) -> None:
        names = {"clusterName": self._cluster_name, "nodegroupName": change.name}
        if change.part == "tags":
            eks.apply_tags(self._eks, self._described[change.name]["nodegroupArn"], change)
            return
        if "version" in (change.after or {}):
            started = self._eks.update_nodegroup_version(**names, version=(change.after or {})["version"])
        else:
            started = self._eks.update_nodegroup_config(**names, **update_request(change))
        eks.wait_for_update(
            self._eks,
            f"the node group '{change.name}' ({change.part})",
            self._timeout,
            describe=lambda: self._describe(change.name),
            name=self._cluster_name,
            nodegroupName=change.name,
            updateId=started["update"]["id"],
        )

    def _delete(self, change: Change) -> None:
        self._eks.delete_nodegroup(clusterName=self._cluster_name, nodegroupName=change.name)
        if self._module.params["wait"] or change.part == "failed":
            self._wait(eks.wait_until_gone, change.name)

    def _wait(self, wait: Callable[[eks.Describe, str, float], None], name: str) -> None:
        wait(lambda: self._describe(name), f"the node group '{name}'", self._timeout)

    def report(self) -> dict[str, Any]:
        """The module's return values: the groups of ours as they are now, and the pools that are not declared."""
        if self._plan.changes and not self._module.check_mode:
            self._observe()
        groups = [
            observed_group(described, self._parents)
            for described in self._described.values()
            if is_ours(described["tags"], self._platform, self._role)
        ]
        reported = ("node_group", "status", "version", "min_size", "max_size", "desired_size", "instance_types")
        return {
            "node_pools": [
                {
                    "name": pool_name(group),
                    **{field: group[field] for field in (*reported, "labels", "health_issues")},
                }
                for group in sorted(groups, key=lambda group: group["node_group"])
            ]
        }
