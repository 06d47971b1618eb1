# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.plan import (
    clamped,
    create_request,
    desired_pools,
    newer_than_cluster,
    observed_group,
    plan,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError, apply, diff
from hypothesis import given
from hypothesis import strategies as st

PLATFORM = "demo"
NODE_ROLE = "arn:aws:iam::123456789012:role/node"
PARENTS = {
    "subnets": Lookup("subnet", ("a", "b"), {"a": "subnet-a", "b": "subnet-b"}, ""),
    "roles": Lookup("IAM role", ("node",), {"node": NODE_ROLE}, ""),
}
ROLE = "eks_node_pools"
CLUSTER = {"name": "demo", "version": "1.36", "createdAt": "2026-01-01T00:00:00Z"}


def option(name: str = "general", **changed: Any) -> dict[str, Any]:
    return {
        "name": name,
        "instance_types": ["c5.2xlarge"],
        "min_size": 3,
        "max_size": 10,
        "desired_size": None,
        "labels": {"role": "general"},
        "taints": [],
        "ami_type": "AL2023_x86_64_STANDARD",
        "capacity_type": "ON_DEMAND",
        "disk_size": 20,
        "subnets": ["a", "b"],
        "iam_role": "node",
        "max_unavailable": 1,
        "version": None,
        "tags": {},
        **changed,
    }


def pool(name: str = "general", **changed: Any) -> dict[str, Any]:
    return desired_pools(PLATFORM, ROLE, [option(name, **changed)], {})[0]


def described(name: str = "general", *, of: str = "general", **changed: Any) -> dict[str, Any]:
    """DescribeNodegroup's answer for a group that is just what C(pool(of)) asks for."""
    return {
        "nodegroupName": name,
        "status": "ACTIVE",
        "version": "1.36",
        "instanceTypes": ["c5.2xlarge"],
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "diskSize": 20,
        "subnets": ["subnet-b", "subnet-a"],
        "nodeRole": NODE_ROLE,
        "scalingConfig": {"minSize": 3, "maxSize": 10, "desiredSize": 3},
        "updateConfig": {"maxUnavailable": 1},
        "labels": {"role": "general"},
        "taints": [],
        "health": {"issues": []},
        "tags": {
            "entasis.io/platform": "demo",
            "entasis.io/role": "eks_node_pools",
            "entasis.io/pool": of,
            "Name": of,
        },
        **changed,
    }


def planned(
    pools: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]], *, purge: bool = False
) -> Sequence[Change]:
    observed = [observed_group(group, PARENTS) for group in groups]
    return plan(PLATFORM, ROLE, pools, observed, cluster_version="1.36", purge=purge).changes


