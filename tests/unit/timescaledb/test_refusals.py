# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each refusal begins and where it ends: the last case that passes beside the first that does not."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.checks import version_refusals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import PolicyJob, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import CODES, RefusedError, refusal

from tests.support.retention_world import DAY, NOW, TRADES, a_hypertable, a_job, a_server, a_state, an_aggregate

TESTS = Path(__file__).parents[2]
KEEP = {"drop_after": "90 days"}
SHORTER = {"drop_after": "5 days"}
CREATED = {"drop_created_before": "100 days"}
PAUSED = {**KEEP, "state": "paused"}
ABSENT = {"state": "absent"}
#: A column of numbers, with what tells its present, and without.
NUMBERS: dict[str, Any] = {"column_type": "bigint", "chunk_interval": 10, "integer_now_func": Relation("chain", "now")}
TIMELESS: dict[str, Any] = {**NUMBERS, "integer_now_func": None}
WINDOW = {"start_offset": "3 days", "end_offset": "1 hour", "schedule_interval": "1 hour"}


def trades(*jobs: PolicyJob, server: Mapping[str, Any] | None = None, **changes: Any) -> State:
    return a_state(a_hypertable(jobs=jobs, **changes), server=a_server(**(server or {})))


def refresh(start: str | int | None, every: str = "1 hour", number: int = 1001, on: int = 2) -> PolicyJob:
    schedules = {"1 hour": Interval(microseconds=3600 * 10**6), "1 day": Interval(days=1), "1 month": Interval(1)}
    config = {"start_offset": start, "end_offset": None}
    return a_job(number, "refresh", on, config=config, schedule_interval=schedules[every])


def candles(*jobs: PolicyJob, below: tuple[PolicyJob, ...] = (), watermark: int | None = None, **changes: Any) -> State:
    """A continuous aggregate with these jobs, and the table below it."""
    table = a_hypertable(jobs=below, **changes)
    return a_state(table, an_aggregate("candles", 2, 1, jobs=jobs, watermark=watermark, **changes))


def nested(*jobs: PolicyJob, watermark: int | None = None) -> State:
    """An aggregate with these jobs on an aggregate on a table."""
    first = an_aggregate("candles", 2, 1, watermark=watermark)
    return a_state(a_hypertable(), first, an_aggregate("daily", 3, 2, jobs=jobs))


def of_candles(**entry: Any) -> dict[str, Any]:
    return {"relation": "market.candles", **entry}


def drops(chunks: int, **changes: Any) -> Preview:
    told = Preview(chunks=chunks, total_chunks=100, newest="2026-09-01", newest_internal=10 * DAY, bytes=chunks * 100)
    return replace(told, **changes)


def planned(state: State, *entries: Mapping[str, Any], preview: Preview | None = None, **options: Any) -> Plan:
    """A plan for entries, of which those that name no relation are for market.trades."""
    listed = [{"relation": "market.trades", **entry} for entry in entries]
    return plan(desired({**options, "policies": listed}), state, {TRADES: preview} if preview else {})


def codes(made: Plan) -> list[str]:
    return sorted(one.code for one in made.refusals)


def row(refused: str, state: State, *entries: Mapping[str, Any], **options: Any) -> Any:
    """A case, by the codes of all that is refused."""
    asked = ", ".join(f"{key}={value}" for entry in (*entries, options) for key, value in entry.items())
    return pytest.param(refused, state, entries, options, id=f"{refused or 'nothing'}-{asked}")


def _for(code: str, make: Any, *cases: tuple[Any, ...]) -> list[Any]:
    """Rows that differ in some values, of which the last says whether it is refused."""
    return [row(code if refused else "", *make(*values)) for *values, refused in cases]


OTHERS = {
    Relation("market", "t"): "r",
    Relation("_timescaledb_internal", "_materialized_hypertable_2"): "materialization",
}

