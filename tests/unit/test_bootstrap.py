# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The set-up's own part: what it refuses, in one sentence, and that it replaces nothing but its links."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from scripts import bootstrap


def test_too_little_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "NEEDED_BYTES", 2**60)
    with pytest.raises(SystemExit, match=r"GiB free and the Python packages need .* set XDG_CACHE_HOME"):
        bootstrap.check_disk(tmp_path)


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


def test_a_failed_step_ends_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(SystemExit, match=r"(?s)installing failed with exit code 3; .*the reason"):
        bootstrap.run_with_heartbeat("installing", command, tmp_path / "log", lambda: "")


def test_a_long_step_shows_that_it_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "HEARTBEAT_SECONDS", 0.05)
    bootstrap.run_with_heartbeat("installing", ["sleep", "0.5"], tmp_path / "log", lambda: "half of it")
    assert "installing: 0 s, half of it" in capsys.readouterr().out


def test_only_environments_that_nothing_uses_any_more_are_removed(tmp_path: Path) -> None:
    for name, age in (("old", bootstrap.KEPT_SECONDS + 60), ("used", 60)):
        mark = tmp_path / name / ".ready"
        mark.parent.mkdir()
        mark.touch()
        os.utime(mark, (time.time() - age,) * 2)
    (tmp_path / "in the making").mkdir()
    bootstrap.remove_unused(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["in the making", "used"]
