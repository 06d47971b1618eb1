# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Why a GPU node, or the set of them, is not ready: one table of codes, from which docs/codes.md is made.

A node is Ready minutes before its GPUs can be asked for, so readiness is looked at in layers, and each thing that is
missing is a reason with a code of its own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

#: What each layer looks at, from the ground up. A node is usable when none of them lacks anything.
LAYERS = {
    "L0": "membership: the nodes are there at all",
    "L1": "kubelet: the node is Ready, takes pods, and no taint says that it is still starting or in trouble",
    "L2": "hardware: the machine has an NVIDIA card",
    "L3": "driver: the driver is there, new enough, and not being replaced",
    "L4": "device plugin: its pod runs on the node",
    "L5": "advertised: the node offers healthy GPUs; capacity is what the kubelet knows, allocatable what is healthy",
    "L6": "amount: as many GPUs as the instance type has",
    "L7": "identity: they are GPUs of the expected product",
    "L8": "MIG: the GPUs are partitioned as asked",
    "L9": "health: no agent on the node says that something is wrong",
    "L10": "fabric: the GPUs of a node with NVSwitch are joined",
    "L11": "smoke: a pod that allocated the GPUs could use them",
}


@dataclass(frozen=True)
class Code:
    """A row of the table. C(waiting_helps) is false where a node with this reason stays as it is until someone acts."""

    code: str
    meaning: str
    remedy: str
    waiting_helps: bool = True
    layer: str = ""


@dataclass(frozen=True)
class Reason:
    """Why a node, or the set, is not ready. C(code) is for machines, C(message) says what is, C(hint) what to do."""

    code: str
    layer: str
    message: str
    hint: str = ""


def reason(code: str, message: str) -> Reason:
    """The reason of this code with the layer and the remedy of the table.

    Raises:
        KeyError: the table does not have the code.
    """
    row = CODES[code]
    return Reason(code, row.layer, message, row.remedy)


