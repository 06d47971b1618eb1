# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""From what is wanted and what is there to the changes between them. Pure: no database, no clock.

What a step may not do without being asked is found here too, so that all refusals are known before the first write.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import checks
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    AgePolicy,
    Desired,
    Job,
    Kind,
    Policies,
    Reach,
    Refresh,
    Relation,
    policies_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    AGES,
    HELD,
    Hypertable,
    PolicyJob,
    State,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Cutoff, Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import (
    Action,
    Addition,
    Alteration,
    Step,
    describe,
    moment_text,
    shown,
    view,
    view_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.verification import length

#: TimescaleDB's schedule of a new retention or columnstore policy where nothing else is asked for.
DEFAULT_SCHEDULE = Interval(days=1)

_CENTURY = Interval(days=36_525).shortest


@dataclass(frozen=True)
class Plan:
    """What is to be done. With refusals nothing is."""

    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]


def resolve(desired: Desired, state: State) -> tuple[Policies, ...]:
    """The listed policies, and those of the relations that the scope covers."""
    listed = {policies.relation: policies for policies in desired.policies}
    if desired.scope is None:
        return tuple(listed.values())
    for relation, hypertable in sorted(state.hypertables.items()):
        if relation in listed or not desired.scope.covers(relation, hypertable.owner):
            continue
        made = policies_of(relation, desired.everywhere, []) if desired.everywhere else None
        if made is not None:
            listed[relation] = made
        elif desired.purge:
            listed[relation] = Policies(relation, AgePolicy(None, False, "absent", Job()))
    return tuple(listed.values())


def cutoffs(wanted: Iterable[Policies], state: State, *, every: bool = False) -> list[Cutoff]:
    """What the previews have to answer: for each retention that is new, changed or held, or for C(every) one."""
    asked = []
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        retention = policies.retention
        if hypertable is None or retention is None or retention.state == "absent":
            continue
        current = hypertable.policy("retention")
        after, by_creation = hypertable.age("retention", retention)
        if after is None:
            continue
        same = current is not None and current.after == after and current.by_creation == by_creation
        if not every and same and current is not None and current.scheduled:
            continue
        now_func = policies.integer_now_func or state.integer_now_func(hypertable)
        if checks.out_of_place(after, hypertable, state.server.now, by_creation=by_creation):
            continue
        if hypertable.has_integer_time and not by_creation and now_func is None:
            continue
        if by_creation and (state.server.version or ()) < (2, 13):
            continue
        asked.append(Cutoff(hypertable, after, by_creation, now_func))
    return asked


def plan(
    desired: Desired, state: State, previews: Mapping[Relation, Preview], dropping: Container[Relation] = ()
) -> Plan:
    """The steps from the state to what is wanted, or the refusals. C(dropping) are to lose their chunks at once."""
    wanted = resolve(desired, state)
    stagger = _Stagger(state.server.now, sum(1 for policies in wanted if policies.retention))
    steps: list[Step] = []
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        if hypertable:
            preview = previews.get(policies.relation, Preview())
            steps += _Planner(policies, hypertable, preview, desired.rules.arm, stagger).steps()
    found = checks.check(desired, wanted, state, steps, previews, dropping)
    return Plan(tuple(steps), found.refusals, found.warnings)


class _Stagger:
    """Spreads the first runs of many new policies over their interval: TimescaleDB has few workers."""

    def __init__(self, now: datetime, count: int) -> None:
        self.now = now
        self._count = max(1, count)
        self._given = 0

    def next(self, schedule: Interval) -> datetime:
        self._given += 1
        return self.now + _duration(schedule) * self._given / self._count


