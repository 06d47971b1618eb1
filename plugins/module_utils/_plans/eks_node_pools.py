# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the managed node groups, one a pool, and their IAM role."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import (
    Plan,
    addon_options,
    iam_role,
    layer,
    options,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.node_pools import NodePool
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def eks_node_pools_plan(platform: Platform) -> Plan:
    role = iam_role(platform, "eks-node")
    # Not by their names: those are tags, which anyone can edit.
    cidrs = {subnet.name: subnet.cidr for subnet in platform.network.subnets}
    return {
        **layer(platform),
        "iam_roles": [role],
        "cluster": platform.name,
        "wait_timeout": platform.eks_cluster.wait_timeout,
        "addons": addon_options(platform, before_nodes=False),
        "node_pools": [_node_pool(pool, role["name"], cidrs) for pool in platform.node_pools],
    }


def _node_pool(pool: NodePool, role: str, cidrs: Mapping[str, str]) -> Plan:
    """A pool without C(desired_size), where the spec has none, so that an autoscaler's size is left alone."""
    decided = ("instance_type", "zones", "gpus")
    return {
        **{key: value for key, value in options(pool).items() if key not in decided},
        "subnets": [cidrs[name] for name in pool.subnets],
        "iam_role": role,
    }
