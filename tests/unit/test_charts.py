# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values that the platform sets in charts exist in the charts: a key that is renamed upstream fails here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.filter.plan import plan
from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "upstream" / "charts"

needs_upstream = pytest.mark.skipif(
    not UPSTREAM.is_dir(), reason="the charts' own values are not beside this checkout (../shared/upstream/charts)"
)


def _values() -> dict[str, Any]:
    releases = plan({"name": "entasis", "region": "ap-northeast-2"}, "helm_releases")["releases"]
    return {release["chart"]: release["values"] for release in releases}


def _unknown(ours: Mapping[str, Any], upstream: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of ours that upstream's values do not have. An empty mapping there takes any keys."""
    for key, value in ours.items():
        if key not in upstream:
            yield f"{path}{key}"
        elif isinstance(value, Mapping) and isinstance(upstream[key], Mapping) and upstream[key]:
            yield from _unknown(value, upstream[key], f"{path}{key}.")


def test_unknown_paths_are_found() -> None:
    upstream = {"a": {"b": 1}, "free": {}}
    assert list(_unknown({"a": {"b": 2, "c": 3}, "free": {"x": 1}, "d": 4}, upstream)) == ["a.c", "d"]


#: Charts whose values beside this checkout are of another version than the pin, and that version.
READ_AT = {"nvidia-device-plugin": "0.20.0"}


@needs_upstream
@pytest.mark.parametrize("chart", sorted(RELEASES))
def test_every_value_that_we_set_is_one_of_the_charts(chart: str) -> None:
    described, upstream = (
        yaml.safe_load((UPSTREAM / chart / name).read_text()) for name in ("Chart.yaml", "values.yaml")
    )
    assert described["name"] == RELEASES[chart].name
    assert described["version"] == READ_AT.get(chart, RELEASES[chart].version)
    values = _values()[chart]
    assert values
    assert list(_unknown(values, upstream)) == []