CASES = [
    # The server, and what is no hypertable.
    row("TSR004", trades(server={"read_only": True}), KEEP),
    row("TSR004", trades(server={"read_only": True, "standby": True}), KEEP),
    row("TSR005", trades(server={"restoring": True}), KEEP),
    row("", trades(a_job(), server={"read_only": True, "restoring": True}), KEEP),
    row("TSR007", trades(), {"relation": "market.missing", **KEEP}),
    row("TSR008", State(a_server(), {}, OTHERS), {"relation": "market.t", **KEEP}),
    row(
        "TSR009",
        replace(candles(), others=OTHERS),
        {"relation": "_timescaledb_internal._materialized_hypertable_2", **KEEP},
    ),
    row("TSR024", trades(), {**KEEP, "refresh": WINDOW}),
    row("TSR025", trades(a_job(1000), a_job(1001)), KEEP),
    row("TSR032", trades(), purge=True),
    # Intervals for time, numbers for integers, both within the type's range.
    *_for(
        "TSR012",
        lambda column, entry: (trades(**{**NUMBERS, "column_type": column}), entry),
        ("bigint", {"drop_after": 2**63 - 1}, False),
        ("bigint", {"drop_after": 2**63}, True),
        ("integer", {"drop_after": 2**31 - 1}, False),
        ("integer", {"drop_after": 2**31}, True),
        ("smallint", {"drop_after": 2**15}, True),
        ("smallint", {"chunk_time_interval": 2**15}, True),
        ("bigint", KEEP, True),
        ("bigint", {"chunk_time_interval": "1 day"}, True),
        ("bigint", {"columnstore": {"after": "7 days"}}, True),
        ("bigint", {"columnstore": {"created_before": "90 days"}}, False),
    ),
    *_for(
        "TSR012",
        lambda column, entry: (trades(column_type=column), entry),
        ("timestamp with time zone", {"drop_after": "6000 years"}, False),
        ("timestamp with time zone", {"drop_after": "10000 years"}, True),
        ("timestamp with time zone", {"drop_created_before": "10000 years"}, True),
        ("date", {"columnstore": {"after": "10000 years"}}, True),
        ("date", KEEP, False),
        ("date", {"drop_after": 90}, True),
        ("date", {"chunk_time_interval": 90}, True),
        ("timestamp without time zone", {"columnstore": {"after": 7}}, True),
        ("uuid", KEEP, False),
    ),
    row("TSR012", candles(), of_candles(refresh={**WINDOW, "end_offset": 0})),
    row("", candles(**NUMBERS), of_candles(refresh={**WINDOW, "start_offset": 100, "end_offset": 0})),
    # An integer column needs its present only for ages; an aggregate has that of the table below it.
    row("", trades(**TIMELESS), {"chunk_time_interval": 20}),
    row("", trades(**TIMELESS), CREATED),
    row("TSR013", trades(**TIMELESS), {"drop_after": 20}),
    row("", trades(**TIMELESS), {"drop_after": 20, "integer_now_func": "chain.height"}),
    row("", a_state(a_hypertable(**NUMBERS), an_aggregate("candles", 2, 1, **TIMELESS)), of_candles(drop_after=500)),
    row("TSR013", candles(**TIMELESS), of_candles(drop_after=500)),
    row("TSR038", trades(), {**KEEP, "integer_now_func": "chain.height"}),
    # A fixed schedule takes months, or days.
    *_for(
        "TSR014",
        lambda schedule, fixed: (trades(a_job(fixed_schedule=fixed)), {**KEEP, "schedule_interval": schedule}),
        ("1 month", True, False),
        ("10 days 1 hour", True, False),
        ("1 month 1 day", False, False),
        ("1 month 1 day", True, True),
        ("1 month 1 hour", True, True),
    ),
    row("TSR014", trades(a_job(schedule_interval=Interval(1, 1))), {**KEEP, "initial_start": "2031-01-01"}),
    # What a release can do.
    *_for(
        "TSR015",
        lambda version, column, entry: (trades(server={"version": version}, **column), entry),
        ((2, 11), {}, KEEP, False),
        ((2, 11), {}, CREATED, True),
        ((2, 12, 2), TIMELESS, CREATED, True),
        ((2, 13), TIMELESS, CREATED, False),
        ((2, 13), {}, CREATED, True),
        ((2, 26, 2), {}, CREATED, True),
        ((2, 26, 2), TIMELESS, CREATED, False),
        ((2, 26, 3), {}, CREATED, False),
        ((2, 28, 3), NUMBERS, CREATED, True),
        ((2, 28, 3), TIMELESS, {**CREATED, "integer_now_func": "chain.height"}, True),
    ),
    *_for(
        "TSR033",
        lambda version, jobs, entry: (trades(*jobs, server={"version": version}), entry),
        ((2, 12, 2), (), {"columnstore": {"created_before": "9 days"}}, True),
        ((2, 13), (), {"columnstore": {"created_before": "9 days"}}, False),
        ((2, 11, 2), (a_job(),), {**KEEP, "timezone": "UTC"}, True),
        ((2, 11, 2), (), {**KEEP, "timezone": "UTC"}, False),
        ((2, 12), (a_job(),), {**KEEP, "timezone": "UTC"}, False),
        ((2, 11, 2), (a_job(),), {**KEEP, "initial_start": "2031-01-01"}, True),
        ((2, 12), (a_job(),), {**KEEP, "initial_start": "2031-01-01"}, False),
        ((2, 11), (a_job(timezone="UTC"),), {"drop_after": "100 days", "timezone": "UTC"}, False),
    ),
    # Who may change policies: only what is to be changed needs a right.
    *_for(
        "TSR029",
        lambda jobs, version, owns: (
            trades(*jobs, is_member=False, server={"owns_database": owns, "version": version}),
            KEEP,
        ),
        ((), (2, 28, 3), False, True),
        ((), (2, 27, 9), True, True),
        ((), (2, 28), True, False),
        ((a_job(),), (2, 28, 3), False, False),
    ),
    *_for(
        "TSR030",
        lambda jobs, entry: (trades(*jobs, owner_can_login=False), entry),
        ((), KEEP, True),
        ((a_job(),), {"drop_after": "100 days"}, False),
        ((a_job(),), CREATED, True),
        ((a_job(),), {"columnstore": {"after": "7 days"}}, True),
    ),
    row("TSR031", trades(), KEEP, arm="at"),
    row("TSR031", trades(), {**KEEP, "initial_start": NOW.isoformat()}, arm="at"),
    row("", trades(), {**KEEP, "initial_start": (NOW + timedelta(days=1)).isoformat()}, arm="at"),
    # Keeping less.
    row("TSR018", trades(a_job()), SHORTER),
    row("", trades(a_job()), SHORTER, allow_shorten=True),
    row("TSR018", trades(a_job()), {"drop_created_before": "80 days"}),
    row("TSR018", trades(a_job()), SHORTER, preview=drops(20), arm="now"),
    row("", trades(a_job()), SHORTER, preview=drops(20), arm="now", allow_shorten=True),
    row("TSR026", trades(a_job()), SHORTER, preview=drops(21), arm="now", allow_shorten=True),
    row("TSR023", trades(columnstore_enabled=False), {"columnstore": {"after": "7 days"}}),
    row("", trades(columnstore_enabled=False), {"columnstore": ABSENT}),
    # Raw data outlast the window of a refresh and the time between two of them; a month has 28 to 31 days.
    *_for(
        "TSR019",
        lambda drop_after, start, every: (candles(refresh(start, every)), {"drop_after": drop_after}),
        ("3 days 1 hour", "3 days", "1 hour", False),
        ("3 days 59 minutes", "3 days", "1 hour", True),
        ("3 days", "3 days", "1 hour", True),
        ("4 days", "3 days", "1 day", False),
        ("3 days 23 hours", "3 days", "1 day", True),
        ("31 days 1 hour", "1 month", "1 hour", False),
        ("30 days 1 hour", "1 month", "1 hour", True),
        ("1 month", "27 days", "1 day", False),
        ("1 month", "28 days", "1 day", True),
        ("1 month 1 day", "1 month", "1 day", False),
        ("2 months", "1 month", "1 day", False),
        ("2 months", "1 month", "1 month", False),
        ("1 month", "1 month", "1 day", True),
        ("1 year", "11 months", "1 day", True),
        ("1 year", "10 months", "1 day", False),
        ("1000 years", None, "1 hour", True),
    ),
    row("TSR019", candles(refresh(None), **NUMBERS), {"drop_after": 2**62}),
    row("TSR019", candles(refresh(1000), **NUMBERS), {"drop_after": 999}),
    row("", candles(refresh(1000), **NUMBERS), {"drop_after": 1000}),
    # By the age of chunks the length of a chunk comes on top.
    row("TSR019", candles(refresh("3 days")), {"drop_created_before": "4 days"}),
    row("", candles(refresh("3 days")), {"drop_created_before": "4 days 1 hour"}),
    row("TSR019", candles(refresh(10), **TIMELESS), CREATED),
    # Each refresh policy counts, and those of aggregates of aggregates.
    row("TSR019", candles(refresh("3 days"), refresh("100 days", number=1002)), KEEP),
    row("", candles(refresh("3 days"), refresh("100 days", number=1002)), {"drop_after": "101 days"}),
    row("TSR019", nested(refresh("100 days", number=1002, on=3)), KEEP),
    row("TSR019", nested(refresh("100 days", number=1002, on=3)), of_candles(**KEEP)),
    row("", nested(refresh("100 days", number=1002, on=3)), {"drop_after": "101 days"}),
    row("", nested(refresh("100 days", number=1002, on=3)), of_candles(drop_after="101 days")),
    # The window that is asked for counts, not that which is there; a pause leaves it.
    row("", candles(refresh("100 days")), KEEP, of_candles(refresh=WINDOW)),
    row("TSR019", candles(refresh("100 days")), KEEP, of_candles(refresh={**WINDOW, "start_offset": "90 days"})),
    row("TSR019", candles(refresh("100 days")), KEEP, of_candles(refresh={**WINDOW, "start_offset": None})),
    row("", candles(refresh("100 days")), KEEP, of_candles(refresh=ABSENT)),
    row("", candles(refresh("3 days"), below=(a_job(),)), of_candles(refresh={"state": "paused"})),
    row("TSR019", candles(refresh("100 days"), below=(a_job(),)), KEEP, of_candles(refresh={"state": "paused"})),
    # A conflict that was there before is no refusal: that would keep the rest from ever running.
    row("", candles(refresh("100 days"), below=(a_job(),)), KEEP),
    row("", candles(refresh("100 days"), below=(a_job(),)), ABSENT),
    # An aggregate keeps what it refreshes.
    *_for(
        "TSR020",
        lambda drop_after, start: (candles(refresh(start)), of_candles(drop_after=drop_after)),
        ("3 days", "3 days", False),
        ("2 days", "3 days", True),
        ("1 month", "1 month", False),
        ("30 days", "1 month", True),
        ("1 day", None, False),
    ),
    row("", candles(refresh("3 days")), of_candles(drop_after="2 days"), on_cagg_conflict="warn"),
]


