# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What only the server can tell: whether the functions and time zones that are new to a policy exist.

Nothing is asked for what the policies have already, so that a run with nothing to do asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Policies, Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.model import State
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import Refusal, refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Database


def refuse_unknown(database: Database, wanted: Iterable[Policies], state: State) -> Iterator[Refusal]:
    """TSR035 for each time zone, TSR038 for each integer_now_func that cannot be."""
    listed = list(wanted)
    yield from _zones(database, listed, state)
    types = function_types(database, listed, state)
    for policies in listed:
        hypertable = state.hypertables.get(policies.relation)
        function = policies.integer_now_func
        if hypertable is None or function is None or function not in types:
            continue
        found = types[function]
        if found != hypertable.column_type:
            told = f"{function}() {'returns ' + found if found else 'does not exist'}"
            yield refusal("TSR038", str(policies.relation), f"{told}, and the column is {hypertable.column_type}")


def function_types(database: Database, wanted: Iterable[Policies], state: State) -> dict[Relation, str | None]:
    """What each function that is new to its relation returns, without arguments; None where there is none."""
    asked: set[Relation] = set()
    for policies in wanted:
        hypertable = state.hypertables.get(policies.relation)
        function = policies.integer_now_func
        if function and hypertable and hypertable.has_integer_time and function != hypertable.integer_now_func:
            asked.add(function)
    if not asked:
        return {}
    sql = (
        "SELECT name, (SELECT format_type(p.prorettype, NULL) FROM pg_proc p "
        "WHERE p.oid = to_regprocedure(name || '()')) AS type FROM unnest(%s::text[]) AS name"
    )
    types = {row["name"]: row["type"] for row in database.execute(sql, [sorted(map(str, asked))])}
    return {function: types[str(function)] for function in asked}


def _zones(database: Database, wanted: Iterable[Policies], state: State) -> Iterator[Refusal]:
    known = {job.timezone for hypertable in state.hypertables.values() for job in hypertable.jobs}
    asked: dict[str, list[Relation]] = {}
    for policies in wanted:
        for _kind, part in policies.parts():
            if part.job.timezone and part.job.timezone not in known:
                asked.setdefault(part.job.timezone, []).append(policies.relation)
    if not asked:
        return
    sql = (
        "SELECT name FROM unnest(%s::text[]) AS name "
        "WHERE lower(name) NOT IN (SELECT lower(name) FROM pg_timezone_names)"
    )
    for row in database.execute(sql, [sorted(asked)]):
        for relation in asked[row["name"]]:
            yield refusal("TSR035", str(relation), f"'{row['name']}'")
