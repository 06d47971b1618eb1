# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What TimescaleDB has a grammar of its own for: on it and on the stand-in."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import scalar_row


def is_stand_in(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has the stand-in."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute("SELECT to_regnamespace('_timescaledb_stand_in') IS NOT NULL").fetchone()
    return bool(found)


def create_continuous_aggregate(
    connection: psycopg.Connection[Any],
    view: str,
    source: str,
    values: str,
    *,
    bucket: str = "1 hour",
    with_data: bool = True,
) -> None:
    """Make a continuous aggregate with a row for each bucket of the source's column time; names are as SQL writes them.

    C(values) are the columns beside the bucket's time. With data it must not run in a transaction, as in TimescaleDB.
    """
    query = f"SELECT time_bucket(interval '{bucket}', time) AS time, {values} FROM {source} GROUP BY 1"  # noqa: S608 - SQL of our tests
    if is_stand_in(connection):
        call = "SELECT _timescaledb_stand_in.create_continuous_aggregate(%s, %s::regclass, %s::interval, %s, %s)"
        connection.execute(call, [view, source, bucket, query, with_data])
        return
    connection.execute(
        f"CREATE MATERIALIZED VIEW {view} WITH (timescaledb.continuous, timescaledb.materialized_only = true)"
        f" AS {query} WITH {'' if with_data else 'NO '}DATA".encode()
    )


def enable_columnstore(connection: psycopg.Connection[Any], table: str) -> None:
    """Enable the columnstore of a hypertable, whose name is as SQL writes it."""
    if is_stand_in(connection):
        connection.execute("SELECT _timescaledb_stand_in.enable_columnstore(%s::regclass)", [table])
    else:
        connection.execute(f"ALTER TABLE {table} SET (timescaledb.compress)".encode())
