# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.plan import (
    World,
    newer_than_cluster,
    plan,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.requests import (
    create_request,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.state import (
    LONGEST_NAME,
    desired_pools,
    observed_group,
    size_of,
    time_for_all,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import arguments
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Plan, PlanError, apply
from ansible_collections.entasis.engine.plugins.module_utils._spec import node_pools as spec
from ansible_collections.entasis.engine.plugins.modules.eks_node_pools import DOCUMENTATION
from hypothesis import given
from hypothesis import strategies as st

PLATFORM = "demo"
NODE_ROLE = "arn:aws:iam::123456789012:role/node"
PARENTS = {
    "subnets": Lookup("subnet", ("a", "b"), {"a": "subnet-a", "b": "subnet-b"}, ""),
    "roles": Lookup("IAM role", ("node",), {"node": NODE_ROLE}, ""),
}
ROLE = "eks_node_pools"
AMI = "AL2023_x86_64_STANDARD"
WORLD = World(
    "1.36",
    {"a": "r-a", "b": "r-b"},
    {"c5.2xlarge": {"r-a", "r-b"}, "c5.4xlarge": {"r-a", "r-b"}, "g5.xlarge": {"r-a"}, "p5.48xlarge": {"r-c"}},
    {("1.36", AMI): "1.36.3-20261112"},
)
GPU = {"key": "gpu", "value": "true", "effect": "NoSchedule"}


#: What each option of a pool is where nothing is said.
DEFAULTS = {key: each.get("default") for key, each in arguments(DOCUMENTATION)["node_pools"]["options"].items()}


def option(name: str = "general", **changed: Any) -> dict[str, Any]:
    written = {"min_size": 3, "max_size": 10, "subnets": ["a", "b"], "iam_role": "node", "replacement": "delete"}
    types, labels = ["c5.2xlarge"], {"role": "general"}
    return {**DEFAULTS, **written, "name": name, "instance_types": types, "labels": labels, **changed}


def pool(name: str = "general", **changed: Any) -> dict[str, Any]:
    return desired_pools(PLATFORM, ROLE, [option(name, **changed)], {})[0]


def described(name: str = "general", *, of: str = "general", **changed: Any) -> dict[str, Any]:
    """DescribeNodegroup's answer for a group that is just what C(pool(of)) asks for."""
    return {
        "nodegroupName": name,
        "status": "ACTIVE",
        "version": "1.36",
        "releaseVersion": "1.36.3-20261112",
        "instanceTypes": ["c5.2xlarge"],
        "amiType": AMI,
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
    pools: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]] = (),
    world: World = WORLD,
    *,
    purge: bool = False,
) -> Plan:
    observed = [observed_group(group, PARENTS) for group in groups]
    return plan(PLATFORM, ROLE, pools, observed, world, purge=purge)


