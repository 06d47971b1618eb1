# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Intervals are read as PostgreSQL reads them, and compared by their three parts."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import (
    FOREVER,
    NEVER,
    Interval,
    parse,
    stored,
)
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600 * 1_000_000
intervals = st.builds(
    Interval, st.integers(-2400, 2400), st.integers(-100_000, 100_000), st.integers(-(10**15), 10**15)
)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("90 days", Interval(days=90)),
        ("1 day", Interval(days=1)),
        ("2 weeks", Interval(days=14)),
        ("1.5 days", Interval(days=1, microseconds=12 * HOUR)),
        ("720h", Interval(microseconds=720 * HOUR)),
        ("1 year 2 mons 3 days 04:05:06.5", Interval(14, 3, 4 * HOUR + 306_500_000)),
        ("-10 days", Interval(days=-10)),
        ("1 mon -1 days", Interval(1, -1)),
        ("-00:05:00", Interval(microseconds=-300_000_000)),
        ("P30D", Interval(days=30)),
        ("P1Y2M3DT4H5M6S", Interval(14, 3, 4 * HOUR + 306_000_000)),
        ("P2W", Interval(days=14)),
        ("0", None),
        ("", None),
        ("P", None),
        ("PT", None),
        ("5 m", None),
        ("1.5 months", None),
        ("999999999999 years", None),
        ("9223372036855 seconds", None),
        ("infinity", None),
        ("soon", None),
        ("3 fortnights", None),
        ("0.1 us", None),
        ("12:00:00 tomorrow", None),
    ],
)
def test_reading(text: str, interval: Interval | None) -> None:
    if interval is None:
        with pytest.raises(ValueError, match=r"write|microsecond|longer"):
            parse(text)
    else:
        assert parse(text) == interval


def test_what_reaches_back_differently_differs() -> None:
    assert parse("1 month") != parse("30 days")
    assert parse("720 hours") != parse("30 days")
    assert parse("P30D") == parse("30 days") == parse("4 weeks 2 days")


@given(intervals)
def test_what_is_written_is_read_back(interval: Interval) -> None:
    assert parse(str(interval)) == interval


@given(intervals)
def test_bounds(interval: Interval) -> None:
    assert (interval.shortest <= interval.longest) == (interval.months >= 0)
    assert interval.is_positive == (
        min(interval.months, interval.days, interval.microseconds) >= 0 and interval.longest > 0
    )


def test_what_the_database_has_may_be_without_an_end() -> None:
    for text, interval in (("infinity", FOREVER), ("-infinity", NEVER), ("5 days", Interval(days=5))):
        assert stored(text) == interval
        assert str(interval) == text
