# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is wanted and whatever is there: a plan once carried out leaves nothing to do, and arms nothing unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Desired, Relation, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, is_shorter, plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import HELD, Hypertable, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.verification import verify
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.retention_world import DAY, NOW, TRADES, a_hypertable, a_job, a_state, an_aggregate, applied

CANDLES = Relation("market", "candles")
BLOCKS = Relation("chain", "Blocks")

_intervals = st.sampled_from(["1 day", "90 days", "1 month", "30 days", "720 hours", "2 years", "36:00:00"])
_numbers = st.integers(1, 10**6)
_maybe: Any = lambda strategy: st.none() | strategy  # noqa: E731 - a strategy reads best in place
_moments = st.sampled_from(["2025-01-01T00:00:00Z", "2031-01-01T03:00:00Z"])


def _job(start: st.SearchStrategy[Any] = _moments) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "schedule_interval": _maybe(st.sampled_from(["1 day", "12 hours", "1 month"])),
        "initial_start": _maybe(start),
        "timezone": _maybe(st.sampled_from(["UTC", "Europe/Berlin"])),
        "max_runtime": _maybe(st.sampled_from(["0 seconds", "10 minutes"])),
        "max_retries": _maybe(st.integers(-1, 5)),
        "retry_period": _maybe(st.sampled_from(["1 minute", "1 hour"])),
    }


_states = st.sampled_from([None, "present", "paused", "absent"])


