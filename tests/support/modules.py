# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module of the collection as a process of its own, and what it answered."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

from tests.support.aws_server import PROJECT, REGION, AwsServer

#: The longest that a module may run (seconds); a hang fails instead of hanging.
RUN_LIMIT = 60.0


@dataclass(frozen=True)
class Answer:
    """What a module of any kind answered."""

    result: dict[str, Any]

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed", False))

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))


class Outcome(Answer):
    """What a module of AWS answered."""

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Each change as its action and what it is of: ("update", "general configuration")."""
        return [(c["action"], " ".join([c["name"], c.get("part", "")]).strip()) for c in self.result["changes"]]


class Process:
    """A run of a module as a process of its own, as under Ansible, forked from one that has done the imports."""

    def __init__(self, module: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        # It is there until the test has let go of the process.
        self._folder = tempfile.TemporaryDirectory()
        self._written = [f"{self._folder.name}/{name}" for name in ("output", "errors")]
        for path in self._written:
            Path(path).touch()
        options = (module, dict(arguments), dict(environment), *self._written)
        self._process = _FORKS.Process(target=_run, args=options, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative where a signal ended it; None where it still runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, signal: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal)

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote on its standard output and error, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after C(timeout) seconds.
        """
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("module", timeout or 0.0)
        output, errors = (Path(path).read_text(encoding="utf-8") for path in self._written)
        return output, errors


_FORKS = multiprocessing.get_context("forkserver")
# pytest too: each child looks at the program that began it all.
_FORKS.set_forkserver_preload(
    [
        "pytest",
        "kubernetes.client",
        "kubernetes.config",
        "tests.support.modules",
        *(
            f"ansible_collections.entasis.engine.plugins.modules.{file.stem}"
            for file in sorted((PROJECT / "plugins" / "modules").glob("*.py"))
        ),
    ]
)


def _run(module: str, arguments: dict[str, Any], environment: dict[str, str], *written: str) -> None:
    """The life of the forked process."""
    for descriptor, path in enumerate(written, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    loaded = importlib.import_module(f"ansible_collections.entasis.engine.plugins.modules.{module}")
    with patch_module_args(arguments):
        loaded.main()


def start(module: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Process:
    """Begin a run of a module. The caller ends it, or kills it."""
    return Process(module, arguments, environment)


def finish(process: Process, limit: float = RUN_LIMIT) -> Answer:
    """What a module answers that was started, within C(limit) seconds."""
    try:
        output, errors = process.communicate(timeout=limit)
    finally:
        process.kill()
    assert output.strip(), errors
    return Answer(json.loads(output.strip().splitlines()[-1]))


class Modules:
    """The collection's modules against one server, each run a process of its own, as under Ansible.

    C(environment) changes the server's environment; None takes a variable out of it.
    """

    def __init__(self, server: AwsServer, **environment: str | None) -> None:
        variables = {**server.environment, **environment}
        self._environment = {name: value for name, value in variables.items() if value is not None}

    def start(self, module: str, *, check: bool = False, **options: Any) -> Process:
        """Begin a run that the caller ends, or kills."""
        arguments = {"region": REGION, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        return start(module, arguments, self._environment)

    def run(self, module: str, *, check: bool = False, **options: Any) -> Outcome:
        """Run a module to its end, which may be a failure that it reports."""
        return Outcome(finish(self.start(module, check=check, **options)).result)

    def quartet(self, module: str, **options: Any) -> Outcome:
        """Check, run, check, run: the first two agree and change, the last two change nothing. Gives the first run."""
        foreseen = self.run(module, check=True, **options)
        done = self.run(module, **options)
        assert not foreseen.failed, foreseen.message
        assert not done.failed, done.message
        assert foreseen.changed
        assert done.changed
        assert foreseen.result["changes"] == done.result["changes"]
        for check in (True, False):
            again = self.run(module, check=check, **options)
            assert not again.failed, again.message
            assert again.changes == []
            assert not again.changed
        return done
