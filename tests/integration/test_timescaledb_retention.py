# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention policies: made, changed, stopped and removed without a chunk lost that nobody asked for. Judged by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.postgresql import Server
from tests.support.retention import Database, changed, unchanged
from tests.support.waiting import wait_until

FAR = "2031-05-01T03:00:00+00:00"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with Server() as server:
        made = Database.make(server)
        yield made
        made.close()


@pytest.fixture(params=["psycopg", "psycopg2"])
def either(request: pytest.FixtureRequest, database: Database) -> Iterator[Database]:
    """The database, by each of the drivers."""
    database.driver = request.param
    yield database
    database.driver = "psycopg"


def test_what_would_drop_is_created_held_and_stays_untouched(either: Database) -> None:
    relation = either.hypertable()
    run = changed(either.keep(relation, "5 days"))
    job = either.one_job(relation)
    assert job["scheduled"] is False
    assert job["waits"], "a policy that somebody arms later on must not find its next start in the past"
    assert run.of(relation)["action"] == "created"
    assert run.of(relation)["preview"]["chunks"] == 15
    assert run.of(relation)["held"]["chunks"] == 15
    either.scheduler_runs()
    assert either.chunks(relation) == 21
    assert either.sql("SELECT 1 FROM _timescaledb_internal.bgw_job_stat WHERE job_id = -1") == []

    again = unchanged(either.keep(relation, "5 days"))
    assert again.of(relation)["held"] == run.of(relation)["held"], "since when it is held does not move"
    assert any(relation in warning for warning in again.warnings), "a hold is warned of at every run"
    assert either.one_job(relation) == job


def test_arming_a_held_policy_is_bounded_and_then_drops_what_the_preview_said(database: Database) -> None:
    relation = database.hypertable()
    held = changed(database.keep(relation, "5 days"))
    too_little: dict[str, Any] = {"max_drop_percent": 71, "max_drop_chunks": 14, "max_drop_bytes": 100}
    assert database.keep(relation, "5 days", arm="now", **too_little).codes == {"TSR026", "TSR027", "TSR028"}
    assert database.one_job(relation)["scheduled"] is False
    run = changed(database.keep(relation, "5 days", arm="now", max_drop_percent=72, max_drop_chunks=15))
    assert run.of(relation)["action"] == "resumed"
    assert run.of(relation)["job_id"] == held.of(relation)["job_id"]
    assert "entasis_held" not in database.one_job(relation)["config"]
    wait_until(lambda: database.chunks(relation) == 6, limit=30)
    unchanged(database.keep(relation, "5 days"))


def test_arming_at_a_moment_waits_for_it(database: Database) -> None:
    relation = database.hypertable()
    assert database.keep(relation, "5 days", arm="at", max_drop_percent=100).codes == {"TSR031"}
    assert database.job(relation) is None
    changed(database.keep(relation, "5 days", arm="at", max_drop_percent=100, initial_start=FAR))
    job = database.one_job(relation)
    assert job["scheduled"] is True
    assert job["next_start"] == datetime.fromisoformat(FAR)
    database.scheduler_runs()
    assert database.chunks(relation) == 21


@pytest.mark.parametrize(
    ("option", "value", "column", "found"),
    [
        ("schedule_interval", "12 hours", "schedule_interval::text", "12:00:00"),
        ("max_runtime", "1 hour", "max_runtime::text", "01:00:00"),
        ("max_retries", 3, "max_retries", 3),
        ("retry_period", "PT10M", "retry_period::text", "00:10:00"),
        ("timezone", "Asia/Tokyo", "timezone", "Asia/Tokyo"),
        ("initial_start", FAR, "initial_start", datetime.fromisoformat(FAR)),
        ("drop_after", "100 days", "config ->> 'drop_after'", "100 days"),
    ],
)
def test_a_setting_changes_alone(database: Database, option: str, value: Any, column: str, found: Any) -> None:
    """The job stays, with its number, and nothing else of it changes: not its time zone, nor when it runs next."""
    relation = database.hypertable()
    number = database.add(
        relation, "90 days", ", initial_start => '2030-01-01 04:00+01'::timestamptz, timezone => 'Europe/Berlin'"
    )
    database.sql("SELECT alter_job(%s, next_start => '2030-01-01 04:00+01', timezone => 'Europe/Berlin')", [number])
    before = database.one_job(relation)
    options = {option: value}
    drop_after = options.pop("drop_after", "90 days")
    foreseen = changed(database.keep(relation, drop_after, check=True, **options))
    assert database.one_job(relation) == before
    run = changed(database.keep(relation, drop_after, **options))
    assert run.result["diff"] == foreseen.result["diff"]
    assert database.value(f"SELECT {column} FROM _timescaledb_config.bgw_job WHERE id = %s", [number]) == found
    after = database.one_job(relation)
    touched = {option.replace("drop_after", "config")} | ({"next_start"} if option == "initial_start" else set())
    if option == "schedule_interval":
        # Twelve hours from now, and no more than that: never the past.
        touched |= {"next_start"}
        assert after["next_start"] > datetime.now(UTC)
    assert {key for key in before if before[key] != after[key]} == touched
    unchanged(database.keep(relation, drop_after, **options))


