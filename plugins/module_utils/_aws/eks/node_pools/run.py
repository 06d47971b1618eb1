# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Managed node groups at AWS: observe them, have their changes planned, apply them, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools import releases
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.plan import (
    KIND,
    LEFTOVER,
    World,
    newer_than_cluster,
    plan,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.requests import (
    create_request,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.state import (
    Group,
    Pool,
    desired_pools,
    is_ours,
    observed_group,
    pool_name,
    size_of,
    time_for_all,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup, read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    PARALLELISM,
    Change,
    Handler,
    Plan,
    PlanError,
)
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError

if TYPE_CHECKING:
    from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.drain import Drain


#: What is returned of a group besides its pool's name.
_REPORTED = (
    *("node_group", "status", "version", "release", "min_size", "max_size", "desired_size"),
    *("instance_types", "labels", "health_issues"),
)


class EksNodePools:
    """One run of the module eks_node_pools: observes, plans by eks_node_pools_plan, applies."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._platform: str = module.params["platform"]
        self._role: str = module.params["role"]
        self._cluster_name: str = module.params["cluster"] or self._platform
        self._present: bool = module.params["state"] == "present"
        self._timeout: int = module.params["wait_timeout"]
        self._eks, self._ec2 = client(module, "eks"), client(module, "ec2")
        self._cluster: dict[str, Any] | None = None
        self._parents: Mapping[str, Lookup] = {}
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
        groups = [observed_group(described, self._parents) for described in self._described.values()]
        warnings: list[str] = []
        images = self._images(groups)
        newest = releases.newest(client(self._module, "ssm"), images, warnings) if images else {}
        world = World(self._cluster["version"] if self._cluster else None, releases=newest)
        self._plan = self._planned(groups, world)
        if any(change.action in ("create", "replace") for change in self._plan.changes):
            self._plan = self._planned(groups, replace(world, zones=self._zones(), offered=self._offered()))
        return replace(self._plan, warnings=[*self._plan.warnings, *warnings])

    def _planned(self, groups: Sequence[Group], world: World) -> Plan:
        purge = self._module.params["purge"] or not self._present
        return plan(self._platform, self._role, list(self._pools.values()), groups, world, purge=purge)

    def _images(self, groups: Sequence[Group]) -> set[tuple[str, str]]:
        """Version and AMI type of each group that stays."""
        return {
            (group["version"], group["ami_type"])
            for group in groups
            if is_ours(group["tags"], self._platform, self._role) and pool_name(group) in self._pools
        }

    def _zones(self) -> dict[str, str]:
        """The zone of each subnet that is there, by name."""
        subnets = self._parents["subnets"]
        if not subnets.ids:
            return {}
        found = read_all(self._ec2, "describe_subnets", "Subnets", SubnetIds=sorted(subnets.ids.values()))
        return {subnets.name_of(subnet["SubnetId"]): subnet["AvailabilityZone"] for subnet in found}

    def _offered(self) -> dict[str, set[str]]:
        """The zones that offer each instance type of the pools."""
        types = sorted({kind for pool in self._pools.values() for kind in pool["instance_types"]})
        offered: dict[str, set[str]] = {}
        for offering in read_all(
            self._ec2,
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": types}],
        ):
            offered.setdefault(offering["InstanceType"], set()).add(offering["Location"])
        return offered

    def _find_parents(self) -> Mapping[str, Lookup]:
        return lookups.find(self._look_up_parents, required=not self._module.check_mode)

    def _look_up_parents(self) -> dict[str, Lookup]:
        iam = client(self._module, "iam")
        pools = self._pools.values()
        return {
            "subnets": lookups.subnets(self._ec2, self._platform, [name for pool in pools for name in pool["subnets"]]),
            "roles": lookups.roles(iam, [pool["iam_role"] for pool in pools]),
        }

    def _find_cluster(self) -> None:
        self._cluster = eks.platform_cluster(self._module, self._eks, self._cluster_name, self._timeout)
        if not self._cluster or not self._present or self._module.check_mode:
            return
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
        ours = is_ours(described["tags"], self._platform, self._role)
        if self._module.check_mode or not ours or described["status"] not in eks.UNDER_WAY:
            return described
        name, limit = described["nodegroupName"], time_for_all(self._timeout, described)
        return eks.settled(lambda: self._describe(name), f"the node group '{name}'", limit)

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            (KIND, "create"): self._create,
            (KIND, "update"): self._update,
            (KIND, "replace"): self._replace,
            (KIND, "delete"): self._delete,
        }

    def _create(self, change: Change) -> None:
        wanted = change.after or {}
        pool = {**self._pools[wanted["pool"]], "subnets": wanted["subnets"]}
        self._make(change.name, pool, wanted["desired_size"], wait=self._module.params["wait"])

    def _make(self, name: str, pool: Pool, size: int, *, wait: bool) -> None:
        request = create_request(self._cluster_name, name, pool, size, self._parents)
        eks.create_with_new_role(lambda: self._eks.create_nodegroup(**request))
        if not wait:
            return
        try:
            self._wait(eks.wait_until_made, name)
        except WaitError as error:
            if eks.SERVICE_LINKED_ROLE not in str(error):
                raise
            # The first node groups of an account come before the role that EKS makes for itself is usable.
            self._remove(name)
            self._eks.create_nodegroup(**request)
            self._wait(eks.wait_until_made, name)

    def _replace(self, change: Change) -> None:
        """The new group takes over with as many nodes as the old one has, then the old one goes."""
        old = observed_group(self._described[change.name], self._parents)
        pool, wanted = self._pools[pool_name(old)], change.after or {}
        drain = self._drain_of(pool)
        new = {**pool, "subnets": wanted.get("subnets", old["subnets"])}
        self._make(wanted["node_group"], new, size_of(pool, old["desired_size"]), wait=True)
        self._retire(change.name, drain)

    def _drain_of(self, pool: Pool) -> Drain | None:
        """What empties the nodes of a pool's old group; None where the pool has them deleted as they are."""
        if pool["replacement"] != "drain":
            return None
        # What talks to Kubernetes is loaded only for this.
        from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.drain import Drain

        return Drain(self._module, self._cluster_name, pool["max_unavailable"], self._timeout)

    def _retire(self, name: str, drain: Drain | None) -> None:
        if drain:
            drain.empty(name)
        self._remove(name)

    def _update(self, change: Change) -> None:
        names = {"clusterName": self._cluster_name, "nodegroupName": change.name}
        described, after = self._described[change.name], change.after or {}
        limit: float = self._timeout
        if change.part == "tags":
            eks.apply_tags(self._eks, described["nodegroupArn"], change)
            return
        pool = self._pools[pool_name(observed_group(described, self._parents))]
        if "version" in after or "release" in after:
            # Without a release EKS takes the newest of the version.
            version = after.get("version", described["version"])
            call = partial(self._eks.update_nodegroup_version, **names, version=version)
            limit = time_for_all(self._timeout, described)
        else:
            call = partial(self._eks.update_nodegroup_config, **names, **update_request(change, pool))
        what = f"the node group '{change.name}' ({change.part})"
        started = eks.when_free(call, what, self._timeout)
        eks.wait_for_update(
            self._eks,
            what,
            limit,
            describe=lambda: self._describe(change.name),
            name=self._cluster_name,
            nodegroupName=change.name,
            updateId=started["update"]["id"],
        )

    def _delete(self, change: Change) -> None:
        if change.part == LEFTOVER:
            pool = self._pools[pool_name(observed_group(self._described[change.name], self._parents))]
            self._retire(change.name, self._drain_of(pool))
        else:
            self._remove(change.name, wait=self._module.params["wait"] or change.part == "failed")

    def _remove(self, name: str, *, wait: bool = True) -> None:
        self._eks.delete_nodegroup(clusterName=self._cluster_name, nodegroupName=name)
        if wait:
            self._wait(eks.wait_until_gone, name)

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
        return {
            "node_pools": [
                {
                    "name": pool_name(group),
                    **{field: group[field] for field in _REPORTED},
                }
                for group in sorted(groups, key=lambda group: group["node_group"])
            ]
        }
