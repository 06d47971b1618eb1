# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of TimescaleDB's tables, chunks, aggregates and views, on the stand-in and on the extension."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.database.timescaledb import create_continuous_aggregate, create_hypertables, enable_columnstore
from tests.support.postgresql import Server
from tests.support.timescaledb import Database, Kind, extension_only, kinds, new_database, running_server


@pytest.fixture(scope="module", params=kinds())
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Server]:
    with running_server(kind) as running:
        with running.connect() as session:
            session.execute("CREATE ROLE proprietor LOGIN")
            session.execute("CREATE ROLE stranger LOGIN")
        yield running


@pytest.fixture
def database(server: Server, kind: Kind) -> Iterator[Database]:
    with new_database(server, kind) as made:
        made.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
        # Policies are looked at here, not run, unless a test says so.
        made.run("SELECT _timescaledb_functions.stop_background_workers()")
        yield made


def aggregate(database: Database, name: str = "per_day", source: str = "trades") -> str:
    """A continuous aggregate with a row for each day, all of them materialised."""
    query = f"SELECT time_bucket('1 day', time) AS day, count(*) AS trades FROM {source} GROUP BY 1"
    create_continuous_aggregate(database.session, name, query)
    return name


@pytest.mark.parametrize("column", ["timestamptz", "timestamp", "date"])
def test_columns_of_time(database: Database, column: str) -> None:
    database.series(column=column)
    assert database.rows(
        "SELECT column_type = %s::regtype, dimension_type, time_interval::text, integer_interval"
        " FROM timescaledb_information.dimensions",
        column,
    ) == [(True, "Time", "1 day", None)]
    assert database.rows(
        "SELECT count(*), min(range_end - range_start)::text, max(range_end) > now(), max(range_start) <= now(),"
        " count(range_start_integer) FROM timescaledb_information.chunks"
    ) == [(21, "1 day", True, True, 0)]
    # A chunk goes only when all of it is older.
    assert database.value("SELECT count(*) FROM show_chunks('trades', INTERVAL '3 days')") == 17
    assert database.error("SELECT drop_chunks('trades', 5)") == ("22023", 'invalid time argument type "integer"')
    assert database.error("SELECT add_retention_policy('trades', 5)") == (
        "22023",
        "invalid value for parameter drop_after",
    )
    database.run("SELECT add_retention_policy('trades', INTERVAL '3 days')")
    database.run_last_job()
    assert database.chunks() == 4
    assert database.value("SELECT count(*) FROM trades") == 4


@pytest.mark.parametrize("column", ["smallint", "integer", "bigint"])
def test_columns_of_numbers(database: Database, column: str) -> None:
    database.numbers(column=column)
    assert database.rows(
        "SELECT column_type = %s::regtype, time_interval, integer_interval, integer_now_func"
        " FROM timescaledb_information.dimensions",
        column,
    ) == [(True, None, 10, "numbers_now")]
    assert database.rows(
        "SELECT count(*), min(range_start_integer), max(range_end_integer), count(range_end)"
        " FROM timescaledb_information.chunks"
    ) == [(10, 0, 100, 0)]
    assert database.value(f"SELECT count(*) FROM show_chunks('numbers', 50::{column})") == 5
    assert database.error("SELECT show_chunks('numbers', INTERVAL '1 day')") == (
        "22023",
        'invalid time argument type "interval"',
    )
    assert database.error("SELECT add_retention_policy('numbers', INTERVAL '1 day')") == (
        "22023",
        "invalid value for parameter drop_after",
    )
    database.run("SELECT add_retention_policy('numbers', 30)")
    assert (
        database.value(
            "SELECT config -> 'drop_after' FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
        )
        == 30
    )
    database.run_last_job()
    assert database.chunks("numbers") == 3


def test_numbers_without_a_present(database: Database) -> None:
    database.run("CREATE TABLE numbers (time bigint NOT NULL)")
    database.run("SELECT create_hypertable('numbers', by_range('time', 10))")
    database.run("INSERT INTO numbers SELECT generate_series(0, 99)")
    assert database.error("SELECT add_retention_policy('numbers', 30)") == (
        "22023",
        "invalid value for parameter drop_after",
    )
    database.run("SELECT add_retention_policy('numbers', drop_created_before => INTERVAL '1 day')")
    database.run_last_job()
    assert database.chunks("numbers") == 10
    database.run("CREATE FUNCTION present() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 100::bigint'")
    database.run("CREATE FUNCTION other() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 100'")
    assert database.error("SELECT set_integer_now_func('numbers', 'other')") == (
        "22023",
        "invalid custom time function",
    )
    database.run("SELECT set_integer_now_func('numbers', 'present')")
    assert database.error("SELECT set_integer_now_func('numbers', 'present')") == (
        "42710",
        'custom time function already set for hypertable "numbers"',
    )
    database.run("SELECT set_integer_now_func('numbers', 'present', replace_if_exists => true)")