def test_a_new_schedule_of_a_job_that_never_ran_does_not_run_it(database: Database) -> None:
    """TimescaleDB itself would move the next start to the past (fact 2)."""
    relation = database.hypertable()
    database.add(relation, "5 days", f", initial_start => '{FAR}'::timestamptz")
    changed(database.keep(relation, "5 days", schedule_interval="2 days"))
    job = database.one_job(relation)
    assert job["scheduled"] is True
    assert job["waits"]
    database.scheduler_runs()
    assert database.chunks(relation) == 21


def test_shortening_needs_a_word_and_is_held(database: Database) -> None:
    relation = database.hypertable()
    changed(database.keep(relation, "90 days"))
    before = database.one_job(relation)
    refused = database.keep(relation, "5 days")
    assert refused.codes == {"TSR018"}
    assert "'90 days'" in refused.message
    assert "'5 days'" in refused.message
    assert database.one_job(relation) == before
    run = changed(database.keep(relation, "5 days", allow_shorten=True))
    job = database.one_job(relation)
    assert (job["id"], job["scheduled"]) == (before["id"], False)
    assert run.of(relation)["held"]["chunks"] == 15
    database.scheduler_runs()
    assert database.chunks(relation) == 21
    # Kept longer again, it drops nothing and needs no hold.
    changed(database.keep(relation, "80 days"))
    assert database.one_job(relation)["scheduled"] is True
    changed(database.keep(relation, "79 days", allow_shorten=True))
    assert database.one_job(relation)["scheduled"] is True


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_policies_are_read_in_the_style_that_they_were_written_in(database: Database, style: str) -> None:
    relation = database.hypertable(days=1)
    database.sql(f"SET intervalstyle = {style}")
    database.add(relation, "1 month 30 days 12:00:00")
    database.sql("RESET intervalstyle")
    unchanged(database.keep(relation, "1 month 30 days 12 hours"))
    assert changed(database.keep(relation, "1 month 30 days 13 hours")).of(relation)["action"] == "altered"


@pytest.mark.parametrize("style", ["postgres_verbose", "sql_standard", "iso_8601"])
def test_the_style_of_the_role_does_not_matter(database: Database, style: str) -> None:
    role = database.role()
    database.sql(f"ALTER ROLE {role} SET intervalstyle = '{style}'")
    database.sql(f"GRANT ALL ON SCHEMA market TO {role}")
    relation = database.hypertable(owner=role)
    changed(database.keep(relation, "1 month 12 hours", user=role))
    assert database.one_job(relation)["config"]["drop_after"] == "1 mon 12:00:00"
    unchanged(database.keep(relation, "1 month 12 hours", user=role))


def test_another_kind_of_reach_is_a_new_policy_with_the_settings_of_the_old_one(database: Database) -> None:
    relation = database.hypertable()
    number = database.add(relation, "90 days", ", timezone => 'Europe/Berlin'")
    database.sql(
        "SELECT alter_job(%s, max_retries => 7, max_runtime => '1 hour', timezone => 'Europe/Berlin')", [number]
    )
    policy: dict[str, Any] = {"relation": relation, "drop_created_before": "80 days"}
    assert database.run(policies=[policy]).codes == {"TSR018"}
    run = changed(database.run(policies=[policy], allow_shorten=True))
    job = database.one_job(relation)
    assert job["config"] == {"hypertable_id": job["hypertable_id"], "drop_created_before": "80 days"}
    assert (job["max_retries"], str(job["max_runtime"]), job["timezone"]) == (7, "1:00:00", "Europe/Berlin")
    assert job["waits"]
    assert run.of(relation)["action"] == "recreated"
    assert (run.of(relation)["previous_job_id"], run.of(relation)["job_id"]) == (number, job["id"])
    unchanged(database.run(policies=[policy]))
    assert database.keep(relation, "5 days").codes == {"TSR018"}
    changed(database.keep(relation, "5 days", allow_shorten=True))
    assert database.one_job(relation)["scheduled"] is False
    database.scheduler_runs()
    assert database.chunks(relation) == 21