def refusals(pools: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    with pytest.raises(PlanError) as refused:
        planned(pools, groups)
    return refused.value.problems


def steps(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [(change.action, f"{change.name} {change.part}".strip()) for change in changes]


def shown(change: Change) -> dict[str, tuple[Any, Any]]:
    """Each field of a change on both sides."""
    before, after = change.before or {}, change.after or {}
    return {field: (before[field], after[field]) for field in {**before, **after}}


def scaling(smallest: int, largest: int, size: int) -> dict[str, Any]:
    return {"scalingConfig": {"minSize": smallest, "maxSize": largest, "desiredSize": size}}


def taint(effect: str = "NO_SCHEDULE", value: str = "true", key: str = "gpu") -> dict[str, str]:
    """A taint as EKS has it."""
    return {"key": key, "value": value, "effect": effect}


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ({}, {}, {}),
        ({}, scaling(3, 10, 7), {}),
        ({"desired_size": 5}, scaling(3, 10, 7), {"desired_size": (7, 5)}),
        ({"desired_size": 7}, scaling(3, 10, 7), {}),
        ({"max_size": 12}, scaling(3, 10, 7), {"max_size": (10, 12)}),
        ({"max_size": 5}, scaling(3, 10, 7), {"max_size": (10, 5), "desired_size": (7, 5)}),
        ({"min_size": 8}, scaling(3, 10, 7), {"min_size": (3, 8), "desired_size": (7, 8)}),
        ({}, scaling(1, 20, 15), {"min_size": (1, 3), "max_size": (20, 10), "desired_size": (15, 10)}),
        ({}, {"labels": {"role": "changed"}}, {"labels": ({"role": "changed"}, {"role": "general"})}),
        ({}, {"labels": {}}, {"labels": ({}, {"role": "general"})}),
        ({}, {"labels": {"role": "general", "extra": "1"}}, {"labels": ({"extra": "1"}, {})}),
        ({"labels": {"role": "general", "n": 1}}, {}, {"labels": ({}, {"n": "1"})}),
        ({"taints": [GPU]}, {}, {"taints": ([], [GPU])}),
        ({"taints": [{**GPU, "value": "yes"}]}, {"taints": [taint()]}, {"taints": ([GPU], [{**GPU, "value": "yes"}])}),
        (
            {"taints": [{"key": "gpu", "value": "", "effect": "NoExecute"}]},
            {"taints": [{"key": "gpu", "effect": "NO_EXECUTE"}]},
            {},
        ),
        (
            {"taints": [{**GPU, "effect": "NoExecute"}]},
            {"taints": [taint("PREFER_NO_SCHEDULE")]},
            {"taints": ([{**GPU, "effect": "PreferNoSchedule"}], [{**GPU, "effect": "NoExecute"}])},
        ),
        ({"update_strategy": "MINIMAL"}, {}, {"update_strategy": ("DEFAULT", "MINIMAL")}),
        ({"max_unavailable": 2}, {}, {"max_unavailable": (1, 2)}),
        ({}, {"updateConfig": {"maxUnavailablePercentage": 33}}, {"max_unavailable": ("33%", 1)}),
        ({"subnets": ["b", "a"], "instance_types": ["c5.2xlarge", "c5.2xlarge"]}, {}, {}),
        ({"instance_types": ["c5.4xlarge", "c5.2xlarge"]}, {"instanceTypes": ["c5.2xlarge", "c5.4xlarge"]}, {}),
        ({"exact_subnets": False}, {"subnets": ["subnet-a"]}, {}),
    ],
)
def test_the_configuration_is_compared_entry_by_entry(
    wanted: dict[str, Any], found: dict[str, Any], expected: dict[str, Any]
) -> None:
    changes = planned([pool(**wanted)], [described(**found)]).changes
    assert steps(changes) == [("update", "general configuration")] * bool(expected)
    assert [shown(change) for change in changes] == [expected] * bool(expected)


def test_on_an_empty_account_every_pool_is_made() -> None:
    changes = planned([pool(), pool("data", desired_size=5)], [], World()).changes
    assert steps(changes) == [("create", "general"), ("create", "data")]
    assert [(change.after or {})["desired_size"] for change in changes] == [3, 5]


def test_a_group_of_an_old_release_is_warned_of_where_it_keeps_its_own() -> None:
    made = planned([pool()], [described(releaseVersion=OLD)])
    assert made.changes == []
    assert f"runs AMI release {OLD}, and 1.36.3-20261112 is out" in made.warnings[0]
    assert "Write ami_release: latest" in made.warnings[0]


@pytest.mark.parametrize(
    ("lost", "name", "after"),
    [
        ("Name", "general", "general"),
        ("entasis.io/platform", "general", "demo"),
        ("entasis.io/pool", "general", "general"),
        ("entasis.io/pool", "general-0123abcd", "general"),
    ],
)
def test_a_group_that_lost_one_of_our_tags_is_recognised_and_gets_it_back(lost: str, name: str, after: str) -> None:
    tags = {**described()["tags"], "cost-center": "42"}
    del tags[lost]
    (change,) = planned([pool()], [described(name, tags=tags)]).changes
    assert (change.name, change.part) == (name, "tags")
    assert shown(change) == {"tags": ({}, {lost: after})}


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
    (change,) = planned([pool(**wanted)], [described()]).changes
    (field,) = wanted
    assert (change.action, change.name) == ("replace", "general")
    assert set(shown(change)) == {"node_group", field}
    assert re.fullmatch("general-[0-9a-f]{8}", shown(change)["node_group"][1])
    (refused,) = refusals([pool(**wanted, replacement="refuse")], [described()])
    assert f"EKS cannot change {field} from" in refused
    assert "Write replacement: drain" in refused


