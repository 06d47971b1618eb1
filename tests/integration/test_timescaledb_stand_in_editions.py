# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between TimescaleDB's editions and versions, as the stand-in plays them.

The extension proves the edition, and its own version; what other versions did rests on the record.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.database.timescaledb import VERSIONS, create_continuous_aggregate, enable_columnstore, install, set_license
from tests.support.postgresql import Server
from tests.support.timescaledb import Database, Kind, extension_only, kinds, new_database, running_server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("stand-in") as running:
        with running.connect() as session:
            session.execute("CREATE ROLE proprietor LOGIN")
            session.execute("CREATE ROLE successor LOGIN")
            session.execute("CREATE ROLE database_owner LOGIN")
        yield running


@pytest.fixture(scope="module", params=VERSIONS)
def every_version(server: Server, request: pytest.FixtureRequest) -> Iterator[Database]:
    with new_database(server, "stand-in", version=request.param) as made:
        made.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
        yield made


@pytest.fixture
def database(every_version: Database) -> Iterator[Database]:
    """The stand-in as one version after the other, without tables."""
    yield every_version
    every_version.run("DROP VIEW IF EXISTS per_day")
    every_version.run("DROP TABLE IF EXISTS trades")


@pytest.fixture(params=kinds())
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_the_apache_edition_has_no_policies_but_all_that_drops_chunks(kind: Kind) -> None:
    with running_server(kind, "apache") as server, new_database(server, kind, license="apache") as database:
        assert database.value("SHOW timescaledb.license") == "apache"
        database.series()
        for function, call in {
            "add_retention_policy": "SELECT add_retention_policy('trades', INTERVAL '30 days')",
            "remove_retention_policy": "SELECT remove_retention_policy('trades')",
            "add_compression_policy": "SELECT add_compression_policy('trades', INTERVAL '30 days')",
            "add_columnstore_policy": "CALL add_columnstore_policy('trades', INTERVAL '30 days')",
            "add_continuous_aggregate_policy": "SELECT add_continuous_aggregate_policy("
            "'trades', INTERVAL '9 days', INTERVAL '1 day', INTERVAL '1 hour')",
            "alter_job": "SELECT alter_job(3, scheduled => false)",
            "delete_job": "SELECT delete_job(3)",
            "run_job": "CALL run_job(3)",
            "add_job": "SELECT add_job('now', '1 hour')",
        }.items():
            told = ("0A000", f'function "{function}" is not supported under the current "apache" license')
            assert database.error(call) == told
        with pytest.raises(Exception, match='functionality not supported under the current "apache" license') as caught:
            enable_columnstore(database.session, "trades")
        assert getattr(caught.value, "sqlstate", None) == "0A000"
        query = "SELECT time_bucket('1 day', time) AS day, count(*) FROM trades GROUP BY 1"
        with pytest.raises(Exception, match='functionality not supported under the current "apache" license') as caught:
            create_continuous_aggregate(database.session, "per_day", query)
        assert getattr(caught.value, "sqlstate", None) == "0A000"
        database.run("SELECT set_chunk_time_interval('trades', INTERVAL '2 days')")
        assert database.value("SELECT count(*) FROM chunks_detailed_size('trades')") == 21
        assert database.value("SELECT total_bytes > 0 FROM hypertable_detailed_size('trades')")
        assert database.value("SELECT count(*) FROM show_chunks('trades', INTERVAL '3 days')") == 17
        assert len(database.values("SELECT drop_chunks('trades', INTERVAL '3 days')")) == 17
        assert database.value("SELECT count(*) FROM timescaledb_information.jobs") >= 1


def test_jobs_of_another_edition_stay_in_the_list_and_fail(server: Server) -> None:
    with new_database(server, "stand-in") as database:
        database.series()
        job = database.value("SELECT add_retention_policy('trades', INTERVAL '3 days', initial_start => '2131-01-01')")
        with database.session.transaction():
            database.run("SELECT alter_job(%s, next_start => now() + INTERVAL '300 ms')", job)
            set_license(database.session, "apache")
        assert database.value("SELECT count(*) FROM timescaledb_information.jobs WHERE job_id = %s", job) == 1
        state = "SELECT sqlerrcode FROM timescaledb_information.job_errors WHERE job_id = %s"
        wait_until(lambda: database.values(state, job), "the job has failed")
        assert database.values(state, job)[0] == "0A000"
        assert database.chunks() == 21


