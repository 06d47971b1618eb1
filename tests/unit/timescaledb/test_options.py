# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be written in the options of a policy, and what is said of everything else: whatever it is, no traceback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    AgePolicy,
    Job,
    Policies,
    Refresh,
    Relation,
    Rules,
    Scope,
    desired,
    parse_moment,
    parse_relation,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import plan, resolve
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import CODES
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.retention_world import a_hypertable, a_job, a_state, an_aggregate, applied

HOUR = 3600 * 1_000_000
KEEP = {"drop_after": "90 days"}
WINDOW = {"schedule_interval": "1 hour"}
FIXED = {**KEEP, "initial_start": "2031-01-01"}


def policies(entry: Mapping[str, Any], **options: Any) -> Policies:
    """The one entry, in which nothing is wrong."""
    wanted = desired({**options, "policies": [{"relation": "market.trades", **entry}]})
    assert wanted.problems == ()
    [found] = wanted.policies
    return found


def problems(entry: Mapping[str, Any], **options: Any) -> list[tuple[str, str]]:
    """Codes, and what is said before the remedy."""
    wanted = desired({**options, "policies": [{"relation": "market.trades", **entry}]})
    nothing = Policies(Relation("market", "trades"))
    assert bool(wanted.problems) == (wanted.policies == (nothing,))
    assert {one.where for one in wanted.problems} <= {"market.trades"}
    return [(one.code, one.message) for one in wanted.problems]


_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("market.trades", Relation("market", "trades")),
        ("Market.TRADES", Relation("market", "trades")),
        ('market."Order Book"', Relation("market", "Order Book")),
        ('"a.b"."c""d"', Relation("a.b", 'c"d')),
        ("größe.tägliche", Relation("größe", "tägliche")),
        ("market.t$1", Relation("market", "t$1")),
        ("trades", None),
        ("a.b.c", None),
        ("market.", None),
        (".trades", None),
        ("market.1st", None),
        ("market.tra des", None),
        ('market."trades', None),
        ('market.""', None),
        ("market.trades; DROP TABLE x", None),
        # PostgreSQL would cut off what is longer than 63 bytes.
        (f"market.{'q' * 63}", Relation("market", "q" * 63)),
        (f"market.{'q' * 64}", None),
        ("market." + "ä" * 32, None),
    ],
)
def test_names(text: str, relation: Relation | None) -> None:
    assert parse_relation(text) == relation


@given(_names, _names)
def test_a_name_is_written_so_that_it_is_read_back(schema: str, name: str) -> None:
    relation = Relation(schema, name)
    assert parse_relation(str(relation)) == relation


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T03:00:00Z", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31T03:00:00+02:00", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("2026-01-31 03:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("tomorrow", None),
        ("infinity", None),
    ],
)
def test_moments(text: str, moment: datetime | None) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    ("value", "reach"),
    [
        ("90 days", Interval(days=90)),
        (" 90 days ", Interval(days=90)),
        ("P90D", Interval(days=90)),
        ("1 month", Interval(months=1)),
        ("36:00:00", Interval(microseconds=36 * HOUR)),
        (1000, 1000),
        ("1000", 1000),
        ("+1000", 1000),
        (" 1000 ", 1000),
        (2**70, 2**70),
    ],
)
def test_reaches(value: Any, reach: Interval | int) -> None:
    window = {**WINDOW, "start_offset": value, "end_offset": value}
    found = policies({"drop_after": value, "columnstore": {"after": value}, "refresh": window})
    assert found.retention == found.columnstore == AgePolicy(reach, False, "present", Job())
    assert found.refresh == Refresh(reach, reach, "present", Job(Interval(microseconds=HOUR)))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, "TSR010"),
        (False, "TSR010"),
        (1.5, "TSR010"),
        ("1.5", "TSR010"),
        ("", "TSR010"),
        ("soon", "TSR010"),
        ("1.5 months", "TSR010"),
        ("5 m", "TSR010"),
        ("infinity", "TSR010"),
        (["90 days"], "TSR010"),
        ({"days": 90}, "TSR010"),
        ("9" * 5000, "TSR010"),
        ("9" * 5000 + " days", "TSR010"),
        (-5, "TSR011"),
        ("-5", "TSR011"),
        (0, "TSR011"),
        ("0 days", "TSR011"),
        ("-90 days", "TSR011"),
        ("1 month -1 day", "TSR011"),
        ("30 days -00:00:01", "TSR011"),
    ],
)
def test_what_is_no_reach(value: Any, code: str) -> None:
    for entry, option in (
        ({"drop_after": value}, "drop_after"),
        ({"drop_created_before": value}, "drop_created_before"),
        ({"chunk_time_interval": value}, "chunk_time_interval"),
        ({"columnstore": {"after": value}}, "columnstore.after"),
        ({"columnstore": {"created_before": value}}, "columnstore.created_before"),
        ({"refresh": {**WINDOW, "start_offset": value}}, "refresh.start_offset"),
    ):
        [(found, message)] = problems(entry)
        assert (found, message.startswith(option)) == (code, True)


