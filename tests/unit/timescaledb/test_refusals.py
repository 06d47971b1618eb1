# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each code of the table, provoked by plain data; those that only a server can give are provoked on one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import checks
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import plan
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import CODES, RefusedError, refusal
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import State

from tests.support.retention_world import DAY, NOW, TRADES, a_hypertable, a_job, a_server, a_state, an_aggregate

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Case:
    """What is asked for of what there is, and what would drop."""

    entries: tuple[dict[str, Any], ...]
    state: State = field(default_factory=lambda: a_state(a_hypertable()))
    previews: Mapping[Relation, Preview] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def one(entry: Mapping[str, Any], *hypertables: Any, drops: Preview | None = None, **options: Any) -> Case:
    server = options.pop("server", None)
    state = a_state(*(hypertables or (a_hypertable(),)), server=server)
    return Case(({"relation": "market.trades", **entry},), state, {TRADES: drops} if drops else {}, options)


KEEP = {"drop_after": "90 days"}
BIG = Preview(chunks=9, total_chunks=10, newest="2026-11-01", newest_internal=10 * DAY, bytes=900)
SMALL = Preview(chunks=1, total_chunks=10, newest="2026-11-01", newest_internal=10 * DAY, bytes=100)
CANDLES = Relation("market", "candles")
WINDOW = {"schedule_interval": "1 hour", "start_offset": "3 days", "end_offset": "1 hour"}
INTEGER: dict[str, Any] = {"column_type": "bigint", "chunk_interval": 1000}
LATER = (NOW + timedelta(days=1)).isoformat()


def refresh(start: str | None = "100 days") -> Any:
    config = {"start_offset": start, "end_offset": "01:00:00"}
    return a_job(1001, "refresh", 2, config=config)


CASES: list[tuple[str, Case]] = [
    ("TSR004", one(KEEP, server=a_server(read_only=True))),
    ("TSR004", one(KEEP, server=a_server(read_only=True, standby=True))),
    ("TSR005", one(KEEP, server=a_server(restoring=True))),
    ("TSR006", one({**KEEP, "relation": "trades"})),
    ("TSR006", one({**KEEP, "relation": 'market."trades'})),
    ("TSR006", one({**KEEP, "relation": "market." + "x" * 64})),
    ("TSR006", one({**KEEP, "integer_now_func": "height"})),
    ("TSR007", one({**KEEP, "relation": "market.missing"})),
    ("TSR008", Case(({"relation": "market.t", **KEEP},), State(a_server(), {}, {Relation("market", "t"): "r"}))),
    (
        "TSR009",
        Case(
            ({"relation": "_timescaledb_internal._materialized_hypertable_2", **KEEP},),
            State(
                a_server(),
                {CANDLES: an_aggregate("candles", 2, 1)},
                {Relation("_timescaledb_internal", "_materialized_hypertable_2"): "materialization"},
            ),
        ),
    ),
    ("TSR010", one({"drop_after": "soon"})),
    ("TSR010", one({**KEEP, "initial_start": "tomorrow"})),
    ("TSR010", one({"drop_after": True})),
    ("TSR011", one({"drop_after": "-10 days"})),
    ("TSR011", one({"drop_after": 0})),
    ("TSR011", one({"drop_after": "1 month -1 day"})),
    ("TSR012", one({"drop_after": 90})),
    ("TSR012", one(KEEP, a_hypertable(**{**INTEGER, "integer_now_func": Relation("chain", "height")}))),
    (
        "TSR012",
        one(
            {"drop_after": 2**15},
            a_hypertable(**{**INTEGER, "column_type": "smallint", "integer_now_func": Relation("chain", "height")}),
        ),
    ),
    ("TSR012", one({"drop_created_before": 5})),
    ("TSR013", one({"drop_after": 90}, a_hypertable(**INTEGER))),
    ("TSR014", one({**KEEP, "schedule_interval": "0 seconds"})),
    ("TSR014", one({**KEEP, "schedule_interval": "1 month 1 day", "initial_start": LATER})),
    (
        "TSR014",
        one({**KEEP, "schedule_interval": "1 month 1 day"}, a_hypertable(jobs=(a_job(fixed_schedule=True),))),
    ),
    ("TSR015", one({"drop_created_before": "9 days"}, server=a_server(version=(2, 26, 2)))),
    (
        "TSR015",
        one(
            {"drop_created_before": "9 days"},
            a_hypertable(**{**INTEGER, "integer_now_func": Relation("chain", "height")}),
            server=a_server(version=(2, 12)),
        ),
    ),
    ("TSR016", one({})),
    ("TSR016", one({**KEEP, "drop_created_before": "9 days"})),
    ("TSR016", one({**KEEP, "columnstore": {"max_retries": 3}})),
    ("TSR017", Case(({"relation": "market.trades", **KEEP}, {"relation": '"market".TRADES', **KEEP}))),
    ("TSR018", one({"drop_after": "5 days"}, a_hypertable(jobs=(a_job(),)))),
    ("TSR018", one({"drop_created_before": "80 days"}, a_hypertable(jobs=(a_job(),)))),
    ("TSR019", one(KEEP, a_hypertable(), an_aggregate("candles", 2, 1, jobs=(refresh(),)))),
    ("TSR019", one(KEEP, a_hypertable(), an_aggregate("candles", 2, 1, jobs=(refresh(None),)))),
    (
        "TSR019",
        one(
            KEEP,
            a_hypertable(),
            an_aggregate("candles", 2, 1),
            an_aggregate("daily", 3, 2, jobs=(a_job(1002, "refresh", 3, config={"start_offset": None}),)),
        ),
    ),
    (
        "TSR020",
        Case(
            ({"relation": "market.candles", **KEEP},),
            a_state(a_hypertable(), an_aggregate("candles", 2, 1, jobs=(refresh(),))),
        ),
    ),
    ("TSR021", one(KEEP, a_hypertable(), an_aggregate("candles", 2, 1, watermark=9 * DAY), drops=SMALL, arm="now")),
    ("TSR021", one(KEEP, a_hypertable(), an_aggregate("candles", 2, 1), drops=SMALL, arm="now")),
    ("TSR022", one({**KEEP, "columnstore": {"after": "90 days"}})),
    ("TSR023", one({**KEEP, "columnstore": {"after": "7 days"}}, a_hypertable(columnstore_enabled=False))),
    ("TSR024", one({**KEEP, "refresh": WINDOW})),
    ("TSR025", one(KEEP, a_hypertable(jobs=(a_job(1000), a_job(1001))))),
    ("TSR026", one(KEEP, drops=BIG, arm="now")),
    ("TSR027", one(KEEP, drops=SMALL, arm="now", max_drop_chunks=0)),
    ("TSR028", one(KEEP, drops=SMALL, arm="now", max_drop_bytes=99)),
    ("TSR029", one(KEEP, a_hypertable(is_member=False))),
    ("TSR029", one(KEEP, a_hypertable(is_member=False), server=a_server(owns_database=True, version=(2, 27, 1)))),
    ("TSR030", one(KEEP, a_hypertable(owner_can_login=False))),
    ("TSR031", one(KEEP, arm="at")),
    ("TSR031", one({**KEEP, "initial_start": "2020-01-01"}, arm="at")),
    ("TSR032", Case((), options={"purge": True})),
    (
        "TSR033",
        one(
            {**KEEP, "timezone": "UTC"},
            a_hypertable(jobs=(a_job(),)),
            server=a_server(version=(2, 11, 2)),
        ),
    ),
    ("TSR033", one({"columnstore": {"created_before": "7 days"}}, server=a_server(version=(2, 12)))),
    ("TSR034", one({"chunk_time_interval": "1 month"})),
    ("TSR038", one({**KEEP, "integer_now_func": "chain.height"})),
]


