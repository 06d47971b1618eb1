# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What speaks against a plan: the refusals that need to know the database, and the warnings."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    AgePolicy,
    Desired,
    Policies,
    Reach,
    Relation,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import (
    AGES,
    INTEGERS,
    Hypertable,
    Server,
    State,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal, refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Step

OLDEST = (2, 11)

#: From here on the owner of the database may manage the policies of others' tables (#9668 of timescaledb).
_DATABASE_OWNER_MANAGES = (2, 28)

#: PostgreSQL's first timestamp is in this year before our time.
_FIRST_YEAR = 4713
#: Microseconds of a short year.
_YEAR = 365 * 24 * 3600 * 1_000_000

#: A launcher for the server and a scheduler for the database take two of the workers.
_WORKERS_TAKEN = 2


@dataclass(frozen=True)
class Found:
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]


def check(
    desired: Desired,
    wanted: Sequence[Policies],
    state: State,
    steps: Sequence[Step],
    previews: Mapping[Relation, Preview],
    dropping: Container[Relation] = (),
) -> Found:
    """All refusals and warnings of a plan, those of the options first. C(dropping) are to lose their chunks at once."""
    refusals = [*desired.problems, *several(wanted, state)]
    warnings: list[str] = []
    by_relation: dict[Relation, list[Step]] = {}
    for step in steps:
        by_relation.setdefault(step.relation, []).append(step)
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        if hypertable is None:
            refusals.append(_missing(policies.relation, state))
            continue
        mine = by_relation.get(policies.relation, [])
        refusals += _kinds(policies, hypertable, state)
        refusals += _versions(policies, hypertable, state, mine)
        refusals += _rights(hypertable, state.server, mine)
        refusals += _schedules(mine)
        refusals += _refreshing(policies, hypertable)
        refusals += _columnstore(policies, hypertable)
        refusals += _arming(policies, desired, state.server, mine)
        refusals += _shortening(desired, mine)
        refusals += _dangers(desired, state, hypertable, mine, previews.get(policies.relation, Preview()))
        if _is_shorter_than_chunks(policies, hypertable):
            warnings.append(
                f"{policies.relation}: drop_after is shorter than the chunk interval, so chunks are kept for up to "
                "both of them together. Set chunk_time_interval to a fraction of drop_after."
            )
    for conflict, changes in _aggregates(wanted, state, by_relation, dropping):
        if changes and desired.rules.on_cagg_conflict == "refuse":
            refusals.append(conflict)
        else:
            warnings.append(f"{conflict.where}: {conflict.message}. {conflict.remedy}")
    if steps:
        refusals += server_refusals(state.server)
        warnings += _workers(state.server)
    return Found(tuple(dict.fromkeys(refusals)), tuple(dict.fromkeys(warnings)))


def server_refusals(server: Server) -> Iterator[Refusal]:
    """What makes every write impossible."""
    if server.standby:
        yield refusal("TSR004", "login_host", "the server is a standby")
    elif server.read_only:
        yield refusal("TSR004", "login_user", "the session is read-only")
    if server.restoring:
        yield refusal("TSR005", "login_db", "timescaledb.restoring is on")


def version_refusals(version: tuple[int, ...] | None) -> Iterator[Refusal]:
    """What keeps the module from reading the database."""
    if version is None:
        yield refusal("TSR001", "login_db", "the extension is not there")
    elif version < OLDEST:
        yield refusal("TSR002", "login_db", f"it has {_dotted(version)}")


def _missing(relation: Relation, state: State) -> Refusal:
    kind = state.others.get(relation)
    if kind is None:
        return refusal("TSR007", str(relation), "it does not exist")
    if kind == "materialization":
        behind = next(one for one in state.hypertables.values() if one.materialization == relation)
        return refusal("TSR009", str(relation), f"it is what {behind.relation} keeps its data in")
    names = {"r": "a plain table", "v": "a view", "m": "a materialized view", "p": "a partitioned table"}
    return refusal("TSR008", str(relation), f"it is {names.get(kind, 'something else')}")


def out_of_place(reach: Reach, hypertable: Hypertable, now: datetime, *, by_creation: bool) -> str:
    """Why a reach cannot be one of this relation: its kind, or its size; empty where it can."""
    if not by_creation and isinstance(reach, int) != hypertable.has_integer_time:
        return f"is '{reach}', and its time is a column of type {hypertable.column_type}"
    if isinstance(reach, int):
        too_large = reach > INTEGERS[hypertable.column_type]
        return f"is {reach}, more than a {hypertable.column_type} can be" if too_large else ""
    if reach.longest > (now.year + _FIRST_YEAR) * _YEAR:
        return f"is '{reach}', and begins before {_FIRST_YEAR} BC, where PostgreSQL's time begins"
    return ""


