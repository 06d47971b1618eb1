# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each change that a plan can make of a policy: what it is called, what it tells the database, and what it leaves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import HELD, Hypertable, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, cutoffs, plan, resolve
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Alteration, Step

from tests.support.retention_world import NOW, TRADES, a_hypertable, a_job, a_server, a_state, an_aggregate

TODAY = NOW.replace(hour=18)
FAR = datetime(2031, 1, 1, 3, tzinfo=UTC)
DROPS = Preview(chunks=3, total_chunks=100)
NOTE = {"since": "2026-11-01T00:00:00+00:00", "chunks": 9}
CANDLES = Relation("market", "candles")


def trades(*jobs: Any, **changes: Any) -> State:
    return a_state(a_hypertable(jobs=jobs, **changes))


def planned(state: State, entry: Mapping[str, Any], drops: Preview | None = None, **options: Any) -> Plan:
    wanted = {"relation": "market.trades", **entry}
    made = plan(desired({"policies": [wanted], **options}), state, {TRADES: drops} if drops else {})
    assert made.refusals == ()
    return made


def the_step(made: Plan) -> Step:
    [step] = made.steps
    return step


def told(step: Step) -> Alteration:
    assert step.alteration is not None
    return step.alteration


KEEP = {"drop_after": "90 days"}
COLUMNSTORE = {"columnstore": {"after": "7 days"}}
WINDOW = {"start_offset": "3 days", "end_offset": "1 hour", "schedule_interval": "1 hour"}
REFRESH: dict[str, Any] = {"relation": "market.candles", "refresh": WINDOW}


def candles(*jobs: Any) -> State:
    return a_state(a_hypertable(), an_aggregate("candles", 2, 1, jobs=jobs))


def refresh(**changes: Any) -> Any:
    return a_job(1003, "refresh", 2, **{"schedule_interval": Interval(microseconds=3600 * 10**6), **changes})


@pytest.mark.parametrize(
    ("state", "entry", "kind", "action"),
    [
        (trades(), KEEP, "retention", "created"),
        (trades(a_job()), KEEP, "retention", None),
        (trades(a_job()), {"drop_after": "100 days"}, "retention", "altered"),
        (trades(a_job()), {**KEEP, "max_retries": 3}, "retention", "altered"),
        (trades(a_job()), {"drop_created_before": "120 days"}, "retention", "recreated"),
        (trades(a_job()), {**KEEP, "state": "paused"}, "retention", "paused"),
        (trades(a_job()), {"state": "paused"}, "retention", "paused"),
        (trades(a_job(scheduled=False)), {"state": "paused"}, "retention", None),
        (trades(a_job()), {**KEEP, "state": "paused", "max_retries": 3}, "retention", "altered"),
        (trades(a_job(scheduled=False)), KEEP, "retention", "resumed"),
        (trades(), {"state": "paused"}, "retention", None),
        (trades(), {**KEEP, "state": "paused"}, "retention", "created"),
        (trades(a_job()), {"state": "absent"}, "retention", "removed"),
        (trades(), {"state": "absent"}, "retention", None),
        (trades(), COLUMNSTORE, "columnstore", "created"),
        (trades(a_job(1001, "columnstore")), COLUMNSTORE, "columnstore", None),
        (trades(a_job(1001, "columnstore")), {"columnstore": {"after": "8 days"}}, "columnstore", "altered"),
        (trades(a_job(1001, "columnstore")), {"columnstore": {"created_before": "7 days"}}, "columnstore", "recreated"),
        (trades(a_job(1001, "columnstore")), {"columnstore": {"state": "paused"}}, "columnstore", "paused"),
        (trades(a_job(1001, "columnstore", scheduled=False)), COLUMNSTORE, "columnstore", "resumed"),
        (trades(a_job(1001, "columnstore")), {"columnstore": {"state": "absent"}}, "columnstore", "removed"),
        (trades(), {"columnstore": {"state": "absent"}}, "columnstore", None),
        (candles(), REFRESH, "refresh", "created"),
        (candles(refresh()), REFRESH, "refresh", None),
        (candles(refresh()), {**REFRESH, "refresh": {**WINDOW, "start_offset": "4 days"}}, "refresh", "altered"),
        (candles(refresh()), {**REFRESH, "refresh": {**WINDOW, "start_offset": None}}, "refresh", "altered"),
        (candles(refresh()), {**REFRESH, "refresh": {"state": "paused"}}, "refresh", "paused"),
        (
            candles(refresh()),
            {**REFRESH, "refresh": {**WINDOW, "start_offset": None, "state": "paused"}},
            "refresh",
            "paused",
        ),
        (candles(refresh(scheduled=False)), REFRESH, "refresh", "resumed"),
        (candles(refresh()), {**REFRESH, "refresh": {"state": "absent"}}, "refresh", "removed"),
        (trades(), {"chunk_time_interval": "6 hours"}, "chunk_time_interval", "set"),
        (trades(), {"chunk_time_interval": "1 day"}, "chunk_time_interval", None),
        (trades(column_type="bigint"), {"integer_now_func": "market.height"}, "integer_now_func", "set"),
        (
            trades(column_type="bigint", integer_now_func=Relation("market", "height")),
            {"integer_now_func": "market.height()"},
            "integer_now_func",
            None,
        ),
    ],
)
def test_what_a_change_is_called(state: State, entry: dict[str, Any], kind: str, action: str | None) -> None:
    made = planned(state, entry)
    assert [(step.kind, step.action) for step in made.steps] == ([] if action is None else [(kind, action)])
    for step in made.steps:
        assert (step.before is None) == (action == "created")
        assert (step.after is None) == (action == "removed")
        keeps_its_job = action in ("altered", "paused", "resumed")
        assert (step.job is not None and step.addition is None and step.alteration is not None) == keeps_its_job
        assert (step.addition is not None) == (action in ("created", "recreated"))


