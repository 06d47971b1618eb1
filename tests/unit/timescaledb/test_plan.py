# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is wanted and whatever is there: a plan once carried out leaves nothing to do, and arms nothing unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    Desired,
    Reach,
    Relation,
    desired,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import HELD, Hypertable, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import is_shorter, plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.verification import verify
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.retention_world import NOW, TRADES, a_hypertable, a_job, a_state, an_aggregate, applied

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


@settings(max_examples=200, deadline=None)
@given(_rules, _entries(), _states_of_the_database(), _previews)
def test_a_plan_carried_out_leaves_nothing_to_do_and_arms_nothing_unasked(
    options: dict[str, Any], entries: list[dict[str, Any]], state: State, previews: dict[Relation, Preview]
) -> None:
    wanted = desired({**options, "policies": entries})
    made = plan(wanted, state, previews)
    after = applied(state, made.steps)
    assert list(verify(made.steps, after)) == []
    assert plan(wanted, after, previews).steps == ()
    kept = {step.job.id for step in made.steps if step.job and step.alteration and not step.addition}
    assert kept <= {job.id for one in after.hypertables.values() for job in one.jobs}
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
    mistakes = desired({**options, "purge": False, "policies": [entry]}).problems
    if asked and not job.scheduled and not mistakes:
        assert job.held, (before.policy("retention"), job)


@pytest.mark.parametrize(
    ("new", "old", "shorter"),
    [
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
    ],
)
def test_shorter_is_what_may_reach_back_less_far(new: Reach, old: Reach | None, shorter: bool) -> None:
    assert is_shorter(new, old) is shorter


KEEP = {"drop_after": "100 days", "max_retries": 3}
THERE = a_state(a_hypertable(jobs=(a_job(timezone="Europe/Berlin"),)))
NEW = a_state(a_hypertable())


@pytest.mark.parametrize(
    ("state", "entry", "drops", "wrong"),
    [
        (THERE, KEEP, 0, {"timezone": None}),
        (THERE, KEEP, 0, {"next_start": None}),
        (THERE, KEEP, 0, {"scheduled": False}),
        (THERE, KEEP, 0, {"config": {"drop_after": "90 days"}}),
        (THERE, KEEP, 0, {"max_retries": -1}),
        (THERE, KEEP, 0, {"id": 1001}),
        (NEW, KEEP, 0, {"config": {"drop_after": "90 days"}}),
        # A policy that is to be held.
        (NEW, KEEP, 3, {"scheduled": True}),
        (NEW, KEEP, 3, {"config": {"drop_after": "100 days"}}),
        (NEW, KEEP, 3, {"next_start": None}),
    ],
)
def test_a_setting_that_the_database_does_not_take_over_is_found(
    state: State, entry: dict[str, Any], drops: int, wrong: dict[str, Any]
) -> None:
    made = plan(_wanted(entry), state, {TRADES: Preview(chunks=drops, total_chunks=10)})
    good = applied(state, made.steps).hypertables[TRADES]
    [job] = good.jobs
    assert list(verify(made.steps, a_state(good))) == []
    assert list(verify(made.steps, a_state(replace(good, jobs=(replace(job, **wrong),)))))


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        (KEEP, a_state(a_hypertable())),
        (KEEP, a_state()),
        ({"state": "absent"}, THERE),
        ({"chunk_time_interval": "2 days"}, THERE),
    ],
)
def test_a_step_that_the_database_did_not_take_is_found(entry: dict[str, Any], after: State) -> None:
    assert list(verify(plan(_wanted(entry), THERE, {}).steps, after))


def _wanted(entry: dict[str, Any]) -> Desired:
    return desired({"policies": [{"relation": "market.trades", **entry}]})