def test_pausing_resuming_and_removing(database: Database) -> None:
    relation = database.hypertable()
    changed(database.keep(relation, "90 days"))
    number = database.one_job(relation)["id"]
    run = changed(database.keep(relation, None, policy_state="paused"))
    assert (run.of(relation)["action"], run.of(relation)["held"]) == ("paused", None)
    assert database.one_job(relation)["scheduled"] is False
    unchanged(database.keep(relation, "90 days", policy_state="paused"))
    assert changed(database.keep(relation, "90 days")).of(relation)["action"] == "resumed"
    job = database.one_job(relation)
    assert (job["id"], job["scheduled"], job["waits"]) == (number, True, True)
    run = changed(database.keep(relation, None, policy_state="absent"))
    assert (run.of(relation)["action"], run.of(relation)["previous_job_id"]) == ("removed", number)
    assert database.job(relation) is None
    unchanged(database.keep(relation, None, policy_state="absent"))
    assert database.chunks(relation) == 21


def test_patterns_defaults_exclusion_and_purge(database: Database) -> None:
    database.sql("CREATE SCHEMA book")
    names = [database.hypertable(f"book.{name}") for name in ("level_1", "level_2", "level_3", "other", "listed")]
    database.add("book.other", "90 days")
    database.add("book.level_3", "90 days")
    scope: dict[str, Any] = {"match": {"schema": "book", "name": "level_*"}, "exclude": ["book.level_3"]}
    options = {**scope, "policies": [{"relation": "book.listed", "drop_after": "70 days"}]}
    changed(database.run(defaults={"drop_after": "80 days", "max_retries": 5}, **options))
    kept = {name: (job["config"]["drop_after"], job["max_retries"]) for name in names if (job := database.job(name))}
    assert kept == {
        "book.level_1": ("80 days", 5),
        "book.level_2": ("80 days", 5),
        "book.level_3": ("90 days", -1),
        "book.other": ("90 days", -1),
        "book.listed": ("70 days", 5),
    }
    unchanged(database.run(defaults={"drop_after": "80 days", "max_retries": 5}, **options))
    assert database.run(purge=True, policies=[]).codes == {"TSR032"}
    entries = [{"relation": "book.level_1", "drop_after": "80 days"}]
    run = changed(database.run(purge=True, match={"schema": "book"}, exclude=["book.o*"], policies=entries))
    assert {name for name in names if database.job(name)} == {"book.level_1", "book.other"}
    assert run.result["totals"]["removed"] == 3
    assert {database.chunks(name) for name in names} == {21}


@pytest.mark.parametrize(
    "name", ['market."Order Book"', 'market."a.b"', 'market."quote""d"', 'market."Größe %s"', 'market."select"']
)
def test_names_that_need_quotes(either: Database, name: str) -> None:
    relation = either.hypertable(name)
    changed(either.keep(relation, "5 days"))
    assert either.one_job(relation)["scheduled"] is False
    unchanged(either.keep(relation, "5 days"))
    either.sql(f"DROP TABLE {relation}")


def test_a_search_path_leads_nowhere_else(database: Database) -> None:
    """Neither a table of the same name in another schema, nor functions and operators that stand in for others."""
    role = database.role()
    database.sql(f"CREATE SCHEMA trap AUTHORIZATION {role}")
    database.sql(f"GRANT ALL ON SCHEMA market TO {role}")
    relation = database.hypertable("market.bait", owner=role)
    trap = database.hypertable("trap.bait", owner=role)
    with database.connect(role) as session:
        session.execute("CREATE TABLE trap.sprung (what text)")
        for name, arguments in (
            ("show_chunks", "regclass, older_than interval"),
            ("add_retention_policy", "regclass, drop_after interval"),
            ("now", ""),
            ("to_regclass", "text"),
        ):
            session.execute(
                f"CREATE FUNCTION trap.{name}({arguments}) RETURNS text LANGUAGE sql "
                f"AS $$ INSERT INTO trap.sprung VALUES ('{name}') RETURNING what $$".encode()
            )
    database.sql(f"ALTER ROLE {role} SET search_path = trap, pg_catalog, public")
    changed(database.keep(relation, "5 days", user=role))
    assert database.one_job(relation)["scheduled"] is False
    assert database.job(trap) is None
    assert database.sql("SELECT * FROM trap.sprung") == []
    assert database.keep("bait", "5 days", user=role).codes == {"TSR006"}


