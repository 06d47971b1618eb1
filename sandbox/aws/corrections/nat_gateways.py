# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NAT gateways.

moto's are available and deleted at once, hold on to nothing, can be filtered by four fields only, and come up without
an internet gateway. Here they take their time, hold their address and network interface until they are deleted, and
fail as AWS's do. Their states move on when the next EC2 call of their account and region comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.utils import generic_filter

from sandbox.aws.corrections.correction import corrects
from sandbox.aws.settings import SETTINGS

#: How long (seconds) AWS shows a NAT gateway that is deleted or has failed.
_SHOWN_AFTER_END = 3600.0


@corrects(EC2BaseResponse, "call_action")
def _call(original: Callable[[EC2BaseResponse], Any], self: EC2BaseResponse) -> Any:
    _move_on(self.ec2_backend)
    return original(self)


def _move_on(ec2: Any) -> None:
    now = time.time()
    for gateway in list(ec2.nat_gateways.values()):
        if now < gateway.due:
            continue
        if gateway.state == "pending":
            _come_up(ec2, gateway)
        elif gateway.state == "deleting":
            gateway.state = "deleted"
            _let_go(ec2, gateway)
            gateway.due = now + _SHOWN_AFTER_END
        elif gateway.state in ("deleted", "failed"):
            del ec2.nat_gateways[gateway.id]
            ec2.tags.pop(gateway.id, None)


def _come_up(ec2: Any, gateway: Any) -> None:
    attached = any(other.vpc and other.vpc.id == gateway.vpc_id for other in ec2.internet_gateways.values())
    if attached or gateway.connectivity_type == "private":
        gateway.state = "available"
        return
    gateway.state = "failed"
    gateway.failure_code = "Gateway.NotAttached"
    gateway.failure_message = f"Network {gateway.vpc_id} has no Internet gateway attached"
    _let_go(ec2, gateway)
    gateway.due = time.time() + _SHOWN_AFTER_END


def _let_go(ec2: Any, gateway: Any) -> None:
    interface = gateway._eni
    for address in ec2.addresses:
        if address.eni is interface:
            ec2.disassociate_address(association_id=address.association_id)
    ec2.enis.pop(interface.id, None)


@corrects(EC2Backend, "create_nat_gateway")
def _create(
    original: Callable[..., Any],
    self: Any,
    subnet_id: str,
    allocation_id: str | None,
    tags: dict[str, str] | None = None,
    connectivity_type: str | None = None,
) -> Any:
    connectivity_type = connectivity_type or "public"
    self.get_subnet(subnet_id)
    if connectivity_type == "public":
        if not allocation_id:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter AllocationId")
        [address] = self.address_by_allocation([allocation_id])
        if address.association_id:
            message = f"Elastic IP address [{allocation_id}] is already associated"
            raise EC2ClientError("Resource.AlreadyAssociated", message)
    gateway = original(self, subnet_id, allocation_id, tags, connectivity_type)
    gateway.state = "pending"
    gateway.due = time.time() + SETTINGS.nat_gateway
    return gateway


@corrects(EC2Backend, "delete_nat_gateway")
def _delete(_original: Callable[..., Any], self: Any, nat_gateway_id: str) -> Any:
    gateway = self.nat_gateways.get(nat_gateway_id)
    if gateway is None:
        raise _not_found(nat_gateway_id)
    if gateway.state in ("pending", "available"):
        gateway.state = "deleting"
        gateway.delete_time = utcnow()
        gateway.due = time.time() + SETTINGS.nat_gateway
    return gateway


@corrects(EC2Backend, "describe_nat_gateways")
def _describe(_original: Callable[..., Any], self: Any, filters: Any, nat_gateway_ids: list[str] | None) -> list[Any]:
    for identifier in nat_gateway_ids or ():
        if identifier not in self.nat_gateways:
            raise _not_found(identifier)
    chosen = [gateway for key, gateway in self.nat_gateways.items() if not nat_gateway_ids or key in nat_gateway_ids]
    return list(generic_filter(filters, chosen))


@corrects(NatGateway, "get_filter_value")
def _filter_value(original: Callable[..., Any], self: Any, filter_name: str, method_name: str | None = None) -> Any:
    return self.id if filter_name == "nat-gateway-id" else original(self, filter_name, method_name)


def _not_found(identifier: str) -> EC2ClientError:
    return EC2ClientError("NatGatewayNotFound", f"NAT gateway {identifier} was not found")
