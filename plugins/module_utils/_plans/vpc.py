# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the network and its security groups."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan, common, plain
from ansible_collections.entasis.engine.plugins.module_utils._plans.kubernetes_layer import not_installed
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import Subnet
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.security_groups import (
    SecurityGroup,
    SecurityGroupRule,
)


def vpc_plan(platform: Platform) -> Plan:
    return {
        **common(platform),
        "purge": platform.purge,
        "tags": plain(platform.tags),
        "notices": [*platform.notices, *not_installed(platform)],
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
    return {**plain(subnet), "tags": {balancers: "1", f"kubernetes.io/cluster/{platform.name}": "shared"}}


def _security_group(group: SecurityGroup) -> Plan:
    return {
        "name": group.name,
        "description": group.description,
        "inbound": _rules(group.inbound),
        "outbound": _rules(group.outbound),
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
