# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run: read, plan, refuse or apply, verify. The order in which nothing can be lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import Plan, cutoffs, plan, resolve
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import (
    Refusal,
    RefusedError,
    refusal,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.report import Outcome
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Step

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
    run = _Run(database, desired, options, check)
    if _engine(options["engine"], desired, observed) == "scheduled":
        return run.drop_by_schedule(observed)
    outcome = run.keep_policies(observed)
    # Besides the policies: at once what they would drop.
    return run.drop(outcome) if options["apply_now"] else outcome


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


def read(database: Connection, desired: Desired, jobs_table: str = state.JOBS_TABLES[0]) -> State:
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


def _engine(wanted: str, desired: Desired, observed: State) -> str:
    if wanted == "auto":
        return "policy" if observed.server.has_policies else "scheduled"
    if wanted == "policy" and not observed.server.has_policies:
        told = f"timescaledb.license is {observed.server.license}"
        raise RefusedError([*desired.problems, refusal("TSR003", "engine", told)])
    return wanted


@dataclass(frozen=True)
class _Run:
    """What a run is given."""

    database: Connection
    desired: Desired
    options: Mapping[str, Any]
    check: bool

    def keep_policies(self, observed: State) -> Outcome:
        """The policies as they are wanted."""
        outcome = self._planned(observed)
        return self._write(outcome) if outcome.steps and not self.check else outcome

    def _planned(self, observed: State) -> Outcome:
        """What is to be done, not yet done; raises what speaks against it."""
        wanted = resolve(self.desired, observed)
        apply_now = self.options["apply_now"]
        previews = self._previews(observed, wanted, every=self.desired.rules.preview_bytes == "always" or apply_now)
        losing = _losing(wanted, previews) if apply_now else {}
        drafted = plan(self.desired, observed, previews, losing)
        self._refuse([*drafted.refusals, *self._refusals(observed, wanted, losing)])
        return self._outcome(observed, wanted, drafted.steps, previews, drafted.warnings)

    def _outcome(
        self,
        observed: State,
        wanted: Iterable[Policies],
        steps: Sequence[Step],
        previews: Mapping[Relation, Preview],
        warnings: Sequence[str],
    ) -> Outcome:
        relations = [policies.relation for policies in wanted]
        return Outcome(observed, observed, relations, steps, previews, warnings=warnings)

    def _previews(self, observed: State, wanted: Sequence[Policies], *, every: bool) -> dict[Relation, Preview]:
        # A limit of bytes needs the bytes, whatever else is wanted.
        rules = self.desired.rules
        sizes = rules.preview_bytes != "never" or rules.max_drop_bytes is not None
        types = lookups.function_types(self.database, wanted, observed)
        asked = [
            one
            for one in cutoffs(wanted, observed, every=every)
            if one.integer_now_func not in types or types[one.integer_now_func] == one.hypertable.column_type
        ]
        return preview.read(self.database, observed.server, asked, sizes=sizes)

    def _refusals(
        self, observed: State, wanted: Sequence[Policies], losing: Mapping[Relation, Preview]
    ) -> Iterator[Refusal]:
        """What only the server can tell, and what speaks against dropping from here."""
        yield from lookups.refuse_unknown(self.database, wanted, observed)
        for relation, one in losing.items():
            hypertable = observed.hypertables[relation]
            yield from checks.limits(self.desired, relation, one)
            if self.desired.rules.require_materialized:
                yield from checks.unmaterialized(observed, hypertable, one)
            if not hypertable.is_member:
                yield checks.not_a_member(hypertable, observed.server)

    def _refuse(self, refusals: Iterable[Refusal]) -> None:
        told = dict.fromkeys(refusals)
        if told:
            raise RefusedError(told)

    def _write(self, planned: Outcome) -> Outcome:
        """Look again, write and verify in one transaction, while no other run of this module writes.

        The plan holds where nothing has changed since it was made.
        """
        # A query that looks where the jobs are not would end the transaction.
        known = planned.before.server.jobs_table
        try:
            with self.database.transaction():
                apply.lock(self.database)
                before = read(self.database, self.desired, known)
                if before.answer != planned.before.answer:
                    planned = self._planned(before)
                statements = apply.apply(self.database, before, planned.steps)
                after = read(self.database, self.desired, known)
                _require_verified(planned.steps, plan(self.desired, after, planned.previews), after)
        except DatabaseError as error:
            if error.sqlstate in _MEANWHILE:
                raise RefusedError([refusal("TSR036", "policies", error.message)]) from error
            raise
        # TimescaleDB lets two sessions that do not see each other yet add a policy each (seen on 2.28.3).
        conflicts: list[Refusal] = []
        if state.has_several(self.database, known):
            after = read(self.database, self.desired, known)
            conflicts = list(checks.several(resolve(self.desired, after), after))
        return replace(planned, before=before, after=after, statements=statements, conflicts=conflicts)

    def drop_by_schedule(self, observed: State) -> Outcome:
        """The scheduled engine: no policies; whoever runs the task on a schedule drops what is old."""
        wanted = resolve(self.desired, observed)
        previews = self._previews(observed, wanted, every=True)
        losing = _losing(wanted, previews) if self.desired.rules.arm == "now" else {}
        steps = plan(self.desired, observed, previews).steps
        settings = tuple(step for step in steps if step.job is None and not step.addition)
        found = checks.check(self.desired, wanted, observed, settings, {}, losing)
        refusals = [*found.refusals, *_unsupported(wanted), *self._refusals(observed, wanted, losing)]
        self._refuse([*refusals, *checks.server_refusals(observed.server)])
        statements: list[str] = []
        if settings and not self.check:
            with self.database.transaction():
                apply.lock(self.database)
                statements = apply.apply(self.database, observed, settings)
        warnings = list(found.warnings)
        if self.desired.rules.arm != "now" and any(one.chunks for one in previews.values()):
            warnings.append("nothing was dropped: the scheduled engine drops with arm: now only.")
        outcome = self._outcome(observed, wanted, settings, previews, warnings)
        outcome = replace(outcome, statements=statements, engine="scheduled")
        return self.drop(outcome) if losing else outcome

    def drop(self, outcome: Outcome) -> Outcome:
        """Drop at once what the previews say."""
        dropped: list[dropping.Dropped] = []
        warnings = list(outcome.warnings)
        wanted = resolve(self.desired, outcome.before)
        losing = _losing(wanted, outcome.previews)
        for cutoff in cutoffs(wanted, outcome.before, every=True):
            relation, references = cutoff.hypertable.relation, cutoff.hypertable.references
            one = losing.get(relation)
            if one is None:
                continue
            if references:
                warnings.append(
                    f"{relation}: dropping its chunks locks the tables that its foreign keys point to: "
                    f"{', '.join(references)}."
                )
            if self.check:
                dropped.append(dropping.Dropped(relation, one.all_names))
            else:
                schema, limit = outcome.before.server.schema, self.options["lock_timeout"]
                dropped.append(dropping.drop(self.database, schema, cutoff, one, limit))
        return replace(outcome, dropped=dropped, warnings=warnings)


def _losing(wanted: Iterable[Policies], previews: Mapping[Relation, Preview]) -> dict[Relation, Preview]:
    """The previews of the relations that lose chunks when the module drops them itself."""
    running = [one.relation for one in wanted if one.retention and one.retention.state == "present"]
    return {relation: previews[relation] for relation in running if relation in previews and previews[relation].chunks}


def _require_verified(done: Sequence[Step], again: Plan, after: State) -> None:
    """That everything is as it was told, and that the same task would find nothing left to do."""
    problems = list(verification.verify(done, after))
    problems += [f"{step.relation} {step.kind} is still to be {step.action}" for step in again.steps]
    if problems:
        raise NotVerifiedError(
            f"TimescaleDB did not take over what it was told, so everything was rolled back: {'; '.join(problems)}. "
            "Please report this with the version of TimescaleDB."
        )


def _unsupported(wanted: Iterable[Policies]) -> Iterator[Refusal]:
    for policies in wanted:
        for kind, _part in policies.parts():
            if kind != "retention":
                yield refusal("TSR037", str(policies.relation), kind)