@pytest.mark.parametrize(("value", "end"), [("0 seconds", Interval()), ("PT0S", Interval()), (0, 0), ("0", 0)])
def test_a_refresh_may_reach_the_present(value: Any, end: Interval | int) -> None:
    found = policies({"refresh": {**WINDOW, "end_offset": value}})
    assert found.refresh == Refresh(None, end, "present", Job(Interval(microseconds=HOUR)))


FULL = {
    "schedule_interval": "12 hours",
    "initial_start": "2031-01-01T03:00:00+01:00",
    "timezone": "Europe/Berlin",
    "max_runtime": "0 seconds",
    "max_retries": 0,
    "retry_period": "PT10M",
}


def test_the_settings_of_a_job_are_the_same_for_each_kind() -> None:
    found = policies(
        {**KEEP, **FULL, "columnstore": {"after": "7 days", **FULL}, "refresh": {"end_offset": "1 hour", **FULL}}
    )
    job = Job(
        schedule_interval=Interval(microseconds=12 * HOUR),
        initial_start=datetime(2031, 1, 1, 2, tzinfo=UTC),
        timezone="Europe/Berlin",
        max_runtime=Interval(),
        max_retries=0,
        retry_period=Interval(microseconds=HOUR // 6),
    )
    assert [part.job for _kind, part in found.parts()] == [job] * 3


def test_what_is_not_given_is_left_alone() -> None:
    found = policies(KEEP)
    assert found.retention == AgePolicy(Interval(days=90), False, "present", Job())
    assert (found.columnstore, found.refresh, found.chunk_time_interval, found.integer_now_func) == (None,) * 4
    unset = {"relation": "market.trades", **KEEP, "columnstore": {"after": None, "state": None}, "refresh": None}
    assert desired({"policies": [unset]}).policies == (found,)
    only = policies({"chunk_time_interval": "1 day"})
    assert (only.retention, only.chunk_time_interval) == (None, Interval(days=1))


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("schedule_interval", "0 seconds", "TSR014"),
        ("schedule_interval", "-1 day", "TSR014"),
        ("schedule_interval", "often", "TSR010"),
        ("schedule_interval", "", "TSR010"),
        ("max_runtime", "-1 day", "TSR014"),
        ("max_runtime", "long", "TSR010"),
        ("retry_period", "0 seconds", "TSR014"),
        ("retry_period", "5 m", "TSR010"),
        ("initial_start", "tomorrow", "TSR010"),
        ("initial_start", "2031-02-30", "TSR010"),
        ("initial_start", "infinity", "TSR010"),
        # Moments that are beyond the calendar in UTC.
        ("initial_start", "9999-12-31T23:59:59-12:00", "TSR010"),
        ("initial_start", "0001-01-01T00:00:00+12:00", "TSR010"),
    ],
)
def test_settings_of_a_job_that_cannot_be(setting: str, value: str, code: str) -> None:
    for prefix, entry in (
        ("", {**KEEP, setting: value}),
        ("columnstore.", {"columnstore": {"after": "7 days", setting: value}}),
        ("refresh.", {"refresh": {**WINDOW, setting: value}}),
    ):
        [(found, message)] = problems(entry)
        assert (found, message.startswith(f"{prefix}{setting}")) == (code, True)


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        ({}, "TSR016", "neither drop_after nor drop_created_before"),
        ({"max_retries": 3}, "TSR016", "neither drop_after nor drop_created_before"),
        ({**KEEP, "drop_created_before": "90 days"}, "TSR016", "both drop_after and drop_created_before"),
        (
            {"columnstore": {"after": "7 days", "created_before": "7 days"}},
            "TSR016",
            "both of after and created_before",
        ),
        ({"columnstore": {"max_retries": 3}}, "TSR016", "neither of after and created_before"),
        ({"columnstore": {"state": "paused", "after": 7, "created_before": 7}}, "TSR016", "both of after"),
        ({"refresh": {"start_offset": "3 days"}}, "TSR016", "refresh has no schedule_interval"),
        ({"refresh": {**WINDOW, "end_offset": "-1 day"}}, "TSR011", "refresh.end_offset"),
        ({"drop_created_before": 5}, "TSR012", "creation is a moment"),
        ({"chunk_time_interval": "1 month"}, "TSR034", "has months"),
        ({"chunk_time_interval": "1 year 1 day"}, "TSR034", "has months"),
        ({**KEEP, "integer_now_func": "height"}, "TSR006", "no name with a schema"),
        ({**KEEP, "integer_now_func": "chain.height(1)"}, "TSR006", "no name with a schema"),
        ({**KEEP, "integer_now_func": ""}, "TSR006", "no name with a schema"),
        ({**FIXED, "schedule_interval": "1 month 1 hour"}, "TSR014", "has months and more, with initial_start"),
    ],
)
def test_mistakes(entry: dict[str, Any], code: str, said: str) -> None:
    [(found, message)] = problems(entry)
    assert found == code
    assert said in message


