# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Progress on the screen of ansible-playbook and AWX while a module waits.

The module runs as it would without this. Beside it, a thread of the same worker process reads what the module says of
its progress from a named pipe, and shows the latest line every E(ENTASIS_PROGRESS_INTERVAL) seconds, by default 15; 0
shows none. A task that is done before the first interval shows nothing.

The pipe needs the module on the controller's machine, so only tasks with a local connection show progress, those of
AWX among them. Nothing is shown for C(no_log) or C(async) tasks, where become leads to an account that cannot reach
the controller's temporary files, or where standard output is for machines (the callbacks json and jsonl).

Nothing works on in the background: Ansible ends the module on Ctrl-C and SIGTERM, the thread here ends it when
ansible-playbook is killed, and the module itself when this worker process is killed.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.entasis.engine.plugins.module_utils._progress import PIPE_VARIABLE

#: Seconds between two lines: an environment variable of the controller, and its default.
INTERVAL_VARIABLE = "ENTASIS_PROGRESS_INTERVAL"
DEFAULT_INTERVAL = 15.0

#: Seconds between two looks at the pipe, and at whether ansible-playbook is still there.
_LOOK = 0.5

#: Callbacks whose standard output is one document, which a line in between would spoil.
_FOR_MACHINES = {"json", "jsonl", "ansible.posix.json", "ansible.posix.jsonl"}

_READ_BYTES = 65536


class ProgressAction(NormalAction):
    """The action plugin of a module that waits: runs it, and shows the progress that it reports."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        interval = _interval(os.environ)
        if not (interval and self._can_follow()):
            return super().run(tmp, task_vars)
        with _follow(self._prefix(task_vars or {}), interval) as pipe:
            if pipe is None:
                return super().run(tmp, task_vars)
            environment = self._task.environment
            self._task.environment = [*(environment or []), {PIPE_VARIABLE: pipe}]
            try:
                return super().run(tmp, task_vars)
            finally:
                self._task.environment = environment

    def _can_follow(self) -> bool:
        return (
            self._connection.transport == "local"
            and not self._task.no_log
            and not self._task.async_val
            and constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK") not in _FOR_MACHINES
        )

    def _prefix(self, task_vars: Mapping[str, Any]) -> str:
        module = self._task.action.rpartition(".")[2]
        if len(task_vars.get("ansible_play_hosts_all") or ()) > 1:
            return f"{module} [{task_vars['inventory_hostname']}]"
        return module


def _interval(environment: Mapping[str, str]) -> float:
    text = environment.get(INTERVAL_VARIABLE, "")
    try:
        seconds = float(text or DEFAULT_INTERVAL)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise AnsibleActionFail(
            f"the environment variable {INTERVAL_VARIABLE} is '{text}'. Give it the seconds between two lines of "
            "progress, or 0 for no progress."
        )
    return seconds


@contextmanager
def _follow(prefix: str, interval: float) -> Iterator[str | None]:
    """The path of a pipe whose lines are shown until the end; None where none can be made."""
    path = os.path.join(constants.DEFAULT_LOCAL_TMP, f"progress-{uuid.uuid4().hex}")
    try:
        os.mkfifo(path, mode=0o600)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        Display().vvv(f"{prefix} shows no progress, because it has no pipe for it: {error}")
        yield None
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(reader, prefix, interval, ended), daemon=True)
    thread.start()
    try:
        yield path
    finally:
        ended.set()
        thread.join()
        os.close(reader)
        os.unlink(path)


def _show(reader: int, prefix: str, interval: float, ended: threading.Event) -> None:
    # Python runs the handlers of signals in the main thread, which a signal wakes only if no other thread takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    show: Callable[[str], None] = Display().display
    latest = ""
    due = time.monotonic() + interval
    while not ended.wait(min(interval, _LOOK)):
        if _playbook_is_gone():
            # This worker process ends on it with its whole group, the module and what it has started among them.
            os.kill(os.getpid(), signal.SIGTERM)
            return
        latest = _latest_line(reader) or latest
        if latest and time.monotonic() >= due:
            # Nobody is left to show it to where the queue to ansible-playbook is closed; the next look ends this.
            with suppress(OSError):
                show(f"{prefix}: {latest}")
            latest = ""
            due = time.monotonic() + interval


def _playbook_is_gone() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and os.getppid() != parent.pid


def _latest_line(reader: int) -> str:
    """The last whole line that came since the last look, or an empty string."""
    said = b""
    with suppress(BlockingIOError):
        while part := os.read(reader, _READ_BYTES):
            said += part
    lines = said.decode(errors="ignore").splitlines()
    return lines[-1] if lines else ""
