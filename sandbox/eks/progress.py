# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the resources move through their states: pure steps on the records, given the time and what the nodes do.

Clusters and add-ons move by delay alone. A node group also waits for its nodes: without a control plane these are Ready
and gone after a delay, with one the bridge reports what it sees.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from sandbox.aws.settings import Settings
from sandbox.eks.store import Addon, Cluster, Instance, NodeGroup, View

#: A roll of the largest group that EKS allows (450 nodes) ends within these steps when every delay is 0.
_MOST_STEPS = 3000


class Nodes(Protocol):
    """What is known of the nodes of the instances."""

    def ready(self, instance: Instance) -> bool:
        """Whether the instance's Node is Ready."""

    def gone(self, instance: Instance) -> bool:
        """Whether the Node of a draining instance is gone."""

    def stuck(self, instance: Instance) -> str:
        """Why the Node of a draining instance cannot be emptied; empty while it can."""


@dataclass(frozen=True)
class DelayedNodes:
    """Nodes without a control plane: each is Ready, and gone, after the node's delay."""

    now: float
    settings: Settings

    def ready(self, instance: Instance) -> bool:
        return self.now >= instance.launched_at + self.settings.node

    def gone(self, instance: Instance) -> bool:
        return self.now >= instance.draining_since + self.settings.node

    def stuck(self, instance: Instance) -> str:  # noqa: ARG002 - the protocol's signature
        return ""


def advance(cluster: Cluster, now: float, settings: Settings, nodes: Nodes) -> bool:
    """Move a cluster and all it holds as far as they can go now. True once a deleted cluster's time is over."""
    for _step in range(_MOST_STEPS):
        if not _step_of(cluster, now, settings, nodes):
            break
    return cluster.status == "DELETING" and now >= (cluster.due or 0)


def _step_of(cluster: Cluster, now: float, settings: Settings, nodes: Nodes) -> bool:
    moved = _advance_cluster(cluster, now)
    for name, addon in list(cluster.addons.items()):
        if addon.due is not None and now >= addon.due:
            moved = True
            if addon.view["status"] == "DELETING":
                del cluster.addons[name]
            else:
                _finish(cluster, addon)
    for name, group in list(cluster.node_groups.items()):
        moved |= _advance_node_group(cluster, group, now, settings, nodes)
        if group.view["status"] == "DELETING" and not group.instances and now >= (group.due or 0):
            del cluster.node_groups[name]
            moved = True
    return moved


def _advance_cluster(cluster: Cluster, now: float) -> bool:
    if cluster.due is None or now < cluster.due or cluster.status == "DELETING":
        return False
    if cluster.failure:
        issue = {"code": cluster.failure["code"], "message": cluster.failure["message"], "resourceIds": []}
        cluster.view["health"]["issues"].append(issue)
        cluster.view["status"] = "FAILED"
        cluster.failure = {}
        cluster.due = None
        return True
    _finish(cluster, cluster)
    return True


def _finish(cluster: Cluster, record: Cluster | NodeGroup | Addon) -> None:
    """End the creation or the update under way with success, which leaves a node group DEGRADED where that is asked."""
    record.due = None
    record.view["status"] = "ACTIVE"
    if isinstance(record, NodeGroup) and record.failure:
        record.view["status"] = "DEGRADED"
        record.view["health"]["issues"] = [{**record.failure, "resourceIds": []}]
        record.failure = {}
    if record.update_id:
        update = cluster.updates[record.update_id]
        update.view["status"] = "Successful"
        record.view.update(update.changes)
        record.update_id = ""


def fail_update(cluster: Cluster, group: NodeGroup, code: str, message: str, resources: list[str]) -> None:
    """End a node group's update without success: what was done stays, the rest is not done."""
    update = cluster.updates[group.update_id]
    update.view["status"] = "Failed"
    update.view["errors"].append({"errorCode": code, "errorMessage": message, "resourceIds": resources})
    group.view["status"] = "ACTIVE"
    group.due = None
    group.update_id = ""
    group.version, group.release_version = group.view["version"], group.view["releaseVersion"]
    for instance in group.instances:
        instance.draining = False