def test_a_column_of_uuids_is_one_of_time(database: Database) -> None:
    database.run("CREATE TABLE events (id uuid NOT NULL)")
    database.run("SELECT create_hypertable('events', by_range('id', INTERVAL '1 day'))")
    database.run(
        "INSERT INTO events SELECT (lpad(to_hex((extract(epoch FROM date_trunc('day', now()) - n * INTERVAL '1 day')"
        " * 1000)::bigint), 12, '0') || '7000800000000000000' || n)::uuid FROM generate_series(0, 9) n"
    )
    assert database.rows("SELECT time_interval::text, integer_interval FROM timescaledb_information.dimensions") == [
        ("1 day", None)
    ]
    assert database.rows(
        "SELECT count(*), max(range_start) = date_trunc('day', now()) FROM timescaledb_information.chunks"
    ) == [(10, True)]
    database.run("SELECT add_retention_policy('events', INTERVAL '3 days')")
    database.run_last_job()
    assert database.chunks("events") == 4


def test_a_second_dimension_divides_chunks_and_keeps_no_time(database: Database) -> None:
    database.series(days=0)
    database.run("SELECT add_dimension('trades', by_hash('value', 4))")
    database.run("INSERT INTO trades SELECT now() - INTERVAL '1 day' * (n % 5), n FROM generate_series(1, 200) n")
    assert database.rows(
        "SELECT dimension_number, column_name, dimension_type, num_partitions FROM timescaledb_information.dimensions"
        " ORDER BY 1"
    ) == [(1, "time", "Time", None), (2, "value", "Space", 4)]
    assert database.value("SELECT num_dimensions FROM timescaledb_information.hypertables") == 2
    assert database.chunks() == 20
    assert database.value("SELECT count(*) FROM timescaledb_information.chunks WHERE primary_dimension = 'time'") == 20
    dropped = database.values("SELECT drop_chunks('trades', INTERVAL '2 days')")
    assert len(dropped) == 20 - database.chunks() > 0
    assert len(dropped) % 4 == 0
    assert database.error("SELECT add_dimension('trades', by_hash('value', 4))") == (
        "TS160",
        'column "value" is already a dimension',
    )


def test_making_hypertables(database: Database) -> None:
    database.series()
    assert database.error("SELECT create_hypertable('trades', by_range('time'))") == (
        "TS110",
        'table "trades" is already a hypertable',
    )
    assert database.value(
        "SELECT created FROM create_hypertable('trades', by_range('time'), if_not_exists => true)"
    ) is (False)
    database.run("CREATE TABLE filled AS SELECT now() AS time")
    assert database.error("SELECT create_hypertable('filled', by_range('time'))") == (
        "0A000",
        'table "filled" is not empty',
    )
    database.run("SELECT create_hypertable('filled', by_range('time'), migrate_data => true)")
    assert database.value("SELECT count(*) FROM filled") == 1
    assert database.value("SELECT count(*) FROM ONLY filled") == 0
    database.run("CREATE TABLE keyed (time timestamptz, number integer PRIMARY KEY)")
    assert database.error("SELECT create_hypertable('keyed', by_range('time'))") == (
        "TS103",
        'cannot create a unique index without the column "time" (used in partitioning)',
    )
    for interval in ("0", "INTERVAL '0'", "INTERVAL '-1 day'"):
        assert database.error(f"SELECT set_chunk_time_interval('trades', {interval})")[0] == "22023"
    plain = ("TS001", '"plain" is not a hypertable or a continuous aggregate')
    database.run("CREATE TABLE plain (time timestamptz)")
    for call in (
        "show_chunks('plain')",
        "drop_chunks('plain', INTERVAL '1 day')",
        "add_retention_policy('plain', INTERVAL '1 day')",
        "set_chunk_time_interval('plain', INTERVAL '1 day')",
    ):
        assert database.error(f"SELECT {call}") == plain
    assert database.error("SELECT drop_chunks('trades')") == ("22023", "invalid time range for dropping chunks")


