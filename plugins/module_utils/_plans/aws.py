# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plans of the AWS layers: what their roles are given, as plain data. Each is a pure function of the platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._ownership import ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import Subnet
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import NodePool
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.security_groups import (
    SecurityGroup,
    SecurityGroupRule,
)

Plan = dict[str, Any]


def common(platform: Platform) -> Plan:
    """What every plan says."""
    return {
        "platform": platform.name,
        "region": platform.region,
        "purge": platform.purge,
        "tags": dict(platform.tags),
        "notices": list(platform.notices),
    }


def kubeconfig(platform: Platform) -> Plan:
    """Where the cluster's kubeconfig is written, and under which context."""
    return {"cluster": platform.name, "path": platform.kubeconfig, "context": platform.name}


def vpc_plan(platform: Platform) -> Plan:
    """The network and its security groups."""
    return {
        **common(platform),
        "network": {
            "name": platform.name,
            "cidr": platform.network.cidr,
            "subnets": [_subnet(platform, subnet) for subnet in platform.network.subnets],
            "nat_gateways": platform.network.nat_gateways,
            "gateway_endpoints": list(platform.network.gateway_endpoints),
        },
        "security_groups": [_security_group(group) for group in platform.security_groups],
    }


def _subnet(platform: Platform, subnet: Subnet) -> Plan:
    """A subnet with the tags by which load balancers find theirs."""
    balancers = "kubernetes.io/role/elb" if subnet.public else "kubernetes.io/role/internal-elb"
    return {
        "name": subnet.name,
        "cidr": subnet.cidr,
        "zone": subnet.zone,
        "public": subnet.public,
        "tags": {balancers: "1", f"kubernetes.io/cluster/{platform.name}": "shared"},
    }


def _security_group(group: SecurityGroup) -> Plan:
    return {
        "name": group.name,
        "description": group.description,
        "inbound": _rules(group.inbound),
        "outbound": _rules(group.outbound),
        "tags": {},
    }


def _rules(rules: Sequence[SecurityGroupRule]) -> list[Plan]:
    """One rule for each peer, as AWS keeps them."""
    return [
        {
            "protocol": rule.protocol,
            **_ports(rule),
            peer.kind: peer.name,
            **({"description": rule.description} if rule.description else {}),
        }
        for rule in rules
        for peer in rule.peers
    ]


def _ports(rule: SecurityGroupRule) -> Plan:
    if rule.protocol == "-1":
        return {}
    if rule.ports is not None:
        return {"from_port": rule.ports[0], "to_port": rule.ports[1]}
    # For ICMP the two are type and code, of which -1 is all.
    return {"from_port": -1, "to_port": -1} if rule.protocol.startswith("icmp") else {"from_port": 0, "to_port": 65535}


def eks_cluster_plan(platform: Platform) -> Plan:
    """The cluster, its IAM role and its kubeconfig."""
    cluster = platform.eks_cluster
    role = _iam_role(
        platform,
        "eks_cluster",
        f"{platform.name}-eks-cluster",
        service="eks.amazonaws.com",
        description=f"Control plane of EKS cluster {platform.name}",
        policies=("AmazonEKSClusterPolicy",),
    )
    return {
        **common(platform),
        "iam_role": role,
        "cluster": {
            "name": platform.name,
            "version": cluster.version,
            "iam_role": role["name"],
            "vpc": platform.name,
            "subnets": [subnet.name for subnet in platform.network.private_subnets],
            "security_groups": list(cluster.security_groups),
            "endpoint_private_access": cluster.endpoint_private_access,
            "endpoint_public_access": cluster.endpoint_public_access,
            "public_access_cidrs": list(cluster.public_access_cidrs),
            "logging": list(cluster.logging),
            "authentication_mode": cluster.authentication_mode,
            "creator_admin": cluster.creator_admin,
            "encryption_key": cluster.encryption_key,
            "service_cidr": cluster.service_cidr,
            "deletion_protection": cluster.deletion_protection,
        },
        "kubeconfig": kubeconfig(platform),
    }


def eks_node_pools_plan(platform: Platform) -> Plan:
    """The managed node groups, one a pool, and their IAM role."""
    role = _iam_role(
        platform,
        "eks_node_pools",
        f"{platform.name}-eks-node",
        service="ec2.amazonaws.com",
        description=f"Nodes of EKS cluster {platform.name}",
        policies=("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy"),
    )
    return {
        **common(platform),
        "iam_role": role,
        "cluster": platform.name,
        "node_pools": [_node_pool(pool, role["name"]) for pool in platform.node_pools],
    }


def _node_pool(pool: NodePool, role: str) -> Plan:
    """A pool without C(desired_size), where the spec has none, so that an autoscaler's size is left alone."""
    return {
        "name": pool.name,
        "instance_types": list(pool.instance_types),
        "min_size": pool.min_size,
        "max_size": pool.max_size,
        **({} if pool.desired_size is None else {"desired_size": pool.desired_size}),
        "labels": dict(pool.labels),
        "taints": [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in pool.taints],
        "ami_type": pool.ami_type,
        "capacity_type": pool.capacity_type,
        "disk_size": pool.disk_size,
        "subnets": list(pool.subnets),
        "iam_role": role,
        "max_unavailable": pool.max_unavailable,
        "tags": dict(pool.tags),
    }


def _iam_role(
    platform: Platform, role: str, name: str, *, service: str, description: str, policies: Sequence[str]
) -> Plan:
    """An IAM role that an AWS service may take on."""
    partition = _partition(platform.region)
    return {
        "name": name,
        "description": description,
        "assume_role_policy": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
        },
        "managed_policies": [f"arn:{partition}:iam::aws:policy/{policy}" for policy in policies],
        "tags": ownership_tags(platform.name, role, name, platform.tags),
    }


def _partition(region: str) -> str:
    """AWS's partition of a region, the second part of every ARN."""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
