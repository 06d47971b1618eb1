# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L9 and L10: what the agents on a node report as its conditions. Their polarity differs.

The EKS node monitoring agent (True is good) and the node problem detector (True is bad) set all their conditions to
good when they start, before they have looked, so a condition counts only when it is old enough. NVSentinel sets
conditions (True is bad), and an annotation when it quarantines a node.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Conditions, Preset
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason

Object = Mapping[str, Any]

_REQUIRED: dict[Preset, tuple[str, ...]] = {
    "eks_nma": (
        "AcceleratedHardwareReady",
        "ContainerRuntimeReady",
        "KernelReady",
        "NetworkingReady",
        "StorageReady",
    ),
}
_FORBIDDEN: dict[Preset, tuple[str, ...]] = {
    "npd": ("CperHardwareErrorFatal", "KernelDeadlock", "ReadonlyFilesystem", "XfsShutdown"),
    "nvsentinel": (
        "GpuMemWatch",
        "GpuNvlinkWatch",
        "GpuThermalWatch",
        "NVSwitchDown",
        "SysLogsGPUFallenOff",
        "SysLogsXIDError",
    ),
}

#: What the node monitoring agent gives as reason where NVSwitch, not a single GPU, is at fault.
_FABRIC = ("FabricManagerNotRunning", "NvidiaFabricError")

_QUARANTINE = "quarantineHealthEvent"
#: Somebody took the node back by hand; NVSentinel leaves the event for the record.
_UNCORDONED_BY_HAND = "quarantinedNodeUncordonedManually"


@dataclass(frozen=True)
class _Rule:
    type: str
    status: str
    required: bool

    def holds(self, status: str) -> bool:
        return (status == self.status) == self.required


def health(node: Object, now: float, wanted: Conditions) -> tuple[list[Reason], float | None]:
    """What the agents report, and when a condition becomes old enough to count (seconds since 1970), if one does."""
    found: list[Reason] = []
    status = node.get("status") or {}
    there = {entry["type"]: entry for entry in status.get("conditions") or ()}
    young: dict[str, float] = {}
    for rule in _rules(wanted):
        entry = there.get(rule.type)
        if entry is None:
            if rule.required and wanted.if_missing == "fail":
                found.append(reason("CONDITION_MISSING", f"the condition {rule.type} is not there"))
        elif not rule.holds(str(entry.get("status"))):
            found.append(_bad(entry))
        else:
            since = labels.seconds(entry.get("lastTransitionTime"))
            if since is not None and now < since + wanted.min_age:
                young[rule.type] = since + wanted.min_age
    if young:
        found.append(
            reason(
                "CONDITION_TOO_YOUNG",
                f"{', '.join(sorted(young))} good for less than {wanted.min_age:g} s",
            )
        )
    annotations = node["metadata"].get("annotations") or {}
    if "nvsentinel" in wanted.presets and _QUARANTINE in annotations and _UNCORDONED_BY_HAND not in annotations:
        found.append(reason("QUARANTINED", "NVSentinel has put the node in quarantine"))
    return found, min(young.values(), default=None)


@functools.lru_cache(maxsize=8)
def _rules(wanted: Conditions) -> tuple[_Rule, ...]:
    """Each type once: what the task says of it comes before the presets."""
    given = [_Rule(one.type, one.status, True) for one in wanted.require]
    given += [_Rule(one.type, one.status, False) for one in wanted.forbid]
    named = {rule.type for rule in given}
    for preset in wanted.presets:
        given += [_Rule(name, "True", True) for name in _REQUIRED.get(preset, ()) if name not in named]
        given += [_Rule(name, "True", False) for name in _FORBIDDEN.get(preset, ()) if name not in named]
    return tuple(rule for rule in given if rule.type not in wanted.ignore)


def _bad(entry: Object) -> Reason:
    said = ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
    message = f"{entry['type']} is {entry.get('status')}" + (f" ({said})" if said else "")
    return reason("FABRIC_NOT_READY" if entry.get("reason") in _FABRIC else "CONDITION_BAD", message)