def test_another_interval_is_that_of_new_chunks_only(database: Database) -> None:
    database.series(days=3)
    database.run("SELECT set_chunk_time_interval('trades', INTERVAL '7 days')")
    assert database.value("SELECT time_interval::text FROM timescaledb_information.dimensions") == "7 days"
    database.run("INSERT INTO trades SELECT now() - n * INTERVAL '1 day', n FROM generate_series(0, 30) n")
    lengths = database.values("SELECT range_end - range_start FROM timescaledb_information.chunks")
    assert sorted({length.days for length in lengths})[0] == 1
    assert max(length.days for length in lengths) == 7
    assert (
        database.value(
            "SELECT count(*) FROM timescaledb_information.chunks a JOIN timescaledb_information.chunks b"
            " ON a.range_start < b.range_end AND b.range_start < a.range_end AND a.chunk_name <> b.chunk_name"
        )
        == 0
    )
    assert database.value("SELECT count(*) FROM trades") == 3 + 31
    database.run("SELECT set_partitioning_interval('trades', INTERVAL '2 days')")
    assert database.value("SELECT time_interval::text FROM timescaledb_information.dimensions") == "2 days"


def test_names_of_any_kind(database: Database) -> None:
    database.run('CREATE SCHEMA "Strange.Schema"')
    database.series('"Strange.Schema"."Tick Data"')
    database.run("""SELECT add_retention_policy('"Strange.Schema"."Tick Data"', INTERVAL '3 days')""")
    assert database.rows("SELECT hypertable_schema, hypertable_name FROM timescaledb_information.hypertables") == [
        ("Strange.Schema", "Tick Data")
    ]
    database.run_last_job()
    assert database.chunks('"Strange.Schema"."Tick Data"') == 4


def test_tables_that_are_renamed_and_dropped(database: Database) -> None:
    database.series()
    database.run("SELECT add_retention_policy('trades', INTERVAL '30 days')")
    database.run("CREATE SCHEMA market")
    database.run("ALTER TABLE trades RENAME TO deals")
    database.run("ALTER TABLE deals SET SCHEMA market")
    assert database.rows(
        "SELECT hypertable_schema, hypertable_name FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_retention'"
    ) == [("market", "deals")]
    assert database.chunks("market.deals") == 21
    database.run("DROP TABLE market.deals")
    assert database.value("SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'") == 0
    assert database.value("SELECT count(*) FROM _timescaledb_catalog.chunk") == 0
    assert database.value("SELECT count(*) FROM pg_tables WHERE tablename LIKE '%hyper%chunk'") == 0


def test_frozen_chunks_stay_without_a_word(database: Database) -> None:
    database.series()
    oldest = database.value("SELECT show_chunks('trades', INTERVAL '15 days')::text ORDER BY 1 LIMIT 1")
    database.run("SELECT _timescaledb_functions.freeze_chunk(%s::regclass)", oldest)
    database.run("SELECT drop_chunks('trades', INTERVAL '3 days')")
    assert database.chunks() == 5


def test_chunks_by_creation(database: Database) -> None:
    database.series()
    assert database.value("SELECT count(*) FROM show_chunks('trades', created_before => INTERVAL '1 hour')") == 0
    assert database.value("SELECT count(*) FROM show_chunks('trades', created_after => INTERVAL '1 hour')") == 21
    assert database.error("SELECT show_chunks('trades', INTERVAL '1 day', created_before => now())") == (
        "22023",
        'cannot specify "older_than" or "newer_than" together with "created_before"or "created_after"',
    )
    database.run("SELECT add_retention_policy('trades', drop_created_before => INTERVAL '1 hour')")
    job = database.value("SELECT max(job_id) FROM timescaledb_information.jobs")
    assert database.value(
        "SELECT config - 'hypertable_id' FROM timescaledb_information.jobs WHERE job_id = %s", job
    ) == {"drop_created_before": "01:00:00"}
    database.run("CALL run_job(%s)", job)
    assert database.chunks() == 21
    database.run("SELECT alter_job(%s, scheduled => false)", job)


