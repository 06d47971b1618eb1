# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's processes: found by their whole command line, started detached, ended by pid.

The process table, not a pid file, says what runs: a pid file goes stale when its process is killed, and the pid may
belong to a stranger by then. A process is told from its successor under the same pid by its start time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROCESS_TABLE = Path("/proc")
#: Seconds that a process has to end by itself after SIGTERM, before SIGKILL.
PATIENCE = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A running process. C(started) is its start time in clock ticks since boot."""

    pid: int
    started: int
    arguments: tuple[str, ...]

    def is_running(self) -> bool:
        return inspect(self.pid) == self

    def resident_bytes(self) -> int:
        """Resident memory in bytes; 0 when the process has ended."""
        try:
            pages = int((PROCESS_TABLE / str(self.pid) / "statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")


def inspect(pid: int) -> Process | None:
    """The process of this pid; None when there is none, or only a zombie (which has no command line)."""
    folder = PROCESS_TABLE / str(pid)
    try:
        command_line = (folder / "cmdline").read_bytes()
        stat = (folder / "stat").read_text()
    except OSError:
        return None
    if not command_line:
        return None
    # The second field is the name in parentheses, which may hold blanks; the start time is the 22nd field.
    started = int(stat.rpartition(")")[2].split()[19])
    return Process(pid, started, tuple(command_line.decode(errors="replace").rstrip("\0").split("\0")))


def find(matches: Callable[[tuple[str, ...]], bool]) -> list[Process]:
    """Every other process of this machine whose command line matches, oldest first."""
    found = (inspect(int(entry.name)) for entry in PROCESS_TABLE.iterdir() if entry.name.isdigit())
    ours = [p for p in found if p and p.pid != os.getpid() and matches(p.arguments)]
    return sorted(ours, key=lambda process: process.started)


def start(arguments: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, in a session of its own, with its output appended to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(
    processes: Iterable[Process], patience: float = PATIENCE, first: signal.Signals = signal.SIGTERM
) -> list[Process]:
    """End processes by pid: C(first), a bounded wait, SIGKILL. Return those that even SIGKILL did not end."""
    left = list(processes)
    for number, limit in ((first, patience), (signal.SIGKILL, 5.0)):
        left = [process for process in left if process.is_running()]
        for process in left:
            _signal(process, number)
        deadline = time.monotonic() + limit
        while (left := [process for process in left if process.is_running()]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    return left


def last_words(log: Path) -> str:
    """The end of a log, as the end of a message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    except OSError:
        lines = []
    return f"; its log {log} ends with:\n" + "\n".join(f"  {line[:300]}" for line in lines)


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
