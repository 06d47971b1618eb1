# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What a module says while it waits. The action plugin of the same name shows it, see plugin_utils/_progress.py.

The lines go through a named pipe. A pipe whose reader is gone says so: then the run that started the module was killed,
and the module ends at its next look instead of working on where nobody sees it.
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

_waits: dict[object, str] = {}
_waits_lock = threading.Lock()


def report(text: str) -> None:
    """Say in one line where the module stands. It may be called as often as the module looks: one line in 15 s is shown.

    Never fails: where nobody listens, or nothing can be written, the line is lost.
    """
    path = os.environ.get(PIPE_VARIABLE)
    if not path:
        return
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split()).encode(errors="replace")[: _LONGEST - 1] + b"\n"
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
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
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """A wait: gives a function that says the state of what is waited for, for one line with all waits under way.

    Waits in several threads share the line: C(the node group 'a' is CREATING, 30 s; the node group 'b' is …).
    """
    start = time.monotonic()
    key = object()

    def tell(state: str) -> None:
        with _waits_lock:
            _waits[key] = f"{what} is {state}, {time.monotonic() - start:.0f} s"
            line = "; ".join(_waits.values())
        report(line)

    try:
        yield tell
    finally:
        with _waits_lock:
            _waits.pop(key, None)


def _end_without_listener() -> None:
    """End the module and what it has started, as Ctrl-C would have done: the next run recognises what there is."""
    os.killpg(os.getpgrp(), signal.SIGTERM)
