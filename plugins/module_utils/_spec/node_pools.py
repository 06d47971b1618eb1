# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(node_pools) and C(gpu_readiness)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ansible_collections.entasis.engine.plugins.module_utils._instance_types import (
    GPU_LABEL,
    InstanceType,
    instance_type,
    nearest,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec import schema, values
from ansible_collections.entasis.engine.plugins.module_utils._spec.network import Network
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedValueError,
    Value,
    expected,
    integer,
    list_of,
    named,
    one_of,
    pattern,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section

#: The most nodes that EKS takes in one managed node group, by its default quota.
LARGEST_POOL = 450

#: EKS takes 63 characters; a pool that is replaced gets a suffix for a while.
LONGEST_NAME = 54

#: GiB. The NVIDIA AMI and the images that run on it are several times the size of the others.
_DISK_SIZE = 50
_GPU_DISK_SIZE = 100

_AMI_TYPES = {
    ("x86_64", False): "AL2023_x86_64_STANDARD",
    ("arm64", False): "AL2023_ARM_64_STANDARD",
    ("x86_64", True): "AL2023_x86_64_NVIDIA",
    ("arm64", True): "AL2023_ARM_64_NVIDIA",
}


@dataclass(frozen=True)
class GpuReadiness:
    """How long the GPU gate waits. Cluster autoscaler's advice for GPUs that come up late is 15 minutes."""

    timeout: int = key(integer(1, 7200), "Seconds to wait.", 900)
    stable_for: int = key(integer(0, 3600), "Seconds for which the nodes must stay ready before they count.", 30)


_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _effect(value: Value) -> str:
    word = text(value)
    plain = word.replace("_", "").casefold()
    if word in _EFFECTS:
        return word
    for effect in _EFFECTS:
        if plain == effect.casefold():
            raise value.refuse(f"'{word}' is not how Kubernetes writes it; write {effect}")
    raise value.refuse(f"'{word}' is not an effect; {expected(word, _EFFECTS, 'write one of')}")


@dataclass(frozen=True)
class Taint:
    key: str = schema.key(
        values.taint_key, "Key of the taint. Those of `node.kubernetes.io` tell a node's state and are Kubernetes'."
    )
    value: str = schema.key(values.label_value, "Value of the taint.", "")
    effect: str = schema.key(replace(one_of(*_EFFECTS), read=_effect), "What happens to pods without a toleration.")


#: What keeps other pods away from the GPUs.
GPU_TAINT = Taint("nvidia.com/gpu", "true", "NoSchedule")


