# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a sandbox remembers of its last start, the files that it writes, and the lock that guards them."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.ports import Ports

#: Seconds to wait for another command on the same sandbox: a start from nothing and its repair fit in.
LOCK_SECONDS = 120.0


@dataclass(frozen=True)
class Run:
    """What the last start decided: the ports, with or without a control plane, and the folder of the tools.

    C(ready_seconds) is what the start from nothing took until every part was healthy; None where it never was.
    """

    base_port: int
    kubernetes: bool
    tools: str
    ready_seconds: float | None = None

    @property
    def ports(self) -> Ports:
        return Ports.from_base(self.base_port)

    def write(self, layout: Layout) -> None:
        write_private(layout.run, asdict(self))

    @classmethod
    def read(cls, layout: Layout) -> Run | None:
        """The last start; None where there was none, or where its record is damaged."""
        try:
            return cls(**(read_json(layout.run) or {}))
        except TypeError:
            return None


def make_home(layout: Layout) -> None:
    """Make the state folder, for its owner only."""
    try:
        layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        layout.home.chmod(0o700)
    except OSError as error:
        raise SandboxError(
            f"The state folder {layout.home} cannot be made ({error.strerror}); set ENTASIS_SANDBOX_HOME to a folder of"
            " your own."
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_private(path: Path, content: dict[str, Any] | str) -> None:
    """Replace a file by this text, or this object as JSON, in one step and readable for its owner only."""
    text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with open(unfinished, "w", encoding="utf-8", opener=_open_private) as file:
        file.write(text)
    unfinished.replace(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Keep every other command that starts or ends processes of this sandbox waiting."""
    make_home(layout)
    deadline = time.monotonic() + LOCK_SECONDS
    with layout.lock.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"Another command has worked on the sandbox in {layout.home} for {LOCK_SECONDS:.0f} s; wait"
                        " for it, or end it."
                    ) from None
                time.sleep(0.1)
        yield
