# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One GPU node: every reason from plain objects of the API, and what must give no reason."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import (
    ConditionRule,
    Conditions,
    Config,
    DevicePlugin,
    ProductPattern,
    TaintPattern,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.context import Context, Peers
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.node_report import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import CODES, ORDER

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
)

MIG_1G = "nvidia.com/mig-1g.5gb"
MIG_3G = "nvidia.com/mig-3g.20gb"
A100: Object = {"instance_type": "p4d.24xlarge"}
EXISTS = {"operator": "Exists"}
NMA = "AcceleratedHardwareReady"
POOL_TAINT = "nvidia.com/gpu=true:NoSchedule"


class Case(NamedTuple):
    """A node with what is around it and what is asked, and the codes that come of it."""

    about: str
    codes: list[str]
    node: Object
    around: dict[str, Any] = {}
    config: Config = Config()


def bare(**options: Any) -> Object:
    """A node that does not know nvidia.com/gpu."""
    return node(capacity=None, allocatable=None, **options)


def labelled(**labels: str) -> Object:
    """A sound node with labels nvidia.com/…; a double underscore stands for a dot, a single one for a dash."""
    return node(labels={"nvidia.com/" + key.replace("__", ".").replace("_", "-"): labels[key] for key in labels})


def mig(capacity: int | None = None, allocatable: int | None = None, **options: Any) -> Object:
    """A p4d.24xlarge node of MIG."""
    labels = {f"nvidia.com/{key}": value for key, value in options.pop("labels", {}).items()}
    return node(capacity=capacity, allocatable=allocatable, labels=labels, **A100, **options)


def asked(*taints: str) -> tuple[TaintPattern, ...]:
    return tuple(TaintPattern.parse(one) for one in taints)


KUBELET = [
    Case("the kubelet says no", ["NOT_READY"], node(ready="False")),
    Case("the kubelet is silent", ["NOT_READY"], node(ready="Unknown")),
    Case("cordoned", ["CORDONED"], node(unschedulable=True)),
    Case("cordoned, which does not matter", [], node(unschedulable=True), {}, Config(require_schedulable=False)),
    Case(
        "the cordon's own taint adds nothing",
        ["CORDONED"],
        node(taints=["node.kubernetes.io/unschedulable"], unschedulable=True),
    ),
    Case("leaving", ["DELETING"], deleting(), {}, Config(exclude_deleting=False)),
    Case("disk pressure", ["TAINTED"], node(taints=["node.kubernetes.io/disk-pressure"])),
    Case("Karpenter's disruption", ["TAINTED"], node(taints=["karpenter.sh/disrupted"])),
    Case("Karpenter's until 0.37", ["TAINTED"], node(taints=["karpenter.sh/disruption=disrupting:NoSchedule"])),
    Case("old name", ["STARTUP_TAINT"], node(taints=["ignore-taint.cluster-autoscaler.kubernetes.io/x"])),
    Case("spot interruption", ["TAINTED"], node(taints=["aws-node-termination-handler/spot-itn"])),
    Case("storage agent not there", ["STARTUP_TAINT"], node(taints=["ebs.csi.aws.com/agent-not-ready"])),
    Case("node readiness controller", ["STARTUP_TAINT"], node(taints=["readiness.k8s.io/network"])),
    Case("Karpenter's unregistered", ["STARTUP_TAINT"], node(taints=["karpenter.sh/unregistered:NoExecute"])),
    Case("the pool's taint is expected, others are not ours", [], node(taints=[POOL_TAINT, "team"])),
    Case("NotReady is said once", ["NOT_READY"], node(taints=["node.kubernetes.io/not-ready"], ready="False")),
    Case("a taint that lags behind", ["TAINTED"], node(taints=["node.kubernetes.io/not-ready"])),
    Case(
        "an own startup taint", ["STARTUP_TAINT"], node(taints=["warmup"]), {}, Config(startup_taints=asked("warmup"))
    ),
    Case(
        "an ignored taint",
        [],
        node(taints=["node.cilium.io/agent-not-ready:NoExecute"]),
        {},
        Config(ignore_taints=asked("node.cilium.io/*")),
    ),
    Case(
        "the wrong effect is not ignored",
        ["STARTUP_TAINT"],
        node(taints=["node.cilium.io/agent-not-ready:NoExecute"]),
        {},
        Config(ignore_taints=asked("node.cilium.io/agent-not-ready:NoSchedule")),
    ),
    Case("expected and there", [], node(taints=[POOL_TAINT]), {}, Config(expected_taints=asked("nvidia.com/gpu"))),
    Case(
        "expected, and the node lets all pods in",
        ["EXPECTED_TAINT_MISSING"],
        node(taints=["nvidia.com/gpu=other"]),
        {},
        Config(expected_taints=asked(POOL_TAINT)),
    ),
    Case("Karpenter is not done", ["KARPENTER_NOT_INITIALIZED"], node(labels={"karpenter.sh/nodepool": "gpu"})),
    Case("an older one neither", ["KARPENTER_NOT_INITIALIZED"], node(labels={"karpenter.sh/provisioner-name": "gpu"})),
    Case("Karpenter is done", [], node(labels={"karpenter.sh/nodepool": "gpu", "karpenter.sh/initialized": "true"})),
    Case("a lease that is fresh", [], node(), {"lease": {"spec": {"renewTime": ago(9)[:-1] + ".123456Z"}}}),
    Case("a lease that is old", ["LEASE_STALE"], node(), {"lease": {"spec": {"renewTime": ago(51)}}}),
    Case("a lease nobody has renewed yet", [], node(), {"lease": {"spec": {}}}),
]

