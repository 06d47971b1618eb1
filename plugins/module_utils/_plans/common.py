# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the plans of several roles say in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._spec.addons import ADDONS
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform

Plan = dict[str, Any]


def common(platform: Platform) -> Plan:
    """Whose everything at AWS is, and where."""
    return {"platform": platform.name, "region": platform.region, "account": platform.account}


def kubeconfig(platform: Platform) -> Plan:
    """Where the cluster's kubeconfig is written, and under which context."""
    return {"cluster": platform.name, "path": platform.kubeconfig, "context": platform.name}


def plain(value: Any) -> Any:
    """A part of the spec as plain data: mappings, lists and scalars."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def options(value: Any) -> Plan:
    """A part of the spec as options of a module: what the spec leaves open is left to the module."""
    return {key: each for key, each in plain(value).items() if each is not None}


#: The IAM roles: what each is for, the service that may take it on, AWS's policies that it needs, and the spec's key of
#: those that it has besides.
_IAM_ROLES = {
    "eks-cluster": ("Control plane", "eks.amazonaws.com", ("AmazonEKSClusterPolicy",), "cluster_policies"),
    "eks-node": (
        "Nodes",
        "ec2.amazonaws.com",
        ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy"),
        "node_policies",
    ),
    "ebs-csi": ("Storage driver", "pods.eks.amazonaws.com", ("service-role/AmazonEBSCSIDriverPolicy",), None),
}


def layer(platform: Platform) -> Plan:
    """What the plan of every layer at AWS says first."""
    return {**common(platform), "purge": platform.purge, "tags": plain(platform.tags)}


def iam_role(platform: Platform, purpose: str) -> Plan:
    """One of the IAM roles. IAM knows no regions, so the name has the platform's."""
    who, service, policies, extra = _IAM_ROLES[purpose]
    return {
        "name": f"{platform.name}-{platform.region}-{purpose}",
        "description": f"{who} of EKS cluster {platform.name}",
        "assume_role_policy": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": _actions(service), "Principal": {"Service": service}}],
        },
        "policies": [*policies, *(getattr(platform.iam, extra) if extra else ())],
        "permissions_boundary": platform.iam.permissions_boundary,
        "path": platform.iam.path,
    }


def _actions(service: str) -> str | list[str]:
    # The agent of pod identities says in tags of the session which pod it is for.
    return ["sts:AssumeRole", "sts:TagSession"] if service == "pods.eks.amazonaws.com" else "sts:AssumeRole"


def addon_options(platform: Platform, *, before_nodes: bool) -> list[Plan]:
    """The add-ons that have to be there before the nodes, or those that need nodes: what is not known needs them."""
    wanted = platform.eks_cluster.addons.items()
    return [
        {"name": name, "version": addon.version, "configuration": plain(addon.configuration)}
        for name, addon in wanted
        if addon.enabled and before_nodes == (name in ADDONS and ADDONS[name].before_nodes)
    ]


def data_key(platform: Platform) -> str:
    """The name of the KMS key that encrypts the platform's data at rest."""
    return f"{platform.name}-data"
