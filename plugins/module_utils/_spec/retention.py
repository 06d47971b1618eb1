# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(retention): how long the data of hypertables and continuous aggregates are kept, and what else is kept for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    parse_moment,
    parse_relation,
    policies_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal


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


@reads("interval or number, from 0", type=["string", "integer"], minimum=0, maximum=_LARGEST)
def _end(value: Value) -> str | int:
    """A reach that may be nothing."""
    if isinstance(value.data, int) and not isinstance(value.data, bool):
        return integer(0, _LARGEST)(value)
    return _limit(value)


@reads("moment", type="string")
def _moment(value: Value) -> str:
    if isinstance(value.data, datetime):
        raise value.refuse("is a moment that YAML has read; write it in quotes")
    word = text(value)
    if parse_moment(word) is None:
        raise value.refuse(f"'{word}' is not a moment; write it as 2026-01-31T03:00:00Z, in quotes")
    return word


@dataclass(frozen=True)
class Job:
    """When a policy runs."""

    state: str = key(
        one_of("present", "paused", "absent"),
        "`paused` means that the policy stays and does not run, `absent` that there is no policy.",
        "present",
    )
    schedule_interval: str | None = key(
        _interval, "How often the policy runs.", None, shown="left as it is; TimescaleDB's at first"
    )
    initial_start: str | None = key(
        _moment,
        'When it runs first, such as `"2026-01-31T03:00:00Z"`, in quotes; later runs keep its time of day.',
        None,
        shown="soon",
    )
    timezone: str | None = key(
        values.line, "Time zone of the schedule, in PostgreSQL's own spelling, such as `Asia/Seoul`.", None, shown="UTC"
    )
    max_runtime: str | None = key(
        _limit, "The longest that one run may take; `0 minutes` for no limit.", None, shown="TimescaleDB's"
    )
    max_retries: int | None = key(
        integer(-1, 2**31 - 1), "How often a failed run is tried again; -1 has no end.", None, shown="TimescaleDB's"
    )
    retry_period: str | None = key(_interval, "Time between two tries.", None, shown="TimescaleDB's")


@dataclass(frozen=True)
class ColumnstorePolicy(Job):
    after: str | int | None = key(
        _reach, "Age of the data that move to the columnstore. This or `created_before`.", None, shown="—"
    )
    created_before: str | None = key(_interval, "The same by when the chunks were made.", None, shown="—")


@dataclass(frozen=True)
class RefreshPolicy(Job):
    start_offset: str | int | None = key(
        _reach, "Time before the present from which it refreshes.", None, shown="the beginning"
    )
    end_offset: str | int | None = key(_end, "Time before the present up to which it refreshes.", None, shown="the end")


@dataclass(frozen=True)
class _Data:
    """The keys of the data themselves, which come before those of the job."""

    relation: str = key(_relation, "Hypertable or continuous aggregate with its schema, such as `market.trades`.")
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
    integer_now_func: str | None = key(
        _function, "Function that tells the present of an integer time column.", None, shown="the present one"
    )
    chunk_time_interval: str | int | None = key(
        _reach,
        "Time that each new chunk covers. Data are dropped by whole chunks.",
        None,
        shown="left as it is",
    )
    columnstore: ColumnstorePolicy | None = key(
        section(ColumnstorePolicy), "The policy that moves chunks to the columnstore.", None, shown="left as it is"
    )
    refresh: RefreshPolicy | None = key(
        section(RefreshPolicy), "The policy that refreshes a continuous aggregate.", None, shown="left as it is"
    )


@dataclass(frozen=True)
class RetentionPolicy(Job, _Data):
    """How long the data of one hypertable or continuous aggregate are kept. What is None is left as it is."""


@section(RetentionPolicy).then
def _policy(value: Value, policy: RetentionPolicy) -> RetentionPolicy:
    """An entry that the module itself would not refuse before it looks at the database."""
    relation, refusals = parse_relation(policy.relation), list[Refusal]()
    if relation:
        policies_of(relation, asdict(policy), refusals)
    for refusal in refusals:
        value.problem(f"{refusal.message}; {refusal.remedy[0].lower()}{refusal.remedy[1:].rstrip('.')}")
    return policy


@list_of(_policy).then
def retention(value: Value, policies: tuple[RetentionPolicy, ...]) -> tuple[RetentionPolicy, ...]:
    """The parser of C(retention)."""
    first: dict[object, int] = {}
    for index, policy in enumerate(policies):
        before = first.setdefault(parse_relation(policy.relation), index)
        if before != index:
            place = value.child(index).child("relation")
            place.problem(f"'{policy.relation}' is what {value.path}[{before}] names too; remove one of the two")
    return policies
