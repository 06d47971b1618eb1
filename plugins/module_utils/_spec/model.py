# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What a platform's spec says, with every default decided: the shape of C(entasis_platform) after parsing.

L(parse_platform) in platform.py makes it; the plans are made from it. docs/spec.md describes the same keys for
the people who write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Subnet:
    """One subnet. C(zone) is the availability zone's full name."""

    name: str
    cidr: str
    zone: str
    public: bool


@dataclass(frozen=True)
class Network:
    """The VPC. C(subnets) is complete: what the spec does not write is laid out by network_layout.py."""

    cidr: str
    zones: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    nat_gateways: str
    gateway_endpoints: tuple[str, ...]

    @property
    def private_subnets(self) -> tuple[Subnet, ...]:
        return tuple(subnet for subnet in self.subnets if not subnet.public)


@dataclass(frozen=True)
class SecurityGroupRule:
    """One rule: a protocol, ports, and the peers that it lets in or out.

    C(ports) is None for all ports. Each of C(peers) is of one kind, see L(Peer).
    """

    protocol: str
    ports: tuple[int, int] | None
    peers: tuple[Peer, ...]
    description: str | None


@dataclass(frozen=True)
class Peer:
    """Who a rule lets in or out. C(kind) is cidr_ipv4, cidr_ipv6, group or prefix_list."""

    kind: str
    name: str


@dataclass(frozen=True)
class SecurityGroup:
    name: str
    description: str
    inbound: tuple[SecurityGroupRule, ...]
    outbound: tuple[SecurityGroupRule, ...]


@dataclass(frozen=True)
class Cluster:
    """The EKS cluster. C(security_groups) are names of the spec's groups."""

    version: str
    endpoint_private_access: bool
    endpoint_public_access: bool
    public_access_cidrs: tuple[str, ...]
    logging: tuple[str, ...]
    authentication_mode: str
    creator_admin: bool
    encryption_key: str | None
    service_cidr: str | None
    deletion_protection: bool
    security_groups: tuple[str, ...]


@dataclass(frozen=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class NodePool:
    """One managed node group. C(subnets) are names of private subnets, C(gpus) the GPUs that each of its nodes has."""

    name: str
    instance_types: tuple[str, ...]
    min_size: int
    max_size: int
    desired_size: int | None
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    ami_type: str
    capacity_type: str
    disk_size: int
    max_unavailable: int
    subnets: tuple[str, ...]
    tags: Mapping[str, str]
    gpus: int


@dataclass(frozen=True)
class Autoscaling:
    min_replicas: int
    max_replicas: int
    cpu_utilization: int


@dataclass(frozen=True)
class Resources:
    """Requests and limits by the name of the resource, in the author's own form."""

    requests: Mapping[str, int | str]
    limits: Mapping[str, int | str]


@dataclass(frozen=True)
class Egress:
    """TCP ports of a network that a service may call."""

    cidr: str
    ports: tuple[int, ...]


@dataclass(frozen=True)
class ServiceNetworkPolicy:
    """Who may call a service's http port, by the labels of its pods, and what the service may call besides DNS."""

    name: str
    clients: tuple[Mapping[str, str], ...]
    egress: tuple[Egress, ...]


@dataclass(frozen=True)
class Service:
    """One of the platform's own services: a Deployment and what belongs to it."""

    name: str
    namespace: str
    image: str
    replicas: int
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    resources: Resources
    autoscaling: Autoscaling | None
    network_policy: ServiceNetworkPolicy | None
    node_selector: Mapping[str, str]


@dataclass(frozen=True)
class HelmRelease:
    """A release of the spec's own, or, where C(chart) is None, changes to one of the platform's releases."""

    name: str
    namespace: str | None
    chart: str | None
    repository: str | None
    version: str | None
    values: Mapping[str, Any]
    timeout: int


@dataclass(frozen=True)
class GpuReadiness:
    """How long the GPU gate waits, and how long everything must stay as it should be. Seconds."""

    timeout: int
    stable_for: int


@dataclass(frozen=True)
class Charts:
    """Where charts come from instead of their repositories: a folder or an URL prefix, or None."""

    mirror: str | None


@dataclass(frozen=True)
class Prometheus:
    scrape_configs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Alertmanager:
    config: Mapping[str, Any]


@dataclass(frozen=True)
class EncryptionRule:
    """Resources and how they are encrypted. The providers may hold keys, so they stay out of any printed form."""

    resources: tuple[str, ...]
    providers: tuple[Mapping[str, Any], ...] = field(repr=False)


@dataclass(frozen=True)
class Filebeat:
    inputs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Retention:
    """How many backups of each kind are kept."""

    hourly: int
    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True)
class BackupStorage:
    type: str
    bucket: str
    region: str


@dataclass(frozen=True)
class Backup:
    """C(schedule) is a cron expression of five fields, in UTC."""

    schedule: str
    retention: Retention
    storage: BackupStorage


@dataclass(frozen=True)
class Timescaledb:
    """How the platform's database is reached through the cluster. C(user) is None where the Secret says it."""

    namespace: str
    service: str
    port: int
    database: str
    user: str | None
    secret: str
    ssl_mode: str
    ca_cert: str | None
    engine: str


@dataclass(frozen=True)
class RetentionPolicy:
    """How long the data of one hypertable or continuous aggregate are kept. What is None is left as it is.

    A reach is an interval as PostgreSQL reads it, or a number in the unit of an integer time column.
    """

    relation: str
    state: str
    drop_after: str | int | None
    drop_created_before: str | None
    schedule_interval: str | None
    initial_start: str | None
    timezone: str | None
    max_runtime: str | None
    integer_now_func: str | None
    chunk_time_interval: str | int | None


@dataclass(frozen=True)
class Platform:
    """The whole spec. C(notices) says what the spec left to the platform and a person should know."""

    name: str
    region: str
    tags: Mapping[str, str]
    purge: bool
    kubeconfig: str
    network: Network
    security_groups: tuple[SecurityGroup, ...]
    eks_cluster: Cluster
    node_pools: tuple[NodePool, ...]
    gpu_readiness: GpuReadiness
    charts: Charts
    helm_releases: tuple[HelmRelease, ...]
    services: tuple[Service, ...]
    timescaledb: Timescaledb
    retention: tuple[RetentionPolicy, ...]
    prometheus: Prometheus | None
    alertmanager: Alertmanager | None
    encryption: tuple[EncryptionRule, ...]
    filebeat: Filebeat | None
    backup: Backup | None
    notices: tuple[str, ...]