@pytest.mark.parametrize(("refused", "state", "entries", "options"), CASES)
def test_what_is_refused(refused: str, state: State, entries: Any, options: dict[str, Any]) -> None:
    made = planned(state, *entries, **options)
    assert codes(made) == refused.split(), made.refusals


@pytest.mark.parametrize(
    ("options", "preview", "refused"),
    [
        ({}, drops(20), []),
        ({}, drops(21), ["TSR026"]),
        ({}, drops(1, total_chunks=4), ["TSR026"]),
        ({"max_drop_percent": 0}, drops(1), ["TSR026"]),
        ({"max_drop_percent": 100}, drops(100), []),
        ({"max_drop_chunks": 5}, drops(5), []),
        ({"max_drop_chunks": 5}, drops(6), ["TSR027"]),
        ({"max_drop_chunks": 0}, drops(0), []),
        ({"max_drop_bytes": 500}, drops(5), []),
        ({"max_drop_bytes": 499}, drops(5), ["TSR028"]),
        # What nobody measured may be too much.
        ({"max_drop_bytes": 2**62}, drops(5, bytes=None), ["TSR028"]),
        ({"max_drop_chunks": 1, "max_drop_bytes": 1}, drops(50), ["TSR026", "TSR027", "TSR028"]),
    ],
)
def test_limits_of_what_is_armed(options: dict[str, Any], preview: Preview, refused: list[str]) -> None:
    held = trades(a_job(scheduled=False))
    for state, entry, arm, expected in (
        (trades(), KEEP, "now", refused),
        (held, KEEP, "now", refused),
        (held, {**KEEP, "state": "paused"}, "now", []),
        (held, KEEP, "hold_if_drops", []),
        (trades(), KEEP, "hold", []),
    ):
        assert codes(planned(state, entry, preview=preview, arm=arm, **options)) == expected


