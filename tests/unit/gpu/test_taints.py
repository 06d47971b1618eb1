# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which patch lifts a startup taint."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint, carries, removal

STARTUP = Taint("example.com/starting", "", "NoSchedule")


def node(*taints: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "n1", "uid": "u1"}, "spec": {"taints": list(taints)}}


def test_the_patch_tests_the_node_and_the_very_entry_that_it_removes() -> None:
    pool = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    entry = {"key": STARTUP.key, "effect": "NoSchedule", "timeAdded": "2026-11-22T00:00:00Z"}
    assert removal(node(pool, entry), STARTUP) == [
        {"op": "test", "path": "/metadata/uid", "value": "u1"},
        {"op": "test", "path": "/spec/taints/1", "value": entry},
        {"op": "remove", "path": "/spec/taints/1"},
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"key": "example.com/other", "effect": "NoSchedule"},
        {"key": STARTUP.key, "effect": "NoExecute"},
        {"key": STARTUP.key, "value": "x", "effect": "NoSchedule"},
    ],
)
def test_another_taint_is_not_it(other: dict[str, Any]) -> None:
    assert removal(node(other), STARTUP) is None
    assert not carries(node(other), STARTUP)


def test_a_node_without_taints_has_none() -> None:
    assert removal({"metadata": {"name": "n1", "uid": "u1"}, "spec": {}}, STARTUP) is None


def test_the_option_is_checked() -> None:
    assert Taint.parse({"key": "a", "value": None, "effect": "NoExecute"}) == Taint("a", "", "NoExecute")
    assert str(Taint("a", "b", "NoExecute")) == "a=b:NoExecute"
    with pytest.raises(ValueError, match="no key"):
        Taint.parse({"effect": "NoSchedule"})
    with pytest.raises(ValueError, match=r"release_taint\.effect is 'Sometimes'"):
        Taint.parse({"key": "a", "effect": "Sometimes"})
