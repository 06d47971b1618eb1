# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The set-up's own part: what it refuses, in one sentence, and that it replaces nothing but its links."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sandbox import making
from sandbox.errors import SandboxError
from scripts import bootstrap


def test_a_file_in_the_way_of_a_link_stays(tmp_path: Path) -> None:
    there = tmp_path / "link"
    there.write_text("mine")
    with pytest.raises(SystemExit, match="is in the way"):
        bootstrap.link(there, tmp_path)
    assert there.read_text() == "mine"


def test_a_link_follows_its_target(tmp_path: Path) -> None:
    link = tmp_path / "folder" / "link"
    bootstrap.link(link, tmp_path / "one")
    bootstrap.link(link, tmp_path / "two")
    assert link.readlink() == tmp_path / "two"


def test_a_long_step_shows_that_it_is_alive_and_a_failed_one_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "HEARTBEAT_SECONDS", 0.05)
    said: list[str] = []
    command = ["sh", "-c", "echo the reason; sleep 0.5; exit 3"]
    with pytest.raises(SandboxError, match=r"(?s)installing failed with exit code 3; .*the reason"):
        making.run("installing", command, tmp_path / "log", lambda log: f"half of {log.strip()}", said.append)
    assert "installing: 0 s, half of the reason" in said


def test_only_environments_that_nothing_uses_any_more_are_removed(tmp_path: Path) -> None:
    for name, age in (("old", bootstrap.KEPT_SECONDS + 60), ("used", 60)):
        mark = tmp_path / name / ".ready"
        mark.parent.mkdir()
        mark.touch()
        os.utime(mark, (time.time() - age,) * 2)
    (tmp_path / "in the making").mkdir()
    bootstrap.remove_unused(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["in the making", "used"]
