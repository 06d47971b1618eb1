# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each refusal begins and where it ends: the last case that passes beside the first that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Hypertable, PolicyJob, State

from tests.support.retention_world import DAY, TRADES, a_hypertable, a_job, a_server, a_state, an_aggregate

KEEP = {"drop_after": "90 days"}
HEIGHT = Relation("chain", "height")
CANDLES = Relation("market", "candles")
NUMBERS: dict[str, Any] = {"column_type": "bigint", "chunk_interval": 10, "integer_now_func": HEIGHT}


def drafted(state: State, *entries: Mapping[str, Any], drops: Preview | None = None, **options: Any) -> Plan:
    """A plan for entries, of which those that name no relation are for market.trades."""
    listed = [{"relation": "market.trades", **entry} for entry in entries]
    return plan(desired({**options, "policies": listed}), state, {TRADES: drops} if drops else {})


def codes(made: Plan) -> list[str]:
    return sorted(one.code for one in made.refusals)


def refresh(start: str | int | None, every: str = "1 hour", number: int = 1001, on: int = 2) -> PolicyJob:
    schedules = {"1 hour": Interval(microseconds=3600 * 10**6), "1 day": Interval(days=1), "1 month": Interval(1)}
    config = {"start_offset": start, "end_offset": None}
    return a_job(number, "refresh", on, config=config, schedule_interval=schedules[every])


def candles(*jobs: PolicyJob, **changes: Any) -> State:
    return a_state(a_hypertable(**changes), an_aggregate("candles", 2, 1, jobs=jobs, **changes))


@pytest.mark.parametrize(
    ("drop_after", "start", "every", "refused"),
    [
        ("3 days 1 hour", "3 days", "1 hour", False),
        ("3 days 59 minutes", "3 days", "1 hour", True),
        ("3 days", "3 days", "1 hour", True),
        ("4 days", "3 days", "1 day", False),
        ("3 days 23 hours", "3 days", "1 day", True),
        # A month is at least 28 days and at most 31.
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
    ],
)
def test_raw_data_outlast_the_window_of_a_refresh(drop_after: str, start: str, every: str, refused: bool) -> None:
    made = drafted(candles(refresh(start, every)), {"drop_after": drop_after})
    assert codes(made) == (["TSR019"] if refused else [])


def test_a_refresh_without_a_beginning_outlasts_everything() -> None:
    assert codes(drafted(candles(refresh(None)), {"drop_after": "1000 years"})) == ["TSR019"]
    assert codes(drafted(candles(refresh(None), **NUMBERS), {"drop_after": 2**62})) == ["TSR019"]


@pytest.mark.parametrize(("drop_after", "refused"), [(1000, False), (999, True)])
def test_numbers_are_compared_with_numbers(drop_after: int, refused: bool) -> None:
    made = drafted(candles(refresh(1000), **NUMBERS), {"drop_after": drop_after})
    assert codes(made) == (["TSR019"] if refused else [])


@pytest.mark.parametrize(("created", "refused"), [("4 days 1 hour", False), ("4 days", True)])
def test_by_the_age_of_chunks_the_length_of_a_chunk_comes_on_top(created: str, refused: bool) -> None:
    made = drafted(candles(refresh("3 days")), {"drop_created_before": created})
    assert codes(made) == (["TSR019"] if refused else [])
    numbers = {**NUMBERS, "integer_now_func": None}
    assert codes(drafted(candles(refresh(10), **numbers), {"drop_created_before": "100 years"})) == ["TSR019"]


def nested(*jobs: PolicyJob) -> State:
    return a_state(a_hypertable(), an_aggregate("candles", 2, 1), an_aggregate("daily", 3, 2, jobs=jobs))


