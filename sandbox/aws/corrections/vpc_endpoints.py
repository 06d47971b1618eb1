# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VPC endpoints.

moto keeps deleted ones, and leaves the route tables as they are when an endpoint's tables change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend

from sandbox.aws.corrections.correction import corrects


@corrects(EC2Backend, "modify_vpc_endpoint")
def _modify(
    original: Callable[..., None],
    self: Any,
    *,
    vpc_id: str,
    add_route_tables: list[str] | None,
    remove_route_tables: list[str] | None,
    **named: Any,
) -> None:
    [endpoint] = self.describe_vpc_endpoints(vpc_end_point_ids=[vpc_id])
    before = list(endpoint.route_table_ids)
    added = [table for table in add_route_tables or () if table not in before]
    original(
        self,
        vpc_id=vpc_id,
        add_route_tables=add_route_tables,
        remove_route_tables=remove_route_tables,
        **named,
    )
    destination = endpoint.destination_prefix_list_id
    for table_id in added:
        self.create_route(table_id, None, gateway_id=endpoint.id, destination_prefix_list_id=destination)
    for table_id in before:
        if table_id not in endpoint.route_table_ids:
            self.delete_route(table_id, None, destination_prefix_list_id=destination)


@corrects(EC2Backend, "delete_vpc_endpoints")
def _delete(original: Callable[..., Any], self: Any, vpce_ids: list[str] | None = None) -> Any:
    result = original(self, vpce_ids)
    for identifier in vpce_ids or ():
        self.vpc_end_points.pop(identifier, None)
    return result
