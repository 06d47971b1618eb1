# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""PostgreSQL intervals as PostgreSQL keeps them: months, days and microseconds, three numbers that do not convert.

PostgreSQL's own comparison takes a month for 30 days and a day for 24 hours, so that it finds C(1 month) equal to
C(30 days), although they reach back to different moments. Here two intervals are equal when all three numbers are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_SECOND = 1_000_000
_DAY = 24 * 3600 * _SECOND

#: Days of the shortest and of the longest month, for comparisons that must not err on either side.
_SHORTEST_MONTH = 28
_LONGEST_MONTH = 31

_MONTH_UNITS = {
    **dict.fromkeys(("month", "months", "mon", "mons"), 1),
    **dict.fromkeys(("year", "years", "yr", "yrs", "y"), 12),
}
_DAY_UNITS = {
    **dict.fromkeys(("day", "days", "d"), 1),
    **dict.fromkeys(("week", "weeks", "w"), 7),
}
_TIME_UNITS = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3600 * _SECOND),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 60 * _SECOND),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), _SECOND),
    **dict.fromkeys(("millisecond", "milliseconds", "msec", "msecs", "ms"), 1000),
    **dict.fromkeys(("microsecond", "microseconds", "usec", "usecs", "us"), 1),
}

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_PART = re.compile(rf"\s*({_NUMBER})\s*([a-z]+)\s*,?", re.IGNORECASE)
_CLOCK = re.compile(r"\s*([+-]?)(\d+):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,6})?))?\s*$")
_ISO = re.compile(
    rf"""P(?=.)
    (?:(?P<years>{_NUMBER})Y)? (?:(?P<months>{_NUMBER})M)? (?:(?P<weeks>{_NUMBER})W)? (?:(?P<days>{_NUMBER})D)?
    (?:T(?=.) (?:(?P<hours>{_NUMBER})H)? (?:(?P<minutes>{_NUMBER})M)? (?:(?P<seconds>{_NUMBER})S)?)?""",
    re.VERBOSE,
)

#: What may be written, for messages.
FORMS = "a PostgreSQL interval such as '90 days', '6 months', '1 year 6 months', '12 hours', '36:00:00' or 'P90D'"


@dataclass(frozen=True, order=False)
class Interval:
    """A span of time of C(months), C(days) and C(microseconds)."""

    months: int = 0
    days: int = 0
    microseconds: int = 0

    @lru_cache(maxsize=1024)  # noqa: B019 - they are few, and small
    def __str__(self) -> str:
        """As PostgreSQL reads it in every setting of intervalstyle."""
        if self in (FOREVER, NEVER):
            return "infinity" if self == FOREVER else "-infinity"
        parts = []
        years, months = divmod(abs(self.months), 12)
        sign = "-" if self.months < 0 else ""
        parts += [f"{sign}{years} year{'s' * (years != 1)}"] if years else []
        parts += [f"{sign}{months} month{'s' * (months != 1)}"] if months else []
        parts += [f"{self.days} day{'s' * (abs(self.days) != 1)}"] if self.days else []
        parts += _time_parts(self.microseconds)
        return " ".join(parts) or "0 seconds"

    @property
    def is_positive(self) -> bool:
        """Whether no part is negative and one is more than nothing."""
        parts = (self.months, self.days, self.microseconds)
        return min(parts) >= 0 and max(parts) > 0

    @property
    def shortest(self) -> int:
        """Microseconds, with months of 28 days."""
        return (self.months * _SHORTEST_MONTH + self.days) * _DAY + self.microseconds

    @property
    def longest(self) -> int:
        """Microseconds, with months of 31 days."""
        return (self.months * _LONGEST_MONTH + self.days) * _DAY + self.microseconds

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.months + other.months, self.days + other.days, self.microseconds + other.microseconds)


#: PostgreSQL's intervals without an end, from 17 on: the largest and the smallest of each part.
FOREVER = Interval(2**31 - 1, 2**31 - 1, 2**63 - 1)
NEVER = Interval(-(2**31), -(2**31), -(2**63))


def stored(text: str) -> Interval:
    """An interval that the database has, which may also be without an end; see L(parse) for what users write.

    Raises:
        ValueError: the text is no interval.
    """
    endless = {"infinity": FOREVER, "-infinity": NEVER}
    return endless[text] if text in endless else parse(text)


@lru_cache(maxsize=1024)
def parse(text: str) -> Interval:
    """An interval as PostgreSQL writes or reads it, in its own style or that of ISO 8601.

    The unit C(m) is refused: PostgreSQL takes it for minutes, people for months.

    Raises:
        ValueError: the text is no interval; the message says what may be written.
    """
    stripped = text.strip()
    if re.match(r"[+-]?infinity$", stripped, re.IGNORECASE):
        raise ValueError(f"'{text}' never ends; write {FORMS}")
    iso = _ISO.fullmatch(stripped)
    if iso:
        return _sum([(value, unit) for unit, value in iso.groupdict().items() if value is not None], text)
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(stripped):
        clock = _CLOCK.match(stripped, at)
        if clock:
            sign, hours, minutes, seconds = clock.groups()
            parts += [(sign + hours, "hours"), (sign + minutes, "minutes"), (sign + (seconds or "0"), "seconds")]
            at = clock.end()
            continue
        part = _PART.match(stripped, at)
        if not part:
            raise ValueError(f"'{text}' is no interval; write {FORMS}")
        parts.append((part[1], part[2].lower()))
        at = part.end()
    if not parts:
        raise ValueError(f"an empty text is no interval; write {FORMS}")
    return _sum(parts, text)


def _sum(parts: list[tuple[str, str]], text: str) -> Interval:
    months = days = microseconds = Fraction(0)
    for number, unit in parts:
        value = Fraction(number)
        if unit in _MONTH_UNITS:
            months += value * _MONTH_UNITS[unit]
        elif unit in _DAY_UNITS:
            days += value * _DAY_UNITS[unit]
        elif unit in _TIME_UNITS:
            microseconds += value * _TIME_UNITS[unit]
        elif unit == "m":
            raise ValueError(f"'{text}' has the unit m, which is minutes to PostgreSQL; write 'minutes' or 'months'")
        else:
            raise ValueError(f"'{text}' has an unknown unit '{unit}'; write {FORMS}")
    # As PostgreSQL does: what is left of a day goes on in the time of day.
    microseconds += (days - int(days)) * _DAY
    if months.denominator != 1:
        raise ValueError(f"'{text}' has a part of a month, which has no length of its own; write days")
    if microseconds.denominator != 1:
        raise ValueError(f"'{text}' is finer than a microsecond")
    found = Interval(int(months), int(days), int(microseconds))
    if max(abs(found.months), abs(found.days)) > FOREVER.months or abs(found.microseconds) > FOREVER.microseconds:
        raise ValueError(f"'{text}' is longer than an interval of PostgreSQL can be")
    return found


def _time_parts(microseconds: int) -> list[str]:
    if not microseconds:
        return []
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), _SECOND)
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if not rest and not seconds % length:
            count = seconds // length
            return [f"{sign}{count} {unit}{'s' * (count != 1)}"]
    text = f"{seconds}.{rest:06d}".rstrip("0").rstrip(".")
    return [f"{sign}{text} seconds"]
