# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of TimescaleDB's policies and jobs, fact by fact, on the stand-in and on the extension.

The same cases run on both, so that the stand-in cannot be wrong without being seen to be. The id of a test says on
which it ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from sandbox.database.timescaledb import is_stand_in
from tests.support.postgresql import Server
from tests.support.timescaledb import Database, Kind, kinds, new_database, running_server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module", params=kinds())
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Server]:
    with running_server(kind) as running:
        with running.connect() as session:
            for role in ("proprietor", "stranger", "database_owner"):
                session.execute(f"CREATE ROLE {role} LOGIN".encode())
            session.execute("CREATE ROLE cannot_login NOLOGIN")
        yield running


@pytest.fixture
def database(server: Server, kind: Kind) -> Iterator[Database]:
    with new_database(server, kind) as made:
        made.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
        yield made


@contextmanager
def held(database: Database, relation: str, after: str = "10 days") -> Iterator[int]:
    """A policy that was made and held in one transaction."""
    with database.session.transaction():
        job = database.value("SELECT add_retention_policy(%s::regclass, %s::interval)", relation, after)
        database.run("SELECT alter_job(%s, scheduled => false)", job)
    yield job


def test_the_stand_in_cannot_be_taken_for_timescaledb(database: Database) -> None:
    assert is_stand_in(database.session) is (database.kind == "stand-in")
    told = database.value("SELECT current_setting('timescaledb.stand_in', true)")
    assert (told is not None and "not TimescaleDB" in told) is (database.kind == "stand-in")


def test_a_new_policy_fires_at_once(database: Database) -> None:
    database.series()
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '3 days')")
    wait_until(lambda: database.chunks() == 4, "the policy has dropped the old chunks")
    # Not so on every server: the job's work may be committed, and the job be marked as failed (fact 1.9).
    wait_until(
        lambda: database.value(
            "SELECT last_run_status IS NOT NULL FROM timescaledb_information.job_stats WHERE job_id = %s", job
        ),
        "the run is recorded",
    )
    assert database.value("SELECT count(*) FROM trades") == 4
    assert database.value(
        "SELECT next_start > now() + INTERVAL '23 hours' FROM timescaledb_information.jobs WHERE job_id = %s", job
    )


def test_a_policy_held_in_the_transaction_that_made_it_never_fires(database: Database) -> None:
    database.series()
    with held(database, "trades", "3 days") as job:
        database.await_a_run()
        assert database.chunks() == 21
        assert database.rows(
            "SELECT job_status, next_start FROM timescaledb_information.job_stats WHERE job_id = %s", job
        ) == [("Paused", None)]


def test_resuming_a_held_policy_fires_at_once_unless_the_next_start_is_told(database: Database) -> None:
    database.series()
    with held(database, "trades", "3 days") as job:
        database.run("SELECT alter_job(%s, scheduled => true, next_start => now() + INTERVAL '1 day')", job)
        database.await_a_run()
        assert database.chunks() == 21
    with held(database, database.series("orders"), "3 days") as job:
        database.run("SELECT alter_job(%s, scheduled => true)", job)
        wait_until(lambda: database.chunks("orders") == 4, "the policy has fired")


def test_another_schedule_makes_a_job_due_that_never_ran(database: Database) -> None:
    database.series()
    job = database.value(
        "SELECT add_retention_policy('trades', INTERVAL '3 days', initial_start => '2131-01-01 00:00:00+00')"
    )
    assert database.next_start(job) == "2131-01-01 00:00:00+00"
    with database.session.transaction():
        answered = database.value(
            "SELECT next_start::text FROM alter_job(%s, schedule_interval => INTERVAL '2 days')", job
        )
        assert answered == database.next_start(job) == "-infinity"
    wait_until(lambda: database.chunks() == 4, "the policy has fired")


def test_the_time_zone_is_lost_unless_it_is_passed_again(database: Database) -> None:
    database.series()
    stored = "SELECT timezone FROM _timescaledb_config.bgw_job WHERE id = %s"
    with held(database, "trades") as job:
        database.run("SELECT alter_job(%s, timezone => 'Europe/Berlin')", job)
        assert database.value(stored, job) == "Europe/Berlin"
        database.run("SELECT alter_job(%s, max_retries => 3, timezone => 'Europe/Berlin')", job)
        assert database.value(stored, job) == "Europe/Berlin"
        database.run("SELECT alter_job(%s, max_retries => 4)", job)
        assert database.value(stored, job) is None
        state, message = database.error("SELECT alter_job(%s, timezone => 'Nowhere/Atall')", job)
        assert (state, message) == ("22023", 'time zone "Nowhere/Atall" not recognized')


