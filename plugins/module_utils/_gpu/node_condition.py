# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Handing the verdict on as a condition of each Node, made from what the module returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import NODES

Object = Mapping[str, Any]

#: Conditions that the kubelet and the node controller keep; writing one would take nodes out of service.
RESERVED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")

#: The reasons of a condition that is True.
READY, PROVED = "GPUsReady", "GPUsProved"

_STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_LONGEST_MESSAGE = 1024


def problems(condition: str) -> list[str]:
    """What is wrong with the option C(condition)."""
    if condition in RESERVED_CONDITIONS:
        return [
            f"condition is {condition}, which the kubelet keeps. Write one of your own, such as example.com/GPUReady."
        ]
    if len(condition) > 316 or any(character.isspace() for character in condition):
        return [f"condition is '{condition}'. Write a name such as example.com/GPUReady."]
    return []


def condition(kind: str, report: Mapping[str, Any], before: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    """The condition of a node that the module reports so. C(before) is the one that the node has.

    Its reason says whether a smoke pod proved the node, in this run or, without a break since, in an earlier one.
    """
    status = "True" if report["ready"] else "False"
    same = before is not None and before["status"] == status
    if report["ready"]:
        passed = (report.get("smoke") or {}).get("phase") == "passed"
        proved = passed or (same and before is not None and before.get("reason") == PROVED)
        reason, message = (PROVED, "a smoke pod used every GPU") if proved else (READY, "every GPU is offered")
    else:
        # A condition's reason is one word; the codes are such words.
        reason = report["reasons"][0]["code"]
        message = "; ".join(entry["message"] for entry in report["reasons"])
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:_LONGEST_MESSAGE],
        "lastTransitionTime": before["lastTransitionTime"] if same and before is not None else now,
        "lastHeartbeatTime": now,
    }


def write(
    client: Client,
    kind: str,
    nodes: Iterable[Object],
    reports: Iterable[Mapping[str, Any]],
    *,
    check_mode: bool = False,
) -> Iterator[str]:
    """Give each reported Node the condition, through its status; the name of each node once it was written to.

    In check mode nothing is written, and the names are those of the nodes that it would be written to.

    A condition that says the same already is not written again. A node that is gone, or was replaced under its name,
    is left alone.

    Raises:
        ApiError: the caller may not change the status of nodes, or the API server refused for another reason.
        KubernetesError: the API server cannot be reached.
    """
    by_name = {str(node["metadata"]["name"]): node for node in nodes}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for report in reports:
        node = by_name.get(str(report["name"]))
        if node is None:
            continue
        before = next((entry for entry in node["status"].get("conditions") or () if entry["type"] == kind), None)
        wanted = condition(kind, report, before, now)
        if before and all(before.get(key) == wanted[key] for key in ("status", "reason", "message")):
            continue
        if check_mode:
            yield str(report["name"])
            continue
        # The uid makes the API server refuse the patch for a new node of the same name.
        patch = {"metadata": {"uid": node["metadata"]["uid"]}, "status": {"conditions": [wanted]}}
        path = f"{NODES.path(name=report['name'])}/status"
        try:
            client.request("PATCH", path, body=patch, content_type=_STRATEGIC_MERGE)
        except ApiError as error:
            if error.status in (404, 409):
                continue
            raise
        yield str(report["name"])