def test_a_replacement_shows_everything_that_the_new_group_has_otherwise() -> None:
    found = described(version="1.35", labels={"role": "changed"}, **scaling(1, 20, 15))
    (change,) = planned([pool(disk_size=100, tags={"team": "data"})], [found]).changes
    assert shown(change) == {
        "node_group": ("general", replacement_name(disk_size=100)),
        "disk_size": (20, 100),
        "version": ("1.35", "1.36"),
        "labels": ({"role": "changed"}, {"role": "general"}),
        "min_size": (1, 3),
        "max_size": (20, 10),
        "desired_size": (15, 10),
        "tags": ({}, {"team": "data"}),
    }


def replacement_name(**wanted: Any) -> str:
    (change,) = planned([pool(**wanted)], [described()]).changes
    return str(shown(change)["node_group"][1])


OLD = "1.36.3-20261001"
LATEST = {"ami_release": "latest"}
NEW = replacement_name(disk_size=100)
THEIRS = {"entasis.io/platform": "other", "entasis.io/pool": "theirs"}


@pytest.mark.parametrize(
    ("pools", "groups", "purge", "expected"),
    [
        ([{}], [{"status": "DELETING"}], False, "create general"),
        ([], [{"status": "DELETING"}], True, ""),
        ([{}], [{"status": "CREATE_FAILED"}], False, "delete general failed, create general"),
        ([{}], [{"status": "DELETE_FAILED"}], False, "delete general failed, create general"),
        ([{}], [{}, {"name": "old", "of": "old"}], False, ""),
        ([{}], [{}, {"name": "old", "of": "old"}], True, "delete old"),
        ([], [{"tags": {}}, {"name": "theirs", "tags": THEIRS}], True, ""),
        ([{}], [{"tags": {}}, {"name": "general-0123abcd"}], False, ""),
        ([{}], [{"version": "1.34"}], False, "update general version 1.36"),
        ([{"version": "1.35"}], [{"version": "1.34"}], False, "update general version 1.35"),
        ([{"version": "1.36"}], [{}], False, ""),
        ([LATEST], [{"releaseVersion": OLD}], False, "update general AMI release"),
        ([LATEST], [{"releaseVersion": "1.36.2-20261112"}], False, "update general AMI release"),
        ([LATEST], [{}], False, ""),
        ([LATEST], [{"releaseVersion": "1.36.4-20261201"}], False, ""),
        ([{**LATEST, "ami_type": "CUSTOM"}], [{"amiType": "CUSTOM"}], False, ""),
        ([LATEST], [{"version": "1.34", "releaseVersion": "1.34.1-20260101"}], False, "update general version 1.36"),
        *(
            ([{"disk_size": 100}], [{}, {"name": NEW, "diskSize": 100, "status": status}], False, expected)
            for status, expected in (
                ("CREATING", "delete general left over"),
                ("ACTIVE", "delete general left over"),
                ("DEGRADED", "delete general left over"),
                ("CREATE_FAILED", f"delete {NEW} failed, replace general"),
            )
        ),
        ([{}], [{}, {"name": NEW, "diskSize": 100}], False, f"delete {NEW} left over"),
    ],
)
def test_each_pool_ends_with_one_group_as_it_is_wanted(
    pools: list[dict[str, Any]], groups: list[dict[str, Any]], purge: bool, expected: str
) -> None:
    made = planned([pool(**wanted) for wanted in pools], [described(**group) for group in groups], purge=purge)
    assert ", ".join(f"{action} {what}" for action, what in steps(made.changes)) == expected
    assert made.unlisted == ([] if purge or len(groups) < 2 else [g["of"] for g in groups if "of" in g])
    assert made.warnings == []