_TABLE = {
    "L0": [
        Code(
            "NO_NODES",
            "The selector finds no node. No node at all never counts as all nodes ready.",
            "Check the selector and the size of the node pool. A pool that may be scaled to zero needs allow_empty, "
            "or expected_count 0.",
        ),
        Code(
            "TOO_FEW_NODES",
            "Fewer nodes are there than have to be ready: some of the pool have not joined the cluster.",
            "Look at the node group's health and at the activity of its autoscaling group: capacity, quota, subnets.",
        ),
        Code(
            "NODE_MISSING",
            "A node that the task names is not in the cluster.",
            "Check the name. A replaced node has a new one.",
        ),
        Code(
            "NOT_STABLE",
            "The nodes were ready when the time was up, and had not been for stable_for seconds in a row.",
            "Look at what restarts on the nodes: kubelet, device plugin, GPU feature discovery. Or give it more time.",
        ),
    ],
    "L1": [
        Code(
            "NOT_READY",
            "The node's condition Ready is not True.",
            "Look at the node's events, at the kubelet's log, and at the network agent's pod on the node.",
        ),
        Code(
            "LEASE_STALE",
            "The kubelet is silent: its lease was not renewed for longer than lease_max_age, and the cluster has yet "
            "to notice.",
            "Look whether the machine is still running.",
        ),
        Code(
            "CORDONED",
            "Somebody or something cordoned the node, so that it takes no new pods.",
            "Run kubectl uncordon once it is sound. Where this does not matter, ignore_reasons leaves it out.",
        ),
        Code(
            "STARTUP_TAINT",
            "The node carries a taint that an agent removes when its part of the start is done.",
            "Look at the agent that removes this taint. A taint that does not matter belongs in ignore_taints.",
        ),
        Code(
            "TAINTED",
            "The node carries a taint with which Kubernetes, an autoscaler or a termination handler keeps pods away.",
            "Look at the node's events. A taint that does not matter belongs in ignore_taints.",
        ),
        Code(
            "EXPECTED_TAINT_MISSING",
            "The node lacks a taint of expected_taints, so pods that need no GPU can fill it.",
            "Add the taint to the node pool; nodes that exist need kubectl taint as well.",
            waiting_helps=False,
        ),
        Code(
            "KARPENTER_NOT_INITIALIZED",
            "The node belongs to a Karpenter pool and lacks karpenter.sh/initialized=true, which it gets when it is "
            "Ready, free of startup taints, and offers the resources asked for.",
            "Look at the NodeClaim's conditions. Without a device plugin it never comes.",
        ),
    ],
    "L2": [
        Code(
            "HARDWARE_NOT_FOUND",
            "The label nvidia.com/gpu.present is false: the scan of the PCI bus finds no card (any more).",
            "Replace the node if its instance type has a GPU.",
            waiting_helps=False,
        ),
    ],
    "L3": [
        Code(
            "DRIVER_LABELS_MISSING",
            "The labels with the driver's version are missing, although they are needed for min_driver_version or "
            "min_cuda_version, or although GPU feature discovery has looked at the node.",
            "Install GPU feature discovery if it is not there. If it is, its log says why it sees no driver: image "
            "and driver of the node may not match.",
        ),
        Code(
            "DRIVER_TOO_OLD",
            "The driver's version is below min_driver_version.",
            "Move the node pool to an image with a newer driver.",
            waiting_helps=False,
        ),
        Code(
            "CUDA_TOO_OLD",
            "The CUDA version that the driver supports is below min_cuda_version.",
            "Move the node pool to an image with a newer driver.",
            waiting_helps=False,
        ),
        Code(
            "DRIVER_UPGRADING",
            "The GPU operator has an upgrade of the driver under way on the node, or is about to begin it.",
            "Wait until the upgrade is done.",
        ),
        Code(
            "DRIVER_UPGRADE_FAILED",
            "The GPU operator gave the upgrade of the driver up.",
            "Look at the driver pod's log on the node.",
            waiting_helps=False,
        ),
        Code(
            "DRIVER_POD_NOT_READY",
            "The GPU operator's driver pod on the node is not ready, so nothing above it can be.",
            "Look at the log of the driver's pod; it builds or loads the kernel module.",
        ),
    ],
    "L4": [
        Code(
            "PLUGIN_POD_MISSING",
            "No pod of the device plugin is on the node, and the node does not offer the resource, or the pod is "
            "required.",
            "Check that the device plugin is installed, and that its DaemonSet selects the node.",
        ),
        Code(
            "PLUGIN_REPELLED",
            "The device plugin's DaemonSet selects the node and does not tolerate one of its taints.",
            "Add the toleration to the device plugin's DaemonSet.",
            waiting_helps=False,
        ),
        Code(
            "PLUGIN_POD_NOT_READY",
            "The device plugin's pod on the node is not ready.",
            "Look at the events and the log of the device plugin's pod.",
        ),
        Code(
            "AGENT_REPELLED",
            "The node is not ready, and a DaemonSet that selects it does not tolerate one of its taints. Where that "
            "is the network agent, the node never becomes ready.",
            "Add the toleration to the DaemonSet.",
        ),
    ],
    "L5": [
        Code(
            "NOT_ADVERTISED",
            "The device plugin runs, or is built into the image, and the node does not know the resource yet.",
            "Look at the device plugin's log: it must find the driver and reach the kubelet's socket.",
        ),
        Code(
            "ALLOC_ZERO",
            "Capacity and allocatable are 0: a device plugin had registered and is gone.",
            "Look at the device plugin's pod on the node.",
        ),
        Code(
            "ALLOC_ZERO_PLUGIN_RUNNING",
            "Capacity and allocatable are 0 although the device plugin's pod is ready.",
            "Restart the device plugin's pod, and look at its log.",
        ),
        Code(
            "ALL_UNHEALTHY",
            "The kubelet knows GPUs and none is healthy.",
            "Look at the node's XID errors; replace the node if they come back.",
        ),
        Code(
            "PARTIAL_UNHEALTHY",
            "Fewer GPUs are healthy than the kubelet knows.",
            "Look at the node's XID errors. Only a restart of the device plugin clears the mark, and it forgets the "
            "fault.",
        ),
        Code(
            "SLICES_MISSING",
            "No ResourceSlice of the driver gpu.nvidia.com is there for the node.",
            "Look at the DRA driver's kubelet plugin on the node.",
        ),
        Code(
            "SLICES_INCOMPLETE",
            "The newest generation of the node's pool has fewer ResourceSlices than it announces.",
            "Look at the log of the DRA driver's kubelet plugin if it stays so.",
        ),
    ],
    "L6": [
        Code(
            "COUNT_BELOW_TYPE",
            "All GPUs that the node knows are healthy, and they are fewer than expected. A card that failed at boot "
            "leaves no other trace.",
            "Replace the node.",
            waiting_helps=False,
        ),
        Code(
            "COUNT_ABOVE_TYPE",
            "The node offers more than is expected. Where GPUs are shared on purpose, the labels should say so.",
            "Set expected_gpus, or install GPU feature discovery, whose labels tell of shared GPUs.",
            waiting_helps=False,
        ),
        Code(
            "TYPE_WITHOUT_GPU",
            "The node's instance type has no NVIDIA GPU.",
            "Correct the selector, or the pool's instance type.",
            waiting_helps=False,
        ),
    ],
    "L7": [
        Code(
            "PRODUCT_UNKNOWN",
            "expected_product is given and the label nvidia.com/gpu.product is missing.",
            "Install GPU feature discovery, or look at its log. Its labels are gone for a while when it restarts.",
        ),
        Code(
            "PRODUCT_MISMATCH",
            "The label nvidia.com/gpu.product is not what expected_product asks for.",
            "Correct expected_product, or the pool's instance type.",
            waiting_helps=False,
        ),
    ],
    "L8": [
        Code(
            "MIG_PENDING",
            "The MIG manager has not finished the configuration that the label nvidia.com/mig.config asks for.",
            "Look at the MIG manager's log if it stays so; it may have to restart the node.",
        ),
        Code(
            "MIG_FAILED",
            "The label nvidia.com/mig.config.state is failed.",
            "Look at the MIG manager's log, and whether pods still used the GPUs.",
            waiting_helps=False,
        ),
        Code(
            "MIG_INVALID",
            "The strategy is single and the GPUs are not partitioned all alike; the device plugin then offers none.",
            "Partition all GPUs alike, or use the strategy mixed.",
            waiting_helps=False,
        ),
        Code(
            "MIG_STRATEGY_MISMATCH",
            "The label nvidia.com/mig.strategy is not what mig_strategy asks for.",
            "Set the strategy of the device plugin and of GPU feature discovery.",
            waiting_helps=False,
        ),
        Code(
            "MIG_PROFILE_MISMATCH",
            "The node's GPUs are partitioned into other profiles than mig_profiles asks for.",
            "Set the label nvidia.com/mig.config to the configuration that is wanted.",
        ),
    ],
    "L9": [
        Code(
            "CONDITION_BAD",
            "A condition of the node has a status that conditions forbids, or lacks the one that it requires.",
            "Look at the condition's reason. Agents err, and some never take a fault back: conditions.ignore leaves a "
            "condition out.",
        ),
        Code(
            "CONDITION_MISSING",
            "No agent has set a condition that conditions.require names.",
            "Install the agent that sets it.",
        ),
        Code(
            "CONDITION_TOO_YOUNG",
            "The condition is good for less than conditions.min_age. Agents set all conditions to good when they "
            "start, before they have looked.",
            "Wait; it passes by itself.",
        ),
        Code(
            "QUARANTINED",
            "NVSentinel found a fault and left its annotation quarantineHealthEvent on the node.",
            "Look at the event in the annotation. Repair or replace the node.",
        ),
    ],
    "L10": [
        Code(
            "FABRIC_NOT_READY",
            "The node monitoring agent reports a fault of NVSwitch or its fabric manager. Everything else may look "
            "sound while CUDA says: system not yet initialized.",
            "Look at the fabric manager's log; its version must be the driver's.",
        ),
    ],
    "L11": [
        Code(
            "SMOKE_PENDING",
            "The scheduler did not place the smoke pod in time, for another reason than GPUs in use.",
            "Read the scheduler's message in the reason: a quota, a taint, or a missing runtime class keeps the pod "
            "away.",
        ),
        Code(
            "SMOKE_BUSY",
            "The node has no room for the smoke pod, and smoke.busy is fail. It never takes a GPU from other work.",
            "Let the work on the node finish, or set smoke.busy to skip or wait.",
        ),
        Code(
            "SMOKE_POD_REMOVED",
            "Somebody else deleted or evicted the smoke pod before it ended.",
            "Look who deletes pods of its namespace, or drains the node.",
        ),
        Code(
            "SMOKE_IMAGE",
            "The kubelet could not pull the image.",
            "Check smoke.image and smoke.pull_secrets, and that the node reaches the registry.",
        ),
        Code(
            "SMOKE_NOT_ADMITTED",
            "The kubelet refused the pod again and again (UnexpectedAdmissionError): the device plugin is not "
            "registered.",
            "Look at the device plugin's pod on the node.",
        ),
        Code(
            "SMOKE_NOT_STARTED",
            "The container runtime could not start the container with the GPUs (StartError): driver or toolkit hangs.",
            "Look at the pod's events and at the node's kernel log; replace the node.",
        ),
        Code(
            "SMOKE_FAILED",
            "The command in the smoke pod ended with an error.",
            "Read the end of its log in the result.",
        ),
        Code(
            "SMOKE_TIMEOUT",
            "The smoke pod ran longer than smoke.timeout.",
            "A hung driver looks like this: look at the node's kernel log; replace the node.",
        ),
        Code(
            "SMOKE_GPU_COUNT",
            "Inside the pod there were not as many GPUs as were allocated to it.",
            "Too few: replace the node. Too many: the container runtime shows pods the GPUs of others.",
        ),
        Code(
            "SMOKE_DUPLICATE_GPU",
            "Two of the allocated GPUs have the same UUID.",
            "Check that GPUs are not shared; otherwise replace the node.",
        ),
        Code(
            "SMOKE_NO_LOG",
            "The pod ended well, and what it saw cannot be read.",
            "Check the right pods/log get, and that the API server reaches the kubelet.",
        ),
        Code(
            "SMOKE_POD_REFUSED",
            "The namespace, a quota, or an admission policy does not allow the pod.",
            "Do what the message asks for, or name another smoke.namespace.",
        ),
        Code(
            "SMOKE_MAY_PREEMPT",
            "By its priority the scheduler would be free to end pods of lower priority to make room. No pod was made.",
            "Name a smoke.priority_class whose preemptionPolicy is Never.",
        ),
    ],
}


#: All codes, in the order of the layers.
CODES = {row.code: dataclasses.replace(row, layer=layer) for layer, rows in _TABLE.items() for row in rows}

#: The place of a layer from the ground up: what is missing there comes first.
ORDER = {layer: place for place, layer in enumerate(LAYERS)}

#: Reasons that stay until someone acts.
LASTING = tuple(row.code for row in CODES.values() if not row.waiting_helps)

#: Reasons that the rules find in one look at a node, so that a task can name them.
OF_A_NODE = tuple(row.code for row in CODES.values() if row.layer not in ("L0", "L11"))
