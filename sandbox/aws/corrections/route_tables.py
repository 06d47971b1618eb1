# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Route tables.

moto answers the association of a subnet that already has another table with that other association, as if all were
well, and deletes a VPC's main route table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.responses.route_tables import RouteTables

from sandbox.aws.corrections.correction import corrects


@corrects(RouteTables, "associate_route_table")
def _associate(original: Callable[[RouteTables], Any], self: RouteTables) -> Any:
    table_id, subnet_id = self._get_param("RouteTableId"), self._get_param("SubnetId")
    for table in self.ec2_backend.route_tables.values():
        if table.id != table_id and subnet_id and subnet_id in table._associations.values():
            message = f"the specified association for route table {table_id} conflicts with an existing association"
            raise EC2ClientError("Resource.AlreadyAssociated", message)
    return original(self)


@corrects(RouteTables, "delete_route_table")
def _delete(original: Callable[[RouteTables], Any], self: RouteTables) -> Any:
    table_id = self._get_param("RouteTableId")
    if self.ec2_backend.get_route_table(table_id).main_association_id:
        raise DependencyViolationError(f"The routeTable '{table_id}' has dependencies and cannot be deleted.")
    return original(self)