#: The options of an age, by that of the data and by that of the chunks.
_OPTIONS = {
    "retention": AGES["retention"],
    "columnstore": ("columnstore.after", "columnstore.created_before"),
}


def _reaches(policies: Policies) -> Iterator[tuple[str, Reach, bool]]:
    """Each reach that is asked for: its option, and whether it is the age of chunks."""
    found: list[tuple[str, Reach | None, bool]] = [("chunk_time_interval", policies.chunk_time_interval, False)]
    for kind, part in policies.parts():
        if isinstance(part, AgePolicy):
            found.append((_OPTIONS[kind][part.by_creation], part.after, part.by_creation))
        else:
            found.append(("refresh.start_offset", part.start_offset, False))
            found.append(("refresh.end_offset", part.end_offset, False))
    for option, reach, by_creation in found:
        if reach is not None:
            yield option, reach, by_creation


def _kinds(policies: Policies, hypertable: Hypertable, state: State) -> Iterator[Refusal]:
    """Intervals for time, numbers for integers."""
    where = str(policies.relation)
    needs_now = False
    for option, reach, by_creation in _reaches(policies):
        needs_now |= not by_creation and option != "chunk_time_interval"
        if told := out_of_place(reach, hypertable, state.server.now, by_creation=by_creation):
            yield refusal("TSR012", where, f"{option} {told}")
    if hypertable.has_integer_time and needs_now:
        if policies.integer_now_func is None and state.integer_now_func(hypertable) is None:
            yield refusal("TSR013", where, f"its time is a column of type {hypertable.column_type}")
    elif policies.integer_now_func is not None and not hypertable.has_integer_time:
        yield refusal("TSR038", where, f"its time is a column of type {hypertable.column_type}")


def _versions(policies: Policies, hypertable: Hypertable, state: State, steps: Sequence[Step]) -> Iterator[Refusal]:
    version = state.server.version or OLDEST
    where = str(policies.relation)
    retention = policies.retention
    fails = version < (2, 13) or (version < (2, 26, 3) and not hypertable.has_integer_time)
    if retention and retention.by_creation and retention.after is not None:
        function = policies.integer_now_func or state.integer_now_func(hypertable)
        if fails:
            yield refusal("TSR015", where, f"this is {_dotted(version)}")
        elif hypertable.has_integer_time and function is not None:
            yield refusal("TSR015", where, f"its column is {hypertable.column_type}, with integer_now_func {function}")
    columnstore = policies.columnstore
    if columnstore and columnstore.by_creation and version < (2, 13):
        yield refusal("TSR033", where, f"columnstore.created_before on {_dotted(version)}")
    if version < (2, 12):
        for step in steps:
            alteration = step.alteration
            if step.job is None or alteration is None or step.addition is not None:
                continue
            if alteration.initial_start is not None or alteration.timezone != step.job.timezone:
                yield refusal("TSR033", where, f"initial_start or timezone of an existing policy on {_dotted(version)}")


def _rights(hypertable: Hypertable, server: Server, steps: Sequence[Step]) -> Iterator[Refusal]:
    if not steps:
        return
    by_database = server.owns_database and (server.version or OLDEST) >= _DATABASE_OWNER_MANAGES
    if not hypertable.is_member and not by_database:
        yield not_a_member(hypertable, server)
    if not hypertable.owner_can_login and any(step.addition for step in steps):
        yield refusal("TSR030", str(hypertable.relation), f"its owner {hypertable.owner} has no LOGIN")


def not_a_member(hypertable: Hypertable, server: Server) -> Refusal:
    told = f"it belongs to {hypertable.owner}, and {server.user} is no member of that role"
    return refusal("TSR029", str(hypertable.relation), told)


def _schedules(steps: Sequence[Step]) -> Iterator[Refusal]:
    """A fixed schedule takes months, or days and hours: the server refuses both together."""
    for step in steps:
        alteration, addition, job = step.alteration, step.addition, step.job
        if alteration is None:
            continue
        if addition:
            schedule, fixed = addition.schedule_interval, addition.initial_start is not None
        else:
            kept = job.schedule_interval if job else None
            schedule = alteration.schedule_interval or kept
            fixed = alteration.initial_start is not None or bool(job and job.fixed_schedule)
        if fixed and schedule and schedule.months and (schedule.days or schedule.microseconds):
            told = f"schedule_interval '{schedule}' has months and more, and the schedule of {step.kind} is fixed"
            yield refusal("TSR014", str(step.relation), told)