@pytest.mark.parametrize("status", ["ACTIVE", "CREATE_FAILED"])
def test_an_old_group_goes_after_what_takes_its_place_and_only_where_that_is_asked(status: str) -> None:
    groups = [described(), described(NEW, diskSize=100, status=status)]
    last = planned([pool(disk_size=100)], groups).changes[-1]
    assert (last.name, last.needs) == ("general", (f"node_group/{NEW}",))
    (refused,) = refusals([pool(disk_size=100, replacement="refuse")], groups)
    assert "'general' would have to be replaced" in refused


def test_a_failed_group_goes_with_what_was_wrong_with_it() -> None:
    issue = {"code": "AsgInstanceLaunchFailures", "message": "no capacity", "resourceIds": ["asg-1"]}
    made = planned([pool()], [described(status="CREATE_FAILED", health={"issues": [issue]})])
    told = "AsgInstanceLaunchFailures: no capacity (asg-1). Try other instance types, or subnets in other zones."
    assert made.changes[0].before == {"status": "CREATE_FAILED", "health_issues": [told]}
    assert made.warnings == [f"the node group 'general' is CREATE_FAILED: {told}"]


def test_the_name_of_a_replacement_is_the_same_in_every_run_and_another_for_another_pool() -> None:
    assert replacement_name(disk_size=100) == replacement_name(disk_size=100)
    assert replacement_name(disk_size=100) != replacement_name(disk_size=50)


def test_pools_are_replaced_one_after_another() -> None:
    pools = [pool(name, disk_size=100) for name in ("a", "b", "c")] + [pool("new")]
    changes = planned(pools, [described(name, of=name) for name in ("a", "b", "c")]).changes
    assert [(change.resource, change.needs) for change in changes] == [
        ("node_group/a", ()),
        ("node_group/b", ("node_group/a",)),
        ("node_group/c", ("node_group/b",)),
        ("node_group/new", ()),
    ]


@pytest.mark.parametrize(
    ("wanted", "groups", "subnets", "told"),
    [
        ({"instance_types": ["g5.xlarge"]}, 0, None, "r-b offers no g5.xlarge. Zones of the region that offer all its"),
        ({"instance_types": ["g5.xlarge"], "exact_subnets": False}, 0, ["a"], "made in the other zones"),
        ({"instance_types": ["g5.xlarge"], "subnets": ["a"]}, 0, ["a"], ""),
        ({"instance_types": ["g5.xlarge"], "subnets": ["a", "new"]}, 0, ["a", "new"], ""),
        ({"instance_types": ["g5.xlarge"]}, 1, None, "r-b offers no g5.xlarge"),
        ({"instance_types": ["p5.48xlarge"], "exact_subnets": False}, 0, None, "offer all its types: r-c. Write sub"),
        ({"instance_types": ["g6.xlarge"], "exact_subnets": False}, 0, None, "this region offers no g6.xlarge"),
        ({"instance_types": ["c5.2xlarge", "g5.xlarge"], "exact_subnets": False}, 0, ["a"], "r-b offers no g5.xlarge"),
        ({"exact_subnets": False}, 0, ["a", "b"], ""),
    ],
)
def test_a_new_group_goes_where_its_instance_types_are_offered(
    wanted: dict[str, Any], groups: int, subnets: list[str] | None, told: str
) -> None:
    there = [described() for _group in range(groups)]
    if subnets is None:
        (problem,) = refusals([pool(**wanted)], there)
        assert told in problem
        return
    made = planned([pool(**wanted)], there)
    assert [(change.after or {})["subnets"] for change in made.changes] == [subnets]
    assert [told in warning for warning in made.warnings] == ([True] if told else [])


def test_a_group_keeps_its_zones_when_the_platform_gets_another_and_loses_one_that_goes() -> None:
    here = described(subnets=["subnet-a"])
    assert planned([pool(exact_subnets=False)], [here]).changes == []
    (change,) = planned([pool(exact_subnets=False, subnets=["b"])], [here]).changes
    assert (change.action, (change.after or {})["subnets"]) == ("replace", ["b"])