@pytest.mark.parametrize(("code", "case"), CASES, ids=[code for code, _case in CASES])
def test_it_is_refused_for_this_reason_alone(code: str, case: Case) -> None:
    made = plan(desired({**case.options, "policies": list(case.entries)}), case.state, case.previews)
    assert {one.code for one in made.refusals} == {code}, made.refusals


ALLOWED: dict[str, dict[str, Any]] = {
    "TSR018": {"allow_shorten": True},
    "TSR019": {"on_cagg_conflict": "warn"},
    "TSR020": {"on_cagg_conflict": "warn"},
    "TSR021": {"require_materialized": False},
    "TSR026": {"max_drop_percent": 90},
    "TSR027": {"max_drop_chunks": 1},
    "TSR028": {"max_drop_bytes": 100},
}


@pytest.mark.parametrize(("code", "case"), [pair for pair in CASES if pair[0] in ALLOWED])
def test_a_word_allows_it(code: str, case: Case) -> None:
    options = {**case.options, **ALLOWED[code]}
    made = plan(desired({**options, "policies": list(case.entries)}), case.state, case.previews)
    assert made.refusals == ()
    assert made.steps


def test_limits_hold_for_what_is_armed_only() -> None:
    for arm in ("hold", "hold_if_drops"):
        case = one(KEEP, drops=BIG, arm=arm, max_drop_chunks=0, max_drop_bytes=0)
        assert plan(desired({**case.options, "policies": list(case.entries)}), case.state, case.previews).refusals == ()


def test_the_owner_of_the_database_may_manage_from_2_28() -> None:
    case = one(KEEP, a_hypertable(is_member=False), server=a_server(owns_database=True))
    assert plan(desired({"policies": list(case.entries)}), case.state, {}).refusals == ()


@pytest.mark.parametrize(
    ("version", "code"), [(None, "TSR001"), ((2, 10, 3), "TSR002"), ((2, 11), None), ((2, 30, 0), None)]
)
def test_versions(version: tuple[int, ...] | None, code: str | None) -> None:
    assert [one.code for one in checks.version_refusals(version)] == ([code] if code else [])


def test_a_refusal_says_what_where_why_and_what_to_do() -> None:
    told = [refusal("TSR018", "market.trades", "it goes from 90 to 5 days"), refusal("TSR032", "purge", "x")]
    first, *lines = str(RefusedError(told)).splitlines()
    assert first == "2 refusals, and nothing was changed:"
    assert lines[0] == ("- TSR018 market.trades: it goes from 90 to 5 days. Set allow_shorten: true if that is meant.")


def _said_in(path: Path) -> set[str]:
    """The texts of a test module but its docstrings, in which a code proves nothing."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose)
    return {node.value for node in texts if isinstance(node.value, str)}


def test_every_code_is_provoked() -> None:
    here = {code for code, _case in CASES} | {"TSR001", "TSR002"}
    on_a_server = {"TSR003", "TSR035", "TSR036", "TSR037"}
    said: set[str] = set()
    for path in (PROJECT / "tests" / "integration").glob("test_timescaledb_retention*.py"):
        said |= _said_in(path)
    assert on_a_server <= said
    assert here | on_a_server == set(CODES)