def test_if_not_exists_never_changes_a_policy(database: Database) -> None:
    database.series(days=0)
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    assert database.error("SELECT add_retention_policy('trades', INTERVAL '30 days')") == (
        "42710",
        'retention policy already exists for hypertable "trades"',
    )
    add = "SELECT add_retention_policy('trades', INTERVAL '{}', if_not_exists => true{})"
    database.notices.clear()
    # PostgreSQL takes a month for 30 days; other schedules are not even looked at.
    for interval, more in [("30 days", ""), ("1 month", ""), ("30 days", ", schedule_interval => INTERVAL '1 hour'")]:
        assert database.value(add.format(interval, more)) == -1
    skipped = 'retention policy already exists for hypertable "trades", skipping'
    assert database.notices == [("NOTICE", "00000", skipped)] * 3
    database.notices.clear()
    assert database.value(add.format("31 days", "")) == -1
    assert database.notices == [("WARNING", "01000", 'retention policy already exists for hypertable "trades"')]
    assert database.rows("SELECT config ->> 'drop_after', schedule_interval::text FROM timescaledb_information.jobs"
                         " WHERE proc_name = 'policy_retention'") == [("30 days", "1 day")]  # fmt: skip


def test_if_not_exists_with_a_start_leaves_a_row_that_belongs_to_no_job(database: Database) -> None:
    database.series(days=0)
    add = "SELECT add_retention_policy('trades', INTERVAL '30 days', if_not_exists => true{})"
    assert database.value(add.format("")) != -1
    assert database.next_start(-1) is None
    assert database.value(add.format(", initial_start => '2131-01-01 00:00:00+00'")) == -1
    assert database.next_start(-1) == "2131-01-01 00:00:00+00"


def test_a_policy_by_age_of_data_cannot_be_compared_with_one_by_creation(database: Database) -> None:
    database.series(days=0)
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    assert database.error(
        "SELECT add_retention_policy('trades', drop_created_before => INTERVAL '30 days', if_not_exists => true)"
    ) == ("XX000", "could not find drop_created_before in config for job")
    assert database.error("SELECT add_retention_policy('trades')") == (
        "22023",
        'need to specify one of "drop_after" or "drop_created_before"',
    )


def test_a_negative_interval_is_taken_and_empties_the_table(database: Database) -> None:
    database.series()
    with held(database, "trades", "30 days") as job:
        database.run(
            'SELECT alter_job(%s, config => (SELECT config || \'{"drop_after": "-10 days"}\' FROM'
            " timescaledb_information.jobs WHERE job_id = %s))",
            job,
            job,
        )
        database.run("CALL run_job(%s)", job)
    assert database.value("SELECT count(*) FROM trades") == 0
    database.series("orders", days=0)
    with held(database, "orders", "0"):
        assert database.value("SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name = 'orders'") == 1


@pytest.mark.parametrize(
    ("style", "written"),
    [("postgres", "30 days 12:00:00"), ("iso_8601", "P30DT12H"), ("sql_standard", "30 12:00:00")],
)
def test_the_config_is_written_in_the_style_of_the_session(database: Database, style: str, written: str) -> None:
    database.series(days=0)
    database.run(f"SET intervalstyle = '{style}'")
    with held(database, "trades", "30 days 12 hours") as job:
        database.run("RESET intervalstyle")
        config = database.value("SELECT config FROM timescaledb_information.jobs WHERE job_id = %s", job)
    assert config["drop_after"] == written


