# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L5 with dynamic resource allocation (DRA): GPUs as devices in ResourceSlices instead of a resource of the node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers.amount import Offer, by_type
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason

Object = Mapping[str, Any]

DRIVER = "gpu.nvidia.com"

#: The types of device that pods compute on. The driver publishes a card a second time, as C(vfio), for pass-through.
_WHOLE, _PARTITION = "gpu", "mig"

#: Effects of a device's taint that keep claims away from it.
_UNUSABLE = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Devices:
    """The devices of a node, and the names of the pools of which no generation is complete."""

    devices: tuple[Object, ...]
    incomplete: tuple[str, ...]


def used(node: Object, context: Context, config: Config) -> bool:
    """Whether the node's GPUs are judged by its ResourceSlices."""
    if config.mode != "auto":
        return config.mode == "dra"
    known = labels.amount((node.get("status") or {}).get("capacity"), config.gpu_resource)
    return not known and bool(_of_driver(context))


def devices(context: Context) -> Devices:
    """The devices of the newest complete generation of each pool: an older one is history, a newer one is half told."""
    pools: dict[str, dict[int, list[Object]]] = defaultdict(lambda: defaultdict(list))
    for one in _of_driver(context):
        pool = one["spec"]["pool"]
        pools[pool["name"]][int(pool.get("generation", 0))].append(one)
    found: list[Object] = []
    incomplete = []
    for name, generations in sorted(pools.items()):
        for _generation, slices in sorted(generations.items(), reverse=True):
            if len(slices) >= int(slices[0]["spec"]["pool"].get("resourceSliceCount", 1)):
                found += [
                    device
                    for one in slices
                    for device in one["spec"].get("devices") or ()
                    if _type(device) in (_WHOLE, _PARTITION)
                ]
                break
        else:
            incomplete.append(name)
    return Devices(tuple(found), tuple(incomplete))


def offer(node: Object, found: Devices, config: Config) -> Offer:
    """What the node offers: each device is one, and healthy while no taint keeps claims away from it.

    Partitions that may be cut from a card on demand stand beside it and share its counters: they are no more cards.
    """
    cards = [device for device in found.devices if _type(device) == _WHOLE]
    fixed = [
        device
        for device in found.devices
        if _type(device) == _PARTITION and not (cards and _fields(device).get("consumesCounters"))
    ]
    counted = [*cards, *fixed]
    count = len(counted)
    healthy = sum(
        not any(taint.get("effect") in _UNUSABLE for taint in _fields(device).get("taints") or ()) for device in counted
    )
    mig = bool(fixed)
    expected: tuple[int | None, str] = (None, "")
    if isinstance(config.expected_gpus, int):
        expected = (config.expected_gpus, "expected_gpus")
    elif config.expected_gpus == "skip" or mig:
        expected = (None, "skip")
    else:
        expected = by_type(labels.of(node)) or expected
    return Offer(f"devices of {DRIVER}", count, healthy, *expected, mig=mig)


def published(found: Devices) -> list[Reason]:
    """Whether the driver has told of its devices."""
    if found.incomplete:
        return [reason("SLICES_INCOMPLETE", f"not all ResourceSlices of {', '.join(found.incomplete)} are there yet")]
    return [] if found.devices else [reason("SLICES_MISSING", f"no ResourceSlice of {DRIVER} has a GPU of the node")]


def attribute(device: Object, name: str) -> str:
    """A device's attribute as text, empty where it has none."""
    attributes = _fields(device).get("attributes") or {}
    value = attributes.get(name) or attributes.get(f"{DRIVER}/{name}") or {}
    return str(value.get("string") or value.get("version") or "")


def common(found: Sequence[Object], name: str) -> str:
    """The attribute of the first device, with - for spaces as in labels; the GPUs of a machine are all alike."""
    return attribute(found[0], name).replace(" ", "-") if found else ""


def _type(device: Object) -> str:
    return attribute(device, "type") or _WHOLE


def _of_driver(context: Context) -> list[Object]:
    return [one for one in context.resource_slices or () if one["spec"].get("driver") == DRIVER]


def _fields(device: Object) -> Object:
    # Until v1beta1 they were under C(basic).
    return device.get("basic") or device
