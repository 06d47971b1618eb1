# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which chunks a retention policy would drop at its next run, asked of TimescaleDB itself.

C(show_chunks) is what C(drop_chunks) drops; it takes no locks that anybody would notice and needs no rights. A chunk
counts only when all of it is older. Tiered chunks are in no view and are dropped with the others all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Reach, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Database, Hypertable

#: Chunks that a preview names, the oldest first; the rest is only counted.
NAMED_CHUNKS = 20


@dataclass(frozen=True)
class Cutoff:
    """How far back a relation is to be kept: which question the preview answers."""

    hypertable: Hypertable
    after: Reach
    by_creation: bool
    integer_now_func: Relation | None = None

    def expression(self) -> tuple[str, list[Any]]:
        """The argument of show_chunks and drop_chunks, with its parameters."""
        if self.by_creation:
            return "created_before => %s::interval", [str(self.after)]
        if not self.hypertable.has_integer_time:
            return "older_than => %s::interval", [str(self.after)]
        # Both come from the catalog or were matched against the rules of SQL names, and Relation quotes them.
        return f"older_than => ({self.integer_now_func}() - %s::bigint)::{self.hypertable.column_type}", [self.after]


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


def read(database: Database, schema: str, cutoffs: Iterable[Cutoff], *, sizes: bool) -> dict[Relation, Preview]:
    """The previews of all relations by one query, and one more for sizes where something would go.

    C(schema) is where the extension's functions are.
    """
    asked = list(cutoffs)
    if not asked:
        return {}
    branches = []
    parameters: list[Any] = []
    for position, cutoff in enumerate(asked):
        expression, arguments = cutoff.expression()
        select = f"SELECT {position} AS position, s AS chunk FROM {schema}.show_chunks(%s::regclass, {expression}) s"
        branches.append(select)
        parameters += [str(cutoff.hypertable.relation), *arguments]
    rows = database.execute(_SQL.format(branches="\n  UNION ALL ".join(branches)), parameters)
    going: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        going.setdefault(row["position"], []).append(row)
    previews = {cutoff.hypertable.relation: _preview(going.get(number, [])) for number, cutoff in enumerate(asked)}
    if sizes:
        previews.update(_sizes(database, schema, previews))
    return previews


_SQL = """
WITH would_go AS MATERIALIZED (
  {branches}
), chunks AS MATERIALIZED (
  SELECT format('%%I.%%I', chunk_schema, chunk_name) AS name, hypertable_schema, hypertable_name,
         range_start, range_end, range_start_integer, range_end_integer
  FROM timescaledb_information.chunks
), totals AS (
  SELECT hypertable_schema, hypertable_name, count(*) AS total FROM chunks GROUP BY 1, 2
)
SELECT w.position, k.name, coalesce(k.range_start_integer::text, k.range_start::text) AS range_start,
       coalesce(k.range_end_integer::text, k.range_end::text) AS range_end,
       coalesce(k.range_end_integer, (extract(epoch FROM k.range_end) * 1000000)::bigint) AS internal,
       c.reltuples::bigint AS rows, t.total
FROM would_go w
JOIN pg_class c ON c.oid = w.chunk
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN chunks k ON k.name = format('%%I.%%I', n.nspname, c.relname)
JOIN totals t USING (hypertable_schema, hypertable_name)
ORDER BY w.position, internal
"""


def _preview(mine: Sequence[Mapping[str, Any]]) -> Preview:
    if not mine:
        return Preview()
    # -1: the chunk was never analyzed, so that nobody knows.
    estimates = [row["rows"] for row in mine]
    return Preview(
        chunks=len(mine),
        total_chunks=mine[0]["total"],
        oldest=mine[0]["range_start"],
        newest=mine[-1]["range_end"],
        newest_internal=int(mine[-1]["internal"]),
        rows_estimate=sum(estimates) if min(estimates) >= 0 else None,
        all_names=tuple(row["name"] for row in mine),
    )


def _sizes(database: Database, schema: str, previews: Mapping[Relation, Preview]) -> dict[Relation, Preview]:
    """With the bytes of what would go, those of the columnstore among them."""
    losing = {relation: preview for relation, preview in previews.items() if preview.chunks}
    if not losing:
        return {}
    branches = [
        "SELECT %s::text AS relation, chunk_schema, chunk_name, total_bytes "
        f"FROM {schema}.chunks_detailed_size(%s::regclass)"
        for _relation in losing
    ]
    parameters = [str(relation) for relation in losing for _twice in range(2)]
    rows = database.execute("\nUNION ALL ".join(branches), parameters)
    sizes: dict[tuple[str, str], int] = {
        (row["relation"], f"{Relation(row['chunk_schema'], row['chunk_name'])}"): int(row["total_bytes"] or 0)
        for row in rows
    }
    return {
        relation: replace(preview, bytes=sum(sizes.get((str(relation), name), 0) for name in preview.all_names))
        for relation, preview in losing.items()
    }