def test_everything_of_one_relation_in_the_order_in_which_it_can_be_done() -> None:
    """A retention of numbers needs the function that tells the present."""
    entry = {
        "drop_after": 5000,
        "chunk_time_interval": 500,
        "integer_now_func": "market.height",
        "columnstore": {"after": 100},
    }
    made = planned(trades(column_type="bigint"), entry)
    assert [step.kind for step in made.steps] == ["integer_now_func", "chunk_time_interval", "retention", "columnstore"]


@pytest.mark.parametrize(
    ("arm", "drops", "scheduled"),
    [
        ("hold_if_drops", DROPS, False),
        ("hold_if_drops", None, True),
        ("hold", None, False),
        ("now", DROPS, True),
        ("at", DROPS, True),
    ],
)
@pytest.mark.parametrize("there", ["nothing", "running", "stopped"])
@pytest.mark.parametrize("key", ["drop_after", "drop_created_before"])
def test_what_each_arming_makes_of_a_policy_that_is_new_or_shorter(
    arm: str, drops: Preview | None, scheduled: bool, there: str, key: str
) -> None:
    """Stopped or not before: what it would drop decides, and what was asked for."""
    former = a_job(scheduled=there == "running", initial_start=FAR, fixed_schedule=True)
    entry = {key: "5 days", "initial_start": FAR.isoformat()}
    state = trades() if there == "nothing" else trades(former)
    step = the_step(planned(state, entry, drops, arm=arm, allow_shorten=True))
    assert step.shortens is (there != "nothing")
    assert (told(step).scheduled, step.arms) == (scheduled, scheduled)
    assert (HELD in told(step).config, bool((step.after or {}).get("held"))) == (not scheduled, not scheduled)
    if there == "nothing":
        assert told(step).next_start == (NOW if arm == "now" else FAR)


