# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run: read, plan, refuse or apply, verify. The order in which nothing can be lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._postgresql.connection import Connection, DatabaseError
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import (
    apply,
    checks,
    dropping,
    lookups,
    preview,
    state,
    verification,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Desired, Policies, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, cutoffs, plan, resolve
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import (
    Refusal,
    RefusedError,
    refusal,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.report import Outcome

#: PostgreSQL's codes where a table, schema or column of TimescaleDB's catalog is not there.
_NO_CATALOG = ("42P01", "3F000", "42703", "42883")
#: Codes of what another session's work does to ours: the policy is there already, or no more; no lock, or a deadlock.
_MEANWHILE = ("42710", "42704", "55P03", "40P01")


class NotVerifiedError(Exception):
    """What was written is not what was asked for. The transaction was rolled back."""


def reconcile(database: Connection, desired: Desired, options: Mapping[str, Any], *, check: bool) -> Outcome:
    """Bring the policies to what is wanted, or say what that would take.

    Raises:
        RefusedError: something speaks against it; nothing was written.
        NotVerifiedError: the database did not do what it was told; nothing was written.
        DatabaseError: the database failed.
    """
    observed = read(database, desired)
    engine = _engine(options["engine"], desired, observed)
    if engine == "scheduled":
        return _drop_here(database, desired, observed, options, check=check)
    drafted, previews = _plan(database, desired, observed, options)
    relations = _relations(desired, observed)
    outcome = Outcome(observed, observed, relations, drafted.steps, previews, warnings=drafted.warnings, engine=engine)
    if not check and drafted.steps:
        outcome = _write(database, desired, options, relations, (observed, drafted, previews))
    # Besides the policies: at once what they would drop.
    return _drop(database, desired, outcome, options, check=check) if options["apply_now"] else outcome


def report(database: Connection, desired: Desired) -> Outcome:
    """Every policy as it is, with what its next run would drop. Nothing is written.

    Raises:
        RefusedError: a name cannot be read, or there is no TimescaleDB.
        DatabaseError: the database failed.
    """
    observed = read(database, desired)
    unclear = [one for one in desired.problems if one.code == "TSR006"]
    if unclear:
        raise RefusedError(unclear)
    scope = desired.scope
    relations = list(desired.named)
    if scope:
        relations += [name for name, one in observed.hypertables.items() if scope.covers(name, one.owner)]
    elif not relations:
        relations = [name for name, one in observed.hypertables.items() if one.jobs]
    relations = sorted(set(relations))
    asked = [
        preview.Cutoff(one, job.after, job.by_creation, observed.integer_now_func(one))
        for one in map(observed.hypertables.get, relations)
        if one is not None and (job := one.policy("retention")) is not None and job.after is not None
    ]
    usable = [one for one in asked if one.by_creation or not one.hypertable.has_integer_time or one.integer_now_func]
    previews = preview.read(database, observed.server, usable, sizes=desired.rules.preview_bytes != "never")
    return Outcome(observed, observed, [one for one in relations if one in observed.hypertables], previews=previews)


def read(database: Connection, desired: Desired, jobs_table: str = state.JOBS_TABLES[0]) -> state.State:
    """The state, or the refusal where there is no TimescaleDB to read it from."""
    try:
        observed = state.read(database, desired.named, jobs_table)
    except DatabaseError as error:
        if error.sqlstate not in _NO_CATALOG:
            raise
        refusals = list(checks.version_refusals(state.installed_version(database)))
        if refusals:
            raise RefusedError([*desired.problems, *refusals]) from error
        other = state.JOBS_TABLES[1]
        if jobs_table == other:
            raise
        return read(database, desired, other)
    refusals = list(checks.version_refusals(observed.server.version))
    if refusals:
        raise RefusedError([*desired.problems, *refusals])
    return observed


def _engine(wanted: str, desired: Desired, observed: state.State) -> str:
    if wanted == "auto":
        return "policy" if observed.server.has_policies else "scheduled"
    if wanted == "policy" and not observed.server.has_policies:
        told = f"timescaledb.license is {observed.server.license}"
        raise RefusedError([*desired.problems, refusal("TSR003", "engine", told)])
    return wanted


def _plan(
    database: Connection, desired: Desired, observed: state.State, options: Mapping[str, Any]
) -> tuple[Plan, dict[Relation, preview.Preview]]:
    """The plan; raises its refusals."""
    wanted = resolve(desired, observed)
    every = desired.rules.preview_bytes == "always" or options["apply_now"]
    previews = _previews(database, desired, observed, wanted, every=every)
    losing = _losing(wanted, previews) if options["apply_now"] else {}
    drafted = plan(desired, observed, previews, losing)
    refusals = [*drafted.refusals, *lookups.refuse_unknown(database, wanted, observed)]
    refusals += _drop_refusals(desired, observed, losing)
    if refusals:
        raise RefusedError(dict.fromkeys(refusals))
    return drafted, previews


def _previews(
    database: Connection, desired: Desired, observed: state.State, wanted: Iterable[Policies], *, every: bool
) -> dict[Relation, preview.Preview]:
    # A limit of bytes needs the bytes, whatever else is wanted.
    sizes = desired.rules.preview_bytes != "never" or desired.rules.max_drop_bytes is not None
    listed = list(wanted)
    types = lookups.function_types(database, listed, observed)
    asked = [
        one
        for one in cutoffs(listed, observed, every=every)
        if one.integer_now_func not in types or types[one.integer_now_func] == one.hypertable.column_type
    ]
    return preview.read(database, observed.server, asked, sizes=sizes)


def _losing(
    wanted: Iterable[Policies], previews: Mapping[Relation, preview.Preview]
) -> dict[Relation, preview.Preview]:
    """The previews of the relations that lose chunks when the module drops them itself."""
    running = [one.relation for one in wanted if one.retention and one.retention.state == "present"]
    return {relation: previews[relation] for relation in running if relation in previews and previews[relation].chunks}


def _write(
    database: Connection,
    desired: Desired,
    options: Mapping[str, Any],
    relations: list[Relation],
    seen: tuple[state.State, Plan, dict[Relation, preview.Preview]],
) -> Outcome:
    """Look again, write and verify in one transaction, while no other run of this module writes.

    C(seen) is what was found before, and the plan for it, which holds where nothing has changed since.
    """
    observed, drafted, previews = seen
    # A query that looks where the jobs are not would end the transaction.
    known = observed.server.jobs_table
    try:
        with database.transaction():
            apply.lock(database)
            before = read(database, desired, known)
            if before.answer != observed.answer:
                drafted, previews = _plan(database, desired, before, options)
            statements = apply.apply(database, before, drafted.steps)
            after = read(database, desired, known)
            _require_verified(drafted, plan(desired, after, previews), after)
    except DatabaseError as error:
        if error.sqlstate in _MEANWHILE:
            raise RefusedError([refusal("TSR036", "policies", error.message)]) from error
        raise
    # TimescaleDB lets two sessions that do not see each other yet add a policy each (seen on 2.28.3).
    conflicts: list[Refusal] = []
    if state.has_several(database, known):
        after = read(database, desired, known)
        conflicts = list(checks.several(resolve(desired, after), after))
    return Outcome(
        before,
        after,
        relations,
        drafted.steps,
        previews,
        warnings=drafted.warnings,
        statements=statements,
        conflicts=conflicts,
    )


def _require_verified(done: Plan, again: Plan, after: state.State) -> None:
    """That everything is as it was told, and that the same task would find nothing left to do."""
    problems = list(verification.verify(done.steps, after))
    problems += [f"{step.relation} {step.kind} is still to be {step.action}" for step in again.steps]
    if problems:
        raise NotVerifiedError(
            f"TimescaleDB did not take over what it was told, so everything was rolled back: {'; '.join(problems)}. "
            "Please report this with the version of TimescaleDB."
        )


def _drop_here(
    database: Connection, desired: Desired, observed: state.State, options: Mapping[str, Any], *, check: bool
) -> Outcome:
    """The scheduled engine: no policies; whoever runs the task on a schedule drops what is old."""
    wanted = resolve(desired, observed)
    previews = _previews(database, desired, observed, wanted, every=True)
    losing = _losing(wanted, previews) if desired.rules.arm == "now" else {}
    settings = tuple(step for step in plan(desired, observed, previews).steps if step.job is None and not step.addition)
    found = checks.check(desired, wanted, observed, settings, {}, losing)
    refusals = [*found.refusals, *_unsupported(wanted), *lookups.refuse_unknown(database, wanted, observed)]
    refusals += [*checks.server_refusals(observed.server), *_drop_refusals(desired, observed, losing)]
    if refusals:
        raise RefusedError(dict.fromkeys(refusals))
    statements: list[str] = []
    if settings and not check:
        with database.transaction():
            apply.lock(database)
            statements = apply.apply(database, observed, settings)
    warnings = list(found.warnings)
    if desired.rules.arm != "now" and any(one.chunks for one in previews.values()):
        warnings.append("nothing was dropped: the scheduled engine drops with arm: now only.")
    outcome = Outcome(
        observed,
        observed,
        _relations(desired, observed),
        settings,
        previews,
        warnings=warnings,
        statements=statements,
        engine="scheduled",
    )
    return _drop(database, desired, outcome, options, check=check) if losing else outcome


def _drop_refusals(
    desired: Desired, observed: state.State, losing: Mapping[Relation, preview.Preview]
) -> list[Refusal]:
    refusals: list[Refusal] = []
    for relation, one in losing.items():
        hypertable = observed.hypertables[relation]
        refusals += checks.limits(desired, relation, one)
        if desired.rules.require_materialized:
            refusals += checks.unmaterialized(observed, hypertable, one)
        if not hypertable.is_member:
            told = f"it belongs to {hypertable.owner}, and {observed.server.user} is no member of that role"
            refusals.append(refusal("TSR029", str(relation), told))
    return refusals


def _drop(
    database: Connection, desired: Desired, outcome: Outcome, options: Mapping[str, Any], *, check: bool
) -> Outcome:
    dropped = []
    warnings = list(outcome.warnings)
    wanted = resolve(desired, outcome.before)
    losing = _losing(wanted, outcome.previews)
    for cutoff in cutoffs(wanted, outcome.before, every=True):
        relation = cutoff.hypertable.relation
        one = losing.get(relation)
        if one is None:
            continue
        if cutoff.hypertable.references:
            warnings.append(
                f"{relation}: dropping its chunks locks the tables that its foreign keys point to: "
                f"{', '.join(cutoff.hypertable.references)}."
            )
        if check:
            dropped.append(dropping.Dropped(relation, one.all_names))
            continue
        dropped.append(dropping.drop(database, outcome.before.server.schema, cutoff, one, options["lock_timeout"]))
    outcome.dropped = dropped
    outcome.warnings = warnings
    return outcome


def _unsupported(wanted: Iterable[Policies]) -> Iterator[Refusal]:
    for policies in wanted:
        for option in ("columnstore", "refresh"):
            if getattr(policies, option) is not None:
                yield refusal("TSR037", str(policies.relation), option)


def _relations(desired: Desired, observed: state.State) -> list[Relation]:
    return [policies.relation for policies in resolve(desired, observed)]
