# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a database, from what TimescaleDB 2.28.3 answered: recorded by tests/support/retention_recording.py."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import (
    JOBS_TABLES,
    Hypertable,
    PolicyJob,
    State,
    parse,
)

from tests.support.retention_recording import RECORDED

TRADES = Relation("market", "trades")
HOURLY = Relation("market", "candles_1h")
DAILY = Relation("market", "Candles.1d")
BOOK = Relation("market", "Order Book")
BLOCKS = Relation("chain", "blocks")
THOUSANDS = Relation("chain", "blocks_1k")

#: Where the parts of a job are in the answer.
_SCHEDULED, _INITIAL, _CONFIG, _NEXT, _SUCCESS, _LAST_OK, _RUNS, _FAILURES, _ERROR = 8, 10, 12, 13, 14, 15, 16, 17, 18


@pytest.fixture
def answer() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text()))


@pytest.fixture
def state(answer: dict[str, Any]) -> State:
    return parse(answer)


def _policy(one: Hypertable, kind: Any = "retention") -> PolicyJob:
    job = one.policy(kind)
    assert job is not None
    return job


def _with(answer: dict[str, Any], **changes: Any) -> PolicyJob:
    """The held policy, with other values at these positions."""
    changed = copy.deepcopy(answer)
    row = next(row for row in changed["jobs"] if row[0] == 1000)
    for name, value in changes.items():
        row[globals()[name]] = value
    return _policy(parse(changed).hypertables[TRADES])


def test_the_server(state: State) -> None:
    server = state.server
    assert (server.version, server.schema, server.license) == ((2, 28, 3), "public", "timescale")
    assert (server.read_only, server.restoring, server.owns_database, server.has_policies) == (False, False, True, True)
    assert (server.user, server.jobs_table) == ("postgres", JOBS_TABLES[0])
    assert server.now.tzinfo is not None
    # Four of those below run, and two that TimescaleDB brings.
    assert (server.background_workers, server.worker_processes, server.jobs) == (48, 64, 6)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
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
def test_other_servers(answer: dict[str, Any], changes: dict[str, Any], found: dict[str, Any]) -> None:
    answer["server"] |= changes
    server = parse(answer).server
    assert {name: getattr(server, name) for name in found} == found


def test_hypertables(state: State) -> None:
    assert set(state.hypertables) == {TRADES, HOURLY, DAILY, BOOK, BLOCKS, THOUSANDS}
    trades, blocks = state.hypertables[TRADES], state.hypertables[BLOCKS]
    assert (trades.columnstore_enabled, trades.column_type) == (True, "timestamp with time zone")
    assert trades.chunk_interval == 12 * 3600 * 1_000_000
    assert trades.references == ("market.venues",)
    assert (trades.is_aggregate, trades.has_integer_time, trades.integer_now_func) == (False, False, None)
    assert (blocks.column_type, blocks.has_integer_time, blocks.chunk_interval) == ("bigint", True, 1000)
    assert blocks.integer_now_func == Relation("chain", "height")
    assert (blocks.owner, blocks.owner_can_login, blocks.is_member) == ("archivist", False, True)
    assert state.hypertables[BOOK].column_type == "timestamp without time zone"
    assert all(isinstance(one.oid, int) and one.oid > 0 for one in state.hypertables.values())


def test_aggregates_and_aggregates_of_aggregates(state: State) -> None:
    trades, hourly, daily = (state.hypertables[name] for name in (TRADES, HOURLY, DAILY))
    assert state.aggregates_of(trades) == [hourly, daily]
    assert state.aggregates_of(hourly) == [daily]
    assert state.aggregates_of(daily) == []
    assert (hourly.aggregate_of, daily.aggregate_of) == (trades.id, hourly.id)
    assert hourly.is_aggregate
    assert hourly.materialization == Relation("_timescaledb_internal", "_materialized_hypertable_3")
    # Nothing is materialised: the beginning of TimescaleDB's time.
    assert hourly.watermark == -210_866_803_200_000_000


def test_the_present_of_an_aggregate_is_that_of_the_table_below_it(state: State) -> None:
    assert state.hypertables[THOUSANDS].integer_now_func is None
    assert state.integer_now_func(state.hypertables[THOUSANDS]) == Relation("chain", "height")
    assert state.integer_now_func(state.hypertables[DAILY]) is None


