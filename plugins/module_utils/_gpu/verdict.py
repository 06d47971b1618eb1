# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The whole set: whether enough nodes are ready, and in words why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.report import NodeReport


@dataclass(frozen=True)
class Verdict:
    """The whole set: ready where C(reasons) is empty."""

    nodes: tuple[NodeReport, ...]
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def ready(self) -> bool:
        return not self.reasons

    @property
    def ready_count(self) -> int:
        return sum(node.ready for node in self.nodes)


def judge(reports: Iterable[NodeReport], expected_count: int | None) -> Verdict:
    """The whole set. Without C(expected_count) every node has to be ready, and there must be one."""
    nodes = tuple(sorted(reports, key=lambda report: report.name))
    ready = sum(node.ready for node in nodes)
    wanted = max(1, len(nodes)) if expected_count is None else expected_count
    reasons: list[Reason] = []
    if wanted and not nodes:
        reasons.append(
            Reason("NO_NODES", "L0", "no node has the labels", "Check label_selector and the size of the node pool.")
        )
    elif len(nodes) < wanted:
        reasons.append(
            Reason(
                "TOO_FEW_NODES",
                "L0",
                f"{len(nodes)} of {wanted} nodes are there",
                "Look at the node group's health and at the autoscaling group's activity.",
            )
        )
    if nodes and ready < wanted:
        reasons += [reason for node in nodes for reason in node.reasons]
    unknown = sorted({node.instance_type or "(no label)" for node in nodes if node.expected is None})
    warnings = tuple(
        f"how many GPUs the instance type {name} has is not known: any number above 0 is taken. Set expected_gpus."
        for name in unknown
    )
    return Verdict(nodes, tuple(reasons), warnings)


def summary(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """How many nodes have each reason, the most frequent first, with an example."""
    found: dict[str, dict[str, Any]] = {}
    for reason in verdict.reasons:
        if reason.layer == "L0":
            found[reason.code] = {"nodes": 0, "message": reason.message, "hint": reason.hint, "example": ""}
    for node in verdict.nodes:
        for reason in node.reasons:
            entry = found.setdefault(
                reason.code, {"nodes": 0, "message": reason.message, "hint": reason.hint, "example": node.name}
            )
            entry["nodes"] += 1
    return dict(sorted(found.items(), key=lambda item: (bool(item[1]["example"]), -item[1]["nodes"], item[0])))


def describe(verdict: Verdict, expected_count: int | None) -> str:
    """One sentence: how many are ready, and the top reasons of the others."""
    of = len(verdict.nodes) if expected_count is None else expected_count
    counted = summary(verdict)
    reasons = [
        f"{entry['nodes']} {code} ({entry['example']}: {entry['message']})"
        if entry["example"]
        else f"{code}: {entry['message']}"
        for code, entry in counted.items()
    ]
    hints = list(dict.fromkeys(entry["hint"] for entry in counted.values() if entry["hint"]))
    told = f"{verdict.ready_count} of {of} nodes are ready{'; ' if reasons else ''}{'; '.join(reasons)}."
    # The hints of the two most frequent reasons; more would bury the reasons themselves.
    return " ".join([told, *hints[:2]])
