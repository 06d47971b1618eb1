# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the module returns: one result a relation, totals, the diff, and how healthy the policies are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.dropping import Dropped
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    HELD,
    Hypertable,
    PolicyJob,
    Server,
    State,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import (
    Step,
    describe,
    moment_text,
)


@dataclass
class Outcome:
    """What a run saw, planned and did."""

    before: State
    after: State
    relations: Sequence[Relation]
    steps: Sequence[Step] = ()
    previews: Mapping[Relation, Preview] = field(default_factory=dict)
    dropped: Sequence[Dropped] = ()
    warnings: Sequence[str] = ()
    statements: Sequence[str] = ()
    engine: str = "policy"
    conflicts: Sequence[Refusal] = ()


def values(outcome: Outcome) -> dict[str, Any]:
    """The return values, without changed and diff."""
    steps: dict[Relation, list[Step]] = {}
    for step in outcome.steps:
        steps.setdefault(step.relation, []).append(step)
    dropped = {one.relation: one for one in outcome.dropped}
    results = [
        result(relation, outcome, steps.get(relation, []), dropped.get(relation)) for relation in outcome.relations
    ]
    server = outcome.after.server
    return {
        "version": ".".join(map(str, server.version or ())),
        "license": server.license,
        "engine": outcome.engine,
        "results": results,
        "totals": totals(results),
        "workers": workers(server),
        "queries": list(outcome.statements),
    }


def result(relation: Relation, outcome: Outcome, mine: Sequence[Step], dropped: Dropped | None) -> dict[str, Any]:
    """One relation: its policies before and after, what was done, what would go and how the policy fares."""
    before = outcome.before.hypertables.get(relation)
    after = outcome.after.hypertables.get(relation) or before
    job = after.policy("retention") if after else None
    earlier = before.policy("retention") if before else None
    retention = next((step for step in mine if step.kind == "retention"), None)
    preview = outcome.previews.get(relation)
    action: str = retention.action if retention else ("altered" if mine else "none")
    if dropped:
        action = "failed" if dropped.error else ("dropped" if dropped.chunks else "none")
    return {
        "relation": str(relation),
        "kind": "cagg" if after and after.is_aggregate else "hypertable",
        "hypertable_id": after.id if after and after.oid else None,
        "action": action,
        "steps": [{"policy": step.kind, "action": step.action} for step in mine],
        "job_id": job.id if job else None,
        "previous_job_id": earlier.id if earlier and (job is None or earlier.id != job.id) else None,
        "before": policies(before) if before else {},
        "after": _after(after, mine) if after else {},
        "preview": shown_preview(preview) if preview else None,
        "effective_max_age": _longest_age(after, job) if after and job else None,
        "held": _held(job, retention),
        "health": _by_kind(after, health) if after else {},
        "dropped": list(dropped.chunks) if dropped else [],
        "error": dropped.error if dropped else None,
    }


def _after(hypertable: Hypertable, steps: Iterable[Step]) -> dict[str, Any]:
    """The policies with the steps taken: what is there after a run, and what would be in check mode."""
    view = policies(hypertable)
    for step in steps:
        if step.kind in ("chunk_time_interval", "integer_now_func"):
            view.update(step.after or {})
        elif step.after is None:
            view.pop(step.kind, None)
        else:
            view[step.kind] = dict(step.after)
    return view


def policies(hypertable: Hypertable) -> dict[str, Any]:
    """The policies of a relation by their kind."""
    return _by_kind(hypertable, describe)


def _by_kind(hypertable: Hypertable, told: Callable[[PolicyJob], dict[str, Any]]) -> dict[str, Any]:
    """What is told of each policy, by its kind; a list where there are several refresh policies."""
    view: dict[str, Any] = {}
    for job in hypertable.jobs:
        mine = [told(one) for one in hypertable.policies(job.kind)]
        view[job.kind] = mine if len(mine) > 1 else mine[0]
    return view


def shown_preview(preview: Preview) -> dict[str, Any]:
    """What the next run would drop. Bytes are null where nobody asked, rows where no chunk was ever analyzed."""
    return {
        "chunks": preview.chunks,
        "total_chunks": preview.total_chunks,
        "percent": round(preview.percent, 1),
        "oldest": preview.oldest,
        "newest": preview.newest,
        "rows_estimate": preview.rows_estimate,
        "bytes": preview.bytes,
        "chunk_names": list(preview.names),
        "tiered_data_not_counted": True,
    }