@pytest.mark.parametrize(
    ("state", "newest", "refused"),
    [
        (candles(watermark=10 * DAY), 10 * DAY, ""),
        (candles(watermark=10 * DAY - 1), 10 * DAY, "TSR021"),
        (candles(watermark=None), 10 * DAY, "TSR021"),
        (candles(watermark=0), None, ""),
        # An aggregate of an aggregate reads that, which keeps what was dropped below it.
        (nested(watermark=10 * DAY), 10 * DAY, ""),
    ],
)
def test_what_is_not_aggregated_yet_does_not_go(state: State, newest: int | None, refused: str) -> None:
    preview = drops(5, newest_internal=newest)
    assert codes(planned(state, KEEP, preview=preview, arm="now")) == refused.split()
    assert codes(planned(state, KEEP, preview=preview, arm="now", require_materialized=False)) == []
    assert codes(planned(state, KEEP, preview=preview)) == []


@pytest.mark.parametrize(
    ("after", "drop_after", "refused"),
    [
        ("89 days", "90 days", ""),
        ("90 days", "90 days", "TSR022"),
        ("31 days", "1 month", "TSR022"),
        ("27 days", "1 month", ""),
        ("28 days", "1 month", "TSR022"),
        ("1 month", "32 days", ""),
        ("1 month", "31 days", "TSR022"),
    ],
)
def test_the_columnstore_comes_before_the_end(after: str, drop_after: str, refused: str) -> None:
    there = trades(a_job(1001, "columnstore", config={"compress_after": after}))
    for state, columnstore, expected in (
        (trades(), {"after": after}, refused.split()),
        (there, None, refused.split()),
        (there, ABSENT, []),
        # The two ages cannot be compared.
        (trades(), {"created_before": after}, []),
    ):
        assert codes(planned(state, {"drop_after": drop_after, "columnstore": columnstore})) == expected


