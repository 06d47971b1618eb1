# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether the database took over what it was told: each step is held against what is read after it, setting by setting.

It runs before the transaction is committed. TimescaleDB's functions have surprised before: alter_job empties the time
zone, and moves the next start of a job that never ran to the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    REACHES,
    Hypertable,
    PolicyJob,
    State,
    reach,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Addition, Alteration, Step


def verify(steps: Iterable[Step], state: State) -> Iterator[str]:
    """What is not as it was written, each in a few words."""
    for step in steps:
        hypertable = state.hypertables.get(step.relation)
        if hypertable is None:
            yield f"{step.relation} is gone"
            continue
        for what in _differences(step, hypertable):
            yield f"{step.relation} {step.kind}: {what}"


def _differences(step: Step, hypertable: Hypertable) -> Iterator[str]:
    if step.kind == "integer_now_func":
        if hypertable.integer_now_func != step.value:
            yield f"it is {hypertable.integer_now_func}"
        return
    if step.kind == "chunk_time_interval":
        if hypertable.chunk_interval != length(step.value):
            yield f"it is {hypertable.chunk_interval}"
        return
    jobs = {job.id: job for job in hypertable.policies(step.kind)}
    left = step.job is not None and step.job.id in jobs
    if step.action == "removed" or step.addition is not None:
        if left:
            yield "the former policy is still there"
        if step.action == "removed":
            return
    job = next(iter(jobs.values()), None) if step.addition or step.job is None else jobs.get(step.job.id)
    if job is None:
        yield "there is no policy"
        return
    if step.addition:
        yield from _added(step.addition, job)
    if step.alteration:
        yield from _altered(step.alteration, job)


def _added(addition: Addition, job: PolicyJob) -> Iterator[str]:
    if job.kind == "refresh":
        pairs: list[tuple[str, Any, Any]] = [
            ("start_offset", addition.start_offset, job.offset("start_offset")),
            ("end_offset", addition.end_offset, job.offset("end_offset")),
        ]
    else:
        pairs = [
            ("reach", addition.after, job.after),
            ("kind of reach", addition.by_creation, job.by_creation),
        ]
    yield from _unequal([*pairs, *_given(addition, job, "schedule_interval", "initial_start")])


def _altered(alteration: Alteration, job: PolicyJob) -> Iterator[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("scheduled", alteration.scheduled, job.scheduled),
        ("timezone", alteration.timezone, job.timezone),
    ]
    names = ("next_start", "schedule_interval", "max_runtime", "max_retries", "retry_period", "initial_start")
    pairs += _given(alteration, job, *names)
    for key, value in alteration.config.items():
        if key in REACHES:
            pairs.append((key, None if value is None else reach(value), job.offset(key)))
        else:
            pairs.append((key, value, job.config.get(key)))
    pairs += [(key, None, job.config.get(key)) for key in alteration.without]
    yield from _unequal(pairs)


def _given(told: Addition | Alteration, job: PolicyJob, *names: str) -> list[tuple[str, Any, Any]]:
    """The settings that were told at all."""
    pairs = [(name, getattr(told, name), getattr(job, name)) for name in names]
    return [pair for pair in pairs if pair[1] is not None]


def _unequal(pairs: Iterable[tuple[str, Any, Any]]) -> Iterator[str]:
    for name, told, found in pairs:
        if told != found:
            yield f"{name} is {_text(found)} instead of {_text(told)}"


def _text(value: Any) -> str:
    return "nothing" if value is None else str(value)


def length(value: Interval | Relation | int | None) -> int | None:
    """A chunk interval as TimescaleDB keeps it: microseconds, or a number in the column's unit."""
    return value.shortest if isinstance(value, Interval) else value if isinstance(value, int) else None