@st.composite
def _entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a user may ask for: of a table with time, of an aggregate on it, of a table with numbers."""
    mode = draw(st.sampled_from(["drop_after", "drop_created_before"]))
    trades: dict[str, Any] = {"relation": "market.trades", mode: draw(_maybe(_intervals)), "state": draw(_states)}
    trades |= draw(st.fixed_dictionaries(_job()))
    trades["chunk_time_interval"] = draw(_maybe(st.sampled_from(["1 day", "6 hours"])))
    if draw(st.booleans()):
        reach = draw(st.sampled_from(["after", "created_before"]))
        trades["columnstore"] = {
            reach: draw(_intervals),
            "state": draw(_states),
            **draw(st.fixed_dictionaries(_job())),
        }
    candles: dict[str, Any] = {"relation": "market.candles", "drop_after": draw(_maybe(_intervals))}
    if draw(st.booleans()):
        candles["refresh"] = {
            "start_offset": draw(_maybe(_intervals)),
            "end_offset": draw(_maybe(st.sampled_from(["1 hour", "0 seconds"]))),
            "state": draw(_states),
            **draw(st.fixed_dictionaries(_job())),
        }
    blocks = {
        "relation": 'chain."Blocks"',
        "drop_after": draw(_maybe(_numbers)),
        "integer_now_func": draw(_maybe(st.just("chain.height"))),
        "chunk_time_interval": draw(_maybe(_numbers)),
        "state": draw(_states),
    }
    return draw(st.lists(st.sampled_from([trades, candles, blocks]), min_size=1, unique_by=lambda one: one["relation"]))


@st.composite
def _jobs(draw: st.DrawFn, number: int, kind: str, hypertable: int, configs: st.SearchStrategy[Any]) -> Any:
    """A policy in whatever shape somebody left it, or none."""
    if draw(st.booleans()):
        return ()
    held = {HELD: {"since": "2026-11-01T00:00:00+00:00", "chunks": 3}} if draw(st.booleans()) else {}
    fixed = draw(st.booleans())
    runs = draw(st.integers(0, 2))
    ahead = draw(_maybe(st.integers(-400, 400)))
    return (
        a_job(
            number,
            kind,
            hypertable,
            config={**draw(configs), **held},
            scheduled=draw(st.booleans()),
            fixed_schedule=fixed,
            initial_start=NOW - timedelta(days=9) if fixed else None,
            timezone=draw(st.sampled_from([None, "UTC", "Asia/Tokyo"])),
            next_start=None if ahead is None else NOW + timedelta(hours=ahead),
            next_start_is_now=ahead is None,
            total_runs=runs,
            last_run_success=draw(st.booleans()) if runs else None,
        ),
    )


def _config(*keys: str, values: st.SearchStrategy[Any] = _intervals) -> st.SearchStrategy[Any]:
    return st.one_of(*(st.fixed_dictionaries({key: values}) for key in keys))


@st.composite
def _states_of_the_database(draw: st.DrawFn) -> State:
    window = st.fixed_dictionaries({"start_offset": _maybe(_intervals), "end_offset": st.just("01:00:00")})
    trades = (
        *draw(_jobs(1000, "retention", 1, _config("drop_after", "drop_created_before"))),
        *draw(_jobs(1001, "columnstore", 1, _config("compress_after", "compress_created_before"))),
    )
    candles = (
        *draw(_jobs(1002, "retention", 2, _config("drop_after"))),
        *draw(_jobs(1003, "refresh", 2, window)),
    )
    blocks = draw(_jobs(1004, "retention", 3, _config("drop_after", values=_numbers)))
    height = draw(_maybe(st.just(Relation("chain", "height"))))
    return a_state(
        a_hypertable(jobs=trades),
        an_aggregate("candles", 2, 1, jobs=candles),
        a_hypertable(BLOCKS, 3, column_type="bigint", chunk_interval=1000, integer_now_func=height, jobs=blocks),
    )


_rules = st.fixed_dictionaries(
    {
        "arm": st.sampled_from(["hold_if_drops", "hold", "now", "at"]),
        "allow_shorten": st.booleans(),
        "on_cagg_conflict": st.just("warn"),
        "max_drop_percent": st.sampled_from([20, 100]),
        "purge": st.booleans(),
        "match": _maybe(st.sampled_from([{"schema": "*"}, {"schema": "market"}])),
    }
)

_previews = st.dictionaries(
    st.sampled_from([TRADES, CANDLES, BLOCKS]),
    st.builds(Preview, chunks=st.integers(0, 10), total_chunks=st.just(10), newest_internal=st.just(0)),
)


def _planned(
    options: dict[str, Any], entries: list[dict[str, Any]], state: State, previews: Any
) -> tuple[Desired, Plan]:
    wanted = desired({**options, "policies": entries})
    return wanted, plan(wanted, state, previews)


@settings(max_examples=150, deadline=None)
@given(_rules, _entries(), _states_of_the_database(), _previews)
def test_a_plan_carried_out_leaves_nothing_to_do(
    options: dict[str, Any], entries: list[dict[str, Any]], state: State, previews: dict[Relation, Preview]
) -> None:
    wanted, made = _planned(options, entries, state, previews)
    after = applied(state, made.steps)
    assert list(verify(made.steps, after)) == []
    assert plan(wanted, after, previews).steps == ()
    kept = {step.job.id for step in made.steps if step.job and step.alteration and not step.addition}
    assert kept <= {job.id for one in after.hypertables.values() for job in one.jobs}


@settings(max_examples=150, deadline=None)
@given(_rules, _entries(), _states_of_the_database(), _previews)
def test_nothing_is_armed_that_was_not_asked_for(
    options: dict[str, Any], entries: list[dict[str, Any]], state: State, previews: dict[Relation, Preview]
) -> None:
    _wanted, made = _planned(options, entries, state, previews)
    after = applied(state, made.steps)
    for step in made.steps:
        if step.alteration is None:
            continue
        start = step.alteration.next_start
        assert start is not None
        assert start > NOW or (options["arm"] == "now" and start == NOW)
        if not step.addition and "timezone" not in str(entries):
            assert step.job is not None
            assert step.alteration.timezone == step.job.timezone
        drops = previews.get(step.relation, Preview()).chunks > 0
        arms_unasked = step.arms and (options["arm"] == "hold" or (options["arm"] == "hold_if_drops" and drops))
        assert not arms_unasked
    for relation, hypertable in after.hypertables.items():
        _holds_are_visible(hypertable, state.hypertables[relation], entries, options)


def _holds_are_visible(
    now: Hypertable, before: Hypertable, entries: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    """Who wants a policy to run, and whose policy does not, is told so."""
    entry = next((one for one in entries if str(now.relation) == one["relation"]), None)
    job = now.policy("retention")
    if job is None or entry is None or entry.get("state") not in (None, "present"):
        return
    asked = entry.get("drop_after") is not None or entry.get("drop_created_before") is not None
    if asked and not job.scheduled and not _has_mistake(entry, options):
        assert job.held, (before.policy("retention"), job)


def _has_mistake(entry: dict[str, Any], options: dict[str, Any]) -> bool:
    return bool(desired({**options, "purge": False, "policies": [entry]}).problems)


def test_what_each_arming_makes_of_a_new_policy() -> None:
    drops = {TRADES: Preview(chunks=3, total_chunks=10)}
    for arm, previews, scheduled, start in (
        ("hold_if_drops", drops, False, NOW + timedelta(days=1)),
        ("hold_if_drops", {}, True, NOW + timedelta(days=1)),
        ("hold", {}, False, NOW + timedelta(days=1)),
        ("now", drops, True, NOW),
    ):
        entries = [{"relation": "market.trades", "drop_after": "90 days"}]
        _wanted, made = _planned({"arm": arm, "max_drop_percent": 100}, entries, a_state(a_hypertable()), previews)
        [step] = made.steps
        assert made.refusals == ()
        assert step.alteration is not None
        assert (step.alteration.scheduled, step.alteration.next_start) == (scheduled, start)


def test_new_policies_do_not_all_start_at_once() -> None:
    hypertables = [a_hypertable(Relation("market", f"t{number}"), number) for number in range(1, 101)]
    entries = [{"relation": str(one.relation), "drop_after": "90 days"} for one in hypertables]
    _wanted, made = _planned({}, entries, a_state(*hypertables), {})
    starts = {step.alteration.next_start for step in made.steps if step.alteration and step.alteration.next_start}
    assert len(starts) == 100
    assert NOW < min(starts) <= max(starts) <= NOW + timedelta(days=1)


def test_shorter_is_what_may_reach_back_less_far() -> None:
    for new, old, shorter in (
        (Interval(days=5), Interval(days=90), True),
        (Interval(days=90), Interval(days=5), False),
        (Interval(months=1), Interval(days=30), True),
        (Interval(days=30), Interval(months=1), True),
        (Interval(days=31), Interval(months=1), False),
        (Interval(months=1, days=2), Interval(months=1, days=1), False),
        (Interval(months=1, days=1), Interval(months=1, days=2), True),
        (5, 10, True),
        (10, 5, False),
        (5, Interval(days=1), True),
        (Interval(days=1), None, True),
    ):
        assert is_shorter(new, old) is shorter, (new, old)


def test_what_the_database_does_not_take_over_is_found() -> None:
    """Each way in which TimescaleDB could have done something else than it was told."""
    state = a_state(a_hypertable(jobs=(a_job(timezone="Europe/Berlin"),)))
    entries = [{"relation": "market.trades", "drop_after": "100 days", "max_retries": 3}]
    _wanted, made = _planned({}, entries, state, {})
    good = applied(state, made.steps).hypertables[TRADES]
    [job] = good.jobs
    for wrong in (
        replace(job, timezone=None),
        replace(job, next_start=None),
        replace(job, scheduled=False),
        replace(job, config={"drop_after": "90 days"}),
        replace(job, max_retries=-1),
        replace(job, id=1001),
    ):
        assert list(verify(made.steps, a_state(replace(good, jobs=(wrong,)))))
    assert list(verify(made.steps, a_state(replace(good, jobs=()))))
    assert list(verify(made.steps, a_state()))
    new, held = a_state(a_hypertable()), {TRADES: Preview(chunks=3, total_chunks=10)}
    _wanted, made = _planned({}, entries, new, held)
    [job] = applied(new, made.steps).hypertables[TRADES].jobs
    assert not job.scheduled
    for wrong in (
        replace(job, scheduled=True),
        replace(job, config={"drop_after": "100 days"}),
        replace(job, next_start=None),
    ):
        assert list(verify(made.steps, a_state(a_hypertable(jobs=(wrong,)))))
    removed = [{"relation": "market.trades", "state": "absent"}]
    _wanted, made = _planned({}, removed, state, {})
    assert list(verify(made.steps, state))
    changed = [{"relation": "market.trades", "chunk_time_interval": "2 days"}]
    _wanted, made = _planned({}, changed, state, {})
    assert list(verify(made.steps, state))
    assert list(verify(made.steps, a_state(a_hypertable(chunk_interval=2 * DAY)))) == []