@dataclass(frozen=True)
class _Planner:
    """The steps of one relation. C(preview) is what the next run of the wanted retention would drop."""

    policies: Policies
    hypertable: Hypertable
    preview: Preview
    arm: str
    stagger: _Stagger

    def steps(self) -> Iterator[Step]:
        """In an order in which each can be done: numbers need the function that tells the present."""
        function, chunk = self.policies.integer_now_func, self.policies.chunk_time_interval
        if function is not None and function != self.hypertable.integer_now_func:
            present = self.hypertable.integer_now_func
            yield self._setting("integer_now_func", function, str(present) if present else None, str(function))
        if chunk is not None and length(chunk) != self.hypertable.chunk_interval:
            yield self._setting("chunk_time_interval", chunk, shown(self.hypertable.chunk_length), shown(chunk))
        for kind, wanted in self.policies.parts():
            yield from self._policy(kind, wanted)

    def _setting(
        self,
        kind: Literal["integer_now_func", "chunk_time_interval"],
        value: Reach | Relation,
        before: Any,
        after: Any,
    ) -> Step:
        return Step(self.policies.relation, kind, "set", {kind: before}, {kind: after}, value=value)

    def _policy(self, kind: Kind, wanted: AgePolicy | Refresh) -> Iterator[Step]:
        current = self.hypertable.policy(kind)
        if wanted.state == "absent":
            if current:
                yield Step(self.policies.relation, kind, "removed", describe(current), None, current)
        elif current is None:
            if _is_whole(wanted):
                yield self._new(kind, wanted, None)
        elif isinstance(wanted, AgePolicy) and _is_whole(wanted) and wanted.by_creation != current.by_creation:
            # A change between ages of data and of chunks needs a new job.
            yield self._new(kind, wanted, current)
        else:
            yield from self._changed(kind, wanted, current)

    def _new(self, kind: Kind, wanted: AgePolicy | Refresh, replaced: PolicyJob | None) -> Step:
        job = _kept(wanted.job, replaced)
        shorter = self._shortens(kind, wanted, replaced)
        scheduled = self._runs(kind, wanted, None, shorter=shorter)
        note = self._hold(kind, wanted, None, scheduled=scheduled)
        addition = Addition(
            **_reaches_of(wanted),
            schedule_interval=job.schedule_interval,
            initial_start=job.initial_start,
            timezone=job.timezone,
        )
        alteration = Alteration(
            scheduled,
            self._start(kind, job, job.schedule_interval or DEFAULT_SCHEDULE),
            job.timezone,
            max_runtime=job.max_runtime,
            max_retries=job.max_retries,
            retry_period=job.retry_period,
            config={HELD: note} if note else {},
        )
        told = {key: shown(value) for key, value in _config(kind, wanted).items()}
        return Step(
            self.policies.relation,
            kind,
            "recreated" if replaced else "created",
            describe(replaced) if replaced else None,
            {**told, **view(job), "scheduled": scheduled, **({"held": True} if note else {})},
            replaced,
            addition,
            alteration,
            shortens=shorter,
        )

    def _changed(self, kind: Kind, wanted: AgePolicy | Refresh, current: PolicyJob) -> Iterator[Step]:
        """A step that changes the settings of a job that stays, with its number and its history."""
        now = self.stagger.now
        changes = _job_changes(wanted.job, current, now)
        # A pause leaves the window of a refresh as it is.
        wanted_config = {} if kind == "refresh" and wanted.state == "paused" else _config(kind, wanted)
        config = {key: shown(new) for key, new in wanted_config.items() if new != current.offset(key)}
        shorter = bool(config) and self._shortens(kind, wanted, current)
        scheduled = self._runs(kind, wanted, current, shorter=shorter)
        action: Action = "altered"
        if scheduled != current.scheduled:
            if not changes and not config:
                action = "resumed" if scheduled else "paused"
            changes["next_start"] = self._start(kind, wanted.job, current.schedule_interval)
        elif scheduled and shorter and self.arm == "at":
            changes["next_start"] = self._start(kind, wanted.job, current.schedule_interval)
        note = self._hold(kind, wanted, current, scheduled=scheduled)
        noted = {HELD: note} if note and note != current.config.get(HELD) else {}
        without = (HELD,) if note is None and HELD in current.config else ()
        if not changes and not config and not noted and not without and scheduled == current.scheduled:
            return
        next_start = changes.pop("next_start", None) or _kept_start(current, changes, now)
        alteration = Alteration(
            scheduled,
            next_start,
            config={**config, **noted},
            without=without,
            **{"timezone": current.timezone, **changes},
        )
        before = describe(current)
        after = {**before, **view_of(changes), **config, "scheduled": scheduled}
        after.pop("held", None)
        if note:
            after["held"] = True
        yield Step(self.policies.relation, kind, action, before, after, current, None, alteration, shortens=shorter)

    def _shortens(self, kind: Kind, wanted: AgePolicy | Refresh, current: PolicyJob | None) -> bool:
        if kind != "retention" or current is None or not isinstance(wanted, AgePolicy) or wanted.after is None:
            return False
        return is_shorter(wanted.after, current.after)

    def _runs(self, kind: Kind, wanted: AgePolicy | Refresh, current: PolicyJob | None, *, shorter: bool) -> bool:
        """Whether the policy runs by its schedule. Of those that drop only what reaches less far can surprise."""
        if wanted.state == "paused":
            return False
        if kind != "retention" or (current and current.scheduled and not shorter):
            return True
        return self.arm in ("now", "at") or (self.arm == "hold_if_drops" and not self.preview.chunks)

    def _hold(
        self, kind: Kind, wanted: AgePolicy | Refresh, current: PolicyJob | None, *, scheduled: bool
    ) -> Mapping[str, Any] | None:
        """Since when and why the policy is held. Who wants it to run is told so, whoever has stopped it."""
        if kind != "retention" or scheduled or wanted.state != "present":
            return None
        held = current.held if current else None
        return held or {"since": moment_text(self.stagger.now), "chunks": self.preview.chunks}

    def _start(self, kind: Kind, job: Job, schedule: Interval) -> datetime:
        """The next start: never left to TimescaleDB, whose default is the past, which is at once."""
        if kind == "retention" and self.arm == "now":
            return self.stagger.now
        ahead = _later(job.initial_start, self.stagger.now)
        return ahead or self.stagger.next(job.schedule_interval or schedule)


