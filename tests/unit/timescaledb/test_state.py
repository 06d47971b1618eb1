# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a database, from what the query of state.py was answered by TimescaleDB 2.28.3, recorded word for word.

That database had a held policy, policies with all kinds of moments and intervals, two refresh policies on one
aggregate, an aggregate on an aggregate, and a table of numbers with an aggregate; and a job that is no policy.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import JOBS_TABLES, parse

RECORDED = (Path(__file__).parents[1] / "fixtures" / "timescaledb_state.json").read_text()
STATE = parse(json.loads(RECORDED))

TRADES = Relation("market", "trades")
HOURLY = Relation("market", "candles_1h")
DAILY = Relation("market", "Candles.1d")
BOOK = Relation("market", "Order Book")
BLOCKS = Relation("chain", "blocks")
THOUSANDS = Relation("chain", "blocks_1k")
MATERIALIZED = Relation("_timescaledb_internal", "_materialized_hypertable_3")
HEIGHT = Relation("chain", "height")


def _has(found: object, wanted: dict[str, Any]) -> None:
    assert {name: getattr(found, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("changes", "server"),
    [
        (
            {},
            {
                "version": (2, 28, 3),
                "schema": "public",
                "license": "timescale",
                "read_only": False,
                "restoring": False,
                "owns_database": True,
                "has_policies": True,
                "user": "postgres",
                "jobs_table": JOBS_TABLES[0],
                "now": datetime(2026, 11, 23, 4, 31, 10, 322318, tzinfo=UTC),
                "background_workers": 48,
                "worker_processes": 64,
                # Four of those below run, and two that TimescaleDB brings.
                "jobs": 6,
            },
        ),
        ({"version": "2.30.0-dev"}, {"version": (2, 30, 0)}),
        ({"version": None}, {"version": None}),
        ({"schema": '"Extension Schema"'}, {"schema": '"Extension Schema"'}),
        ({"license": "apache"}, {"has_policies": False}),
        # Before its library is loaded the settings are not there.
        (
            {"license": None, "restoring": None, "background_workers": None},
            {"has_policies": True, "restoring": False, "background_workers": 0},
        ),
        ({"restoring": "on"}, {"restoring": True}),
        ({"read_only": True}, {"read_only": True, "standby": False}),
        ({"read_only": True, "standby": True}, {"standby": True}),
    ],
)
def test_servers(changes: dict[str, Any], server: dict[str, Any]) -> None:
    answer = json.loads(RECORDED)
    answer["server"] |= changes
    _has(parse(answer).server, server)


@pytest.mark.parametrize(
    ("relation", "wanted"),
    [
        (
            TRADES,
            {
                "columnstore_enabled": True,
                "column_type": "timestamp with time zone",
                "chunk_interval": 12 * 3600 * 1_000_000,
                "references": ("market.venues",),
                "is_aggregate": False,
                "has_integer_time": False,
                "integer_now_func": None,
                "oid": 17093,
            },
        ),
        # Nothing is materialised: the beginning of TimescaleDB's time.
        (HOURLY, {"aggregate_of": 1, "materialization": MATERIALIZED, "watermark": -210_866_803_200_000_000}),
        (DAILY, {"is_aggregate": True, "aggregate_of": 3, "columnstore_enabled": False}),
        (BOOK, {"column_type": "timestamp without time zone"}),
        (BLOCKS, {"has_integer_time": True, "chunk_interval": 1000, "integer_now_func": HEIGHT}),
        (BLOCKS, {"owner": "archivist", "owner_can_login": False, "is_member": True}),
        (THOUSANDS, {"integer_now_func": None}),
    ],
)
def test_hypertables(relation: Relation, wanted: dict[str, Any]) -> None:
    assert set(STATE.hypertables) == {TRADES, HOURLY, DAILY, BOOK, BLOCKS, THOUSANDS}
    _has(STATE.hypertables[relation], wanted)


def test_aggregates_and_aggregates_of_aggregates() -> None:
    trades, hourly, daily = (STATE.hypertables[name] for name in (TRADES, HOURLY, DAILY))
    assert [STATE.aggregates_of(one) for one in (trades, hourly, daily)] == [[hourly, daily], [daily], []]


def test_the_present_of_an_aggregate_is_that_of_the_table_below_it() -> None:
    assert STATE.integer_now_func(STATE.hypertables[THOUSANDS]) == HEIGHT
    assert STATE.integer_now_func(STATE.hypertables[DAILY]) is None


def test_other_relations_are_told_by_what_they_are() -> None:
    notes, noted = Relation("market", "notes"), Relation("market", "noted")
    assert STATE.others == {notes: "r", noted: "v", MATERIALIZED: "materialization"}


@pytest.mark.parametrize(
    ("relation", "number", "wanted"),
    [
        # As the module leaves a policy that it holds.
        (
            TRADES,
            1000,
            {
                "kind": "retention",
                "scheduled": False,
                "held": {"since": "2026-11-01T00:00:00+00:00", "chunks": 3},
                "after": Interval(1, 30, 12 * 3600 * 1_000_000),
                "by_creation": False,
                "fixed_schedule": True,
                "timezone": "Europe/Berlin",
                "initial_start": datetime(2030, 1, 1, 3, tzinfo=UTC),
                "next_start": datetime(2030, 1, 2, 3, tzinfo=UTC),
                "schedule_interval": Interval(days=1),
                "max_runtime": Interval(microseconds=300_000_000),
                "max_retries": -1,
                "retry_period": Interval(microseconds=300_000_000),
                # TimescaleDB says that the last run succeeded also of a job that never ran.
                "total_runs": 0,
                "last_run_success": None,
                "last_success": None,
            },
        ),
        (TRADES, 1001, {"kind": "columnstore", "by_creation": True, "after": Interval(days=7)}),
        (TRADES, 1001, {"max_runtime": Interval(), "max_retries": 4}),
        # Told never to start again.
        (TRADES, 1001, {"next_start": None}),
        # The year 12026, which no datetime holds.
        (HOURLY, 1002, {"next_start": None, "initial_start": None, "fixed_schedule": True}),
        (DAILY, 1004, {"schedule_interval": Interval(months=2)}),
        # Another schedule for a job that never ran: TimescaleDB moved its next start to the beginning of time.
        (DAILY, 1004, {"next_start": None}),
        # Its interval was written in the style of ISO 8601, and it was never given a next start.
        (BOOK, 1005, {"after": Interval(14, 3), "next_start": None}),
        (BLOCKS, 1006, {"after": 5000}),
    ],
)
def test_policies(relation: Relation, number: int, wanted: dict[str, Any]) -> None:
    [job] = [job for job in STATE.hypertables[relation].jobs if job.id == number]
    _has(job, wanted)


def test_windows_of_refreshes() -> None:
    jobs = [job for one in (HOURLY, DAILY) for job in STATE.hypertables[one].policies("refresh")]
    assert [(job.offset("start_offset"), str(job.offset("end_offset"))) for job in jobs] == [
        (Interval(days=3), "1 day"),
        (Interval(days=1), "1 hour"),
        (None, "1 day"),
    ]


#: Where the parts of a job are in the answer.
_PARTS = {"scheduled": 7, "initial": 9, "config": 11, "next": 12, "success": 13, "ok": 14, "runs": 15, "error": 17}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"scheduled": True}, {"held": None}),
        ({"config": {"drop_after": "1 day", "entasis_held": True}}, {"held": None}),
        ({"config": None}, {"held": None, "after": None}),
        (
            {"runs": 3, "ok": False, "error": "lock", "success": "2026-11-01T01:00:00+01:00"},
            {"last_error": "lock", "last_run_success": False, "last_success": datetime(2026, 11, 1, tzinfo=UTC)},
        ),
        ({"runs": 3, "ok": True}, {"total_runs": 3, "last_run_success": True}),
        ({"next": "0044-03-15 12:00:00+00 BC", "initial": "infinity"}, {"next_start": None, "initial_start": None}),
    ],
)
def test_the_held_policy_in_other_shapes(changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    answer = json.loads(RECORDED)
    for name, value in changes.items():
        answer["jobs"][0][_PARTS[name]] = value
    [job] = parse(answer).hypertables[TRADES].policies("retention")
    _has(job, wanted)
