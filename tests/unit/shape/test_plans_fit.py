# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every plan is what its role demands, and every task of the roles hands its module options that the module takes."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.entasis.engine.plugins.filter.plan import PLANS, plan
from ansible_collections.entasis.engine.plugins.module_utils._plans import kubernetes_layer

from tests.support.borders import BORDERS

PROJECT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = [*sorted(p.name for p in (PROJECT / "inventories").iterdir()), *BORDERS]
OURS = "entasis.engine."


def _plan(role: str, environment: str) -> Any:
    if environment in BORDERS:
        return plan({"name": "entasis", "region": "ap-northeast-2", **BORDERS[environment]}, role)
    text = (PROJECT / "inventories" / environment / "group_vars" / "all" / "platform.yml").read_text()
    return plan(yaml.safe_load(text)["entasis_platform"], role)


def _role_options(role: str) -> dict[str, Any]:
    text = (PROJECT / "roles" / role / "meta" / "argument_specs.yml").read_text()
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


def _errors(role: str, given: dict[str, Any]) -> list[str]:
    """What the role's argument_specs say against these variables."""
    options = _role_options(role)
    for name, option in options.items():
        if "options" in option:
            assert set(option["options"]) == set(given[name])
    return ArgumentSpecValidator(options).validate(given).error_messages


class Captured(BaseException):
    """What a module gave AnsibleModule, instead of a run."""


@functools.cache
def _module_rules(name: str) -> dict[str, Any]:
    """The argument_spec of one of our modules, and its rules between options."""

    def capture(_self: object, *_arguments: object, **keywords: Any) -> None:
        raise Captured(keywords)

    with mock.patch.object(AnsibleModule, "__init__", capture), pytest.raises(Captured) as captured:
        importlib.import_module(f"ansible_collections.entasis.engine.plugins.modules.{name}").main()
    rules = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
    [given] = captured.value.args
    return {key: value for key, value in given.items() if key in ("argument_spec", *rules)}


def _calls(role: str, file: str, variables: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each of our modules that a role calls, with its options, as ansible-playbook would template them."""
    loader = DataLoader()
    path = PROJECT / "roles" / role / "tasks" / f"{file}.yml"
    for task in loader.load_from_file(str(path), cache="none", trusted_as_template=True):
        scope = {**variables, **task.get("vars", {})}
        if "ansible.builtin.import_tasks" in task:
            yield from _calls(role, task["ansible.builtin.import_tasks"].removesuffix(".yml"), scope)
        if "ansible.builtin.import_role" in task:
            imported = task["ansible.builtin.import_role"]["name"].removeprefix(OURS)
            given = Templar(loader, scope).template(task["vars"])
            assert not _errors(imported, given), imported
            yield from _calls(imported, "main", given)
        for name in task:
            if not name.startswith(OURS):
                continue
            for item in Templar(loader, scope).template(task.get("loop", [None])):
                templar = Templar(loader, {**scope, "item": item})
                conditions = task.get("when", True)
                if all(
                    templar.evaluate_conditional(each)
                    for each in (conditions if isinstance(conditions, list) else [conditions])
                ):
                    yield name.removeprefix(OURS), templar.template(task[name])


def test_each_role_has_a_plan_but_for_the_one_that_layers_share() -> None:
    assert {*PLANS, "kubernetes_layer"} == {p.name for p in (PROJECT / "roles").iterdir()}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("role", PLANS)
def test_the_plan_is_what_the_role_and_its_modules_take(role: str, environment: str) -> None:
    variables = {f"{role}_plan": _plan(role, environment)}
    assert not _errors(role, variables)
    calls = list(_calls(role, "main", variables))
    assert calls
    for module, options in calls:
        assert not ArgumentSpecValidator(**_module_rules(module)).validate(options).error_messages, module


def test_the_last_release_of_a_layer_can_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list is not the same as no releases at all: helm is asked all the same, and by the word for removing."""
    monkeypatch.setattr(kubernetes_layer, "RELEASES", {})
    for purge, role, states in (
        (True, "helm_releases", ["absent"]),
        (False, "helm_releases", ["present"]),
        (True, "services", []),
    ):
        made = plan({"name": "entasis", "region": "ap-northeast-2", "purge": purge}, role)
        calls = _calls(role, "main", {f"{role}_plan": made})
        assert [options["state"] for module, options in calls if module == "helm_releases"] == states


def test_a_role_reads_all_that_it_demands() -> None:
    for role in [*PLANS, "kubernetes_layer"]:
        tasks = "".join(path.read_text() for path in (PROJECT / "roles" / role / "tasks").iterdir())
        for key in _role_options(role)[f"{role}_plan"].get("options", {}):
            assert f"{role}_plan.{key}" in tasks, role
