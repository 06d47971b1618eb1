# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of C(services)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import (
    Autoscaling,
    Egress,
    NodePool,
    Resources,
    Service,
    ServiceNetworkPolicy,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    Section,
    Value,
    integer,
    list_of,
    mapping_of,
    section_of,
    text,
)

DEFAULT_NAMESPACE = "trading"
#: PostgreSQL and Redis, as the document's database group has them.
DATABASE_PORTS = (5432, 6379)
HTTP_PORT = "http"

_MOST_REPLICAS = 1000


def services(vpc: str | None, pools: Sequence[NodePool]) -> Parser[tuple[Service, ...]]:
    """The parser of C(services), with the VPC's CIDR and the node pools where these were understood."""
    return list_of(section_of(lambda section: _service(section, vpc, pools), _check_service), named=True)


def _service(section: Section, vpc: str | None, pools: Sequence[NodePool]) -> Service:
    name = section.take("name", values.dns_label(50))
    return Service(
        name=name,
        namespace=section.take("namespace", _namespace, DEFAULT_NAMESPACE),
        image=section.take("image", _image),
        replicas=section.take("replicas", integer(1, _MOST_REPLICAS), 1),
        ports=section.take("ports", mapping_of(_port_name, integer(1, 65535)), {HTTP_PORT: 8080}),
        environment=section.take("environment", mapping_of(_variable, text), {}),
        resources=section.take("resources", section_of(_resources, _check_resources), Resources({}, {})),
        autoscaling=section.take("autoscaling", _parse_autoscaling, None),
        network_policy=section.take("network_policy", _policy(name, vpc), None),
        node_selector=section.take("node_selector", values.labels, _default_node_selector(pools)),
    )


def _check_service(value: Value, service: Service) -> None:
    scaling = service.autoscaling
    outside = scaling and not scaling.min_replicas <= service.replicas <= scaling.max_replicas
    if scaling and outside and scaling.min_replicas <= scaling.max_replicas:
        value.child("replicas", None).problem(
            f"{service.replicas} is outside autoscaling's min_replicas {scaling.min_replicas} to max_replicas "
            f"{scaling.max_replicas}; write a number between them"
        )
    if scaling and "cpu" not in service.resources.requests:
        value.child("resources", None).problem(
            "autoscaling measures the CPU against requests.cpu, which is missing; write requests: {cpu: …}"
        )
    if service.network_policy and service.network_policy.clients and HTTP_PORT not in service.ports:
        value.child("ports", None).problem(
            f"network_policy lets clients call the port named '{HTTP_PORT}', which is missing; write it"
        )


def _namespace(value: Value) -> str:
    word = values.dns_label()(value)
    if word == "default" or word.startswith("kube-"):
        raise value.refuse(
            f"'{word}' belongs to Kubernetes; write a namespace of your own, such as {DEFAULT_NAMESPACE}"
        )
    return word


_image_form = values.pattern(
    r"[a-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?",
    "an image; write it as name:tag or registry/name:tag",
    longest=512,
)


def _image(value: Value) -> str:
    word = _image_form(value)
    _path, _slash, last = word.rpartition("/")
    if "@" not in word and ":" not in last:
        raise value.refuse(f"'{word}' has no tag, so that it may change under you; write {word}:<tag>")
    return word


_port_name = values.pattern(
    r"[a-z]([a-z0-9-]*[a-z0-9])?", "the name of a port; write lower-case letters, digits and hyphens", longest=15
)
_variable = values.pattern(
    r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable; write letters, digits and '_', no digit first", longest=253
)


def _resources(section: Section) -> Resources:
    quantities = mapping_of(values.label_key, values.quantity)
    return Resources(
        requests=section.take("requests", quantities, {}),
        limits=section.take("limits", quantities, {}),
    )


def _check_resources(value: Value, resources: Resources) -> None:
    for name, request in resources.requests.items():
        limit = resources.limits.get(name)
        if limit is not None and values.amount(request) > values.amount(limit):
            value.child("requests", None).child(name, None).problem(
                f"{request} is more than limits.{name} {limit}; write {limit} or less, or a higher limit"
            )


def _autoscaling(section: Section) -> Autoscaling:
    replicas = integer(1, _MOST_REPLICAS)
    return Autoscaling(
        min_replicas=section.take("min_replicas", replicas),
        max_replicas=section.take("max_replicas", replicas),
        cpu_utilization=section.take("cpu_utilization", integer(1, 100), 70),
    )


def _check_autoscaling(value: Value, scaling: Autoscaling) -> None:
    if scaling.max_replicas < scaling.min_replicas:
        value.child("max_replicas", None).problem(
            f"{scaling.max_replicas} is less than min_replicas {scaling.min_replicas}; "
            f"write max_replicas: {scaling.min_replicas} or more"
        )


_parse_autoscaling = section_of(_autoscaling, _check_autoscaling)


def _policy(service: str, vpc: str | None) -> Parser[ServiceNetworkPolicy]:
    def build(section: Section) -> ServiceNetworkPolicy:
        return ServiceNetworkPolicy(
            name=section.take("name", values.dns_label(), f"{service}-network-policy"),
            clients=section.take("clients", list_of(_client), ()),
            egress=section.take("egress", list_of(section_of(_egress)), (Egress(vpc or "", DATABASE_PORTS),)),
        )

    return section_of(build)


def _client(value: Value) -> dict[str, str]:
    parsed = values.labels(value)
    if not parsed:
        raise value.refuse("without a label this would let every pod in; write a label of the client's pods")
    return parsed


def _egress(section: Section) -> Egress:
    return Egress(
        cidr=section.take("cidr", values.any_network),
        ports=section.take("ports", list_of(integer(1, 65535), least=1, unique=True)),
    )


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
        value.child(index, None).child("node_selector", None).problem(f"{problem}; {_open_pools(pools)}")


def _open_pools(pools: Sequence[NodePool]) -> str:
    names = [pool.name for pool in pools if _takes_any_pod(pool)]
    return f"write labels of one of: {', '.join(names)}" if names else "write a node pool without taints"
