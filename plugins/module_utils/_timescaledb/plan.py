# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""From what is wanted and what is there to the changes between them. Pure: no database, no clock.

What a step may not do without being asked is found here too, so that all refusals are known before the first write.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import checks
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    Columnstore,
    Desired,
    Job,
    Policies,
    Reach,
    Refresh,
    Relation,
    Retention,
    policies_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Cutoff, Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import (
    HELD,
    Hypertable,
    Kind,
    PolicyJob,
    State,
)
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
            listed[relation] = Policies(relation, Retention(None, False, "absent", Job()))
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
        after = retention.after
        by_creation = retention.by_creation
        if after is None:
            if current is None or current.after is None:
                continue
            after, by_creation = current.after, current.by_creation
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
    steps: list[Step] = []
    staggered = _Stagger(state.server.now, sum(1 for policies in wanted if policies.retention))
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        if hypertable is None:
            continue
        preview = previews.get(policies.relation, Preview())
        steps += _steps(policies, hypertable, preview, desired, staggered)
    found = checks.check(desired, wanted, state, steps, previews, dropping)
    return Plan(tuple(steps), found.refusals, found.warnings)


class _Stagger:
    """Spreads the first runs of many new policies over their interval: TimescaleDB has few workers."""

    def __init__(self, now: datetime, count: int) -> None:
        self._now = now
        self._count = max(1, count)
        self._given = 0

    def next(self, schedule: Interval) -> datetime:
        self._given += 1
        return self._now + _duration(schedule) * self._given / self._count

    @property
    def now(self) -> datetime:
        return self._now


def _steps(
    policies: Policies, hypertable: Hypertable, preview: Preview, desired: Desired, stagger: _Stagger
) -> Iterable[Step]:
    chunk, function = policies.chunk_time_interval, policies.integer_now_func
    if function is not None and function != hypertable.integer_now_func:
        before = {"integer_now_func": _text(hypertable.integer_now_func)}
        yield Step(
            policies.relation, "integer_now_func", "set", before, {"integer_now_func": str(function)}, value=function
        )
    if chunk is not None and length(chunk) != hypertable.chunk_interval:
        before = {"chunk_time_interval": _chunk_text(hypertable)}
        after = {"chunk_time_interval": shown(chunk)}
        yield Step(policies.relation, "chunk_time_interval", "set", before, after, value=chunk)
    if policies.retention:
        yield from _retention(policies.relation, policies.retention, hypertable, preview, desired, stagger)
    if policies.columnstore:
        yield from _columnstore(policies.relation, policies.columnstore, hypertable, stagger)
    if policies.refresh:
        yield from _refresh(policies.relation, policies.refresh, hypertable, stagger)


def _retention(
    relation: Relation,
    wanted: Retention,
    hypertable: Hypertable,
    preview: Preview,
    desired: Desired,
    stagger: _Stagger,
) -> Iterable[Step]:
    current = hypertable.policy("retention")
    if wanted.state == "absent":
        if current:
            yield Step(relation, "retention", "removed", describe(current), None, current)
        return
    if current is None:
        if wanted.after is not None:
            yield _new_retention(relation, wanted, None, preview, desired, stagger)
        return
    if wanted.after is not None and wanted.by_creation != current.by_creation:
        yield _new_retention(relation, wanted, current, preview, desired, stagger)
        return
    changes = _job_changes(wanted.job, current, stagger.now)
    shorter = False
    if wanted.after is not None and wanted.after != current.after:
        key = "drop_created_before" if current.by_creation else "drop_after"
        changes["config"] = {key: shown(wanted.after)}
        shorter = is_shorter(wanted.after, current.after)
    arm = desired.rules.arm
    drops = preview.chunks > 0
    if wanted.state == "paused":
        scheduled = False
    elif current.scheduled:
        # Only what reaches less far back than before can take by surprise.
        scheduled = not (shorter and (arm == "hold" or (arm == "hold_if_drops" and drops)))
    else:
        scheduled = arm in ("now", "at") or (arm == "hold_if_drops" and not drops)
    if scheduled != current.scheduled:
        changes["scheduled"] = scheduled
        changes["next_start"] = _armed_at(wanted.job, current.schedule_interval, desired, stagger)
    elif scheduled and shorter and arm == "at":
        changes["next_start"] = _armed_at(wanted.job, current.schedule_interval, desired, stagger)
    # Who wants the policy to run and does not get it is told so at every run, whoever has stopped it.
    holds = not scheduled and wanted.state == "present"
    note = current.held or (_hold_note(stagger.now, preview) if holds else None)
    action: Action = "altered"
    if scheduled != current.scheduled and set(changes) == {"scheduled", "next_start"}:
        action = "resumed" if scheduled else "paused"
    for step in _altered(relation, "retention", action, current, changes, stagger.now, note if holds else None):
        yield replace(step, shortens=shorter)