def test_what_retention_drops_is_lost_to_an_aggregate_at_its_next_refresh(database: Database) -> None:
    database.series(days=61)
    aggregate(database)
    rows = "SELECT count(*) FROM per_day"
    assert database.value(rows) == 61
    assert database.value("SELECT count(*) FROM drop_chunks('trades', INTERVAL '30 days')") == 30
    assert database.value(rows) == 61
    database.run("CALL refresh_continuous_aggregate('per_day', now() - INTERVAL '45 days', now())")
    assert database.value(rows) == 47
    database.run("CALL refresh_continuous_aggregate('per_day', NULL, NULL)")
    assert database.value(rows) == 31


def test_what_retention_drops_can_be_kept_from_aggregates(database: Database) -> None:
    database.series(days=61)
    aggregate(database)
    database.run("SET timescaledb.skip_cagg_invalidation = on")
    database.run("SELECT drop_chunks('trades', INTERVAL '30 days')")
    database.run("CALL refresh_continuous_aggregate('per_day', NULL, NULL)")
    assert database.value("SELECT count(*) FROM per_day") == 61
    database.run("CALL refresh_continuous_aggregate('per_day', NULL, NULL, force => true)")
    assert database.value("SELECT count(*) FROM per_day") == 31


def test_new_rows_reach_an_aggregate_by_its_policy(database: Database) -> None:
    database.series(days=10)
    aggregate(database)
    job = database.value(
        "SELECT add_continuous_aggregate_policy('per_day', start_offset => INTERVAL '5 days',"
        " end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')"
    )
    database.run(
        "INSERT INTO trades SELECT date_trunc('day', now()) - n * INTERVAL '1 day', 0 FROM (VALUES (3), (8)) v (n)"
    )
    database.run("CALL run_job(%s)", job)
    assert database.rows(
        "SELECT (date_trunc('day', now())::date - day::date), trades FROM per_day WHERE trades <> 1"
    ) == [(3, 2)]


def test_aggregates_in_the_views(database: Database) -> None:
    with database.role("proprietor"):
        database.series()
        aggregate(database)
        create_continuous_aggregate(
            database.session,
            "per_week",
            "SELECT time_bucket('7 days', day) AS week, sum(trades) AS trades FROM per_day GROUP BY 1",
            with_data=False,
        )
    assert database.rows(
        "SELECT hypertable_schema, hypertable_name, view_schema, view_name, view_owner, materialized_only,"
        " compression_enabled, materialization_hypertable_name FROM timescaledb_information.continuous_aggregates"
        " ORDER BY view_name"
    ) == [
        ("public", "trades", "public", "per_day", "proprietor", True, False, "_materialized_hypertable_2"),
        (
            *("_timescaledb_internal", "_materialized_hypertable_2", "public", "per_week", "proprietor", True, False),
            "_materialized_hypertable_3",
        ),
    ]
    assert database.rows(
        "SELECT mat_hypertable_id, raw_hypertable_id, parent_mat_hypertable_id FROM _timescaledb_catalog.continuous_agg"
        " ORDER BY 1"
    ) == [(2, 1, None), (3, 2, 2)]
    assert database.values("SELECT hypertable_name FROM timescaledb_information.hypertables") == ["trades"]
    # Nothing is materialised yet: the least moment that PostgreSQL knows.
    watermark = "SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(%s))::text"
    assert database.value(watermark, 3) == "4714-11-24 00:00:00+00 BC"
    assert database.value(watermark, 2) == database.value("SELECT (date_trunc('day', now()) + INTERVAL '1 day')::text")
    assert database.value(
        "SELECT watermark FROM _timescaledb_catalog.continuous_aggs_watermark WHERE mat_hypertable_id = 3"
    ) == (-210866803200000000)
    database.run("CALL refresh_continuous_aggregate('per_week', NULL, NULL)")
    assert database.value("SELECT sum(trades) FROM per_week") == 21


