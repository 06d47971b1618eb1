# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of C(node_pools)."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.entasis.engine.plugins.module_utils._instance_types import InstanceType, instance_type, nearest
from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import GpuReadiness, Network, NodePool, Taint
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedError,
    Section,
    Value,
    expected,
    integer,
    list_of,
    one_of,
    section_of,
    text,
)

#: The most nodes that EKS takes in one managed node group, by its default quota.
LARGEST_POOL = 450

#: What keeps other pods away from the GPUs, and what the NVIDIA device plugin looks for. The AMI's start-up sets the
#: label too, but an autoscaler that starts the first node only knows what the node group says.
GPU_TAINT = Taint("nvidia.com/gpu", "true", "NoSchedule")
GPU_LABEL = "nvidia.com/gpu.present"

#: GiB. The NVIDIA AMI and the images that run on it are several times the size of the others.
_DISK_SIZE = 50
_GPU_DISK_SIZE = 100

_AMI_TYPES = {
    ("x86_64", False): "AL2023_x86_64_STANDARD",
    ("arm64", False): "AL2023_ARM_64_STANDARD",
    ("x86_64", True): "AL2023_x86_64_NVIDIA",
    ("arm64", True): "AL2023_ARM_64_NVIDIA",
}
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def node_pools(network: Network | None, understood: list[NodePool]) -> Parser[tuple[NodePool, ...]]:
    """The parser of C(node_pools); without a network (it was refused) the pools' places are not checked.

    C(understood) gets the pools that were not refused.
    """
    pool = section_of(lambda section: _pool(section, network), _check_sizes)
    return list_of(pool, named=True, understood=understood)


def gpu_readiness(value: Value) -> GpuReadiness:
    """The parser of C(gpu_readiness). Cluster autoscaler's advice for GPUs that come up late is 15 minutes."""
    return section_of(
        lambda section: GpuReadiness(
            timeout=section.take("timeout", integer(1, 7200), 900),
            stable_for=section.take("stable_for", integer(0, 3600), 30),
        )
    )(value)


def _pool(section: Section, network: Network | None) -> NodePool:
    types = _instance_types(section)
    gpus = min((entry.gpus for entry in types), default=0)
    size = integer(0, LARGEST_POOL)
    labels: dict[str, str] = section.take("labels", values.node_labels, {})
    return NodePool(
        name=section.take("name", values.dns_label()),
        instance_types=tuple(entry.name for entry in types),
        min_size=section.take("min_size", size),
        max_size=section.take("max_size", integer(1, LARGEST_POOL)),
        desired_size=section.take("desired_size", size, None),
        labels={**(labels or {}), **({GPU_LABEL: "true"} if gpus else {})},
        taints=section.take("taints", list_of(section_of(_taint), unique=True), (GPU_TAINT,) if gpus else ()),
        ami_type=section.take("ami_type", _ami_type(types), _default_ami_type(types)),
        capacity_type=section.take("capacity_type", one_of("ON_DEMAND", "SPOT"), "ON_DEMAND"),
        disk_size=section.take("disk_size", integer(20, 16384), _GPU_DISK_SIZE if gpus else _DISK_SIZE),
        max_unavailable=section.take("max_unavailable", integer(1, 100), 1),
        subnets=_subnets(section, network),
        tags=section.take("tags", values.tags, {}),
        gpus=gpus,
    )


def _check_sizes(value: Value, pool: NodePool) -> None:
    if pool.max_size < pool.min_size:
        value.child("max_size", None).problem(
            f"{pool.max_size} is less than min_size {pool.min_size}; write max_size: {pool.min_size} or more"
        )
    elif pool.desired_size is not None and not pool.min_size <= pool.desired_size <= pool.max_size:
        value.child("desired_size", None).problem(
            f"{pool.desired_size} is outside min_size {pool.min_size} to max_size {pool.max_size}; write a number "
            f"from {pool.min_size} to {pool.max_size}, or leave it out"
        )


def _instance_types(section: Section) -> tuple[InstanceType, ...]:
    """The types of C(instance_type) or C(instance_types); empty after a problem, which the section has."""
    one = section.take("instance_type", _instance_type, None)
    several: tuple[InstanceType, ...] = section.take(
        "instance_types", list_of(_instance_type, least=1, unique=True), ()
    )
    if section.has("instance_type") and section.has("instance_types"):
        section.refuse("instance_types", "instance_type is written too; write one of the two")
    elif not section.has("instance_type") and not section.has("instance_types"):
        section.refuse("instance_type", "is missing; write the type of the pool's nodes, such as c5.2xlarge")
    types = several or ((one,) if one else ())
    if len({entry.architecture for entry in types}) > 1:
        section.refuse("instance_types", "x86_64 and arm64 types share no AMI; write types of one architecture")
    if len({entry.gpus > 0 for entry in types}) > 1:
        section.refuse("instance_types", "types with and without GPUs share no AMI; write them as two pools")
    return types


def _instance_type(value: Value) -> InstanceType:
    word = text(value)
    known = instance_type(word)
    if known is None:
        near = ", ".join(nearest(word))
        instead = f"write one of: {near}" if near else "write a type such as c5.2xlarge"
        raise value.refuse(f"'{word}' is not an instance type that the platform knows; {instead}")
    return known


def _default_ami_type(types: Sequence[InstanceType]) -> str:
    return _AMI_TYPES[types[0].architecture, types[0].gpus > 0] if types else ""


def _ami_type(types: Sequence[InstanceType]) -> Parser[str]:
    def parser(value: Value) -> str:
        if not types:
            return one_of(*_AMI_TYPES.values())(value)
        word, right = text(value), _default_ami_type(types)
        if word != right:
            raise value.refuse(f"'{word}' is not the one that runs {types[0].name}; write {right}, or leave it out")
        return word

    return parser


def _taint(section: Section) -> Taint:
    return Taint(
        key=section.take("key", values.node_label_key),
        value=section.take("value", values.label_value, ""),
        effect=section.take("effect", _effect),
    )


def _effect(value: Value) -> str:
    word = text(value)
    plain = word.replace("_", "").casefold()
    if word in _EFFECTS:
        return word
    for effect in _EFFECTS:
        if plain == effect.casefold():
            raise value.refuse(f"'{word}' is not how Kubernetes writes it; write {effect}")
    raise value.refuse(f"'{word}' is not an effect; {expected(word, _EFFECTS, 'write one of')}")


def _subnets(section: Section, network: Network | None) -> tuple[str, ...]:
    """The private subnets of the pool: those it names, those in the zones that it names, or all."""
    private = network.private_subnets if network else ()
    zones_known = list(dict.fromkeys(subnet.zone for subnet in private))
    names = [subnet.name for subnet in private]
    zone = list_of(_among(zones_known, "zone with a private subnet"), least=1, unique=True)
    zones: tuple[str, ...] = section.take("zones", zone, ())
    subnet = list_of(_among(names, "private subnet"), least=1, unique=True)
    subnets: tuple[str, ...] = section.take("subnets", subnet, ())
    if section.has("zones") and section.has("subnets"):
        section.refuse("subnets", "zones is written too; write one of the two")
    return subnets or tuple(entry.name for entry in private if not zones or entry.zone in zones)


def _among(names: Sequence[str], what: str) -> Parser[str]:
    def parser(value: Value) -> str:
        word = text(value)
        if not names:
            raise RefusedError  # the network was refused and has its own problem
        if word not in names:
            raise value.refuse(f"'{word}' is not a {what} of this platform; write one of: {', '.join(names)}")
        return word

    return parser
