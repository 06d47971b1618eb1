# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One change of one relation: what a plan consists of, and how results and diffs show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Job, Kind, Reach, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import REACHES, PolicyJob

Action = Literal["created", "altered", "recreated", "paused", "resumed", "removed", "set"]


@dataclass(frozen=True)
class Alteration:
    """The arguments of alter_job. None leaves a setting; the time zone is always passed, else it would be wiped."""

    scheduled: bool
    next_start: datetime | None
    timezone: str | None
    schedule_interval: Interval | None = None
    max_runtime: Interval | None = None
    max_retries: int | None = None
    retry_period: Interval | None = None
    initial_start: datetime | None = None
    #: Keys of the config that get another value, and keys that go.
    config: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Addition:
    """The arguments with which a policy is made: its reach, or its window where it refreshes."""

    by_creation: bool = False
    after: Reach | None = None
    start_offset: Reach | None = None
    end_offset: Reach | None = None
    schedule_interval: Interval | None = None
    initial_start: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class Step:
    """One change of one relation. C(before) and C(after) are what the diff shows."""

    relation: Relation
    kind: Kind | Literal["chunk_time_interval", "integer_now_func"]
    action: Action
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    job: PolicyJob | None = None
    addition: Addition | None = None
    alteration: Alteration | None = None
    value: Reach | Relation | None = None
    shortens: bool = False

    @property
    def arms(self) -> bool:
        """Whether the policy runs by itself after this step and did not before, or keeps less than before."""
        if self.kind != "retention" or self.alteration is None or not self.alteration.scheduled:
            return False
        return self.addition is not None or self.shortens or not (self.job and self.job.scheduled)


def describe(job: PolicyJob) -> dict[str, Any]:
    """A policy as results and diffs show it."""
    reaches = {key: job.offset(key) for key in job.config if key in REACHES}
    return {
        **{key: shown(value) for key, value in sorted(reaches.items()) if value is not None},
        "schedule_interval": str(job.schedule_interval),
        "max_runtime": str(job.max_runtime),
        "max_retries": job.max_retries,
        "retry_period": str(job.retry_period),
        **({"initial_start": moment_text(job.initial_start)} if job.initial_start else {}),
        **({"timezone": job.timezone} if job.timezone else {}),
        "scheduled": job.scheduled,
        **({"held": True} if job.held else {}),
    }


def view(job: Job) -> dict[str, Any]:
    """The settings of a job that are asked for."""
    return view_of({name: getattr(job, name) for name in Job.__dataclass_fields__})


def view_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a job among these values, as they are shown."""
    view = {}
    for name in Job.__dataclass_fields__:
        value = values.get(name)
        if value is not None:
            view[name] = moment_text(value) if isinstance(value, datetime) else shown(value)
    return view


def shown(value: Any) -> Any:
    """An interval as text, anything else as it is."""
    return str(value) if isinstance(value, Interval) else value


def moment_text(moment: datetime) -> str:
    """A moment in UTC, as ISO 8601."""
    return moment.astimezone(UTC).isoformat()
