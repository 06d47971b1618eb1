# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EKS access policies by RBAC: a synthetic group for each policy and scope, and the bindings that give it its rights.

EKS has an authorizer of its own for access policies. Here the token webhook puts the caller into a group for each of
its associated policies, and the bridge keeps the bindings of those groups in the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.eks.access_entries import POLICIES
from sandbox.eks.store import Cluster, View

Manifest = dict[str, Any]

#: Marks what the bridge made, so that it takes away nothing else.
LABEL = "sandbox.entasis.io/access-policy"
_ADMIN_VIEW = "entasis-sandbox-admin-view"
#: The ClusterRole with the rights of each policy: Kubernetes' own, which EKS's policies follow, but for one.
_ROLES = {
    "AmazonEKSClusterAdminPolicy": "cluster-admin",
    "AmazonEKSAdminPolicy": "admin",
    "AmazonEKSEditPolicy": "edit",
    "AmazonEKSViewPolicy": "view",
    "AmazonEKSAdminViewPolicy": _ADMIN_VIEW,
}


def groups(policies: Iterable[View]) -> list[str]:
    """The synthetic groups of a caller with these associated policies."""
    found = []
    for policy in policies:
        name = POLICIES[policy["policyArn"]]
        scope = policy["accessScope"]
        places = scope["namespaces"] if scope["type"] == "namespace" else [""]
        found += [group(name, namespace) for namespace in places]
    return found


def group(policy: str, namespace: str = "") -> str:
    return f"eks-access-policy:{policy}:{namespace}" if namespace else f"eks-access-policy:{policy}"


def admin_view_role() -> Manifest:
    """The ClusterRole of AmazonEKSAdminViewPolicy: to see everything, secrets too."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _ADMIN_VIEW, "labels": {LABEL: "AmazonEKSAdminViewPolicy"}},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }


def cluster_bindings() -> list[Manifest]:
    """The bindings of the policies in cluster scope. They are always there: a group without members does no harm."""
    return [_binding(policy, "") for policy in _ROLES]


def namespace_bindings(cluster: Cluster) -> dict[tuple[str, str], Manifest]:
    """The bindings of the policies in namespace scope that some entry has, by namespace and name."""
    wanted = {
        (namespace, POLICIES[policy["policyArn"]])
        for entry in cluster.access_entries.values()
        for policy in entry.policies.values()
        for namespace in policy["accessScope"]["namespaces"]
    }
    bindings = [_binding(policy, namespace) for namespace, policy in sorted(wanted)]
    return {(b["metadata"]["namespace"], b["metadata"]["name"]): b for b in bindings}


def _binding(policy: str, namespace: str) -> Manifest:
    metadata: dict[str, Any] = {"name": f"eks-access-policy-{policy.lower()}", "labels": {LABEL: policy}}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _ROLES[policy]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group(policy, namespace)}],
    }
