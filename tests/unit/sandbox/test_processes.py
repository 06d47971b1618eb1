# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import processes
from tests.support.waiting import wait_until

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
WAITING = "import time; time.sleep(600)"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, str], subprocess.Popen[bytes]]]:
    """Start a Python program under a mark in its command line."""
    started: list[subprocess.Popen[bytes]] = []

    def run(mark: str, program: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, mark]
        started.append(processes.start(command, tmp_path / "logs" / "program.log", tmp_path, os.environ))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def marked(mark: str) -> list[processes.Process]:
    return processes.find(lambda arguments: arguments[-1] == mark)


def test_a_process_is_found_by_its_command_line(
    start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    mark = str(tmp_path / "found")
    pid = start(mark, WAITING).pid
    wait_until(lambda: marked(mark), "the process shows its command line")
    (found,) = marked(mark)
    assert found.pid == pid
    assert found.arguments[1:] == ("-c", WAITING, mark)
    assert found.is_running()
    assert found.resident_bytes() > 1024**2


def test_output_goes_to_the_log(start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    start(str(tmp_path / "log"), "print('one line')").wait()
    assert (tmp_path / "logs" / "program.log").read_text() == "one line\n"


def test_a_started_process_has_a_session_of_its_own(
    start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    assert os.getsid(start(str(tmp_path / "session"), WAITING).pid) != os.getsid(0)


def test_stop_ends_a_process(start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    mark = str(tmp_path / "stop")
    child = start(mark, WAITING)
    wait_until(lambda: marked(mark), "the process shows its command line")
    assert processes.stop(marked(mark)) == []
    assert marked(mark) == []
    assert child.wait() == -15


def test_stop_kills_a_process_that_does_not_listen(
    start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    mark = str(tmp_path / "deaf")
    child = start(mark, DEAF)
    wait_until(lambda: "deaf" in (tmp_path / "logs" / "program.log").read_text(), "the program ignores SIGTERM")
    assert processes.stop(marked(mark), patience=0.2) == []
    assert child.wait() == -9


def test_a_stranger_under_a_recycled_pid_is_left_alone(
    start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    mark = str(tmp_path / "stranger")
    child = start(mark, WAITING)
    wait_until(lambda: marked(mark), "the process shows its command line")
    (stranger,) = marked(mark)
    ours = replace(stranger, started=stranger.started - 1)
    assert not ours.is_running()
    assert processes.stop([ours], patience=0.2) == []
    assert child.poll() is None


def test_a_zombie_does_not_run(start: Callable[[str, str], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    mark = str(tmp_path / "zombie")
    child = start(mark, WAITING)
    wait_until(lambda: marked(mark), "the process shows its command line")
    (process,) = marked(mark)
    os.kill(child.pid, 9)
    wait_until(lambda: not process.is_running(), "the killed process, not yet waited for, counts as ended")
    assert (processes.PROCESS_TABLE / str(child.pid)).exists()
    assert process.resident_bytes() == 0
    assert marked(mark) == []


def test_a_pid_of_no_process_is_none() -> None:
    assert processes.inspect(2**22 + 1) is None
