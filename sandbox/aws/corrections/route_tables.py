# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Route tables.

moto answers the association of a subnet that already has a table with that association, as if all were well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.route_tables import RouteTables

from sandbox.aws.corrections.correction import corrects


@corrects(RouteTables, "associate_route_table")
def _associate(original: Callable[[RouteTables], Any], self: RouteTables) -> Any:
    table_id, subnet_id = self._get_param("RouteTableId"), self._get_param("SubnetId")
    for table in self.ec2_backend.route_tables.values():
        if subnet_id in table._associations.values():
            message = f"the specified association for route table {table_id} conflicts with an existing association"
            raise EC2ClientError("Resource.AlreadyAssociated", message)
    return original(self)