def test_a_conflict_of_before_or_one_that_is_allowed_is_a_warning() -> None:
    state = candles(refresh("100 days"), below=(a_job(),))
    before = planned(state, KEEP)
    allowed = planned(state, {"drop_after": "80 days"}, on_cagg_conflict="warn", allow_shorten=True)
    assert (len(before.steps), len(allowed.steps)) == (0, 1)
    for made in (before, allowed):
        [warning] = made.warnings
        assert made.refusals == ()
        assert warning.startswith("market.trades: ")
        assert "market.candles" in warning


def test_a_policy_that_is_dropped_for_from_here_is_refused_though_it_does_not_change() -> None:
    state = candles(refresh("100 days"), below=(a_job(),))
    wanted = desired({"policies": [{"relation": "market.trades", **KEEP}]})
    assert codes(plan(wanted, state, {}, {TRADES})) == ["TSR019"]


@pytest.mark.parametrize("config", [{}, {"drop_after": None}])
def test_a_policy_without_a_reach_is_not_taken_for_one(config: dict[str, Any]) -> None:
    """Releases before 2.9 let a config be altered to anything."""
    [told] = planned(trades(a_job(config=config)), KEEP).refusals
    assert told.code == "TSR018"
    assert "from nothing to drop_after '90 days'" in told.message


