# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""The whole spec, and the checks between its parts: a spec becomes a L(Platform) or one L(SpecError).

Nothing here reads a file, a clock or AWS: every playbook refuses a bad spec before its first API call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._instance_types import instance_type
from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.alertmanager import Alertmanager
from ansible_collections.entasis.engine.plugins.module_utils._spec.backup import Backup
from ansible_collections.entasis.engine.plugins.module_utils._spec.cluster import ANYWHERE, Cluster, cluster
from ansible_collections.entasis.engine.plugins.module_utils._spec.defaults import (
    CONTROL_PLANE_GROUP,
    MONITORING_GROUP,
    NODE_POOLS,
    RETENTION,
    SECURITY_GROUPS,
    SERVICES,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.encryption import EncryptionRule, encryption
from ansible_collections.entasis.engine.plugins.module_utils._spec.filebeat import Filebeat
from ansible_collections.entasis.engine.plugins.module_utils._spec.helm import Charts, HelmRelease, helm_releases
from ansible_collections.entasis.engine.plugins.module_utils._spec.iam import Iam
from ansible_collections.entasis.engine.plugins.module_utils._spec.network import Network, network
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import (
    LARGEST_PREFIX,
    Demand,
    Shortage,
    shortages,
    vpc_prefix_for,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import GpuReadiness, NodePool, node_pools
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import Value, boolean, parse
from ansible_collections.entasis.engine.plugins.module_utils._spec.prometheus import Prometheus
from ansible_collections.entasis.engine.plugins.module_utils._spec.retention import RetentionPolicy, retention
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section
from ansible_collections.entasis.engine.plugins.module_utils._spec.security_groups import (
    Peer,
    SecurityGroup,
    SecurityGroupRule,
    security_groups,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.services import Service, check_placement, services
from ansible_collections.entasis.engine.plugins.module_utils._spec.timescaledb import Timescaledb, timescaledb

#: Names are made from the platform's name; the longest is that of an S3 bucket with the account and the region in it:
#: <name>-backups-<12 digits>-<region>, of 63 characters at most.
LONGEST_NAME = 27


@values.name(LONGEST_NAME).then
def _name(value: Value, word: str) -> str:
    if word == "sg" or word.startswith("sg-"):
        raise value.refuse(f"'{word}' would make names of security groups that AWS takes for ids; write another name")
    return word


@dataclass(frozen=True)
class Platform:
    """The whole spec. C(notices) says what the spec left to the platform and a person should know."""

    name: str = key(
        _name,
        "Name of the platform, and of its VPC and cluster: lower-case letters, digits and hyphens. The name of an S3 "
        "bucket with the account and the region in it is made from it.",
    )
    region: str = key(values.region, "AWS region, such as `ap-northeast-2`.")
    account: str | None = key(
        values.account,
        "Number of the AWS account, in quotes. With it a run in any other account stops before it reads anything.",
        None,
    )
    tags: Mapping[str, str] = key(
        values.tags,
        "Tags of everything that is made, besides `entasis.io/platform`, `entasis.io/role` and `Name`, which are the "
        "platform's. Letters, digits, spaces and `_.:/=+-@`.",
        {},
    )
    purge: bool = key(
        boolean,
        "Whether a resource of the platform that has left the spec is removed. Without it such resources stay, are "
        "listed and warned of. Rules, labels, taints and tags inside a resource always follow the spec.",
        False,
    )
    kubeconfig: str = key(
        values.line,
        "The file that the playbooks write the cluster's access to. Other contexts in it stay.",
        lambda known: f"~/.kube/{known['name']}.config",
        shown="`~/.kube/<name>.config`",
    )
    network: Network = key(network, "See [network](#network).", written={})
    security_groups: tuple[SecurityGroup, ...] = key(
        security_groups,
        "See [security_groups](#security_groups).",
        written=SECURITY_GROUPS,
        shown="the document's block",
    )
    iam: Iam = key(section(Iam), "See [iam](#iam).", written={})
    eks_cluster: Cluster = key(cluster, "See [eks_cluster](#eks_cluster).", written={})
    node_pools: tuple[NodePool, ...] = key(
        node_pools, "See [node_pools](#node_pools).", written=NODE_POOLS, shown="the document's block"
    )
    gpu_readiness: GpuReadiness = key(section(GpuReadiness), "See [gpu_readiness](#gpu_readiness).", written={})
    charts: Charts = key(section(Charts), "See [charts](#charts).", written={})
    helm_releases: tuple[HelmRelease, ...] = key(helm_releases, "See [helm_releases](#helm_releases).", ())
    services: tuple[Service, ...] = key(
        services, "See [services](#services).", written=SERVICES, shown="trading-api of the document"
    )
    timescaledb: Timescaledb = key(timescaledb, "See [timescaledb](#timescaledb).", written={})
    retention: tuple[RetentionPolicy, ...] = key(
        retention, "See [retention](#retention).", written=RETENTION, shown="exchange data"
    )
    prometheus: Prometheus | None = key(section(Prometheus), "See [prometheus](#prometheus).", None)
    alertmanager: Alertmanager | None = key(section(Alertmanager), "See [alertmanager](#alertmanager).", None)
    encryption: tuple[EncryptionRule, ...] = key(encryption, "See [encryption](#encryption).", ())
    filebeat: Filebeat | None = key(section(Filebeat), "See [filebeat](#filebeat).", None)
    backup: Backup | None = key(section(Backup), "See [backup](#backup).", None)
    notices: tuple[str, ...] = ()

    @property
    def gpu_pools(self) -> tuple[NodePool, ...]:
        return tuple(pool for pool in self.node_pools if pool.gpus)


def _between(taken: Section, platform: Platform) -> Platform:
    place, known = taken.value, taken.value.known
    if taken.understood("network"):
        _check_room(place.child("network"), platform.network, known["pools"])
    if taken.understood("network", "eks_cluster"):
        _check_service_cidr(place.child("eks_cluster"), platform.eks_cluster, platform.network)
    if taken.understood("node_pools", "services"):
        check_placement(place.child("services"), platform.services, platform.node_pools)
    if taken.understood("eks_cluster", "security_groups") and platform.eks_cluster.private_access_cidrs:
        return _with_control_plane_group(place, platform)
    return platform


def _with_control_plane_group(value: Value, platform: Platform) -> Platform:
    """The platform with the group that lets C(private_access_cidrs) reach the control plane."""
    if CONTROL_PLANE_GROUP in {group.name for group in platform.security_groups}:
        value.child("security_groups").child(CONTROL_PLANE_GROUP).problem(
            "the platform makes a group of this name itself, for eks_cluster.private_access_cidrs; write another name"
        )
    cluster = platform.eks_cluster
    peers = tuple(Peer("cidr_ipv4", cidr) for cidr in cluster.private_access_cidrs)
    group = SecurityGroup(
        description=f"API server of platform {platform.name}",
        inbound=(SecurityGroupRule("tcp", (443, 443), peers, None),),
        outbound=(),
        name=CONTROL_PLANE_GROUP,
    )
    return replace(
        platform,
        security_groups=(*platform.security_groups, group),
        eks_cluster=replace(cluster, security_groups=(*cluster.security_groups, CONTROL_PLANE_GROUP)),
    )


def _demand(pool: NodePool, parsed: Network) -> Demand:
    """The most addresses that a pool takes: each of its nodes with all interfaces and addresses of its largest type.

    An update adds nodes first, two for each zone or as many as it replaces at a time.
    """
    types = [entry for entry in map(instance_type, pool.instance_types) if entry is not None]
    zones = {subnet.zone for subnet in parsed.private_subnets if subnet.name in pool.subnets}
    added = 0 if pool.update_strategy == "MINIMAL" else max(2 * len(zones), pool.max_unavailable)
    nodes = pool.max_size + added
    return Demand(pool.name, nodes * max(entry.node_addresses for entry in types), frozenset(pool.subnets))


def _check_room(value: Value, parsed: Network, pools: Sequence[NodePool]) -> None:
    demands = {pool.name: _demand(pool, parsed) for pool in pools}
    for shortage in shortages(demands.values(), {subnet.name: subnet.cidr for subnet in parsed.private_subnets}):
        figures = ", ".join(f"{name} {demands[name].addresses}" for name in shortage.pools)
        value.problem(
            f"the private subnets {', '.join(shortage.subnets)} have {shortage.usable} usable addresses, and the pools "
            f"in them can take {shortage.needed} at their max_size and with what an update adds ({figures}); "
            f"{_more_room(parsed, shortage)}"
        )


def _more_room(parsed: Network, shortage: Shortage) -> str:
    cidr = vpc_prefix_for(shortage.prefix, len(parsed.zones))
    if cidr >= LARGEST_PREFIX:
        return (
            f"write private subnets of /{shortage.prefix} or larger (a VPC of /{cidr} holds them), a lower max_size, "
            "or update_strategy: MINIMAL"
        )
    return "write a lower max_size, update_strategy: MINIMAL, or instance types that take fewer addresses"


def _check_service_cidr(value: Value, parsed: Cluster, parsed_network: Network) -> None:
    if parsed.service_cidr and IPv4Network(parsed.service_cidr).overlaps(IPv4Network(parsed_network.cidr)):
        value.child("service_cidr").problem(
            f"{parsed.service_cidr} overlaps the VPC's {parsed_network.cidr}; write a network apart from it, such as "
            f"{_apart_from(parsed_network.cidr)}"
        )


def _apart_from(cidr: str) -> str:
    """One of the two networks that EKS chooses from by itself."""
    return next(
        choice for choice in ("10.100.0.0/16", "172.20.0.0/16") if not IPv4Network(choice).overlaps(IPv4Network(cidr))
    )


def _notices(value: Value, platform: Platform) -> Platform:
    notices = []
    if MONITORING_GROUP in {group.name for group in platform.security_groups} - set(value.known["groups"]):
        notices.append(
            f"security_groups refers to {MONITORING_GROUP}_sg and does not define it: the platform adds the group "
            f"'{MONITORING_GROUP}', which lets nothing in and everything out."
        )
    if platform.network.nat_gateways == "none":
        notices.append(
            "network.nat_gateways is none: nodes in private subnets reach neither EKS, nor registries, nor AWS, unless "
            "something outside this spec gives them a way."
        )
    if platform.eks_cluster.endpoint_public_access and ANYWHERE in platform.eks_cluster.public_access_cidrs:
        notices.append(
            "eks_cluster.public_access_cidrs is everybody: the API server answers anyone on the internet, and lets in "
            "whom IAM lets in. Write the networks that you call it from."
        )
    if not platform.eks_cluster.endpoint_public_access and not platform.eks_cluster.security_groups:
        notices.append(
            "eks_cluster has no public endpoint, and its private one lets in the cluster's own nodes alone: whoever "
            "runs the later playbooks cannot reach it, not even inside the VPC. Write eks_cluster.private_access_cidrs."
        )
    return replace(platform, notices=tuple(notices))


_platform = section(Platform, _between, remember=True).then(_notices)


def parse_platform(spec: object) -> Platform:
    """The platform that C(entasis_platform) describes.

    Raises:
        SpecError: with every problem of the spec.
    """
    return parse(spec, "platform", _platform)
