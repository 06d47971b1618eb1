# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security groups as a whole.

moto deletes a group that other groups name in their rules, or that network interfaces carry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import DependencyViolationError, InvalidSecurityGroupNotFoundError
from moto.ec2.responses.security_groups import SecurityGroups

from sandbox.aws.corrections.correction import corrects


@corrects(SecurityGroups, "delete_security_group")
def _delete(original: Callable[[SecurityGroups], Any], self: SecurityGroups) -> Any:
    given = self._get_param("GroupId") or self._get_param("GroupName")
    group = self.ec2_backend.get_security_group_by_name_or_id(given)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(given)
    if _is_named_by_another(self.ec2_backend, group) or _is_carried(self.ec2_backend, group):
        raise DependencyViolationError(f"resource {group.id} has a dependent object")
    return original(self)


def _is_named_by_another(ec2: Any, group: Any) -> bool:
    return any(
        rule.source_group.get("GroupId") == group.id
        for groups in ec2.groups.values()
        for other in groups.values()
        if other is not group
        for rule in (*other.ingress_rules, *other.egress_rules)
    )


def _is_carried(ec2: Any, group: Any) -> bool:
    return any(carried.id == group.id for interface in ec2.enis.values() for carried in interface.group_set)
