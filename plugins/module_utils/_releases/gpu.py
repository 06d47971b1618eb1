# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What GPU nodes need besides their AMI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.entasis.engine.plugins.module_utils._instance_types import GPU_LABEL
from ansible_collections.entasis.engine.plugins.module_utils._releases.release import Release

if TYPE_CHECKING:
    from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def _device_plugin_values(platform: Platform) -> dict[str, Any]:
    """The device plugin on every node with a GPU, whatever taints its pool has.

    The chart's own affinity accepts the label too, but only as one of several ways; the node selector makes it the way.
    """
    taints = dict.fromkeys(taint for pool in platform.gpu_pools for taint in pool.taints)
    return {
        "nodeSelector": {GPU_LABEL: "true"},
        "tolerations": [
            {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect} for taint in taints
        ],
    }


#: Amazon Linux 2023's NVIDIA AMI brings the driver and the container toolkit, but not the device plugin.
NVIDIA_DEVICE_PLUGIN = Release(
    name="nvidia-device-plugin",
    repository="https://nvidia.github.io/k8s-device-plugin",
    version="0.19.3",
    namespace="nvidia",
    values=_device_plugin_values,
    when=lambda platform: bool(platform.gpu_pools),
    absent_because="no node pool has GPUs",
)