def test_empty_relations_and_data_of_the_future(database: Database) -> None:
    empty = database.hypertable(days=0)
    future = database.hypertable(days=0)
    database.sql(f"INSERT INTO {future} SELECT now() + n * interval '1 day', n FROM generate_series(1, 5) n")
    run = changed(
        database.run(policies=[{"relation": relation, "drop_after": "1 hour"} for relation in (empty, future)])
    )
    for relation in (empty, future):
        assert database.one_job(relation)["scheduled"] is True
        assert run.of(relation)["preview"]["chunks"] == 0
    assert database.chunks(future) == 5


@pytest.mark.parametrize("column", ["timestamp", "date"])
def test_the_other_kinds_of_time(database: Database, column: str) -> None:
    relation = database.hypertable(column=column)
    run = changed(database.keep(relation, "5 days"))
    assert run.of(relation)["preview"]["chunks"] == 15
    unchanged(database.keep(relation, "5 days"))


def test_time_in_a_uuid(database: Database) -> None:
    """UUIDs of version 7 begin with the milliseconds since 1970; TimescaleDB 2.25 partitions by them."""
    relation = "market.events"
    database.sql(f"CREATE TABLE {relation} (time uuid NOT NULL)")
    database.sql(f"SELECT create_hypertable('{relation}', 'time', chunk_time_interval => interval '1 day')")
    milliseconds = "floor(extract(epoch FROM now() - n * interval '1 day') * 1000)::bigint"
    database.sql(
        f"INSERT INTO {relation} SELECT (lpad(to_hex({milliseconds}), 12, '0') || '7000800000000000' "
        "|| lpad(to_hex(n), 4, '0'))::uuid FROM generate_series(0, 20) n"
    )
    assert database.chunks(relation) == 21
    run = changed(database.keep(relation, "5 days"))
    assert run.of(relation)["preview"]["chunks"] == 15
    assert run.of(relation)["preview"]["newest"]
    unchanged(database.keep(relation, "5 days"))
    changed(database.keep(relation, "5 days", arm="now", max_drop_percent=75))
    wait_until(lambda: database.chunks(relation) == 6, limit=30)


@pytest.mark.parametrize("column", ["smallint", "integer", "bigint"])
def test_integer_time(either: Database, column: str) -> None:
    relation = f"market.i_{column}_{either.driver}"
    either.sql(f"CREATE TABLE {relation} (time {column} NOT NULL)")
    either.sql(f"SELECT create_hypertable('{relation}', 'time', chunk_time_interval => 10)")
    either.sql(f"INSERT INTO {relation} SELECT n FROM generate_series(0, 199) n")
    either.sql(f"CREATE OR REPLACE FUNCTION market.now_{column}() RETURNS {column} LANGUAGE sql STABLE AS 'SELECT 200'")
    either.sql("CREATE OR REPLACE FUNCTION market.now_text() RETURNS text LANGUAGE sql STABLE AS $$ SELECT '200' $$")
    assert either.keep(relation, 50).codes == {"TSR013"}
    assert either.keep(relation, "50 days").codes == {"TSR012", "TSR013"}
    wide = "bigint" if column != "bigint" else "integer"
    either.sql(f"CREATE OR REPLACE FUNCTION market.wide_{column}() RETURNS {wide} LANGUAGE sql AS 'SELECT 2000000000'")
    for wrong in ("market.now_text", "market.nothing", f"market.wide_{column}"):
        assert either.keep(relation, 50, integer_now_func=wrong).codes == {"TSR038"}
    now = f"market.now_{column}"
    run = changed(either.keep(relation, 50, integer_now_func=now, chunk_time_interval=20))
    assert (run.of(relation)["preview"]["chunks"], run.of(relation)["preview"]["newest"]) == (15, "150")
    job = either.one_job(relation)
    assert (job["scheduled"], job["config"]["drop_after"]) == (False, 50)
    dimension = "SELECT integer_now_func, interval_length FROM _timescaledb_catalog.dimension WHERE hypertable_id = %s"
    assert either.sql(dimension, [job["hypertable_id"]]) == [
        {"integer_now_func": now.split(".")[1], "interval_length": 20}
    ]
    unchanged(either.keep(relation, 50, integer_now_func=now, chunk_time_interval=20))
    # More than there can ever be before the present.
    assert either.keep(relation, 2**63, allow_shorten=True).codes == {"TSR012"}
    changed(either.keep(relation, 30_000))
    assert either.one_job(relation)["scheduled"] is True


