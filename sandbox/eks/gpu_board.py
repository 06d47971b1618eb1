# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the GPUs of simulated nodes do, on demand: C(POST /_sandbox/eks/gpus)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.aws.board import Board

#: Every node that has no conduct of its own.
EVERY_NODE = "*"


@dataclass(frozen=True)
class GpuConduct:
    """How the GPUs of one node, or of every other one (C(*)), behave; what is None is as on a sound node.

    C(delay) are the seconds from the device plugin's Running pod to the GPUs. C(capacity) is how many the kubelet
    knows, C(allocatable) how many of them are healthy, and C(seen) how many a pod sees that asked for all. C(exit_code)
    is how a smoke pod ends.
    """

    node: str = EVERY_NODE
    delay: float | None = None
    capacity: int | None = None
    allocatable: int | None = None
    seen: int | None = None
    exit_code: int = 0

    def amounts(self, gpus: int) -> tuple[int, int]:
        """What a node with so many GPUs advertises: capacity and allocatable."""
        capacity = gpus if self.capacity is None else self.capacity
        return capacity, capacity if self.allocatable is None else min(capacity, self.allocatable)


class GpuBoard(Board[GpuConduct]):
    """The conduct that was asked for. The latest of a node counts."""

    kind = GpuConduct

    def of(self, node: str) -> GpuConduct:
        with self._lock:
            latest = {conduct.node: conduct for conduct in self._entries}
        return latest.get(node) or latest.get(EVERY_NODE) or GpuConduct()