@list_of(section(Taint), most=50).then
def _taints(value: Value, taints: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """To Kubernetes a taint is its key and its effect."""
    first: dict[tuple[str, str], int] = {}
    for index, taint in enumerate(taints):
        before = first.setdefault((taint.key, taint.effect), index)
        if before != index:
            value.child(index).problem(f"has the key and the effect of [{before}]; remove one of the two")
    return taints


@text.then
def _instance_type(value: Value, word: str) -> str:
    if instance_type(word) is None:
        near = ", ".join(nearest(word))
        instead = f"write one of: {near}" if near else "write a type such as c5.2xlarge"
        raise value.refuse(f"'{word}' is not an instance type that the platform knows; {instead}")
    return word


def _among(known: Callable[[Network], Iterable[str]], what: str) -> Parser[tuple[str, ...]]:
    """Some of what the network has; without a network, which has its own problem then, nothing is refused for it."""

    def read(value: Value, word: str) -> str:
        network = value.known["network"]
        if network is None:
            raise RefusedValueError
        choices = dict.fromkeys(known(network))
        if word not in choices:
            raise value.refuse(f"'{word}' is not a {what} of this platform; write one of: {', '.join(choices)}")
        return word

    return list_of(text.then(read), least=1, unique=True)


_size = integer(0, LARGEST_POOL)


@dataclass(frozen=True)
class NodePool:
    """One managed node group. C(gpus) are the GPUs that each of its nodes has; C(exact_subnets): they were chosen."""

    name: str = key(
        pattern(
            r"[A-Za-z0-9][A-Za-z0-9_-]*",
            "a name of a node group; write letters, digits, '-' and '_', a letter or digit first",
            longest=LONGEST_NAME,
        ),
        "Name of the node group: letters, digits, `-` and `_`, a letter or digit first.",
    )
    instance_type: str | None = key(_instance_type, "EC2 instance type; or write `instance_types`.", None, shown="—")
    instance_types: tuple[str, ...] = key(
        list_of(_instance_type, least=1, most=20, unique=True),
        "Several types of one architecture, all with GPUs or all without.",
        (),
        shown="—",
    )
    min_size: int = key(_size, "Fewest nodes.")
    max_size: int = key(integer(1, LARGEST_POOL), "Most nodes.")
    desired_size: int | None = key(
        _size, "Nodes that each run sets.", None, shown="left to the autoscaler; `min_size` at first"
    )
    labels: Mapping[str, str] = key(
        values.node_labels, "Labels of the nodes. Keys of kubernetes.io, k8s.io and eks.amazonaws.com are EKS's.", {}
    )
    taints: tuple[Taint, ...] = key(_taints, "Taints of the nodes.", None, shown="none; the GPU taint with GPUs")
    ami_type: str = key(
        replace(one_of(*_AMI_TYPES.values()), read=text.read),
        "Only the one that fits is taken.",
        None,
        shown="by architecture and GPUs",
    )
    capacity_type: str = key(one_of("ON_DEMAND", "SPOT"), "How the nodes are paid for.", "ON_DEMAND")
    disk_size: int = key(integer(20, 16384), "GiB of each node's disk.", None, shown="50; 100 with GPUs")
    max_unavailable: int = key(integer(1, 100), "Nodes that an update replaces at a time.", 1)
    update_strategy: str = key(
        one_of("DEFAULT", "MINIMAL"),
        "`DEFAULT` first adds nodes, two for each zone or `max_unavailable`; `MINIMAL` adds none, to "
        "spare quota and addresses.",
        "DEFAULT",
    )
    ami_release: str = key(
        one_of("keep", "latest"),
        "`latest` replaces the nodes as soon as AWS has a newer release of their image; `keep` only tells of it.",
        "keep",
    )
    replacement: str = key(
        one_of("refuse", "drain", "delete"),
        "How a change of instance types, AMI type, capacity type, disk or zones is made, which takes a new node group: "
        "`refuse` fails, `drain` moves the pods within their disruption budgets, `delete` does not wait for them.",
        "refuse",
    )
    zones: tuple[str, ...] = key(
        _among(lambda network: (subnet.zone for subnet in network.private_subnets), "zone with a private subnet"),
        "Zones of the pool. Without them a zone that does not offer all its instance types is left out, and a zone "
        "that the platform gets later is for new pools.",
        (),
        shown="all zones",
    )
    subnets: tuple[str, ...] = key(
        _among(lambda network: (subnet.name for subnet in network.private_subnets), "private subnet"),
        "Private subnets of the pool by name, instead of `zones`.",
        (),
        shown="all private subnets",
    )
    tags: Mapping[str, str] = key(values.tags, "Tags of the node group, besides the platform's.", {})
    gpus: int = 0
    exact_subnets: bool = False


def _pool(taken: Section, pool: NodePool) -> NodePool:
    types = _types(taken, pool)
    right = _AMI_TYPES[types[0].architecture, types[0].gpus > 0] if types else ""
    if pool.ami_type and right and pool.ami_type != right:
        taken.refuse(
            "ami_type", f"'{pool.ami_type}' is not the one that runs {types[0].name}; write {right}, or leave it out"
        )
    if taken.has("zones") and taken.has("subnets"):
        taken.refuse("subnets", "zones is written too; write one of the two")
    if taken.understood("min_size", "max_size", "desired_size"):
        _check_sizes(taken, pool)
    _check_tags(taken, pool)
    gpus = min((entry.gpus for entry in types), default=0)
    network: Network | None = taken.value.known["network"]
    private = network.private_subnets if network else ()
    return replace(
        pool,
        instance_types=tuple(entry.name for entry in types),
        labels={**(pool.labels or {}), **({GPU_LABEL: "true"} if gpus else {})},
        taints=pool.taints if taken.has("taints") else (GPU_TAINT,) if gpus else (),
        ami_type=right,
        disk_size=pool.disk_size or (_GPU_DISK_SIZE if gpus else _DISK_SIZE),
        subnets=pool.subnets or tuple(entry.name for entry in private if not pool.zones or entry.zone in pool.zones),
        gpus=gpus,
        exact_subnets=taken.has("zones") or taken.has("subnets"),
    )


def _types(taken: Section, pool: NodePool) -> tuple[InstanceType, ...]:
    """The types of C(instance_type) or C(instance_types); empty after a problem, which the section has."""
    if taken.has("instance_type") and taken.has("instance_types"):
        taken.refuse("instance_types", "instance_type is written too; write one of the two")
    elif not taken.has("instance_type") and not taken.has("instance_types"):
        taken.refuse("instance_type", "is missing; write the type of the pool's nodes, such as c5.2xlarge")
    names = pool.instance_types or ((pool.instance_type,) if pool.instance_type else ())
    types = tuple(entry for entry in map(instance_type, names) if entry)
    if len({entry.architecture for entry in types}) > 1:
        taken.refuse("instance_types", "x86_64 and arm64 types share no AMI; write types of one architecture")
    if len({entry.gpus > 0 for entry in types}) > 1:
        taken.refuse("instance_types", "types with and without GPUs share no AMI; write them as two pools")
    return types


def _check_sizes(taken: Section, pool: NodePool) -> None:
    if pool.max_size < pool.min_size:
        instead = f"write max_size: {pool.min_size} or more"
        taken.refuse("max_size", f"{pool.max_size} is less than min_size {pool.min_size}; {instead}")
    elif pool.desired_size is not None and not pool.min_size <= pool.desired_size <= pool.max_size:
        taken.refuse(
            "desired_size",
            f"{pool.desired_size} is outside min_size {pool.min_size} to max_size {pool.max_size}; write a number "
            f"from {pool.min_size} to {pool.max_size}, or leave it out",
        )


def _check_tags(taken: Section, pool: NodePool) -> None:
    together = len({**(taken.value.known["tags"] or {}), **(pool.tags or {})})
    if together > values.MOST_TAGS:
        taken.refuse("tags", f"{together} of at most {values.MOST_TAGS} with those of the platform; write fewer")


#: The pools that were understood are known as C(pools), for checks that look at them although others were refused.
node_pools = named(list_of(section(NodePool, _pool), keep="pools"))
