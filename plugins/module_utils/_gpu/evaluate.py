# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether a GPU node can take GPU work, as pure functions of Node and Pod objects.

A node is Ready minutes before its GPUs can be asked for: first the device plugin's pod has to run on it and register
them. So readiness is looked at in layers, and each thing that is missing is a reason with a code of its own:

- L0, membership: the nodes are there at all
- L1, kubelet: the node is Ready, takes pods, and no taint says that it is still starting or in trouble
- L4, device plugin: looked at only to say why L5 fails, because some node images have the plugin built in
- L5, advertised: the node offers healthy GPUs; capacity is what the kubelet knows, allocatable is what is healthy
- L6, the right amount: as many as the instance type has
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _instance_types
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.report import NodeReport

Object = Mapping[str, Any]

#: Taints that Kubernetes, the cloud provider and storage or network agents put on a node that is not usable (yet).
#: A taint of the pool itself, such as nvidia.com/gpu, is expected and is no reason.
_BLOCKING_TAINTS = {
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/out-of-service",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cloudprovider.kubernetes.io/shutdown",
    "karpenter.sh/unregistered",
    "karpenter.sh/disrupted",
    "ebs.csi.aws.com/agent-not-ready",
    "efs.csi.aws.com/agent-not-ready",
    "node.cilium.io/agent-not-ready",
}
_BLOCKING_TAINT_PREFIXES = ("readiness.k8s.io/",)

#: How the device plugin's pods are labelled, by the way it was installed: Helm chart, GPU operator, plain manifest.
PLUGIN_SELECTORS = (
    "app.kubernetes.io/name=nvidia-device-plugin",
    "app=nvidia-device-plugin-daemonset",
    "name=nvidia-device-plugin-ds",
)

INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
ZONE_LABEL = "topology.kubernetes.io/zone"
POOL_LABEL = "eks.amazonaws.com/nodegroup"
#: How many pods share one GPU, as GPU feature discovery reports it where sharing is on.
_REPLICAS_LABEL = "nvidia.com/gpu.replicas"


def evaluate(node: Object, pods: Sequence[Object], config: Config) -> NodeReport:
    """One node, in layers. C(pods) are the device plugin's pods, of this node and of others."""
    metadata = node["metadata"]
    labels = metadata.get("labels") or {}
    status = node.get("status") or {}
    capacity = _count(status.get("capacity"), config.gpu_resource)
    allocatable = _count(status.get("allocatable"), config.gpu_resource)
    instance_type = labels.get(INSTANCE_TYPE_LABEL, "")
    expected = _expected(labels, config)
    plugin = next((pod for pod in pods if (pod.get("spec") or {}).get("nodeName") == metadata["name"]), None)
    reasons = [
        *_kubelet(node),
        *_advertised(capacity, allocatable, expected, plugin, config),
    ]
    if expected == 0:
        reasons.append(
            Reason(
                "TYPE_WITHOUT_GPU",
                "L6",
                f"the instance type {instance_type} has no GPU",
                "Correct label_selector, or the pool's instance type.",
            )
        )
    return NodeReport(
        name=metadata["name"],
        pool=labels.get(POOL_LABEL, ""),
        instance_type=instance_type,
        zone=labels.get(ZONE_LABEL, ""),
        reasons=tuple(reasons),
        capacity=capacity,
        allocatable=allocatable,
        expected=expected,
        plugin_pod=plugin["metadata"]["name"] if plugin else "",
    )


def _expected(labels: Mapping[str, str], config: Config) -> int | None:
    if config.expected_gpus is not None:
        return config.expected_gpus
    known = _instance_types.instance_type(labels.get(INSTANCE_TYPE_LABEL, ""))
    if known is None:
        return None
    replicas = labels.get(_REPLICAS_LABEL, "1")
    return known.gpus * (int(replicas) if replicas.isdecimal() and int(replicas) > 0 else 1)


def _count(amounts: Mapping[str, Any] | None, resource: str) -> int | None:
    amount = (amounts or {}).get(resource)
    # Extended resources are whole numbers.
    return None if amount is None else int(str(amount))


