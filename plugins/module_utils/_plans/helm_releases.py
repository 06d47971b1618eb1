# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the Helm releases, and of the gate that waits for the GPUs once their device plugin runs."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._instance_types import GPU_LABEL
from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan, options
from ansible_collections.entasis.engine.plugins.module_utils._plans.kubernetes_layer import kubernetes_layer
from ansible_collections.entasis.engine.plugins.module_utils._releases.gpu import NVIDIA_DEVICE_PLUGIN
from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def helm_releases_plan(platform: Platform) -> Plan:
    """The platform's releases and the spec's own, each pinned, then the GPU gate."""
    own = [options(release) for release in platform.helm_releases if release.name not in RELEASES]
    return kubernetes_layer(platform, "helm_releases", own_releases=own, gates=_gpu_gates(platform))


def _gpu_gates(platform: Platform) -> list[Plan]:
    """The least nodes that the GPU pools have, each with the GPUs of its instance type and a pod of the plugin."""
    if not platform.gpu_pools:
        return []
    gate = {
        "label_selector": f"{GPU_LABEL}=true",
        "expected_count": sum(pool.min_size for pool in platform.gpu_pools),
        # The platform installs the plugin, so that nothing has to be listed to find its pods.
        "device_plugin": {
            "mode": "required",
            "namespace": NVIDIA_DEVICE_PLUGIN.namespace,
            "selectors": [f"app.kubernetes.io/name={NVIDIA_DEVICE_PLUGIN.name}"],
        },
    }
    return [{**gate, **options(platform.gpu_readiness)}]
