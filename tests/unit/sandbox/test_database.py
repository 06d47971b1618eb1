# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sandbox.database import account, installation
from sandbox.errors import SandboxError

TOLD = """#!/bin/sh
echo 'VERSION=16.9 (Debian 16.9-1)' >&2
echo "share_path={share}" >&2
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a server whose initdb tells about it, as PostgreSQL's does."""
    folder = tmp_path / "server"
    for name, content in (("initdb", TOLD.format(share=folder / "share")), ("postgres", "")):
        program(folder / "bin" / name, content)
    (folder / "share" / "extension").mkdir(parents=True)
    monkeypatch.setenv(installation.SETTING, str(folder))
    return folder


def program(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def test_an_ordinary_user_runs_the_server_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)
    assert list(account.candidates()) == [account.Account((), (1000, 1001))]


def test_root_never_runs_the_server_and_gives_the_smaller_capability_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    candidates = list(account.candidates())
    assert all(candidate.prefix[0] == "setpriv" and 0 not in candidate.owner for candidate in candidates)
    granted = [[word for word in candidate.prefix if "caps" in word] for candidate in candidates]
    assert granted == [
        ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"],
        ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
    ]


def test_the_server_tells_its_version_and_whether_it_has_timescaledb(server: Path, tmp_path: Path) -> None:
    assert installation.find(tmp_path).timescaledb is None
    control = server / "share" / "extension" / "timescaledb.control"
    control.write_text("# timescaledb extension\ndefault_version = '2.28.3'\nrelocatable = false\n")
    found = installation.find(tmp_path)
    assert (found.version, found.timescaledb) == ("16.9", "2.28.3")
    assert found.command("postgres", "-D", "x")[-3:] == [str(server / "bin" / "postgres"), "-D", "x"]


def test_a_server_that_does_not_run_is_one_sentence_with_its_own_reason(server: Path, tmp_path: Path) -> None:
    program(server / "bin" / "initdb", "#!/bin/sh\necho 'a library is missing' >&2\nexit 1\n")
    with pytest.raises(SandboxError, match="a library is missing") as caught:
        installation.find(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_program_that_is_no_initdb_is_one_sentence(server: Path, tmp_path: Path) -> None:
    program(server / "bin" / "initdb", "#!/bin/sh\n")
    with pytest.raises(SandboxError, match="initdb tells no version"):
        installation.find(tmp_path)


def test_a_missing_setpriv_is_one_sentence(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(server))
    with pytest.raises(SandboxError, match=r"(?s)as root.*setpriv.*run the sandbox as an ordinary user") as caught:
        installation.find(tmp_path)
    assert "\n" not in str(caught.value)
