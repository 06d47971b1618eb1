# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What TimescaleDB has a grammar of its own for, and what tests need in great numbers: on it and on the stand-in."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

#: Hypertables that are made in one transaction: each of their chunks takes some locks until it ends.
BATCH = 50


def is_stand_in(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has the stand-in."""
    found = connection.execute("SELECT to_regnamespace('_timescaledb_stand_in') IS NOT NULL").fetchone()
    return bool(found and next(iter(found.values() if isinstance(found, dict) else found)))


def create_continuous_aggregate(
    connection: psycopg.Connection[Any],
    name: str,
    query: str,
    *,
    materialized_only: bool = True,
    with_data: bool = True,
) -> None:
    """Make a continuous aggregate. C(name) is as SQL writes it.

    C(query) is C(SELECT time_bucket(width, column) AS bucket, ... FROM relation GROUP BY ...). With data it must not
    run in a transaction, as in TimescaleDB.
    """
    if is_stand_in(connection):
        parameters = [name, query, materialized_only, with_data]
        connection.execute("SELECT _timescaledb_stand_in.create_continuous_aggregate(%s, %s, %s, %s)", parameters)
        return
    connection.execute(
        f"CREATE MATERIALIZED VIEW {name} WITH (timescaledb.continuous,"
        f" timescaledb.materialized_only = {str(materialized_only).lower()})"
        f" AS {query} WITH {'' if with_data else 'NO '}DATA".encode()
    )


def enable_columnstore(connection: psycopg.Connection[Any], relation: str) -> None:
    """Enable the columnstore of a hypertable, or of a continuous aggregate. C(relation) is as SQL writes it."""
    if is_stand_in(connection):
        connection.execute("SELECT _timescaledb_stand_in.enable_columnstore(%s::regclass)", [relation])
        return
    row = connection.execute("SELECT relkind = 'v' FROM pg_class WHERE oid = %s::regclass", [relation]).fetchone()
    kind = "MATERIALIZED VIEW" if row and next(iter(row.values() if isinstance(row, dict) else row)) else "TABLE"
    connection.execute(f"ALTER {kind} {relation} SET (timescaledb.compress)".encode())


def create_hypertables(
    connection: psycopg.Connection[Any],
    count: int,
    *,
    chunks: int = 0,
    interval: str = "1 day",
    schema: str = "public",
    prefix: str = "series_",
) -> list[str]:
    """Make many hypertables (time timestamptz, value double precision), the newest of their chunks is today's.

    C(interval) is how long a chunk is. Returns their names, in order. The chunks hold one row each in TimescaleDB and
    none in the stand-in, which makes them faster so.
    """
    stand_in = is_stand_in(connection)
    names = [f"{prefix}{number:04}" for number in range(1, count + 1)]
    make = _STAND_IN_CHUNKS if stand_in else _CHUNKS
    for first in range(0, count, BATCH):
        with connection.transaction():
            for name in names[first : first + BATCH]:
                table = sql.Identifier(schema, name)
                connection.execute(
                    sql.SQL("CREATE TABLE {} (time timestamptz NOT NULL, value double precision)").format(table)
                )
                relation = table.as_string(connection)
                connection.execute(
                    "SELECT create_hypertable(%s::regclass, 'time'::name, chunk_time_interval => %s::interval,"
                    " create_default_indexes => false)",
                    [relation, interval],
                )
                if chunks:
                    values = {"relation": relation, "chunks": chunks, "interval": interval}
                    connection.execute(sql.SQL(make).format(table=table), values)
    return names


_STAND_IN_CHUNKS = """
SELECT _timescaledb_stand_in.make_chunks(%(relation)s::regclass, %(chunks)s, now())
"""
_CHUNKS = """
INSERT INTO {table} SELECT now() - n * %(interval)s::interval, n FROM generate_series(0, %(chunks)s - 1) n
"""
