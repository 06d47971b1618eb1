# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/adding.md is true: one more of each kind, in the files that it lists and no others, passes in a copy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
ADDITIONS: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
    (PROJECT / "tests" / "unit" / "fixtures" / "additions.yml").read_text()
)
SECTIONS = dict(
    re.findall(r"^## (.+)\n\n((?:.|\n(?!## ))*)", (PROJECT / "docs" / "adding.md").read_text(), re.MULTILINE)
)
#: What fails where a list lacks a file, and does not take minutes.
TESTS = (
    "tests/unit/shape",
    "tests/unit/gpu/test_evaluate.py",
    "tests/unit/test_codes.py",
    "tests/unit/test_spec_refusals.py",
    "tests/unit/test_spec_schema.py",
    "tests/integration/test_aws_modules.py::test_each_aws_module_is_here",
)


def listed(section: str) -> list[str]:
    """The files of a section's list, each as a pattern: what stands in angle brackets is any name."""
    paths = re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE)
    return [re.sub(r"<\w+>", r"\\w+", path.replace(".", r"\.")) for path in paths]


def test_every_kind_is_added() -> None:
    assert list(SECTIONS) == list(ADDITIONS)


@pytest.mark.parametrize("kind", ADDITIONS)
def test_a_kind_takes_at_most_five_files_and_they_are_listed(kind: str) -> None:
    files = listed(SECTIONS[kind])
    assert len(files) <= 5
    assert [path for path in ADDITIONS[kind] if not any(re.fullmatch(file, path) for file in files)] == []


def test_one_more_of_each_kind_passes(tmp_path: Path) -> None:
    for folder in (".git", ".cache/collections/ansible_collections/entasis"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".cache/collections/ansible_collections/entasis/engine").symlink_to(tmp_path)
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    for files in ADDITIONS.values():
        for name, texts in files.items():
            written = (tmp_path / name).read_text() if (tmp_path / name).exists() else ""
            for old, new in texts.items():
                assert not old or written.count(old) == 1, f"{name} has not exactly one {old!r}"
                written = written.replace(old, new) if old else written + new
            (tmp_path / name).write_text(written)

    def run(*arguments: str) -> None:
        paths = os.pathsep.join([str(tmp_path / ".cache" / "collections"), str(tmp_path)])
        environment = {**os.environ, "PYTHONPATH": paths, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("git", "init", "--quiet")
    run(sys.executable, "scripts/codes.py")
    run(sys.executable, "scripts/spec.py")
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