def test_a_shorter_policy_that_is_armed_at_a_moment_does_not_run_before_it() -> None:
    """Somebody had moved its next start to before the beginning of its schedule."""
    state = trades(a_job(initial_start=FAR, fixed_schedule=True, next_start=TODAY))
    entry = {"drop_after": "5 days", "initial_start": FAR.isoformat()}
    step = the_step(planned(state, entry, DROPS, arm="at", allow_shorten=True))
    assert told(step).next_start == FAR


@pytest.mark.parametrize("arm", ["hold_if_drops", "hold", "now"])
def test_a_longer_policy_that_runs_goes_on(arm: str) -> None:
    step = the_step(planned(trades(a_job()), {"drop_after": "100 days"}, DROPS, arm=arm))
    assert (step.shortens, step.arms, told(step).scheduled, told(step).next_start) == (False, False, True, TODAY)
    assert told(step).config == {"drop_after": "100 days"}


def test_a_held_policy_stays_held_since_when_it_was() -> None:
    held = a_job(scheduled=False, config={**KEEP, HELD: NOTE})
    assert planned(trades(held), KEEP, DROPS).steps == ()
    step = the_step(planned(trades(held), {**KEEP, "max_retries": 3}, DROPS))
    assert (told(step).scheduled, told(step).config, told(step).without) == (False, {}, ())
    assert step.after is not None
    assert step.after["held"] is True


@pytest.mark.parametrize(
    ("entry", "options", "drops", "action", "start"),
    [
        (KEEP, {}, None, "resumed", NOW + timedelta(days=1)),
        (KEEP, {"arm": "now"}, DROPS, "resumed", NOW),
        ({**KEEP, "initial_start": FAR.isoformat()}, {"arm": "at"}, DROPS, "altered", FAR),
        ({"drop_after": "100 days"}, {}, None, "altered", NOW + timedelta(days=1)),
    ],
)
def test_a_held_policy_is_released_and_its_note_goes(
    entry: dict[str, Any], options: dict[str, Any], drops: Preview | None, action: str, start: datetime
) -> None:
    held = a_job(scheduled=False, config={**KEEP, HELD: NOTE})
    step = the_step(planned(trades(held), entry, drops, **options))
    assert (step.action, told(step).scheduled, told(step).without) == (action, True, (HELD,))
    assert told(step).next_start == start
    assert "held" in (step.before or {})
    assert "held" not in (step.after or {})


def test_a_pause_that_is_asked_for_is_no_hold() -> None:
    held = a_job(scheduled=False, config={**KEEP, HELD: NOTE})
    step = the_step(planned(trades(held), {**KEEP, "state": "paused"}, DROPS))
    assert (step.action, told(step).scheduled, told(step).without) == ("altered", False, (HELD,))
    new = the_step(planned(trades(), {**KEEP, "state": "paused"}, DROPS))
    assert (told(new).scheduled, told(new).config) == (False, {})


@pytest.mark.parametrize(
    ("job", "schedule", "start"),
    [
        # It never ran: TimescaleDB would move the next start to the past.
        ({"next_start": None}, "2 days", NOW + timedelta(days=2)),
        ({"next_start": NOW - timedelta(days=1)}, "2 days", NOW + timedelta(days=2)),
        ({"next_start": TODAY}, "2 days", TODAY),
        ({"next_start": NOW + timedelta(days=30)}, "2 days", NOW + timedelta(days=2)),
        ({"next_start": None}, "12 hours", NOW + timedelta(hours=12)),
        ({"next_start": NOW + timedelta(days=30)}, "1 month", NOW + timedelta(days=28)),
    ],
)
def test_another_schedule_names_the_next_start(job: dict[str, Any], schedule: str, start: datetime) -> None:
    step = the_step(planned(trades(a_job(**job)), {**KEEP, "schedule_interval": schedule}))
    assert told(step).next_start == start
    assert told(step).schedule_interval is not None


