# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Idempotency tokens.

moto ignores them: a call that is sent again because its answer was lost makes a second NAT gateway. The same token
answers what it made the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.vpcs import VPCs

from sandbox.aws.corrections.correction import corrects


@corrects(NatGateways, "create_nat_gateway")
@corrects(RouteTables, "create_route_table")
@corrects(VPCs, "create_vpc_endpoint")
def _once(original: Callable[[EC2BaseResponse], ActionResult], self: EC2BaseResponse) -> ActionResult:
    token = self._get_param("ClientToken")
    if not token:
        return original(self)
    # Kept with the backend, so that it outlives the process with the resource.
    known: dict[tuple[str, str], Any] = self.ec2_backend.__dict__.setdefault("client_tokens", {})
    key = (self._get_action(), token)
    if key not in known:
        made: Any = original(self).result
        known[key] = {**made, "ClientToken": token}
    return ActionResult(known[key])
