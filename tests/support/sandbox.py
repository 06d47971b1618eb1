# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox of a test's own, driven by its command line and judged by its processes, its ports and its clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
#: The longest that one command may take (seconds): a start waits a minute for a part before it gives up.
COMMAND_LIMIT = 180.0


class Sandbox:
    """One sandbox in a state folder of its own. C(prefix) starts each of its commands, to run it as another user."""

    def __init__(self, home: Path, prefix: Sequence[str] = ()) -> None:
        self.home = home
        self._prefix = prefix
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= {
            "ENTASIS_SANDBOX_HOME": str(home),
            "PYTHONPATH": f"{PROJECT / '.cache' / 'collections'}:{PROJECT}",
        }
        self.environment.pop("ENTASIS_SANDBOX_PORT", None)

    def run(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """Run one command; return what it said."""
        done = subprocess.run(
            [*self._prefix, sys.executable, "-m", "sandbox", *arguments],
            env=self.environment | settings,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self, code: int = 0) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("status", "--json", code=code))
        return status

    def pids(self) -> dict[str, int]:
        return {part["name"]: part["pid"] for part in self.status()["parts"]}

    def connection(self) -> dict[str, Any]:
        connection: dict[str, Any] = json.loads((self.home / "connection.json").read_text())
        return connection

    def ports(self) -> list[int]:
        base = int(self.connection()["endpoint_url"].rpartition(":")[2])
        return list(range(base, base + 8))

    def processes(self) -> dict[int, str]:
        """Every process whose command line names the state folder, besides the tests' own.

        A process that was forked a moment ago, and is to become another, still has its parent's command line: it is
        left out.
        """
        found, parents = {}, {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                try:
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                if str(self.home) in command:
                    found[int(folder.name)], parents[int(folder.name)] = command, parent
        return {pid: command for pid, command in found.items() if found.get(parents[pid]) != command}

    def kubectl_command(self, *arguments: str) -> list[str]:
        """The command line of kubectl as the cluster's admin."""
        tools = json.loads((self.home / "run.json").read_text())["tools"]
        options = ["--kubeconfig", self.connection()["kubernetes"]["admin_kubeconfig"]]
        return [f"{tools}/kubectl", *options, "--cache-dir", str(self.home / "kubectl"), *arguments]

    def kubectl(self, *arguments: str, content: object = None) -> str:
        done = subprocess.run(
            self.kubectl_command(*arguments),
            input=json.dumps(content) if content else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def aws(self, program: str) -> str:
        """What a boto3 program prints that knows the files that the sandbox wrote, and nothing else."""
        settings = {
            "AWS_PROFILE": "entasis-sandbox",
            "AWS_CONFIG_FILE": str(self.home / "aws" / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "aws" / "credentials"),
        }
        done = subprocess.run(
            [sys.executable, "-c", "import boto3\n" + program],
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def listeners(port: int) -> list[str]:
    """The addresses of this machine, as /proc writes them, on which something listens on a port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in (Path("/proc/net") / table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _colon, number = fields[1].rpartition(":")
            if int(number, 16) == port and fields[3] == "0A":
                found.append(address)
    return found
