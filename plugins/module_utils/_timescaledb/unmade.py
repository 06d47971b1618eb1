# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Check mode before the database is made: the same planner on relations that have no policy yet.

What a policy would drop, and so whether it would be held, nobody can know then; neither is told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Desired, Policies
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import Hypertable, Server, State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.report import Outcome
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import JOBS_TABLES
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.steps import Step


def outcome(desired: Desired) -> Outcome:
    """Every listed policy as new. Relations that a pattern will cover are not known yet."""
    server = Server(now=datetime.now(UTC), jobs_table=JOBS_TABLES[0], license="", owns_database=True)
    hypertables = {one.relation: _hypertable(number, one) for number, one in enumerate(desired.policies)}
    state = State(server, hypertables, {})
    steps = tuple(_without_scheduling(step) for step in plan(desired, state, {}).steps)
    return Outcome(state, state, list(hypertables), steps, engine="")


def _hypertable(number: int, policies: Policies) -> Hypertable:
    return Hypertable(
        id=number,
        oid=0,
        relation=policies.relation,
        owner="",
        owner_can_login=True,
        is_member=True,
        columnstore_enabled=True,
        column_type="bigint" if policies.integer_now_func else "timestamp with time zone",
        chunk_interval=None,
        integer_now_func=None,
        aggregate_of=-1 if policies.refresh else None,
    )


def _without_scheduling(step: Step) -> Step:
    after = {key: value for key, value in (step.after or {}).items() if key not in ("scheduled", "held")}
    return replace(step, after=after)
