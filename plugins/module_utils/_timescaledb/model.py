# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the database has: its server, hypertables, continuous aggregates, and their policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import intervals
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    AgePolicy,
    Kind,
    Reach,
    Relation,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval

#: The key in a job's config under which this module notes that it holds the policy. TimescaleDB ignores keys that it
#: does not know (seen on 2.28.3), and a config survives a dump and a restore.
HELD = "entasis_held"

#: The integer types of time columns, with their largest numbers.
INTEGERS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}

#: The keys of a config that say how far back a policy reaches: by the age of the data, or that of the chunks.
AGES = {
    "retention": ("drop_after", "drop_created_before"),
    "columnstore": ("compress_after", "compress_created_before"),
}
#: All keys of a config whose values are intervals, or numbers.
REACHES = (*AGES["retention"], *AGES["columnstore"], "start_offset", "end_offset")


@dataclass(frozen=True)
class Server:
    """The database server, and who we are there."""

    now: datetime
    #: Where the jobs are, as SQL writes it.
    jobs_table: str
    version: tuple[int, ...] | None = None
    #: Where the extension's functions are, as SQL writes it.
    schema: str = "public"
    license: str = "timescale"
    restoring: bool = False
    read_only: bool = False
    standby: bool = False
    user: str = ""
    owns_database: bool = False
    background_workers: int = 0
    worker_processes: int = 0
    jobs: int = 0

    @property
    def has_policies(self) -> bool:
        return self.license != "apache"


@dataclass(frozen=True)
class PolicyJob:
    """One policy. C(config) is the job's own; intervals are parsed; moments are None where they are infinite."""

    id: int
    kind: Kind
    hypertable_id: int
    schedule_interval: Interval
    max_runtime: Interval
    max_retries: int
    retry_period: Interval
    scheduled: bool
    fixed_schedule: bool
    initial_start: datetime | None
    timezone: str | None
    config: Mapping[str, Any]
    next_start: datetime | None
    last_success: datetime | None = None
    last_run_success: bool | None = None
    total_runs: int = 0
    total_failures: int = 0
    last_error: str | None = None

    @property
    def by_creation(self) -> bool:
        return self.kind in AGES and AGES[self.kind][True] in self.config

    @property
    def after(self) -> Reach | None:
        """How far back a retention or columnstore policy reaches."""
        known = [self.config[key] for key in AGES.get(self.kind, ()) if self.config.get(key) is not None]
        return reach(known[0]) if known else None

    def offset(self, key: str) -> Reach | None:
        """One of the reaches in the config, such as C(start_offset) of a refresh policy; None has no end."""
        value = self.config.get(key)
        return None if value is None else reach(value)

    @property
    def held(self) -> Mapping[str, Any] | None:
        """Since when and why this module holds the policy; None where it does not."""
        note = self.config.get(HELD)
        return note if isinstance(note, Mapping) and not self.scheduled else None


@dataclass(frozen=True)
class Hypertable:
    """A hypertable, or the one behind a continuous aggregate (C(aggregate_of) is then what it aggregates)."""

    id: int
    #: The table's or view's number in pg_class, by which it is found whatever schemas the user may look into.
    oid: int
    relation: Relation
    owner: str
    owner_can_login: bool
    is_member: bool
    columnstore_enabled: bool
    column_type: str
    chunk_interval: int | None
    integer_now_func: Relation | None
    aggregate_of: int | None = None
    materialization: Relation | None = None
    watermark: int | None = None
    references: tuple[str, ...] = ()
    jobs: tuple[PolicyJob, ...] = field(default=(), compare=False)

    @property
    def chunk_length(self) -> Reach | None:
        """How long chunks are, in days and time, or as a number."""
        if self.chunk_interval is None or self.has_integer_time:
            return self.chunk_interval
        days, microseconds = divmod(self.chunk_interval, 24 * 3600 * 1_000_000)
        return Interval(days=days, microseconds=microseconds)

    @property
    def is_aggregate(self) -> bool:
        return self.aggregate_of is not None

    @property
    def has_integer_time(self) -> bool:
        return self.column_type in INTEGERS

    def age(self, kind: Kind, wanted: AgePolicy | None) -> tuple[Reach | None, bool]:
        """How far back the policy reaches once what is wanted is there, and whether that is the age of chunks."""
        if wanted and (wanted.state == "absent" or wanted.after is not None):
            return (None if wanted.state == "absent" else wanted.after), wanted.by_creation
        job = self.policy(kind)
        return (job.after, job.by_creation) if job else (None, False)

    def policies(self, kind: Kind) -> tuple[PolicyJob, ...]:
        return tuple(job for job in self.jobs if job.kind == kind)

    def policy(self, kind: Kind) -> PolicyJob | None:
        return next(iter(self.policies(kind)), None)


@dataclass(frozen=True)
class State:
    """The database as it was read. C(others) are relations that were asked for and are no hypertables."""

    server: Server
    hypertables: Mapping[Relation, Hypertable]
    others: Mapping[Relation, str]
    #: The answer as it came, but for the time: two of them tell whether anything has changed between.
    answer: str = field(default="", compare=False, repr=False)

    def integer_now_func(self, hypertable: Hypertable) -> Relation | None:
        """What tells the present of an integer column. An aggregate has the function of the table below it."""
        below: Hypertable | None = hypertable
        while below is not None and below.integer_now_func is None and below.aggregate_of is not None:
            below = self.by_id(below.aggregate_of)
        return below.integer_now_func if below else None

    def by_id(self, number: int) -> Hypertable | None:
        return self._by_id.get(number)

    def aggregates_of(self, hypertable: Hypertable) -> list[Hypertable]:
        """The continuous aggregates on a hypertable, and those on them in turn."""
        found: list[Hypertable] = []
        below = [hypertable]
        while below:
            below = [above for one in below for above in self._aggregates.get(one.id, ())]
            found += below
        return found

    @cached_property
    def _by_id(self) -> Mapping[int, Hypertable]:
        return {one.id: one for one in self.hypertables.values()}

    @cached_property
    def _aggregates(self) -> Mapping[int, Sequence[Hypertable]]:
        """By the number of what is aggregated."""
        found: dict[int, list[Hypertable]] = {}
        for one in self.hypertables.values():
            if one.aggregate_of is not None:
                found.setdefault(one.aggregate_of, []).append(one)
        return found


def reach(value: Any) -> Reach:
    """A value of a config, which is a number or the text of an interval."""
    return value if isinstance(value, int) else intervals.stored(str(value))