def _refreshing(policies: Policies, hypertable: Hypertable) -> Iterator[Refusal]:
    if policies.refresh and not hypertable.is_aggregate:
        yield refusal("TSR024", str(policies.relation), "it is a hypertable")


def several(wanted: Iterable[Policies], state: State) -> Iterator[Refusal]:
    """Relations with several policies of a kind that is asked for."""
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        if hypertable is None:
            continue
        for kind, _part in policies.parts():
            numbers = [str(job.id) for job in hypertable.policies(kind)]
            if len(numbers) > 1:
                told = f"the {kind} policies are the jobs {', '.join(numbers)}"
                yield refusal("TSR025", str(policies.relation), told)


def _columnstore(policies: Policies, hypertable: Hypertable) -> Iterator[Refusal]:
    wanted = policies.columnstore
    where = str(policies.relation)
    if wanted and wanted.state != "absent" and wanted.after is not None and not hypertable.columnstore_enabled:
        yield refusal("TSR023", where, "columnstore is asked for")
    after = wanted.after if wanted else None
    by_creation = wanted.by_creation if wanted else False
    current = hypertable.policy("columnstore")
    if wanted is None and current:
        after, by_creation = current.after, current.by_creation
    retention = policies.retention
    if after is None or retention is None or retention.after is None or retention.state == "absent":
        return
    stays = wanted is None or wanted.state != "absent"
    if stays and by_creation == retention.by_creation and not _reaches_less(after, retention.after):
        told = f"columnstore after '{after}', drop_after '{retention.after}'"
        yield refusal("TSR022", where, told)


def _arming(policies: Policies, desired: Desired, server: Server, steps: Sequence[Step]) -> Iterator[Refusal]:
    if desired.rules.arm != "at" or not any(step.arms for step in steps):
        return
    start = policies.retention.job.initial_start if policies.retention else None
    if start is None or start <= server.now:
        told = "it has no initial_start" if start is None else f"initial_start {start.isoformat()} is over"
        yield refusal("TSR031", str(policies.relation), told)


def _shortening(desired: Desired, steps: Sequence[Step]) -> Iterator[Refusal]:
    if desired.rules.allow_shorten:
        return
    for step in steps:
        if step.shortens and step.before is not None and step.after is not None:
            yield refusal("TSR018", str(step.relation), f"it goes from {_reach(step.before)} to {_reach(step.after)}")


def _reach(view: Mapping[str, Any]) -> str:
    """The reach of a retention policy as it is shown."""
    for key in ("drop_after", "drop_created_before"):
        if key in view:
            return f"{key} '{view[key]}'"
    return "nothing"


def _dangers(
    desired: Desired, state: State, hypertable: Hypertable, steps: Sequence[Step], preview: Preview
) -> Iterator[Refusal]:
    """What the next run would do, where the plan lets it come."""
    if preview.chunks and any(step.arms for step in steps):
        yield from limits(desired, hypertable.relation, preview)
        if desired.rules.require_materialized:
            yield from unmaterialized(state, hypertable, preview)


def limits(desired: Desired, relation: Relation, preview: Preview) -> Iterator[Refusal]:
    """Whether more would go than the task allows."""
    rules = desired.rules
    where = str(relation)
    share = f"{preview.chunks} of {preview.total_chunks} chunks ({preview.percent:.0f} %), the data before "
    if preview.percent > rules.max_drop_percent:
        told = f"{share}{preview.newest}, and max_drop_percent is {rules.max_drop_percent:g}"
        yield refusal("TSR026", where, told)
    if rules.max_drop_chunks is not None and preview.chunks > rules.max_drop_chunks:
        yield refusal("TSR027", where, f"{preview.chunks} chunks, and max_drop_chunks is {rules.max_drop_chunks}")
    if rules.max_drop_bytes is not None and (preview.bytes is None or preview.bytes > rules.max_drop_bytes):
        size = "an unknown number of" if preview.bytes is None else preview.bytes
        yield refusal("TSR028", where, f"{size} bytes, and max_drop_bytes is {rules.max_drop_bytes}")


def unmaterialized(state: State, hypertable: Hypertable, preview: Preview) -> Iterator[Refusal]:
    """Aggregates that have not taken in yet what would go. Holes below the watermark stay unseen."""
    for aggregate in state.aggregates_of(hypertable):
        if aggregate.aggregate_of != hypertable.id or preview.newest_internal is None:
            continue
        if aggregate.watermark is None or preview.newest_internal > aggregate.watermark:
            told = f"chunks up to {preview.newest} would go, and {aggregate.relation} is not materialised that far"
            yield refusal("TSR021", str(hypertable.relation), told)


