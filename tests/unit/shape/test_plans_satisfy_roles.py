# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every plan of every environment is exactly what its role's argument_specs say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

PROJECT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = sorted(p.name for p in (PROJECT / "inventories").iterdir())
ROLES = sorted(p.name for p in (PROJECT / "roles").iterdir())


def _plan(role: str, environment: str) -> Any:
    text = (PROJECT / "inventories" / environment / "group_vars" / "all" / "platform.yml").read_text()
    specification = yaml.safe_load(text)["entasis_platform"]
    module = importlib.import_module(f"ansible_collections.entasis.engine.plugins.filter.{role}_plan")
    return module.FilterModule().filters()[f"{role}_plan"](specification)


def _specification(role: str) -> dict[str, Any]:
    text = (PROJECT / "roles" / role / "meta" / "argument_specs.yml").read_text()
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("role", ROLES)
def test_plan_is_valid(role: str, environment: str) -> None:
    validator = ArgumentSpecValidator(_specification(role))
    result = validator.validate({f"{role}_plan": _plan(role, environment)})
    assert not result.error_messages


@pytest.mark.parametrize("role", ROLES)
def test_argument_specs_name_exactly_the_keys_of_the_plan(role: str) -> None:
    options = _specification(role)[f"{role}_plan"]["options"]
    _compare(options, _plan(role, "sandbox"), f"{role}_plan")


def _compare(options: dict[str, Any], plan: dict[str, Any], path: str) -> None:
    assert set(plan) == set(options), path
    for key, option in options.items():
        nested = option.get("options")
        if not nested or plan[key] is None:
            continue
        for item in plan[key] if isinstance(plan[key], list) else [plan[key]]:
            unknown = set(item) - set(nested)
            missing = {k for k, o in nested.items() if o.get("required")} - set(item)
            assert not unknown, f"{path}.{key}"
            assert not missing, f"{path}.{key}"
