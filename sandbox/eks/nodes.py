# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated Node of an instance, as plain data: name, labels, taints, capacity. Nothing here talks to anybody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sandbox.eks import versions
from sandbox.eks.account import InstanceType, instance_type
from sandbox.eks.store import Cluster, Instance, NodeGroup

Manifest = dict[str, Any]

GROUP_LABEL = "eks.amazonaws.com/nodegroup"
GPU = "nvidia.com/gpu"
#: kwok plays the kubelet of every Node with this annotation.
_KWOK = {"kwok.x-k8s.io/node": "fake"}
#: What the bridge put on a Node, so that a later change takes that away and leaves what others put there.
APPLIED = "sandbox.entasis.io/applied"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
#: The share of an instance's memory that the hypervisor and the kernel keep (Karpenter's default estimate).
_MEMORY_OVERHEAD = 0.075


def node_name(cluster: Cluster, instance: Instance) -> str:
    domain = "ec2.internal" if cluster.region == "us-east-1" else f"{cluster.region}.compute.internal"
    return f"ip-{instance.address.replace('.', '-')}.{domain}"


def provider_id(instance: Instance) -> str:
    return f"aws:///{instance.zone}/{instance.id}"


def instance_of(node: Manifest) -> str:
    """The id of the instance that a Node belongs to."""
    return str(node["spec"].get("providerID", "")).rpartition("/")[2]


def manifest(cluster: Cluster, group: NodeGroup, instance: Instance) -> Manifest:
    """The Node as a kubelet registers it; kwok adds its conditions."""
    name = node_name(cluster, instance)
    kind = instance_type(instance.instance_type)
    if kind is None:
        raise LookupError(f"the instance type {instance.instance_type} is gone from the table of instance types")
    labels, taints = wanted_labels(cluster, group, instance, kind), wanted_taints(group)
    capacity, allocatable = resources(kind, int(group.view["diskSize"]))
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {**_KWOK, APPLIED: _applied(labels, taints)}},
        "spec": {"providerID": provider_id(instance), "taints": taints},
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "addresses": [
                {"type": "InternalIP", "address": instance.address},
                {"type": "InternalDNS", "address": name},
                {"type": "Hostname", "address": name},
                # Where kwok plays the kubelet: the API server asks there for port-forwards, logs and exec.
                {"type": "ExternalDNS", "address": "127.0.0.1"},
            ],
            "nodeInfo": _node_info(instance, kind),
        },
    }


def wanted_labels(
    cluster: Cluster, group: NodeGroup, instance: Instance, kind: InstanceType | None = None
) -> dict[str, str]:
    kind = kind or instance_type(instance.instance_type)
    architecture = kind.architecture if kind else "amd64"
    labels = {
        **group.view["labels"],
        GROUP_LABEL: group.view["nodegroupName"],
        "eks.amazonaws.com/capacityType": group.view["capacityType"],
        "eks.amazonaws.com/nodegroup-image": _image(cluster, group, instance),
        "node.kubernetes.io/instance-type": instance.instance_type,
        "topology.kubernetes.io/region": cluster.region,
        "topology.kubernetes.io/zone": instance.zone,
        "kubernetes.io/arch": architecture,
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": node_name(cluster, instance),
    }
    if kind and kind.gpus and group.view["amiType"].startswith("AL2023"):
        # nodeadm sets it from the PCI bus when the kubelet starts: it proves a card, not a driver.
        labels.setdefault("nvidia.com/gpu.present", "true")
    return labels


def wanted_taints(group: NodeGroup) -> list[dict[str, str]]:
    return [
        {"key": taint["key"], "value": taint.get("value", ""), "effect": _EFFECTS[taint["effect"]]}
        for taint in group.view["taints"]
    ]


