# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which chunks a retention policy would drop at its next run, asked of TimescaleDB itself.

C(show_chunks) is what C(drop_chunks) drops; it takes no locks that anybody would notice and needs no rights. A chunk
counts only when all of it is older. Tiered chunks are in no view and are dropped with the others all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Reach, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import INTEGERS, Hypertable, Server
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Database

#: Chunks that a preview names, the oldest first; the rest is only counted.
NAMED_CHUNKS = 20

#: From here on a chunk's columnstore is found by the settings, before by the chunk.
_COMPANION_IN_SETTINGS = (2, 29)


@dataclass(frozen=True)
class Cutoff:
    """How far back a relation is to be kept: which question the preview answers."""

    hypertable: Hypertable
    after: Reach
    by_creation: bool
    integer_now_func: Relation | None = None

    def argument(self, reach: str) -> str:
        """The argument of show_chunks and drop_chunks, as SQL; C(reach) is how far back, as SQL that is a text."""
        if self.by_creation:
            return f"created_before => {reach}::interval"
        if not self.hypertable.has_integer_time:
            return f"older_than => {reach}::interval"
        # The names come from the catalog or were matched against the rules of SQL names, and Relation quotes them.
        column_type = self.hypertable.column_type
        smallest = -INTEGERS[column_type] - 1
        boundary = f"greatest({self.integer_now_func}()::numeric - {reach}::numeric, {smallest})"
        return f"older_than => {boundary}::{column_type}"


@dataclass(frozen=True)
class Preview:
    """What would go. C(newest) is where the newest of the chunks ends, also in TimescaleDB's own count of time."""

    chunks: int = 0
    total_chunks: int = 0
    oldest: str | None = None
    newest: str | None = None
    newest_internal: int | None = None
    rows_estimate: int | None = None
    all_names: tuple[str, ...] = ()
    bytes: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The chunks that are told by name."""
        return self.all_names[:NAMED_CHUNKS]

    @property
    def percent(self) -> float:
        return 100.0 * self.chunks / self.total_chunks if self.total_chunks else 0.0


def read(database: Database, server: Server, cutoffs: Iterable[Cutoff], *, sizes: bool) -> dict[Relation, Preview]:
    """The previews of all relations by one query."""
    asked = list(cutoffs)
    if not asked:
        return {}
    questions: dict[str, list[dict[str, Any]]] = {}
    for position, cutoff in enumerate(asked):
        record = {"position": position, "oid": cutoff.hypertable.oid, "reach": str(cutoff.after)}
        questions.setdefault(cutoff.argument("a.reach"), []).append(record)
    branches = [_BRANCH.format(schema=server.schema, argument=argument) for argument in questions]
    companion, size = "", "NULL::bigint"
    if sizes:
        companion, size = _companion(server)
    sql = _SQL.format(branches="UNION ALL".join(branches), companion=companion, size=size)
    rows = database.execute(sql, [json.dumps(records) for records in questions.values()])
    previews = {cutoff.hypertable.relation: Preview() for cutoff in asked}
    for row in rows:
        previews[asked[row["position"]].hypertable.relation] = _preview(row)
    return previews


_BRANCH = """
  SELECT a.position, c.chunk
  FROM jsonb_to_recordset(%s::jsonb) AS a (position integer, oid oid, reach text)
  CROSS JOIN LATERAL {schema}.show_chunks(a.oid::regclass, {argument}) AS c (chunk)
"""

_SQL = """
WITH going AS MATERIALIZED ({branches}), known AS MATERIALIZED (
  SELECT *, count(*) OVER (PARTITION BY hypertable_schema, hypertable_name) AS total
  FROM timescaledb_information.chunks
), found AS (
  SELECT g.position, format('%%I.%%I', n.nspname, c.relname) AS name, c.reltuples, k.total,
         coalesce(k.range_start_integer::text, k.range_start::text) AS starts,
         coalesce(k.range_end_integer::text, k.range_end::text) AS ends,
         coalesce(k.range_end_integer, (extract(epoch FROM k.range_end) * 1000000)::bigint) AS internal,
         {size} AS bytes
  FROM going g
  JOIN pg_class c ON c.oid = g.chunk
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN known k ON k.chunk_schema = n.nspname AND k.chunk_name = c.relname
  {companion}
)
SELECT position, count(*) AS chunks, max(total) AS total, sum(bytes)::bigint AS bytes, max(internal) AS internal,
       (array_agg(starts ORDER BY internal))[1] AS oldest, (array_agg(ends ORDER BY internal DESC))[1] AS newest,
       array_agg(name ORDER BY internal, name) AS names,
       -- -1: a chunk that was never analyzed, so that nobody knows.
       CASE WHEN min(reltuples) >= 0 THEN sum(reltuples)::bigint END AS rows
FROM found
GROUP BY position
"""


def _companion(server: Server) -> tuple[str, str]:
    """How the columnstore's part of a chunk is found, and the bytes of both parts."""
    if (server.version or ()) >= _COMPANION_IN_SETTINGS:
        join = "LEFT JOIN _timescaledb_catalog.compression_settings s ON s.relid = g.chunk"
        return join, "pg_total_relation_size(g.chunk) + coalesce(pg_total_relation_size(s.compress_relid), 0)"
    join = """LEFT JOIN _timescaledb_catalog.chunk s ON s.schema_name = n.nspname AND s.table_name = c.relname
  LEFT JOIN _timescaledb_catalog.chunk z ON z.id = s.compressed_chunk_id"""
    companion = "to_regclass(quote_ident(z.schema_name) || '.' || quote_ident(z.table_name))"
    return join, f"pg_total_relation_size(g.chunk) + coalesce(pg_total_relation_size({companion}), 0)"


def _preview(row: Mapping[str, Any]) -> Preview:
    return Preview(
        chunks=row["chunks"],
        total_chunks=row["total"],
        oldest=row["oldest"],
        newest=row["newest"],
        newest_internal=row["internal"],
        rows_estimate=row["rows"],
        all_names=tuple(row["names"]),
        bytes=row["bytes"],
    )
