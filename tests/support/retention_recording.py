# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record what the query of _timescaledb/state.py answers on a real TimescaleDB, for tests that have no database.

Run it where ENTASIS_POSTGRESQL names a PostgreSQL that brings the extension:

    python -m tests.support.retention_recording
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import state
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from psycopg.rows import dict_row

from tests.support.postgresql import Server

FOLDER = Path(__file__).resolve().parents[1] / "unit" / "fixtures" / "timescaledb"
RECORDED = FOLDER / "state.json"

#: Relations that the recorded task names beside the hypertables.
NAMED = (
    Relation("market", "trades"),
    Relation("market", "notes"),
    Relation("market", "noted"),
    Relation("market", "nowhere"),
    Relation("_timescaledb_internal", "_materialized_hypertable_3"),
)


class _Recorder:
    """A connection that keeps the last answer as it came."""

    def __init__(self, session: psycopg.Connection[dict[str, Any]]) -> None:
        self._session = session
        self.answer: list[dict[str, Any]] = []

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        self.answer = self._session.execute(sql.encode(), parameters).fetchall()
        return self.answer


def main() -> None:
    with Server() as server:
        if server.extension is None:
            sys.exit("this PostgreSQL brings no TimescaleDB: set ENTASIS_POSTGRESQL to the folder of one that does")
        server.create_database("recorded")
        with psycopg.connect(server.dsn("recorded"), autocommit=True, row_factory=dict_row) as session:
            session.execute("CREATE EXTENSION timescaledb")
            session.execute((FOLDER / "state.sql").read_bytes())
            recorder = _Recorder(session)
            state.read(recorder, NAMED)
    [row] = recorder.answer
    RECORDED.write_text(json.dumps(json.loads(row["state"]), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