def test_a_replacement_takes_another_name_where_its_own_is_taken() -> None:
    new = replacement_name(disk_size=100)
    (change,) = planned([pool(disk_size=100)], [described(), described(new, of="theirs", tags={})]).changes
    assert (change.after or {})["node_group"] not in ("general", new)


@pytest.mark.parametrize(
    ("wanted", "groups", "told"),
    [
        ({}, [described(tags={})], "is not ours and is left alone"),
        ({"version": "1.35"}, [described()], "runs version 1.36 and cannot go back to 1.35"),
        ({"version": "1.35"}, [], "new node groups of the cluster's version 1.36 only"),
        ({"version": "1.35", "disk_size": 100}, [described(version="1.34")], "of the cluster's version 1.36 only"),
    ],
)
def test_what_eks_would_refuse_is_refused(wanted: dict[str, Any], groups: list[dict[str, Any]], told: str) -> None:
    (problem,) = refusals([pool(**wanted)], groups)
    assert told in problem


def test_a_pool_is_never_ahead_of_its_cluster() -> None:
    assert newer_than_cluster([pool(version="1.36"), pool()], "1.36") == []
    (problem,) = newer_than_cluster([pool(version="1.37")], "1.36")
    assert "Update the cluster first" in problem


def test_every_mistake_of_every_pool_is_named_at_once() -> None:
    options = [
        option("general", min_size=5, max_size=3),
        option("general", instance_types=[], subnets=[]),
        option("-bad", desired_size=11, max_unavailable=0, version="36"),
        option("x" * (LONGEST_NAME + 1), taints=[GPU, GPU]),
    ]
    with pytest.raises(PlanError) as refused:
        desired_pools(PLATFORM, ROLE, options, {})
    assert LONGEST_NAME == spec.LONGEST_NAME
    assert [problem.split("'")[1] for problem in refused.value.problems] == [
        *["general"] * 4,
        *["-bad"] * 4,
        *["x" * (LONGEST_NAME + 1)] * 2,
    ]


def test_an_update_sends_only_what_changes() -> None:
    wanted = pool(max_size=5, labels={"role": "general", "new": "1"}, taints=[GPU])
    old, labels = [taint("NO_EXECUTE", "x", "old")], {"role": "changed", "extra": "1"}
    found = described(**scaling(3, 10, 4), labels=labels, taints=old)
    (change,) = planned([wanted], [found]).changes
    assert update_request(change, wanted) == {
        "scalingConfig": {"maxSize": 5},
        "labels": {"addOrUpdateLabels": {"role": "general", "new": "1"}, "removeLabels": ["extra"]},
        "taints": {"addOrUpdateTaints": [taint()], "removeTaints": old},
    }


def test_the_two_fields_of_an_updates_own_configuration_are_sent_together() -> None:
    wanted = pool(update_strategy="MINIMAL", max_unavailable=2)
    (change,) = planned([wanted], [described(updateConfig={"maxUnavailable": 2})]).changes
    assert update_request(change, wanted) == {"updateConfig": {"maxUnavailable": 2, "updateStrategy": "MINIMAL"}}


def test_a_create_carries_everything() -> None:
    wanted = pool(taints=[GPU], version="1.36", tags={"team": "x"})
    made = described(
        taints=[taint()], **scaling(3, 10, 7), updateConfig={"maxUnavailable": 1, "updateStrategy": "DEFAULT"}
    )
    answered = ("status", "releaseVersion", "health")
    assert create_request("demo", "general", wanted, 7, PARENTS) == {
        **{key: value for key, value in made.items() if key not in answered},
        "clusterName": "demo",
        "subnets": ["subnet-a", "subnet-b"],
        "tags": {**described()["tags"], "team": "x"},
    }