DRIVER = [
    Case("a card", [], labelled(gpu__present="true")),
    Case("no card any more", ["HARDWARE_NOT_FOUND"], labelled(gpu__present="false")),
    Case("no labels at all say nothing", [], node()),
    Case(
        "discovery saw no driver: image and driver do not match",
        ["DRIVER_LABELS_MISSING", "NOT_ADVERTISED"],
        bare(labels={"nvidia.com/gfd.timestamp": "1"}),
        {"plugin_pods": [plugin()]},
    ),
    Case("no labels, and a version is asked", ["DRIVER_LABELS_MISSING"], node(), {}, Config(min_driver_version=(570,))),
    Case(
        "new enough",
        [],
        labelled(cuda__driver_version__full="570.86.15", cuda__runtime_version__full="12.8"),
        {},
        Config(min_driver_version=(570, 86), min_cuda_version=(12, 8)),
    ),
    Case(
        "too old, and 9 is not above 10",
        ["DRIVER_TOO_OLD", "CUDA_TOO_OLD"],
        labelled(cuda__driver_version__full="570.9.15", cuda__runtime_version__full="12.8"),
        {},
        Config(min_driver_version=(570, 10), min_cuda_version=(13,)),
    ),
    Case(
        "the labels of older releases",
        ["DRIVER_TOO_OLD"],
        labelled(cuda__driver__major="535", cuda__driver__minor="183", cuda__driver__rev="01"),
        {},
        Config(min_driver_version=(550,)),
    ),
    Case("upgrade done", [], labelled(gpu_driver_upgrade_state="upgrade-done")),
    Case("upgrade under way", ["DRIVER_UPGRADING"], labelled(gpu_driver_upgrade_state="pod-restart-required")),
    Case("upgrade failed", ["DRIVER_UPGRADE_FAILED"], labelled(gpu_driver_upgrade_state="upgrade-failed")),
    Case("driver pod", ["DRIVER_POD_NOT_READY"], node(), {"driver_pods": [plugin(ready=False)]}),
    Case("driver pod is ready", [], node(), {"driver_pods": [plugin()]}),
]

TARGETED: Object = {"daemon_sets": [daemon_set(tolerations=[EXISTS])]}
REPELLED: Object = {"daemon_sets": [daemon_set()]}
REQUIRED = Config(device_plugin=DevicePlugin("required"))
SKIPPED = Config(device_plugin=DevicePlugin("skip"))
NETWORK_AGENT = daemon_set("aws-node", labels={"k8s-app": "aws-node"}, hostNetwork=True)