def _advance_node_group(cluster: Cluster, group: NodeGroup, now: float, settings: Settings, nodes: Nodes) -> bool:
    moved = False
    for instance in list(group.instances):
        ready = nodes.ready(instance)
        moved |= ready != instance.ready
        instance.ready = ready
        if instance.draining and nodes.gone(instance):
            group.instances.remove(instance)
            moved = True
    status = group.view["status"]
    if status == "DELETING":
        return _drain([i for i in group.instances if not i.draining], now) or moved
    if status == "CREATE_FAILED":
        return moved
    if status == "CREATING" and group.failure:
        if now < (group.due or 0):
            return moved
        _fail_creation(group, group.failure["code"], group.failure["message"])
        return True
    if status == "UPDATING" and group.update_id and _give_up(cluster, group, settings, now, nodes):
        return True
    moved |= _scale_and_roll(cluster, group, now)
    if status in ("CREATING", "UPDATING") and now >= (group.due or 0) and _settled(group):
        _finish(cluster, group)
        moved = True
    return moved


def _fail_creation(group: NodeGroup, code: str, message: str) -> None:
    group.view["status"] = "CREATE_FAILED"
    group.view["health"]["issues"].append({"code": code, "message": message, "resourceIds": []})
    group.due = None


def _give_up(cluster: Cluster, group: NodeGroup, settings: Settings, now: float, nodes: Nodes) -> bool:
    """End a version update whose old nodes cannot be emptied in time."""
    for instance in group.instances:
        late = instance.draining and now >= instance.draining_since + settings.eviction
        if late and not is_current(group, instance) and (reason := nodes.stuck(instance)):
            fail_update(cluster, group, "PodEvictionFailure", reason, [instance.id])
            return True
    return False


def _settled(group: NodeGroup) -> bool:
    return len(group.instances) == desired_size(group) and all(
        i.ready and not i.draining and is_current(group, i) for i in group.instances
    )


def desired_size(group: NodeGroup) -> int:
    return int(group.view["scalingConfig"]["desiredSize"])


def is_current(group: NodeGroup, instance: Instance) -> bool:
    """Whether an instance runs what its group is to run."""
    return (instance.version, instance.release_version) == (group.version, group.release_version)


def max_unavailable(group: NodeGroup) -> int:
    """How many nodes an update may take at a time: at least one, also for a share of a small group."""
    configuration = group.view["updateConfig"]
    if "maxUnavailablePercentage" in configuration:
        return max(1, ceil(desired_size(group) * int(configuration["maxUnavailablePercentage"]) / 100))
    return int(configuration.get("maxUnavailable", 1))


def _scale_and_roll(cluster: Cluster, group: NodeGroup, now: float) -> bool:
    desired = desired_size(group)
    live = [i for i in group.instances if not i.draining]
    outdated = [i for i in live if not is_current(group, i)]
    rolling = group.view["status"] == "UPDATING" and not all(is_current(group, i) for i in group.instances)
    if not rolling:
        if len(live) < desired:
            return _launch(cluster, group, desired - len(live), now)
        return _drain(_surplus(group, live, len(live) - desired), now)
    most = max_unavailable(group)
    # A node that is not Ready yet and one that is being emptied both count: the two together stay within the limit.
    moving = sum(1 for i in group.instances if i.draining or not i.ready)
    room = max(0, most - moving)
    if group.view["updateConfig"].get("updateStrategy", "DEFAULT") == "MINIMAL":
        if len(live) < desired:
            return _launch(cluster, group, min(room, desired - len(live)), now)
        return _drain(outdated[:room], now)
    ready = sum(1 for i in live if i.ready)
    launches = min(room, desired - (len(live) - len(outdated)), desired + most - len(live))
    if launches > 0 and ready <= desired:
        return _launch(cluster, group, launches, now)
    return _drain(outdated[: min(room, max(0, ready - desired))], now)


