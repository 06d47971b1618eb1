# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements that depend on the release of TimescaleDB, which the tests on a database are only one of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import apply, preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Alteration, Step

from tests.support.retention_world import TRADES, a_hypertable, a_job, a_server, a_state


class Recorder:
    """A database that answers nothing."""

    def __init__(self) -> None:
        self.sql = ""

    def execute(self, sql: str, _parameters: Any = None) -> list[dict[str, Any]]:
        self.sql += sql
        return []


@pytest.mark.parametrize(("version", "knows"), [((2, 11, 2), False), ((2, 12, 0), True)])
def test_alter_job_gets_a_time_zone_where_it_knows_one(version: tuple[int, ...], knows: bool) -> None:
    database = Recorder()
    step = Step(TRADES, "retention", "altered", {}, {}, a_job(), alteration=Alteration(True, None, None))
    apply.apply(database, a_state(a_hypertable(), server=a_server(version=version)), [step])
    assert ("timezone => w.timezone" in database.sql) is knows


@pytest.mark.parametrize(
    ("version", "table"),
    [((2, 28, 3), "_timescaledb_catalog.chunk"), ((2, 29, 0), "_timescaledb_catalog.compression_settings")],
)
def test_the_bytes_of_the_columnstore_are_found_where_the_release_has_them(
    version: tuple[int, ...], table: str
) -> None:
    database = Recorder()
    cutoff = preview.Cutoff(a_hypertable(), Interval(days=5), by_creation=False)
    preview.read(database, a_server(version=version), [cutoff], sizes=True)
    assert f"JOIN {table} s ON" in database.sql
