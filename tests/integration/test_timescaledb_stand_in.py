# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What TimescaleDB does that timescaledb_retention guards against, on the stand-in and on the extension.

Were the stand-in kinder, the tests of the module would prove nothing. The same cases run on the extension where the
server brings it, so that the stand-in cannot be wrong without being seen to be. The id of a test says on which it ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sandbox.database.timescaledb import is_stand_in
from tests.support.postgresql import Server, extension
from tests.support.retention import Database

FAR = "2131-01-01 00:00:00+00"


@pytest.fixture(scope="module", params=["stand-in", "extension"] if extension() else ["stand-in"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with Server(stand_in=request.param == "stand-in") as server:
        made = Database.make(server)
        assert made.kind == request.param
        assert is_stand_in(made.session) is (made.kind == "stand-in")
        yield made
        made.close()


@pytest.fixture
def waiting(database: Database) -> int:
    """A policy that has never run and waits for its initial start."""
    zone = ", timezone => 'Europe/Berlin'"
    return database.add(database.hypertable(days=1), "30 days", f", initial_start => '{FAR}'::timestamptz{zone}")


def error(database: Database, statement: str, user: str | None = None) -> str | None:
    """The SQLSTATE of the error that a statement must raise."""
    with database.connect(user) as session, pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    return caught.value.sqlstate


@pytest.mark.parametrize(
    ("arguments", "column", "found"),
    [
        pytest.param("max_retries => 3", "timezone", None, id="the time zone is lost unless it is passed again"),
        pytest.param("schedule_interval => '2 days'", "next_start::text", "-infinity", id="a new schedule is due"),
        pytest.param(
            "initial_start => '2020-01-01 02:30:00+01', timezone => 'Europe/Berlin'",
            "next_start > now() AND next_start <= now() + interval '1 day'"
            " AND to_char(next_start AT TIME ZONE 'Europe/Berlin', 'HH24:MI') = '02:30'",
            True,
            id="another initial start moves the next start to a slot of the schedule",
        ),
        pytest.param(
            "config => jsonb_build_object('hypertable_id', config -> 'hypertable_id', 'drop_after', '1 day')",
            "config ? 'note'",
            False,
            id="a config replaces the whole one",
        ),
        pytest.param(
            'config => config || \'{"drop_after": "-10 days"}\'',
            "config ->> 'drop_after'",
            "-10 days",
            id="a reach that empties the table is taken",
        ),
    ],
)
def test_altering_a_policy(database: Database, waiting: int, arguments: str, column: str, found: Any) -> None:
    job = "FROM _timescaledb_config.bgw_job j JOIN _timescaledb_internal.bgw_job_stat ON job_id = id"
    with database.session.transaction(force_rollback=True):
        note = """SELECT alter_job(%s, config => config || '{"note": 1}', timezone => timezone)"""
        database.sql(f"{note} {job} WHERE id = %s", [waiting, waiting])
        database.sql(f"SELECT alter_job(id, {arguments}) {job} WHERE id = %s", [waiting])
        assert database.value(f"SELECT {column} {job} WHERE id = %s", [waiting]) == found


def test_a_config_without_its_table_is_refused(database: Database, waiting: int) -> None:
    statement = f"""SELECT alter_job({waiting}, config => '{{"drop_after": "9 days"}}')"""
    assert error(database, statement) == "2203A"


@pytest.mark.parametrize(
    ("style", "written"),
    [("postgres", "30 days 12:00:00"), ("iso_8601", "P30DT12H"), ("sql_standard", "30 12:00:00")],
)
def test_the_config_is_written_in_the_style_of_the_session(database: Database, style: str, written: str) -> None:
    relation = database.hypertable(days=1)
    with database.session.transaction():
        database.sql(f"SET LOCAL intervalstyle = '{style}'")
        database.add(relation, "30 days 12 hours")
    assert database.one_job(relation)["config"]["drop_after"] == written


def test_what_retention_drops_is_lost_to_an_aggregate_at_its_next_refresh(database: Database) -> None:
    relation = database.hypertable()
    view = database.aggregate(relation, bucket="1 day")
    rows = f"SELECT count(*) FROM {view}"
    assert len(database.sql(f"SELECT drop_chunks('{relation}', interval '5 days')")) == 15
    assert database.value(rows) == 21
    database.sql(f"CALL refresh_continuous_aggregate('{view}', NULL, NULL)")
    assert database.value(rows) == 6


def test_chunks_by_their_creation(database: Database) -> None:
    relation = database.hypertable()
    shown = f"SELECT count(*) FROM show_chunks('{relation}', created_before => interval '{{}}')"
    assert database.value(shown.format("1 hour")) == 0
    assert database.value(shown.format("-1 hour")) == 21


def test_only_the_owner_manages_a_policy(database: Database) -> None:
    owner, stranger = database.role(), database.role()
    relation = database.hypertable(days=1, owner=owner)
    job = database.add(relation, "30 days")
    database.sql(f"GRANT USAGE ON SCHEMA market TO {stranger}")
    for call in (
        f"add_retention_policy('{relation}', interval '9 days')",
        f"drop_chunks('{relation}', interval '9 days')",
        f"set_chunk_time_interval('{relation}', interval '9 days')",
        f"alter_job({job}, scheduled => false)",
        f"delete_job({job})",
    ):
        assert error(database, f"SELECT {call}", stranger) == "42501", call


def test_the_apache_edition_has_no_policies(database: Database) -> None:
    with Server(license="apache", stand_in=database.kind == "stand-in") as server:
        apache = Database.make(server)
        relation = apache.hypertable(days=1)
        for call in (
            f"add_retention_policy('{relation}', interval '30 days')",
            f"add_compression_policy('{relation}', interval '30 days')",
            f"add_continuous_aggregate_policy('{relation}', interval '9 days', interval '1 day', interval '1 hour')",
            "alter_job(1, scheduled => false)",
            "delete_job(1)",
        ):
            assert error(apache, f"SELECT {call}") == "0A000", call
        apache.close()
