# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made once per machine and user: where it lies, and how it is made alone, with enough disk, not in silence.

The set-up runs this before anything is installed: it takes the standard library only, and older Pythons import it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import SandboxError

HEARTBEAT_SECONDS = 15.0
#: The last so many lines of a failed step's output stand in the message.
TAIL = 15
if TYPE_CHECKING:
    Say = Callable[[str], None]


def cache_folder() -> Path:
    """The folder for what is made once per machine and user."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser().absolute() / "entasis-engine"


def check_disk(folder: Path, needed: int, what: str) -> None:
    """Fail before a step that would run out of disk. C(needed) are bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free, gibibyte = shutil.disk_usage(folder).free, 1024**3
    if free < needed:
        raise SandboxError(
            f"{what} needs {needed / gibibyte:.0f} GiB and {folder} has {free / gibibyte:.1f} GiB free; free some"
            " space, or set XDG_CACHE_HOME to a larger disk."
        )


@contextlib.contextmanager
def alone(path: Path, what: str, say: Say) -> Iterator[None]:
    """Only one command at a time makes C(what); another one waits and then finds it made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command is making {what}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(
    what: str,
    command: Sequence[str],
    log: Path,
    progress: Callable[[str], str],
    say: Say,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a long step with its output in a log, and say every few seconds that it is alive and how far.

    C(progress) tells that from the log.

    Raises:
        SandboxError: the step failed; with the end of its log.
    """
    begun = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(HEARTBEAT_SECONDS)
                break
            say(f"{what}: {time.monotonic() - begun:.0f} s, {progress(log.read_text(errors='replace'))}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        raise SandboxError(f"{what} failed with exit code {process.returncode}; the whole log is {log}.\n{tail}")
    say(f"{what}: done after {time.monotonic() - begun:.0f} s")