def _new_retention(
    relation: Relation,
    wanted: Retention,
    replaced: PolicyJob | None,
    preview: Preview,
    desired: Desired,
    stagger: _Stagger,
) -> Step:
    """A policy that is not there yet, or that changes between ages of data and of chunks: that needs a new job."""
    arm = desired.rules.arm
    holds = arm == "hold" or (arm == "hold_if_drops" and (preview.chunks > 0))
    scheduled = wanted.state == "present" and not holds
    job = _kept(wanted.job, replaced)
    schedule = job.schedule_interval or DEFAULT_SCHEDULE
    note = None if scheduled or wanted.state == "paused" else _hold_note(stagger.now, preview)
    addition = Addition(
        wanted.by_creation,
        wanted.after,
        schedule_interval=job.schedule_interval,
        initial_start=job.initial_start,
        timezone=job.timezone,
    )
    alteration = Alteration(
        scheduled,
        _armed_at(job, schedule, desired, stagger),
        job.timezone,
        max_runtime=job.max_runtime,
        max_retries=job.max_retries,
        retry_period=job.retry_period,
        config={HELD: note} if note else {},
    )
    key = "drop_created_before" if wanted.by_creation else "drop_after"
    after = {key: shown(wanted.after), **view(job), "scheduled": scheduled, **({"held": True} if note else {})}
    action: Action = "recreated" if replaced else "created"
    before = describe(replaced) if replaced else None
    shortens = replaced is not None and wanted.after is not None and is_shorter(wanted.after, replaced.after)
    return Step(relation, "retention", action, before, after, replaced, addition, alteration, shortens=shortens)


def _columnstore(relation: Relation, wanted: Columnstore, hypertable: Hypertable, stagger: _Stagger) -> Iterable[Step]:
    current = hypertable.policy("columnstore")
    if wanted.state == "absent":
        if current:
            yield Step(relation, "columnstore", "removed", describe(current), None, current)
        return
    key = "compress_created_before" if wanted.by_creation else "compress_after"
    if current is None or (wanted.after is not None and wanted.by_creation != current.by_creation):
        if wanted.after is None:
            return
        job = _kept(wanted.job, current)
        yield _new(
            relation,
            "columnstore",
            job,
            Addition(wanted.by_creation, wanted.after),
            {key: shown(wanted.after)},
            current,
            wanted.state == "present",
            stagger,
        )
        return
    changes = _job_changes(wanted.job, current, stagger.now)
    if wanted.after is not None and wanted.after != current.after:
        changes["config"] = {key: shown(wanted.after)}
    yield from _scheduling(relation, "columnstore", wanted.state, current, changes, stagger)


def _refresh(relation: Relation, wanted: Refresh, hypertable: Hypertable, stagger: _Stagger) -> Iterable[Step]:
    current = hypertable.policy("refresh")
    if wanted.state == "absent":
        if current:
            yield Step(relation, "refresh", "removed", describe(current), None, current)
        return
    window = {"start_offset": shown(wanted.start_offset), "end_offset": shown(wanted.end_offset)}
    if current is None:
        if wanted.job.schedule_interval is not None:
            addition = Addition(start_offset=wanted.start_offset, end_offset=wanted.end_offset)
            yield _new(relation, "refresh", wanted.job, addition, window, None, wanted.state == "present", stagger)
        return
    changes = _job_changes(wanted.job, current, stagger.now)
    differing = {
        key: window[key]
        for key, value in (("start_offset", wanted.start_offset), ("end_offset", wanted.end_offset))
        if value != current.offset(key)
    }
    if differing and wanted.state == "present":
        changes["config"] = differing
    yield from _scheduling(relation, "refresh", wanted.state, current, changes, stagger)


