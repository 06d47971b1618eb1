# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Carrying out a plan: few statements for many policies, all of them in the caller's one transaction.

A policy is made and stopped in the same transaction, so TimescaleDB's scheduler never sees it armed; only then does it
get its next start and, where it may run, its schedule. Nothing is left to a default that lies in the past.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import AGES, Server, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Database
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Addition, Alteration, Step

#: For pg_advisory_xact_lock: two runs of this module on one database take turns.
_LOCK = 0x656E7461736973


def lock(database: Database) -> None:
    """Wait until no other run of this module writes to the database; for the time of the transaction."""
    database.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def apply(database: Database, state: State, steps: Sequence[Step]) -> list[str]:
    """Run the steps on what was read in the same transaction; return the statements, without their data."""
    server = state.server
    oids = {step.relation: state.hypertables[step.relation].oid for step in steps}
    ran: list[str] = []

    def run(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        ran.append(" ".join(sql.split()))
        return database.execute(sql, parameters)

    for step in steps:
        if step.kind == "integer_now_func":
            arguments = "%s::oid::regclass, %s::regproc, replace_if_exists => true"
            run(f"SELECT {server.schema}.set_integer_now_func({arguments})", [oids[step.relation], str(step.value)])
        elif step.kind == "chunk_time_interval":
            kind = "bigint" if isinstance(step.value, int) else "interval"
            sql = f"SELECT {server.schema}.set_chunk_time_interval(%s::oid::regclass, %s::{kind})"
            run(sql, [oids[step.relation], step.value if isinstance(step.value, int) else str(step.value)])
    leaving = [step.job.id for step in steps if step.job and (step.addition or step.action == "removed")]
    if leaving:
        run(f"SELECT {server.schema}.delete_job(id) FROM unnest(%s::integer[]) AS id", [leaving])
    jobs: dict[Key, int] = {(step.relation, step.kind): step.job.id for step in steps if step.job and not step.addition}
    for variant, added in _variants(step for step in steps if step.addition).items():
        jobs.update(_add(run, server, variant, added, oids))
    altered = [(jobs[step.relation, step.kind], step.alteration) for step in steps if step.alteration]
    if altered:
        run(_alter_sql(server), [json.dumps([{"id": number, **_record(one)} for number, one in altered])])
    return ran


#: How policies are made whose config has an age.
_FUNCTIONS = {"retention": "add_retention_policy", "columnstore": "add_compression_policy"}

Variant = tuple[str, bool, bool]
Key = tuple[Relation, str]


def _variants(steps: Iterable[Step]) -> dict[Variant, list[Step]]:
    """Steps by what one statement can make at once: kind, number or interval, by age of data or of chunk."""
    found: dict[Variant, list[Step]] = {}
    for step in steps:
        addition = step.addition
        if addition is None:
            continue
        numbers = any(isinstance(value, int) for value in (addition.after, addition.start_offset, addition.end_offset))
        found.setdefault((step.kind, numbers, addition.by_creation), []).append(step)
    return found


def _add(
    run: Callable[[str, Sequence[Any]], list[dict[str, Any]]],
    server: Server,
    variant: Variant,
    steps: Sequence[Step],
    oids: Mapping[Relation, int],
) -> dict[Key, int]:
    """Make policies; they stay unseen until the transaction ends."""
    kind, numbers, by_creation = variant
    value = "bigint" if numbers else "interval"
    if kind == "refresh":
        call = (
            f"add_continuous_aggregate_policy(w.oid::regclass, start_offset => w.start_offset::{value}, "
            f"end_offset => w.end_offset::{value}, "
        )
    else:
        call = f"{_FUNCTIONS[kind]}(w.oid::regclass, {AGES[kind][by_creation]} => w.after::{value}, "
    sql = f"""
        SELECT w.position, {server.schema}.{call}schedule_interval => w.schedule_interval::interval,
               initial_start => w.initial_start::timestamptz, timezone => w.timezone) AS job_id
        FROM jsonb_to_recordset(%s::jsonb) AS w (
            position integer, oid oid, after text, start_offset text, end_offset text,
            schedule_interval text, initial_start text, timezone text)
        """
    records = [
        {"position": position, "oid": oids[step.relation], **_record(step.addition)}
        for position, step in enumerate(steps)
        if step.addition
    ]
    rows = run(sql, [json.dumps(records)])
    return {(steps[row["position"]].relation, kind): row["job_id"] for row in rows}


def _alter_sql(server: Server) -> str:
    # Before 2.12 alter_job knows none of the three, and does not wipe the time zone either.
    schedule = (
        ""
        if server.version and server.version < (2, 12)
        else """, timezone => w.timezone, initial_start => w.initial_start::timestamptz,
            fixed_schedule => CASE WHEN w.initial_start IS NULL THEN NULL ELSE true END"""
    )
    return f"""
        SELECT a.job_id
        FROM jsonb_to_recordset(%s::jsonb) AS w (
            id integer, schedule_interval text, max_runtime text, max_retries integer, retry_period text,
            scheduled boolean, next_start text, timezone text, initial_start text, config jsonb, without text[])
        CROSS JOIN LATERAL {server.schema}.alter_job(
            w.id, schedule_interval => w.schedule_interval::interval, max_runtime => w.max_runtime::interval,
            max_retries => w.max_retries, retry_period => w.retry_period::interval, scheduled => w.scheduled,
            next_start => w.next_start::timestamptz,
            config => CASE WHEN w.config = '{{}}' AND w.without = '{{}}' THEN NULL
                      ELSE ((SELECT j.config FROM {server.jobs_table} j WHERE j.id = w.id) || w.config)
                           - w.without END{schedule}) a
        """


def _record(told: Addition | Alteration) -> dict[str, Any]:
    """What is told, as JSON that the server reads."""
    return {name: _plain(value) for name, value in vars(told).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Interval) else value
