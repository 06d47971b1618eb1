# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One GPU node: every reason from plain objects of the API and options as users write them, and what gives none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import NodeReport, evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import CODES, OF_A_NODE, ORDER

from tests.support.gpu import (
    NOW,
    Object,
    ago,
    condition,
    daemon_set,
    deleting,
    node,
    plugin,
    resource_slice,
    settings,
)

MIG_1G = "nvidia.com/mig-1g.5gb"
MIG_3G = "nvidia.com/mig-3g.20gb"
A100 = "p4d.24xlarge"
EXISTS = {"operator": "Exists"}
NMA = "AcceleratedHardwareReady"
POOL_TAINT = "nvidia.com/gpu=true:NoSchedule"


def report(one: Object, around: Mapping[str, Any] | None = None, **options: Any) -> NodeReport:
    """What is found out about a node, with what is C(around) it and these options."""
    return evaluate(one, Context(**{"now": NOW, **(around or {})}), settings(**options).config)


def codes(found: NodeReport) -> list[str]:
    return [reason.code for reason in found.reasons]


def case(about: str, expected: str, one: Object, around: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """A node with what is around it and what is asked, and the codes that come of it."""
    return pytest.param(expected.split(), one, around, options, id=about)


def offering(capacity: int, allocatable: int | None = None, on: str = "g4dn.xlarge", **options: Any) -> Object:
    """A node with so many GPUs, all healthy if C(allocatable) does not say otherwise."""
    healthy = capacity if allocatable is None else allocatable
    return node(capacity=capacity, allocatable=healthy, instance_type=on, **options)


def bare(**options: Any) -> Object:
    """A node that does not know nvidia.com/gpu."""
    return node(capacity=None, allocatable=None, **options)


def nvidia(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {f"nvidia.com/{key}": value for key, value in (labels or {}).items()}


def labelled(labels: Mapping[str, str]) -> Object:
    """A sound node with labels nvidia.com/…"""
    return node(labels=nvidia(labels))


def product(name: str) -> Object:
    return labelled({"gpu.product": name})


def shared(replicas: str) -> dict[str, str]:
    return nvidia({"gpu.replicas": replicas})


def mig(capacity: int | None = None, *, labels: Mapping[str, str] | None = None, **options: Any) -> Object:
    """A p4d.24xlarge node of MIG."""
    return node(capacity=capacity, allocatable=capacity, labels=nvidia(labels), instance_type=A100, **options)


def agents(*conditions: Object) -> Object:
    return node(conditions=list(conditions))


def dra(*slices: Object) -> dict[str, Any]:
    return {"resource_slices": list(slices)}


def typed(devices: int, type_: str, *, key: str = "type", **options: Any) -> Object:
    """A ResourceSlice of devices of a type."""
    return resource_slice(devices, attributes={key: {"string": type_}}, **options)


CILIUM = node(taints=["node.cilium.io/agent-not-ready:NoExecute"])

KUBELET = [
    case("the kubelet says no", "NOT_READY", node(ready="False")),
    case("the kubelet is silent", "NOT_READY", node(ready="Unknown")),
    case("cordoned", "CORDONED", node(unschedulable=True)),
    case(
        "the cordon's own taint adds nothing",
        "CORDONED",
        node(taints=["node.kubernetes.io/unschedulable"], unschedulable=True),
    ),
    case("disk pressure", "TAINTED", node(taints=["node.kubernetes.io/disk-pressure"])),
    case("Karpenter's disruption", "TAINTED", node(taints=["karpenter.sh/disrupted"])),
    case("Karpenter's until 0.37", "TAINTED", node(taints=["karpenter.sh/disruption=disrupting:NoSchedule"])),
    case("old name", "STARTUP_TAINT", node(taints=["ignore-taint.cluster-autoscaler.kubernetes.io/x"])),
    case("spot interruption", "TAINTED", node(taints=["aws-node-termination-handler/spot-itn"])),
    case("storage agent not there", "STARTUP_TAINT", node(taints=["ebs.csi.aws.com/agent-not-ready"])),
    case("node readiness controller", "STARTUP_TAINT", node(taints=["readiness.k8s.io/network"])),
    case("Karpenter's unregistered", "STARTUP_TAINT", node(taints=["karpenter.sh/unregistered:NoExecute"])),
    case("the pool's taint is expected, others are not ours", "", node(taints=[POOL_TAINT, "team"])),
    case("NotReady is said once", "NOT_READY", node(taints=["node.kubernetes.io/not-ready"], ready="False")),
    case("a taint that lags behind", "TAINTED", node(taints=["node.kubernetes.io/not-ready"])),
    case("an own startup taint", "STARTUP_TAINT", node(taints=["warmup"]), startup_taints=["warmup"]),
    case("an ignored taint", "", CILIUM, ignore_taints=["node.cilium.io/*"]),
    case(
        "the wrong effect is not ignored",
        "STARTUP_TAINT",
        CILIUM,
        ignore_taints=["node.cilium.io/agent-not-ready:NoSchedule"],
    ),
    case("expected and there", "", node(taints=[POOL_TAINT]), expected_taints=["nvidia.com/gpu"]),
    case(
        "expected, and the node lets all pods in",
        "EXPECTED_TAINT_MISSING",
        node(taints=["nvidia.com/gpu=other"]),
        expected_taints=[POOL_TAINT],
    ),
    case("Karpenter is not done", "KARPENTER_NOT_INITIALIZED", node(labels={"karpenter.sh/nodepool": "gpu"})),
    case("an older one neither", "KARPENTER_NOT_INITIALIZED", node(labels={"karpenter.sh/provisioner-name": "gpu"})),
    case("Karpenter is done", "", node(labels={"karpenter.sh/nodepool": "gpu", "karpenter.sh/initialized": "true"})),
    case("a lease that is fresh", "", node(), {"lease": {"spec": {"renewTime": ago(9)[:-1] + ".123456Z"}}}),
    case("a lease that is old", "LEASE_STALE", node(), {"lease": {"spec": {"renewTime": ago(51)}}}),
    case("a lease nobody has renewed yet", "", node(), {"lease": {"spec": {}}}),
]

DRIVER = [
    case("a card", "", labelled({"gpu.present": "true"})),
    case("no card any more", "HARDWARE_NOT_FOUND", labelled({"gpu.present": "false"})),
    case(
        "discovery saw no driver: image and driver do not match",
        "DRIVER_LABELS_MISSING NOT_ADVERTISED",
        bare(labels={"nvidia.com/gfd.timestamp": "1"}),
        {"plugin_pods": [plugin()]},
    ),
    case("no labels, and a version is asked", "DRIVER_LABELS_MISSING", node(), min_driver_version="570"),
    case(
        "new enough",
        "",
        labelled({"cuda.driver-version.full": "570.86.15", "cuda.runtime-version.full": "12.8"}),
        min_driver_version="570.86",
        min_cuda_version="12.8",
    ),
    case(
        "too old, and 9 is not above 10",
        "DRIVER_TOO_OLD CUDA_TOO_OLD",
        labelled({"cuda.driver-version.full": "570.9.15", "cuda.runtime-version.full": "12.8"}),
        min_driver_version="570.10",
        min_cuda_version="13",
    ),
    case(
        "the labels of older releases",
        "DRIVER_TOO_OLD",
        labelled({"cuda.driver.major": "535", "cuda.driver.minor": "183", "cuda.driver.rev": "01"}),
        min_driver_version="550",
    ),
    case("upgrade done", "", labelled({"gpu-driver-upgrade-state": "upgrade-done"})),
    case("upgrade under way", "DRIVER_UPGRADING", labelled({"gpu-driver-upgrade-state": "pod-restart-required"})),
    case("upgrade failed", "DRIVER_UPGRADE_FAILED", labelled({"gpu-driver-upgrade-state": "upgrade-failed"})),
    case("driver pod", "DRIVER_POD_NOT_READY", node(), {"driver_pods": [plugin(ready=False)]}),
    case("driver pod is ready", "", node(), {"driver_pods": [plugin()]}),
]

TARGETED: Object = {"daemon_sets": [daemon_set(tolerations=[EXISTS])]}
REPELLED: Object = {"daemon_sets": [daemon_set()]}
REQUIRED, SKIPPED = {"mode": "required"}, {"mode": "skip"}
NETWORK_AGENT = daemon_set("aws-node", labels={"k8s-app": "aws-node"}, hostNetwork=True)
TAINTED = bare(taints=[POOL_TAINT])

DEVICE_PLUGIN = [
    case("never installed", "PLUGIN_POD_MISSING", bare()),
    case("not started yet on this node", "PLUGIN_POD_MISSING", bare(), TARGETED),
    case("starting", "PLUGIN_POD_NOT_READY", bare(), {"plugin_pods": [plugin(ready=False)], **TARGETED}),
    case("started, not registered", "NOT_ADVERTISED", bare(), {"plugin_pods": [plugin()], **TARGETED}),
    case("an update left two pods", "", node(), {"plugin_pods": [plugin(ready=False), plugin()], **TARGETED}),
    case("repelled by the pool's taint", "PLUGIN_REPELLED", TAINTED, REPELLED),
    case("tolerated", "PLUGIN_POD_MISSING", TAINTED, TARGETED),
    case("a taint that no DaemonSet minds", "", node(taints=["team:PreferNoSchedule"])),
    case("gone although the GPUs are still there", "PLUGIN_POD_MISSING", node(), TARGETED),
    case("the DaemonSet is for other nodes", "", node(), {"daemon_sets": [daemon_set(nodeSelector={"arch": "arm"})]}),
    case("Bottlerocket has it built in", "NOT_ADVERTISED", bare(os_image="Bottlerocket OS 1.50.0 (aws-k8s-nvidia)")),
    case("Bottlerocket, all well", "", node(os_image="Bottlerocket OS 1.50.0"), {"daemon_sets": []}),
    case("EKS Auto Mode has it built in", "NOT_ADVERTISED", bare(labels={"eks.amazonaws.com/compute-type": "auto"})),
    case("required, built in or not", "PLUGIN_POD_MISSING", node(os_image="Bottlerocket"), device_plugin=REQUIRED),
    case("required and there", "", node(), {"plugin_pods": [plugin()]}, device_plugin=REQUIRED),
    case("skipped", "", node(), {"plugin_pods": [plugin(ready=False)], **TARGETED}, device_plugin=SKIPPED),
    case("skipped, and not registered", "NOT_ADVERTISED", bare(), TARGETED, device_plugin=SKIPPED),
    case("pods that may not be read say nothing", "NOT_ADVERTISED", bare(), {"pods_read": False}),
    case("in another namespace", "PLUGIN_POD_MISSING", TAINTED, REPELLED, device_plugin={"namespace": "gpu-operator"}),
    case(
        "one of two installations tolerates the node",
        "PLUGIN_POD_MISSING",
        TAINTED,
        {"daemon_sets": [daemon_set("old"), daemon_set(tolerations=[EXISTS])]},
    ),
    case(
        "the plugin is no agent",
        "NOT_READY PLUGIN_REPELLED",
        bare(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [daemon_set(hostNetwork=True)]},
    ),
    case(
        "the network agent is repelled too: a deadlock",
        "NOT_READY AGENT_REPELLED PLUGIN_REPELLED",
        bare(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [NETWORK_AGENT, daemon_set()]},
    ),
    case(
        "an agent that starts after the network may be repelled",
        "NOT_READY",
        node(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [daemon_set("logs", labels={"app": "logs"})]},
    ),
]

AMOUNT = [
    case("all well", "", node()),
    case("plugin runs and has zeroed", "ALLOC_ZERO_PLUGIN_RUNNING", offering(0), {"plugin_pods": [plugin()]}),
    case("plugin is gone", "ALLOC_ZERO", offering(0)),
    case("16 known, none healthy", "ALL_UNHEALTHY", offering(8, 0, on=A100)),
    case("7 of 8 healthy", "PARTIAL_UNHEALTHY", offering(8, 7, on=A100)),
    case("3 of 4 came up at boot, no XID", "COUNT_BELOW_TYPE", offering(3, on="g6.12xlarge")),
    case("one missing and one unhealthy", "PARTIAL_UNHEALTHY COUNT_BELOW_TYPE", offering(7, 6, on=A100)),
    case("more than the type has", "COUNT_ABOVE_TYPE", offering(2)),
    case("time slicing by 4", "", offering(4, labels=shared("4"))),
    case(
        "time slicing by 4 of 3 where 4 cards are",
        "COUNT_BELOW_TYPE",
        offering(12, on="g5.12xlarge", labels=shared("4")),
    ),
    case("a label that is no number", "COUNT_ABOVE_TYPE", offering(4, labels=shared("no"))),
    case(
        "renamed while shared",
        "",
        bare(resources={"nvidia.com/gpu.shared": 4}, labels=shared("4")),
        gpu_resource="nvidia.com/gpu.shared",
    ),
    case("a number is given", "", offering(2), expected_gpus="2"),
    case("a number is given and not there", "COUNT_BELOW_TYPE", node(), expected_gpus="2"),
    case("nobody asks", "", offering(3, on="g5.12xlarge"), expected_gpus="skip"),
    case("no GPU in it", "TYPE_WITHOUT_GPU", bare(instance_type="c5.2xlarge")),
    case("an unknown type takes any number", "", offering(5, on="x9.huge")),
    case("but not none", "PLUGIN_POD_MISSING", bare(instance_type="x9.huge")),
    case("a fraction of a GPU is not counted", "", node(instance_type="g6f.xlarge")),
    case(
        "Karpenter knows the type",
        "COUNT_BELOW_TYPE",
        node(instance_type="x9.huge", labels={"karpenter.k8s.aws/instance-gpu-count": "2"}),
    ),
    case("several at once, from the ground up", "CORDONED ALL_UNHEALTHY", node(allocatable=0, unschedulable=True)),
    case("a reason that is not counted", "", node(allocatable=0), ignore_reasons=["ALL_UNHEALTHY"]),
]

IDENTITY = [
    case("the product, whatever its case", "", product("Tesla-T4"), expected_product="TESLA-T4"),
    case("written with spaces", "", product("NVIDIA-A10G"), expected_product="NVIDIA A10G"),
    case("shared", "", product("NVIDIA-A10G-SHARED"), expected_product="NVIDIA-A10G"),
    case("partitioned", "", product("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"), expected_product="NVIDIA-A100-SXM4-40GB"),
    case("a regular expression", "", product("NVIDIA-A100-SXM4-80GB"), expected_product="~nvidia-a100-.*"),
    case(
        "a regular expression matches the whole",
        "PRODUCT_MISMATCH",
        product("NVIDIA-A100-PCIE"),
        expected_product="~NVIDIA-A100",
    ),
    case("another one", "PRODUCT_MISMATCH", product("NVIDIA-L4"), expected_product="NVIDIA-L40S"),
    case("discovery restarts", "PRODUCT_UNKNOWN", node(), expected_product="NVIDIA-L4"),
]

SINGLE = {"mig.strategy": "single", "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count": "56"}
UNLIKE = {"mig.strategy": "single", "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID", "gpu.count": "0"}
MIXED = {"mig.strategy": "mixed", "gpu.product": "NVIDIA-A100-SXM4-40GB"}
MIXED_PROFILES = mig(labels=MIXED, resources={MIG_1G: 28, MIG_3G: 8})

MIG = [
    case("single: 8 GPUs become 56", "", mig(56, labels=SINGLE)),
    case("single, by mig_profiles", "", mig(56, labels=SINGLE), mig_strategy="single", mig_profiles={"1g.5gb": 56}),
    case("single, and some are missing", "MIG_PROFILE_MISMATCH", mig(49, labels=SINGLE), mig_profiles={"1g.5gb": 56}),
    case(
        "single, other partitions",
        "MIG_PROFILE_MISMATCH",
        mig(56, labels=SINGLE),
        expected_gpus="skip",
        mig_profiles={"2g.10gb": None},
    ),
    case("single, and they are not alike", "ALLOC_ZERO MIG_INVALID", mig(0, labels=UNLIKE)),
    case("mixed, found by its label", "", mig(0, labels=MIXED, resources={MIG_1G: 28, MIG_3G: 8})),
    case(
        "mixed, by the labels of the counts",
        "MIG_PROFILE_MISMATCH",
        mig(labels={**MIXED, "mig-1g.5gb.count": "56"}, resources={MIG_1G: 55}),
    ),
    case(
        "mixed and shared",
        "",
        mig(labels={**MIXED, "mig-1g.5gb.count": "7", "mig-1g.5gb.replicas": "2"}, resources={MIG_1G: 14}),
    ),
    case(
        "mixed, by mig_profiles", "", MIXED_PROFILES, mig_strategy="mixed", mig_profiles={"1g.5gb": 28, "3g.20gb": None}
    ),
    case("mixed, and not partitioned at all", "", mig(8, labels=MIXED)),
    case(
        "mixed, a profile too many",
        "MIG_PROFILE_MISMATCH",
        MIXED_PROFILES,
        mig_strategy="mixed",
        mig_profiles={"1g.5gb": 28},
    ),
    case(
        "mixed, a profile not there yet",
        "PLUGIN_POD_MISSING MIG_PROFILE_MISMATCH",
        mig(labels=MIXED, resources={MIG_1G: 28}),
        mig_strategy="mixed",
        mig_profiles={"1g.5gb": 28, "3g.20gb": 8},
    ),
    case("another strategy", "MIG_STRATEGY_MISMATCH", mig(56, labels=SINGLE), mig_strategy="mixed"),
    case(
        "not alike, and a profile is asked for",
        "ALLOC_ZERO MIG_INVALID",
        mig(0, labels=UNLIKE),
        mig_profiles={"1g.5gb": 56},
    ),
    case(
        "a shared profile by its resource",
        "MIG_PROFILE_MISMATCH",
        mig(labels={"mig-1g.5gb.count": "7", "mig-1g.5gb.replicas": "2"}, resources={f"{MIG_1G}.shared": 13}),
        gpu_resource=f"{MIG_1G}.shared",
    ),
    case("one profile by its resource", "", mig(resources={MIG_1G: 7}), gpu_resource=MIG_1G, expected_gpus="7"),
    case("done", "", mig(8, labels={"mig.config": "all-disabled", "mig.config.state": "success"})),
    case("under way", "MIG_PENDING", mig(8, labels={"mig.config": "all-1g.5gb", "mig.config.state": "pending"})),
    case("restarting the node", "MIG_PENDING", mig(8, labels={"mig.config.state": "rebooting"})),
    case("not begun", "MIG_PENDING", mig(8, labels={"mig.config": "all-1g.5gb"})),
    case("failed", "MIG_FAILED", mig(8, labels={"mig.config": "all-1g.5gb", "mig.config.state": "failed"})),
]

CUSTOM = {"require": [{"type": "Custom"}]}

CONDITIONS = [
    case("EKS: True is good", "", agents(condition(NMA, "True"))),
    case("EKS: False is bad", "CONDITION_BAD", agents(condition(NMA, "False", reason="NvidiaXID79Error"))),
    case("EKS: Unknown is not good", "CONDITION_BAD", agents(condition("KernelReady", "Unknown"))),
    case("problem detector: False is good", "", agents(condition("KernelDeadlock", "False"))),
    case("problem detector: True is bad", "CONDITION_BAD", agents(condition("KernelDeadlock", "True"))),
    case("NVSentinel: True is bad", "CONDITION_BAD", agents(condition("SysLogsGPUFallenOff", "True"))),
    case("NVSentinel: Unknown is not bad", "", agents(condition("SysLogsXIDError", "Unknown"))),
    case("quarantined", "CORDONED QUARANTINED", node(unschedulable=True, annotations={"quarantineHealthEvent": "{}"})),
    case(
        "taken back by hand",
        "",
        node(annotations={"quarantineHealthEvent": "{}", "quarantinedNodeUncordonedManually": "True"}),
    ),
    case("True right after boot proves nothing", "CONDITION_TOO_YOUNG", agents(condition(NMA, "True", age=59))),
    case("old enough to the second", "", agents(condition(NMA, "True", age=60))),
    case("bad is bad however young", "CONDITION_BAD", agents(condition(NMA, "False", age=1))),
    case("no time says nothing", "", agents({"type": NMA, "status": "True"})),
    case("a condition of nobody's preset", "", agents(condition("Custom", "False"))),
    case("stuck for ever, so left out", "", agents(condition(NMA, "False")), conditions={"ignore": [NMA]}),
    case("required and good", "", agents(condition("Custom", "True")), conditions=CUSTOM),
    case("required and bad", "CONDITION_BAD", agents(condition("Custom", "False")), conditions=CUSTOM),
    case(
        "forbidden and so",
        "CONDITION_BAD",
        agents(condition("Custom", "False")),
        conditions={"forbid": [{"type": "Custom", "status": "False"}]},
    ),
    case(
        "what the task says comes before the preset",
        "",
        agents(condition("KernelDeadlock", "True")),
        conditions={"require": [{"type": "KernelDeadlock", "status": "True"}]},
    ),
    case("required and missing", "CONDITION_MISSING", node(), conditions=CUSTOM),
    case("NVSwitch", "FABRIC_NOT_READY", agents(condition(NMA, "False", reason="FabricManagerNotRunning"))),
    case("the fabric", "FABRIC_NOT_READY", agents(condition(NMA, "False", reason="NvidiaFabricError"))),
]

EIGHT = bare(instance_type=A100)
BROKEN: Object = {"taints": [{"key": "gpu.nvidia.com/xid", "effect": "NoSchedule"}]}
A100_CARDS = resource_slice(
    8,
    attributes={"productName": {"string": "NVIDIA A100-SXM4-40GB"}, "driverVersion": {"version": "550.1.0"}},
)

DRA = [
    case("all well, found by itself", "", EIGHT, dra(resource_slice(8))),
    case("all well, asked for", "", EIGHT, dra(resource_slice(8)), mode="dra"),
    case("no slices yet", "SLICES_MISSING", EIGHT, dra(), mode="dra"),
    case("slices that were not read", "SLICES_MISSING", EIGHT, mode="dra"),
    case("slices of another driver", "SLICES_MISSING", EIGHT, dra(resource_slice(8, driver="efa")), mode="dra"),
    case("half told", "SLICES_INCOMPLETE", EIGHT, dra(resource_slice(4, slices=2)), mode="dra"),
    case("in two slices", "", EIGHT, dra(resource_slice(4, slices=2), resource_slice(4, slices=2)), mode="dra"),
    case(
        "two generations: the newer counts",
        "COUNT_BELOW_TYPE",
        EIGHT,
        dra(resource_slice(8), resource_slice(7, generation=2)),
        mode="dra",
    ),
    case(
        "two generations: the newer is half told",
        "",
        EIGHT,
        dra(resource_slice(8), resource_slice(4, generation=2, slices=2)),
        mode="dra",
    ),
    case("all devices tainted", "ALL_UNHEALTHY", EIGHT, dra(resource_slice(8, **BROKEN)), mode="dra"),
    case(
        "one device of two pools tainted",
        "PARTIAL_UNHEALTHY",
        node(capacity=None, allocatable=None, instance_type="g7e.12xlarge"),
        dra(resource_slice(1), resource_slice(1, on="other", **BROKEN)),
        mode="dra",
    ),
    case("pass-through counts once", "", EIGHT, dra(resource_slice(8, slices=2), typed(8, "vfio", slices=2))),
    case("and is no GPU", "COUNT_BELOW_TYPE", EIGHT, dra(resource_slice(7, slices=2), typed(1, "vfio", slices=2))),
    case("and alone is none", "SLICES_MISSING", EIGHT, dra(typed(8, "vfio")), mode="dra"),
    case(
        "partitions on demand are no cards",
        "",
        EIGHT,
        dra(resource_slice(8, slices=2), typed(56, "mig", slices=2, consumesCounters=[{"counterSet": "gpu-0"}])),
    ),
    case("partitions beside cards", "", EIGHT, dra(resource_slice(7, slices=2), typed(7, "mig", slices=2))),
    case("a qualified type", "SLICES_MISSING", EIGHT, dra(typed(8, "vfio", key="gpu.nvidia.com/type")), mode="dra"),
    case("of v1beta1", "ALL_UNHEALTHY", EIGHT, dra(resource_slice(8, basic=BROKEN)), mode="dra"),
    case("a number is given", "COUNT_BELOW_TYPE", EIGHT, dra(resource_slice(8)), expected_gpus="9"),
    case("nobody asks", "", EIGHT, dra(resource_slice(2)), expected_gpus="skip"),
    case("partitions are not counted", "", EIGHT, dra(typed(20, "mig")), mode="dra"),
    case(
        "the product and the versions are the devices'",
        "DRIVER_TOO_OLD",
        EIGHT,
        dra(A100_CARDS),
        expected_product="NVIDIA A100-SXM4-40GB",
        min_driver_version="570",
    ),
    case("the resource comes first where both are", "", offering(8, on=A100), dra(resource_slice(2))),
    case("and is asked for", "PLUGIN_POD_MISSING", EIGHT, dra(resource_slice(8)), mode="device_plugin"),
]

CASES = [*KUBELET, *DRIVER, *DEVICE_PLUGIN, *AMOUNT, *IDENTITY, *MIG, *CONDITIONS, *DRA]


@pytest.mark.parametrize(("expected", "one", "around", "options"), CASES)
def test_reasons(expected: list[str], one: Object, around: Object | None, options: dict[str, Any]) -> None:
    found = report(one, around, **options)
    assert codes(found) == expected
    assert found.ready == (not expected)
    for reason in found.reasons:
        assert (reason.layer, reason.hint) == (CODES[reason.code].layer, CODES[reason.code].remedy)
        assert reason.message


def test_every_reason_of_the_rules_is_provoked() -> None:
    assert {code for case in CASES for code in case.values[0]} == set(OF_A_NODE)


def test_each_reason_comes_from_the_ground_up() -> None:
    everything = offering(
        0,
        ready="False",
        unschedulable=True,
        taints=["node.cilium.io/agent-not-ready"],
        labels={"nvidia.com/mig.config.state": "failed", "nvidia.com/gpu.present": "false"},
        conditions=[condition(NMA, "False")],
    )
    layers = [ORDER[reason.layer] for reason in report(everything).reasons]
    assert layers == sorted(layers)
    assert len(set(layers)) >= 5


def test_a_report_tells_what_the_node_is() -> None:
    labels = {
        "eks.amazonaws.com/nodegroup": "inference",
        "nvidia.com/gpu.product": "Tesla-T4",
        "nvidia.com/cuda.driver-version.full": "570.86.15",
        "nvidia.com/cuda.runtime-version.full": "12.8",
    }
    assert report(node(labels=labels), {"plugin_pods": [plugin()]}) == NodeReport(
        name="n1",
        uid="uid-n1",
        pool="inference",
        instance_type="g4dn.xlarge",
        capacity=1,
        allocatable=1,
        expected=1,
        expected_from="the instance type g4dn.xlarge",
        product="Tesla-T4",
        driver="570.86.15",
        cuda="12.8",
        plugin_pod="plugin",
    )


def test_a_reason_that_is_not_counted_is_told() -> None:
    found = report(node(allocatable=0), ignore_reasons=["ALL_UNHEALTHY"])
    assert [reason.code for reason in found.ignored] == ["ALL_UNHEALTHY"]


def test_a_leaving_node_is_no_part_of_the_set() -> None:
    assert report(deleting()).excluded


def test_a_young_condition_says_when_it_counts() -> None:
    young = agents(condition(NMA, "True", age=50), condition("KernelReady", "True", age=40))
    first = report(young)
    assert first.recheck_at == NOW + 10
    second = report(young, {"now": first.recheck_at})
    assert (codes(second), second.recheck_at) == (["CONDITION_TOO_YOUNG"], NOW + 20)
    last = report(young, {"now": second.recheck_at})
    assert (last.ready, last.recheck_at) == (True, None)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            report(offering(3, on="g6.12xlarge")),
            "3 nvidia.com/gpu where 4 are expected (the instance type g6.12xlarge)",
        ),
        (
            report(TAINTED, REPELLED),
            "the DaemonSet kube-system/nvidia-device-plugin does not tolerate nvidia.com/gpu=true:NoSchedule",
        ),
        (
            report(agents(condition(NMA, "False", reason="NvidiaXID79Error", message="GPU 3"))),
            "AcceleratedHardwareReady is False (NvidiaXID79Error: GPU 3)",
        ),
        (
            report(offering(0, resources={"nvidia.com/gpu.shared": 16})),
            "the node offers no nvidia.com/gpu any more, but 16 nvidia.com/gpu.shared: set gpu_resource to that name",
        ),
    ],
    ids=["how many are missing", "who does not tolerate what", "what an agent says", "shared under another name"],
)
def test_what_the_messages_say(found: NodeReport, message: str) -> None:
    assert [reason.message for reason in found.reasons] == [message]


@pytest.mark.parametrize(
    ("offered", "expected"), [("4000", []), ("4k", []), ("4e3", []), ("3999", ["COUNT_BELOW_TYPE"])]
)
def test_amounts_are_read_as_the_api_server_writes_them(offered: str, expected: list[str]) -> None:
    found = report(node(capacity=offered, allocatable=offered, instance_type="g5.12xlarge", labels=shared("1000")))
    assert (codes(found), found.expected) == (expected, 4000)