def _drain(instances: list[Instance], now: float) -> bool:
    for instance in instances:
        instance.draining = True
        instance.draining_since = now
    return bool(instances)


def _surplus(group: NodeGroup, live: list[Instance], count: int) -> list[Instance]:
    """The instances that a scale-in takes: the oldest of the zone that has the most, again and again.

    What runs another version than the group goes first: a failed update leaves such instances.
    """
    left = sorted(live, key=lambda i: (is_current(group, i), i.launched_at, i.id))
    taken: list[Instance] = []
    while len(taken) < count:
        zones = Counter(i.zone for i in left)
        fullest = max(sorted(zones), key=lambda zone: zones[zone])
        instance = next((i for i in left if not is_current(group, i)), None) or next(
            i for i in left if i.zone == fullest
        )
        left.remove(instance)
        taken.append(instance)
    return taken


def _launch(cluster: Cluster, group: NodeGroup, count: int, now: float) -> bool:
    launched = 0
    for _number in range(count):
        place = _free_address(cluster, group)
        if place is None:
            _no_address(cluster, group)
            break
        subnet_id, zone, address = place
        types: list[str] = group.view["instanceTypes"]
        group.instances.append(
            Instance(
                id=new_instance_id(),
                zone=zone,
                subnet_id=subnet_id,
                address=address,
                instance_type=types[0],
                version=group.version,
                release_version=group.release_version,
                launched_at=now,
            )
        )
        launched += 1
    return launched > 0


def new_instance_id() -> str:
    return f"i-{secrets.token_hex(8)}0"


def _no_address(cluster: Cluster, group: NodeGroup) -> None:
    message = "Amazon Autoscaling was unable to launch instances because the subnets have no free addresses left."
    if group.view["status"] == "CREATING":
        _fail_creation(group, "InsufficientFreeAddresses", message)
    elif group.update_id:
        fail_update(cluster, group, "InsufficientFreeAddresses", message, sorted(group.subnets))


def _free_address(cluster: Cluster, group: NodeGroup) -> tuple[str, str, str] | None:
    """A subnet of the zone that has the fewest of the group's instances, and an address there that nobody has."""
    zones = Counter(i.zone for i in group.instances)
    by_subnet = Counter(i.subnet_id for i in group.instances)
    taken = {i.address for other in cluster.node_groups.values() for i in other.instances}
    order = sorted(group.subnets, key=lambda s: (zones[group.subnets[s][0]], by_subnet[s], group.subnets[s][0], s))
    for subnet_id in order:
        zone, cidr = group.subnets[subnet_id]
        network = ipaddress.ip_network(cidr)
        # AWS keeps the first four addresses and the last one of each subnet for itself.
        first, size = int(network.network_address) + 4, network.num_addresses - 5
        start = secrets.randbelow(max(1, size))
        for offset in range(max(0, size)):
            address = str(ipaddress.ip_address(first + (start + offset) % size))
            if address not in taken:
                return subnet_id, zone, address
    return None


def status_view(cluster: Cluster) -> View:
    """The cluster as DescribeCluster shows it in its present state: what is not made yet is not shown yet.

    EKS never shows whether the creator became an administrator.
    """
    view = {**cluster.view, "accessConfig": {"authenticationMode": cluster.view["accessConfig"]["authenticationMode"]}}
    if cluster.status == "CREATING":
        for later in ("endpoint", "identity"):
            view.pop(later, None)
        view["certificateAuthority"] = {}
        view["resourcesVpcConfig"] = {
            k: v for k, v in view["resourcesVpcConfig"].items() if k != "clusterSecurityGroupId"
        }
    return view