@pytest.mark.parametrize(
    "entry",
    [
        {**FIXED, "schedule_interval": "1 month"},
        {**FIXED, "schedule_interval": "3 days 1 hour"},
        {**KEEP, "schedule_interval": "1 month 1 hour"},
    ],
)
def test_a_fixed_schedule_takes_months_or_days(entry: dict[str, Any]) -> None:
    assert problems(entry) == []


@pytest.mark.parametrize("state", ["paused", "absent"])
def test_what_is_stopped_or_removed_needs_no_reach(state: str) -> None:
    found = policies({"state": state, "columnstore": {"state": state}, "refresh": {"state": state}})
    assert [part.state for _kind, part in found.parts()] == [state] * 3
    assert [part.after for _kind, part in found.parts() if isinstance(part, AgePolicy)] == [None, None]


@pytest.mark.parametrize("text", ["chain.height", "chain.height()", " Chain.HEIGHT() ", '"chain"."height"()'])
def test_a_function_is_named_with_or_without_its_parentheses(text: str) -> None:
    assert policies({"drop_after": 5, "integer_now_func": text}).integer_now_func == Relation("chain", "height")


def test_all_mistakes_are_told_at_once() -> None:
    entry = {
        "drop_after": "soon",
        "schedule_interval": "0 days",
        "initial_start": "later",
        "columnstore": {"after": "-1 day"},
        "refresh": {"start_offset": "3 days"},
        "chunk_time_interval": "1 month",
        "integer_now_func": "height",
    }
    found = sorted(code for code, _message in problems(entry))
    assert found == ["TSR006", "TSR010", "TSR010", "TSR011", "TSR014", "TSR016", "TSR034"]


def test_an_entry_that_is_wrong_does_not_take_the_others_with_it() -> None:
    wanted = desired(
        {
            "policies": [
                {"relation": "market.a", **KEEP},
                {"relation": "market.b", "drop_after": "soon"},
                {"relation": "c", **KEEP},
                {"relation": None, **KEEP},
                {"relation": "MARKET.A", "drop_after": "1 day"},
            ],
            "purge": True,
        }
    )
    sound, wrong = wanted.policies
    assert (str(sound.relation), sound.retention is None) == ("market.a", False)
    assert wrong == Policies(Relation("market", "b"))
    assert [(one.code, one.where) for one in wanted.problems] == [
        ("TSR010", "market.b"),
        ("TSR006", "policies[2]"),
        ("TSR006", "policies[3]"),
        ("TSR017", "market.a"),
        ("TSR032", "purge"),
    ]


def test_mistakes_in_defaults_are_told_once_for_a_pattern() -> None:
    assert desired({}).problems == ()
    covered = desired({"match": {"schema": "market"}, "defaults": {"drop_after": "soon"}})
    assert [(one.code, one.where) for one in covered.problems] == [("TSR010", 'match."*"')]


def test_defaults_are_for_what_an_entry_leaves_open() -> None:
    wanted = desired(
        {
            "defaults": {"drop_after": "90 days", "max_retries": 3, "timezone": "UTC"},
            "policies": [
                {"relation": "market.a"},
                {"relation": "market.b", "drop_after": "5 days", "max_retries": 7},
                {"relation": "market.c", "drop_created_before": "5 days"},
                {"relation": "market.d", "state": "absent"},
                {"relation": "market.e", "state": "paused"},
            ],
        }
    )
    assert wanted.problems == ()
    found = {one.relation.name: one.retention for one in wanted.policies}
    retentions = {name: one for name, one in found.items() if one}
    assert {name: (one.after, one.by_creation, one.state) for name, one in retentions.items()} == {
        "a": (Interval(days=90), False, "present"),
        "b": (Interval(days=5), False, "present"),
        "c": (Interval(days=5), True, "present"),
        "d": (None, False, "absent"),
        "e": (Interval(days=90), False, "paused"),
    }
    assert [one.job.max_retries for one in retentions.values()] == [3, 7, 3, 3, 3]