def test_other_relations_are_told_by_what_they_are(state: State) -> None:
    assert state.others == {
        Relation("market", "notes"): "r",
        Relation("market", "noted"): "v",
        Relation("_timescaledb_internal", "_materialized_hypertable_3"): "materialization",
    }


def test_a_held_policy(state: State) -> None:
    job = _policy(state.hypertables[TRADES])
    assert (job.kind, job.scheduled, job.fixed_schedule, job.timezone) == ("retention", False, True, "Europe/Berlin")
    assert job.after == Interval(1, 30, 12 * 3600 * 1_000_000)
    assert job.by_creation is False
    assert job.initial_start == datetime(2030, 1, 1, 3, tzinfo=UTC)
    assert (job.next_start, job.next_start_is_now) == (datetime(2030, 1, 2, 3, tzinfo=UTC), False)
    assert job.held == {"since": "2026-11-01T00:00:00+00:00", "chunks": 3}
    assert (job.schedule_interval, job.max_retries) == (Interval(days=1), -1)
    assert job.max_runtime == job.retry_period == Interval(microseconds=300_000_000)


def test_a_note_on_a_policy_that_runs_holds_nothing(answer: dict[str, Any]) -> None:
    assert _with(answer, _SCHEDULED=True).held is None
    assert _with(answer, _CONFIG={"drop_after": "1 day", "entasis_held": True}).held is None
    assert _with(answer, _CONFIG=None).held is None


def test_other_policies(state: State) -> None:
    columnstore = _policy(state.hypertables[TRADES], "columnstore")
    assert (columnstore.by_creation, columnstore.after) == (True, Interval(days=7))
    assert (columnstore.max_runtime, columnstore.max_retries) == (Interval(), 4)
    hourly = state.hypertables[HOURLY].policies("refresh")
    assert [(job.offset("start_offset"), str(job.offset("end_offset"))) for job in hourly] == [
        (Interval(days=3), "1 day"),
        (Interval(days=1), "1 hour"),
    ]
    daily = _policy(state.hypertables[DAILY], "refresh")
    assert (daily.offset("start_offset"), daily.schedule_interval) == (None, Interval(months=2))
    assert _policy(state.hypertables[BLOCKS]).after == 5000
    # TimescaleDB wrote it in the style of ISO 8601.
    assert _policy(state.hypertables[BOOK]).after == Interval(14, 3)


def test_jobs_that_are_no_policies_are_not_read(state: State) -> None:
    procedures = [job.kind for one in state.hypertables.values() for job in one.jobs]
    assert sorted(procedures) == ["columnstore", "refresh", "refresh", "refresh", "retention", "retention", "retention"]


def test_moments_without_end(state: State) -> None:
    never = _policy(state.hypertables[TRADES], "columnstore")
    at_once = _policy(state.hypertables[DAILY], "refresh")
    untold = _policy(state.hypertables[BOOK])
    too_late = _policy(state.hypertables[HOURLY], "refresh")
    assert (never.next_start, never.next_start_is_now) == (None, False)
    assert (at_once.next_start, at_once.next_start_is_now) == (None, True)
    assert (untold.next_start, untold.next_start_is_now) == (None, True)
    # The year 12026, which no datetime holds.
    assert (too_late.next_start, too_late.initial_start, too_late.next_start_is_now) == (None, None, False)
    assert too_late.fixed_schedule is True


def test_how_the_runs_went(answer: dict[str, Any]) -> None:
    """TimescaleDB says that the last run succeeded also of a job that never ran."""
    never = _with(answer)
    assert (never.total_runs, never.last_run_success, never.last_success) == (0, None, None)
    failed = _with(answer, _RUNS=3, _FAILURES=1, _LAST_OK=False, _ERROR="lock", _SUCCESS="2026-11-01T01:00:00+01:00")
    assert (failed.total_runs, failed.total_failures, failed.last_run_success) == (3, 1, False)
    assert failed.last_error == "lock"
    assert failed.last_success == datetime(2026, 11, 1, tzinfo=UTC)
    fine = _with(answer, _RUNS=3, _FAILURES=0, _LAST_OK=True, _NEXT="0044-03-15 12:00:00+00 BC", _INITIAL="infinity")
    assert (fine.last_run_success, fine.next_start, fine.initial_start) == (True, None, None)