@pytest.mark.parametrize(
    ("nodes", "limits", "expected"),
    [
        (10, {"maxUnavailable": 1}, 1000),
        (10, {"maxUnavailable": 3}, 400),
        (10, {"maxUnavailablePercentage": 33}, 300),
        (2, {"maxUnavailablePercentage": 10}, 200),
        (0, {"maxUnavailable": 1}, 100),
    ],
)
def test_an_update_has_the_time_for_each_batch_of_nodes(nodes: int, limits: dict[str, int], expected: float) -> None:
    assert time_for_all(100, described(updateConfig=limits, **scaling(0, 20, nodes))) == expected


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
            ("node_group", "delete"): lambda change: self.groups.__delitem__(change.name),
        }
        apply(changes, handlers, parallelism=1)

    def _create(self, change: Change) -> None:
        self._add(change.name, self._pools[(change.after or {})["pool"]])

    def _add(self, name: str, wanted: Mapping[str, Any]) -> None:
        assert name not in self.groups, "EKS refuses a second group of the same name"
        request = create_request("demo", name, wanted, size_of(wanted, None), PARENTS)
        self.groups[name] = {"version": "1.36", **request, "status": "ACTIVE"}

    def _replace(self, change: Change) -> None:
        old = self.groups.pop(change.name)
        self._add((change.after or {})["node_group"], self._pools[old["tags"]["entasis.io/pool"]])

    def _update(self, change: Change) -> None:
        group, after = self.groups[change.name], change.after or {}
        if change.part == "tags":
            group["tags"].update(after["tags"])
            return
        if "version" in after:
            group["version"] = after["version"]
            return
        request = update_request(change, self._pools[group["tags"]["entasis.io/pool"]])
        group["updateConfig"] = request.get("updateConfig", group["updateConfig"])
        sizes = group["scalingConfig"] | request.get("scalingConfig", {})
        assert sizes["minSize"] <= sizes["desiredSize"] <= sizes["maxSize"], "EKS refuses this"
        labels, taints = request.get("labels", {}), request.get("taints", {})
        left = {key: value for key, value in group["labels"].items() if key not in labels.get("removeLabels", ())}
        gone = [*taints.get("removeTaints", ()), *taints.get("addOrUpdateTaints", ())]
        kept = [t for t in group["taints"] if (t["key"], t["effect"]) not in [(g["key"], g["effect"]) for g in gone]]
        group |= {
            "scalingConfig": sizes,
            "labels": left | labels.get("addOrUpdateLabels", {}),
            "taints": [*kept, *taints.get("addOrUpdateTaints", ())],
        }


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
_POOLS = st.lists(
    st.builds(
        option,
        st.sampled_from(["general", "data", "gpu"]),
        labels=_LABELS,
        taints=_TAINTS,
        min_size=st.integers(1, 8),
        max_size=st.integers(8, 20),
        disk_size=st.sampled_from([20, 100]),
        instance_types=st.sampled_from([["c5.2xlarge"], ["c5.4xlarge", "c5.2xlarge"]]),
        subnets=st.sampled_from([["a"], ["a", "b"]]),
    ),
    max_size=3,
    unique_by=lambda wanted: wanted["name"],
)
_GROUPS = st.lists(
    st.builds(
        described,
        st.sampled_from(["general", "general-0123abcd", "data", "gpu", "gpu-0123abcd"]),
        of=st.sampled_from(["general", "data", "gpu"]),
        status=st.sampled_from(["ACTIVE", "DEGRADED", "CREATE_FAILED"]),
        labels=_LABELS,
        scalingConfig=st.lists(st.integers(1, 20), min_size=3, max_size=3)
        .map(sorted)
        .map(lambda sizes: {"minSize": sizes[0], "desiredSize": sizes[1], "maxSize": sizes[2]}),
        diskSize=st.sampled_from([20, 100]),
        version=st.sampled_from(["1.35", "1.36"]),
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
    simulation.run(planned(pools, groups, purge=True).changes)
    end = list(simulation.groups.values())
    assert planned(pools, end, purge=True).changes == []
    assert sorted(group["tags"]["entasis.io/pool"] for group in end) == sorted(wanted["name"] for wanted in pools)
