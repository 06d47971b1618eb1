# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that are to end badly, on demand: C(POST /_sandbox/eks/failures).

AWS accepts such a call. Minutes later a creation ends the resource in CREATE_FAILED (FAILED for a cluster); an update
of a node group is successful, and the group is DEGRADED all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.aws.board import Board


@dataclass(frozen=True)
class Failure:
    """One call that is to end badly; C(name) is the resource's, C(*) stands for the next of any name."""

    operation: Literal["CreateCluster", "CreateNodegroup", "UpdateNodegroupConfig"]
    name: str = "*"
    code: str = "NodeCreationFailure"
    message: str = "Instances failed to join the kubernetes cluster (simulated)"


class Failures(Board[Failure]):
    """The failures that are set. Each is for one call."""

    kind = Failure

    def take(self, operation: str, name: str) -> dict[str, str]:
        """How a call is to end badly; empty where it is not."""
        with self._lock:
            for failure in self._entries:
                if failure.operation == operation and failure.name in ("*", name):
                    self._entries.remove(failure)
                    return {"code": failure.code, "message": failure.message}
        return {}
