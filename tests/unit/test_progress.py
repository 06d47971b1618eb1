# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module says of its progress, read from the other end of the pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._progress import PIPE_VARIABLE, report, waiting

from tests.support.waiting import wait_until

#: The longest that a process may take to end (seconds); a hang fails instead of hanging.
LIMIT = 20


class Pipe:
    """A named pipe that somebody listens to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
        self.reader = -1

    def said(self) -> bytes:
        """Everything that came since the last look."""
        with suppress(BlockingIOError):
            return os.read(self.reader, 1 << 20)
        return b""

    def line_with(self, text: str) -> str:
        """The first line with this text; those before it are lost."""

        def look() -> str:
            return next((line for line in self.said().decode().splitlines() if text in line), "")

        return str(wait_until(look, f"a line with {text!r}"))


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    monkeypatch.setenv(PIPE_VARIABLE, str(pipe.path))
    yield pipe
    pipe.close()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("12/16 ready, 75 s", b"12/16 ready, 75 s\n"),
        # One printable line.
        ("  a\nnode\tis \x1b[31mred\x1b[0m\r\n ", b"a node is [31mred [0m\n"),
        # It fits in one write that no other can split, and may end within a character.
        ("é" * 1000, ("é" * 256).encode()[:511] + b"\n"),
    ],
    ids=["a line", "an untidy text", "a long text"],
)
def test_a_text_arrives_as_one_line(pipe: Pipe, text: str, line: bytes) -> None:
    report(text)
    assert pipe.said() == line


def test_a_full_pipe_loses_lines_instead_of_blocking(pipe: Pipe) -> None:
    for _line in range(1000):
        report("x" * 500)
    assert 0 < pipe.said().count(b"\n") < 1000
    report("after")
    assert pipe.said() == b"after\n"


def test_without_a_pipe_nothing_is_said_and_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIPE_VARIABLE, raising=False)
    report("nobody listens")
    with waiting("nobody listens") as tell:
        tell("still nobody")
    monkeypatch.setenv(PIPE_VARIABLE, str(tmp_path))
    report("a folder is no pipe")


def test_waits_in_several_threads_share_a_line_and_leave_it_when_they_end(pipe: Pipe) -> None:
    with waiting("the group 'a' is CREATING") as tell:
        with waiting("the group 'b' is CREATING"):
            assert pipe.line_with("'b'").startswith("the group 'a' is CREATING, ")
        tell("the group 'a' is ACTIVE")
        assert "'b'" not in pipe.line_with("'a' is ACTIVE")


def test_a_wait_that_has_nothing_to_say_yet_says_nothing(pipe: Pipe) -> None:
    with waiting(), waiting("b"):
        assert pipe.line_with("b").startswith("b, ")


@pytest.mark.parametrize("gone", ["reader", "pipe"])
def test_a_module_whose_listener_is_gone_ends_with_what_it_has_started(pipe: Pipe, gone: str) -> None:
    program = f"""
import subprocess, time
from ansible_collections.entasis.engine.plugins.module_utils._progress import waiting
child = subprocess.Popen(["sleep", "{LIMIT * 10}"])
with waiting("works"):
    time.sleep({LIMIT * 10})
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert pipe.line_with("works")
    if gone == "reader":
        pipe.close()
    else:
        pipe.path.unlink()
    assert process.wait(timeout=LIMIT) == -signal.SIGTERM
    assert process.stdout.read() == b"", "its child has the same output, which ends only when both are gone"
    process.stdout.close()
