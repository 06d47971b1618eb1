# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the tests of the emulated EKS reach a sandbox: boto3 clients, and kubectl as the cluster's admin."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import yaml

from tests.support.aws_server import REGION
from tests.support.platform import Sandbox


def connect(sandbox: Sandbox, service: str, region: str) -> Any:
    return sandbox.aws(service, region)


class Admin:
    """kubectl with the admin's certificate: the witness that no part of the emulated EKS stands behind."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, *arguments: str, stdin: str = "") -> str:
        kubeconfig = self._sandbox.connection["kubernetes"]["admin_kubeconfig"]
        done = subprocess.run(
            ["kubectl", "--kubeconfig", kubeconfig, *arguments],
            env=self._sandbox.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.run("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("get", kind, "-o", "json", *arguments))["items"]
        return found

    def nodes(self, group: str) -> list[dict[str, Any]]:
        return self.items("nodes", "-l", f"eks.amazonaws.com/nodegroup={group}")

    def ready(self, group: str) -> int:
        return sum(1 for node in self.nodes(group) if is_ready(node))


class Caller:
    """kubectl as an AWS principal, by a token of C(aws eks get-token)."""

    def __init__(self, sandbox: Sandbox, *token_arguments: str, **keys: str) -> None:
        self._environment = sandbox.environment_of_keys | keys
        self._token = ["aws", "--region", REGION, "eks", "get-token", "--cluster-name", "prod", *token_arguments]
        place = sandbox.connection["kubernetes"]
        address = ["--server", place["server"], "--certificate-authority", place["ca_file"]]
        self._kubectl = ["kubectl", "--kubeconfig", os.devnull, *address]

    def __call__(self, *arguments: str) -> str:
        """ "ok", or the word by which kubectl reports the refusal."""
        token = json.loads(self._run(self._token).stdout)["status"]["token"]
        done = self._run([*self._kubectl, "--token", token, *arguments])
        for word in ("Unauthorized", "forbidden"):
            if word in done.stderr:
                return word
        assert done.returncode == 0, done.stderr
        return "ok"

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=False)


def is_ready(node: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
