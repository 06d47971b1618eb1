# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of gpu_node_ready as users write them, and nodes, pods, DaemonSets and ResourceSlices as the API gives
them, for the rules of GPU readiness."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import Settings, parse
from ansible_collections.entasis.engine.plugins.modules.gpu_node_ready import ARGUMENTS

Object = dict[str, Any]
GPU = "nvidia.com/gpu"

#: The cluster's wall clock in every test that does not say another: 2026-11-22T12:00:00Z.
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def settings(**options: Any) -> Settings:
    """What gpu_node_ready makes of these options, and of its own defaults for all others."""
    if not options.keys() & {"nodes", "node_pool"}:
        options.setdefault("label_selector", "pool=gpu")
    checked = ArgumentSpecValidator(ARGUMENTS).validate(options)
    assert not checked.error_messages
    return parse(checked.validated_parameters)


def ago(seconds: float) -> str:
    """A time of the API, so many seconds before L(NOW)."""
    return datetime.fromtimestamp(NOW - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(
    name: str = "n1",
    *,
    capacity: int | str | None = 1,
    allocatable: int | str | None = 1,
    instance_type: str = "g4dn.xlarge",
    taints: list[str] | None = None,
    labels: dict[str, str] | None = None,
    ready: str = "True",
    resources: dict[str, int] | None = None,
    conditions: list[Object] | None = None,
    annotations: dict[str, str] | None = None,
    uid: str = "",
    os_image: str = "Amazon Linux 2023",
    **spec: Any,
) -> Object:
    """A node. C(taints) are written as kubectl does, the effect NoSchedule if none is given; C(resources) are other
    resources than nvidia.com/gpu, all healthy."""
    status: Object = {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "4"}, "nodeInfo": {"osImage": os_image}}
    if capacity is not None:
        status["capacity"][GPU] = str(capacity)
    if allocatable is not None:
        status["allocatable"][GPU] = str(allocatable)
    for resource, count in (resources or {}).items():
        status["capacity"][resource] = status["allocatable"][resource] = str(count)
    status["conditions"] = [{"type": "Ready", "status": ready, "message": "kubelet says so"}, *(conditions or [])]
    return {
        "metadata": {
            "name": name,
            "uid": uid or f"uid-{name}",
            "labels": {"node.kubernetes.io/instance-type": instance_type, **(labels or {})},
            "annotations": annotations or {},
            "creationTimestamp": ago(3600),
            "resourceVersion": "1",
        },
        "spec": {"taints": [taint(one) for one in taints or ()], **spec},
        "status": status,
    }


def taint(text: str) -> Object:
    """A taint from C(key=value:effect)."""
    name, _colon, effect = text.partition(":")
    key, _equals, value = name.partition("=")
    return {"key": key, "value": value, "effect": effect or "NoSchedule"}


def condition(type_: str, status: str, *, age: float = 3600, **said: str) -> Object:
    """A condition that has been so for C(age) seconds."""
    return {"type": type_, "status": status, "lastTransitionTime": ago(age), **said}


def plugin(on: str = "n1", *, ready: bool = True) -> Object:
    """A pod of the device plugin."""
    return {
        "metadata": {"name": "plugin"},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def daemon_set(
    name: str = "nvidia-device-plugin",
    *,
    labels: dict[str, str] | None = None,
    tolerations: list[Object] | None = None,
    **pod: Any,
) -> Object:
    """A DaemonSet, the device plugin's if its labels are not given."""
    labels = {"name": "nvidia-device-plugin-ds"} if labels is None else labels
    spec = {"tolerations": tolerations or [], **pod}
    return {
        "metadata": {"name": name, "namespace": "kube-system", "uid": f"uid-{name}"},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def resource_slice(
    devices: int, *, on: str = "n1", generation: int = 1, slices: int = 1, driver: str = "gpu.nvidia.com", **device: Any
) -> Object:
    """One of C(slices) ResourceSlices of the node's pool. C(device) is what each device has besides its name."""
    return {
        "metadata": {"name": f"{on}-{generation}"},
        "spec": {
            "driver": driver,
            "nodeName": on,
            "pool": {"name": on, "generation": generation, "resourceSliceCount": slices},
            "devices": [{"name": f"gpu-{number}", **device} for number in range(devices)],
        },
    }


def deleting() -> Object:
    """A node that is being removed."""
    leaving = node()
    leaving["metadata"]["deletionTimestamp"] = ago(5)
    return leaving