def test_retention_of_an_aggregate_is_told_by_its_own_name(database: Database) -> None:
    database.series(days=61)
    aggregate(database)
    assert database.error(
        "SELECT add_retention_policy('_timescaledb_internal._materialized_hypertable_2', INTERVAL '1 day')"
    ) == ("0A000", 'cannot add retention policy to materialized hypertable "_materialized_hypertable_2" ')
    job = database.value("SELECT add_retention_policy('per_day', INTERVAL '30 days')")
    assert database.rows(
        "SELECT hypertable_schema, hypertable_name, config FROM timescaledb_information.jobs WHERE job_id = %s", job
    ) == [("public", "per_day", {"drop_after": "30 days", "hypertable_id": 2})]
    assert database.rows(
        "SELECT hypertable_schema, hypertable_name FROM timescaledb_information.job_stats WHERE job_id = %s", job
    ) == [("_timescaledb_internal", "_materialized_hypertable_2")]
    before = database.chunks("per_day")
    assert database.value("SELECT count(*) FROM chunks_detailed_size('per_day')") == before
    database.run("CALL run_job(%s)", job)
    assert database.chunks("per_day") < before
    assert database.chunks() == 61


def test_refresh_policies(database: Database) -> None:
    database.series()
    aggregate(database)
    add = (
        "SELECT add_continuous_aggregate_policy('per_day', start_offset => {}, end_offset => {},"
        " schedule_interval => INTERVAL '1 hour'{})"
    )
    days, hour = "INTERVAL '45 days'", "INTERVAL '1 hour'"
    job = database.value(add.format(days, hour, ""))
    assert database.rows(
        "SELECT max_runtime::text, retry_period::text, proc_name, config, hypertable_name"
        " FROM timescaledb_information.jobs WHERE job_id = %s",
        job,
    ) == [
        (
            *("00:00:00", "01:00:00", "policy_refresh_continuous_aggregate"),
            {"mat_hypertable_id": 2, "start_offset": "45 days", "end_offset": "01:00:00"},
            "per_day",
        )
    ]
    exists = ("22023", 'continuous aggregate refresh policy already exists for "per_day"')
    overlaps = ("22023", 'refresh interval overlaps with an existing continuous aggregate policy on "per_day"')
    assert database.error(add.format(days, hour, "")) == exists
    assert database.value(add.format(days, hour, ", if_not_exists => true")) == -1
    assert database.error(add.format("INTERVAL '40 days'", hour, "")) == overlaps
    assert database.value(add.format("NULL", "INTERVAL '46 days'", "")) == job + 1
    assert database.error(add.format("INTERVAL '1 day'", hour, "")) == ("22023", "policy refresh window too small")
    assert database.error(add.format("5", hour, "")) == ("22023", "invalid parameter value for start_offset")
    config = '{"mat_hypertable_id": 2, "start_offset": null, "end_offset": "01:00:00"}'
    assert database.error("SELECT alter_job(%s, config => %s)", job, config) == overlaps
    assert database.error("SELECT alter_job(%s, config => '{}')", job) == (
        "2203A",
        'could not find "mat_hypertable_id" in config for job',
    )
    database.run("SELECT remove_continuous_aggregate_policy('per_day')")
    assert database.error("SELECT remove_continuous_aggregate_policy('per_day')") == (
        "42704",
        'continuous aggregate policy not found for "per_day"',
    )
    assert database.error("SELECT remove_continuous_aggregate_policy('trades')") == (
        "22023",
        '"trades" is not a continuous aggregate',
    )


def test_aggregates_of_numbers(database: Database) -> None:
    database.numbers(column="bigint")
    create_continuous_aggregate(
        database.session, "tens", "SELECT time_bucket(10, time) AS ten, count(*) AS count FROM numbers GROUP BY 1"
    )
    assert database.value("SELECT count(*) FROM tens") == 10
    assert database.value("SELECT _timescaledb_functions.cagg_watermark(2)") == 100
    assert database.rows(
        "SELECT column_type::regtype::text, interval_length, integer_now_func FROM _timescaledb_catalog.dimension"
        " ORDER BY id"
    ) == [("bigint", 10, "numbers_now"), ("bigint", 100, None)]
    # The table below tells the present.
    job = database.value("SELECT add_retention_policy('tens', 20)")
    database.run("CALL run_job(%s)", job)
    assert database.chunks("tens") == 1
    assert database.value("SELECT add_continuous_aggregate_policy('tens', 50, 10, INTERVAL '1 hour')") == job + 1
    assert database.error(
        "SELECT add_continuous_aggregate_policy('tens', INTERVAL '5 days', INTERVAL '1 day', INTERVAL '1 hour')"
    ) == ("22023", "invalid parameter value for start_offset")


