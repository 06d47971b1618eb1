# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/retention.md names options, codes and variables that there are, and examples that can be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.doc_fragments.postgresql import ModuleDocFragment
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import CODES
from ansible_collections.entasis.engine.plugins.modules import timescaledb_retention

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "docs" / "retention.md").read_text()
TASKS = [task for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) for task in yaml.safe_load(block)]
MODULE = "entasis.engine.timescaledb_retention"
EXAMPLES = [task for task in TASKS if MODULE in task]
OPTIONS = yaml.safe_load(timescaledb_retention.DOCUMENTATION)["options"]
CONNECTION = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("task", EXAMPLES, ids=lambda task: task["name"])
def test_an_example_can_be_used(task: dict[str, Any]) -> None:
    given = task[MODULE]
    assert given.keys() <= {*OPTIONS, *CONNECTION}
    forward = given.get("kube_port_forward", {})
    assert forward.keys() <= CONNECTION["kube_port_forward"]["suboptions"].keys()
    assert desired(given).problems == ()


def test_the_codes_are_in_the_table() -> None:
    named = set(re.findall(r"TSR\d+", TEXT))
    assert named
    assert named <= CODES.keys()


@pytest.mark.parametrize("option", ["arm", "engine"])
def test_each_choice_has_a_row(option: str) -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)`", TEXT, re.MULTILINE))
    assert set(OPTIONS[option]["choices"]) <= rows


def test_the_defaults_are_those_of_the_module() -> None:
    assert f"`max_drop_percent` ({OPTIONS['max_drop_percent']['default']})" in TEXT
    assert f"`{OPTIONS['arm']['default']}` (default)" in TEXT
    assert f"`{OPTIONS['engine']['default']}` (default)" in TEXT


def test_the_variables_are_those_of_the_role() -> None:
    specification = (PROJECT / "roles" / "data_stores" / "meta" / "argument_specs.yml").read_text()
    role = yaml.safe_load(specification)["argument_specs"]["retention"]["options"]
    assert set(re.findall(r"data_stores_(?:retention|timescaledb)_\w+", TEXT)) == role.keys() - {"data_stores_plan"}
