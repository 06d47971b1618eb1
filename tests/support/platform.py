# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox of the tests' own, and site.yml as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

PROJECT = Path(__file__).resolve().parents[2]
PLATFORM = "entasis"
REGION = "ap-northeast-2"
#: Far above what a run takes on two busy cores (a first run measured under a minute); a hang fails instead of hanging.
RUN_LIMIT_SECONDS = 420


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook, as its JSON callback reports it."""

    code: int
    output: str
    report: dict[str, Any]

    @property
    def changed(self) -> int:
        return sum(host["changed"] for host in self.report["stats"].values())

    @property
    def results(self) -> list[dict[str, Any]]:
        tasks = [task for play in self.report["plays"] for task in play["tasks"]]
        return [result for task in tasks for result in task["hosts"].values()]

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """What the reconciling modules changed, or in check mode would change: (action, kind, name), sorted."""
        found = []
        for result in self.results:
            for each in (result, *result.get("results", ())):
                found += [(c["action"], c["kind"], c["name"]) for c in each.get("changes") or ()]
        return sorted(found)

    @property
    def changed_tasks(self) -> list[str]:
        return [
            task["task"]["name"]
            for play in self.report["plays"]
            for task in play["tasks"]
            if any(result.get("changed") for result in task["hosts"].values())
        ]

    @property
    def messages(self) -> str:
        return "\n".join(str(result.get("msg", "")) for result in self.results)


class Sandbox:
    """A running sandbox and the clients that look at it from outside."""

    def __init__(self, home: Path) -> None:
        self.home = home
        bin_folder = Path(sys.executable).parent
        self.environment = {
            **os.environ,
            "ENTASIS_SANDBOX_HOME": str(home),
            "PYTHONPATH": f"{PROJECT / '.cache' / 'collections'}:{PROJECT}",
            "PATH": os.pathsep.join([str(PROJECT / ".cache" / "bin"), str(bin_folder), os.environ["PATH"]]),
            "AWS_PROFILE": "entasis-sandbox",
            "AWS_CONFIG_FILE": str(home / "aws" / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws" / "credentials"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }

    @property
    def environment_of_keys(self) -> dict[str, str]:
        """The environment of who knows the access key, and neither the profile nor its files."""
        known = self.connection
        return {
            **{name: value for name, value in self.environment.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": known["endpoint_url"],
            "AWS_ACCESS_KEY_ID": known["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": known["secret_access_key"],
        }

    def command(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "sandbox", *arguments], cwd=PROJECT, env=self.environment, check=True, timeout=300
        )

    @property
    def connection(self) -> dict[str, Any]:
        return json.loads((self.home / "connection.json").read_text())

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Talk to the sandbox's own control routes: settings, faults, call counts."""
        request = urllib.request.Request(  # noqa: S310 - the sandbox's own http address on loopback
            f"{self.connection['endpoint_url']}/_sandbox/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            text = answer.read()
        return json.loads(text) if text else None

    def start_site(self, *arguments: str, inventory: Path | None = None) -> subprocess.Popen[str]:
        """Start site.yml in a process group of its own, so that a test can kill all of it."""
        return self._start("site", *arguments, inventory=inventory)

    def _start(self, playbook: str, *arguments: str, inventory: Path | None) -> subprocess.Popen[str]:
        path = f"playbooks/{playbook}.yml"
        command = ["ansible-playbook", path, "-i", str(inventory or "inventories/sandbox"), *arguments]
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def site(self, *arguments: str, inventory: Path | None = None) -> Run:
        return self.run("site", *arguments, inventory=inventory)

    def run(self, playbook: str, *arguments: str, inventory: Path | None = None) -> Run:
        """Run one playbook as a user does."""
        process = self._start(playbook, *arguments, inventory=inventory)
        output, errors = process.communicate(timeout=RUN_LIMIT_SECONDS)
        start = output.find("{")
        report = json.loads(output[start:]) if start >= 0 else {"plays": [], "stats": {}}
        return Run(process.returncode, output + errors, report)

    def aws(self, service: str, region: str = REGION) -> Any:
        keys = self.connection
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=keys["endpoint_url"],
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
        )

    def kubernetes(self, *arguments: str) -> Any:
        """What kubectl says as the platform's user, by an EKS token."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(self.home / "kubeconfig"), *arguments, "-o", "json"],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return json.loads(done.stdout)
