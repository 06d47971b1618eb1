# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/gpu_nodes.md names options, codes and layers that there are, and examples whose options can be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.modules import gpu_node_ready

from tests.support.gpu import settings

TEXT = (
    (Path(__file__).resolve().parents[3] / "docs" / "gpu_nodes.md")
    .read_text()
    .replace("{{ cuda_sample_image }}", f"cuda@sha256:{'0' * 64}")
)
TASKS = [task for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) for task in yaml.safe_load(block)]
EXAMPLES = [task for task in TASKS if "entasis.engine.gpu_node_ready" in task]


@pytest.mark.parametrize("task", EXAMPLES, ids=lambda task: task["name"])
def test_an_example_can_be_used(task: dict[str, Any]) -> None:
    settings(**task["entasis.engine.gpu_node_ready"])


def test_the_layers_are_those_of_the_table() -> None:
    assert re.findall(r"^\| (L\d+) ", TEXT, re.MULTILINE) == list(reasons.LAYERS)


def test_the_codes_are_in_the_table() -> None:
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TEXT))
    assert named
    assert named <= reasons.CODES.keys()


def test_the_kinds_of_failure_are_those_of_the_module() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \|", TEXT.split("failure_kind` says")[1], re.MULTILINE)
    assert sorted(told[1:6]) == sorted(yaml.safe_load(gpu_node_ready.RETURN)["failure_kind"]["choices"])