def test_several_dimensions(database: Database) -> None:
    relation = "market.spread"
    database.sql(f"CREATE TABLE {relation} (time timestamptz NOT NULL, venue int)")
    database.sql(f"SELECT create_hypertable('{relation}', 'time', 'venue', 2, chunk_time_interval => interval '1 day')")
    database.sql(
        f"INSERT INTO {relation} SELECT now() - d * interval '1 day', v "
        "FROM generate_series(0, 9) d, generate_series(1, 40) v"
    )
    assert database.chunks(relation) == 20
    run = changed(database.keep(relation, "5 days"))
    assert (run.of(relation)["preview"]["chunks"], run.of(relation)["preview"]["total_chunks"]) == (8, 20)
    changed(database.keep(relation, "5 days", arm="now", max_drop_percent=40))
    wait_until(lambda: database.chunks(relation) == 12, limit=30)


def test_check_mode_writes_nothing_and_says_what_a_run_does(either: Database) -> None:
    there, new = either.hypertable(), either.hypertable()
    either.add(there, "90 days", f", initial_start => '{FAR}'::timestamptz")
    policies = [
        {"relation": there, "drop_after": "100 days", "max_retries": 4, "chunk_time_interval": "2 days"},
        {"relation": new, "drop_after": "5 days"},
    ]
    before = either.fingerprint()
    first = changed(either.run(check=True, policies=policies))
    second = changed(either.run(check=True, policies=policies))
    assert either.fingerprint() == before
    run = changed(either.run(policies=policies))
    assert first.result["diff"] == second.result["diff"] == run.result["diff"]
    assert "would_drop: 15 of 21 chunks" in run.result["diff"]["after"]
    assert [one["action"] for one in first.result["results"]] == [one["action"] for one in run.result["results"]]
    assert either.fingerprint() != before
    assert unchanged(either.run(check=True, policies=policies)).result["diff"] == {"before": "", "after": ""}


def test_all_refusals_come_in_one_message_and_nothing_is_written(database: Database) -> None:
    fine, short = database.hypertable(), database.hypertable()
    database.add(short, "90 days", f", initial_start => '{FAR}'::timestamptz")
    before = database.fingerprint()
    policies = [
        {"relation": fine, "drop_after": "90 days"},
        {"relation": short, "drop_after": "5 days"},
        {"relation": "market.missing", "drop_after": "5 days"},
        {"relation": "market.any", "drop_after": "-10 days"},
        {"relation": "unqualified", "drop_after": "5 days"},
    ]
    for check in (True, False):
        run = database.run(policies=policies, check=check)
        assert run.failed
        assert run.codes == {"TSR006", "TSR007", "TSR011", "TSR018"}
        assert all(code in run.message for code in run.codes)
    assert database.fingerprint() == before


def test_a_time_zone_that_the_server_does_not_know(database: Database) -> None:
    relation = database.hypertable()
    assert database.keep(relation, "90 days", timezone="Middle/Earth").codes == {"TSR035"}


def test_owners_and_others(database: Database) -> None:
    owner, stranger, member = database.role(), database.role(), database.role()
    database.sql(f"GRANT {owner} TO {member}")
    relation = database.hypertable(owner=owner)
    assert database.keep(relation, "90 days", user=stranger).codes == {"TSR029"}
    assert database.job(relation) is None
    changed(database.keep(relation, "90 days", user=member))
    assert str(database.value("SELECT owner::text FROM _timescaledb_config.bgw_job ORDER BY id DESC LIMIT 1")) == owner
    assert database.keep(relation, "95 days", user=stranger).codes == {"TSR029"}
    unchanged(database.keep(relation, "90 days", user=stranger))
    # From 2.28 on, the owner of the database may as well; the job stays the table owner's.
    database.sql(f"ALTER DATABASE {database.name} OWNER TO {stranger}")
    changed(database.keep(relation, "95 days", user=stranger))
    assert database.one_job(relation)["config"]["drop_after"] == "95 days"
    database.sql(f"ALTER DATABASE {database.name} OWNER TO {database.server.user}")
    no_login = database.role("NOLOGIN")
    relation = database.hypertable(owner=no_login)
    assert database.keep(relation, "90 days").codes == {"TSR030"}