DEVICE_PLUGIN = [
    Case("never installed", ["PLUGIN_POD_MISSING"], bare()),
    Case("not started yet on this node", ["PLUGIN_POD_MISSING"], bare(), TARGETED),
    Case("starting", ["PLUGIN_POD_NOT_READY"], bare(), {"plugin_pods": [plugin(ready=False)], **TARGETED}),
    Case("started, not registered", ["NOT_ADVERTISED"], bare(), {"plugin_pods": [plugin()], **TARGETED}),
    Case("an update left two pods", [], node(), {"plugin_pods": [plugin(ready=False), plugin()], **TARGETED}),
    Case("repelled by the pool's taint", ["PLUGIN_REPELLED"], bare(taints=[POOL_TAINT]), REPELLED),
    Case("tolerated", ["PLUGIN_POD_MISSING"], bare(taints=[POOL_TAINT]), TARGETED),
    Case("a taint that no DaemonSet minds", [], node(taints=["team:PreferNoSchedule"])),
    Case("gone although the GPUs are still there", ["PLUGIN_POD_MISSING"], node(), TARGETED),
    Case("the DaemonSet is for other nodes", [], node(), {"daemon_sets": [daemon_set(nodeSelector={"arch": "arm"})]}),
    Case("Bottlerocket has it built in", ["NOT_ADVERTISED"], bare(os_image="Bottlerocket OS 1.50.0 (aws-k8s-nvidia)")),
    Case("Bottlerocket, all well", [], node(os_image="Bottlerocket OS 1.50.0"), {"daemon_sets": []}),
    Case("EKS Auto Mode has it built in", ["NOT_ADVERTISED"], bare(labels={"eks.amazonaws.com/compute-type": "auto"})),
    Case("required, built in or not", ["PLUGIN_POD_MISSING"], node(os_image="Bottlerocket"), {}, REQUIRED),
    Case("required and there", [], node(), {"plugin_pods": [plugin()]}, REQUIRED),
    Case("skipped", [], node(), {"plugin_pods": [plugin(ready=False)], **TARGETED}, SKIPPED),
    Case("skipped, and not registered", ["NOT_ADVERTISED"], bare(), TARGETED, SKIPPED),
    Case("pods that may not be read say nothing", ["NOT_ADVERTISED"], bare(), {"pods_read": False}),
    Case(
        "in another namespace",
        ["PLUGIN_POD_MISSING"],
        bare(taints=[POOL_TAINT]),
        REPELLED,
        Config(device_plugin=DevicePlugin(namespace="gpu-operator")),
    ),
    Case(
        "one of two installations tolerates the node",
        ["PLUGIN_POD_MISSING"],
        bare(taints=[POOL_TAINT]),
        {"daemon_sets": [daemon_set("old"), daemon_set(tolerations=[EXISTS])]},
    ),
    Case(
        "the plugin is no agent",
        ["NOT_READY", "PLUGIN_REPELLED"],
        bare(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [daemon_set(hostNetwork=True)]},
    ),
    Case(
        "the network agent is repelled too: a deadlock",
        ["NOT_READY", "AGENT_REPELLED", "PLUGIN_REPELLED"],
        bare(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [NETWORK_AGENT, daemon_set()]},
    ),
    Case(
        "an agent that starts after the network may be repelled",
        ["NOT_READY"],
        node(ready="False", taints=[POOL_TAINT]),
        {"daemon_sets": [daemon_set("logs", labels={"app": "logs"})]},
    ),
]