def test_a_policy_that_cannot_drop_one_chunk_drops_none_and_is_tried_again(database: Database) -> None:
    database.series()
    chunk = database.value("SELECT show_chunks('trades', older_than => INTERVAL '5 days')::text LIMIT 1")
    database.run(f"CREATE VIEW depends AS SELECT * FROM {chunk}")
    assert database.error("SELECT drop_chunks('trades', INTERVAL '5 days')")[0] == "2BP01"
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '5 days')")
    failed = "SELECT total_failures > 0 FROM timescaledb_information.job_stats WHERE job_id = %s"
    wait_until(lambda: database.values(failed, job) == [True], "the policy has failed")
    assert database.chunks() == 21
    assert database.rows(
        "SELECT last_run_status, job_status, next_start BETWEEN now() AND now() + INTERVAL '10 minutes'"
        " FROM timescaledb_information.job_stats WHERE job_id = %s",
        job,
    ) == [("Failed", "Scheduled", True)]
    ((state, message),) = database.rows(
        "SELECT sqlerrcode, err_message FROM timescaledb_information.job_errors WHERE job_id = %s", job
    )
    assert state == "2BP01"
    assert message.startswith(f"cannot drop table {chunk} because other objects depend on it")


def test_a_job_that_failed_as_often_as_it_may_is_stopped(database: Database) -> None:
    database.run(
        "CREATE PROCEDURE fails(job_id integer, config jsonb) LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'that was % too many', config ->> 'count'; END $$"
    )
    job = database.value("""SELECT add_job('fails', '1 hour', config => '{"count": 1}', scheduled => false)""")
    state, message = database.error("CALL run_job(%s)", job)
    assert (state, message) == ("P0001", "that was 1 too many")
    database.run("SELECT alter_job(%s, scheduled => true, max_retries => 1, next_start => now())", job)
    wait_until(
        lambda: not database.value("SELECT scheduled FROM timescaledb_information.jobs WHERE job_id = %s", job),
        "the job is stopped",
    )


def test_a_config_is_checked(database: Database) -> None:
    database.series(days=0)
    with held(database, "trades") as job:
        number = database.value(
            "SELECT config -> 'hypertable_id' FROM timescaledb_information.jobs WHERE job_id = %s", job
        )
        alter = "SELECT alter_job({}, config => '{}')"
        for config, state, message in [
            ('{"drop_after": "9 days"}', "2203A", "could not find hypertable_id in config for job"),
            (f'{{"hypertable_id": {number}}}', "XX000", "could not find drop_after in config for job"),
            (
                f'{{"hypertable_id": {number}, "drop_after": "soon"}}',
                "22007",
                'invalid input syntax for type interval: "soon"',
            ),
            ('{"hypertable_id": 99, "drop_after": "9 days"}', "TS001", "hypertable with id 99 does not exist"),
        ]:
            assert database.error(alter.format(job, config)) == (state, message)
        # Keys that it does not know are nobody's business.
        config = f'{{"hypertable_id": {number}, "drop_after": "9 days", "note": 1}}'
        assert database.value(f"SELECT config FROM alter_job({job}, config => '{config}')") == {
            "hypertable_id": number,
            "drop_after": "9 days",
            "note": 1,
        }
        assert database.error("SELECT alter_job(%s, next_start => '-infinity')", job) == (
            "22023",
            "cannot set next start to -infinity",
        )


def test_altering_keeps_the_number_of_a_job_and_making_it_again_does_not(database: Database) -> None:
    database.series(days=0)
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    first = database.value("SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'")
    assert database.value("SELECT job_id FROM alter_job(%s, schedule_interval => '2 days')", first) == first
    database.run("SELECT remove_retention_policy('trades')")
    assert database.value("SELECT add_retention_policy('trades', INTERVAL '30 days')") == first + 1
    assert database.next_start(first) is None
    database.run("SELECT remove_retention_policy('trades')")
    assert database.error("SELECT remove_retention_policy('trades')") == (
        "42704",
        'retention policy not found for hypertable "trades"',
    )
    database.run("SELECT remove_retention_policy('trades', if_exists => true)")
    for statement in ("SELECT alter_job(99)", "SELECT delete_job(99)", "CALL run_job(99)"):
        assert database.error(statement) == ("42704", "job 99 not found")


def test_what_a_new_policy_looks_like(database: Database) -> None:
    database.series(days=0)
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    columns = (
        "schedule_interval::text, max_runtime::text, max_retries, retry_period::text, proc_schema, proc_name,"
        " scheduled, fixed_schedule, config ->> 'drop_after', initial_start, hypertable_schema, hypertable_name,"
        " check_name"
    )
    assert database.rows(
        f"SELECT {columns} FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ) == [
        (
            *("1 day", "00:05:00", -1, "00:05:00", "_timescaledb_functions", "policy_retention"),
            *(True, False, "30 days", None, "public", "trades", "policy_retention_check"),
        )
    ]
    database.run("SELECT remove_retention_policy('trades')")
    database.run(
        "SELECT add_retention_policy('trades', INTERVAL '30 days', initial_start => '2131-01-01', timezone => 'UTC')"
    )
    assert database.rows(
        "SELECT fixed_schedule, initial_start = '2131-01-01' FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_retention'"
    ) == [(True, True)]


