# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role data_stores is given."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.filter.data_stores_plan import FilterModule
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import desired

MINIMAL: dict[str, Any] = {"name": "entasis", "region": "ap-northeast-2"}


def _plan(**keys: Any) -> dict[str, Any]:
    plan: dict[str, Any] = FilterModule().filters()["data_stores_plan"]({**MINIMAL, **keys})
    return plan


def test_the_database_is_where_cloudnativepg_puts_it() -> None:
    assert _plan()["timescaledb"] == {
        "namespace": "data",
        "service": "timescaledb-rw",
        "port": 5432,
        "database": "entasis",
        "user": None,
        "secret": "timescaledb-app",
        "ssl_mode": "prefer",
        "ca_cert": None,
        "engine": "auto",
    }


def test_exchange_data_are_kept_for_as_long_as_they_are_worth_it() -> None:
    kept = {policy["relation"]: policy["drop_after"] for policy in _plan()["retention"]}
    assert kept == {
        "market.order_book": "14 days",
        "market.trades": "90 days",
        "market.candles_1m": "1 year",
        "market.candles_1h": "5 years",
        "market.candles_1d": "10 years",
        "analysis.features": "180 days",
        "analysis.predictions": "1 year",
    }


def test_a_list_of_ones_own_replaces_the_defaults() -> None:
    assert _plan(retention=[])["retention"] == []
    own = {"relation": 'market."Order Book"', "drop_after": 1000, "integer_now_func": "market.now()"}
    assert _plan(retention=[own])["retention"] == [{**own, "state": "present"}]


@pytest.mark.parametrize(
    "entry",
    [
        {"drop_after": "P90D", "chunk_time_interval": "1 day", "initial_start": "2026-01-31T03:00:00+09:00"},
        {"drop_created_before": "6 months", "schedule_interval": "12 hours", "timezone": "Asia/Seoul"},
        {"drop_after": "90 days", "state": "paused", "max_runtime": "0 minutes"},
        {"state": "absent"},
    ],
)
def test_the_module_understands_what_the_spec_accepts(entry: dict[str, Any]) -> None:
    written = {"relation": "market.trades", **entry}
    [policy] = _plan(retention=[written])["retention"]
    assert policy == {"state": "present", **written}
    assert desired({"policies": [policy]}).problems == ()


def test_the_module_understands_the_defaults() -> None:
    assert desired({"policies": _plan()["retention"]}).problems == ()