def test_columnstore_policies(database: Database) -> None:
    database.series()
    add = "SELECT add_compression_policy('trades', INTERVAL '7 days'{})"
    assert database.error(add.format("")) == ("0A000", 'columnstore not enabled on hypertable "trades"')
    enable_columnstore(database.session, "trades")
    assert database.value("SELECT compression_enabled FROM timescaledb_information.hypertables")
    job = database.value(add.format(""))
    assert database.rows(
        "SELECT schedule_interval::text, max_runtime::text, max_retries, retry_period::text, proc_name,"
        " config ->> 'compress_after', check_name FROM timescaledb_information.jobs WHERE job_id = %s",
        job,
    ) == [("12:00:00", "00:00:00", -1, "01:00:00", "policy_compression", "7 days", "policy_compression_check")]
    exists = 'columnstore policy already exists for hypertable or continuous aggregate "trades"'
    assert database.error(add.format("")) == ("42710", exists)
    assert database.error("CALL add_columnstore_policy('trades', after => INTERVAL '7 days')") == ("42710", exists)
    assert database.value(add.format(", if_not_exists => true")) == -1
    database.run("CALL remove_columnstore_policy('trades')")
    gone = ("42704", 'columnstore policy not found for hypertable "trades"')
    assert database.error("CALL remove_columnstore_policy('trades')") == gone
    assert database.error("SELECT remove_compression_policy('trades')") == gone
    database.run("CALL add_columnstore_policy('trades', created_before => INTERVAL '7 days')")
    assert (
        database.value(
            "SELECT config ->> 'compress_created_before' FROM timescaledb_information.jobs"
            " WHERE proc_name = 'policy_compression'"
        )
        == "7 days"
    )
    assert database.value("SELECT remove_compression_policy('trades')") is True
    assert database.value("SELECT remove_compression_policy('trades', if_exists => true)") is False


def test_chunks_in_the_columnstore_and_their_bytes(database: Database) -> None:
    database.series()
    enable_columnstore(database.session, "trades")
    job = database.value("SELECT add_compression_policy('trades', INTERVAL '15 days')")
    database.run("CALL run_job(%s)", job)
    assert database.rows(
        "SELECT is_compressed, count(*) FROM timescaledb_information.chunks GROUP BY 1 ORDER BY 1"
    ) == [(False, 16), (True, 5)]
    assert database.value("SELECT count(*) FROM trades") == 21
    listed = "SELECT sum(pg_total_relation_size(c)) FROM show_chunks('trades') c"
    # A chunk's table misses its companion, and the function does not.
    assert database.value("SELECT sum(total_bytes) FROM chunks_detailed_size('trades')") > database.value(listed)
    assert database.value("SELECT total_bytes FROM hypertable_detailed_size('trades')") >= database.value(
        "SELECT sum(total_bytes) FROM chunks_detailed_size('trades')"
    )
    database.run("SELECT drop_chunks('trades', INTERVAL '10 days')")
    assert database.value("SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed") == 0
    assert database.chunks() == 11


def test_many_hypertables_at_once(database: Database) -> None:
    names = create_hypertables(database.session, 60, chunks=3, interval="2 days", prefix="many_")
    assert len(names) == 60
    assert database.value("SELECT count(*) FROM timescaledb_information.hypertables") == 60
    assert database.value("SELECT count(*) FROM timescaledb_information.chunks") == 180
    assert database.value("SELECT count(*) FROM show_chunks(%s::regclass, INTERVAL '2 days')", names[-1]) == 1
    added = database.values(
        "SELECT add_retention_policy(format('%I.%I', hypertable_schema, hypertable_name)::regclass, INTERVAL '90 days')"
        " FROM timescaledb_information.hypertables"
    )
    assert len(set(added)) == 60


