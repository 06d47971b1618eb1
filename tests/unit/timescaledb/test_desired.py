# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options become policies, and names become relations by the rules of SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import (
    Relation,
    Scope,
    desired,
    parse_moment,
    parse_relation,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.intervals import Interval
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.plan import resolve
from hypothesis import given
from hypothesis import strategies as st

from tests.support.retention_world import a_hypertable, a_state

_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("market.trades", Relation("market", "trades")),
        ("Market.TRADES", Relation("market", "trades")),
        ('market."Order Book"', Relation("market", "Order Book")),
        ('"a.b"."c""d"', Relation("a.b", 'c"d')),
        ("größe.tägliche", Relation("größe", "tägliche")),
        ("market.t$1", Relation("market", "t$1")),
        ("trades", None),
        ("a.b.c", None),
        ("market.", None),
        (".trades", None),
        ("market.1st", None),
        ("market.tra des", None),
        ('market."trades', None),
        ('market.""', None),
        ("market.trades; DROP TABLE x", None),
        ("market." + "ä" * 32, None),
    ],
)
def test_names(text: str, relation: Relation | None) -> None:
    assert parse_relation(text) == relation


@given(_names, _names)
def test_a_name_is_written_so_that_it_is_read_back(schema: str, name: str) -> None:
    relation = Relation(schema, name)
    assert parse_relation(str(relation)) == relation


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T03:00:00Z", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31T03:00:00+02:00", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("2026-01-31 03:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("tomorrow", None),
        ("infinity", None),
    ],
)
def test_moments(text: str, moment: datetime | None) -> None:
    assert parse_moment(text) == moment


def test_defaults_are_for_what_an_entry_leaves_open() -> None:
    wanted = desired(
        {
            "defaults": {"drop_after": "90 days", "max_retries": 3, "timezone": "UTC"},
            "policies": [
                {"relation": "market.a"},
                {"relation": "market.b", "drop_after": "5 days", "max_retries": 7},
                {"relation": "market.c", "drop_created_before": "5 days"},
                {"relation": "market.d", "state": "absent"},
            ],
        }
    )
    assert wanted.problems == ()
    found = {one.relation.name: one.retention for one in wanted.policies}
    retentions = {name: one for name, one in found.items() if one}
    assert {name: (one.after, one.by_creation, one.state) for name, one in retentions.items()} == {
        "a": (Interval(days=90), False, "present"),
        "b": (Interval(days=5), False, "present"),
        "c": (Interval(days=5), True, "present"),
        "d": (None, False, "absent"),
    }
    assert [one.job.max_retries for one in retentions.values()] == [3, 7, 3, 3]


def test_numbers_come_as_templates_write_them() -> None:
    [entry] = desired({"policies": [{"relation": "chain.blocks", "drop_after": "1000"}]}).policies
    assert entry.retention
    assert entry.retention.after == 1000


def test_a_pattern_covers_what_is_not_listed_and_a_listed_entry_stays_its_own() -> None:
    names = ("candles_1m", "candles_1h", "trades", "candles_old")
    state = a_state(*(a_hypertable(Relation("market", name), number) for number, name in enumerate(names)))
    options: dict[str, Any] = {
        "match": {"schema": "market", "name": "candles_*"},
        "exclude": ["market.candles_o*"],
        "defaults": {"drop_after": "1 year"},
        "policies": [{"relation": "market.candles_1h", "drop_after": "2 years"}],
    }
    wanted = {one.relation.name: one.retention for one in resolve(desired(options), state)}
    assert {name: str(one.after) for name, one in wanted.items() if one} == {
        "candles_1m": "1 year",
        "candles_1h": "2 years",
    }
    purged = resolve(desired({"match": {"schema": "market"}, "purge": True, "policies": options["policies"]}), state)
    absent = {one.relation.name for one in purged if one.retention and one.retention.state == "absent"}
    assert absent == {"candles_1m", "trades", "candles_old"}


def test_a_scope_is_of_schema_name_and_owner() -> None:
    relation = Relation("market", "Order Book")
    assert Scope(name="Order*").covers(relation, "platform")
    assert not Scope(name="order*").covers(relation, "platform")
    assert not Scope(owner="other").covers(relation, "platform")
    for pattern in ("market.Order*", 'market."Order*'):
        assert not Scope(exclude=(pattern,)).covers(relation, "platform")


def test_mistakes_in_defaults_are_told_once_for_a_pattern() -> None:
    wanted = desired({"match": {"schema": "market"}, "defaults": {"drop_after": "soon"}})
    assert [(one.code, one.where) for one in wanted.problems] == [("TSR010", 'match."*"')]