def test_every_function_is_sound_in_every_version(database: Database) -> None:
    for language, validator in {"sql": "fmgr_sql_validator", "plpgsql": "plpgsql_validator"}.items():
        functions = database.values(
            "SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
            " JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE l.lanname = %s AND (n.nspname = 'public' OR n.nspname LIKE '%%timescaledb%%')",
            language,
        )
        assert len(functions) > 20
        for function in functions:
            database.run(f"SELECT {validator}(%s::oid)", function)


def test_no_version_before_the_oldest(server: Server) -> None:
    server.create_database("too_old")
    with server.connect("too_old") as session, pytest.raises(ValueError, match=r"2\.10\.3"):
        install(session, "2.10.3")


def test_functions_and_catalog_where_the_version_has_them(database: Database) -> None:
    version = database.version
    functions = "_timescaledb_functions" if version >= (2, 12) else "_timescaledb_internal"
    assert database.value(f"SELECT {functions}.to_timestamp(0)::text") == "1970-01-01 00:00:00+00"
    relation = "SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)"
    assert database.values(relation, "_timescaledb_config.bgw_job") == ["v" if version >= (2, 25) else "r"]
    assert database.values(relation, "_timescaledb_catalog.bgw_job") == (["r"] if version >= (2, 25) else [])
    assert (database.values(relation, "timescaledb_information.job_history") != []) is (version >= (2, 15))
    database.series(days=0)
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    jobs = "SELECT proc_schema FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    assert database.values(jobs) == [functions]
    never_run = (
        "SELECT count(*) FROM timescaledb_information.job_stats s JOIN timescaledb_information.jobs j"
        " USING (job_id) WHERE j.proc_name = 'policy_telemetry'"
    )
    assert database.value(never_run) == (1 if version >= (2, 23) else 0)


#: Function, argument, first version that has it. From the record of the functions' declarations over the tags.
ARGUMENTS = [
    ("alter_job", "check_config", (2, 11)),
    ("alter_job", "fixed_schedule", (2, 12)),
    ("alter_job", "initial_start", (2, 12)),
    ("alter_job", "timezone", (2, 12)),
    ("alter_job", "job_name", (2, 20)),
    ("alter_job", "config_merge", (2, 29)),
    ("add_job", "job_name", (2, 20)),
    ("add_retention_policy", "timezone", (2, 11)),
    ("add_retention_policy", "drop_created_before", (2, 13)),
    ("add_compression_policy", "compress_created_before", (2, 13)),
    ("show_chunks", "created_before", (2, 13)),
    ("drop_chunks", "created_before", (2, 13)),
    ("by_range", "partition_interval", (2, 13)),
    ("set_partitioning_interval", "partition_interval", (2, 13)),
    ("add_columnstore_policy", "created_before", (2, 18)),
    ("remove_columnstore_policy", "if_exists", (2, 18)),
    ("add_continuous_aggregate_policy", "include_tiered_data", (2, 18)),
    ("add_continuous_aggregate_policy", "buckets_per_batch", (2, 19)),
    ("add_continuous_aggregate_policy", "refresh_newest_first", (2, 20)),
    ("refresh_continuous_aggregate", "force", (2, 18)),
    ("refresh_continuous_aggregate", "options", (2, 21)),
]


def check_version(database: Database) -> None:
    """What programs can see of a version: arguments, and where it is written that there is a columnstore."""
    for function, argument, first in ARGUMENTS:
        found = database.value(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = %s"
            " AND %s = ANY (proargnames)",
            function,
            argument,
        )
        assert (found > 0) is (database.version >= first), (function, argument)
    database.series(days=1)
    written = "SELECT compression_state, status & 4 FROM _timescaledb_catalog.hypertable WHERE table_name = 'trades'"
    assert database.rows(written) == [(0, 0)]
    enable_columnstore(database.session, "trades")
    assert database.rows(written) == [(0, 4) if database.version >= (2, 29) else (1, 0)]
    assert database.values("SELECT compression_enabled FROM timescaledb_information.hypertables") == [True]
    chunk = database.values(
        "SELECT attname FROM pg_attribute WHERE attrelid = '_timescaledb_catalog.chunk'::regclass AND attnum > 0"
    )
    assert ("relid" in chunk, "table_name" in chunk) == (database.version >= (2, 29), database.version < (2, 29))


def test_what_is_seen_of_every_version(database: Database) -> None:
    check_version(database)