@pytest.mark.parametrize(
    ("server", "entry", "told"),
    [
        ({"background_workers": 16, "worker_processes": 32}, KEEP, ""),
        ({"background_workers": 3, "worker_processes": 3}, KEEP, ""),
        ({"background_workers": 2, "worker_processes": 32}, KEEP, "no policy will ever run"),
        ({"background_workers": 16, "worker_processes": 8}, KEEP, "for want of a worker"),
        ({}, {"drop_after": "1 day"}, ""),
        ({}, {"drop_after": "23 hours"}, "shorter than the chunk interval"),
        ({}, {"drop_after": "1 day", "chunk_time_interval": "2 days"}, "shorter than the chunk interval"),
        ({}, {"drop_after": "1 hour", "chunk_time_interval": "30 minutes"}, ""),
        ({}, {"drop_created_before": "1 hour"}, ""),
    ],
)
def test_warnings(server: dict[str, int], entry: dict[str, str], told: str) -> None:
    made = planned(trades(server=server), entry)
    assert codes(made) == []
    assert len(made.warnings) == bool(told)
    assert told in "".join(made.warnings)


def test_all_that_speaks_against_a_task_is_told_at_once_and_mistakes_in_the_options_first() -> None:
    state = a_state(
        a_hypertable(is_member=False, jobs=(a_job(),)),
        an_aggregate("candles", 2, 1, jobs=(refresh("100 days"),)),
        server=a_server(read_only=True),
    )
    made = planned(
        state,
        {**SHORTER, "columnstore": {"after": "7 days"}},
        {"relation": "market.nowhere", **KEEP},
        of_candles(drop_after="soon"),
        {"relation": "bare", **KEEP},
    )
    assert codes(made) == ["TSR004", "TSR006", "TSR007", "TSR010", "TSR018", "TSR019", "TSR022", "TSR029"]
    assert [one.code for one in made.refusals][:2] == ["TSR010", "TSR006"]


@pytest.mark.parametrize("scope", [{}, {"match": {"schema": "market"}, "purge": True}])
def test_an_entry_with_a_mistake_is_looked_up_all_the_same_and_never_purged(scope: dict[str, Any]) -> None:
    wrong = {"relation": "market.nowhere", "drop_after": "-1 day"}
    made = planned(trades(a_job()), {"drop_after": "soon"}, wrong, **scope)
    assert [(one.code, one.where) for one in made.refusals] == [
        ("TSR010", "market.trades"),
        ("TSR011", "market.nowhere"),
        ("TSR007", "market.nowhere"),
    ]
    assert made.steps == ()


@pytest.mark.parametrize(
    ("version", "code"), [(None, "TSR001"), ((2, 10, 3), "TSR002"), ((2, 11), None), ((2, 30, 0), None)]
)
def test_versions(version: tuple[int, ...] | None, code: str | None) -> None:
    assert [one.code for one in version_refusals(version)] == ([code] if code else [])


def test_a_refusal_says_what_where_why_and_what_to_do() -> None:
    told = [refusal("TSR018", "market.trades", "it goes from 90 to 5 days"), refusal("TSR032", "purge", "x")]
    first, *lines = str(RefusedError(told)).splitlines()
    assert first == "2 refusals, and nothing was changed:"
    assert lines[0] == ("- TSR018 market.trades: it goes from 90 to 5 days. Set allow_shorten: true if that is meant.")


def test_every_code_is_provoked_here_by_its_options_or_on_a_server() -> None:
    said: set[object] = set()
    for path in (*TESTS.glob("unit/timescaledb/test_*.py"), *TESTS.glob("integration/test_timescaledb_retention*.py")):
        said |= {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    assert CODES.keys() <= said
