# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the user wants: the options of the module as dataclasses, with all mistakes in them found at once."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal, refusal

#: How far back a policy reaches: an interval, or a number in the unit of an integer time column.
Reach: TypeAlias = "Interval | int"
R = TypeVar("R", bound="Reach")
State = Literal["present", "paused", "absent"]
Kind = Literal["retention", "columnstore", "refresh"]

_IDENTIFIER = r'(?:"((?:[^"]|"")+)"|([A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*))'
_RELATION = re.compile(rf"{_IDENTIFIER}\.{_IDENTIFIER}")

#: PostgreSQL cuts longer names off without an error.
_LONGEST_NAME = 63


@dataclass(frozen=True, order=True)
class Relation:
    """The name of a table, view or function, as the catalog has it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


@dataclass(frozen=True)
class Job:
    """When a policy runs. None leaves what is, and takes TimescaleDB's default for a new policy."""

    schedule_interval: Interval | None = None
    initial_start: datetime | None = None
    timezone: str | None = None
    max_runtime: Interval | None = None
    max_retries: int | None = None
    retry_period: Interval | None = None


@dataclass(frozen=True)
class AgePolicy:
    """Chunks whose data are all older than C(after), or that were created longer ago, are dropped or compressed."""

    after: Reach | None
    by_creation: bool
    state: State
    job: Job


@dataclass(frozen=True)
class Refresh:
    """Refresh a continuous aggregate from C(start_offset) to C(end_offset) before the present; None has no end."""

    start_offset: Reach | None
    end_offset: Reach | None
    state: State
    job: Job


@dataclass(frozen=True)
class Policies:
    """What one relation shall have. A part that is None is left as it is."""

    relation: Relation
    retention: AgePolicy | None = None
    columnstore: AgePolicy | None = None
    refresh: Refresh | None = None
    chunk_time_interval: Reach | None = None
    integer_now_func: Relation | None = None

    def parts(self) -> Iterator[tuple[Kind, AgePolicy | Refresh]]:
        """The policies that something is said of, by their kinds."""
        if self.retention:
            yield "retention", self.retention
        if self.columnstore:
            yield "columnstore", self.columnstore
        if self.refresh:
            yield "refresh", self.refresh


@dataclass(frozen=True)
class Scope:
    """Relations by patterns of schema and name as a shell has them, and by owner."""

    schema: str = "*"
    name: str = "*"
    owner: str | None = None
    exclude: tuple[str, ...] = ()

    def covers(self, relation: Relation, owner: str) -> bool:
        names = {f"{relation.schema}.{relation.name}", str(relation)}
        return (
            fnmatch.fnmatchcase(relation.schema, self.schema)
            and fnmatch.fnmatchcase(relation.name, self.name)
            and self.owner in (None, owner)
            and not any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self.exclude)
        )


@dataclass(frozen=True)
class Rules:
    """What may be done without asking."""

    arm: Literal["hold_if_drops", "hold", "now", "at"] = "hold_if_drops"
    max_drop_percent: float = 20.0
    max_drop_chunks: int | None = None
    max_drop_bytes: int | None = None
    allow_shorten: bool = False
    on_cagg_conflict: Literal["refuse", "warn"] = "refuse"
    require_materialized: bool = True
    preview_bytes: Literal["auto", "always", "never"] = "auto"


@dataclass(frozen=True)
class Desired:
    """The whole task.

    C(problems) are the mistakes in it. Of an entry that has one, C(policies) has the relation alone.
    """

    policies: tuple[Policies, ...]
    scope: Scope | None
    everywhere: Mapping[str, Any] | None
    purge: bool
    rules: Rules
    problems: tuple[Refusal, ...]

    @property
    def named(self) -> tuple[Relation, ...]:
        """The relations that the task lists."""
        return tuple(one.relation for one in self.policies)