AMOUNT = [
    Case("all well", [], node()),
    Case("ready minutes before the GPU is there", ["PLUGIN_POD_MISSING"], bare()),
    Case(
        "plugin runs and has zeroed",
        ["ALLOC_ZERO_PLUGIN_RUNNING"],
        node(capacity=0, allocatable=0),
        {"plugin_pods": [plugin()]},
    ),
    Case("plugin is gone", ["ALLOC_ZERO"], node(capacity=0, allocatable=0)),
    Case("16 known, none healthy", ["ALL_UNHEALTHY"], node(capacity=8, allocatable=0, **A100)),
    Case("7 of 8 healthy", ["PARTIAL_UNHEALTHY"], node(capacity=8, allocatable=7, **A100)),
    Case(
        "3 of 4 came up at boot, no XID",
        ["COUNT_BELOW_TYPE"],
        node(capacity=3, allocatable=3, instance_type="g6.12xlarge"),
    ),
    Case(
        "one missing and one unhealthy",
        ["PARTIAL_UNHEALTHY", "COUNT_BELOW_TYPE"],
        node(capacity=7, allocatable=6, **A100),
    ),
    Case("more than the type has", ["COUNT_ABOVE_TYPE"], node(capacity=2, allocatable=2)),
    Case("time slicing by 4", [], node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "4"})),
    Case(
        "time slicing by 4 of 3 where 4 cards are",
        ["COUNT_BELOW_TYPE"],
        node(capacity=12, allocatable=12, instance_type="g5.12xlarge", labels={"nvidia.com/gpu.replicas": "4"}),
    ),
    Case(
        "a label that is no number",
        ["COUNT_ABOVE_TYPE"],
        node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "no"}),
    ),
    Case(
        "renamed while shared",
        [],
        bare(resources={"nvidia.com/gpu.shared": 4}, labels={"nvidia.com/gpu.replicas": "4"}),
        {},
        Config(gpu_resource="nvidia.com/gpu.shared"),
    ),
    Case("a number is given", [], node(capacity=2, allocatable=2), {}, Config(expected_gpus=2)),
    Case("a number is given and not there", ["COUNT_BELOW_TYPE"], node(), {}, Config(expected_gpus=2)),
    Case(
        "nobody asks",
        [],
        node(capacity=3, allocatable=3, instance_type="g5.12xlarge"),
        {},
        Config(expected_gpus="skip"),
    ),
    Case("no GPU in it", ["TYPE_WITHOUT_GPU"], bare(instance_type="c5.2xlarge")),
    Case("an unknown type takes any number", [], node(instance_type="x9.huge", capacity=5, allocatable=5)),
    Case("but not none", ["PLUGIN_POD_MISSING"], bare(instance_type="x9.huge")),
    Case("a fraction of a GPU is not counted", [], node(instance_type="g6f.xlarge")),
    Case(
        "Karpenter knows the type",
        ["COUNT_BELOW_TYPE"],
        node(instance_type="x9.huge", labels={"karpenter.k8s.aws/instance-gpu-count": "2"}),
    ),
    Case("several at once, from the ground up", ["CORDONED", "ALL_UNHEALTHY"], node(allocatable=0, unschedulable=True)),
    Case(
        "a reason that is not counted", [], node(allocatable=0), {}, Config(ignore_reasons=frozenset(["ALL_UNHEALTHY"]))
    ),
]


def product(text: str) -> Config:
    return Config(expected_product=ProductPattern.parse(text))


IDENTITY = [
    Case("the product, whatever its case", [], labelled(gpu__product="Tesla-T4"), {}, product("TESLA-T4")),
    Case("written with spaces", [], labelled(gpu__product="NVIDIA-A10G"), {}, product("NVIDIA A10G")),
    Case("shared", [], labelled(gpu__product="NVIDIA-A10G-SHARED"), {}, product("NVIDIA-A10G")),
    Case(
        "partitioned",
        [],
        labelled(gpu__product="NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"),
        {},
        product("NVIDIA-A100-SXM4-40GB"),
    ),
    Case("a regular expression", [], labelled(gpu__product="NVIDIA-A100-SXM4-80GB"), {}, product("~nvidia-a100-.*")),
    Case(
        "a regular expression matches the whole",
        ["PRODUCT_MISMATCH"],
        labelled(gpu__product="NVIDIA-A100-PCIE"),
        {},
        product("~NVIDIA-A100"),
    ),
    Case("another one", ["PRODUCT_MISMATCH"], labelled(gpu__product="NVIDIA-L4"), {}, product("NVIDIA-L40S")),
    Case("discovery restarts", ["PRODUCT_UNKNOWN"], node(), {}, product("NVIDIA-L4")),
]

SINGLE: Object = {"mig.strategy": "single", "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count": "56"}
MIXED: Object = {"mig.strategy": "mixed", "gpu.product": "NVIDIA-A100-SXM4-40GB"}

