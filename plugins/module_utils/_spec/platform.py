# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of the whole spec, and the checks between its parts: a spec becomes a L(Platform) or one L(SpecError).

Nothing here reads a file, a clock or AWS: every playbook refuses a bad spec before its first API call.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._charts import NVIDIA_DEVICE_PLUGIN
from ansible_collections.entasis.engine.plugins.module_utils._instance_types import instance_type
from ansible_collections.entasis.engine.plugins.module_utils._spec import operations, values
from ansible_collections.entasis.engine.plugins.module_utils._spec.cluster import cluster
from ansible_collections.entasis.engine.plugins.module_utils._spec.data_stores import retention, timescaledb
from ansible_collections.entasis.engine.plugins.module_utils._spec.defaults import (
    MONITORING_GROUP,
    NODE_POOLS,
    RETENTION,
    SECURITY_GROUPS,
    SERVICES,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.helm import charts, helm_releases
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import (
    Charts,
    Cluster,
    HelmRelease,
    Network,
    NodePool,
    Platform,
    SecurityGroup,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.network import network
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import (
    LARGEST_PREFIX,
    Demand,
    Shortage,
    default_zones,
    known_regions,
    shortages,
    vpc_prefix_for,
    zones_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import gpu_readiness, node_pools
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Section,
    Value,
    boolean,
    parse,
    section_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.security_groups import security_groups
from ansible_collections.entasis.engine.plugins.module_utils._spec.services import check_placement, services

#: Names are made from the platform's name; the longest is that of an S3 bucket with the account and the region in it:
#: <name>-backups-<12 digits>-<region>, of 63 characters at most.
LONGEST_NAME = 27


def parse_platform(spec: object) -> Platform:
    """The platform that C(entasis_platform) describes.

    Raises:
        SpecError: with every problem of the spec.
    """
    return parse(spec, "platform", section_of(_platform))


def _platform(section: Section) -> Platform:
    name = section.take("name", values.dns_label(LONGEST_NAME))
    region = _region(section)
    parsed_network = section.take("network", network(name or "platform", region), written={})
    group_names = section.names("security_groups") if section.has("security_groups") else tuple(SECURITY_GROUPS)
    groups = section.take("security_groups", security_groups(name or "platform", group_names), written=SECURITY_GROUPS)
    referable = frozenset((*group_names, *(group.name for group in groups or ())))
    eks_cluster = section.take("eks_cluster", cluster(referable), written={})
    understood_pools: list[NodePool] = []
    pools = section.take("node_pools", node_pools(parsed_network, understood_pools), written=NODE_POOLS)
    vpc = parsed_network.cidr if parsed_network else None
    parsed_services = section.take("services", services(vpc, pools or ()), written=SERVICES)
    releases: tuple[HelmRelease, ...] = section.take("helm_releases", helm_releases, ())

    place = section.value
    if section.understood("network"):
        _check_room(place.child("network", None), parsed_network, understood_pools)
    if section.understood("network", "eks_cluster"):
        _check_service_cidr(place.child("eks_cluster", None), eks_cluster, parsed_network)
    if section.understood("node_pools", "services"):
        check_placement(place.child("services", None), parsed_services, pools)

    understood = section.understood("security_groups", "network", "node_pools", "helm_releases")
    return Platform(
        name=name,
        region=region or "",
        tags=section.take("tags", values.tags, {}),
        purge=section.take("purge", boolean, False),
        kubeconfig=section.take("kubeconfig", values.line, f"~/.kube/{name}.config"),
        network=parsed_network,
        security_groups=groups,
        eks_cluster=eks_cluster,
        node_pools=pools,
        gpu_readiness=section.take("gpu_readiness", gpu_readiness, written={}),
        charts=section.take("charts", charts, Charts(mirror=None)),
        helm_releases=releases,
        services=parsed_services,
        timescaledb=section.take("timescaledb", timescaledb, written={}),
        retention=section.take("retention", retention, written=RETENTION),
        prometheus=section.take("prometheus", operations.prometheus, None),
        alertmanager=section.take("alertmanager", operations.alertmanager, None),
        encryption=section.take("encryption", operations.encryption, ()),
        filebeat=section.take("filebeat", operations.filebeat, None),
        backup=section.take("backup", operations.backup(region), None),
        notices=_notices(parsed_network, group_names, groups, pools, releases) if understood else (),
    )


def _region(section: Section) -> str | None:
    """The region; refused where neither it nor the spec says which zones there are."""
    region = section.take("region", values.region)
    written = section.names("network")
    if not section.understood("region") or default_zones(region) or "zones" in written or "subnets" in written:
        return region
    if zones_of(region):
        problem = f"which zones of {region} an account has differs; write the two of yours in network.zones"
    else:
        near = ", ".join(difflib.get_close_matches(region, known_regions(), n=3, cutoff=0.6))
        instead = f"write another region ({near})" if near else "write another region"
        problem = f"the zones of '{region}' are not known; {instead}, or network.zones"
    section.refuse("region", problem)
    return None


def _demand(pool: NodePool) -> Demand:
    """The most addresses that a pool takes: each of its nodes with all interfaces and addresses of its largest type."""
    types = [entry for entry in map(instance_type, pool.instance_types) if entry is not None]
    return Demand(pool.name, pool.max_size * max(entry.node_addresses for entry in types), frozenset(pool.subnets))


def _check_room(value: Value, parsed: Network, pools: Sequence[NodePool]) -> None:
    demands = {pool.name: _demand(pool) for pool in pools}
    for shortage in shortages(demands.values(), {subnet.name: subnet.cidr for subnet in parsed.private_subnets}):
        figures = ", ".join(f"{name} {demands[name].addresses}" for name in shortage.pools)
        value.problem(
            f"the private subnets {', '.join(shortage.subnets)} have {shortage.usable} usable addresses, and the pools "
            f"in them can take {shortage.needed} at their max_size ({figures}); {_more_room(parsed, shortage)}"
        )


def _more_room(parsed: Network, shortage: Shortage) -> str:
    cidr = vpc_prefix_for(shortage.prefix, len(parsed.zones))
    if cidr >= LARGEST_PREFIX:
        return (
            f"write private subnets of /{shortage.prefix} or larger (a VPC of /{cidr} holds them), or a lower max_size"
        )
    return "write a lower max_size, or instance types that take fewer addresses"


def _check_service_cidr(value: Value, parsed: Cluster, parsed_network: Network) -> None:
    if parsed.service_cidr and IPv4Network(parsed.service_cidr).overlaps(IPv4Network(parsed_network.cidr)):
        value.child("service_cidr", None).problem(
            f"{parsed.service_cidr} overlaps the VPC's {parsed_network.cidr}; write a network apart from it, such as "
            f"{_apart_from(parsed_network.cidr)}"
        )


def _apart_from(cidr: str) -> str:
    """One of the two networks that EKS chooses from by itself."""
    return next(
        choice for choice in ("10.100.0.0/16", "172.20.0.0/16") if not IPv4Network(choice).overlaps(IPv4Network(cidr))
    )


def _notices(
    parsed: Network,
    group_names: tuple[str, ...],
    groups: tuple[SecurityGroup, ...],
    pools: tuple[NodePool, ...],
    releases: tuple[HelmRelease, ...],
) -> tuple[str, ...]:
    notices = []
    if MONITORING_GROUP not in group_names and MONITORING_GROUP in {group.name for group in groups}:
        notices.append(
            f"security_groups refers to {MONITORING_GROUP}_sg and does not define it: the platform adds the group "
            f"'{MONITORING_GROUP}', which lets nothing in and everything out."
        )
    if parsed.nat_gateways == "none":
        notices.append(
            "network.nat_gateways is none: nodes in private subnets reach neither EKS, nor registries, nor AWS, unless "
            "something outside this spec gives them a way."
        )
    if not any(pool.gpus for pool in pools) and NVIDIA_DEVICE_PLUGIN.name in {release.name for release in releases}:
        notices.append(
            f"helm_releases has values for {NVIDIA_DEVICE_PLUGIN.name}, which is not installed, because no node pool "
            "has GPUs."
        )
    return tuple(notices)