def steps(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [(change.action, f"{change.name} {change.part}".strip()) for change in changes]


def scaling(smallest: int, largest: int, size: int) -> dict[str, Any]:
    return {"scalingConfig": {"minSize": smallest, "maxSize": largest, "desiredSize": size}}


@pytest.mark.parametrize(
    ("wanted", "found", "before", "after"),
    [
        ({}, {}, None, None),
        ({}, scaling(3, 10, 7), None, None),
        ({"desired_size": 5}, scaling(3, 10, 7), None, None),
        ({"max_size": 12}, scaling(3, 10, 7), {"max_size": 10}, {"max_size": 12}),
        (
            {"max_size": 5},
            scaling(3, 10, 7),
            {"max_size": 10, "desired_size": 7},
            {"max_size": 5, "desired_size": 5},
        ),
        (
            {"min_size": 8},
            scaling(3, 10, 7),
            {"min_size": 3, "desired_size": 7},
            {"min_size": 8, "desired_size": 8},
        ),
        (
            {},
            scaling(1, 20, 15),
            {"min_size": 1, "max_size": 20, "desired_size": 15},
            {"min_size": 3, "max_size": 10, "desired_size": 10},
        ),
        ({}, {"labels": {"role": "changed"}}, {"label role": "changed"}, {"label role": "general"}),
        ({}, {"labels": {}}, {}, {"label role": "general"}),
        ({}, {"labels": {"role": "general", "extra": "1"}}, {"label extra": "1"}, {}),
        ({"labels": {"role": "general", "n": 1}}, {}, {}, {"label n": "1"}),
        (
            {"taints": [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]},
            {},
            {},
            {"taint gpu:NoSchedule": "true"},
        ),
        (
            {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]},
            {"taints": [{"key": "gpu", "value": "true", "effect": "NO_SCHEDULE"}]},
            {"taint gpu:NoSchedule": "true"},
            {"taint gpu:NoSchedule": "yes"},
        ),
        (
            {"taints": [{"key": "gpu", "value": "", "effect": "NoExecute"}]},
            {"taints": [{"key": "gpu", "effect": "NO_EXECUTE"}]},
            None,
            None,
        ),
        (
            {"taints": [{"key": "gpu", "value": "true", "effect": "NoExecute"}]},
            {"taints": [{"key": "gpu", "value": "true", "effect": "PREFER_NO_SCHEDULE"}]},
            {"taint gpu:PreferNoSchedule": "true"},
            {"taint gpu:NoExecute": "true"},
        ),
        ({"max_unavailable": 2}, {}, {"max_unavailable": 1}, {"max_unavailable": 2}),
        (
            {},
            {"updateConfig": {"maxUnavailablePercentage": 33}},
            {"max_unavailable": "33%"},
            {"max_unavailable": 1},
        ),
        ({"subnets": ["b", "a"], "instance_types": ["c5.2xlarge", "c5.2xlarge"]}, {}, None, None),
    ],
)
def test_the_configuration_is_compared_entry_by_entry(
    wanted: dict[str, Any], found: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    changes = planned([pool(**wanted)], [described(**found)])
    if before is None:
        assert changes == []
    else:
        (change,) = changes
        assert (change.action, change.part, change.before, change.after) == ("update", "configuration", before, after)


def test_an_empty_account_plans_every_pool() -> None:
    pools = [pool("general"), pool("data", instance_types=["r5.2xlarge"])]
    changes = plan(PLATFORM, ROLE, pools, [], cluster_version=None).changes
    assert steps(changes) == [("create", "general"), ("create", "data")]


def test_a_group_follows_the_version_of_its_cluster_or_of_its_pool() -> None:
    assert steps(planned([pool()], [described(version="1.34")])) == [("update", "general version 1.36")]
    assert steps(planned([pool(version="1.35")], [described(version="1.34")])) == [("update", "general version 1.35")]
    assert planned([pool(version="1.36")], [described()]) == []


def test_tags_of_others_stay_and_ours_come_back() -> None:
    tags = {**described()["tags"], "cost-center": "42"}
    del tags["Name"]
    (change,) = planned([pool()], [described(tags=tags)])
    assert (change.part, change.before, change.after) == ("tags", {"tags": {}}, {"tags": {"Name": "general"}})


def test_a_group_that_lost_its_platform_tag_is_recognised_by_its_role_and_gets_it_back() -> None:
    tags = {key: value for key, value in described()["tags"].items() if key != "entasis.io/platform"}
    (change,) = planned([pool()], [described(tags=tags)])
    assert (change.part, change.after) == ("tags", {"tags": {"entasis.io/platform": "demo"}})


def test_a_group_that_lost_its_pool_tag_is_recognised_by_its_name() -> None:
    tags = {key: value for key, value in described()["tags"].items() if key != "entasis.io/pool"}
    for name in ("general", "general-0123abcd"):
        (change,) = planned([pool()], [described(name, tags=tags)])
        assert (change.action, change.name, change.after) == ("update", name, {"tags": {"entasis.io/pool": "general"}})


@pytest.mark.parametrize(
    "wanted",
    [
        {"instance_types": ["c5.4xlarge"]},
        {"instance_types": ["c5.2xlarge", "c5.4xlarge"]},
        {"ami_type": "AL2023_x86_64_NVIDIA"},
        {"capacity_type": "SPOT"},
        {"disk_size": 100},
        {"subnets": ["a"]},
        {"iam_role": "other"},
    ],
)
def test_what_eks_cannot_change_is_replaced_under_another_name(wanted: dict[str, Any]) -> None:
    (change,) = planned([pool(**wanted)], [described()])
    (field,) = wanted
    assert (change.action, change.name) == ("replace", "general")
    assert change.before is not None
    assert change.after is not None
    assert set(change.before) == set(change.after) == {"node_group", field}
    assert change.after["node_group"].startswith("general-")
    assert len(change.after["node_group"]) == len("general-") + 8


def test_a_replacement_shows_everything_that_the_new_group_has_otherwise() -> None:
    found = described(version="1.35", labels={"role": "changed"}, **scaling(1, 20, 15))
    (change,) = planned([pool(disk_size=100, tags={"team": "data"})], [found])
    assert change.before == {
        "node_group": "general",
        "disk_size": 20,
        "version": "1.35",
        "label role": "changed",
        "min_size": 1,
        "max_size": 20,
        "desired_size": 15,
        "tags": {},
    }
    assert change.after == {
        "node_group": replacement_name(disk_size=100),
        "disk_size": 100,
        "version": "1.36",
        "label role": "general",
        "min_size": 3,
        "max_size": 10,
        "desired_size": 10,
        "tags": {"team": "data"},
    }


def replacement_name(**wanted: Any) -> str:
    (change,) = planned([pool(**wanted)], [described()])
    return str((change.after or {})["node_group"])


def test_another_order_of_instance_types_is_no_change() -> None:
    wanted = pool(instance_types=["c5.4xlarge", "c5.2xlarge"])
    assert planned([wanted], [described(instanceTypes=["c5.2xlarge", "c5.4xlarge"])]) == []


def test_the_name_of_a_replacement_is_the_same_in_every_run_and_another_for_another_pool() -> None:
    assert replacement_name(disk_size=100) == replacement_name(disk_size=100)
    assert replacement_name(disk_size=100) != replacement_name(disk_size=50)


@pytest.mark.parametrize("status", ["CREATING", "ACTIVE", "DEGRADED"])
def test_a_replacement_that_was_interrupted_goes_on_with_the_removal_of_the_old_group(status: str) -> None:
    new = replacement_name(disk_size=100)
    groups = [described(), described(new, diskSize=100, status=status)]
    changes = planned([pool(disk_size=100)], groups)
    assert steps(changes) == [("delete", "general")]
    assert changes[0].needs == (f"node_group/{new}",)


def test_a_replacement_whose_new_group_failed_starts_over() -> None:
    new = replacement_name(disk_size=100)
    changes = planned([pool(disk_size=100)], [described(), described(new, diskSize=100, status="CREATE_FAILED")])
    assert steps(changes) == [("delete", f"{new} failed"), ("replace", "general")]
    assert (changes[1].after or {})["node_group"] == new
    assert changes[1].needs == (f"node_group/{new}",)


def test_a_replacement_that_is_called_off_removes_the_new_group_and_keeps_the_old() -> None:
    new = replacement_name(disk_size=100)
    assert steps(planned([pool()], [described(), described(new, diskSize=100)])) == [("delete", new)]


def test_a_replacement_takes_another_name_where_its_own_is_taken() -> None:
    new = replacement_name(disk_size=100)
    (change,) = planned([pool(disk_size=100)], [described(), described(new, of="theirs", tags={})])
    assert (change.after or {})["node_group"] not in ("general", new)


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_FAILED"])
def test_a_failed_group_is_removed_and_made_again(status: str) -> None:
    issue = {"code": "AsgInstanceLaunchFailures", "message": "no capacity", "resourceIds": ["asg-1"]}
    changes = planned([pool()], [described(status=status, health={"issues": [issue]})])
    assert steps(changes) == [("delete", "general failed"), ("create", "general")]
    assert changes[0].before == {
        "status": status,
        "health_issues": [
            "AsgInstanceLaunchFailures: no capacity (asg-1). Try other instance types, or subnets in other zones."
        ],
    }


def test_a_group_that_is_going_counts_as_gone() -> None:
    assert steps(planned([pool()], [described(status="DELETING")])) == [("create", "general")]
    assert planned([], [described(status="DELETING")], purge=True) == []


def test_pools_that_left_the_set_are_listed_and_only_purged_on_request() -> None:
    groups = [observed_group(group, PARENTS) for group in (described(), described("old", of="old"))]
    kept = plan(PLATFORM, ROLE, [pool()], groups, cluster_version="1.36")
    assert (kept.changes, kept.unlisted) == ([], ["old"])
    purged = plan(PLATFORM, ROLE, [pool()], groups, cluster_version="1.36", purge=True)
    assert (steps(purged.changes), purged.unlisted) == ([("delete", "old")], [])


def test_groups_of_others_are_never_planned_for() -> None:
    theirs = described("theirs", tags={"entasis.io/platform": "other", "entasis.io/pool": "theirs"})
    untagged = described("untagged", tags={})
    assert planned([], [theirs, untagged], purge=True) == []


def test_a_pool_does_not_take_over_a_group_of_others() -> None:
    with pytest.raises(PlanError, match="is not ours and is left alone"):
        planned([pool()], [described(tags={})])


def test_a_group_of_others_with_the_pools_name_is_in_no_ones_way_once_the_pool_has_a_group() -> None:
    assert planned([pool()], [described(tags={}), described("general-0123abcd")]) == []


def test_a_group_is_never_rolled_back() -> None:
    with pytest.raises(PlanError, match=r"runs version 1\.36 and cannot go back to 1\.35"):
        planned([pool(version="1.35")], [described()])


def test_a_pool_is_never_ahead_of_its_cluster() -> None:
    assert newer_than_cluster([pool(version="1.36"), pool()], "1.36") == []
    (problem,) = newer_than_cluster([pool(version="1.37")], "1.36")
    assert "Update the cluster first" in problem


def test_every_mistake_of_every_pool_is_named_at_once() -> None:
    taint = {"key": "gpu", "value": "", "effect": "NoSchedule"}
    options = [
        option("general", min_size=5, max_size=3),
        option("general", instance_types=[], subnets=[]),
        option("-bad", desired_size=11, max_unavailable=0, version="36"),
        option("x" * 55, taints=[taint, taint]),
    ]
    with pytest.raises(PlanError) as refused:
        desired_pools(PLATFORM, ROLE, options, {})
    assert [problem.split(": ", 1)[0] for problem in refused.value.problems] == [
        "node pool 'general' is declared 2 times.",
        "node pool 'general'",
        "node pool 'general'",
        "node pool 'general'",
        "node pool '-bad'",
        "node pool '-bad'",
        "node pool '-bad'",
        "node pool '-bad'",
        f"node pool '{'x' * 55}'",
        f"node pool '{'x' * 55}'",
    ]


def test_the_diff_shows_a_label_from_old_to_new() -> None:
    shown = diff(planned([pool()], [described(labels={"role": "changed"})]))
    assert shown == {
        "before": {"node_group/general (configuration)": {"label role": "changed"}},
        "after": {"node_group/general (configuration)": {"label role": "general"}},
    }


def test_an_update_sends_only_what_changes() -> None:
    wanted = pool(
        max_size=5,
        labels={"role": "general", "new": "1"},
        taints=[{"key": "gpu", "value": "true", "effect": "NoSchedule"}],
    )
    found = described(
        **scaling(3, 10, 4),
        labels={"role": "changed", "extra": "1"},
        taints=[{"key": "old", "value": "x", "effect": "NO_EXECUTE"}],
    )
    (change,) = planned([wanted], [found])
    assert update_request(change) == {
        "scalingConfig": {"maxSize": 5},
        "labels": {"addOrUpdateLabels": {"role": "general", "new": "1"}, "removeLabels": ["extra"]},
        "taints": {
            "addOrUpdateTaints": [{"key": "gpu", "value": "true", "effect": "NO_SCHEDULE"}],
            "removeTaints": [{"key": "old", "value": "x", "effect": "NO_EXECUTE"}],
        },
    }


def test_a_create_carries_everything() -> None:
    wanted = pool(taints=[{"key": "gpu", "value": "true", "effect": "NoSchedule"}], version="1.36", tags={"team": "x"})
    request = create_request(CLUSTER, "general", wanted, 7, PARENTS)
    assert request == {
        "clusterName": "demo",
        "nodegroupName": "general",
        "scalingConfig": {"minSize": 3, "maxSize": 10, "desiredSize": 7},
        "instanceTypes": ["c5.2xlarge"],
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "diskSize": 20,
        "subnets": ["subnet-a", "subnet-b"],
        "nodeRole": NODE_ROLE,
        "labels": {"role": "general"},
        "taints": [{"key": "gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "updateConfig": {"maxUnavailable": 1},
        "version": "1.36",
        "tags": {**described()["tags"], "team": "x"},
    }


@pytest.mark.parametrize(("size", "expected"), [(0, 3), (3, 3), (7, 7), (10, 10), (11, 10)])
def test_the_autoscalers_number_stays_inside_the_limits(size: int, expected: int) -> None:
    assert clamped(size, pool()) == expected


class Simulation:
    """Node groups after EKS has carried out each change of a plan: what a call does not name stays."""

    def __init__(self, groups: Sequence[Mapping[str, Any]], pools: Sequence[Mapping[str, Any]]) -> None:
        self.groups: dict[str, dict[str, Any]] = {
            group["nodegroupName"]: json.loads(json.dumps(group)) for group in groups
        }
        self._pools = {wanted["name"]: wanted for wanted in pools}

    def run(self, changes: Sequence[Change]) -> None:
        handlers = {
            ("node_group", "create"): self._create,
            ("node_group", "update"): self._update,
            ("node_group", "replace"): self._replace,
            ("node_group", "delete"): lambda change: self._remove(change.name),
        }
        apply(changes, handlers, parallelism=1)

    def _create(self, change: Change) -> None:
        self._add(change.name, self._pools[(change.after or {})["pool"]])

    def _add(self, name: str, wanted: Mapping[str, Any]) -> None:
        assert name not in self.groups, "EKS refuses a second group of the same name"
        request = create_request(CLUSTER, name, wanted, clamped(0, wanted), PARENTS)
        self.groups[name] = {"version": "1.36", **request, "status": "ACTIVE"}

    def _replace(self, change: Change) -> None:
        old = self.groups[change.name]
        self._add((change.after or {})["node_group"], self._pools[old["tags"]["entasis.io/pool"]])
        self._remove(change.name)

    def _remove(self, name: str) -> None:
        del self.groups[name]

    def _update(self, change: Change) -> None:
        group = self.groups[change.name]
        after = change.after or {}
        if change.part == "tags":
            group["tags"].update(after["tags"])
        elif "version" in after:
            group["version"] = after["version"]
        else:
            request = update_request(change)
            group["scalingConfig"].update(request.get("scalingConfig", {}))
            group["updateConfig"] = request.get("updateConfig", group["updateConfig"])
            labels = request.get("labels", {})
            group["labels"].update(labels.get("addOrUpdateLabels", {}))
            for key in labels.get("removeLabels", []):
                del group["labels"][key]
            taints = {(t["key"], t["effect"]): t for t in group["taints"]}
            for taint in request.get("taints", {}).get("removeTaints", []):
                del taints[taint["key"], taint["effect"]]
            for taint in request.get("taints", {}).get("addOrUpdateTaints", []):
                taints[taint["key"], taint["effect"]] = taint
            group["taints"] = list(taints.values())
            sizes = group["scalingConfig"]
            assert sizes["minSize"] <= sizes["desiredSize"] <= sizes["maxSize"], "EKS refuses this"


_TAINTS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["gpu", "spot"]),
            "value": st.sampled_from(["", "true"]),
            "effect": st.sampled_from(["NoSchedule", "NoExecute"]),
        }
    ),
    max_size=3,
    unique_by=lambda taint: (taint["key"], taint["effect"]),
)
_LABELS = st.dictionaries(st.sampled_from(["role", "stage", "zone"]), st.sampled_from(["x", "y"]))
_SIZES = st.lists(st.integers(1, 20), min_size=3, max_size=3).map(sorted)
_POOLS = st.lists(
    st.builds(
        lambda name, labels, taints, sizes, disk, types, subnets: option(
            name,
            labels=labels,
            taints=taints,
            min_size=sizes[0],
            max_size=sizes[2],
            disk_size=disk,
            instance_types=types,
            subnets=subnets,
        ),
        st.sampled_from(["general", "data", "gpu"]),
        _LABELS,
        _TAINTS,
        _SIZES,
        st.sampled_from([20, 100]),
        st.sampled_from([["c5.2xlarge"], ["c5.4xlarge", "c5.2xlarge"]]),
        st.sampled_from([["a"], ["a", "b"]]),
    ),
    max_size=3,
    unique_by=lambda wanted: wanted["name"],
)
_GROUPS = st.lists(
    st.builds(
        lambda name, of, status, labels, sizes, disk, version: described(
            name,
            of=of,
            status=status,
            labels=labels,
            diskSize=disk,
            version=version,
            **scaling(sizes[0], sizes[2], sizes[1]),
        ),
        st.sampled_from(["general", "general-0123abcd", "data", "gpu", "gpu-0123abcd"]),
        st.sampled_from(["general", "data", "gpu"]),
        st.sampled_from(["ACTIVE", "DEGRADED", "CREATE_FAILED"]),
        _LABELS,
        _SIZES,
        st.sampled_from([20, 100]),
        st.sampled_from(["1.35", "1.36"]),
    ),
    max_size=4,
    unique_by=lambda group: group["nodegroupName"],
)


@given(options=_POOLS, groups=_GROUPS)
def test_a_plan_that_was_applied_leaves_one_group_a_pool_and_nothing_to_plan(
    options: list[dict[str, Any]], groups: list[dict[str, Any]]
) -> None:
    pools = desired_pools(PLATFORM, ROLE, options, {})
    simulation = Simulation(groups, pools)
    simulation.run(planned(pools, groups, purge=True))
    end = list(simulation.groups.values())
    assert planned(pools, end, purge=True) == []
    assert sorted(group["tags"]["entasis.io/pool"] for group in end) == sorted(wanted["name"] for wanted in pools)
