# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/retention.yml against the sandbox's database, through the cluster and judged by SQL.

The tests of this file tell one story in their order. They come after those of test_site.py, which begin with an empty
account, and make the platform where these did not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import psycopg
import pytest

from tests.support.platform import PROJECT, Run, Sandbox

Database = psycopg.Connection[tuple[Any, ...]]

RECONCILE = "entasis.engine.data_stores : Reconcile the retention policies"
#: The hypertables of the default retention, with how long each keeps its data, and the days of its oldest data.
KEPT = {
    "market.order_book": ("14 days", 1),
    "market.trades": ("90 days", 100),
    "market.candles_1m": ("1 year", 1),
    "market.candles_1h": ("5 years", 1),
    "market.candles_1d": ("10 years", 1),
    "analysis.features": ("180 days", 1),
    "analysis.predictions": ("1 year", 1),
}
POLICIES = """
    SELECT hypertable_schema || '.' || hypertable_name, config ->> 'drop_after', scheduled
    FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'
"""
CHUNKS = "SELECT chunk_name FROM timescaledb_information.chunks WHERE hypertable_name = 'trades' ORDER BY range_start"


@pytest.fixture(scope="module")
def platform(sandbox: Sandbox) -> Sandbox:
    """The sandbox with the platform in it."""
    if not (sandbox.home / "kubeconfig").exists():
        run = sandbox.site()
        assert run.code == 0, run.messages
    return sandbox


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    """A session beside the cluster, in a database with hypertables and data."""
    reached = sandbox.connection["database"]
    with psycopg.connect(
        host=reached["host"],
        port=reached["port"],
        user=reached["user"],
        password=reached["password"],
        dbname=reached["database"],
        autocommit=True,
    ) as session:
        session.execute("CREATE SCHEMA market")
        session.execute("CREATE SCHEMA analysis")
        for relation, (_kept, days) in KEPT.items():
            session.execute(f"CREATE TABLE {relation} (time timestamptz NOT NULL, value float8)")
            session.execute(f"SELECT create_hypertable('{relation}', 'time', chunk_time_interval => interval '1 day')")
            session.execute(
                f"INSERT INTO {relation} SELECT now() - day * interval '1 day', day "
                f"FROM generate_series(0, {days}) AS day"
            )
        yield session


def policies(database: Database) -> dict[str, tuple[str, bool]]:
    """How long each relation keeps its data, and whether its policy runs."""
    found = database.execute(POLICIES).fetchall()
    assert len(found) == len({row[0] for row in found})
    return {relation: (kept, scheduled) for relation, kept, scheduled in found}


def chunks(database: Database) -> list[str]:
    return [name for (name,) in database.execute(CHUNKS)]


def changed(run: Run) -> list[str]:
    assert run.code == 0, run.messages
    return run.changed_tasks


def test_check_where_nothing_was_made_plans_every_policy(
    sandbox: Sandbox, inventory_of: Callable[[Callable[[dict[str, Any]], None]], Path], tmp_path: Path
) -> None:
    def elsewhere(spec: dict[str, Any]) -> None:
        spec.update(name="elsewhere", kubeconfig=str(tmp_path / "kubeconfig"))

    run = sandbox.run("retention", "--check", "--diff", inventory=inventory_of(elsewhere))
    assert changed(run) == [RECONCILE]
    for relation in KEPT:
        assert relation in run.output


def test_without_a_login_it_says_where_one_is_missing(platform: Sandbox) -> None:
    run = platform.run("retention")
    assert run.code != 0
    assert "the Secret data/timescaledb-app cannot be read (it does not exist)" in run.messages


def test_check_shows_what_would_be_dropped_and_writes_nothing(platform: Sandbox, database: Database) -> None:
    reached = platform.connection["database"]
    template = (PROJECT / "tests" / "support" / "timescaledb_pod.yml").read_text()
    rendered = jinja2.Environment(autoescape=False).from_string(template).render(database=reached)  # noqa: S701 - YAML
    kubectl = ["kubectl", "--kubeconfig", str(platform.home / "kubeconfig")]
    ready = ["wait", "-n", "data", "pod/timescaledb-1", "--for=condition=Ready", "--timeout=60s"]
    for arguments in (["apply", "-f", "-"], ready):
        subprocess.run(
            [*kubectl, *arguments], input=rendered, env=platform.environment, check=True, text=True, timeout=90
        )

    before = chunks(database)
    run = platform.run("retention", "--check", "--diff")
    assert changed(run) == [RECONCILE]
    assert "would_drop" in run.output
    assert policies(database) == {}
    assert chunks(database) == before


@pytest.fixture(scope="module")
def applied(platform: Sandbox) -> Run:
    return platform.run("retention", "--diff", "-v")


def test_every_policy_is_there_and_the_one_that_would_drop_is_held(applied: Run, database: Database) -> None:
    assert changed(applied) == [RECONCILE]
    found = policies(database)
    assert {relation: scheduled for relation, (_kept, scheduled) in found.items()} == {
        relation: relation != "market.trades" for relation in KEPT
    }
    same = "SELECT %s::interval = %s::interval"
    for relation, (kept, _days) in KEPT.items():
        assert database.execute(same, [found[relation][0], kept]).fetchone() == (True,), relation
    assert len(chunks(database)) > 100


def test_the_run_ends_with_what_is_held_and_shows_no_password(platform: Sandbox, applied: Run) -> None:
    [shown] = [result["msg"] for result in applied.results if isinstance(result.get("msg"), dict)]
    assert list(shown) == ["market.trades"]
    assert shown["market.trades"]["chunks"] > 0
    password = platform.connection["database"]["password"]
    assert password not in applied.output
    assert password not in json.dumps(applied.report)


@pytest.mark.usefixtures("applied")
def test_a_second_run_changes_nothing_and_still_shows_what_is_held(platform: Sandbox, database: Database) -> None:
    before = policies(database)
    run = platform.run("retention")
    assert changed(run) == []
    assert "market.trades" in str([result.get("msg") for result in run.results])
    assert policies(database) == before


@pytest.mark.usefixtures("applied")
def test_the_hold_ends_by_a_word_of_its_own(platform: Sandbox, database: Database) -> None:
    kept = chunks(database)[-89:]
    run = platform.run("retention", "-e", "data_stores_retention_arm=now")
    assert changed(run) == [RECONCILE]
    assert policies(database)["market.trades"][1]
    # Whether its first run has come already is TimescaleDB's affair; what is to be kept is there in any case.
    assert set(kept) <= set(chunks(database))


@pytest.mark.usefixtures("applied")
def test_the_scheduled_engine_drops_by_itself_and_within_the_limits(
    platform: Sandbox, database: Database, inventory_of: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    database.execute("INSERT INTO analysis.features VALUES (now() - interval '200 days', 1)")
    days = "SELECT count(DISTINCT time::date) FROM analysis.features"
    assert database.execute(days).fetchone() == (3,)
    inventory = inventory_of(lambda spec: spec.update(timescaledb={"engine": "scheduled"}))
    now = ["-e", "data_stores_retention_arm=now", "-e", "data_stores_retention_max_drop_percent=40"]
    # The default limit of 20 % would refuse the one of three days.
    run = platform.run("retention", *now, inventory=inventory)
    assert changed(run) == [RECONCILE]
    assert database.execute(days).fetchone() == (2,)
