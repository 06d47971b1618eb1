# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes a smoke run chooses, and the pod that it makes for one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import pods as smoke_pods

from tests.support.gpu import NOW, Object, ago, node, settings

IMAGE = f"registry.example.com/vectoradd@sha256:{'0' * 64}"
STARTUP = {"key": "example.com/gpu-starting", "effect": "NoSchedule"}
CONDITION = "example.com/GPUReady"
NEW = node("new", taints=["example.com/gpu-starting"])
OLD = node("old")


def proved(name: str, reason: str = "GPUsProved", status: str = "True", **more: Any) -> Object:
    return node(name, conditions=[{"type": CONDITION, "status": status, "reason": reason}], **more)


def chosen(mode: str, *nodes: Object, seed: str = "1", **options: Any) -> list[str]:
    smoke = settings(smoke={"mode": mode, "image": IMAGE}, **options).smoke
    return [one["metadata"]["name"] for one in smoke_pods.choose(nodes, smoke, seed)]


@pytest.mark.parametrize(
    ("mode", "nodes", "options", "names"),
    [
        ("all", [node("b"), node("a")], {}, ["a", "b"]),
        ("none", [node("a")], {}, []),
        ("sample:3", [node("a")], {}, ["a"]),
        ("missing_only", [NEW, OLD], {"release_taint": STARTUP}, ["new"]),
        (
            "missing_only",
            [proved("old"), proved("ready", "GPUsReady"), proved("failed", "SMOKE_FAILED", "False"), node("bare")],
            {"condition": CONDITION},
            ["bare", "failed", "ready"],
        ),
        (
            "missing_only",
            [proved("tainted", taints=["example.com/gpu-starting"]), proved("old"), node("bare")],
            {"release_taint": STARTUP, "condition": CONDITION},
            ["bare", "tainted"],
        ),
    ],
    ids=["all", "none", "a sample of fewer", "by the taint", "by the condition", "both marks have to say so"],
)
def test_which_nodes_are_proved(mode: str, nodes: list[Object], options: dict[str, Any], names: list[str]) -> None:
    assert chosen(mode, *nodes, **options) == names


def test_a_sample_has_its_size_and_changes_with_the_run() -> None:
    nodes = [node(f"n{number}") for number in range(20)]
    samples = {tuple(chosen("sample:3", *nodes, seed=str(seed))) for seed in range(10)}
    assert {len(sample) for sample in samples} == {3}
    assert len(samples) > 1


def pod(of: Object, **smoke: Any) -> Object:
    options = settings(smoke={"mode": "all", "image": IMAGE, **smoke}).smoke
    return smoke_pods.pod(of, options, "run1", "gpu-smoke-run1-1")


def test_a_pod_takes_every_gpu_through_the_scheduler_and_nothing_restarts_it() -> None:
    made = pod(node(capacity=4, allocatable=4))
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
        ({"capacity": 4, "allocatable": 4}, {"gpus": "1"}),
        ({"capacity": 4, "allocatable": 4, "labels": {"nvidia.com/gpu.sharing-strategy": "time-slicing"}}, {}),
        ({"capacity": 4, "allocatable": 4, "labels": {"nvidia.com/gpu.replicas": "4"}}, {}),
        ({"capacity": 0, "allocatable": 0}, {}),
    ],
)
def test_a_pod_takes_one_gpu_where_asked_and_where_gpus_are_shared(of: Object, smoke: Object) -> None:
    assert pod(node(**of), **smoke)["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_a_pod_tolerates_what_is_on_the_node_but_no_cordon() -> None:
    taints = ["nvidia.com/gpu=true", "node.kubernetes.io/unschedulable", "example.com/gpu-starting:NoExecute"]
    assert pod(node(taints=taints))["spec"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "example.com/gpu-starting", "operator": "Equal", "value": "", "effect": "NoExecute"},
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
    added = {
        "serviceAccountName": "prover",
        "runtimeClassName": "nvidia",
        "priorityClassName": "quiet",
        "imagePullSecrets": [{"name": "registry"}],
    }
    assert spec.items() >= added.items()
    assert not added.keys() & pod(node())["spec"].keys()
    container = spec["containers"][0]
    assert container["command"] == ["nvidia-smi", "-L"]
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
    }


def leftover(run: str, on: str, age: float = 0) -> Object:
    metadata = {
        "name": f"{run}-{on}",
        "labels": {smoke_pods.RUN_LABEL: run},
        "annotations": {smoke_pods.NODE_ANNOTATION: on},
        "creationTimestamp": ago(age),
    }
    return {"metadata": metadata, "spec": {"activeDeadlineSeconds": 330}}


def test_pods_of_the_same_nodes_and_pods_past_their_time_are_left_behind() -> None:
    pods = [leftover("old", "n1"), leftover("old", "n2"), leftover("old", "n3", 361), leftover("now", "n1", 999)]
    found = smoke_pods.left_behind(pods, "now", ["n1"], datetime.fromtimestamp(NOW, UTC))
    assert [one["metadata"]["name"] for one in found] == ["old-n1", "old-n3"]