def test_an_aggregate_of_an_aggregate_counts_for_both_below_it() -> None:
    state = nested(refresh("100 days", number=1002, on=3))
    for relation in ("market.trades", "market.candles"):
        made = drafted(state, {"relation": relation, **KEEP})
        assert codes(made) == ["TSR019"]
        [one] = made.refusals
        assert one.where == relation
        assert "market.daily" in one.message
        assert codes(drafted(state, {"relation": relation, "drop_after": "101 days"})) == []


def test_each_refresh_policy_counts() -> None:
    state = candles(refresh("3 days"), refresh("100 days", number=1002))
    assert codes(drafted(state, KEEP)) == ["TSR019"]
    assert codes(drafted(state, {"drop_after": "101 days"})) == []


WINDOW = {"start_offset": "3 days", "end_offset": "1 hour", "schedule_interval": "1 hour"}


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        (WINDOW, False),
        ({**WINDOW, "start_offset": "90 days"}, True),
        ({**WINDOW, "start_offset": None}, True),
        ({"state": "absent"}, False),
    ],
)
def test_the_window_that_is_asked_for_counts_not_that_which_is_there(wanted: dict[str, Any], refused: bool) -> None:
    state = candles(refresh("100 days"))
    made = drafted(state, KEEP, {"relation": "market.candles", "refresh": wanted})
    assert codes(made) == (["TSR019"] if refused else [])


def test_a_pause_of_a_refresh_leaves_its_window() -> None:
    """It was once taken for a refresh without a beginning."""
    pause = {"relation": "market.candles", "refresh": {"state": "paused"}}
    state = a_state(a_hypertable(jobs=(a_job(),)), an_aggregate("candles", 2, 1, jobs=(refresh("3 days"),)))
    made = drafted(state, pause)
    assert codes(made) == []
    assert [(step.kind, step.action) for step in made.steps] == [("refresh", "paused")]
    wide = a_state(a_hypertable(jobs=(a_job(),)), an_aggregate("candles", 2, 1, jobs=(refresh("100 days"),)))
    assert codes(drafted(wide, KEEP, pause)) == ["TSR019"]


def test_a_conflict_that_was_there_before_is_a_warning() -> None:
    """Only what this run changes can be refused; the rest would keep it from ever running."""
    state = a_state(a_hypertable(jobs=(a_job(),)), an_aggregate("candles", 2, 1, jobs=(refresh("100 days"),)))
    made = drafted(state, KEEP)
    assert (made.steps, made.refusals) == ((), ())
    [warning] = made.warnings
    assert warning.startswith("market.trades: ")
    assert "market.candles" in warning
    assert codes(drafted(state, {"state": "absent"})) == []
    allowed = drafted(state, {"drop_after": "80 days"}, on_cagg_conflict="warn", allow_shorten=True)
    assert (codes(allowed), len(allowed.steps), len(allowed.warnings)) == ([], 1, 1)


def test_a_policy_that_is_dropped_for_from_here_is_refused_though_it_does_not_change() -> None:
    state = a_state(a_hypertable(jobs=(a_job(),)), an_aggregate("candles", 2, 1, jobs=(refresh("100 days"),)))
    wanted = desired({"policies": [{"relation": "market.trades", **KEEP}]})
    assert codes(plan(wanted, state, {}, {TRADES})) == ["TSR019"]


@pytest.mark.parametrize(
    ("drop_after", "start", "refused"),
    [
        ("3 days", "3 days", False),
        ("2 days", "3 days", True),
        ("1 month", "1 month", False),
        ("30 days", "1 month", True),
        ("1 day", None, False),
    ],
)
def test_an_aggregate_keeps_what_it_refreshes(drop_after: str, start: str | None, refused: bool) -> None:
    made = drafted(candles(refresh(start)), {"relation": "market.candles", "drop_after": drop_after})
    assert codes(made) == (["TSR020"] if refused else [])


