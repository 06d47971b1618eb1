# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which patch lifts a startup taint."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import removal

STARTUP = TaintPattern("example.com/starting", "", "NoSchedule")


def patch(*taints: dict[str, Any]) -> list[dict[str, Any]] | None:
    return removal({"metadata": {"name": "n1", "uid": "u1"}, "spec": {"taints": list(taints)}}, STARTUP)


def test_the_patch_tests_the_node_and_the_very_entry_that_it_removes() -> None:
    pool = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    entry = {"key": STARTUP.key, "effect": "NoSchedule", "timeAdded": "2026-11-22T00:00:00Z"}
    assert patch(pool, entry) == [
        {"op": "test", "path": "/metadata/uid", "value": "u1"},
        {"op": "test", "path": "/spec/taints/1", "value": entry},
        {"op": "remove", "path": "/spec/taints/1"},
    ]


@pytest.mark.parametrize(
    "others",
    [
        [],
        [{"key": "example.com/other", "effect": "NoSchedule"}],
        [{"key": STARTUP.key, "effect": "NoExecute"}],
        [{"key": STARTUP.key, "value": "x", "effect": "NoSchedule"}],
    ],
)
def test_another_taint_is_not_it(others: list[dict[str, Any]]) -> None:
    assert patch(*others) is None