MIG = [
    Case("single: 8 GPUs become 56", [], mig(56, 56, labels=SINGLE)),
    Case(
        "single, by mig_profiles",
        [],
        mig(56, 56, labels=SINGLE),
        {},
        Config(mig_strategy="single", mig_profiles={"1g.5gb": 56}),
    ),
    Case(
        "single, and some are missing",
        ["MIG_PROFILE_MISMATCH"],
        mig(49, 49, labels=SINGLE),
        {},
        Config(mig_profiles={"1g.5gb": 56}),
    ),
    Case(
        "single, other partitions",
        ["MIG_PROFILE_MISMATCH"],
        mig(56, 56, labels=SINGLE),
        {},
        Config(expected_gpus="skip", mig_profiles={"2g.10gb": None}),
    ),
    Case(
        "single, and they are not alike",
        ["ALLOC_ZERO", "MIG_INVALID"],
        mig(0, 0, labels={**SINGLE, "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID", "gpu.count": "0"}),
    ),
    Case("mixed, found by its label", [], mig(0, 0, labels=MIXED, resources={MIG_1G: 28, MIG_3G: 8})),
    Case(
        "mixed, by the labels of the counts",
        ["MIG_PROFILE_MISMATCH"],
        mig(labels={**MIXED, "mig-1g.5gb.count": "56"}, resources={MIG_1G: 55}),
    ),
    Case(
        "mixed and shared",
        [],
        mig(labels={**MIXED, "mig-1g.5gb.count": "7", "mig-1g.5gb.replicas": "2"}, resources={MIG_1G: 14}),
    ),
    Case(
        "mixed, by mig_profiles",
        [],
        mig(labels=MIXED, resources={MIG_1G: 28, MIG_3G: 8}),
        {},
        Config(mig_strategy="mixed", mig_profiles={"1g.5gb": 28, "3g.20gb": None}),
    ),
    Case("mixed, and not partitioned at all", [], mig(8, 8, labels=MIXED)),
    Case(
        "mixed, a profile too many",
        ["MIG_PROFILE_MISMATCH"],
        mig(labels=MIXED, resources={MIG_1G: 28, MIG_3G: 8}),
        {},
        Config(mig_strategy="mixed", mig_profiles={"1g.5gb": 28}),
    ),
    Case(
        "mixed, a profile not there yet",
        ["PLUGIN_POD_MISSING", "MIG_PROFILE_MISMATCH"],
        mig(labels=MIXED, resources={MIG_1G: 28}),
        {},
        Config(mig_strategy="mixed", mig_profiles={"1g.5gb": 28, "3g.20gb": 8}),
    ),
    Case("another strategy", ["MIG_STRATEGY_MISMATCH"], mig(56, 56, labels=SINGLE), {}, Config(mig_strategy="mixed")),
    Case(
        "not alike, and a profile is asked for",
        ["ALLOC_ZERO", "MIG_INVALID"],
        mig(0, 0, labels={**SINGLE, "gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-INVALID"}),
        {},
        Config(mig_profiles={"1g.5gb": 56}),
    ),
    Case(
        "a shared profile by its resource",
        ["MIG_PROFILE_MISMATCH"],
        mig(labels={"mig-1g.5gb.count": "7", "mig-1g.5gb.replicas": "2"}, resources={f"{MIG_1G}.shared": 13}),
        {},
        Config(gpu_resource=f"{MIG_1G}.shared"),
    ),
    Case(
        "one profile by its resource", [], mig(resources={MIG_1G: 7}), {}, Config(gpu_resource=MIG_1G, expected_gpus=7)
    ),
    Case("done", [], mig(8, 8, labels={"mig.config": "all-disabled", "mig.config.state": "success"})),
    Case("under way", ["MIG_PENDING"], mig(8, 8, labels={"mig.config": "all-1g.5gb", "mig.config.state": "pending"})),
    Case("restarting the node", ["MIG_PENDING"], mig(8, 8, labels={"mig.config.state": "rebooting"})),
    Case("not begun", ["MIG_PENDING"], mig(8, 8, labels={"mig.config": "all-1g.5gb"})),
    Case("failed", ["MIG_FAILED"], mig(8, 8, labels={"mig.config": "all-1g.5gb", "mig.config.state": "failed"})),
]


def agents(*conditions: Object, **options: Any) -> Object:
    return node(conditions=list(conditions), **options)


def wanted(**options: Any) -> Config:
    return Config(conditions=Conditions(**options))