def _kubelet(node: Object) -> list[Reason]:
    reasons = []
    spec = node.get("spec") or {}
    if node["metadata"].get("deletionTimestamp"):
        reasons.append(Reason("DELETING", "L1", "the node is being removed"))
    conditions: Sequence[Object] = (node.get("status") or {}).get("conditions") or ()
    ready: Object = next((entry for entry in conditions if entry.get("type") == "Ready"), {})
    if ready.get("status") != "True":
        said = ready.get("message") or ready.get("reason") or "no status yet"
        reasons.append(
            Reason("NOT_READY", "L1", f"the kubelet is not ready: {said}", "Look at the node's events and its log.")
        )
    if spec.get("unschedulable"):
        reasons.append(Reason("CORDONED", "L1", "the node takes no new pods", "Run kubectl uncordon once it is sound."))
    blocking = [
        taint["key"]
        for taint in spec.get("taints") or ()
        if taint["key"] in _BLOCKING_TAINTS or taint["key"].startswith(_BLOCKING_TAINT_PREFIXES)
    ]
    if blocking and ready.get("status") == "True":
        reasons.append(
            Reason(
                "TAINTED",
                "L1",
                f"the node carries {', '.join(sorted(blocking))}",
                "Look at the agent that removes this taint.",
            )
        )
    return reasons


def _advertised(
    capacity: int | None, allocatable: int | None, expected: int | None, plugin: Object | None, config: Config
) -> list[Reason]:
    resource = config.gpu_resource
    if expected == 0:
        return []
    if capacity is None or allocatable is None:
        return [_unregistered(resource, plugin)]
    if capacity == 0:
        if plugin is not None and _pod_ready(plugin):
            return [
                Reason(
                    "ALLOC_ZERO_PLUGIN_RUNNING",
                    "L5",
                    f"the device plugin runs and offers no {resource}",
                    "Restart the device plugin's pod, and look at its log.",
                )
            ]
        return [Reason("ALLOC_ZERO", "L5", f"the node offers no {resource} any more", "Look at the device plugin.")]
    if allocatable == 0:
        return [
            Reason(
                "ALL_UNHEALTHY",
                "L5",
                f"0 of {capacity} {resource} are healthy",
                "Look at the node's XID errors; replace the node if they come back.",
            )
        ]
    if allocatable < capacity:
        return [
            Reason(
                "PARTIAL_UNHEALTHY",
                "L5",
                f"{allocatable} of {capacity} {resource} are healthy",
                "Look at the node's XID errors. Only a restart of the device plugin clears the mark.",
            )
        ]
    if expected is not None and allocatable < expected:
        return [
            Reason(
                "COUNT_BELOW_TYPE",
                "L6",
                f"{allocatable} {resource} where {expected} are expected",
                "A GPU is missing on the machine: replace the node.",
            )
        ]
    if expected is not None and allocatable > expected:
        return [
            Reason(
                "COUNT_ABOVE_TYPE",
                "L6",
                f"{allocatable} {resource} where {expected} are expected",
                "Where GPUs are shared on purpose, set expected_gpus.",
            )
        ]
    return []


def _unregistered(resource: str, plugin: Object | None) -> Reason:
    if plugin is None:
        return Reason(
            "PLUGIN_POD_MISSING",
            "L4",
            f"the node does not know {resource}, and no pod of the device plugin is on it",
            "Check that the device plugin is installed, and that it tolerates the pool's taints.",
        )
    if not _pod_ready(plugin):
        return Reason(
            "PLUGIN_POD_NOT_READY",
            "L4",
            f"the node does not know {resource}, and the device plugin's pod is not ready",
            "Look at the events and the log of the device plugin's pod.",
        )
    return Reason(
        "NOT_ADVERTISED",
        "L5",
        f"the device plugin runs and has not registered {resource} yet",
        "Look at the log of the device plugin's pod.",
    )


def _pod_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)
