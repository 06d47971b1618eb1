# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Reads what the database has by one query.

The query reads the catalog, not the information views: those do not tell a job's time zone, and a join of them takes
seconds where the catalog has never been analyzed (a database just restored).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Kind, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    REACHES,
    Hypertable,
    PolicyJob,
    Server,
    State,
)

#: The procedures of policies, which never changed their names.
PROCEDURES: dict[str, Kind] = {
    "policy_retention": "retention",
    "policy_compression": "columnstore",
    "policy_refresh_continuous_aggregate": "refresh",
}

#: Where the jobs are: the table until 2.24, a view that upstream calls temporary since, and the table since 2.25.
JOBS_TABLES = ("_timescaledb_config.bgw_job", "_timescaledb_catalog.bgw_job")

#: Settings of the session. No object that somebody made stands in for one of PostgreSQL's or TimescaleDB's; and plans
#: that fit a catalog without statistics too, such as that of a database just restored, where nested loops take minutes.
SESSION = {"search_path": "pg_catalog", "enable_nestloop": "off", "jit": "off"}


class Database(Protocol):
    """What this package needs of a connection."""

    def execute(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]: ...


_SQL = """
SELECT jsonb_build_object(
  'server', jsonb_build_object(
    'version', (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
    'schema', (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'),
    'license', current_setting('timescaledb.license', true),
    'restoring', current_setting('timescaledb.restoring', true),
    'read_only', current_setting('transaction_read_only')::boolean,
    'standby', pg_is_in_recovery(),
    'user', current_user,
    'owns_database', (SELECT pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()),
    'now', now(),
    'background_workers', current_setting('timescaledb.max_background_workers', true),
    'worker_processes', current_setting('max_worker_processes'),
    'jobs', (SELECT count(*) FROM {jobs} WHERE scheduled)
  ),
  'hypertables', (
    SELECT coalesce(jsonb_agg(jsonb_build_array(
      h.id, c.oid, coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name),
      o.rolname, o.rolcanlogin, pg_has_role(o.oid, 'MEMBER'),
      -- Since 2.29 a bit of the status tells of the columnstore; 2.11 has no status.
      h.compression_state = 1 OR coalesce((to_jsonb(h) ->> 'status')::integer & 4 = 4, false),
      format_type(d.column_type, NULL), d.interval_length, d.integer_now_func_schema, d.integer_now_func,
      a.raw_hypertable_id, h.schema_name, h.table_name, w.watermark,
      (SELECT jsonb_agg(f.confrelid::regclass::text) FROM pg_constraint f
       WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0)
    )), '[]')
    FROM _timescaledb_catalog.hypertable h
    LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = h.id
    LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = h.id
    JOIN pg_namespace n ON n.nspname = coalesce(a.user_view_schema, h.schema_name)
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = coalesce(a.user_view_name, h.table_name)
    JOIN pg_roles o ON o.oid = c.relowner
    JOIN _timescaledb_catalog.dimension d ON d.id = (
      SELECT min(p.id) FROM _timescaledb_catalog.dimension p WHERE p.hypertable_id = h.id AND p.num_slices IS NULL)
    WHERE h.compression_state <> 2 -- what holds the columnstore, until 2.28
  ),
  'jobs', (
    SELECT coalesce(jsonb_agg(jsonb_build_array(
      j.id, j.proc_name, coalesce(j.hypertable_id, (j.config ->> 'hypertable_id')::integer,
                                  (j.config ->> 'mat_hypertable_id')::integer),
      j.schedule_interval::text, j.max_runtime::text, j.max_retries, j.retry_period::text,
      j.scheduled, j.fixed_schedule, j.initial_start, j.timezone,
      -- The text of an interval is in the style of the session that wrote it, and only PostgreSQL reads all styles.
      (SELECT jsonb_object_agg(key, CASE WHEN key = ANY (%(reaches)s::text[]) AND jsonb_typeof(value) = 'string'
                                    THEN to_jsonb((value #>> '{{}}')::interval::text) ELSE value END)
       FROM jsonb_each(j.config)),
      s.next_start, s.last_successful_finish, s.last_run_success, s.total_runs, s.total_failures,
      CASE WHEN s.last_run_success = false THEN
        (SELECT e.err_message FROM timescaledb_information.job_errors e WHERE e.job_id = j.id
         ORDER BY e.finish_time DESC LIMIT 1) END
    ) ORDER BY j.id), '[]')
    FROM {jobs} j
    LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
    WHERE j.proc_name = ANY (%(procedures)s::text[])
  ),
  'others', (
    SELECT coalesce(jsonb_agg(jsonb_build_array(n.nspname, c.relname, c.relkind)), '[]')
    FROM unnest(%(schemas)s::text[], %(names)s::text[]) AS r (schema, name)
    JOIN pg_namespace n ON n.nspname = r.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = r.name
  )
)::text AS state
"""

_NO_EXTENSION = """
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'
"""