def test_a_session_that_cannot_write(database: Database) -> None:
    role = database.role()
    relation = database.hypertable(owner=role)
    database.sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    assert database.keep(relation, "90 days", user=role).codes == {"TSR004"}
    role = database.role()
    relation = database.hypertable(owner=role)
    database.sql(f"ALTER ROLE {role} IN DATABASE {database.name} SET timescaledb.restoring = 'on'")
    assert database.keep(relation, "90 days", user=role).codes == {"TSR005"}


#: Takes the lock that every alter_job with a next start needs.
LOCK = "LOCK TABLE _timescaledb_internal.bgw_job_stat IN SHARE ROW EXCLUSIVE MODE"


def test_a_policy_that_appears_while_the_module_waits_is_changed_not_doubled(database: Database) -> None:
    relation, blocker = database.hypertable(), database.hypertable()
    database.add(blocker, "90 days")
    policies = [{"relation": relation, "drop_after": "80 days"}]
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(LOCK.encode())
        blocking = [{"relation": blocker, "drop_after": "95 days"}]
        with database.running(policies=blocking, lock_timeout="20s"):
            database.wait_for_blocked()
            with database.running(policies=policies, lock_timeout="20s") as answers:
                # It has seen no policy, and waits for the run before it to end.
                database.wait_for_blocked(2)
                number = database.add(relation, "70 days")
                other.execute("COMMIT")
    [run] = answers
    assert run.of(relation)["action"] == "altered"
    job = database.one_job(relation)
    assert (job["id"], job["config"]["drop_after"]) == (number, "80 days")


def test_two_policies_of_two_sessions_are_not_kept_secret(database: Database) -> None:
    """TimescaleDB lets two sessions that do not see each other add a policy each."""
    relation = database.hypertable()
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(f"SELECT add_retention_policy('{relation}', interval '90 days')".encode())
        changed(database.keep(relation, "80 days"))
        other.execute("COMMIT")
    run = database.keep(relation, "90 days")
    assert run.codes == {"TSR025"}
    jobs = database.sql("SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = %s", [relation[7:]])
    assert len(jobs) == 2
    assert all(str(job["job_id"]) in run.message for job in jobs)


def test_a_policy_that_appears_while_the_module_writes_ends_its_transaction(database: Database) -> None:
    relation = database.hypertable()
    chunk_interval = "SELECT interval_length FROM _timescaledb_catalog.dimension WHERE hypertable_id = %s"
    number = database.value("SELECT id FROM _timescaledb_catalog.hypertable WHERE table_name = %s", [relation[7:]])
    before = database.value(chunk_interval, [number])
    policies = [{"relation": relation, "drop_after": "80 days", "chunk_time_interval": "2 days"}]
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(f"{chunk_interval} FOR SHARE".encode(), [number])
        with database.running(policies=policies, lock_timeout="20s") as answers:
            # It has seen no policy, and sets the interval before it adds one.
            database.wait_for_blocked()
            other.execute(f"SELECT add_retention_policy('{relation}', interval '90 days')".encode())
            other.execute("COMMIT")
    [run] = answers
    assert run.codes == {"TSR036"}
    assert "already exists" in run.message
    assert database.one_job(relation)["config"]["drop_after"] == "90 days"
    assert database.value(chunk_interval, [number]) == before


def test_a_lock_is_waited_for_no_longer_than_allowed(database: Database) -> None:
    relation = database.hypertable()
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(LOCK.encode())
        run = database.keep(relation, "80 days", lock_timeout="100ms")
        other.execute("ROLLBACK")
    assert run.codes == {"TSR036"}
    assert database.job(relation) is None


def test_two_runs_at_once_take_turns(database: Database) -> None:
    relation = database.hypertable()
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(LOCK.encode())
        options = {"policies": [{"relation": relation, "drop_after": "80 days"}], "lock_timeout": "20s"}
        with database.running(**options) as first, database.running(**options) as second:
            database.wait_for_blocked(2)
            other.execute("ROLLBACK")
    assert sorted(run.result["changed"] for run in (*first, *second)) == [False, True]
    assert database.one_job(relation)["config"]["drop_after"] == "80 days"
