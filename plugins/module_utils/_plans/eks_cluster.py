# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the cluster, its IAM role and its kubeconfig."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import (
    Plan,
    addon_options,
    data_key,
    iam_role,
    kubeconfig,
    layer,
    plain,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform

#: What of the section is for others than the module eks_cluster.
_NOT_THE_CLUSTERS = ("admins", "viewers", "log_retention_days", "private_access_cidrs", "addons")


def eks_cluster_plan(platform: Platform) -> Plan:
    role, storage = iam_role(platform, "eks-cluster"), iam_role(platform, "ebs-csi")
    return {
        **layer(platform),
        "iam_roles": [role, storage] if _has_storage(platform) else [role],
        "cluster": {
            **{key: value for key, value in plain(platform.eks_cluster).items() if key not in _NOT_THE_CLUSTERS},
            "encryption_key": platform.eks_cluster.encryption_key or f"alias/{data_key(platform)}",
            "name": platform.name,
            "iam_role": role["name"],
            "subnets": [subnet.cidr for subnet in platform.network.private_subnets],
        },
        "access_entries": [
            {"name": principal, "policies": [{"policy": policy}]}
            for policy, principals in (
                ("AmazonEKSClusterAdminPolicy", platform.eks_cluster.admins),
                ("AmazonEKSViewPolicy", platform.eks_cluster.viewers),
            )
            for principal in principals
        ],
        "pod_identities": [
            {"namespace": "kube-system", "service_account": "ebs-csi-controller-sa", "iam_role": storage["name"]}
        ]
        if _has_storage(platform)
        else [],
        "addons": addon_options(platform, before_nodes=True),
        "kubeconfig": kubeconfig(platform),
    }


def _has_storage(platform: Platform) -> bool:
    return platform.eks_cluster.addons["aws-ebs-csi-driver"].enabled