def desired(options: Mapping[str, Any]) -> Desired:
    """What the module's options say."""
    problems: list[Refusal] = []
    defaults = _given(options.get("defaults") or {})
    policies: dict[Relation, Policies] = {}
    for number, entry in enumerate(options.get("policies") or ()):
        given = {**_without_other_reach(defaults, _given(entry)), **_given(entry)}
        relation = _relation(str(given.get("relation") or ""), f"policies[{number}]", problems)
        if relation is None:
            continue
        if relation in policies:
            problems.append(refusal("TSR017", str(relation), f"policies[{number}] names it once more"))
            continue
        policies[relation] = policies_of(relation, given, problems) or Policies(relation)
    match = options.get("match")
    scope = None
    if match is not None:
        scope = Scope(
            match.get("schema") or "*",
            match.get("name") or "*",
            match.get("owner"),
            tuple(options.get("exclude") or ()),
        )
    if options.get("purge") and scope is None:
        problems.append(refusal("TSR032", "purge", "there is no match"))
    # Found here once, not for each relation that the scope covers.
    if scope is not None and defaults:
        policies_of(Relation("match", "*"), {"relation": "match.*", **defaults}, problems)
    return Desired(
        tuple(policies.values()),
        scope,
        defaults or None,
        bool(options.get("purge")),
        _rules(options),
        tuple(problems),
    )


def policies_of(relation: Relation, given: Mapping[str, Any], problems: list[Refusal]) -> Policies | None:
    """One entry. None where it has a mistake, which is added to C(problems)."""
    before = len(problems)
    entry = _Entry(str(relation), problems)
    made = Policies(
        relation,
        entry.retention(given),
        entry.columnstore(_given(given.get("columnstore") or {})),
        entry.refresh(_given(given.get("refresh") or {})),
        entry.reach("chunk_time_interval", given.get("chunk_time_interval")),
        entry.function(given.get("integer_now_func")),
    )
    chunk = made.chunk_time_interval
    if isinstance(chunk, Interval) and chunk.months:
        entry.refuse("TSR034", f"chunk_time_interval '{chunk}' has months")
    return made if len(problems) == before else None


def parse_relation(text: str) -> Relation | None:
    """A name with its schema by the rules of SQL: what has no quotes is lower case. None where it is no such name."""
    found = _RELATION.fullmatch(text.strip())
    if not found:
        return None
    names = [
        quoted.replace('""', '"') if quoted else plain.lower()
        for quoted, plain in ((found[1], found[2]), (found[3], found[4]))
    ]
    if any(len(name.encode()) > _LONGEST_NAME for name in names):
        return None
    return Relation(*names)


def parse_moment(text: str) -> datetime | None:
    """A moment as ISO 8601 writes it; without an offset it is in UTC. None where it cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set: Ansible fills in those that are not with None."""
    return {key: value for key, value in options.items() if value is not None}