@pytest.mark.parametrize(
    ("version", "created", "numbers", "refused"),
    [
        ((2, 11), False, False, False),
        ((2, 11), True, False, True),
        ((2, 12, 2), True, True, True),
        ((2, 13), True, True, False),
        ((2, 13), True, False, True),
        ((2, 26, 2), True, False, True),
        ((2, 26, 2), True, True, False),
        ((2, 26, 3), True, False, False),
        ((2, 28, 3), True, False, False),
    ],
)
def test_dropping_by_creation(version: tuple[int, ...], created: bool, numbers: bool, refused: bool) -> None:
    entry = {"drop_created_before" if created else "drop_after": "90 days"}
    table = a_hypertable(**({**NUMBERS, "integer_now_func": None} if numbers else {}))
    made = drafted(a_state(table, server=a_server(version=version)), entry)
    assert codes(made) == (["TSR015"] if refused else [])


@pytest.mark.parametrize("entry", [{}, {"integer_now_func": "chain.height"}])
def test_dropping_by_creation_fails_on_an_integer_column_that_has_a_present(entry: dict[str, Any]) -> None:
    table = a_hypertable(**NUMBERS if not entry else {**NUMBERS, "integer_now_func": None})
    assert codes(drafted(a_state(table), {"drop_created_before": "90 days", **entry})) == ["TSR015"]


@pytest.mark.parametrize(("version", "refused"), [((2, 12, 2), True), ((2, 13), False)])
def test_columnstore_by_creation(version: tuple[int, ...], refused: bool) -> None:
    state = a_state(a_hypertable(), server=a_server(version=version))
    assert codes(drafted(state, {"columnstore": {"created_before": "9 days"}})) == (["TSR033"] if refused else [])


@pytest.mark.parametrize("setting", [{"timezone": "UTC"}, {"initial_start": "2031-01-01"}])
def test_the_schedule_of_an_existing_policy_is_fixed_from_2_12_on(setting: dict[str, str]) -> None:
    for version, there, refused in (
        ((2, 11, 2), True, True),
        ((2, 11, 2), False, False),
        ((2, 12), True, False),
    ):
        table = a_hypertable(jobs=(a_job(),) if there else ())
        made = drafted(a_state(table, server=a_server(version=version)), {**KEEP, **setting})
        assert codes(made) == (["TSR033"] if refused else [])


def test_an_old_release_changes_what_it_can() -> None:
    """Also of a policy that has a time zone, and one that takes another's place."""
    state = a_state(a_hypertable(jobs=(a_job(timezone="UTC"),)), server=a_server(version=(2, 11)))
    assert codes(drafted(state, {"drop_after": "100 days", "timezone": "UTC"})) == []


@pytest.mark.parametrize(
    ("member", "owns_database", "version", "refused"),
    [
        (True, False, (2, 11), False),
        (False, False, (2, 28, 3), True),
        (False, True, (2, 27, 9), True),
        (False, True, (2, 28), False),
    ],
)
def test_who_may_change_policies(member: bool, owns_database: bool, version: tuple[int, ...], refused: bool) -> None:
    server = a_server(owns_database=owns_database, version=version)
    made = drafted(a_state(a_hypertable(is_member=member), server=server), KEEP)
    assert codes(made) == (["TSR029"] if refused else [])
    done = a_state(a_hypertable(is_member=member, jobs=(a_job(),)), server=server)
    assert drafted(done, KEEP) == Plan((), (), ()), "who has nothing to change needs no right"


def test_an_owner_without_login_keeps_the_policies_that_are_there() -> None:
    table = a_hypertable(owner_can_login=False, jobs=(a_job(),))
    assert codes(drafted(a_state(table), {"drop_after": "100 days"})) == []
    assert codes(drafted(a_state(table), {"drop_created_before": "100 days"})) == ["TSR030"]
    assert codes(drafted(a_state(table), {"columnstore": {"after": "7 days"}})) == ["TSR030"]


