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
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import ConditionRule, Conditions
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason

Object = Mapping[str, Any]

#: What is known of the agents' conditions. One of an agent that is not installed is not there, which is no reason.
_KNOWN = tuple(
    ConditionRule(name, "True", required=good_is_true)
    for good_is_true, names in (
        # EKS node monitoring agent
        (
            True,
            (
                "AcceleratedHardwareReady",
                "ContainerRuntimeReady",
                "KernelReady",
                "NetworkingReady",
                "StorageReady",
            ),
        ),
        # node problem detector
        (False, ("CperHardwareErrorFatal", "KernelDeadlock", "ReadonlyFilesystem", "XfsShutdown")),
        # NVSentinel
        (
            False,
            (
                "GpuMemWatch",
                "GpuNvlinkWatch",
                "GpuThermalWatch",
                "NVSwitchDown",
                "SysLogsGPUFallenOff",
                "SysLogsXIDError",
            ),
        ),
    )
    for name in names
)

#: What the node monitoring agent gives as reason where NVSwitch, not a single GPU, is at fault.
_FABRIC = ("FabricManagerNotRunning", "NvidiaFabricError")

_QUARANTINE = "quarantineHealthEvent"
#: Somebody took the node back by hand; NVSentinel leaves the event for the record.
_UNCORDONED_BY_HAND = "quarantinedNodeUncordonedManually"


def health(node: Object, now: float, wanted: Conditions) -> tuple[list[Reason], float | None]:
    """What the agents report, and when a condition becomes old enough to count (seconds since 1970), if one does."""
    found: list[Reason] = []
    status = node.get("status") or {}
    there = {entry["type"]: entry for entry in status.get("conditions") or ()}
    young: dict[str, float] = {}
    for rule in _rules(wanted):
        entry = there.get(rule.type)
        if entry is None:
            if rule.required and rule in wanted.rules:
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
    if _QUARANTINE in annotations and _UNCORDONED_BY_HAND not in annotations:
        found.append(reason("QUARANTINED", "NVSentinel has put the node in quarantine"))
    return found, min(young.values(), default=None)


@functools.lru_cache(maxsize=8)
def _rules(wanted: Conditions) -> tuple[ConditionRule, ...]:
    """What the task says of a type comes before what is known of it."""
    named = {rule.type for rule in wanted.rules}
    given = (*wanted.rules, *(rule for rule in _KNOWN if rule.type not in named))
    return tuple(rule for rule in given if rule.type not in wanted.ignore)


def _bad(entry: Object) -> Reason:
    said = ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
    message = f"{entry['type']} is {entry.get('status')}" + (f" ({said})" if said else "")
    return reason("FABRIC_NOT_READY" if entry.get("reason") in _FABRIC else "CONDITION_BAD", message)
