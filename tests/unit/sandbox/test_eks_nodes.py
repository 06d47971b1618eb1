# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated Node of an instance, and what corrects it, on plain data."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sandbox.eks import nodes
from sandbox.eks.account import instance_type
from sandbox.eks.store import Cluster, Instance, NodeGroup

CLUSTER = Cluster("1", "ap-northeast-2", {"name": "prod"})
INSTANCE = Instance(
    "i-0abc", "ap-northeast-2c", "subnet-1", "10.0.1.17", "g4dn.xlarge", "1.35", "1.35.5-1", launched_at=0.0
)


def group(**changes: Any) -> NodeGroup:
    view = {
        "nodegroupName": "ai-inference",
        "labels": {"role": "ai-inference"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "capacityType": "SPOT",
        "amiType": "AL2023_x86_64_NVIDIA",
        "diskSize": 100,
    }
    return NodeGroup(view | changes)


@pytest.mark.parametrize(
    ("name", "cpu", "kept_memory", "pods", "architecture", "gpus"),
    [
        ("t3.medium", ("2", "1930m"), 255 + 11 * 17 + 100, "17", "amd64", 0),
        ("c5.2xlarge", ("8", "7910m"), 255 + 11 * 58 + 100, "58", "amd64", 0),
        ("m7g.large", ("2", "1930m"), 255 + 11 * 29 + 100, "29", "arm64", 0),
        ("g4dn.12xlarge", ("48", "47810m"), 255 + 11 * 234 + 100, "234", "amd64", 4),
        ("p5.48xlarge", ("192", "191450m"), 255 + 11 * 250 + 100, "250", "amd64", 8),
    ],
)
def test_an_instance_has_what_ec2_says_but_the_share_of_the_kubelet(
    name: str, cpu: tuple[str, str], kept_memory: int, pods: str, architecture: str, gpus: int
) -> None:
    kind = instance_type(name)
    assert kind is not None
    capacity, allocatable = nodes.resources(kind, 20)
    memory, left = (int(amounts["memory"].removesuffix("Ki")) // 1024 for amounts in (capacity, allocatable))
    assert ((capacity["cpu"], allocatable["cpu"]), memory - left) == (cpu, kept_memory)
    assert (capacity["pods"], kind.architecture, kind.gpus) == (pods, architecture, gpus)
    assert (capacity["ephemeral-storage"], allocatable["ephemeral-storage"]) == ("20971520Ki", "17825792Ki")


def test_a_node_looks_like_one_of_eks() -> None:
    node = nodes.manifest(CLUSTER, group(), INSTANCE)
    assert node["metadata"]["name"] == "ip-10-0-1-17.ap-northeast-2.compute.internal"
    assert node["spec"]["providerID"] == "aws:///ap-northeast-2c/i-0abc"
    assert node["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
    labels = node["metadata"]["labels"]
    assert labels["eks.amazonaws.com/capacityType"] == "SPOT"
    assert labels["nvidia.com/gpu.present"] == "true"
    assert nodes.GPU not in node["status"]["capacity"]
    assert nodes.instance_of(node) == "i-0abc"
    assert nodes.node_name(Cluster("1", "us-east-1", {}), INSTANCE) == "ip-10-0-1-17.ec2.internal"


def corrected(node: dict[str, Any], changed: NodeGroup) -> dict[str, Any]:
    """The Node after its correction, by the rules of a JSON merge patch."""
    patch = nodes.correction(node, nodes.wanted_labels(CLUSTER, changed, INSTANCE), nodes.wanted_taints(changed))
    assert patch is not None
    after = copy.deepcopy(node)
    after["metadata"]["annotations"].update(patch["metadata"]["annotations"])
    after["spec"].update(patch.get("spec", {}))
    for key, value in patch["metadata"]["labels"].items():
        if value is None:
            del after["metadata"]["labels"][key]
        else:
            after["metadata"]["labels"][key] = value
    return after


def test_a_node_as_its_group_wants_it_is_left_alone() -> None:
    node = nodes.manifest(CLUSTER, group(), INSTANCE)
    wanted = nodes.wanted_labels(CLUSTER, group(), INSTANCE), nodes.wanted_taints(group())
    assert nodes.correction(node, *wanted) is None
    node["metadata"]["labels"]["theirs"] = "x"
    node["spec"]["taints"].append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    assert nodes.correction(node, *wanted) is None


def test_a_changed_group_changes_what_is_its_own_only() -> None:
    node = nodes.manifest(CLUSTER, group(labels={"role": "x", "old": "1"}), INSTANCE)
    theirs = {"key": "theirs", "value": "", "effect": "NoExecute"}
    node["metadata"]["labels"]["theirs"] = "x"
    node["spec"]["taints"].append(theirs)
    changed = group(labels={"role": "y"}, taints=[{"key": "fresh", "effect": "PREFER_NO_SCHEDULE"}])
    after = corrected(node, changed)
    labels = after["metadata"]["labels"]
    assert (labels["role"], labels["theirs"], "old" in labels) == ("y", "x", False)
    assert after["spec"]["taints"] == [theirs, {"key": "fresh", "value": "", "effect": "PreferNoSchedule"}]
    wanted = nodes.wanted_labels(CLUSTER, changed, INSTANCE), nodes.wanted_taints(changed)
    assert nodes.correction(after, *wanted) is None


def test_a_label_taken_away_by_hand_comes_back() -> None:
    node = nodes.manifest(CLUSTER, group(), INSTANCE)
    del node["metadata"]["labels"]["role"]
    assert corrected(node, group())["metadata"]["labels"]["role"] == "ai-inference"


def test_a_taint_taken_away_by_hand_stays_away_until_the_group_changes_it() -> None:
    node = nodes.manifest(CLUSTER, group(), INSTANCE)
    node["spec"]["taints"] = []
    wanted = nodes.wanted_labels(CLUSTER, group(), INSTANCE), nodes.wanted_taints(group())
    assert nodes.correction(node, *wanted) is None
    changed = group(taints=[{"key": "nvidia.com/gpu", "value": "other", "effect": "NO_SCHEDULE"}])
    assert corrected(node, changed)["spec"]["taints"] == nodes.wanted_taints(changed)


def test_gpus_are_absent_then_there_then_none() -> None:
    node = nodes.manifest(CLUSTER, group(), INSTANCE)
    assert nodes.gpu_correction(node, 0, 0) is None
    patch = nodes.gpu_correction(node, 4, 4)
    assert patch == {"status": {"capacity": {nodes.GPU: "4"}, "allocatable": {nodes.GPU: "4"}}}
    for part, values in patch["status"].items():
        node["status"][part].update(values)
    assert nodes.gpu_correction(node, 4, 4) is None
    unhealthy = nodes.gpu_correction(node, 4, 3)
    assert unhealthy == {"status": {"capacity": {nodes.GPU: "4"}, "allocatable": {nodes.GPU: "3"}}}
    assert nodes.gpu_correction(node, 0, 0) == {
        "status": {"capacity": {nodes.GPU: "0"}, "allocatable": {nodes.GPU: "0"}}
    }