def test_a_part_of_the_defaults_is_replaced_as_a_whole() -> None:
    defaults = {"columnstore": {"after": "7 days", "max_retries": 3}, "schedule_interval": "2 days", **KEEP}
    own = policies({"columnstore": {"after": "9 days"}}, defaults=defaults).columnstore
    inherited = policies({}, defaults=defaults).columnstore
    assert own == AgePolicy(Interval(days=9), False, "present", Job())
    assert inherited == AgePolicy(Interval(days=7), False, "present", Job(max_retries=3))


def test_a_pattern_covers_what_is_not_listed_and_a_listed_entry_stays_its_own() -> None:
    names = ("candles_1m", "candles_1h", "trades", "candles_old")
    state = a_state(*(a_hypertable(Relation("market", name), number) for number, name in enumerate(names)))
    options: dict[str, Any] = {
        "match": {"schema": "market", "name": "candles_*"},
        "exclude": ["market.candles_o*"],
        "defaults": {"drop_after": "1 year"},
        "policies": [{"relation": "market.candles_1h", "drop_after": "2 years"}],
    }
    wanted = {one.relation.name: one.retention for one in resolve(desired(options), state)}
    assert {name: str(one.after) for name, one in wanted.items() if one} == {
        "candles_1m": "1 year",
        "candles_1h": "2 years",
    }


def test_a_scope_is_of_schema_name_and_owner() -> None:
    relation = Relation("market", "Order Book")
    assert Scope(name="Order*").covers(relation, "platform")
    assert not Scope(name="order*").covers(relation, "platform")
    assert not Scope(owner="other").covers(relation, "platform")
    for pattern in ("market.Order*", 'market."Order*'):
        assert not Scope(exclude=(pattern,)).covers(relation, "platform")


def test_rules_have_defaults_that_keep_data() -> None:
    assert desired({}).rules == Rules("hold_if_drops", 20.0, None, None, False, "refuse", True, "auto")
    given: dict[str, Any] = {
        "arm": "now",
        "max_drop_percent": 0.0,
        "max_drop_chunks": 0,
        "max_drop_bytes": 0,
        "allow_shorten": True,
        "on_cagg_conflict": "warn",
        "require_materialized": False,
        "preview_bytes": "never",
    }
    assert desired(given).rules == Rules(**given)
    assert desired(dict.fromkeys(given)).rules == Rules()


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_spans = st.builds(
    lambda number, unit: f"{number} {unit}",
    st.integers(-(10**9), 10**12),
    st.sampled_from(["us", "hours", "days", "months", "years"]),
)
_moments = st.datetimes(timezones=st.timezones() | st.just(UTC)).map(datetime.isoformat)
_anything = _values | _spans | _moments
_job = {name: _anything for name in FULL if name not in ("max_retries", "timezone")}
_entry = st.fixed_dictionaries(
    {"relation": st.sampled_from(["market.trades", "market.candles"])},
    optional={
        "drop_after": _anything,
        "drop_created_before": _anything,
        "chunk_time_interval": _anything,
        "integer_now_func": st.text(max_size=20),
        "state": st.sampled_from(["present", "paused", "absent"]),
        "columnstore": st.fixed_dictionaries({"after": _anything}, optional=_job),
        "refresh": st.fixed_dictionaries({}, optional={**_job, "start_offset": _anything, "end_offset": _anything}),
        **_job,
    },
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_entry, max_size=2), st.booleans(), st.sampled_from(["hold", "now", "at"]))
def test_whatever_is_written_is_planned_or_refused(entries: list[dict[str, Any]], there: bool, arm: str) -> None:
    jobs = (a_job(schedule_interval=Interval(months=10**9)), a_job(1001, "columnstore")) if there else ()
    state = a_state(a_hypertable(jobs=jobs), an_aggregate("candles", 2, 1))
    wanted = desired({"policies": entries, "arm": arm})
    made = plan(wanted, state, {})
    assert {one.code for one in made.refusals} <= CODES.keys()
    if not made.refusals:
        assert plan(wanted, applied(state, made.steps), {}).steps == ()
