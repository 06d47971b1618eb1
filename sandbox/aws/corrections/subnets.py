# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets.

moto accepts subnets that AWS does not take (too small, without a prefix, in a zone of another region), deletes a subnet
from under its network interfaces, and keeps its association with a route table.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.subnets import Subnets

from sandbox.aws.corrections.correction import corrects
from sandbox.aws.corrections.vpcs import canonical

#: AWS takes prefixes from /16 to /28.
_SIZES = range(16, 29)


@corrects(Subnets, "create_subnet")
def _create(original: Callable[[Subnets], Any], self: Subnets) -> Any:
    cidr, zone = self._get_param("CidrBlock"), self._get_param("AvailabilityZone")
    if cidr:
        _check_size(cidr)
    zones = [known.name for known in self.ec2_backend.describe_availability_zones()]
    if zone and zone not in zones:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Value ({zone}) for parameter availabilityZone is invalid. "
            f"Subnets can currently only be created in the following availability zones: {', '.join(zones)}.",
        )
    return original(self)


def _check_size(cidr: str) -> None:
    try:
        network = ipaddress.IPv4Network(cidr, strict=False) if "/" in cidr else None
    except ValueError:
        network = None
    if network is None:
        message = f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        raise EC2ClientError("InvalidParameterValue", message)
    if network.prefixlen not in _SIZES:
        raise EC2ClientError("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")


@corrects(EC2Backend, "create_subnet")
def _create_canonical(
    original: Callable[..., Any], self: Any, vpc_id: str, cidr_block: str, *rest: Any, **named: Any
) -> Any:
    return original(self, vpc_id, canonical(cidr_block) if cidr_block else cidr_block, *rest, **named)


@corrects(EC2Backend, "delete_subnet")
def _delete(original: Callable[..., Any], self: Any, subnet_id: str) -> Any:
    if any(interface.subnet.id == subnet_id for interface in self.enis.values()):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    subnet = original(self, subnet_id)
    for table in self.route_tables.values():
        table._associations = {key: target for key, target in table._associations.items() if target != subnet_id}
    return subnet
