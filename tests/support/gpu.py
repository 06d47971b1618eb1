# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes and pods as the API gives them, for the rules of GPU readiness."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
GPU = "nvidia.com/gpu"


def node(
    name: str = "n1",
    *,
    capacity: int | None = 1,
    allocatable: int | None = 1,
    instance_type: str = "g4dn.xlarge",
    taints: list[str] | None = None,
    labels: dict[str, str] | None = None,
    ready: str = "True",
    **spec: Any,
) -> Object:
    status: Object = {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "4"}}
    if capacity is not None:
        status["capacity"][GPU] = str(capacity)
    if allocatable is not None:
        status["allocatable"][GPU] = str(allocatable)
    status["conditions"] = [{"type": "Ready", "status": ready, "message": "kubelet says so"}]
    return {
        "metadata": {
            "name": name,
            "labels": {"node.kubernetes.io/instance-type": instance_type, **(labels or {})},
            "resourceVersion": "1",
        },
        "spec": {"taints": [{"key": key, "effect": "NoSchedule"} for key in taints or ()], **spec},
        "status": status,
    }


def plugin(on: str = "n1", *, ready: bool = True) -> Object:
    return {
        "metadata": {"name": "plugin"},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def deleting() -> Object:
    leaving = node()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    return leaving
