# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How node groups grow, shrink and are rolled: what holds at every moment, not only at the end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from sandbox.aws.settings import Settings
from sandbox.eks.progress import DelayedNodes, advance, max_unavailable
from sandbox.eks.store import Cluster, Instance, NodeGroup, Update, View

SETTINGS = Settings(cluster=1, node_group=1, node=2, update=1, eviction=20)
SUBNETS = {
    "subnet-a": ["a", "10.0.0.0/24"],
    "subnet-b": ["b", "10.0.1.0/24"],
    "subnet-c": ["c", "10.0.2.0/24"],
}


def make_group(desired: int, **changes: object) -> NodeGroup:
    view: View = {
        "nodegroupName": "general",
        "status": "CREATING",
        "version": "1.34",
        "releaseVersion": "1.34.9-1",
        "scalingConfig": {"minSize": 0, "maxSize": 100, "desiredSize": desired},
        "instanceTypes": ["c5.large"],
        "updateConfig": {"maxUnavailable": 1},
        "health": {"issues": []},
        **changes,
    }
    return NodeGroup(view, due=1.0, version="1.34", release_version="1.34.9-1", subnets=dict(SUBNETS))


def make_cluster(group: NodeGroup) -> Cluster:
    view = {"name": "prod", "status": "ACTIVE", "health": {"issues": []}}
    return Cluster("1", "r", view, node_groups={"general": group})


def begin_roll(cluster: Cluster, now: float) -> None:
    group = cluster.node_groups["general"]
    group.version, group.release_version = "1.35", "1.35.5-1"
    group.view["status"], group.update_id, group.due = "UPDATING", "u", now + 1
    view = {"id": "u", "status": "InProgress", "errors": []}
    cluster.updates["u"] = Update(view, "general", changes={"version": "1.35", "releaseVersion": "1.35.5-1"})


def run_until_settled(cluster: Cluster, now: float, step: float = 0.5) -> tuple[float, list[list[Instance]]]:
    """Let time pass until the group rests; what its instances were at each moment."""
    moments = []
    group = cluster.node_groups["general"]
    for _step in range(2000):
        advance(cluster, now, SETTINGS, DelayedNodes(now, SETTINGS))
        moments.append([Instance(**vars(i)) for i in group.instances])
        if group.view["status"] in ("ACTIVE", "CREATE_FAILED"):
            return now, moments
        now += step
    raise AssertionError("the group never came to rest")


def test_nodes_that_are_not_ready_keep_the_group_in_creation() -> None:
    cluster = make_cluster(make_group(3))
    advance(cluster, 0, SETTINGS, DelayedNodes(0, SETTINGS))
    advance(cluster, 1.9, SETTINGS, DelayedNodes(1.9, SETTINGS))
    assert cluster.node_groups["general"].view["status"] == "CREATING"
    advance(cluster, 2.0, SETTINGS, DelayedNodes(2.0, SETTINGS))
    assert cluster.node_groups["general"].view["status"] == "ACTIVE"


@given(before=some.integers(0, 12), after=some.integers(0, 12))
def test_scaling_ends_at_the_desired_size_and_balanced(before: int, after: int) -> None:
    cluster = make_cluster(make_group(before))
    now, _moments = run_until_settled(cluster, 0)
    group = cluster.node_groups["general"]
    kept = {i.id for i in group.instances}
    group.view["scalingConfig"]["desiredSize"] = after
    group.view["status"], group.due = "UPDATING", now + 1
    run_until_settled(cluster, now)
    assert len(group.instances) == after
    zones = Counter({zone: 0 for zone, _cidr in SUBNETS.values()}) + Counter(i.zone for i in group.instances)
    counts = [zones[zone] for zone, _cidr in SUBNETS.values()]
    assert max(counts) - min(counts) <= 1
    assert len(kept & {i.id for i in group.instances}) == min(before, after)
    assert len({i.address for i in group.instances}) == after
    assert all(i.address.startswith(SUBNETS[i.subnet_id][1].rpartition(".")[0]) for i in group.instances)


@given(
    desired=some.integers(0, 12),
    limit=some.one_of(
        some.builds(lambda n: {"maxUnavailable": n}, some.integers(1, 5)),
        some.builds(lambda n: {"maxUnavailablePercentage": n}, some.integers(1, 100)),
    ),
    strategy=some.sampled_from(["", "DEFAULT", "MINIMAL"]),
)
def test_a_roll_never_takes_more_nodes_than_it_may(desired: int, limit: dict[str, int], strategy: str) -> None:
    configuration = limit | ({"updateStrategy": strategy} if strategy else {})
    cluster = make_cluster(make_group(desired, updateConfig=configuration))
    now, _moments = run_until_settled(cluster, 0)
    group = cluster.node_groups["general"]
    old = {i.id for i in group.instances}
    begin_roll(cluster, now)
    most = max_unavailable(group)
    _now, moments = run_until_settled(cluster, now)
    for moment in moments:
        serving = [i for i in moment if i.ready and not i.draining]
        assert desired - len(serving) <= most
        assert sum(1 for i in moment if i.draining or not i.ready) <= most
        assert len(moment) <= desired + most
        if strategy != "MINIMAL":
            assert len(serving) >= desired, "a new node comes up before an old one goes"
    assert not old & {i.id for i in group.instances}
    assert [i.version for i in group.instances] == ["1.35"] * desired
    assert group.view["version"] == "1.35"
    assert cluster.updates["u"].view["status"] == "Successful"


class StuckNodes(DelayedNodes):
    """Nodes whose pods resist their eviction."""

    def gone(self, instance: Instance) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def stuck(self, instance: Instance) -> str:
        return f"pod trading/api on {instance.id}"


def test_a_roll_gives_up_where_pods_cannot_be_evicted() -> None:
    cluster = make_cluster(make_group(2))
    now, _moments = run_until_settled(cluster, 0)
    begin_roll(cluster, now)
    for offset in range(40):
        advance(cluster, now + offset, SETTINGS, StuckNodes(now + offset, SETTINGS))
    group, update = cluster.node_groups["general"], cluster.updates["u"].view
    assert update["status"] == "Failed"
    assert update["errors"][0]["errorCode"] == "PodEvictionFailure"
    assert (group.view["status"], group.view["version"]) == ("ACTIVE", "1.34")
    assert not any(i.draining for i in group.instances if i.version == "1.34")


def test_a_deleted_group_goes_with_its_last_node() -> None:
    cluster = make_cluster(make_group(3))
    now, _moments = run_until_settled(cluster, 0)
    group = cluster.node_groups["general"]
    group.view["status"], group.due = "DELETING", now
    advance(cluster, now, SETTINGS, DelayedNodes(now, SETTINGS))
    assert all(i.draining for i in group.instances)
    advance(cluster, now + 1.9, SETTINGS, DelayedNodes(now + 1.9, SETTINGS))
    assert "general" in cluster.node_groups
    advance(cluster, now + 2, SETTINGS, DelayedNodes(now + 2, SETTINGS))
    assert not cluster.node_groups
