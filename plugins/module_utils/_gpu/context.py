# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the rules look at besides the node itself, small enough that a changed node is judged without the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config

Object = Mapping[str, Any]


@dataclass
class Peers:
    """The most GPUs that a node of the same instance type, partitions and sharing was ever seen to know.

    It never falls again: a node that loses a GPU must not lower what is expected of it.
    """

    config: Config
    _most: dict[tuple[str, ...], int] = field(default_factory=dict)

    def observe(self, node: Object) -> bool:
        """Take a node in. Whether the maximum of its kind rose: then L(group) tells whom to evaluate again."""
        known = labels.amount((node.get("status") or {}).get("capacity"), self.config.gpu_resource) or 0
        group = self.group(node)
        if known <= self._most.get(group, 0):
            return False
        self._most[group] = known
        return True

    def most(self, node: Object) -> int | None:
        """The most that a node of this kind knew, or None while none knew any."""
        return self._most.get(self.group(node))

    def group(self, node: Object) -> tuple[str, ...]:
        """What a node has in common with its peers."""
        of = labels.of(node)
        return tuple(of.get(key, "") for key in (labels.INSTANCE_TYPE, labels.MIG_CONFIG, labels.REPLICAS))


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
    peers: Peers | None = None
