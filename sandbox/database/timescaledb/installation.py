# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing the stand-in in a database, as the release of TimescaleDB that it plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

License = Literal["timescale", "apache"]

VERSION = "2.28.3"

_FOLDER = Path(__file__).parent / "sql"
_FILES = (
    "catalog",
    "common",
    "hypertables",
    "columnstore",
    "continuous_aggregates",
    "policies",
    "scheduler",
)
#: CREATE EXTENSION writes this row; it is how programs detect TimescaleDB, and its version.
_EXTENSION = """
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'timescaledb', current_user::regrole,
        'public'::regnamespace, false, %s)
"""


def install(connection: psycopg.Connection[Any], license: License = "timescale") -> None:  # noqa: A002 - TimescaleDB's word
    """Make a database look as if it had TimescaleDB of this edition. The connection must be a superuser's.

    Raises:
        psycopg.Error: the database has TimescaleDB, or the stand-in, already.
    """
    with connection.transaction():
        # Functions may call what a later file makes.
        connection.execute("SET LOCAL check_function_bodies = off")
        for name in _FILES:
            connection.execute((_FOLDER / f"{name}.sql").read_bytes())
        connection.execute(_EXTENSION, [VERSION])
        database = sql.Identifier(connection.info.dbname)
        for name, value in {"license": license, "max_background_workers": "16"}.items():
            setting = sql.Identifier("timescaledb", name)
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, setting, sql.Literal(value)))
            connection.execute("SELECT set_config(%s, %s, false)", [f"timescaledb.{name}", value])
