# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the Helm releases, and of the gate that waits for the GPUs once their device plugin runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._charts import (
    CHARTS,
    METRICS_SERVER,
    NVIDIA_DEVICE_PLUGIN,
    Chart,
)
from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan, common, kubeconfig
from ansible_collections.entasis.engine.plugins.module_utils._spec.helm import DEFAULT_TIMEOUT, HelmRelease
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import GPU_LABEL, GpuReadiness, NodePool
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def helm_releases_plan(platform: Platform) -> Plan:
    """The platform's releases and the spec's own, each pinned, then the GPU gate."""
    gpu_pools = [pool for pool in platform.node_pools if pool.gpus]
    charts = [(METRICS_SERVER, metrics_server_values())]
    if gpu_pools:
        charts.append((NVIDIA_DEVICE_PLUGIN, device_plugin_values(gpu_pools)))
    written = {release.name: release for release in platform.helm_releases}
    return {
        **common(platform),
        "purge": platform.purge,
        "kubeconfig": kubeconfig(platform),
        "mirror": platform.charts.mirror,
        "releases": [
            *(_platform_release(chart, values, written.get(chart.name)) for chart, values in charts),
            *(_own_release(release) for release in platform.helm_releases if release.name not in CHARTS),
        ],
        "gpu": _gpu_gate(gpu_pools, platform.gpu_readiness),
    }


def metrics_server_values() -> Plan:
    """Two replicas, so that the autoscalers keep their figures while a node is replaced."""
    return {"replicas": 2, "podDisruptionBudget": {"enabled": True, "minAvailable": 1}}


def device_plugin_values(pools: Sequence[NodePool]) -> Plan:
    """The device plugin on every node with a GPU, whatever taints its pool has.

    The chart's own affinity accepts the label too, but only as one of several ways; the node selector makes it the way.
    """
    taints = dict.fromkeys(taint for pool in pools for taint in pool.taints)
    return {
        "nodeSelector": {GPU_LABEL: "true"},
        "tolerations": [
            {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect} for taint in taints
        ],
    }


def _platform_release(chart: Chart, values: Plan, changes: HelmRelease | None) -> Plan:
    return _release(
        name=chart.name,
        namespace=chart.namespace,
        chart=chart.name,
        repository=chart.repository,
        version=chart.version,
        values=merged(values, changes.values) if changes else values,
        timeout=changes.timeout if changes else DEFAULT_TIMEOUT,
    )


def _own_release(release: HelmRelease) -> Plan:
    return _release(
        name=release.name,
        namespace=release.namespace,
        chart=release.chart,
        repository=release.repository or "",
        version=release.version,
        values=dict(release.values),
        timeout=release.timeout,
    )


def _release(**options: Any) -> Plan:
    return {**options, "wait": True, "create_namespace": True}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Plan:
    """Helm's own rule for values over values: mappings are merged, anything else is replaced."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return result


def _gpu_gate(pools: Sequence[NodePool], readiness: GpuReadiness) -> Plan | None:
    """What gpu_node_ready waits for: the least nodes that the pools have, each with the GPUs of its instance type."""
    if not pools:
        return None
    return {
        "label_selector": f"{GPU_LABEL}=true",
        "expected_count": sum(pool.min_size for pool in pools),
        "expected_gpus": "auto",
        "timeout": readiness.timeout,
        "stable_for": readiness.stable_for,
    }
