# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the stand-in charts are made from: one entry a chart, under the name and version that the collection pins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES


@dataclass(frozen=True)
class Workload:
    """One Deployment, StatefulSet or DaemonSet.

    Its replicas, resources, nodeSelector, affinity, tolerations, topologySpreadConstraints, priorityClassName,
    podLabels, podAnnotations and minReadySeconds come from the chart's values: from those under the path C(values)
    (C("webhook"), …) first, then from the top, as the real chart has them. The resources are those of the first
    container.
    """

    kind: Literal["Deployment", "StatefulSet", "DaemonSet"]
    containers: tuple[str, ...]
    #: What follows the full name of the release: C("-webhook").
    suffix: str = ""
    #: The path of the workload's own values, with dots; empty for the top.
    values: str = ""
    #: The path of the switch that turns the workload off, with dots; empty where it is always there.
    enabled: str = ""
    #: Pod labels, beside app.kubernetes.io/name and app.kubernetes.io/instance.
    labels: dict[str, str] = field(default_factory=dict)
    #: Node labels that the real chart asks for, whatever its values say.
    node_selector: dict[str, str] = field(default_factory=dict)
    #: The ports of a Service of the same name: name -> port. None, no Service.
    service: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """A CustomResourceDefinition whose objects may have any fields, in the chart's folder crds.

    The first version is the one that is stored. Controllers, or what plays them, write the status apart.
    """

    group: str
    kind: str
    plural: str
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    versions: tuple[str, ...] = ("v1",)


@dataclass(frozen=True)
class Chart:
    """One chart. C(values) are the upstream defaults that a workload depends on; every other key is accepted too."""

    name: str
    version: str
    #: The image that the real chart runs, and its tag where the values name none.
    image: str
    tag: str
    workloads: tuple[Workload, ...]
    values: dict[str, Any] = field(default_factory=dict)
    definitions: tuple[Definition, ...] = ()
    #: The real chart does not render in the namespace default.
    refuses_default_namespace: bool = False


_GPU_PRESENT = {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
_NVIDIA_PCI_DEVICE = {"key": "feature.node.kubernetes.io/pci-10de.present", "operator": "In", "values": ["true"]}
_NVIDIA_CPU = {"key": "feature.node.kubernetes.io/cpu-model.vendor_id", "operator": "In", "values": ["NVIDIA"]}

CHARTS = (
    # Without the APIService v1beta1.metrics.k8s.io: no process answers behind a simulated pod, and an API service that
    # does not answer slows every discovery and stops namespaces from being deleted. So kubectl top and CPU-based
    # autoscaling have no figures in the sandbox.
    Chart(
        name="metrics-server",
        version=RELEASES["metrics-server"].version,
        image="registry.k8s.io/metrics-server/metrics-server",
        tag="v0.8.1",
        workloads=(Workload("Deployment", ("metrics-server",), service={"https": 443}),),
        values={
            "replicas": 1,
            "priorityClassName": "system-cluster-critical",
            "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
        },
    ),
    Chart(
        name="nvidia-device-plugin",
        version=RELEASES["nvidia-device-plugin"].version,
        image="nvcr.io/nvidia/k8s-device-plugin",
        tag="v0.19.3",
        workloads=(
            Workload("DaemonSet", ("nvidia-device-plugin-ctr",), enabled="devicePlugin.enabled"),
            Workload(
                "DaemonSet",
                ("mps-control-daemon-ctr",),
                suffix="-mps-control-daemon",
                enabled="devicePlugin.enabled",
                node_selector={"nvidia.com/mps.capable": "true"},
            ),
        ),
        values={
            "devicePlugin": {"enabled": True},
            "priorityClassName": "system-node-critical",
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [_NVIDIA_PCI_DEVICE]},
                            {"matchExpressions": [_NVIDIA_CPU]},
                            {"matchExpressions": [_GPU_PRESENT]},
                        ]
                    }
                }
            },
            "tolerations": [
                {"key": "CriticalAddonsOnly", "operator": "Exists"},
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            ],
        },
        refuses_default_namespace=True,
    ),
)
