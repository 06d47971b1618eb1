# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parsers of C(timescaledb) and C(retention)."""

from __future__ import annotations

from datetime import datetime

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import RetentionPolicy, Timescaledb
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Section,
    Value,
    integer,
    list_of,
    one_of,
    section_of,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import parse_moment, parse_relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval

#: Of these libpq says that they verify the server's certificate.
_VERIFYING = ("verify-ca", "verify-full")


def timescaledb(value: Value) -> Timescaledb:
    """The parser of C(timescaledb). Its defaults are the names that CloudNativePG gives a cluster C(timescaledb)."""
    return section_of(_timescaledb)(value)


def _timescaledb(section: Section) -> Timescaledb:
    parsed = Timescaledb(
        namespace=section.take("namespace", values.dns_label(), "data"),
        service=section.take("service", values.dns_label(), "timescaledb-rw"),
        port=section.take("port", integer(1, 65535), 5432),
        database=section.take("database", values.line, "entasis"),
        user=section.take("user", values.line, None),
        secret=section.take("secret", values.dns_label(253), "timescaledb-app"),
        ssl_mode=section.take("ssl_mode", one_of("disable", "allow", "prefer", "require", *_VERIFYING), "prefer"),
        ca_cert=section.take("ca_cert", values.line, None),
        engine=section.take("engine", one_of("auto", "policy", "scheduled"), "auto"),
    )
    if parsed.ssl_mode in _VERIFYING and not section.has("ca_cert"):
        instead = f"write the path of the authority's certificate, or an ssl_mode other than {parsed.ssl_mode}"
        section.refuse("ca_cert", f"is missing; {instead}")
    return parsed


def retention(value: Value) -> tuple[RetentionPolicy, ...]:
    """The parser of C(retention)."""
    policies = list_of(section_of(_policy))(value)
    first: dict[object, int] = {}
    for index, policy in enumerate(policies):
        before = first.setdefault(parse_relation(policy.relation), index)
        if before != index:
            place = value.child(index, None).child("relation", None)
            place.problem(f"'{policy.relation}' is what {value.path}[{before}] names too; remove one of the two")
    return policies


def _policy(section: Section) -> RetentionPolicy:
    state = section.take("state", one_of("present", "paused", "absent"), "present")
    policy = RetentionPolicy(
        relation=section.take("relation", _relation),
        state=state,
        drop_after=section.take("drop_after", _reach, None),
        drop_created_before=section.take("drop_created_before", _interval, None),
        schedule_interval=section.take("schedule_interval", _interval, None),
        initial_start=section.take("initial_start", _moment, None),
        timezone=section.take("timezone", values.line, None),
        max_runtime=section.take("max_runtime", _limit, None),
        integer_now_func=section.take("integer_now_func", _function, None),
        chunk_time_interval=section.take("chunk_time_interval", _reach, None),
    )
    reaches = [key for key in ("drop_after", "drop_created_before") if section.has(key)]
    if len(reaches) == 2:
        section.refuse("drop_created_before", "stands beside drop_after; remove one of the two")
    if state == "absent":
        for key in reaches:
            section.refuse(key, "has no meaning with state: absent; remove it")
    elif state and not reaches:
        section.refuse("drop_after", "is missing; write how long the data are kept, such as 90 days")
    return policy


def _relation(value: Value) -> str:
    word = text(value)
    if parse_relation(word) is None:
        raise value.refuse(f"'{word}' is not a table with its schema; write schema.table, such as market.trades")
    return word


def _function(value: Value) -> str:
    word = text(value)
    if parse_relation(word.removesuffix("()")) is None:
        raise value.refuse(f"'{word}' is not a function with its schema; write schema.function, such as market.now")
    return word


def _reach(value: Value) -> str | int:
    """An interval, or a number in the unit of an integer time column."""
    if isinstance(value.data, int) and not isinstance(value.data, bool):
        return integer(1, 2**63 - 1)(value)
    return _interval(value)


def _interval(value: Value) -> str:
    word, parsed = _read_interval(value)
    if not parsed.is_positive:
        raise value.refuse(f"'{word}' is not positive; write an interval of which no part is negative, such as 90 days")
    return word


def _limit(value: Value) -> str:
    """An interval of which zero means that there is no limit."""
    word, parsed = _read_interval(value)
    if not parsed.is_positive and parsed != Interval():
        raise value.refuse(f"'{word}' is not positive; write an interval such as 10 minutes, or 0 minutes for no limit")
    return word


def _read_interval(value: Value) -> tuple[str, Interval]:
    if not isinstance(value.data, str):
        raise value.refuse(f"'{value.data}' is no interval; write {intervals.FORMS}")
    word = text(value)
    try:
        return word, intervals.parse(word)
    except ValueError as error:
        raise value.refuse(str(error)) from None


def _moment(value: Value) -> str:
    if isinstance(value.data, datetime):
        raise value.refuse("is a moment that YAML has read; write it in quotes")
    word = text(value)
    if parse_moment(word) is None:
        raise value.refuse(f"'{word}' is not a moment; write it as 2026-01-31T03:00:00Z, in quotes")
    return word
