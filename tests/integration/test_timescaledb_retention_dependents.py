# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What depends on retention: continuous aggregates, the columnstore; chunks that the module drops itself; servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._postgresql.connection import CONNECTION_ARGUMENTS
from ansible_collections.entasis.engine.plugins.modules import timescaledb_retention

from tests.support.postgresql import Server
from tests.support.retention import Database, Run, changed, unchanged
from tests.support.waiting import wait_until

REFRESH = "policy_refresh_continuous_aggregate"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    made = Database.make(server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def apache() -> Iterator[Database]:
    """A database of the edition without policies."""
    with Server(license="apache") as server:
        made = Database.make(server)
        yield made
        made.close()


def refreshed(database: Database, view: str, start: str | None, end: str = "1 hour", every: str = "1 hour") -> int:
    """A refresh policy by TimescaleDB's own function, that never comes to run."""
    begin = f"interval '{start}'" if start else "NULL"
    return int(
        database.value(
            f"SELECT add_continuous_aggregate_policy('{view}', start_offset => {begin}, "
            f"end_offset => interval '{end}', schedule_interval => interval '{every}', initial_start => '2031-01-01')"
        )
    )


def test_an_aggregate_that_would_lose_its_history_is_a_refusal(database: Database) -> None:
    """A refresh recomputes what is dropped below it from nothing (fact 9)."""
    relation = database.hypertable()
    view = database.aggregate(relation)
    refreshed(database, view, "45 days")
    for reach in ("30 days", "45 days"):
        run = database.keep(relation, reach)
        assert run.codes == {"TSR019"}
        assert view in run.message
    assert database.job(relation) is None
    changed(database.keep(relation, "46 days"))
    # By the age of chunks, younger data go: the length of a chunk comes on top.
    created: dict[str, Any] = {"relation": relation, "drop_created_before": "46 days"}
    assert database.run(policies=[created], allow_shorten=True).codes == {"TSR019"}
    run = changed(database.keep(relation, "44 days", on_cagg_conflict="warn", allow_shorten=True))
    assert any(view in warning for warning in run.warnings)
    assert any(view in warning for warning in unchanged(database.keep(relation, "44 days")).warnings)


def test_data_that_no_aggregate_has_taken_in_yet_stay(database: Database) -> None:
    relation = database.hypertable()
    view = database.aggregate(relation, data=False)
    options: dict[str, Any] = {"arm": "now", "max_drop_percent": 100}
    run = database.keep(relation, "5 days", **options)
    assert run.codes == {"TSR021"}
    assert view in run.message
    # Held, it may wait for that.
    changed(database.keep(relation, "5 days"))
    assert database.keep(relation, "5 days", **options).codes == {"TSR021"}
    database.sql(f"CALL refresh_continuous_aggregate('{view}', NULL, NULL)")
    before = database.sql(f"SELECT * FROM {view} ORDER BY 1")
    changed(database.keep(relation, "5 days", **options))
    wait_until(lambda: database.chunks(relation) == 6, limit=30)
    assert database.sql(f"SELECT * FROM {view} ORDER BY 1") == before
    other = database.hypertable()
    database.aggregate(other, data=False)
    changed(database.keep(other, "5 days", require_materialized=False, **options))


def test_the_table_of_an_aggregate_is_reached_by_its_name(database: Database) -> None:
    view = database.aggregate(database.hypertable())
    named = database.value(
        "SELECT format('%%I.%%I', schema_name, table_name) FROM _timescaledb_catalog.hypertable h "
        "JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = h.id WHERE user_view_name = %s",
        [view.partition(".")[2]],
    )
    run = database.keep(named, "90 days")
    assert run.codes == {"TSR009"}
    assert view in run.message


def test_refresh_policies(database: Database) -> None:
    relation = database.hypertable()
    view = database.aggregate(relation)
    window: dict[str, Any] = {"start_offset": "7 days", "end_offset": "1 hour", "schedule_interval": "30 minutes"}

    def keep(**refresh: Any) -> Run:
        return database.run(policies=[{"relation": view, "refresh": refresh}])

    changed(keep(**window))
    job = database.one_job(view, REFRESH)
    assert (job["config"]["start_offset"], job["config"]["end_offset"]) == ("7 days", "01:00:00")
    assert (job["scheduled"], job["waits"]) == (True, True)
    unchanged(keep(**window))
    changed(keep(**{**window, "start_offset": "P8D", "timezone": "Europe/Berlin"}))
    after = database.one_job(view, REFRESH)
    assert (after["id"], after["timezone"]) == (job["id"], "Europe/Berlin")
    assert after["config"] == {**job["config"], "start_offset": "8 days"}
    changed(keep(**{**window, "start_offset": None}))
    assert database.one_job(view, REFRESH)["config"]["start_offset"] is None
    unchanged(keep(end_offset="1 hour", schedule_interval="30 minutes"))
    changed(keep(state="paused"))
    assert database.one_job(view, REFRESH)["scheduled"] is False
    changed(keep(state="absent"))
    assert database.job(view, REFRESH) is None
    assert database.run(policies=[{"relation": relation, "refresh": window}]).codes == {"TSR024"}
    assert keep(start_offset="7 days").codes == {"TSR016"}


def test_several_refresh_policies_are_not_chosen_from(database: Database) -> None:
    view = database.aggregate(database.hypertable())
    refreshed(database, view, "30 days", "20 days")
    refreshed(database, view, "10 days", "1 hour")
    window = {"start_offset": "10 days", "end_offset": "1 hour", "schedule_interval": "1 hour"}
    assert database.run(policies=[{"relation": view, "refresh": window}]).codes == {"TSR025"}
    report = database.run(state="report", policies=[{"relation": view}])
    assert [one["start_offset"] for one in report.of(view)["after"]["refresh"]] == ["30 days", "10 days"]


def test_columnstore_policies(database: Database) -> None:
    relation = database.hypertable()

    def keep(drop_after: str | None = None, **columnstore: Any) -> Run:
        entry = {"relation": relation, "columnstore": columnstore, "drop_after": drop_after}
        return database.run(policies=[entry])

    assert keep(after="40 days").codes == {"TSR023"}
    database.enable_columnstore(relation)
    changed(keep(after="40 days"))
    job = database.one_job(relation, "policy_compression")
    assert (job["config"]["compress_after"], job["scheduled"], job["waits"]) == ("40 days", True, True)
    unchanged(keep(after="P40D"))
    changed(keep(after="41 days", max_retries=3))
    after = database.one_job(relation, "policy_compression")
    assert (after["id"], after["config"]["compress_after"], after["max_retries"]) == (job["id"], "41 days", 3)
    assert keep(drop_after="41 days", after="41 days").codes == {"TSR022"}
    assert database.keep(relation, "30 days").codes == {"TSR022"}
    changed(keep(drop_after="90 days", after="41 days"))
    changed(keep(created_before="30 days"))
    created = database.one_job(relation, "policy_compression")
    assert created["config"]["compress_created_before"] == "30 days"
    assert created["max_retries"] == 3
    changed(keep(state="paused"))
    assert database.one_job(relation, "policy_compression")["scheduled"] is False
    changed(keep(state="absent"))
    assert database.job(relation, "policy_compression") is None
    assert keep(created_before="1 day", after="1 day").codes == {"TSR016"}


def test_the_bytes_of_the_columnstore_are_counted(database: Database) -> None:
    relation = database.hypertable(days=10)
    database.enable_columnstore(relation)
    database.sql(f"SELECT compress_chunk(c) FROM show_chunks('{relation}', older_than => interval '5 days') c")
    expected = database.value(
        f"SELECT sum(total_bytes)::bigint FROM chunks_detailed_size('{relation}') "
        f"WHERE format('%I.%I', chunk_schema, chunk_name)::regclass IN "
        f"(SELECT show_chunks('{relation}', older_than => interval '5 days'))"
    )
    run = changed(database.keep(relation, "5 days"))
    assert run.of(relation)["preview"]["bytes"] == expected
    assert expected > 0
    bare = database.hypertable()
    assert changed(database.keep(bare, "5 days", preview_bytes="never")).of(bare)["preview"]["bytes"] is None


def test_dropping_now_takes_what_the_preview_showed(database: Database) -> None:
    relation = database.hypertable()
    options: dict[str, Any] = {"apply_now": True, "max_drop_percent": 80}
    assert database.keep(relation, "5 days", apply_now=True).codes == {"TSR026"}
    foreseen = changed(database.keep(relation, "5 days", check=True, **options))
    assert database.chunks(relation) == 21
    run = changed(database.keep(relation, "5 days", **options))
    assert database.chunks(relation) == 6
    assert sorted(run.of(relation)["dropped"]) == sorted(foreseen.of(relation)["dropped"])
    assert run.of(relation)["action"] == "dropped"
    # Nothing is left that would drop, so that the policy goes on its schedule.
    changed(database.keep(relation, "5 days"))
    assert database.one_job(relation)["scheduled"] is True
    assert unchanged(database.keep(relation, "5 days", **options)).of(relation)["dropped"] == []


def test_a_relation_that_cannot_be_dropped_from_does_not_keep_the_others(database: Database) -> None:
    """A foreign key's table that is locked (fact 1.4), a view on a chunk (fact 10), and one without either."""
    database.sql("CREATE TABLE market.venues (id int PRIMARY KEY); INSERT INTO market.venues VALUES (1)")
    locked = "market.locked"
    database.sql(f"CREATE TABLE {locked} (time timestamptz NOT NULL, venue int REFERENCES market.venues)")
    database.sql(f"SELECT create_hypertable('{locked}', 'time', chunk_time_interval => interval '1 day')")
    database.sql(f"INSERT INTO {locked} SELECT now() - n * interval '1 day', 1 FROM generate_series(0, 20) n")
    viewed, free = database.hypertable(), database.hypertable()
    chunk = database.value(f"SELECT c::text FROM show_chunks('{viewed}', older_than => interval '5 days') c LIMIT 1")
    database.sql(f"CREATE VIEW market.on_chunk AS SELECT * FROM {chunk}")
    policies = [{"relation": relation, "drop_after": "5 days"} for relation in (locked, viewed, free)]
    options: dict[str, Any] = {
        "policies": policies,
        "apply_now": True,
        "max_drop_percent": 100,
        "lock_timeout": "200ms",
    }
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE market.venues IN ACCESS SHARE MODE")
        run = database.run(**options)
        other.execute("ROLLBACK")
    assert run.failed
    assert locked in run.message
    assert "on_chunk" in run.of(viewed)["error"] or "2BP01" in run.of(viewed)["error"]
    assert "market.venues" in " ".join(run.warnings)
    assert (database.chunks(locked), database.chunks(viewed), database.chunks(free)) == (21, 21, 6)
    database.sql("DROP VIEW market.on_chunk")
    # The next run goes on with what is left.
    changed(database.run(**options))
    assert (database.chunks(locked), database.chunks(viewed), database.chunks(free)) == (6, 6, 6)


def test_the_report_shows_every_policy_and_how_it_fares(database: Database) -> None:
    held, failing, fine = database.hypertable(), database.hypertable(), database.hypertable()
    changed(database.keep(held, "5 days"))
    chunk = database.value(f"SELECT c::text FROM show_chunks('{failing}', older_than => interval '5 days') c LIMIT 1")
    database.sql(f"CREATE VIEW market.blocks AS SELECT * FROM {chunk}")
    number = database.add(failing, "5 days")
    database.add(fine, "90 days", ", initial_start => '2031-01-01'::timestamptz")
    failed = "SELECT 1 FROM _timescaledb_internal.bgw_job_stat WHERE job_id = %s AND total_failures > 0"
    wait_until(lambda: database.sql(failed, [number]) != [], limit=30)
    run = unchanged(database.run(state="report"))
    assert run.of(held)["held"]["chunks"] == 15
    assert run.of(held)["health"]["retention"]["scheduled"] is False
    health = run.of(failing)["health"]["retention"]
    assert health["last_run_status"] == "Failed"
    assert health["total_failures"] >= 1
    assert "depend" in health["last_error"]
    assert run.of(fine)["health"]["retention"]["next_start"].startswith("2031-01-01T00:00:00")
    assert run.of(fine)["effective_max_age"] == "92 days"
    assert any(held in warning for warning in run.warnings)
    workers = run.result["workers"]
    scheduled = database.value("SELECT count(*) FROM timescaledb_information.jobs WHERE scheduled")
    assert workers["scheduled_jobs"] == scheduled
    assert workers["headroom"] == workers["background_workers"] - 2
    database.sql("DROP VIEW market.blocks")
    one = database.run(state="report", policies=[{"relation": held}])
    assert [found["relation"] for found in one.result["results"]] == [held]
    assert database.one_job(held)["scheduled"] is False


def test_another_process_without_a_secret_in_its_answer(database: Database) -> None:
    relation = database.hypertable()
    with database.running(policies=[{"relation": relation, "drop_after": "5 days"}]) as answers:
        pass
    [run] = answers
    assert database.one_job(relation)["scheduled"] is False
    assert database.server.password not in json.dumps(run.result)


def test_the_examples_of_the_documentation_run(server: Server) -> None:
    database = Database.make(server)
    for name in ("trades", "candles_1m", "candles_1h", "candles_1d"):
        database.hypertable(f"market.{name}")
    database.enable_columnstore("market.trades")
    for task in yaml.safe_load(timescaledb_retention.EXAMPLES):
        given = task["entasis.engine.timescaledb_retention"]
        own = {name: value for name, value in given.items() if name not in CONNECTION_ARGUMENTS}
        run = database.run(**own)
        assert not run.failed, (task["name"], run.message)
        assert given.keys() - own.keys() <= CONNECTION_ARGUMENTS.keys()
    kept = {
        name: job["config"]["drop_after"]
        for name in ("trades", "candles_1m", "candles_1h", "candles_1d")
        if (job := database.job(f"market.{name}"))
    }
    assert kept == {"trades": "90 days", "candles_1m": "1 year", "candles_1h": "1 year"}
    database.close()


def test_without_timescaledb(server: Server) -> None:
    name = "without_timescaledb"
    server.create_database(name)
    bare = Database(server, name, "none")
    assert bare.keep("market.trades", "5 days").codes == {"TSR001"}
    assert bare.keep("trades", "0 days").codes == {"TSR001", "TSR006"}
    bare.close()


def test_a_standby_is_reported_on_and_never_written_to() -> None:
    with Server() as server:
        database = Database.make(server)
        relation = database.hypertable()
        database.add(relation, "90 days")
        database.session.close()
        server.become_standby()
        standby = Database(server, database.name, database.kind)
        assert standby.value("SELECT pg_is_in_recovery()") is True

        report = standby.run(state="report")
        assert not report.failed, report.message
        assert report.of(relation)["after"]["retention"]["drop_after"] == "90 days"
        for check in (True, False):
            refused = standby.keep(relation, "95 days", check=check)
            assert refused.codes == {"TSR004"}
            assert "standby" in refused.message
        assert standby.one_job(relation)["config"]["drop_after"] == "90 days"
        standby.session.close()


def test_without_the_view_that_upstream_calls_temporary(server: Server) -> None:
    database = Database.make(server)
    relation = database.hypertable()
    if database.kind == "extension":
        database.sql("ALTER EXTENSION timescaledb DROP VIEW _timescaledb_config.bgw_job")
    database.sql("DROP VIEW _timescaledb_config.bgw_job")
    changed(database.keep(relation, "5 days"))
    changed(database.keep(relation, "6 days"))
    unchanged(database.keep(relation, "6 days"))
    config = database.value("SELECT config FROM _timescaledb_catalog.bgw_job WHERE proc_name = 'policy_retention'")
    assert (config["drop_after"], "entasis_held" in config) == ("6 days", True)
    database.close()


def test_the_columnstore_where_a_bit_of_the_status_tells_of_it(server: Server) -> None:
    """As in the catalog of 2.29."""
    database = Database.make(server)
    if database.kind == "extension":
        pytest.skip("the extension's catalog is that of its own release")
    relation = database.hypertable()
    database.enable_columnstore(relation)
    database.sql("ALTER VIEW _timescaledb_catalog.hypertable RENAME TO earlier")
    database.sql(
        "CREATE VIEW _timescaledb_catalog.hypertable AS SELECT id, schema_name, table_name, 0 AS compression_state, "
        "4 AS status FROM _timescaledb_catalog.earlier WHERE compression_state <> 2"
    )
    changed(database.run(policies=[{"relation": relation, "columnstore": {"after": "7 days"}}]))
    database.close()


def test_before_there_is_a_cluster_everything_is_new(database: Database, tmp_path: Any) -> None:
    forward = {"namespace": "data", "service": "timescaledb-rw", "kubeconfig": str(tmp_path / "missing")}
    options: dict[str, Any] = {
        "kube_port_forward": forward,
        "policies": [{"relation": "market.trades", "drop_after": "5 days"}],
    }
    run = changed(database.run(check=True, **options))
    assert run.of("market.trades")["action"] == "created"
    assert run.of("market.trades")["preview"] is None
    assert "drop_after: 5 days" in run.result["diff"]["after"]
    assert database.run(**options).failed


def test_the_apache_edition_has_no_policies(apache: Database) -> None:
    relation = apache.hypertable()
    run = apache.keep(relation, "5 days", engine="policy")
    assert run.codes == {"TSR003"}
    run = unchanged(apache.keep(relation, "5 days"))
    assert run.result["engine"] == "scheduled"
    assert run.of(relation)["preview"]["chunks"] == 15
    assert any("arm: now" in warning for warning in run.warnings)
    assert apache.keep(relation, "5 days", arm="now").codes == {"TSR026"}
    columnstore = {"relation": relation, "drop_after": "5 days", "columnstore": {"after": "1 day"}}
    assert "TSR037" in apache.run(policies=[columnstore]).codes
    assert apache.chunks(relation) == 21


def test_the_apache_edition_is_kept_by_running_the_task_on_a_schedule(apache: Database) -> None:
    relation, other = apache.hypertable(), apache.hypertable()
    policies = [
        {"relation": relation, "drop_after": "5 days", "chunk_time_interval": "12 hours"},
        {"relation": other, "drop_after": "90 days"},
    ]
    options: dict[str, Any] = {"policies": policies, "arm": "now", "max_drop_percent": 75}
    foreseen = changed(apache.run(check=True, **options))
    assert apache.chunks(relation) == 21
    run = changed(apache.run(**options))
    assert (apache.chunks(relation), apache.chunks(other)) == (6, 21)
    assert run.result["diff"] == foreseen.result["diff"]
    assert len(run.of(relation)["dropped"]) == 15
    length = (
        "SELECT interval_length FROM _timescaledb_catalog.dimension d "
        "JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id WHERE table_name = %s"
    )
    assert apache.value(length, [relation.partition(".")[2]]) == 12 * 3600 * 1_000_000
    unchanged(apache.run(**options))
    kept = {**policies[0], "state": "paused", "drop_after": "1 hour"}
    unchanged(apache.run(policies=[kept], arm="now", max_drop_percent=100))
    assert apache.chunks(relation) == 6
