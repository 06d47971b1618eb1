# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether GPU nodes can take GPU work, as pure functions of Node and Pod objects.

A node is Ready minutes before its GPUs can be asked for: first the device plugin's pod has to run on it and register
them. So readiness is looked at in layers, and each thing that is missing is a reason with a code of its own:

- L0, membership: the nodes are there at all
- L1, kubelet: the node is Ready, takes pods, and no taint says that it is still starting or in trouble
- L4, device plugin: looked at only to say why L5 fails, because some node images have the plugin built in
- L5, advertised: the node offers healthy GPUs; capacity is what the kubelet knows, allocatable is what is healthy
- L6, the right amount: as many as the instance type has
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _instance_types

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


@dataclass(frozen=True)
class Reason:
    """Why a node, or the set, is not ready. C(code) is for machines, C(message) says what is, C(hint) what to do."""

    code: str
    layer: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Config:
    """What is expected of each node. C(expected_gpus) is None where the instance type tells."""

    gpu_resource: str = "nvidia.com/gpu"
    expected_gpus: int | None = None


@dataclass(frozen=True)
class NodeReport:
    """What was found out about one node. A count is None where the node does not know the resource at all."""

    name: str
    pool: str
    instance_type: str
    zone: str
    reasons: tuple[Reason, ...]
    capacity: int | None
    allocatable: int | None
    expected: int | None
    plugin_pod: str = ""

    @property
    def ready(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Verdict:
    """The whole set: ready where C(reasons) is empty."""

    nodes: tuple[NodeReport, ...]
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def ready(self) -> bool:
        return not self.reasons

    @property
    def ready_count(self) -> int:
        return sum(node.ready for node in self.nodes)


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


def judge(reports: Iterable[NodeReport], expected_count: int | None) -> Verdict:
    """The whole set. Without C(expected_count) every node has to be ready, and there must be one."""
    nodes = tuple(sorted(reports, key=lambda report: report.name))
    ready = sum(node.ready for node in nodes)
    wanted = max(1, len(nodes)) if expected_count is None else expected_count
    reasons: list[Reason] = []
    if wanted and not nodes:
        reasons.append(
            Reason("NO_NODES", "L0", "no node has the labels", "Check label_selector and the size of the node pool.")
        )
    elif len(nodes) < wanted:
        reasons.append(
            Reason(
                "TOO_FEW_NODES",
                "L0",
                f"{len(nodes)} of {wanted} nodes are there",
                "Look at the node group's health and at the autoscaling group's activity.",
            )
        )
    if nodes and ready < wanted:
        reasons += [reason for node in nodes for reason in node.reasons]
    unknown = sorted({node.instance_type or "(no label)" for node in nodes if node.expected is None})
    warnings = tuple(
        f"how many GPUs the instance type {name} has is not known: any number above 0 is taken. Set expected_gpus."
        for name in unknown
    )
    return Verdict(nodes, tuple(reasons), warnings)


def summary(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """How many nodes have each reason, the most frequent first, with an example."""
    found: dict[str, dict[str, Any]] = {}
    for reason in verdict.reasons:
        if reason.layer == "L0":
            found[reason.code] = {"nodes": 0, "message": reason.message, "hint": reason.hint, "example": ""}
    for node in verdict.nodes:
        for reason in node.reasons:
            entry = found.setdefault(
                reason.code, {"nodes": 0, "message": reason.message, "hint": reason.hint, "example": node.name}
            )
            entry["nodes"] += 1
    return dict(sorted(found.items(), key=lambda item: (bool(item[1]["example"]), -item[1]["nodes"], item[0])))


def describe(verdict: Verdict, expected_count: int | None) -> str:
    """One sentence: how many are ready, and the top reasons of the others."""
    of = len(verdict.nodes) if expected_count is None else expected_count
    counted = summary(verdict)
    reasons = [
        f"{entry['nodes']} {code} ({entry['example']}: {entry['message']})"
        if entry["example"]
        else f"{code}: {entry['message']}"
        for code, entry in counted.items()
    ]
    hints = list(dict.fromkeys(entry["hint"] for entry in counted.values() if entry["hint"]))
    told = f"{verdict.ready_count} of {of} nodes are ready{'; ' if reasons else ''}{'; '.join(reasons)}."
    # The hints of the two most frequent reasons; more would bury the reasons themselves.
    return " ".join([told, *hints[:2]])


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
