# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run: read, plan, refuse or apply, verify. The order in which nothing can be lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._postgresql import Connection, DatabaseError
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import (
    apply,
    checks,
    dropping,
    preview,
    state,
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
_DUPLICATE_OBJECT = "42710"


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
    engine = _engine(options["engine"], observed)
    if engine == "scheduled":
        return _drop_here(database, desired, observed, options, check=check)
    drafted, previews = _plan(database, desired, observed, options)
    relations = _relations(desired, observed)
    outcome = Outcome(observed, observed, relations, drafted.steps, previews, warnings=drafted.warnings, engine=engine)
    if not check and drafted.steps:
        outcome = _write(database, desired, options, relations)
    # Besides the policies: at once what they would drop.
    return _drop(database, desired, outcome, options, check=check) if options["apply_now"] else outcome


def report(database: Connection, desired: Desired) -> Outcome:
    """Every policy as it is, with what its next run would drop. Nothing is refused, nothing written."""
    observed = read(database, desired)
    relations = _relations(desired, observed)
    if not desired.policies and desired.scope is None:
        relations = sorted(relation for relation, one in observed.hypertables.items() if one.jobs)
    asked = [
        preview.Cutoff(one, job.after, job.by_creation, observed.integer_now_func(one))
        for one in map(observed.hypertables.get, relations)
        if one is not None and (job := one.policy("retention")) is not None and job.after is not None
    ]
    usable = [one for one in asked if one.by_creation or not one.hypertable.has_integer_time or one.integer_now_func]
    previews = preview.read(database, observed.server.schema, usable, sizes=desired.rules.preview_bytes != "never")
    return Outcome(observed, observed, [one for one in relations if one in observed.hypertables], previews=previews)


def read(database: Connection, desired: Desired) -> state.State:
    """The state, or the refusal where there is no TimescaleDB to read it from."""
    wanted = [policies.relation for policies in desired.policies]
    try:
        observed = state.read(database, wanted)
    except DatabaseError as error:
        if error.sqlstate not in _NO_CATALOG:
            raise
        refusals = list(checks.version_refusals(state.installed_version(database)))
        if refusals:
            raise RefusedError([*desired.problems, *refusals]) from error
        raise
    refusals = list(checks.version_refusals(observed.server.version))
    if refusals:
        raise RefusedError([*desired.problems, *refusals])
    return observed


def _engine(wanted: str, observed: state.State) -> str:
    if wanted == "auto":
        return "policy" if observed.server.has_policies else "scheduled"
    if wanted == "policy" and not observed.server.has_policies:
        raise RefusedError([refusal("TSR003", "engine", f"timescaledb.license is {observed.server.license}")])
    return wanted


def _plan(
    database: Connection, desired: Desired, observed: state.State, options: Mapping[str, Any]
) -> tuple[Plan, dict[Relation, preview.Preview]]:
    """The plan; raises its refusals."""
    wanted = resolve(desired, observed)
    every = desired.rules.preview_bytes == "always" or options["apply_now"]
    previews = _previews(database, desired, observed, wanted, every=every)
    drafted = plan(desired, observed, previews)
    refusals = [*drafted.refusals, *_lookups(database, wanted, observed)]
    if options["apply_now"]:
        refusals += _drop_refusals(desired, observed, previews)
    if refusals:
        raise RefusedError(dict.fromkeys(refusals))
    return drafted, previews


def _previews(
    database: Connection, desired: Desired, observed: state.State, wanted: Iterable[Policies], *, every: bool
) -> dict[Relation, preview.Preview]:
    # A limit of bytes needs the bytes, whatever else is wanted.
    sizes = desired.rules.preview_bytes != "never" or desired.rules.max_drop_bytes is not None
    asked = cutoffs(wanted, observed, every=every)
    return preview.read(database, observed.server.schema, _existing_functions(database, asked), sizes=sizes)


def _existing_functions(database: Connection, asked: Iterable[preview.Cutoff]) -> list[preview.Cutoff]:
    """Without those whose integer_now_func does not exist, which is refused later on."""
    listed = list(asked)
    functions = {str(one.integer_now_func) for one in listed if one.integer_now_func}
    missing = _missing_functions(database, functions) if functions else set()
    return [one for one in listed if str(one.integer_now_func) not in missing]


def _missing_functions(database: Connection, functions: Iterable[str]) -> set[str]:
    sql = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regprocedure(name || '()') IS NULL"
    return {row["name"] for row in database.execute(sql, [sorted(functions)])}


def _lookups(database: Connection, wanted: Iterable[Policies], observed: state.State) -> Iterator[Refusal]:
    """What only the server can tell: whether functions and time zones that are new to it exist."""
    zones: dict[str, list[Relation]] = {}
    functions: dict[str, list[tuple[Relation, str]]] = {}
    known = {job.timezone for one in observed.hypertables.values() for job in one.jobs}
    for policies in wanted:
        for part in (policies.retention, policies.columnstore, policies.refresh):
            if part and part.job.timezone and part.job.timezone not in known:
                zones.setdefault(part.job.timezone, []).append(policies.relation)
        one = observed.hypertables.get(policies.relation)
        if one and one.has_integer_time and policies.integer_now_func not in (None, one.integer_now_func):
            functions.setdefault(str(policies.integer_now_func), []).append((policies.relation, one.column_type))
    if zones:
        sql = "SELECT name FROM unnest(%s::text[]) AS name WHERE name NOT IN (SELECT name FROM pg_timezone_names)"
        for row in database.execute(sql, [sorted(zones)]):
            for relation in zones[row["name"]]:
                yield refusal("TSR035", str(relation), f"'{row['name']}'")
    if functions:
        sql = (
            "SELECT name, (SELECT p.prorettype::regtype::text FROM pg_proc p "
            "WHERE p.oid = to_regprocedure(name || '()')) AS type FROM unnest(%s::text[]) AS name"
        )
        for row in database.execute(sql, [sorted(functions)]):
            for relation, column_type in functions[row["name"]]:
                if row["type"] != column_type:
                    told = f"{row['name']}() {'returns ' + row['type'] if row['type'] else 'does not exist'}"
                    yield refusal("TSR038", str(relation), f"{told}, and the column is {column_type}")


def _write(database: Connection, desired: Desired, options: Mapping[str, Any], relations: list[Relation]) -> Outcome:
    """Look again, write and verify in one transaction, while no other run of this module writes."""
    try:
        with database.transaction():
            apply.lock(database)
            before = read(database, desired)
            drafted, previews = _plan(database, desired, before, options)
            statements = apply.apply(database, before.server, drafted.steps)
            after = read(database, desired)
            left = plan(desired, after, previews).steps
            if left:
                raise NotVerifiedError(
                    "TimescaleDB did not take over what it was told, so everything was rolled back: "
                    + ", ".join(f"{step.relation} {step.kind} is still to be {step.action}" for step in left)
                    + ". Please report this with the version of TimescaleDB."
                )
    except DatabaseError as error:
        if error.sqlstate == _DUPLICATE_OBJECT:
            raise RefusedError([refusal("TSR036", "policies", error.message)]) from error
        raise
    return Outcome(before, after, relations, drafted.steps, previews, warnings=drafted.warnings, statements=statements)


def _drop_here(
    database: Connection, desired: Desired, observed: state.State, options: Mapping[str, Any], *, check: bool
) -> Outcome:
    """The scheduled engine: no policies; whoever runs the task on a schedule drops what is old."""
    wanted = resolve(desired, observed)
    found = checks.check(desired, wanted, observed, (), {})
    refusals = [*found.refusals, *_unsupported(wanted), *checks.server_refusals(observed.server)]
    previews = _previews(database, desired, observed, wanted, every=True)
    dropping_now = desired.rules.arm == "now"
    if dropping_now:
        refusals += _drop_refusals(desired, observed, previews)
    if refusals:
        raise RefusedError(dict.fromkeys(refusals))
    outcome = Outcome(
        observed,
        observed,
        _relations(desired, observed),
        previews=previews,
        warnings=found.warnings,
        engine="scheduled",
    )
    if not dropping_now:
        outcome.warnings = [*outcome.warnings, "nothing was dropped: the scheduled engine drops with arm: now only."]
        return outcome
    return _drop(database, desired, outcome, options, check=check)


def _drop_refusals(
    desired: Desired, observed: state.State, previews: Mapping[Relation, preview.Preview]
) -> list[Refusal]:
    refusals: list[Refusal] = []
    for relation, one in previews.items():
        if not one.chunks:
            continue
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
    paused = {
        policies.relation
        for policies in resolve(desired, outcome.before)
        if policies.retention and policies.retention.state == "paused"
    }
    for cutoff in cutoffs(resolve(desired, outcome.before), outcome.before, every=True):
        relation = cutoff.hypertable.relation
        one = outcome.previews.get(relation)
        if one is None or not one.chunks or relation in paused:
            continue
        if cutoff.hypertable.references:
            warnings.append(
                f"{relation}: dropping its chunks locks the tables that its foreign keys point to: "
                f"{', '.join(cutoff.hypertable.references)}."
            )
        if check:
            dropped.append(dropping.Dropped(relation, one.all_names))
            continue
        dropped.append(
            dropping.drop(
                database, outcome.before.server.schema, cutoff, one, options["lock_timeout"], (DatabaseError,)
            )
        )
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
