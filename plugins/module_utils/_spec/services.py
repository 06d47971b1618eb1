# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(services)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._quantities import amount
from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import NodePool
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Value,
    integer,
    list_of,
    mapping_of,
    named,
    pattern,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

DEFAULT_NAMESPACE = "trading"
#: PostgreSQL and Redis, as the document's database group has them.
DATABASE_PORTS = (5432, 6379)
HTTP_PORT = "http"

_replicas = integer(1, 1000)
_port = integer(1, 65535)


@values.dns_label.then
def _namespace(value: Value, word: str) -> str:
    if word == "default" or word.startswith("kube-"):
        raise value.refuse(
            f"'{word}' belongs to Kubernetes; write a namespace of your own, such as {DEFAULT_NAMESPACE}"
        )
    return word


#: A part of an image's path, as registries take it.
_PATH = "[a-z0-9]+([._-]+[a-z0-9]+)*"


@pattern(
    rf"([a-z0-9.-]+(:[0-9]+)?/)?{_PATH}(/{_PATH})*(:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?",
    "an image; write it as name:tag or registry/name:tag",
    longest=512,
).then
def _image(value: Value, word: str) -> str:
    _path, _slash, last = word.rpartition("/")
    if "@" not in word and ":" not in last:
        raise value.refuse(f"'{word}' has no tag, so that it may change under you; write {word}:<tag>")
    return word


_port_name = pattern(
    r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*",
    "the name of a port; write lower-case letters, digits and single hyphens between, a letter among them",
    longest=15,
)
_variable = pattern(
    r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable; write letters, digits and '_', no digit first", longest=253
)


@mapping_of(_port_name, _port).then
def _ports(value: Value, ports: dict[str, int]) -> dict[str, int]:
    first: dict[int, str] = {}
    for name, number in ports.items():
        other = first.setdefault(number, name)
        if other != name:
            value.child(name).problem(f"{number} is the port of '{other}' too; write another number, or remove one")
    return ports


_HUGE_PAGES = "hugepages-"
#: Kubernetes' own resources, with the least and the most that makes sense; others have a domain.
_RESOURCES = {
    "cpu": (0, 2000, "CPUs", "500m for half a CPU"),
    "memory": (2**20, 2**46, "bytes", "512Mi"),
    "ephemeral-storage": (2**10, 2**56, "bytes", "10Gi"),
}


@values.label_key.then
def _resource(value: Value, word: str) -> str:
    if "/" not in word and word not in _RESOURCES and not re.fullmatch(rf"{_HUGE_PAGES}[1-9][0-9]{{,5}}[KMGT]i", word):
        raise value.refuse(
            f"'{word}' is no resource of Kubernetes; write one of: {', '.join(_RESOURCES)}, hugepages-<size>, or one "
            "with a domain, such as nvidia.com/gpu"
        )
    return word


@mapping_of(_resource, values.quantity).then
def _quantities(value: Value, quantities: dict[str, int | str]) -> dict[str, int | str]:
    for name, written in quantities.items():
        stands_for = amount(written)
        least, most, unit, instead = _RESOURCES.get(name, (0, None, "", ""))
        if stands_for and (stands_for < least or (most and stands_for > most)):
            value.child(name).problem(f"{written} is {float(stands_for):g} {unit}; write an amount such as {instead}")
        if _is_extended(name) and stands_for != stands_for.to_integral_value():
            value.child(name).problem(f"{written} is not whole, and {name} cannot be shared out; write a whole number")
        if name.startswith(_HUGE_PAGES) and Fraction(stands_for) % Fraction(amount(name.removeprefix(_HUGE_PAGES))):
            value.child(name).problem(f"{written} is no multiple of the page's size; write one")
    return quantities


def _is_extended(name: str) -> bool:
    """Whether the resource is one that a device plugin counts."""
    return "/" in name and "kubernetes.io/" not in name


@dataclass(frozen=True)
class Resources:
    """Requests and limits by the name of the resource, in the author's own form."""

    requests: Mapping[str, int | str] = key(
        _quantities,
        "Quantities by resource, such as `cpu: 500m`. What no container can mean, such as `memory: 512m` (half a byte) "
        "or `cpu: 500M`, is refused.",
        {},
    )
    limits: Mapping[str, int | str] = key(
        _quantities, "The same; not less than the requests, and equal to them for GPUs and other devices.", {}
    )


@section(Resources).then
def _resources(value: Value, resources: Resources) -> Resources:
    for name, request in resources.requests.items():
        place = value.child("requests").child(name)
        limit = resources.limits.get(name)
        fixed = _is_extended(name) or name.startswith(_HUGE_PAGES)
        if fixed and (limit is None or amount(request) != amount(limit)):
            place.problem(f"Kubernetes takes {name} only with an equal limit; write limits: {{{name}: {request}}}")
        elif limit is not None and amount(request) > amount(limit):
            place.problem(f"{request} is more than limits.{name} {limit}; write {limit} or less, or a higher limit")
    names = {*resources.requests, *resources.limits}
    if any(name.startswith(_HUGE_PAGES) for name in names) and names.isdisjoint(("cpu", "memory")):
        value.problem("Kubernetes takes huge pages only beside cpu or memory; write one of them too")
    return resources


@dataclass(frozen=True)
class Autoscaling:
    min_replicas: int = key(_replicas, "Fewest pods.")
    max_replicas: int = key(_replicas, "Most pods.")
    cpu_utilization: int = key(integer(1, 100), "Per cent of the requested CPU that the autoscaler aims at.", 70)