def drops(chunks: int, **changes: Any) -> Preview:
    return replace(
        Preview(chunks=chunks, total_chunks=100, newest="2026-09-01", newest_internal=10 * DAY, bytes=chunks * 100),
        **changes,
    )


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
def test_limits(options: dict[str, Any], preview: Preview, refused: list[str]) -> None:
    assert codes(drafted(a_state(a_hypertable()), KEEP, drops=preview, arm="now", **options)) == refused
    held = a_state(a_hypertable(jobs=(a_job(scheduled=False),)))
    assert codes(drafted(held, KEEP, drops=preview, arm="now", **options)) == refused
    assert codes(drafted(held, {**KEEP, "state": "paused"}, drops=preview, arm="now", **options)) == []
    assert codes(drafted(held, KEEP, drops=preview, **options)) == [], "what is held needs no limit"


def test_limits_hold_for_what_is_shortened_too() -> None:
    running = a_state(a_hypertable(jobs=(a_job(),)))
    shorter = {"drop_after": "5 days"}
    assert codes(drafted(running, shorter, drops=drops(21), arm="now", allow_shorten=True)) == ["TSR026"]
    assert codes(drafted(running, shorter, drops=drops(20), arm="now", allow_shorten=True)) == []
    assert codes(drafted(running, shorter, drops=drops(20), arm="now")) == ["TSR018"]


@pytest.mark.parametrize(
    ("watermark", "newest", "refused"),
    [(10 * DAY, 10 * DAY, False), (10 * DAY - 1, 10 * DAY, True), (None, 10 * DAY, True), (0, None, False)],
)
def test_the_watermark_of_what_is_aggregated(watermark: int | None, newest: int | None, refused: bool) -> None:
    def state(aggregate: Hypertable) -> State:
        return a_state(a_hypertable(), aggregate)

    below = state(an_aggregate("candles", 2, 1, watermark=watermark))
    preview = drops(5, newest_internal=newest)
    assert codes(drafted(below, KEEP, drops=preview, arm="now")) == (["TSR021"] if refused else [])
    assert codes(drafted(below, KEEP, drops=preview, arm="now", require_materialized=False)) == []
    assert codes(drafted(below, KEEP, drops=preview)) == []


def test_only_the_aggregate_directly_above_reads_the_raw_data() -> None:
    """One of an aggregate reads that, which keeps what was dropped below it."""
    state = a_state(
        a_hypertable(), an_aggregate("candles", 2, 1, watermark=10 * DAY), an_aggregate("daily", 3, 2, watermark=None)
    )
    assert codes(drafted(state, KEEP, drops=drops(5), arm="now")) == []


@pytest.mark.parametrize(
    ("after", "drop_after", "refused"),
    [
        ("89 days", "90 days", False),
        ("90 days", "90 days", True),
        ("31 days", "1 month", True),
        ("27 days", "1 month", False),
        ("28 days", "1 month", True),
        ("1 month", "32 days", False),
        ("1 month", "31 days", True),
    ],
)
def test_the_columnstore_comes_before_the_end(after: str, drop_after: str, refused: bool) -> None:
    expected = ["TSR022"] if refused else []
    both = {"drop_after": drop_after, "columnstore": {"after": after}}
    assert codes(drafted(a_state(a_hypertable()), both)) == expected
    there = a_hypertable(jobs=(a_job(1001, "columnstore", config={"compress_after": after}),))
    assert codes(drafted(a_state(there), {"drop_after": drop_after})) == expected
    gone = {"drop_after": drop_after, "columnstore": {"state": "absent"}}
    assert codes(drafted(a_state(there), gone)) == []
    created = {"drop_after": drop_after, "columnstore": {"created_before": after}}
    assert codes(drafted(a_state(a_hypertable()), created)) == [], "the two ages cannot be compared"


def test_a_columnstore_that_is_off_can_be_left_off() -> None:
    off = a_hypertable(columnstore_enabled=False)
    assert codes(drafted(a_state(off), {"columnstore": {"state": "absent"}})) == []
    assert codes(drafted(a_state(off), {"columnstore": {"after": "7 days"}})) == ["TSR023"]


