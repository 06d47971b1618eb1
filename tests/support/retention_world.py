# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases in memory for the planner of timescaledb_retention: made from a few words, changed as TimescaleDB would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    AGES,
    Hypertable,
    PolicyJob,
    Server,
    State,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import JOBS_TABLES
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Alteration, Step, shown
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.verification import length

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 24 * 3600 * 1_000_000
TRADES = Relation("market", "trades")


def a_server(**changes: Any) -> Server:
    given: dict[str, Any] = {
        "now": NOW,
        "jobs_table": JOBS_TABLES[0],
        "version": (2, 28, 3),
        "user": "platform",
        "background_workers": 16,
        "worker_processes": 32,
    }
    return Server(**{**given, **changes})


def a_hypertable(relation: Relation = TRADES, number: int = 1, **changes: Any) -> Hypertable:
    given: dict[str, Any] = {
        "id": number,
        "oid": 16_000 + number,
        "relation": relation,
        "owner": "platform",
        "owner_can_login": True,
        "is_member": True,
        "columnstore_enabled": True,
        "column_type": "timestamp with time zone",
        "chunk_interval": DAY,
        "integer_now_func": None,
    }
    return Hypertable(**{**given, **changes})


def an_aggregate(name: str, number: int, on: int, **changes: Any) -> Hypertable:
    """A continuous aggregate on the hypertable of this number."""
    table = Relation("_timescaledb_internal", f"_materialized_hypertable_{number}")
    given: dict[str, Any] = {"aggregate_of": on, "materialization": table, **changes}
    return a_hypertable(Relation("market", name), number, **given)


def a_job(number: int = 1000, kind: Any = "retention", hypertable: int = 1, **changes: Any) -> PolicyJob:
    config = {"retention": {"drop_after": "90 days"}, "columnstore": {"compress_after": "7 days"}}.get(
        kind, {"start_offset": "3 days", "end_offset": "01:00:00"}
    )
    given: dict[str, Any] = {
        "id": number,
        "kind": kind,
        "hypertable_id": hypertable,
        "schedule_interval": Interval(days=1),
        "max_runtime": Interval(microseconds=300_000_000),
        "max_retries": -1,
        "retry_period": Interval(microseconds=300_000_000),
        "scheduled": True,
        "fixed_schedule": False,
        "initial_start": None,
        "timezone": None,
        "config": config,
        "next_start": NOW.replace(hour=18),
    }
    return PolicyJob(**{**given, **changes})


def a_state(*hypertables: Hypertable, server: Server | None = None) -> State:
    return State(server or a_server(), {one.relation: one for one in hypertables}, {})


def applied(state: State, steps: Iterable[Step]) -> State:
    """The database after these steps, if it does what it is told. New jobs get the next numbers."""
    hypertables = dict(state.hypertables)
    number = max([999, *(job.id for one in hypertables.values() for job in one.jobs)])
    for step in steps:
        one = hypertables[step.relation]
        if step.kind == "integer_now_func":
            assert isinstance(step.value, Relation)
            hypertables[step.relation] = replace(one, integer_now_func=step.value)
            continue
        if step.kind == "chunk_time_interval":
            hypertables[step.relation] = replace(one, chunk_interval=length(step.value))
            continue
        gone = step.job.id if step.job else None
        jobs = [job for job in one.jobs if job.id != gone]
        if step.action != "removed":
            if step.addition:
                number += 1
                job = _added(step, number, one.id)
            else:
                assert step.job is not None
                job = step.job
            assert step.alteration is not None
            jobs.append(_altered(job, step.alteration))
        hypertables[step.relation] = replace(one, jobs=tuple(sorted(jobs, key=lambda job: job.id)))
    return State(state.server, hypertables, state.others)


def _added(step: Step, number: int, hypertable: int) -> PolicyJob:
    """As TimescaleDB makes it: armed, and due at once."""
    addition = step.addition
    assert addition is not None
    if step.kind == "refresh":
        config = {"start_offset": shown(addition.start_offset), "end_offset": shown(addition.end_offset)}
    else:
        config = {AGES[step.kind][addition.by_creation]: shown(addition.after)}
    return a_job(
        number,
        step.kind,
        hypertable,
        config=config,
        schedule_interval=addition.schedule_interval or Interval(days=1),
        initial_start=addition.initial_start,
        fixed_schedule=addition.initial_start is not None,
        timezone=addition.timezone,
        next_start=None,
    )


def _altered(job: PolicyJob, told: Alteration) -> PolicyJob:
    """As alter_job does it: the time zone is overwritten whatever it is, and a config replaces the whole one."""
    config = {key: value for key, value in {**job.config, **told.config}.items() if key not in told.without}
    changes: dict[str, Any] = {"scheduled": told.scheduled, "timezone": told.timezone, "config": config}
    changes["next_start"] = told.next_start
    for name in ("schedule_interval", "max_runtime", "max_retries", "retry_period", "initial_start"):
        if getattr(told, name) is not None:
            changes[name] = getattr(told, name)
    if told.initial_start is not None:
        changes["fixed_schedule"] = True
    return replace(job, **changes)
