# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the rules look at besides the node itself, small enough that a changed node is judged without the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """What is known around one node.

    C(now) is the cluster's wall clock in seconds since 1970. C(plugin_pods) and C(driver_pods) are those of this node
    only. C(daemon_sets) are all that were read, of any agent: the rules pick those that select the node; None where
    they were not read. C(resource_slices) are those of this node, of any driver; None where they were not read, as in
    a cluster without the API. C(lease) is the node's lease, None where it was not read. C(pods_read) is false where the
    device plugin's pods could not be read, so that their absence says nothing.
    """

    now: float
    plugin_pods: Sequence[Object] = ()
    pods_read: bool = True
    driver_pods: Sequence[Object] = ()
    daemon_sets: Sequence[Object] | None = None
    resource_slices: Sequence[Object] | None = None
    lease: Object | None = None
