# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What gpu_node_ready returns, the same whether the nodes are ready or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import verdict as verdicts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.node_report import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import Moment, Observed
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import SmokeResult
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Verdict

#: What of a report is for the machinery, or is told in another form.
_NOT_TOLD = ("uid", "excluded", "created", "recheck_at")


def summed_up(verdict: Verdict, observed: Observed) -> dict[str, Any]:
    """The set as a whole."""
    counts = observed.counts
    return {
        "ready": verdict.ready,
        "ready_count": verdict.ready_count,
        "total": verdict.total,
        "needed": verdict.needed,
        "ready_percent": round(100 * verdict.ready_count / verdict.of, 1) if verdict.of else 0.0,
        "gpus": {
            "expected": counts.expected,
            "capacity": counts.capacity,
            "allocatable": counts.allocatable,
            "missing": max(0, counts.expected - counts.allocatable),
        },
        "summary_by_reason": verdicts.summary(verdict, counts),
    }


def nodes(
    observed: Observed, smoke: Mapping[str, SmokeResult], moment: Moment, limit: int | None = None
) -> list[dict[str, Any]]:
    """The nodes in the order of the names; where there are more than C(limit), those that are not ready come first."""
    reports = observed.counts.nodes()
    if limit is not None and len(reports) > limit:
        reports = sorted(reports, key=lambda report: report.ready)[:limit]
    return [_node(report, observed, smoke.get(report.name), moment) for report in reports]


def _node(report: NodeReport, observed: Observed, smoke: SmokeResult | None, moment: Moment) -> dict[str, Any]:
    told = {name: value for name, value in vars(report).items() if name not in _NOT_TOLD}
    since = observed.ready_since.get(report.name)
    return {
        **told,
        "ready": report.ready,
        "reasons": [dataclasses.asdict(reason) for reason in report.reasons],
        "ignored": [dataclasses.asdict(reason) for reason in report.ignored],
        "taints": list(report.taints),
        "age_s": None if report.created is None else round(moment.wall - report.created),
        "ready_since": None if since is None else _timestamp(moment.wall - (moment.monotonic - since)),
        "smoke": None if smoke is None else _smoke(smoke),
    }


def _smoke(result: SmokeResult) -> dict[str, Any]:
    told = dataclasses.asdict(result)
    del told["reasons"]
    return told


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
