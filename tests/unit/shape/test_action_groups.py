# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module is in the action group of the options that it shares with others, so that module_defaults reach it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]
#: The fragment that documents the shared options, and the group, named as the upstream collections name theirs.
GROUPS = {
    "amazon.aws.common.modules": "aws",
    "entasis.engine.kubernetes": "k8s",
    "entasis.engine.postgresql": "postgresql",
}


def _fragments(module: Path) -> list[str]:
    for statement in ast.parse(module.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DOCUMENTATION":
            documentation: dict[str, Any] = yaml.safe_load(ast.literal_eval(statement.value))
            return documentation.get("extends_documentation_fragment", [])
    raise AssertionError(f"{module} has no DOCUMENTATION")


def test_each_group_holds_exactly_the_modules_that_share_its_options() -> None:
    expected: dict[str, list[str]] = {}
    modules = sorted((PROJECT / "plugins" / "modules").glob("*.py"))
    assert modules
    for module in modules:
        groups = [GROUPS[fragment] for fragment in _fragments(module) if fragment in GROUPS]
        assert groups, f"{module.name} shares its connection options with no other module"
        for group in groups:
            expected.setdefault(group, []).append(module.stem)
    assert yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["action_groups"] == expected


def test_each_module_that_shows_progress_says_so_and_has_the_action_plugin() -> None:
    [action] = (path.stem for path in (PROJECT / "plugins" / "action").glob("*.py"))
    routes = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    assert {route["action_plugin"] for route in routes.values()} == {f"entasis.engine.{action}"}
    modules = (PROJECT / "plugins" / "modules").glob("*.py")
    assert {action, *routes} == {module.stem for module in modules if "entasis.engine.progress" in _fragments(module)}
