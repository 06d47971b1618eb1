# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VPC endpoints.

moto makes endpoints of services that do not exist, has no type where none is given (AWS: Gateway), keeps deleted ones,
and leaves the route tables as they are when an endpoint's tables change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from sandbox.aws.corrections.correction import corrects


@corrects(EC2Backend, "create_vpc_endpoint")
def _create(
    original: Callable[..., Any],
    self: Any,
    *,
    service_name: str,
    endpoint_type: str | None,
    route_table_ids: list[str],
    **named: Any,
) -> Any:
    endpoint_type = endpoint_type or "Gateway"
    prefix = f"com.amazonaws.{self.region_name}."
    services = ("s3", "dynamodb")
    known = service_name.startswith(prefix) and (
        endpoint_type != "Gateway" or service_name.removeprefix(prefix) in services
    )
    if not known:
        raise EC2ClientError("InvalidServiceName", f"The Vpc Endpoint Service '{service_name}' does not exist")
    for table_id in route_table_ids:
        _check_free(self, table_id, service_name)
    return original(
        self, service_name=service_name, endpoint_type=endpoint_type, route_table_ids=route_table_ids, **named
    )


def _check_free(ec2: Any, table_id: str, service_name: str) -> None:
    for route in ec2.get_route_table(table_id).routes:
        prefix_list = route.destination_prefix_list
        if prefix_list is not None and prefix_list.prefix_list_name == service_name:
            message = f"route table {table_id} already has a route with destination-prefix-list-id {prefix_list.id}"
            raise EC2ClientError("RouteAlreadyExists", message)


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
    for table_id in added:
        _check_free(self, table_id, endpoint.service_name)
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