CONDITIONS = [
    Case("EKS: True is good", [], agents(condition(NMA, "True"))),
    Case("EKS: False is bad", ["CONDITION_BAD"], agents(condition(NMA, "False", reason="NvidiaXID79Error"))),
    Case("EKS: Unknown is not good", ["CONDITION_BAD"], agents(condition("KernelReady", "Unknown"))),
    Case("problem detector: False is good", [], agents(condition("KernelDeadlock", "False"))),
    Case("problem detector: True is bad", ["CONDITION_BAD"], agents(condition("KernelDeadlock", "True"))),
    Case("NVSentinel: True is bad", ["CONDITION_BAD"], agents(condition("SysLogsGPUFallenOff", "True"))),
    Case("NVSentinel: Unknown is not bad", [], agents(condition("SysLogsXIDError", "Unknown"))),
    Case(
        "quarantined",
        ["CORDONED", "QUARANTINED"],
        node(unschedulable=True, annotations={"quarantineHealthEvent": "{}"}),
    ),
    Case(
        "taken back by hand",
        [],
        node(annotations={"quarantineHealthEvent": "{}", "quarantinedNodeUncordonedManually": "True"}),
    ),
    Case("True right after boot proves nothing", ["CONDITION_TOO_YOUNG"], agents(condition(NMA, "True", age=59))),
    Case("old enough to the second", [], agents(condition(NMA, "True", age=60))),
    Case("bad is bad however young", ["CONDITION_BAD"], agents(condition(NMA, "False", age=1))),
    Case("no time says nothing", [], agents({"type": NMA, "status": "True"})),
    Case("a condition of nobody's preset", [], agents(condition("Custom", "False"))),
    Case("a preset that is not chosen", [], agents(condition(NMA, "False")), {}, wanted(presets=("npd",))),
    Case("stuck for ever, so left out", [], agents(condition(NMA, "False")), {}, wanted(ignore=frozenset([NMA]))),
    Case("required and good", [], agents(condition("Custom", "True")), {}, wanted(require=(ConditionRule("Custom"),))),
    Case(
        "required and bad",
        ["CONDITION_BAD"],
        agents(condition("Custom", "False")),
        {},
        wanted(require=(ConditionRule("Custom"),)),
    ),
    Case(
        "forbidden and so",
        ["CONDITION_BAD"],
        agents(condition("Custom", "False")),
        {},
        wanted(forbid=(ConditionRule("Custom", "False"),)),
    ),
    Case(
        "what the task says comes before the preset",
        [],
        agents(condition("KernelDeadlock", "True")),
        {},
        wanted(require=(ConditionRule("KernelDeadlock", "True"),)),
    ),
    Case("required and missing, which is fine", [], node(), {}, wanted(require=(ConditionRule("Custom"),))),
    Case(
        "required and missing, which is not",
        ["CONDITION_MISSING"],
        node(),
        {},
        wanted(require=(ConditionRule("Custom"),), presets=(), if_missing="fail"),
    ),
    Case("forbidden and missing is always fine", [], node(), {}, wanted(presets=("npd",), if_missing="fail")),
    Case("NVSwitch", ["FABRIC_NOT_READY"], agents(condition(NMA, "False", reason="FabricManagerNotRunning"))),
    Case("the fabric", ["FABRIC_NOT_READY"], agents(condition(NMA, "False", reason="NvidiaFabricError"))),
]


def dra(*slices: Object) -> dict[str, Any]:
    return {"resource_slices": list(slices)}


BY_DRA = Config(mode="dra")
EIGHT = node(capacity=None, allocatable=None, **A100)
BROKEN: Object = {"taints": [{"key": "gpu.nvidia.com/xid", "effect": "NoSchedule"}]}


def typed(devices: int, type_: str, *, key: str = "type", **options: Any) -> Object:
    """A ResourceSlice of devices of a type."""
    return resource_slice(devices, attributes={key: {"string": type_}}, **options)