#: The columns of the views and tables that programs read, of 2.28.3 and, but for the chunks, of 2.29.2.
VIEWS = {
    "timescaledb_information.hypertables": "hypertable_schema hypertable_name owner num_dimensions num_chunks"
    " compression_enabled tablespaces primary_dimension primary_dimension_type",
    "timescaledb_information.dimensions": "hypertable_schema hypertable_name dimension_number column_name column_type"
    " dimension_type time_interval integer_interval integer_now_func num_partitions",
    "timescaledb_information.chunks": "hypertable_schema hypertable_name chunk_schema chunk_name primary_dimension"
    " primary_dimension_type range_start range_end range_start_integer range_end_integer is_compressed chunk_tablespace"
    " chunk_creation_time",
    "timescaledb_information.jobs": "job_id application_name schedule_interval max_runtime max_retries retry_period"
    " proc_schema proc_name owner scheduled fixed_schedule config next_start initial_start hypertable_schema"
    " hypertable_name check_schema check_name",
    "timescaledb_information.job_stats": "hypertable_schema hypertable_name job_id last_run_started_at"
    " last_successful_finish last_run_status job_status last_run_duration next_start total_runs total_successes"
    " total_failures",
    "timescaledb_information.job_errors": "job_id proc_schema proc_name pid start_time finish_time sqlerrcode"
    " err_message",
    "timescaledb_information.job_history": "id job_id succeeded proc_schema proc_name pid start_time finish_time config"
    " sqlerrcode err_message",
    "timescaledb_information.continuous_aggregates": "hypertable_schema hypertable_name view_schema view_name"
    " view_owner materialized_only compression_enabled materialization_hypertable_schema"
    " materialization_hypertable_name view_definition",
    "_timescaledb_catalog.bgw_job": "id application_name schedule_interval max_runtime max_retries retry_period"
    " proc_schema proc_name owner scheduled fixed_schedule initial_start hypertable_id config check_schema check_name"
    " timezone",
    "_timescaledb_internal.bgw_job_stat": "job_id last_start last_finish next_start last_successful_finish"
    " last_run_success total_runs total_duration total_duration_failures total_successes total_failures total_crashes"
    " consecutive_failures consecutive_crashes flags",
    "_timescaledb_catalog.hypertable": "id schema_name table_name associated_schema_name associated_table_prefix"
    " num_dimensions chunk_sizing_func_schema chunk_sizing_func_name chunk_target_size compression_state"
    " compressed_hypertable_id status",
    "_timescaledb_catalog.dimension": "id hypertable_id column_name column_type aligned num_slices"
    " partitioning_func_schema partitioning_func interval_length compress_interval_length integer_now_func_schema"
    " integer_now_func",
    "_timescaledb_catalog.chunk": "id hypertable_id schema_name table_name compressed_chunk_id status osm_chunk"
    " creation_time",
    "_timescaledb_catalog.dimension_slice": "id chunk_id dimension_id range_start range_end",
    "_timescaledb_catalog.continuous_agg": "mat_hypertable_id raw_hypertable_id parent_mat_hypertable_id"
    " user_view_schema user_view_name partial_view_schema partial_view_name direct_view_schema direct_view_name"
    " materialized_only schema_change_timestamp",
    "_timescaledb_catalog.continuous_aggs_watermark": "mat_hypertable_id watermark",
}


@pytest.mark.parametrize("view", VIEWS)
def test_the_columns_of_views_and_catalog(database: Database, view: str) -> None:
    expected = VIEWS[view]
    if database.version[:2] == (2, 29) and view == "_timescaledb_catalog.chunk":
        expected = "id relid hypertable_id status osm_chunk creation_time"
    elif database.version[:2] not in ((2, 28), (2, 29)):
        pytest.skip(f"the columns are known of 2.28 and 2.29, and the server has version {database.version}")
    columns = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    )
    assert database.values(columns, view) == expected.split()
    with database.role("stranger"):
        assert database.value(f"SELECT count(to_jsonb(v)) >= 0 FROM {view} v")


@extension_only
def test_rows_of_the_columnstore_take_less_room(kind: Kind, server: Server) -> None:
    if kind == "stand-in":
        pytest.skip("the stand-in compresses nothing")
    with new_database(server, kind) as database:
        database.series(days=0)
        database.run(
            "INSERT INTO trades SELECT date_trunc('day', now()) - INTERVAL '9 days' + n * INTERVAL '1 second', 1"
            " FROM generate_series(0, 80000) n"
        )
        size = "SELECT sum(total_bytes) FROM chunks_detailed_size('trades')"
        before = database.value(size)
        enable_columnstore(database.session, "trades")
        database.run("SELECT compress_chunk(c) FROM show_chunks('trades') c")
        assert database.value(size) < before / 5


@extension_only
def test_an_insert_counts_its_rows(kind: Kind, server: Server) -> None:
    if kind == "stand-in":
        pytest.skip("rows of the stand-in go to their chunk by a trigger, and PostgreSQL does not count them")
    with new_database(server, kind) as database:
        database.series(days=0)
        assert database.session.execute("INSERT INTO trades VALUES (now(), 1)").rowcount == 1
