# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module of the collection as a process of its own, and what it answered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.aws_server import PROJECT, REGION, AwsServer

#: The longest that a module may run (seconds); a hang fails instead of hanging.
RUN_LIMIT = 60.0

#: A Python program that runs the module it is told with the arguments on its standard input.
RUN_MODULE = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
module = importlib.import_module("ansible_collections.entasis.engine.plugins.modules." + sys.argv[1])
with patch_module_args(json.load(sys.stdin)):
    module.main()
"""


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


def start(module: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Begin a run of a module as a process of its own, as under Ansible. The caller ends it, or kills it."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_MODULE, module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": str(PROJECT / ".cache" / "collections")},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str], limit: float = RUN_LIMIT) -> Answer:
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

    def start(self, module: str, *, check: bool = False, **options: Any) -> subprocess.Popen[str]:
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