def test_another_setting_leaves_a_far_start_alone() -> None:
    far = a_job(next_start=FAR)
    assert told(the_step(planned(trades(far), {**KEEP, "max_retries": 3}))).next_start == FAR


@pytest.mark.parametrize("schedule", ["10000 years", "100000000 days"])
def test_a_schedule_that_outlasts_the_calendar_is_no_accident(schedule: str) -> None:
    for state in (trades(), trades(a_job())):
        step = the_step(planned(state, {**KEEP, "schedule_interval": schedule}))
        start = told(step).next_start
        assert start is not None
        assert start > NOW
    endless = a_job(schedule_interval=Interval(months=120_000), next_start=None)
    assert told(the_step(planned(trades(endless), {"drop_after": "95 days"}))).scheduled


def test_a_new_time_zone_is_one_change() -> None:
    step = the_step(planned(trades(a_job(timezone="UTC")), {**KEEP, "timezone": "Asia/Tokyo"}))
    assert (told(step).timezone, told(step).next_start, step.action) == ("Asia/Tokyo", TODAY, "altered")
    assert step.before is not None
    assert step.after is not None
    assert {key for key in step.before if step.before[key] != step.after.get(key)} == {"timezone"}


def test_a_job_that_takes_the_place_of_another_has_its_settings() -> None:
    former = a_job(
        schedule_interval=Interval(days=2),
        max_runtime=Interval(days=1),
        max_retries=7,
        retry_period=Interval(days=1),
        timezone="Europe/Berlin",
        initial_start=FAR,
        fixed_schedule=True,
    )
    # No limit and no retry are settings too, which do not give way to what the former job had.
    asked = {"drop_created_before": "200 days", "max_runtime": "0 seconds", "max_retries": 0}
    step = the_step(planned(trades(former), asked))
    assert step.addition is not None
    assert (step.addition.by_creation, step.addition.after) == (True, Interval(days=200))
    assert (step.addition.schedule_interval, step.addition.initial_start) == (Interval(days=2), FAR)
    assert step.addition.timezone == told(step).timezone == "Europe/Berlin"
    assert (told(step).max_runtime, told(step).max_retries) == (Interval(), 0)
    assert (told(step).retry_period, told(step).next_start) == (Interval(days=1), FAR)


def test_a_schedule_becomes_fixed_where_only_its_start_was_kept() -> None:
    loose = a_job(initial_start=FAR, fixed_schedule=False)
    entry = {**KEEP, "initial_start": FAR.isoformat()}
    step = the_step(planned(trades(loose), entry))
    assert (told(step).initial_start, told(step).next_start) == (FAR, FAR)
    assert planned(trades(a_job(initial_start=FAR, fixed_schedule=True)), entry).steps == ()


def test_a_policy_that_is_resumed_with_another_start_begins_there() -> None:
    paused = trades(a_job(1001, "columnstore", scheduled=False))
    step = the_step(planned(paused, {"columnstore": {"after": "7 days", "initial_start": FAR.isoformat()}}))
    assert (told(step).scheduled, told(step).next_start) == (True, FAR)


def _many(number: int, **changes: Any) -> list[Hypertable]:
    return [a_hypertable(Relation("market", f"t{one:03}"), one, **changes) for one in range(1, number + 1)]


def _starts(made: Plan) -> list[datetime]:
    starts = [told(step).next_start for step in made.steps]
    return [start for start in starts if start is not None]


@pytest.mark.parametrize("schedule", [None, "12 hours", "1 month"])
def test_a_first_run_is_within_one_interval_and_never_at_once(schedule: str | None) -> None:
    span = {None: timedelta(days=1), "12 hours": timedelta(hours=12), "1 month": timedelta(days=28)}[schedule]
    options = {"match": {"schema": "market"}, "defaults": {**KEEP, "schedule_interval": schedule}}
    starts = _starts(plan(desired(options), a_state(*_many(24)), {}))
    assert len(set(starts)) == 24
    assert NOW < min(starts) <= max(starts) <= NOW + span
    # Evenly: TimescaleDB has few workers.
    ordered = sorted(starts)
    assert {later - earlier for earlier, later in itertools.pairwise(ordered)} == {span / 24}