DRA = [
    Case("all well, found by itself", [], EIGHT, dra(resource_slice(8))),
    Case("all well, asked for", [], EIGHT, dra(resource_slice(8)), BY_DRA),
    Case("no slices yet", ["SLICES_MISSING"], EIGHT, dra(), BY_DRA),
    Case("slices that were not read", ["SLICES_MISSING"], EIGHT, {}, BY_DRA),
    Case("slices of another driver", ["SLICES_MISSING"], EIGHT, dra(resource_slice(8, driver="efa")), BY_DRA),
    Case("half told", ["SLICES_INCOMPLETE"], EIGHT, dra(resource_slice(4, slices=2)), BY_DRA),
    Case("in two slices", [], EIGHT, dra(resource_slice(4, slices=2), resource_slice(4, slices=2)), BY_DRA),
    Case(
        "two generations: the newer counts",
        ["COUNT_BELOW_TYPE"],
        EIGHT,
        dra(resource_slice(8), resource_slice(7, generation=2)),
        BY_DRA,
    ),
    Case(
        "two generations: the newer is half told",
        [],
        EIGHT,
        dra(resource_slice(8), resource_slice(4, generation=2, slices=2)),
        BY_DRA,
    ),
    Case("all devices tainted", ["ALL_UNHEALTHY"], EIGHT, dra(resource_slice(8, **BROKEN)), BY_DRA),
    Case(
        "one device of two pools tainted",
        ["PARTIAL_UNHEALTHY"],
        node(capacity=None, allocatable=None, instance_type="g7e.12xlarge"),
        dra(resource_slice(1), resource_slice(1, on="other", **BROKEN)),
        BY_DRA,
    ),
    Case("pass-through counts once", [], EIGHT, dra(resource_slice(8, slices=2), typed(8, "vfio", slices=2))),
    Case("and is no GPU", ["COUNT_BELOW_TYPE"], EIGHT, dra(resource_slice(7, slices=2), typed(1, "vfio", slices=2))),
    Case("and alone is none", ["SLICES_MISSING"], EIGHT, dra(typed(8, "vfio")), BY_DRA),
    Case(
        "partitions on demand are no cards",
        [],
        EIGHT,
        dra(resource_slice(8, slices=2), typed(56, "mig", slices=2, consumesCounters=[{"counterSet": "gpu-0"}])),
    ),
    Case("partitions beside cards", [], EIGHT, dra(resource_slice(7, slices=2), typed(7, "mig", slices=2))),
    Case("a qualified type", ["SLICES_MISSING"], EIGHT, dra(typed(8, "vfio", key="gpu.nvidia.com/type")), BY_DRA),
    Case("of v1beta1", ["ALL_UNHEALTHY"], EIGHT, dra(resource_slice(8, basic=BROKEN)), BY_DRA),
    Case("a number is given", ["COUNT_BELOW_TYPE"], EIGHT, dra(resource_slice(8)), Config(expected_gpus=9)),
    Case("nobody asks", [], EIGHT, dra(resource_slice(2)), Config(expected_gpus="skip")),
    Case(
        "partitions are not counted", [], EIGHT, dra(resource_slice(20, attributes={"type": {"string": "mig"}})), BY_DRA
    ),
    Case(
        "the product and the versions are the devices'",
        ["DRIVER_TOO_OLD"],
        EIGHT,
        dra(
            resource_slice(
                8,
                attributes={
                    "productName": {"string": "NVIDIA A100-SXM4-40GB"},
                    "driverVersion": {"version": "550.1.0"},
                },
            )
        ),
        Config(expected_product=ProductPattern.parse("NVIDIA A100-SXM4-40GB"), min_driver_version=(570,)),
    ),
    Case(
        "the resource comes first where both are", [], node(**A100, capacity=8, allocatable=8), dra(resource_slice(2))
    ),
    Case("and is asked for", ["PLUGIN_POD_MISSING"], EIGHT, dra(resource_slice(8)), Config(mode="device_plugin")),
]

CASES = [*KUBELET, *DRIVER, *DEVICE_PLUGIN, *AMOUNT, *IDENTITY, *MIG, *CONDITIONS, *DRA]


def report(one: Object, config: Config | None = None, **around: Any) -> NodeReport:
    return evaluate(one, Context(**{"now": NOW, **around}), config or Config())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_reasons(case: Case) -> None:
    found = report(case.node, case.config, **case.around)
    assert [reason.code for reason in found.reasons] == case.codes
    assert found.ready == (not case.codes)
    for reason in found.reasons:
        assert (reason.layer, reason.hint) == (CODES[reason.code].layer, CODES[reason.code].remedy)
        assert reason.message


def test_every_reason_of_the_rules_is_provoked() -> None:
    of_a_node = {row.code for row in CODES.values() if row.given_by == "rules" and row.layer != "L0"}
    assert {code for case in CASES for code in case.codes} == of_a_node


def test_each_reason_comes_from_the_ground_up() -> None:
    everything = node(
        ready="False",
        capacity=0,
        allocatable=0,
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
        "topology.kubernetes.io/zone": "eu-central-1a",
        "nvidia.com/gpu.product": "Tesla-T4",
        "nvidia.com/cuda.driver-version.full": "570.86.15",
        "nvidia.com/cuda.runtime-version.full": "12.8",
        "nvidia.com/mig.strategy": "none",
    }
    found = report(node(labels=labels, taints=[POOL_TAINT]), plugin_pods=[plugin()])
    assert (found.pool, found.zone, found.instance_type) == ("inference", "eu-central-1a", "g4dn.xlarge")
    assert (found.product, found.driver, found.cuda) == ("Tesla-T4", "570.86.15", "12.8")
    assert (found.capacity, found.allocatable, found.expected) == (1, 1, 1)
    assert found.expected_from == "the instance type g4dn.xlarge"
    assert (found.taints, found.plugin_pod, found.mig) == ((POOL_TAINT,), "plugin", {"strategy": "none"})
    assert (found.uid, found.created, found.conditions) == ("uid-n1", NOW - 3600, {"Ready": "True"})


