# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What was found out about one node."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason


@dataclass(frozen=True)
class NodeReport:
    """What was found out about one node. A count is None where the node does not know the resource at all."""

    name: str
    pool: str
    instance_type: str
    zone: str
    reasons: tuple[Reason, ...]
    capacity: int | None
    allocatable: int | None
    expected: int | None
    plugin_pod: str = ""

    @property
    def ready(self) -> bool:
        return not self.reasons