def test_a_fixed_schedule_keeps_to_its_slots(database: Database) -> None:
    database.series(days=0)
    assert database.error(
        "SELECT add_retention_policy('trades', INTERVAL '9 days', initial_start => '2131-01-01',"
        " schedule_interval => '1 month 1 day')"
    ) == ("0A000", "month intervals cannot have day or time component")
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '9 days', initial_start => '2131-01-01')")
    # Every other day at 02:30 in Berlin, whatever the clocks there do in between.
    slot = database.value(
        "SELECT next_start FROM alter_job(%s, schedule_interval => '2 days', fixed_schedule => true,"
        " initial_start => '2020-01-01 02:30:00+01', timezone => 'Europe/Berlin')",
        job,
    )
    assert database.value("SELECT to_char(%s::timestamptz AT TIME ZONE 'Europe/Berlin', 'HH24:MI')", slot) == "02:30"
    assert database.value("SELECT %s::timestamptz > now() AND %s::timestamptz <= now() + INTERVAL '2 days'", slot, slot)
    assert (
        database.value("SELECT schedule_interval::text FROM alter_job(%s, schedule_interval => '0')", job) == "00:00:00"
    )


def test_only_the_owner_manages_a_policy_and_everybody_may_look(database: Database) -> None:
    with database.role("proprietor"):
        database.series()
        job = database.value("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    must_own = ("42501", 'must be owner of hypertable "trades"')
    with database.role("stranger"):
        assert database.error("SELECT add_retention_policy('trades', INTERVAL '9 days')") == must_own
        assert database.error("SELECT remove_retention_policy('trades')") == must_own
        assert database.error("SELECT drop_chunks('trades', INTERVAL '9 days')") == must_own
        assert database.error("SELECT set_chunk_time_interval('trades', INTERVAL '9 days')") == must_own
        assert database.error("SELECT alter_job(%s)", job) == ("42501", f"insufficient permissions to alter job {job}")
        assert database.error("CALL run_job(%s)", job) == ("42501", f"insufficient permissions to run job {job}")
        assert database.error("SELECT delete_job(%s)", job) == (
            "42501",
            'insufficient permissions to delete job owned by "proprietor"',
        )
        assert database.chunks() == 21
        owner = "SELECT owner::text FROM timescaledb_information.jobs WHERE job_id = %s"
        assert database.value(owner, job) == "proprietor"
        assert database.value("SELECT count(*) FROM _timescaledb_config.bgw_job WHERE id = %s", job) == 1


def test_runs_are_seen_by_their_owner_only(database: Database) -> None:
    with database.role("proprietor"):
        database.run(
            "CREATE PROCEDURE fails(job_id integer, config jsonb) LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% fails', current_user; END $$"
        )
        job = database.value("SELECT add_job('fails', '1 hour')")
    message = "SELECT err_message FROM timescaledb_information.job_errors WHERE job_id = %s"
    wait_until(lambda: database.values(message, job), "the job has failed")
    with database.role("proprietor"):
        assert database.values(message, job) == ["proprietor fails"]
    with database.role("stranger"):
        assert database.values(message, job) == []
        assert database.error("SELECT * FROM _timescaledb_internal.bgw_job_stat_history")[0] == "42501"


def test_the_owner_of_the_database_manages_the_policies_of_others(database: Database) -> None:
    database.run(f"ALTER DATABASE {database.name} OWNER TO database_owner")
    with database.role("proprietor"):
        database.series(days=0)
    with database.role("database_owner"):
        database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    assert database.values(
        "SELECT owner::text FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ) == ["proprietor"]


def test_an_owner_that_cannot_log_in_has_no_jobs(database: Database) -> None:
    with database.role("cannot_login"):
        database.series(days=0)
    refused = ("28000", 'permission denied to start background process as role "cannot_login"')
    assert database.error("SELECT add_retention_policy('trades', INTERVAL '9 days')") == refused


def test_jobs_follow_the_table_to_its_new_owner(database: Database) -> None:
    with database.role("proprietor"):
        database.series(days=2)
        database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    database.run("ALTER TABLE trades OWNER TO stranger")
    assert database.values(
        "SELECT owner::text FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ) == ["stranger"]
    assert database.values("SELECT DISTINCT tableowner::text FROM pg_tables WHERE tablename LIKE '%hyper%chunk'") == [
        "stranger"
    ]


def test_nothing_is_written_in_a_transaction_that_only_reads(database: Database) -> None:
    database.series()
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    for function, call in {
        "add_retention_policy": "add_retention_policy('trades', INTERVAL '30 days')",
        "remove_retention_policy": "remove_retention_policy('trades')",
        "alter_job": f"alter_job({job})",
        "delete_job": f"delete_job({job})",
        "drop_chunks": "drop_chunks('trades', INTERVAL '3 days')",
        "set_chunk_time_interval": "set_chunk_time_interval('trades', INTERVAL '3 days')",
    }.items():
        database.run("BEGIN READ ONLY")
        told = ("25006", f"cannot execute {function}() in a read-only transaction")
        assert database.error(f"SELECT {call}") == told
        database.run("ROLLBACK")
    database.run("BEGIN READ ONLY")
    assert database.value("SELECT count(*) FROM show_chunks('trades', INTERVAL '3 days')") == 17
    database.run("ROLLBACK")


def test_dropping_waits_for_the_tables_that_foreign_keys_point_to(database: Database) -> None:
    database.run("CREATE TABLE venues (number integer PRIMARY KEY)")
    database.run("INSERT INTO venues SELECT generate_series(0, 20)")
    database.series(days=0)
    database.run("ALTER TABLE trades ADD FOREIGN KEY (value) REFERENCES venues")
    database.run("INSERT INTO trades SELECT now() - n * INTERVAL '1 day', n FROM generate_series(0, 20) n")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.run("INSERT INTO trades VALUES (now(), 99)")
    with database.server.connect(database.name) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM venues")
        database.run("SET lock_timeout = '100ms'")
        assert database.error("SELECT drop_chunks('trades', INTERVAL '3 days')")[0] == "55P03"
    assert database.chunks() == 21
    database.run("SELECT drop_chunks('trades', INTERVAL '3 days')")
    assert database.chunks() < 6


def test_jobs_rest_while_a_database_is_restored(database: Database, server: Server, kind: Kind) -> None:
    database.series()
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '3 days', initial_start => '2131-01-01')")
    with database.session.transaction():
        database.run("SELECT alter_job(%s, next_start => now() + INTERVAL '500 ms')", job)
        database.run("SELECT timescaledb_pre_restore()")
    with server.connect(database.name) as session:
        assert session.execute("SHOW timescaledb.restoring").fetchone() == ("on",)
    due = "SELECT next_start < clock_timestamp() FROM _timescaledb_internal.bgw_job_stat WHERE job_id = %s"
    wait_until(lambda: database.value(due, job), "the job is due")
    with new_database(server, kind) as other:
        other.await_a_run()
    assert database.value(due, job)
    assert database.value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'trades'::regclass") == 21
    database.run("SELECT timescaledb_post_restore()")
    wait_until(lambda: database.chunks() == 4, "the policy has run after all")


def test_a_job_that_is_deleted_while_it_runs_is_stopped(database: Database) -> None:
    database.run(
        "CREATE PROCEDURE sleeps(job_id integer, config jsonb) LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(600); END $$"
    )
    job = database.value("SELECT add_job('sleeps', '1 hour')")
    is_running = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND application_name = 'User-Defined Action [{job}]' AND state = 'active'"
    )
    # Not only begun: a worker that is just starting does not hear that it is to stop.
    wait_until(lambda: database.value(f"{is_running} AND wait_event = 'PgSleep'"), "the job runs")
    status = "SELECT job_status FROM timescaledb_information.job_stats WHERE job_id = %s"
    assert database.value(status, job) == "Running"
    database.run("SELECT delete_job(%s)", job)
    wait_until(lambda: not database.value(is_running), "the job is stopped")


def test_jobs_run_on_after_the_server_was_restarted(kind: Kind) -> None:
    with running_server(kind) as server, new_database(server, kind) as database:
        database.series()
        server.stop()
        server.start()
        with server.connect(database.name) as session:
            database.session = session
            database.await_a_run()