def test_a_reason_that_is_not_counted_is_told() -> None:
    found = report(node(allocatable=0), Config(ignore_reasons=frozenset(["ALL_UNHEALTHY"])))
    assert [reason.code for reason in found.ignored] == ["ALL_UNHEALTHY"]


def test_a_leaving_node_is_no_part_of_the_set() -> None:
    assert report(deleting()).excluded
    assert not report(deleting(), Config(exclude_deleting=False)).excluded


def test_a_young_condition_says_when_it_counts() -> None:
    young = agents(condition(NMA, "True", age=50), condition("KernelReady", "True", age=40))
    first = report(young)
    assert first.recheck_at == NOW + 10
    second = report(young, now=first.recheck_at)
    assert ([reason.code for reason in second.reasons], second.recheck_at) == (["CONDITION_TOO_YOUNG"], NOW + 20)
    last = report(young, now=second.recheck_at)
    assert (last.ready, last.recheck_at) == (True, None)


def test_what_the_messages_say() -> None:
    [missing] = report(node(capacity=3, allocatable=3, instance_type="g6.12xlarge")).reasons
    assert missing.message == "3 nvidia.com/gpu where 4 are expected (the instance type g6.12xlarge)"
    [repelled] = report(bare(taints=[POOL_TAINT]), **REPELLED).reasons
    assert repelled.message == (
        "the DaemonSet kube-system/nvidia-device-plugin does not tolerate nvidia.com/gpu=true:NoSchedule"
    )
    [bad] = report(agents(condition(NMA, "False", reason="NvidiaXID79Error", message="GPU 3"))).reasons
    assert bad.message == "AcceleratedHardwareReady is False (NvidiaXID79Error: GPU 3)"


@pytest.mark.parametrize(("offered", "codes"), [("4000", []), ("4k", []), ("4e3", []), ("3999", ["COUNT_BELOW_TYPE"])])
def test_amounts_are_read_as_the_api_server_writes_them(offered: str, codes: list[str]) -> None:
    shared = node(
        instance_type="g5.12xlarge", capacity=offered, allocatable=offered, labels={"nvidia.com/gpu.replicas": "1000"}
    )
    found = report(shared)
    assert [reason.code for reason in found.reasons] == codes
    assert found.expected == 4000
    assert Peers(Config()).observe(shared)


def test_gpus_that_are_shared_under_another_name_are_pointed_out() -> None:
    [none] = report(node(capacity=0, allocatable=0, resources={"nvidia.com/gpu.shared": 16})).reasons
    assert none.message.endswith("but 16 nvidia.com/gpu.shared: set gpu_resource to that name")


def test_peers_tell_what_a_node_should_have() -> None:
    config = Config(expected_gpus="peers_max")
    peers = Peers(config)
    unknown: Object = {"instance_type": "x9.huge"}
    whole, lame = node("a", capacity=8, allocatable=8, **unknown), node("b", capacity=7, allocatable=7, **unknown)
    assert peers.most(lame) is None
    assert peers.observe(lame)
    assert report(lame, config, peers=peers).ready
    assert peers.observe(whole), "the maximum rose, so the peers have to be looked at again"
    assert [reason.code for reason in report(lame, config, peers=peers).reasons] == ["COUNT_BELOW_TYPE"]
    assert not peers.observe(lame), "a node that has lost a GPU lowers nothing"
    assert report(whole, config, peers=peers).ready
    shared = node("c", capacity=28, allocatable=28, labels={"nvidia.com/gpu.replicas": "4"}, **unknown)
    assert peers.observe(shared)
    assert peers.most(whole) == 8, "a node that shares its GPUs is no peer of one that does not"


def test_peers_are_not_known_before_one_is_seen() -> None:
    found = report(bare(), Config(expected_gpus="peers_max"), peers=Peers(Config()))
    assert (found.expected, found.expected_from) == (None, "")
