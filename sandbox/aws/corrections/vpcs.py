# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VPCs and internet gateways.

moto deletes a VPC from under its internet gateway, security groups and endpoints, leaves its network ACL behind, and
detaches an internet gateway from under public addresses. Whoever removes things in the wrong order must find out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.internet_gateways import InternetGateways
from moto.ec2.responses.vpcs import VPCs

from sandbox.aws.corrections.correction import corrects


@corrects(VPCs, "delete_vpc")
def _delete(original: Callable[[VPCs], Any], self: VPCs) -> Any:
    vpc_id, ec2 = self._get_param("VpcId"), self.ec2_backend
    ec2.get_vpc(vpc_id)
    dependents = (
        any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values())
        or any(not group.is_default for group in ec2.groups[vpc_id].values())
        or any(endpoint.vpc_id == vpc_id for endpoint in ec2.vpc_end_points.values())
    )
    if dependents:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    result = original(self)
    ec2.groups.pop(vpc_id, None)
    for acl_id in [acl.id for acl in ec2.network_acls.values() if acl.vpc_id == vpc_id]:
        del ec2.network_acls[acl_id]
    return result


@corrects(InternetGateways, "detach_internet_gateway")
def _detach(original: Callable[[InternetGateways], Any], self: InternetGateways) -> Any:
    vpc_id = self._get_param("VpcId")
    if any(address.eni and address.eni.subnet.vpc_id == vpc_id for address in self.ec2_backend.addresses):
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway."
        )
    return original(self)


@corrects(EC2Backend, "release_address")
def _release(
    original: Callable[..., None], self: Any, address: str | None = None, allocation_id: str | None = None
) -> None:
    for found in self.addresses:
        if found.association_id and (found.allocation_id == allocation_id or found.public_ip == address):
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {found.public_ip} is in use.")
    original(self, address, allocation_id)