def read(database: Database, wanted: Iterable[Relation], jobs_table: str = JOBS_TABLES[0]) -> State:
    """Read everything at once. C(wanted) are the relations that the task names."""
    named = sorted(set(wanted))
    parameters = {
        "procedures": list(PROCEDURES),
        "reaches": list(REACHES),
        "schemas": [relation.schema for relation in named],
        "names": [relation.name for relation in named],
    }
    (row,) = database.execute(_SQL.format(jobs=jobs_table), parameters)
    answer = json.loads(row["state"])
    return replace(parse(answer, jobs_table), answer=row["state"].replace(answer["server"]["now"], "", 1))


def has_several(database: Database, jobs_table: str) -> bool:
    """Whether any relation has several policies of one kind."""
    sql = f"""
        SELECT EXISTS (SELECT 1 FROM {jobs_table} WHERE proc_name = ANY (%s::text[])
                       GROUP BY proc_name, hypertable_id HAVING count(*) > 1) AS found
        """
    return bool(database.execute(sql, [list(PROCEDURES)])[0]["found"])


def installed_version(database: Database) -> tuple[int, ...] | None:
    """The version of the extension, or None. For a database that the query of C(read) cannot read."""
    rows = database.execute(_NO_EXTENSION)
    return _version(rows[0]["extversion"]) if rows else None


def parse(answer: Mapping[str, Any], jobs_table: str = JOBS_TABLES[0]) -> State:
    """The query's answer as dataclasses."""
    jobs: dict[int, list[PolicyJob]] = {}
    for row in answer["jobs"]:
        job = _job(row)
        jobs.setdefault(job.hypertable_id, []).append(job)
    hypertables = [_hypertable(row, jobs) for row in answer["hypertables"]]
    found = {one.relation: one for one in hypertables}
    # What an aggregate keeps its data in is told by name too, so that it can be recognised where it is named.
    others = {Relation(schema, name): kind for schema, name, kind in answer["others"]}
    internal = {one.materialization: "materialization" for one in hypertables if one.materialization}
    others = {relation: internal.get(relation, kind) for relation, kind in others.items() if relation not in found}
    return State(_server(answer["server"], jobs_table), found, others)


def _server(row: Mapping[str, Any], jobs_table: str) -> Server:
    return Server(
        now=datetime.fromisoformat(row["now"]),
        jobs_table=jobs_table,
        version=_version(row["version"]) if row["version"] else None,
        schema=row["schema"] or "public",
        license=row["license"] or "timescale",
        restoring=row["restoring"] == "on",
        read_only=row["read_only"],
        standby=row["standby"],
        user=row["user"],
        owns_database=row["owns_database"],
        background_workers=int(row["background_workers"] or 0),
        worker_processes=int(row["worker_processes"] or 0),
        jobs=row["jobs"],
    )


def _version(text: str) -> tuple[int, ...]:
    """C(2.30.0-dev) is (2, 30, 0)."""
    return tuple(int(part) for part in text.partition("-")[0].split("."))


def _hypertable(row: Sequence[Any], jobs: Mapping[int, Sequence[PolicyJob]]) -> Hypertable:
    (
        number, oid, schema, name, owner, can_login, is_member, columnstore, column_type, length, now_schema, now_name,
        raw, table_schema, table_name, watermark, references,
    ) = row  # fmt: skip
    return Hypertable(
        id=number,
        oid=int(oid),
        relation=Relation(schema, name),
        owner=owner,
        owner_can_login=can_login,
        is_member=is_member,
        columnstore_enabled=bool(columnstore),
        column_type=column_type,
        chunk_interval=length,
        integer_now_func=Relation(now_schema, now_name) if now_name else None,
        aggregate_of=raw,
        materialization=Relation(table_schema, table_name) if raw is not None else None,
        watermark=watermark,
        references=tuple(references or ()),
        jobs=tuple(jobs.get(number, ())),
    )


def _job(row: Sequence[Any]) -> PolicyJob:
    (
        number, procedure, hypertable, schedule, runtime, retries, retry, scheduled, fixed, initial, timezone,
        config, next_start, last_success, last_run_success, runs, failures, last_error,
    ) = row  # fmt: skip
    return PolicyJob(
        id=number,
        kind=PROCEDURES[procedure],
        hypertable_id=hypertable,
        schedule_interval=intervals.stored(schedule),
        max_runtime=intervals.stored(runtime),
        max_retries=retries,
        retry_period=intervals.stored(retry),
        scheduled=scheduled,
        fixed_schedule=fixed,
        initial_start=_moment(initial),
        timezone=timezone,
        config=config or {},
        next_start=_moment(next_start),
        last_success=_moment(last_success),
        last_run_success=last_run_success if runs else None,
        total_runs=runs or 0,
        total_failures=failures or 0,
        last_error=last_error,
    )


def _moment(text: str | None) -> datetime | None:
    """None for infinity, and for moments that Python cannot hold."""
    if text is None or text.endswith("infinity"):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