def health(job: PolicyJob) -> dict[str, Any]:
    """How a policy fares. A run that failed may have dropped chunks all the same."""
    status = {None: "never run", True: "Success", False: "Failed"}[job.last_run_success]
    return {
        "scheduled": job.scheduled,
        "last_run_status": status,
        "last_success": moment_text(job.last_success) if job.last_success else None,
        "total_runs": job.total_runs,
        "total_failures": job.total_failures,
        "last_error": job.last_error,
        "next_start": moment_text(job.next_start) if job.next_start and job.scheduled else None,
    }


def workers(server: Server) -> dict[str, int]:
    """TimescaleDB's background workers: two are taken by the launcher and the scheduler."""
    return {
        "background_workers": server.background_workers,
        "worker_processes": server.worker_processes,
        "scheduled_jobs": server.jobs,
        "headroom": server.background_workers - 2,
    }


def totals(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many relations each action has, how many policies are held, and what would go."""
    counts: dict[str, int] = {"relations": 0, "held": 0, "chunks": 0, "bytes": 0, "dropped_chunks": 0}
    for one in results:
        counts["relations"] += 1
        counts[one["action"]] = counts.get(one["action"], 0) + 1
        counts["held"] += one["held"] is not None
        counts["dropped_chunks"] += len(one["dropped"])
        if one["preview"]:
            counts["chunks"] += one["preview"]["chunks"]
            counts["bytes"] += one["preview"]["bytes"] or 0
    return counts


def diff(outcome: Outcome) -> dict[str, str]:
    """The policies that change, before and after, with what the next run would drop."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for step in outcome.steps:
        name = str(step.relation)
        if step.before is not None:
            before.setdefault(name, {})[step.kind] = dict(step.before)
        if step.after is not None:
            told = dict(step.after)
            preview = outcome.previews.get(step.relation)
            if step.kind == "retention" and preview and preview.chunks:
                told["would_drop"] = would_drop(preview)
            after.setdefault(name, {})[step.kind] = told
    for dropped in outcome.dropped:
        if dropped.chunks:
            before.setdefault(str(dropped.relation), {})["chunks"] = sorted(dropped.chunks)
            after.setdefault(str(dropped.relation), {})["chunks"] = []
    return {"before": _yaml(before), "after": _yaml(after)}


def would_drop(preview: Preview) -> str:
    """One line on what is about to go."""
    size = "" if preview.bytes is None else f", {preview.bytes} bytes"
    return f"{preview.chunks} of {preview.total_chunks} chunks, from {preview.oldest} to {preview.newest}{size}"


def held_warning(results: Iterable[Mapping[str, Any]]) -> str | None:
    """The policies that are held, on one line: a hold that nobody sees is forgotten for weeks."""
    held = [one for one in results if one["held"]]
    if not held:
        return None
    named = ", ".join(f"{one['relation']} since {one['held']['since']}" for one in held[:10])
    more = f", and {len(held) - 10} more" if len(held) > 10 else ""
    count = "1 retention policy is" if len(held) == 1 else f"{len(held)} retention policies are"
    return (
        f"{count} held, so that nothing is dropped: {named}{more}. "
        "Look at what they would drop (preview), then release them with arm: now or arm: at."
    )


def _held(job: PolicyJob | None, step: Step | None) -> dict[str, Any] | None:
    if step is not None and step.alteration is not None:
        # In check mode the job is not there yet, or not held yet.
        note = step.alteration.config.get(HELD)
        if note and not step.alteration.scheduled:
            return dict(note)
        if step.alteration.scheduled:
            return None
    return dict(job.held) if job and job.held else None


def _longest_age(hypertable: Hypertable, job: PolicyJob) -> str | None:
    """How old data get at most: a chunk goes when all of it is old enough, and only when the policy runs."""
    after, chunk = job.after, hypertable.chunk_length
    if not isinstance(after, Interval) or not isinstance(chunk, Interval):
        return None
    return str(after + chunk + job.schedule_interval)


def _yaml(content: Mapping[str, Any]) -> str:
    # Only a diff needs it, and few runs show one.
    from ansible.module_utils.common.yaml import yaml_dump

    return str(yaml_dump(dict(content), sort_keys=True)) if content else ""
