# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of EC2 resources.

moto names two resource types otherwise than AWS, and keeps the tags of what is deleted. To show one resource it looks
through the tags of all, so that showing all takes a time that grows with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2 import utils
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses._base_response import EC2BaseResponse

from sandbox.aws.corrections.correction import corrects

utils.EC2_PREFIX_TO_RESOURCE.update({"nat": "natgateway", "eipalloc": "elastic-ip"})

#: The parameter that names what a call removes for good. A deleted NAT gateway is shown for an hour, with its tags.
_REMOVED_BY = {
    "DeleteInternetGateway": "InternetGatewayId",
    "DeleteNetworkInterface": "NetworkInterfaceId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteSubnet": "SubnetId",
    "DeleteVpc": "VpcId",
    "DeleteVpcEndpoints": "VpcEndpointIds",
    "ReleaseAddress": "AllocationId",
}


@corrects(EC2BaseResponse, "call_action")
def _call(original: Callable[[EC2BaseResponse], Any], self: EC2BaseResponse) -> Any:
    action = self._get_action()
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
