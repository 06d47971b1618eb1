# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of EC2 resources.

moto names two resource types otherwise than AWS, keeps the tags of what is deleted, takes tags that are meant for
another kind of resource, and tags NAT gateways, addresses and endpoints that do not exist. To show one resource it
looks through the tags of all, so that showing all takes a time that grows with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses._base_response import EC2BaseResponse

from sandbox.aws.corrections.correction import corrects

utils.EC2_PREFIX_TO_RESOURCE.update({"nat": "natgateway", "eipalloc": "elastic-ip"})

#: The kinds of resources that a create call may tag.
_TAGGABLE = {
    "AllocateAddress": {"elastic-ip"},
    "CreateInternetGateway": {"internet-gateway"},
    "CreateNatGateway": {"natgateway"},
    "CreateRouteTable": {"route-table"},
    "CreateSecurityGroup": {"security-group"},
    "CreateSubnet": {"subnet"},
    "CreateVpc": {"vpc"},
    "CreateVpcEndpoint": {"vpc-endpoint"},
}

#: The parameter that names what a call removes for good. A deleted NAT gateway is shown for an hour, with its tags.
_REMOVED_BY = {
    "DeleteInternetGateway": "InternetGatewayId",
    "DeleteLaunchTemplate": "LaunchTemplateId",
    "DeleteNetworkInterface": "NetworkInterfaceId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteSubnet": "SubnetId",
    "DeleteVolume": "VolumeId",
    "DeleteVpc": "VpcId",
    "DeleteVpcEndpoints": "VpcEndpointIds",
    "ReleaseAddress": "AllocationId",
    "RevokeSecurityGroupEgress": "SecurityGroupRuleIds",
    "RevokeSecurityGroupIngress": "SecurityGroupRuleIds",
}


@corrects(EC2BaseResponse, "call_action")
def _call(original: Callable[[EC2BaseResponse], Any], self: EC2BaseResponse) -> Any:
    action = self._get_action()
    if action in _TAGGABLE:
        for given in self._get_param("TagSpecifications", []):
            kind = given.get("ResourceType")
            if kind not in _TAGGABLE[action]:
                message = f"'{kind}' is not a valid taggable resource type for this operation."
                return self.serialized(ActionResult(EC2ClientError("InvalidParameterValue", message)))
    removed = self._get_param(_REMOVED_BY[action]) if action in _REMOVED_BY else None
    status, headers, body = original(self)
    if status == 200 and removed:
        for identifier in [removed] if isinstance(removed, str) else removed:
            self.ec2_backend.tags.pop(identifier, None)
    return status, headers, body


@corrects(TaggedEC2Resource, "get_tags")
def _tags_of(_original: Callable[..., Any], self: Any) -> list[dict[str, str]]:
    kind = utils.EC2_PREFIX_TO_RESOURCE.get(utils.get_prefix(self.id), "") if self.id else ""
    tags = self.ec2_backend.tags.get(self.id, {})
    return [{"resource_id": self.id, "key": key, "value": tags[key], "resource_type": kind} for key in tags]


@corrects(EC2Backend, "do_resources_exist")
def _exist(original: Callable[..., bool], self: Any, resource_ids: list[str]) -> bool:
    for identifier in resource_ids:
        kind = utils.get_prefix(identifier)
        if kind == "nat" and identifier not in self.nat_gateways:
            raise EC2ClientError("NatGatewayNotFound", f"The Nat Gateway {identifier} was not found")
        if kind == "eipalloc":
            self.address_by_allocation([identifier])
        if kind == "vpce":
            self.get_vpc_end_point(identifier)
    return original(self, resource_ids)
