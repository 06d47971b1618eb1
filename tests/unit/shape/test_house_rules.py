# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
ROLES = sorted(p.name for p in (PROJECT / "roles").iterdir())
LAYERS = [p.stem for p in sorted((PROJECT / "playbooks").glob("*.yml")) if p.stem in ROLES]
#: Where a module could not do it: the file and why. Empty, and meant to stay so.
SHELL_ALLOWED: dict[str, str] = {}


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]


def _tasks(node: Any) -> Iterator[dict[str, Any]]:
    for task in node or ():
        yield task
        for part in ("block", "rescue", "always"):
            yield from _tasks(task.get(part))


def _task_files() -> list[Path]:
    return sorted([*PROJECT.glob("roles/*/tasks/*.yml"), *PROJECT.glob("roles/*/handlers/*.yml")])


def test_there_are_roles_and_task_files() -> None:
    assert len(ROLES) >= 5
    assert len(_task_files()) >= len(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_main_is_a_table_of_contents(role: str) -> None:
    lines = (PROJECT / "roles" / role / "tasks" / "main.yml").read_text().splitlines()
    assert len(lines) <= 60


@pytest.mark.parametrize("path", _task_files(), ids=lambda p: str(p.relative_to(PROJECT)))
def test_no_set_fact_and_no_shell(path: Path) -> None:
    forbidden = re.compile(r"(^|\.)(set_fact|shell|command|raw)$")
    used = {key for task in _tasks(yaml.safe_load(path.read_text())) for key in task if forbidden.search(key)}
    assert not used or str(path.relative_to(PROJECT)) in SHELL_ALLOWED


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_one_play_one_role_and_one_wiring_line(layer: str) -> None:
    [play] = yaml.safe_load((PROJECT / "playbooks" / f"{layer}.yml").read_text())
    [role] = play["roles"]
    assert role["role"] == f"entasis.engine.{layer}"
    assert role["vars"] == {f"{layer}_plan": "{{ entasis_platform | entasis.engine.plan('" + layer + "') }}"}
    assert "tasks" not in play


def test_site_only_imports() -> None:
    site = yaml.safe_load((PROJECT / "playbooks" / "site.yml").read_text())
    assert [set(play) for play in site] == [{"name", "ansible.builtin.import_playbook"}] * len(site)
    assert sorted(LAYERS) == sorted(p["ansible.builtin.import_playbook"].rpartition(".")[2] for p in site)


def test_no_sanity_ignores() -> None:
    assert not [p for p in PROJECT.glob("tests/sanity/ignore-*.txt") if p.read_text().strip()]


def test_ansible_lint_skips_nothing() -> None:
    settings = yaml.safe_load((PROJECT / ".ansible-lint").read_text())
    assert settings["profile"] == "production"
    assert not settings.get("skip_list")
    assert not settings.get("warn_list")


def test_every_requirement_has_an_upper_bound() -> None:
    lines = [line for name in REQUIREMENTS for line in (PROJECT / name).read_text().splitlines()]
    required = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert required
    assert not [line for line in required if not re.search(r"(<|==)\s*\d", line)]


def test_an_execution_environment_gets_what_runs_the_collection_and_no_more(tmp_path: Path) -> None:
    engine = tmp_path / "ansible_collections" / "entasis" / "engine"
    engine.mkdir(parents=True)
    for name in ("galaxy.yml", "meta", *REQUIREMENTS):
        (engine / name).symlink_to(PROJECT / name)
    told = subprocess.run(["ansible-builder", "introspect", str(tmp_path)], check=True, capture_output=True, text=True)
    # ansible-builder itself leaves out ansible, which the base image has.
    names = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in yaml.safe_load(told.stdout)["python"]}
    assert names == {"awscli", "boto3", "kubernetes", "psycopg"}


@pytest.mark.parametrize("name", [n for n in _files() if n.startswith("plugins/module_utils/")])
def test_module_utils_are_private(name: str) -> None:
    path = Path(name)
    private = any(part.startswith("_") for part in path.relative_to("plugins/module_utils").parts)
    text = (PROJECT / name).read_text()
    assert private
    assert not text.strip() or "PRIVATE to the collection" in text


def test_no_path_of_a_machine_and_no_package_host() -> None:
    forbidden = re.compile(
        r"(?<![\w.])/(?:work|root|farm)/|/tmp/(?:venv|tools)\b|pypi\.org|proxy\.golang\.org|pythonhosted"
    )
    here = str(Path(__file__).relative_to(PROJECT))
    found = []
    for name in _files():
        if name == here:
            continue
        try:
            text = (PROJECT / name).read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match.group()}" for match in forbidden.finditer(text)]
    assert not found
