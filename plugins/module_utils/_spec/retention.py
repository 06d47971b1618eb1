# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(retention): how long the data of hypertables and continuous aggregates are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Value,
    integer,
    list_of,
    one_of,
    reads,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import parse_moment, parse_relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval


@text.then
def _relation(value: Value, word: str) -> str:
    if parse_relation(word) is None:
        raise value.refuse(f"'{word}' is not a table with its schema; write schema.table, such as market.trades")
    return word


@text.then
def _function(value: Value, word: str) -> str:
    if parse_relation(word.removesuffix("()")) is None:
        raise value.refuse(f"'{word}' is not a function with its schema; write schema.function, such as market.now")
    return word


def _read_interval(value: Value) -> tuple[str, Interval]:
    if not isinstance(value.data, str):
        raise value.refuse(f"'{value.data}' is no interval; write {intervals.FORMS}")
    word = text(value)
    try:
        return word, intervals.parse(word)
    except ValueError as error:
        raise value.refuse(str(error)) from None


@reads("interval", type="string")
def _interval(value: Value) -> str:
    word, parsed = _read_interval(value)
    if not parsed.is_positive:
        raise value.refuse(f"'{word}' is not positive; write an interval of which no part is negative, such as 90 days")
    return word


@reads("interval", type="string")
def _limit(value: Value) -> str:
    """An interval of which zero means that there is no limit."""
    word, parsed = _read_interval(value)
    if not parsed.is_positive and parsed != Interval():
        raise value.refuse(f"'{word}' is not positive; write an interval such as 10 minutes, or 0 minutes for no limit")
    return word


_LARGEST = 2**63 - 1


@reads("interval or number, from 1", type=["string", "integer"], minimum=1, maximum=_LARGEST)
def _reach(value: Value) -> str | int:
    """An interval, or a number in the unit of an integer time column."""
    if isinstance(value.data, int) and not isinstance(value.data, bool):
        return integer(1, _LARGEST)(value)
    return _interval(value)


@reads("moment", type="string")
def _moment(value: Value) -> str:
    if isinstance(value.data, datetime):
        raise value.refuse("is a moment that YAML has read; write it in quotes")
    word = text(value)
    if parse_moment(word) is None:
        raise value.refuse(f"'{word}' is not a moment; write it as 2026-01-31T03:00:00Z, in quotes")
    return word


@dataclass(frozen=True)
class RetentionPolicy:
    """What is None is left as it is."""

    relation: str = key(_relation, "Hypertable or continuous aggregate with its schema, such as `market.trades`.")
    state: str = key(
        one_of("present", "paused", "absent"),
        "`paused` means that the policy stays and does not run, `absent` that there is no policy.",
        "present",
    )
    drop_after: str | int | None = key(
        _reach,
        "Age of the data that are dropped: an interval of PostgreSQL, such as `90 days`, or a number in the unit of an "
        "integer time column. This or `drop_created_before`.",
        None,
        shown="—",
    )
    drop_created_before: str | None = key(
        _interval,
        "Age of the chunks that are dropped, by when they were made, whatever their data's time.",
        None,
        shown="—",
    )
    schedule_interval: str | None = key(_interval, "How often the policy runs.", None, shown="TimescaleDB's, a day")
    initial_start: str | None = key(
        _moment,
        'When it runs first, such as `"2026-01-31T03:00:00Z"`; later runs keep its time of day.',
        None,
        shown="soon",
    )
    timezone: str | None = key(values.line, "Time zone of the schedule, such as `Asia/Seoul`.", None, shown="UTC")
    max_runtime: str | None = key(
        _limit, "The longest that one run may take; `0 minutes` for no limit.", None, shown="TimescaleDB's, 5 minutes"
    )
    integer_now_func: str | None = key(
        _function, "Function that tells the present of an integer time column.", None, shown="the present one"
    )
    chunk_time_interval: str | int | None = key(
        _reach, "Time that each new chunk covers. Data are dropped by whole chunks.", None, shown="left as it is"
    )


def _policy(taken: Section, policy: RetentionPolicy) -> RetentionPolicy:
    reaches = [word for word in ("drop_after", "drop_created_before") if taken.has(word)]
    if len(reaches) == 2:
        taken.refuse("drop_created_before", "stands beside drop_after; remove one of the two")
    if policy.state == "absent":
        for word in reaches:
            taken.refuse(word, "has no meaning with state: absent; remove it")
    elif policy.state and not reaches:
        taken.refuse("drop_after", "is missing; write how long the data are kept, such as 90 days")
    return policy


@list_of(section(RetentionPolicy, _policy)).then
def retention(value: Value, policies: tuple[RetentionPolicy, ...]) -> tuple[RetentionPolicy, ...]:
    """The parser of C(retention)."""
    first: dict[object, int] = {}
    for index, policy in enumerate(policies):
        before = first.setdefault(parse_relation(policy.relation), index)
        if before != index:
            place = value.child(index).child("relation")
            place.problem(f"'{policy.relation}' is what {value.path}[{before}] names too; remove one of the two")
    return policies
