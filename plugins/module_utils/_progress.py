# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What a module says while it waits. The action plugin of the same name shows it, see plugin_utils/_progress.py.

The lines go through a named pipe. Where the pipe or its reader is gone, the run that started the module was killed or
has given the task up, and the module ends with its next word instead of working on where nobody sees it. Ansible alone
does not see to that: a Ctrl-C ends its own processes, but not a module whose threads wait.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Environment variable with the path of the pipe. Without it nobody listens and nothing is written.
PIPE_VARIABLE = "ENTASIS_PROGRESS_PIPE"

#: Bytes of a line, its end included. A pipe takes up to 512 (POSIX's PIPE_BUF) in one piece, whatever other threads do.
_LONGEST = 512

#: Seconds after which a wait says the same again, with the seconds counted on.
_REPETITION = 1.0

#: The waits under way: what each says, and since when it lasts.
_waits: dict[object, tuple[str, float]] = {}
_waits_lock = threading.Lock()


def report(text: str) -> None:
    """Say in one line where the module stands. Call it at every look: of many lines the latest is shown.

    Never fails: where there is no pipe to write to, or it is full, the line is lost.
    """
    path = os.environ.get(PIPE_VARIABLE)
    if not path:
        return
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split()).encode(errors="replace")[: _LONGEST - 1] + b"\n"
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            _end_without_listener()
        return
    try:
        with suppress(BlockingIOError):
            os.write(pipe, line)
    except BrokenPipeError:
        _end_without_listener()
    except OSError:
        return
    finally:
        os.close(pipe)


@contextmanager
def waiting(text: str = "") -> Iterator[Callable[[str], None]]:
    """Say what is waited for, every second with the seconds that it has taken, until the wait ends.

    Gives a function that changes the text. Waits in several threads share one line: C(a is CREATING, 30 s; b is …).
    """
    if not os.environ.get(PIPE_VARIABLE):
        yield lambda _text: None
        return
    key, start, ended = object(), time.monotonic(), threading.Event()

    def tell(text: str) -> None:
        with _waits_lock:
            _waits[key] = (text, start)

    def repeat() -> None:
        while not ended.wait(_REPETITION):
            _report_waits()

    tell(text)
    repeater = threading.Thread(target=repeat, daemon=True)
    repeater.start()
    try:
        yield tell
    finally:
        ended.set()
        repeater.join()
        with _waits_lock:
            del _waits[key]


def _report_waits() -> None:
    now = time.monotonic()
    with _waits_lock:
        lines = [f"{text}, {now - start:.0f} s" for text, start in _waits.values() if text]
    if lines:
        report("; ".join(lines))


def _end_without_listener() -> None:
    """End the module and what it has started, as Ctrl-C would have done: the next run recognises what there is."""
    os.killpg(os.getpgrp(), signal.SIGTERM)
