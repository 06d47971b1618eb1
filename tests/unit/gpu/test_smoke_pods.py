# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes a smoke run chooses, and the pod that it makes for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import pods as smoke_pods
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import (
    SmokeOptions,
    SmokeOptionsError,
    parse,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint

IMAGE = f"registry.example.com/vectoradd@sha256:{'0' * 64}"
STARTUP = Taint("example.com/gpu-starting", "", "NoSchedule")
CONDITION = "example.com/GPUReady"

Object = dict[str, Any]


def node(
    name: str = "n1", *, gpus: int = 4, taints: list[Object] | None = None, labels: dict[str, str] | None = None
) -> Object:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}, "conditions": []},
    }


def startup() -> Object:
    return {"key": STARTUP.key, "effect": STARTUP.effect}


def chosen(mode: str, *nodes: Object, seed: str = "1", **options: Any) -> list[str]:
    parsed = parse({"mode": mode, "image": IMAGE}, **options)
    return [one["metadata"]["name"] for one in smoke_pods.choose(nodes, parsed, seed)]


def test_all_or_none_are_chosen() -> None:
    assert chosen("all", node("b"), node("a")) == ["a", "b"]
    assert chosen("none", node("a")) == []


def test_a_sample_has_its_size_and_changes_with_the_run() -> None:
    nodes = [node(f"n{number}") for number in range(20)]
    samples = {tuple(chosen("sample:3", *nodes, seed=str(seed))) for seed in range(10)}
    assert {len(sample) for sample in samples} == {3}
    assert len(samples) > 1
    assert chosen("sample:3", node("a")) == ["a"]


def test_missing_only_leaves_out_nodes_without_the_startup_taint() -> None:
    assert chosen("missing_only", node("new", taints=[startup()]), node("old"), release_taint=STARTUP) == ["new"]


def proved(name: str, reason: str = "GPUsProved", status: str = "True", **more: Any) -> Object:
    made = node(name, **more)
    made["status"]["conditions"] = [{"type": CONDITION, "status": status, "reason": reason}]
    return made


def test_missing_only_leaves_out_nodes_whose_condition_says_that_they_were_proved() -> None:
    nodes = [proved("old"), proved("unproved", "GPUsReady"), proved("failed", "SMOKE_FAILED", "False"), node("new")]
    assert chosen("missing_only", *nodes, condition=CONDITION) == ["failed", "new", "unproved"]


def test_missing_only_takes_both_marks_to_leave_a_node_out() -> None:
    nodes = [proved("tainted", taints=[startup()]), proved("old"), node("bare")]
    assert chosen("missing_only", *nodes, release_taint=STARTUP, condition=CONDITION) == ["bare", "tainted"]


def pod(of: Object, **smoke: Any) -> Object:
    return smoke_pods.pod(of, parse({"mode": "all", "image": IMAGE, **smoke}), "run1", "gpu-smoke-run1-1")


def test_a_pod_takes_every_gpu_through_the_scheduler_and_nothing_restarts_it() -> None:
    made = pod(node())
    spec = made["spec"]
    assert "nodeName" not in spec
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "4"}
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 300
    assert made["metadata"]["labels"][smoke_pods.RUN_LABEL] == "run1"
    assert "ownerReferences" not in made["metadata"]


@pytest.mark.parametrize(
    ("of", "smoke"),
    [
        (node(), {"gpus": "1"}),
        (node(labels={"nvidia.com/gpu.sharing-strategy": "time-slicing"}), {}),
        (node(labels={"nvidia.com/gpu.replicas": "4"}), {}),
        (node(gpus=0), {}),
    ],
)
def test_a_pod_takes_one_gpu_where_asked_and_where_gpus_are_shared(of: Object, smoke: Object) -> None:
    assert pod(of, **smoke)["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_a_pod_tolerates_what_is_on_the_node_but_no_cordon() -> None:
    pool = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    cordon = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    tolerated = pod(node(taints=[pool, cordon, startup()]))["spec"]["tolerations"]
    assert [(entry["key"], entry["value"], entry["effect"]) for entry in tolerated] == [
        ("nvidia.com/gpu", "true", "NoSchedule"),
        (STARTUP.key, "", "NoSchedule"),
    ]


def test_a_pod_has_what_the_options_add() -> None:
    spec = pod(
        node(),
        service_account="prover",
        runtime_class="nvidia",
        priority_class="quiet",
        pull_secrets=["registry"],
        resources={"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
        command=["nvidia-smi", "-L"],
    )["spec"]
    assert spec["serviceAccountName"] == "prover"
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["priorityClassName"] == "quiet"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    container = spec["containers"][0]
    assert container["command"] == ["nvidia-smi", "-L"]
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "4"},
    }


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def leftover(run: str, on: str, age: float = 0) -> Object:
    created = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {
            "name": f"{run}-{on}",
            "labels": {smoke_pods.RUN_LABEL: run},
            "annotations": {smoke_pods.NODE_ANNOTATION: on},
            "creationTimestamp": created,
        },
        "spec": {"activeDeadlineSeconds": 330},
    }


def test_pods_of_the_same_nodes_and_pods_past_their_time_are_left_behind() -> None:
    pods = [leftover("old", "n1"), leftover("old", "n2"), leftover("old", "n3", 361), leftover("now", "n1", 999)]
    found = smoke_pods.left_behind(pods, "now", ["n1"], NOW)
    assert [one["metadata"]["name"] for one in found] == ["old-n1", "old-n3"]


def test_the_options_have_the_documented_defaults() -> None:
    assert parse(None) == SmokeOptions()
    assert parse({"mode": None, "image": None}) == SmokeOptions()


@pytest.mark.parametrize(
    ("smoke", "words"),
    [
        ({"mode": "some"}, "smoke.mode is 'some'"),
        ({"mode": "sample:0"}, "smoke.mode is 'sample:0'"),
        ({"mode": "all"}, "smoke.image is missing"),
        ({"mode": "all", "image": "vectoradd:1"}, "has no digest"),
        ({"mode": "missing_only", "image": IMAGE}, "nothing tells which nodes have passed"),
        ({"parallelism": 0}, "smoke.parallelism is 0"),
        ({"timeout": 0}, "smoke.timeout is 0"),
        ({"gpus": "2"}, "smoke.gpus is '2'"),
        ({"busy": "push"}, "smoke.busy is 'push'"),
        ({"cleanup": "never"}, "smoke.cleanup is 'never'"),
        ({"namespace": "No Name"}, "smoke.namespace is 'No Name'"),
        ({"resources": {"requests": "1"}}, "smoke.resources is not like"),
        ({"resources": {"claims": {}}}, "smoke.resources has 'claims'"),
        ({"resources": {"limits": {"nvidia.com/gpu": 1}}}, "smoke.resources has nvidia.com/gpu"),
    ],
)
def test_a_wrong_option_is_named(smoke: Object, words: str) -> None:
    with pytest.raises(SmokeOptionsError) as refusal:
        parse(smoke)
    assert words in str(refusal.value)


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(SmokeOptionsError) as refusal:
        parse({"mode": "all", "image": "x", "parallelism": 0, "busy": "push"})
    for word in ("smoke.image", "smoke.parallelism", "smoke.busy"):
        assert word in str(refusal.value)


def test_a_tag_is_taken_where_it_is_allowed() -> None:
    assert parse({"mode": "all", "image": "vectoradd:1", "allow_tag": True}).image == "vectoradd:1"