def _is_whole(wanted: AgePolicy | Refresh) -> bool:
    """Whether it says enough for a policy that is not there yet."""
    return (wanted.after if isinstance(wanted, AgePolicy) else wanted.job.schedule_interval) is not None


def _config(kind: Kind, wanted: AgePolicy | Refresh) -> dict[str, Reach | None]:
    """What a policy's config shall have; a window without an end has None."""
    if isinstance(wanted, AgePolicy):
        return {} if wanted.after is None else {AGES[kind][wanted.by_creation]: wanted.after}
    return {"start_offset": wanted.start_offset, "end_offset": wanted.end_offset}


def _reaches_of(wanted: AgePolicy | Refresh) -> dict[str, Any]:
    if isinstance(wanted, AgePolicy):
        return {"by_creation": wanted.by_creation, "after": wanted.after}
    return {"start_offset": wanted.start_offset, "end_offset": wanted.end_offset}


def _job_changes(wanted: Job, current: PolicyJob, now: datetime) -> dict[str, Any]:
    """The settings of a job that are asked for and differ."""
    changes: dict[str, Any] = {}
    for name in ("schedule_interval", "max_runtime", "max_retries", "retry_period", "timezone"):
        value = getattr(wanted, name)
        if value is not None and value != getattr(current, name):
            changes[name] = value
    moved = wanted.initial_start != current.initial_start or not current.fixed_schedule
    if wanted.initial_start is not None and moved:
        changes["initial_start"] = wanted.initial_start
        ahead = _later(wanted.initial_start, now)
        if ahead:
            changes["next_start"] = ahead
    return changes


def _kept_start(current: PolicyJob, changes: Mapping[str, Any], now: datetime) -> datetime:
    """When the job runs next: as before, or a whole interval from now where that is not told or too far away."""
    schedule: Interval = changes.get("schedule_interval") or current.schedule_interval
    later = now + _duration(schedule)
    known = _later(current.next_start, now)
    if known is None:
        return later
    return min(known, later) if "schedule_interval" in changes else known


def _kept(wanted: Job, replaced: PolicyJob | None) -> Job:
    """The settings for a job that takes another's place."""
    if replaced is None:
        return wanted
    settings = {name: getattr(wanted, name) for name in Job.__dataclass_fields__}
    return Job(**{name: getattr(replaced, name) if value is None else value for name, value in settings.items()})


def is_shorter(new: Reach, old: Reach | None) -> bool:
    """Whether less is kept; also where it depends on the months that lie between."""
    if isinstance(new, int) or isinstance(old, int):
        return not (isinstance(new, int) and isinstance(old, int)) or new < old
    if old is None:
        return True
    grows = new.months >= old.months and new.days >= old.days and new.microseconds >= old.microseconds
    return not grows and new.shortest < old.longest


def _duration(schedule: Interval) -> timedelta:
    """A schedule's interval, but at most a century: PostgreSQL has moments that no datetime holds."""
    return timedelta(microseconds=min(schedule.shortest, _CENTURY))


def _later(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None