def correction(node: Manifest, labels: Mapping[str, str], taints: list[dict[str, str]]) -> Manifest | None:
    """The merge patch that gives a Node its group's labels and taints; None where it has them.

    What the group gave it before and gives no more is taken away; what others put on the Node stays. A taint that the
    group gave it and somebody took off stays off. Startup taints of node groups need that: Cilium's on EKS is one.
    """
    metadata = node["metadata"]
    before = json.loads(metadata.get("annotations", {}).get(APPLIED, "{}"))
    stale = [key for key in before.get("labels", []) if key not in labels]
    changed_labels: dict[str, str | None] = {
        key: value for key, value in labels.items() if metadata["labels"].get(key) != value
    }
    changed_labels |= {key: None for key in stale if key in metadata["labels"]}
    present: list[dict[str, str]] = node["spec"].get("taints", [])
    given = [_plain(taint) for taint in before.get("taints", [])]
    on_node = {(taint["key"], taint["effect"]) for taint in present}
    applied = _applied(labels, taints)
    taints = [taint for taint in taints if (taint["key"], taint["effect"]) in on_node or _plain(taint) not in given]
    ours = {(taint["key"], taint["effect"]) for taint in [*given, *taints]}
    others = [taint for taint in present if (taint["key"], taint["effect"]) not in ours]
    now_ours = [_plain(taint) for taint in present if (taint["key"], taint["effect"]) in ours]
    same_taints = sorted(now_ours, key=str) == sorted((_plain(t) for t in taints), key=str)
    if not changed_labels and same_taints and metadata.get("annotations", {}).get(APPLIED) == applied:
        return None
    patch: Manifest = {"metadata": {"labels": changed_labels, "annotations": {APPLIED: applied}}}
    if not same_taints:
        patch["spec"] = {"taints": [*others, *taints]}
    return patch


def _plain(taint: Mapping[str, str]) -> dict[str, str]:
    return {"key": taint["key"], "value": taint.get("value", ""), "effect": taint["effect"]}


def _applied(labels: Mapping[str, str], taints: list[dict[str, str]]) -> str:
    return json.dumps({"labels": sorted(labels), "taints": [_plain(taint) for taint in taints]})


def resources(kind: InstanceType, disk_gib: int) -> tuple[dict[str, str], dict[str, str]]:
    """Capacity and allocatable of a Node, without GPUs: those come with the device plugin.

    The reservations are those of the EKS images (nodeadm): CPU by the number of cores, memory by the number of pods,
    and the kubelet's hard eviction thresholds of 100 MiB of memory and 10 % of the disk.
    """
    memory = int(kind.memory_mib * (1 - _MEMORY_OVERHEAD))
    disk = disk_gib * 1024
    reserved_cpu = sum(
        share * max(0, min(kind.cpus, most) - least)
        for least, most, share in ((0, 1, 60), (1, 2, 10), (2, 4, 5), (4, kind.cpus, 2.5))
    )
    reserved_memory = 255 + 11 * kind.pods + 100
    capacity = {
        "cpu": str(kind.cpus),
        "memory": f"{memory * 1024}Ki",
        "pods": str(kind.pods),
        "ephemeral-storage": f"{disk * 1024}Ki",
    }
    allocatable = {
        "cpu": f"{int(kind.cpus * 1000 - reserved_cpu)}m",
        "memory": f"{(memory - reserved_memory) * 1024}Ki",
        "pods": str(kind.pods),
        "ephemeral-storage": f"{int(disk * 0.9 - 1024) * 1024}Ki",
    }
    return capacity, allocatable


def gpu_correction(node: Manifest, capacity: int, allocatable: int) -> Manifest | None:
    """The merge patch of the status that makes a Node advertise so many GPUs; None where it does."""
    status = node["status"]
    wanted = str(capacity), str(allocatable)
    present = status.get("capacity", {}).get(GPU), status.get("allocatable", {}).get(GPU)
    # A kubelet that never saw a device plugin has no such resource at all; after that it has 0.
    if present == wanted or (wanted == ("0", "0") and present == (None, None)):
        return None
    return {"status": {"capacity": {GPU: wanted[0]}, "allocatable": {GPU: wanted[1]}}}


def is_ready(node: Manifest) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def _image(cluster: Cluster, group: NodeGroup, instance: Instance) -> str:
    """An image id that is the same for the same kind of image, and another for another."""
    text = f"{cluster.region} {group.view['amiType']} {instance.release_version}"
    return f"ami-{hashlib.sha256(text.encode()).hexdigest()[:17]}"


def _node_info(instance: Instance, kind: InstanceType) -> dict[str, str]:
    return {
        "architecture": kind.architecture,
        "operatingSystem": "linux",
        "osImage": "Amazon Linux 2023.9.20261110",
        "kernelVersion": "6.12.55-74.119.amzn2023",
        "containerRuntimeVersion": "containerd://2.1.5",
        "kubeletVersion": versions.kubelet_version(instance.version),
        "kubeProxyVersion": "",
        "bootID": instance.id,
        "machineID": instance.id,
        "systemUUID": instance.id,
    }