@extension_only
def test_what_is_seen_of_the_version_of_the_extension() -> None:
    with running_server("extension") as running, new_database(running, "extension") as made:
        check_version(made)


def test_what_alter_job_does_to_the_time_zone(database: Database) -> None:
    database.series(days=0)
    job = database.value("SELECT add_retention_policy('trades', INTERVAL '30 days', timezone => 'Europe/Berlin')")
    database.run("SELECT alter_job(%s, scheduled => false)", job)
    stored = database.value("SELECT timezone FROM _timescaledb_config.bgw_job WHERE id = %s", job)
    # Before 2.12 alter_job knew no time zone, and left it alone.
    assert stored == (None if database.version >= (2, 12) else "Europe/Berlin")


def test_a_config_is_merged_from_2_29_on(server: Server) -> None:
    with new_database(server, "stand-in", version="2.29.2") as database:
        database.series(days=0)
        job = database.value("SELECT add_retention_policy('trades', INTERVAL '30 days')")
        merged = """SELECT config FROM alter_job(%s, config_merge => '{"drop_after": "9 days"}')"""
        assert database.value(merged, job) == {"drop_after": "9 days", "hypertable_id": 1}


def test_drop_created_before_on_a_column_of_time(database: Database) -> None:
    database.series(days=3)
    if database.version < (2, 13):
        assert (
            database.error("SELECT add_retention_policy('trades', drop_created_before => INTERVAL '1 day')")[0]
            == "42883"
        )
        return
    job = database.value(
        "SELECT add_retention_policy('trades', drop_created_before => INTERVAL '-1 day', initial_start => '2131-01-01')"
    )
    if database.version < (2, 26, 3):
        told = ("XX000", "could not find drop_after in config for job")
        assert database.error("CALL run_job(%s)", job) == told
        assert database.error("SELECT alter_job(%s, scheduled => false)", job) == told
        assert database.chunks() == 3
    else:
        database.run("SELECT alter_job(%s, scheduled => false)", job)
        database.run("CALL run_job(%s)", job)
        assert database.chunks() == 0


def test_who_may_manage_policies_and_whose_they_become(database: Database) -> None:
    database.run(f"ALTER DATABASE {database.name} OWNER TO database_owner")
    with database.role("proprietor"):
        database.series(days=0)
    with database.role("database_owner"):
        add = "SELECT add_retention_policy('trades', INTERVAL '30 days')"
        if database.version < (2, 28):
            assert database.error(add) == ("42501", 'must be owner of hypertable "trades"')
        else:
            database.run(add)
            database.run("SELECT remove_retention_policy('trades')")
    with database.role("proprietor"):
        database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    database.run("ALTER TABLE trades OWNER TO successor")
    assert database.values(
        "SELECT owner::text FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ) == ["successor" if database.version >= (2, 25, 2) else "proprietor"]


def test_aggregates_by_version(database: Database) -> None:
    database.series(days=9)
    query = "SELECT time_bucket('1 day', time) AS day, count(*) AS trades FROM trades GROUP BY 1"
    create_continuous_aggregate(database.session, "per_day", query)
    job = database.value("SELECT add_retention_policy('per_day', INTERVAL '90 days')")
    shown = database.value("SELECT hypertable_name FROM timescaledb_information.jobs WHERE job_id = %s", job)
    internal = database.value(
        "SELECT h.table_name FROM _timescaledb_catalog.continuous_agg a"
        " JOIN _timescaledb_catalog.hypertable h ON h.id = a.mat_hypertable_id"
    )
    assert shown == ("per_day" if database.version >= (2, 20) else internal)
    add = "SELECT add_continuous_aggregate_policy('per_day', {}, {}, INTERVAL '1 hour')"
    database.run(add.format("INTERVAL '9 days'", "INTERVAL '1 day'"))
    second = add.format("NULL", "INTERVAL '10 days'")
    if database.version >= (2, 21):
        assert database.value(second) == job + 2
    else:
        state, message = database.error(second)
        assert (state, message) == ("42710", 'continuous aggregate policy already exists for "per_day"')
        assert database.value(second.replace("hour'", "hour', if_not_exists => true")) == -1
    enable_columnstore(database.session, "trades")
    database.run("SELECT add_compression_policy('trades', INTERVAL '90 days')")
    name = database.value(
        "SELECT application_name FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
    )
    assert name.startswith("Columnstore Policy" if database.version >= (2, 20) else "Compression Policy")
