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

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
WAITING = "import time; print('ready', flush=True); time.sleep(600)"


Start = Callable[[str], tuple[subprocess.Popen[bytes], processes.Process]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program that says when it is ready: the child, and the process that is found of it."""
    started: list[subprocess.Popen[bytes]] = []
    log = tmp_path / "logs" / "program.log"

    def run(program: str) -> tuple[subprocess.Popen[bytes], processes.Process]:
        started.append(processes.start([sys.executable, "-c", program, str(tmp_path)], log, tmp_path, os.environ))
        wait_until(lambda: "ready" in log.read_text(), "the program runs")
        (found,) = marked(tmp_path)
        return started[-1], found

    yield run
    for process in started:
        process.kill()
        process.wait()


def marked(folder: Path) -> list[processes.Process]:
    return processes.find(lambda arguments: arguments[-1] == str(folder))


def test_a_process_is_found_by_its_command_line_in_a_session_of_its_own(start: Start, tmp_path: Path) -> None:
    child, found = start(WAITING)
    assert (found.pid, found.arguments[1:]) == (child.pid, ("-c", WAITING, str(tmp_path)))
    assert found.is_running()
    assert found.resident_bytes() > 1024**2
    assert os.getsid(child.pid) != os.getsid(0)


@pytest.mark.parametrize(("program", "signal"), [(WAITING, 15), (DEAF, 9)], ids=["it listens", "it does not listen"])
def test_stop_ends_a_process(start: Start, tmp_path: Path, program: str, signal: int) -> None:
    child, found = start(program)
    assert processes.stop([found], patience=0.2 if program is DEAF else 10.0) == []
    assert marked(tmp_path) == []
    assert child.wait() == -signal


def test_a_stranger_under_a_recycled_pid_is_left_alone(start: Start) -> None:
    child, stranger = start(WAITING)
    ours = replace(stranger, started=stranger.started - 1)
    assert not ours.is_running()
    assert processes.stop([ours], patience=0.2) == []
    assert child.poll() is None


def test_a_zombie_does_not_run(start: Start, tmp_path: Path) -> None:
    child, found = start(WAITING)
    os.kill(child.pid, 9)
    wait_until(lambda: not found.is_running(), "the killed process, not yet waited for, counts as ended")
    assert (processes.PROCESS_TABLE / str(child.pid)).exists()
    assert found.resident_bytes() == 0
    assert marked(tmp_path) == []