@pytest.mark.parametrize(
    ("column", "entry", "refused"),
    [
        ("bigint", {"drop_after": 2**63 - 1}, []),
        ("bigint", {"drop_after": 2**63}, ["TSR012"]),
        ("integer", {"drop_after": 2**31 - 1}, []),
        ("integer", {"drop_after": 2**31}, ["TSR012"]),
        ("smallint", {"drop_after": 2**15}, ["TSR012"]),
        ("smallint", {"chunk_time_interval": 2**15}, ["TSR012"]),
        ("bigint", {"drop_after": "90 days"}, ["TSR012"]),
        ("bigint", {"chunk_time_interval": "1 day"}, ["TSR012"]),
        ("bigint", {"columnstore": {"after": "7 days"}}, ["TSR012"]),
        ("timestamp with time zone", {"drop_after": "6000 years"}, []),
        ("timestamp with time zone", {"drop_after": "10000 years"}, ["TSR012"]),
        ("timestamp with time zone", {"drop_created_before": "10000 years"}, ["TSR012"]),
        ("date", {"columnstore": {"after": "10000 years"}}, ["TSR012"]),
        ("bigint", {"columnstore": {"created_before": "90 days"}}, []),
        ("date", {"drop_after": "90 days"}, []),
        ("date", {"drop_after": 90}, ["TSR012"]),
        ("date", {"chunk_time_interval": 90}, ["TSR012"]),
        ("timestamp without time zone", {"columnstore": {"after": 7}}, ["TSR012"]),
        ("uuid", {"drop_after": "90 days"}, []),
    ],
)
def test_intervals_for_time_and_numbers_for_integers(column: str, entry: dict[str, Any], refused: list[str]) -> None:
    function = HEIGHT if column in ("bigint", "integer", "smallint") else None
    table = a_hypertable(column_type=column, integer_now_func=function)
    assert codes(drafted(a_state(table), entry)) == refused


def test_the_window_of_a_refresh_is_of_the_kind_of_the_column() -> None:
    entry = {"relation": "market.candles", "refresh": {**WINDOW, "end_offset": 0}}
    assert codes(drafted(candles(), entry)) == ["TSR012"]
    entry = {"relation": "market.candles", "refresh": {**WINDOW, "start_offset": 100, "end_offset": 0}}
    assert codes(drafted(candles(**NUMBERS), entry)) == []


def test_an_integer_column_needs_its_present_only_for_ages() -> None:
    table = a_hypertable(column_type="bigint", chunk_interval=10)
    assert codes(drafted(a_state(table), {"chunk_time_interval": 20})) == []
    assert codes(drafted(a_state(table), {"drop_created_before": "90 days"})) == []
    assert codes(drafted(a_state(table), {"drop_after": 20})) == ["TSR013"]
    assert codes(drafted(a_state(table), {"drop_after": 20, "integer_now_func": "chain.height"})) == []
    above = an_aggregate("candles", 2, 1, column_type="bigint", chunk_interval=100)
    entry = {"relation": "market.candles", "drop_after": 500}
    assert codes(drafted(a_state(a_hypertable(**NUMBERS), above), entry)) == []
    assert codes(drafted(a_state(table, above), entry)) == ["TSR013"]


@pytest.mark.parametrize(
    ("schedule", "fixed", "refused"),
    [
        ("1 month", True, False),
        ("10 days 1 hour", True, False),
        ("1 month 1 day", False, False),
        ("1 month 1 day", True, True),
        ("1 month 1 hour", True, True),
    ],
)
def test_a_fixed_schedule_takes_months_or_days(schedule: str, fixed: bool, refused: bool) -> None:
    table = a_hypertable(jobs=(a_job(fixed_schedule=fixed),))
    made = drafted(a_state(table), {**KEEP, "schedule_interval": schedule})
    assert codes(made) == (["TSR014"] if refused else [])