def _is_shorter_than_chunks(policies: Policies, hypertable: Hypertable) -> bool:
    retention = policies.retention
    if retention is None or retention.after is None or retention.by_creation or hypertable.chunk_interval is None:
        return False
    chunk = policies.chunk_time_interval
    length = hypertable.chunk_interval
    if chunk is not None:
        length = chunk if isinstance(chunk, int) else chunk.longest
    after = retention.after
    return (after if isinstance(after, int) else after.longest) < length


def _aggregates(
    wanted: Iterable[Policies],
    state: State,
    steps: Mapping[Relation, Sequence[Step]],
    dropping: Container[Relation],
) -> Iterator[tuple[Refusal, bool]]:
    """Conflicts between retention and refresh, and whether this run would make one of the two."""
    by_relation = {policies.relation: policies for policies in wanted}
    for hypertable in state.hypertables.values():
        policies = by_relation.get(hypertable.relation)
        reach, by_creation = hypertable.age("retention", policies.retention if policies else None)
        if reach is None:
            continue
        key = AGES["retention"][by_creation]
        now = hypertable.relation in dropping
        # A chunk is made before most of its data are, so that by its age younger data go.
        margin = hypertable.chunk_length if by_creation else None
        for aggregate in state.aggregates_of(hypertable):
            touched = _touches(steps, hypertable.relation, "retention") or _touches(
                steps, aggregate.relation, "refresh"
            )
            for window, told in _windows(by_relation.get(aggregate.relation), aggregate):
                if not _covers(reach, _wider(window, margin)):
                    message = f"{key} is '{reach}', and {aggregate.relation} is refreshed {told}"
                    yield refusal("TSR019", str(hypertable.relation), message), touched or now
        if hypertable.is_aggregate:
            touched = bool(steps.get(hypertable.relation))
            for window, told in _windows(policies, hypertable, own=True):
                if window is not None and not _covers(reach, _wider(window, margin)):
                    message = f"{key} is '{reach}', and it is refreshed {told}"
                    yield refusal("TSR020", str(hypertable.relation), message), touched or now


def _wider(window: Reach | None, margin: Reach | None) -> Reach | None:
    return window + margin if isinstance(window, Interval) and isinstance(margin, Interval) else window


def _touches(steps: Mapping[Relation, Sequence[Step]], relation: Relation, kind: str) -> bool:
    return any(step.kind == kind and step.action != "removed" for step in steps.get(relation, ()))


def _windows(
    policies: Policies | None, aggregate: Hypertable, *, own: bool = False
) -> Iterator[tuple[Reach | None, str]]:
    """How far back each refresh reaches, the time between two runs included; None has no end."""
    spans: list[tuple[Reach | None, Interval]] = []
    wanted = policies.refresh if policies else None
    # A pause leaves the window of a policy as it is.
    if wanted and not (wanted.state == "paused" and aggregate.policy("refresh")):
        if wanted.state == "absent":
            return
        schedule = wanted.job.schedule_interval or Interval()
        spans.append((wanted.start_offset, schedule))
    else:
        spans += [(job.offset("start_offset"), job.schedule_interval) for job in aggregate.policies("refresh")]
    for start, schedule in spans:
        if start is None:
            yield None, "from the beginning"
        elif isinstance(start, int) or own:
            yield start, f"from '{start}' back"
        else:
            yield start + schedule, f"from '{start}' back every '{schedule}'"


def _covers(reach: Reach, window: Reach | None) -> bool:
    """Whether a retention keeps all that a window needs."""
    if window is None:
        return False
    if isinstance(reach, int) and isinstance(window, int):
        return reach >= window
    if isinstance(reach, Interval) and isinstance(window, Interval):
        # The same interval reaches back equally far, whatever the months are long.
        return reach == window or reach.shortest >= window.longest
    # A number and an interval, chunks by their age and an integer column, cannot be compared.
    return False


def _reaches_less(one: Reach, other: Reach) -> bool:
    if isinstance(one, Interval) and isinstance(other, Interval):
        return one.longest < other.shortest
    if isinstance(one, int) and isinstance(other, int):
        return one < other
    return True


def _workers(server: Server) -> Iterator[str]:
    free = server.background_workers - _WORKERS_TAKEN
    if server.background_workers and free < 1:
        yield (
            f"timescaledb.max_background_workers is {server.background_workers}, and a launcher and a scheduler take "
            f"{_WORKERS_TAKEN} of them: no policy will ever run. Raise it, and max_worker_processes with it."
        )
    elif server.worker_processes < server.background_workers:
        yield (
            f"max_worker_processes ({server.worker_processes}) is below timescaledb.max_background_workers "
            f"({server.background_workers}): policies may not run for want of a worker. Raise max_worker_processes."
        )


def _dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))