def _new(
    relation: Relation,
    kind: Kind,
    job: Job,
    addition: Addition,
    told: Mapping[str, Any],
    replaced: PolicyJob | None,
    scheduled: bool,
    stagger: _Stagger,
) -> Step:
    """A new policy that drops nothing: it may start soon."""
    schedule = job.schedule_interval or DEFAULT_SCHEDULE
    return Step(
        relation,
        kind,
        "recreated" if replaced else "created",
        describe(replaced) if replaced else None,
        {**told, **view(job), "scheduled": scheduled},
        replaced,
        replace(
            addition,
            schedule_interval=job.schedule_interval,
            initial_start=job.initial_start,
            timezone=job.timezone,
        ),
        Alteration(
            scheduled,
            _later(job.initial_start, stagger.now) or stagger.next(schedule),
            job.timezone,
            max_runtime=job.max_runtime,
            max_retries=job.max_retries,
            retry_period=job.retry_period,
        ),
    )


def _scheduling(
    relation: Relation, kind: Kind, state: str, current: PolicyJob, changes: dict[str, Any], stagger: _Stagger
) -> Iterable[Step]:
    scheduled = state == "present"
    action: Action = "altered"
    if scheduled != current.scheduled:
        if not changes:
            action = "resumed" if scheduled else "paused"
        changes["scheduled"] = scheduled
        changes["next_start"] = stagger.next(current.schedule_interval)
    yield from _altered(relation, kind, action, current, changes, stagger.now, None)


def _altered(
    relation: Relation,
    kind: Kind,
    action: Action,
    current: PolicyJob,
    changes: Mapping[str, Any],
    now: datetime,
    note: Mapping[str, Any] | None,
) -> Iterable[Step]:
    """A step that changes the settings of a job that stays, with its number and its history.

    C(note) is since when and why it is held; without one, the job's config has none either.
    """
    scheduled = changes.get("scheduled", current.scheduled)
    config = dict(changes.get("config") or {})
    if note and note != current.config.get(HELD):
        config[HELD] = note
    without = (HELD,) if note is None and HELD in current.config else ()
    if not changes and not config and not without:
        return
    values = {
        key: value for key, value in changes.items() if key not in ("config", "scheduled", "next_start", "timezone")
    }
    alteration = Alteration(
        scheduled,
        changes.get("next_start") or _kept_start(current, changes, now),
        changes.get("timezone", current.timezone),
        config=config,
        without=without,
        **values,
    )
    before = describe(current)
    after = {**before, **view_of(changes), **(changes.get("config") or {}), "scheduled": scheduled}
    after.pop("held", None)
    if note:
        after["held"] = True
    yield Step(relation, kind, action, before, after, current, None, alteration)


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


def _armed_at(job: Job, schedule: Interval, desired: Desired, stagger: _Stagger) -> datetime:
    """The next start of a policy: never left to TimescaleDB, whose default is the past, which is at once."""
    ahead = _later(job.initial_start, stagger.now)
    if desired.rules.arm == "at" and ahead:
        return ahead
    if desired.rules.arm == "now":
        return stagger.now
    return ahead or stagger.next(job.schedule_interval or schedule)


def _kept(wanted: Job, replaced: PolicyJob | None) -> Job:
    """The settings for a job that takes another's place."""
    if replaced is None:
        return wanted
    return Job(
        wanted.schedule_interval or replaced.schedule_interval,
        wanted.initial_start or replaced.initial_start,
        wanted.timezone or replaced.timezone,
        wanted.max_runtime if wanted.max_runtime is not None else replaced.max_runtime,
        wanted.max_retries if wanted.max_retries is not None else replaced.max_retries,
        wanted.retry_period or replaced.retry_period,
    )


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


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _chunk_text(hypertable: Hypertable) -> Any:
    length = hypertable.chunk_interval
    if length is None or hypertable.has_integer_time:
        return length
    days, rest = divmod(length, 24 * 3600 * 1_000_000)
    return str(Interval(days=days, microseconds=rest))


def _later(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None


def _hold_note(now: datetime, preview: Preview) -> dict[str, Any]:
    return {"since": moment_text(now), "chunks": preview.chunks}
