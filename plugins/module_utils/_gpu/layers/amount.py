# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L5 and L6: what a node offers, and whether that is all that it should have.

A resource that the node does not know was never registered. One of capacity 0 was, and its plugin is gone. One that is
less allocatable than capacity has unhealthy devices. One that is all healthy and too small lacks a card, and nothing
else says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _instance_types
from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import GPU_RESOURCE, MIG_PREFIX, Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Offer:
    """How much of one resource a node offers. C(expected) is None where any number above 0 is right.

    C(expected_from) says in words where the expectation is from; empty where it was looked for and not found.
    """

    resource: str
    capacity: int | None
    allocatable: int | None
    expected: int | None
    expected_from: str
    mig: bool = False
    #: What the node offers under the name that the device plugin gives to shared GPUs, where it renames them.
    shared: str = ""


def offers(node: Object, config: Config) -> list[Offer]:
    """The resources that count on a node of the device plugin: one, but for MIG's strategy mixed."""
    status = node.get("status") or {}
    return [
        Offer(
            resource,
            labels.amount(status.get("capacity"), resource),
            labels.amount(status.get("allocatable"), resource),
            *expectation(node, resource, config),
            mig=resource.startswith(MIG_PREFIX) or partitioned(labels.of(node)),
            shared=_shared_under(status, f"{resource}.shared"),
        )
        for resource in _resources(node, config)
    ]


def partitioned(of: Mapping[str, str]) -> bool:
    """Whether nvidia.com/gpu stands for partitions, as MIG's strategy single has it."""
    return "-MIG-" in of.get(labels.PRODUCT, "")


def expectation(node: Object, resource: str, config: Config) -> tuple[int | None, str]:
    """How many are expected, and where that is from."""
    given = config.expected_gpus
    if isinstance(given, int):
        return given, "expected_gpus"
    if given == "skip":
        return None, "skip"
    of = labels.of(node)
    if resource.startswith(MIG_PREFIX):
        return _by_profile(resource, of, config)
    if partitioned(of):
        profiles = [*config.mig_profiles.values()]
        if len(profiles) == 1 and profiles[0] is not None:
            return profiles[0], "mig_profiles"
        counted = labels.number(of.get(labels.COUNT))
        return (None if counted is None else counted * _shared(of, labels.REPLICAS)), f"the label {labels.COUNT}"
    of_type = by_type(of)
    return (None, "") if of_type is None else (of_type[0] * _shared(of, labels.REPLICAS), of_type[1])


def by_type(of: Mapping[str, str]) -> tuple[int, str] | None:
    """How many cards the machine has by its instance type, and where that is from."""
    name = of.get(labels.INSTANCE_TYPE, "")
    known = _instance_types.instance_type(name)
    if known is not None:
        return known.gpus, f"the instance type {name}"
    counted = labels.number(of.get(labels.KARPENTER_GPU_COUNT))
    return None if counted is None else (counted, f"the label {labels.KARPENTER_GPU_COUNT}")


def registered(found: list[Offer]) -> bool:
    """Whether the node knows all of the resources."""
    return all(one.capacity is not None and one.allocatable is not None for one in found)


def advertised(offer: Offer, *, plugin_ready: bool, explained: bool) -> list[Reason]:
    """L5. C(explained) is whether the device plugin's layer says already why the resource is not known."""
    resource = offer.resource
    if offer.capacity is None or offer.allocatable is None:
        return [] if explained else [reason("NOT_ADVERTISED", f"the node does not know {resource} yet{offer.shared}")]
    if offer.capacity == 0:
        if plugin_ready:
            return [
                reason("ALLOC_ZERO_PLUGIN_RUNNING", f"the device plugin runs and offers no {resource}{offer.shared}")
            ]
        return [reason("ALLOC_ZERO", f"the node offers no {resource} any more{offer.shared}")]
    healthy = f"{offer.allocatable} of {offer.capacity} {resource} are healthy"
    if offer.allocatable == 0:
        return [reason("ALL_UNHEALTHY", healthy)]
    return [reason("PARTIAL_UNHEALTHY", healthy)] if offer.allocatable < offer.capacity else []


def amount(offer: Offer) -> list[Reason]:
    """L6. An unhealthy GPU is one that is there, so it is the capacity that counts."""
    if not offer.capacity or offer.expected is None or offer.capacity == offer.expected:
        return []
    told = f"{offer.capacity} {offer.resource} where {offer.expected} are expected ({offer.expected_from})"
    if offer.mig:
        return [reason("MIG_PROFILE_MISMATCH", told)]
    return [reason("COUNT_BELOW_TYPE" if offer.capacity < offer.expected else "COUNT_ABOVE_TYPE", told)]


def _resources(node: Object, config: Config) -> list[str]:
    strategy = config.mig_strategy or labels.of(node).get(labels.MIG_STRATEGY)
    if config.gpu_resource != GPU_RESOURCE or strategy != "mixed":
        return [config.gpu_resource]
    if config.mig_profiles:
        return [MIG_PREFIX + profile for profile in sorted(config.mig_profiles)]
    capacity = (node.get("status") or {}).get("capacity") or {}
    # A profile of before the last partitioning stays known with 0 until the kubelet restarts.
    found = [name for name in sorted(capacity) if name.startswith(MIG_PREFIX) and labels.amount(capacity, name)]
    return found or [config.gpu_resource]


def _by_profile(resource: str, of: Mapping[str, str], config: Config) -> tuple[int | None, str]:
    profile = resource[len(MIG_PREFIX) :]
    if profile in config.mig_profiles:
        return config.mig_profiles[profile], "mig_profiles"
    label = resource.removesuffix(".shared")
    counted = labels.number(of.get(f"{label}.count"))
    found = None if counted is None else counted * _shared(of, f"{label}.replicas")
    return found, f"the label {label}.count"


def _shared_under(status: Object, renamed: str) -> str:
    count = labels.amount(status.get("capacity"), renamed)
    return f", but {count} {renamed}: set gpu_resource to that name" if count else ""


def _shared(of: Mapping[str, str], label: str) -> int:
    return labels.number(of.get(label)) or 1