def _without_other_reach(defaults: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults for an entry; one that sets its own reach does not take over the other kind of reach."""
    reaches = {"drop_after", "drop_created_before"}
    if reaches & entry.keys() or entry.get("state") == "absent":
        return {key: value for key, value in defaults.items() if key not in reaches}
    return dict(defaults)


def _rules(options: Mapping[str, Any]) -> Rules:
    names = Rules.__dataclass_fields__
    return Rules(**{name: options[name] for name in names if options.get(name) is not None})


def _relation(text: str, where: str, problems: list[Refusal]) -> Relation | None:
    relation = parse_relation(text)
    if relation is None:
        told = f"'{text}' is no name with a schema" if text else "relation is missing"
        problems.append(refusal("TSR006", where, told))
    return relation


class _Entry:
    """What is read of one entry. Each mistake is kept, and what it is in is None."""

    def __init__(self, where: str, problems: list[Refusal]) -> None:
        self._where = where
        self._problems = problems

    def refuse(self, code: str, told: str) -> None:
        self._problems.append(refusal(code, self._where, told))

    def function(self, text: str | None) -> Relation | None:
        if text is None:
            return None
        function = parse_relation(text.strip().removesuffix("()"))
        if function is None:
            self.refuse("TSR006", f"integer_now_func '{text}' is no name with a schema")
        return function

    def reach(self, option: str, value: Any, *, zero: bool = False) -> Reach | None:
        """A positive interval or whole number. C(zero) is for what may end at the present."""
        if isinstance(value, bool):
            self.refuse("TSR010", f"{option} is {value}")
            return None
        return self._positive(option, value, _number_or_interval, "TSR011", zero=zero)

    def span(self, option: str, value: Any, *, zero: bool = False) -> Interval | None:
        """An interval that is no reach: of a schedule. C(zero) is for what has no limit."""
        return self._positive(option, value, intervals.parse, "TSR014", zero=zero)

    def _positive(self, option: str, value: Any, read: Callable[[str], R], code: str, *, zero: bool) -> R | None:
        if value is None:
            return None
        try:
            found = read(str(value))
        except ValueError as error:
            self.refuse("TSR010", f"{option}: {error}")
            return None
        positive = found.is_positive if isinstance(found, Interval) else found > 0
        if positive or (zero and found in (0, Interval())):
            return found
        self.refuse(code, f"{option} is '{value}'")
        return None

    def job(self, prefix: str, given: Mapping[str, Any]) -> Job:
        start = given.get("initial_start")
        moment = None if start is None else parse_moment(str(start))
        if start is not None and moment is None:
            told = f"{prefix}initial_start '{start}' is no moment such as 2026-01-31T03:00:00Z"
            self.refuse("TSR010", told)
        schedule = self.span(f"{prefix}schedule_interval", given.get("schedule_interval"))
        if schedule and moment and schedule.months and (schedule.days or schedule.microseconds):
            told = f"{prefix}schedule_interval '{schedule}' has months and more, with initial_start"
            self.refuse("TSR014", told)
        return Job(
            schedule,
            moment,
            given.get("timezone"),
            self.span(f"{prefix}max_runtime", given.get("max_runtime"), zero=True),
            given.get("max_retries"),
            self.span(f"{prefix}retry_period", given.get("retry_period")),
        )

    def retention(self, given: Mapping[str, Any]) -> AgePolicy | None:
        state: State = given.get("state") or "present"
        after, created = given.get("drop_after"), given.get("drop_created_before")
        if after is not None and created is not None:
            self.refuse("TSR016", "it has both drop_after and drop_created_before")
            return None
        if after is None and created is None and state == "present":
            others = ("columnstore", "refresh", "chunk_time_interval", "integer_now_func")
            if not any(given.get(name) is not None for name in others):
                self.refuse("TSR016", "it has neither drop_after nor drop_created_before")
            return None
        reach = self._age(("drop_after", after), ("drop_created_before", created))
        if isinstance(reach, int) and created is not None:
            self.refuse("TSR012", f"drop_created_before is the number {reach}, and creation is a moment")
        return AgePolicy(reach, created is not None, state, self.job("", given))

    def columnstore(self, given: Mapping[str, Any]) -> AgePolicy | None:
        if not given:
            return None
        state: State = given.get("state") or "present"
        after, created = given.get("after"), given.get("created_before")
        if (after is None) == (created is None) and (state == "present" or after is not None):
            told = "both" if after is not None else "neither"
            self.refuse("TSR016", f"columnstore has {told} of after and created_before")
            return None
        reach = self._age(("columnstore.after", after), ("columnstore.created_before", created))
        return AgePolicy(reach, created is not None, state, self.job("columnstore.", given))

    def _age(self, by_data: tuple[str, Any], by_creation: tuple[str, Any]) -> Reach | None:
        """The reach of the one option that is given."""
        return self.reach(*(by_data if by_creation[1] is None else by_creation))

    def refresh(self, given: Mapping[str, Any]) -> Refresh | None:
        if not given:
            return None
        state: State = given.get("state") or "present"
        job = self.job("refresh.", given)
        if state == "present" and job.schedule_interval is None and given.get("schedule_interval") is None:
            self.refuse("TSR016", "refresh has no schedule_interval")
        start = self.reach("refresh.start_offset", given.get("start_offset"))
        end = self.reach("refresh.end_offset", given.get("end_offset"), zero=True)
        return Refresh(start, end, state, job)


def _number_or_interval(text: str) -> Reach:
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else intervals.parse(text)


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'
