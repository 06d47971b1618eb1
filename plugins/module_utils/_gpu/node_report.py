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
    """One node. C(capacity), C(allocatable) and C(expected) are GPUs, or what stands for them: None is not known.

    C(excluded) nodes, which are being removed, are no part of the set: they neither count as ready nor as missing.
    C(ignored) are the reasons that the task chose not to count. C(recheck_at) is when (seconds since 1970) the report
    changes without any news, by time alone: the node has to be evaluated again then.
    """

    name: str
    uid: str = ""
    pool: str = ""
    instance_type: str = ""
    reasons: tuple[Reason, ...] = ()
    ignored: tuple[Reason, ...] = ()
    excluded: bool = False
    mode: str = "device_plugin"
    capacity: int | None = None
    allocatable: int | None = None
    expected: int | None = None
    #: Where the expected amount is from; empty where it is not known although it was to be found.
    expected_from: str = ""
    product: str = ""
    driver: str = ""
    cuda: str = ""
    plugin_pod: str = ""
    recheck_at: float | None = None

    @property
    def ready(self) -> bool:
        return not self.reasons
