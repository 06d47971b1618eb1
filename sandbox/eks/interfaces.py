# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network interfaces that a cluster has in its VPC: two of the control plane, one of each node."""

from __future__ import annotations

from sandbox.eks import account
from sandbox.eks.store import Cluster


def keep_interfaces(cluster: Cluster) -> None:
    """Make the interfaces in EC2 what the records say.

    They follow from the records alone, so that neither a killed server nor an emptied account leaves one too many.
    """
    network = cluster.view["resourcesVpcConfig"]
    shared = cluster.security_group
    subnets = account.subnets(cluster.account, cluster.region, network["subnetIds"])
    of_zones = {subnet.zone: subnet.id for subnet in sorted(subnets.values(), key=lambda found: found.id)}
    groups = tuple(sorted({shared, *network["securityGroupIds"]}))
    description = f"Amazon EKS {cluster.name}"
    wanted = {account.Interface(of_zones[zone], groups, description) for zone in sorted(of_zones)[:2]}
    wanted |= {
        account.Interface(instance.subnet_id, (shared,), "", instance.id, instance.address)
        for group in cluster.node_groups.values()
        for instance in group.instances
    }
    account.keep_interfaces(cluster.account, cluster.region, cluster.name, wanted)