def test_now_is_now_and_a_moment_is_that_moment_however_many_there_are() -> None:
    options = {"match": {"schema": "market"}, "defaults": KEEP}
    assert set(_starts(plan(desired({**options, "arm": "now"}), a_state(*_many(5)), {}))) == {NOW}
    options["defaults"] = {**KEEP, "initial_start": FAR.isoformat()}
    assert set(_starts(plan(desired({**options, "arm": "at"}), a_state(*_many(5)), {}))) == {FAR}


def test_a_purge_takes_retention_from_what_is_covered_and_not_listed() -> None:
    hourly, other = a_job(1001, hypertable=2), a_job(1002, hypertable=3)
    state = a_state(
        a_hypertable(jobs=(a_job(), a_job(1005, "columnstore"))),
        a_hypertable(CANDLES, 2, jobs=(hourly, a_job(1006, "columnstore", 2))),
        a_hypertable(Relation("chain", "blocks"), 3, jobs=(other,)),
        a_hypertable(Relation("market", "empty"), 4),
        a_hypertable(Relation("market", "excluded"), 5, jobs=(a_job(1003, hypertable=5),)),
        a_hypertable(Relation("market", "foreign"), 6, owner="other", jobs=(a_job(1004, hypertable=6),)),
    )
    options: dict[str, Any] = {
        "match": {"schema": "market", "owner": "platform"},
        "exclude": ["market.ex*"],
        "purge": True,
        "policies": [{"relation": "market.trades", **KEEP}],
    }
    made = plan(desired(options), state, {})
    assert made.refusals == ()
    assert [(str(step.relation), step.kind, step.action) for step in made.steps] == [
        ("market.candles", "retention", "removed")
    ]
    assert plan(desired({**options, "purge": False}), state, {}).steps == ()


@pytest.mark.parametrize(
    ("state", "entry", "asked"),
    [
        (trades(), KEEP, True),
        (trades(a_job()), KEEP, False),
        (trades(a_job(scheduled=False)), KEEP, True),
        (trades(a_job()), {"drop_after": "5 days"}, True),
        (trades(a_job()), {"drop_after": "100 days"}, True),
        (trades(a_job()), {"drop_created_before": "90 days"}, True),
        (trades(a_job()), {"state": "absent"}, False),
        (trades(a_job(scheduled=False)), {"state": "paused"}, True),
        (trades(), {"state": "paused"}, False),
        (trades(), COLUMNSTORE, False),
        # Questions that the server could only answer with an error.
        (trades(), {"drop_after": 5}, False),
        (trades(column_type="bigint"), KEEP, False),
        (trades(column_type="bigint"), {"drop_after": 5}, False),
        (trades(column_type="bigint"), {"drop_after": 5, "integer_now_func": "market.height"}, True),
        (a_state(a_hypertable(), server=a_server(version=(2, 12, 2))), {"drop_created_before": "9 days"}, False),
        (a_state(a_hypertable(), server=a_server(version=(2, 13))), {"drop_created_before": "9 days"}, True),
        (a_state(), KEEP, False),
    ],
)
def test_what_has_to_be_previewed(state: State, entry: dict[str, Any], asked: bool) -> None:
    wanted = resolve(desired({"policies": [{"relation": "market.trades", **entry}]}), state)
    assert [one.hypertable.relation for one in cutoffs(wanted, state)] == ([TRADES] if asked else [])


def test_every_policy_is_previewed_where_that_is_asked() -> None:
    state = trades(a_job())
    wanted = resolve(desired({"policies": [{"relation": "market.trades", **KEEP}]}), state)
    [cutoff] = cutoffs(wanted, state, every=True)
    assert (cutoff.after, cutoff.by_creation) == (Interval(days=90), False)