def test_a_schedule_that_cannot_be_fixed_is_not() -> None:
    odd = a_hypertable(jobs=(a_job(schedule_interval=Interval(1, 1)),))
    assert codes(drafted(a_state(odd), {**KEEP, "initial_start": "2031-01-01"})) == ["TSR014"]


def test_a_policy_without_a_reach_is_not_taken_for_one() -> None:
    """Releases before 2.9 let a config be altered to anything."""
    for config in ({}, {"drop_after": None}):
        made = drafted(a_state(a_hypertable(jobs=(a_job(config=config),))), KEEP)
        assert codes(made) == ["TSR018"]
        assert "from nothing to drop_after '90 days'" in made.refusals[0].message


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"background_workers": 16, "worker_processes": 32}, None),
        ({"background_workers": 3, "worker_processes": 3}, None),
        ({"background_workers": 2, "worker_processes": 32}, "no policy will ever run"),
        ({"background_workers": 16, "worker_processes": 8}, "for want of a worker"),
    ],
)
def test_workers(server: dict[str, int], told: str | None) -> None:
    made = drafted(a_state(a_hypertable(), server=a_server(**server)), KEEP)
    assert len(made.warnings) == (told is not None)
    assert told is None or told in made.warnings[0]


@pytest.mark.parametrize(
    ("entry", "warned"),
    [
        ({"drop_after": "1 day"}, False),
        ({"drop_after": "23 hours"}, True),
        ({"drop_after": "1 day", "chunk_time_interval": "2 days"}, True),
        ({"drop_after": "1 hour", "chunk_time_interval": "30 minutes"}, False),
        ({"drop_created_before": "1 hour"}, False),
    ],
)
def test_less_is_kept_than_a_chunk_is_long(entry: dict[str, str], warned: bool) -> None:
    made = drafted(a_state(a_hypertable()), entry)
    assert codes(made) == []
    assert [("shorter than the chunk interval" in one) for one in made.warnings] == ([True] if warned else [])


def test_all_that_speaks_against_a_task_is_told_at_once() -> None:
    state = a_state(
        a_hypertable(is_member=False, jobs=(a_job(),)),
        an_aggregate("candles", 2, 1, jobs=(refresh("100 days"),)),
        server=a_server(read_only=True),
    )
    made = drafted(
        state,
        {"drop_after": "5 days", "columnstore": {"after": "7 days"}},
        {"relation": "market.nowhere", **KEEP},
        {"relation": "market.candles", "drop_after": "soon"},
        {"relation": "bare", **KEEP},
    )
    expected = ["TSR004", "TSR006", "TSR007", "TSR010", "TSR018", "TSR019", "TSR022", "TSR029"]
    assert codes(made) == expected
    assert [one.code for one in made.refusals][:2] == ["TSR010", "TSR006"], "mistakes in the options come first"


@pytest.mark.parametrize("scope", [{}, {"match": {"schema": "market"}, "purge": True}])
def test_an_entry_with_a_mistake_is_looked_up_all_the_same(scope: dict[str, Any]) -> None:
    state = a_state(a_hypertable(jobs=(a_job(),)))
    made = drafted(state, {"drop_after": "soon"}, {"relation": "market.nowhere", "drop_after": "-1 day"}, **scope)
    assert [(one.code, one.where) for one in made.refusals] == [
        ("TSR010", "market.trades"),
        ("TSR011", "market.nowhere"),
        ("TSR007", "market.nowhere"),
    ]
    assert made.steps == (), "a relation that is listed is not purged, whatever its entry says"


def test_a_server_that_cannot_be_written_is_no_hindrance_where_nothing_is_to_be_written() -> None:
    state = a_state(a_hypertable(jobs=(a_job(),)), server=a_server(read_only=True, restoring=True))
    assert drafted(state, KEEP) == Plan((), (), ())