@section(Autoscaling).then
def _autoscaling(value: Value, scaling: Autoscaling) -> Autoscaling:
    if scaling.max_replicas < scaling.min_replicas:
        value.child("max_replicas").problem(
            f"{scaling.max_replicas} is less than min_replicas {scaling.min_replicas}; "
            f"write max_replicas: {scaling.min_replicas} or more"
        )
    return scaling


@values.labels.then
def _client(value: Value, labels: dict[str, str]) -> dict[str, str]:
    if not labels:
        raise value.refuse("without a label this would let every pod in; write a label of the client's pods")
    return labels


@dataclass(frozen=True)
class Egress:
    """TCP ports of a network that a service may call."""

    cidr: str = key(values.any_network, "Where the service may call.")
    ports: tuple[int, ...] = key(list_of(_port, least=1, unique=True), "TCP ports.")


def _databases(known: Mapping[str, Any]) -> tuple[Egress, ...]:
    return (Egress(known["network"].cidr if known["network"] else "", DATABASE_PORTS),)


@dataclass(frozen=True)
class ServiceNetworkPolicy:
    """Who may call a service's http port, by the labels of its pods, and what the service may call besides DNS."""

    name: str = key(values.subdomain(), "Name of the NetworkPolicy.", "", shown="`<service>-network-policy`")
    clients: tuple[Mapping[str, str], ...] = key(
        list_of(_client), "Labels of the pods, in the same namespace, that may call the port `http`.", ()
    )
    egress: tuple[Egress, ...] = key(
        list_of(section(Egress)),
        "What the service may call besides the cluster's DNS.",
        _databases,
        shown=f"the VPC's network, ports {DATABASE_PORTS[0]} and {DATABASE_PORTS[1]}",
    )


@dataclass(frozen=True)
class Service:
    """One of the platform's own services: a Deployment and what belongs to it."""

    name: str = key(values.name(50), "Name of the service, and its label `app`.")
    namespace: str = key(_namespace, "Namespace of the service.", DEFAULT_NAMESPACE)
    image: str = key(_image, "Image with a tag or a digest.")
    replicas: int = key(_replicas, "Pods; with `autoscaling`, pods at first.", 1)
    ports: Mapping[str, int] = key(
        _ports,
        "Ports by name. Clients call `http`; Prometheus reads `metrics`.",
        {HTTP_PORT: 8080},
        shown=f"`{{{HTTP_PORT}: 8080}}`",
    )
    environment: Mapping[str, str] = key(
        mapping_of(_variable, text), "Environment variables. No place for secrets.", {}
    )
    resources: Resources = key(_resources, "Requests and limits.", Resources({}, {}), shown="none")
    autoscaling: Autoscaling | None = key(_autoscaling, "The autoscaler.", None)
    network_policy: ServiceNetworkPolicy | None = key(
        section(ServiceNetworkPolicy),
        "Who may call the service, and what it may call. Without it everything may.",
        None,
    )
    node_selector: Mapping[str, str] = key(
        values.labels,
        "Labels of the pool that the service runs in.",
        lambda known: _default_node_selector(known["node_pools"] or ()),
        shown="`{role: general}` where a pool has it",
    )


def _service(value: Value, service: Service) -> Service:
    scaling = service.autoscaling
    outside = scaling and not scaling.min_replicas <= service.replicas <= scaling.max_replicas
    if scaling and outside and scaling.min_replicas <= scaling.max_replicas:
        value.child("replicas").problem(
            f"{service.replicas} is outside autoscaling's min_replicas {scaling.min_replicas} to max_replicas "
            f"{scaling.max_replicas}; write a number between them"
        )
    if scaling and "cpu" not in service.resources.requests:
        value.child("resources").problem(
            "autoscaling measures the CPU against requests.cpu, which is missing; write requests: {cpu: …}"
        )
    if service.network_policy and service.network_policy.clients and HTTP_PORT not in service.ports:
        value.child("ports").problem(
            f"network_policy lets clients call the port named '{HTTP_PORT}', which is missing; write it"
        )
    policy = service.network_policy
    if policy is None or policy.name:
        return service
    return replace(service, network_policy=replace(policy, name=f"{service.name}-network-policy"))


services = named(list_of(section(Service).then(_service)))


def _default_node_selector(pools: Sequence[NodePool]) -> dict[str, str]:
    """The pool for general work, where there is one; else wherever the scheduler finds room."""
    general = {"role": "general"}
    return general if any(_selects(general, pool) for pool in pools) else {}


def _selects(selector: Mapping[str, str], pool: NodePool) -> bool:
    return selector.items() <= pool.labels.items()


def _takes_any_pod(pool: NodePool) -> bool:
    return all(taint.effect == "PreferNoSchedule" for taint in pool.taints)


def check_placement(value: Value, parsed: Sequence[Service], pools: Sequence[NodePool]) -> None:
    """Each service must find a pool that has its labels and whose taints let it in: services tolerate none."""
    for index, service in enumerate(parsed):
        matching = [pool for pool in pools if _selects(service.node_selector, pool)]
        if any(_takes_any_pod(pool) for pool in matching):
            continue
        labels = ", ".join(f"{key}: {word}" for key, word in service.node_selector.items())
        found = f"the node pools with {labels}" if labels else "all node pools"
        missing = f"no node pool has {labels}" if labels else "there is no node pool to run on"
        problem = f"{found} have taints that keep services away" if matching else missing
        value.child(index).child("node_selector").problem(f"{problem}; {_open_pools(pools)}")


def _open_pools(pools: Sequence[NodePool]) -> str:
    names = [pool.name for pool in pools if _takes_any_pod(pool)]
    return f"write labels of one of: {', '.join(names)}" if names else "write a node pool without taints"
