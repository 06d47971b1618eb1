# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing the stand-in in a database, as a version of TimescaleDB.

The SQL is written once for all versions. A line that ends in C(-- since 2.12) is of that version and later ones, one
that ends in C(-- before 2.12) of earlier ones; C(-- since 2.18 {) and C(-- }) alone on their lines enclose many. Words
between at signs are schemas, words and codes that changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

License = Literal["timescale", "apache"]

#: The versions that the stand-in was written for; it takes any between them, as the next earlier one would be.
VERSIONS = ("2.11.2", "2.17.2", "2.20.3", "2.25.2", "2.26.2", "2.26.3", "2.28.3", "2.29.2")

_FOLDER = Path(__file__).parent / "sql"
_FILES = (
    "catalog",
    "values",
    "common",
    "hypertables",
    "chunks",
    "jobs",
    "running",
    "retention",
    "columnstore",
    "continuous_aggregates",
    "refresh_policies",
    "ddl",
    "sizes",
    "views",
)
_CONDITION = re.compile(r"^(?P<code>.*?)\s*-- (?P<word>since|before) (?P<version>\d+\.\d+(\.\d+)?)(?P<opens> \{)?$")
#: CREATE EXTENSION writes this row; it is how programs detect TimescaleDB, and its version.
_EXTENSION = """
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'timescaledb', current_user::regrole,
        'public'::regnamespace, false, %s)
"""


def install(connection: psycopg.Connection[Any], version: str = "2.28.3", license: License = "timescale") -> None:  # noqa: A002 - TimescaleDB's word
    """Make a database look as if it had this version of TimescaleDB. The connection must be a superuser's.

    Raises:
        ValueError: TimescaleDB of this version is not simulated.
        psycopg.Error: the database has TimescaleDB, or a stand-in, already.
    """
    wanted = _parse(version)
    if wanted < _parse(VERSIONS[0]):
        raise ValueError(f"the stand-in is no TimescaleDB before {VERSIONS[0]}, and {version} was asked for")
    with connection.transaction():
        connection.execute("SET LOCAL client_min_messages = 'warning'")
        # Functions may call what a later file makes.
        connection.execute("SET LOCAL check_function_bodies = off")
        for name in _FILES:
            connection.execute(_render((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), wanted).encode())
        connection.execute(_EXTENSION, [version])
        settings = {
            "timescaledb.stand_in": "this is the SQL stand-in of entasis.engine, not TimescaleDB",
            "timescaledb.max_background_workers": "16",
            "timescaledb.restoring": "off",
        }
        for name, value in settings.items():
            _configure(connection, name, value)
    set_license(connection, license)


def set_license(connection: psycopg.Connection[Any], license: License) -> None:  # noqa: A002 - TimescaleDB's word
    """Change the edition that a stand-in plays, for this session and those that begin later."""
    _configure(connection, "timescaledb.license", license)


def _configure(connection: psycopg.Connection[Any], name: str, value: str) -> None:
    database = sql.Identifier(connection.info.dbname)
    setting = sql.SQL(".").join(map(sql.Identifier, name.split(".")))
    connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, setting, sql.Literal(value)))
    connection.execute("SELECT set_config(%s, %s, false)", [name, value])


def _render(text: str, version: tuple[int, ...]) -> str:
    """A file's SQL as it is for one version."""
    words = {
        "@jobs@": "_timescaledb_catalog" if version >= (2, 25) else "_timescaledb_config",
        "@functions@": "_timescaledb_functions" if version >= (2, 12) else "_timescaledb_internal",
        "@columnstore@": "columnstore" if version >= (2, 20) else "compression",
        "@json_member_not_found@": "2203A" if version >= (2, 21) else "XX000",
    }
    rendered = "\n".join(_lines(text, version))
    for mark, word in words.items():
        rendered = rendered.replace(mark, word)
    return rendered


def _lines(text: str, version: tuple[int, ...]) -> Iterator[str]:
    enclosed = True
    for line in text.splitlines():
        condition = _CONDITION.match(line)
        if line.strip() == "-- }":
            enclosed = True
        elif condition is None:
            yield line if enclosed else ""
        else:
            holds = (version >= _parse(condition["version"])) == (condition["word"] == "since")
            if condition["opens"]:
                enclosed = holds
            # An empty line in the place of another keeps PostgreSQL's line numbers those of the file.
            yield condition["code"] if holds and enclosed else ""


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
