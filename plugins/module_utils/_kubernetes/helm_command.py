# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Carrying out changes of Helm releases with the helm command, version 3.14 or later, or 4."""

from __future__ import annotations

import datetime
import json
import os
import posixpath
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import helm
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm import Desired, Live, Owner
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import SECRETS
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Handler

#: Revisions that Helm keeps of each release, to go back to by hand.
HISTORY = 10

#: Seconds that helm gets beyond its own timeout, to fetch the chart and to render it.
_MARGIN = 120

#: Seconds between two looks at a release that another helm is working on.
_INTERVAL = 1.0

#: Lines of helm's error that are worth showing.
_ERROR_LINES = 4


@dataclass(frozen=True)
class Command:
    """How helm is called. C(mirror) is a folder or URL that holds every chart as NAME-VERSION.tgz."""

    binary: str
    kubeconfig: str | None
    context: str | None
    mirror: str = ""

    def run(self, arguments: Sequence[str], *, timeout: float, values: str | None = None) -> None:
        """Run helm; values go through its standard input, so that nothing secret is in the process list.

        Raises:
            KubernetesError: helm is missing, took too long, or failed; says its last words.
        """
        path = shutil.which(self.binary)
        if path is None:
            raise KubernetesError(
                f"there is no helm command '{self.binary}'. Install Helm 3.14 or later, or set helm_binary."
            )
        # The records that the plan reads are Secrets, whatever the caller's environment says.
        environment = {**os.environ, "HELM_DRIVER": "secret"}
        if self.kubeconfig:
            environment["KUBECONFIG"] = self.kubeconfig
        context = ["--kube-context", self.context] if self.context else []
        try:
            finished = subprocess.run(
                [path, *arguments, *context],
                input=values if values is not None else "",
                capture_output=True,
                text=True,
                timeout=timeout,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise KubernetesError(f"helm did not end within {timeout:.0f} s and was stopped.") from error
        if finished.returncode != 0:
            raise KubernetesError(condensed(finished.stderr or finished.stdout))

    def chart(self, release: Desired) -> list[str]:
        """The arguments that name the chart and its version."""
        if self.mirror:
            return [f"{self.mirror.rstrip('/')}/{release.chart_name}-{release.version}.tgz"]
        if release.repository.startswith("oci://"):
            return [posixpath.join(release.repository, release.chart), "--version", release.version]
        if release.repository:
            return [release.chart, "--repo", release.repository, "--version", release.version]
        return [release.chart, "--version", release.version]


def condensed(output: str) -> str:
    """The useful end of helm's error output: no warnings, no repetition, a sentence."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("WARNING:", "W1", "W0", "level=", "walk.go"))]
    kept = list(dict.fromkeys(telling or lines))[-_ERROR_LINES:]
    text = " ".join(line.removeprefix("Error: ") for line in kept).rstrip(".") or "no output"
    return f"helm failed: {text}."


class Installer:
    """The apply table of a plan of releases."""

    def __init__(
        self, client: Client, command: Command, desired: Iterable[Desired], live: Mapping[str, Live], owner: Owner
    ) -> None:
        self._client = client
        self._command = command
        self._desired = {one.path: one for one in desired}
        self._live = live
        self._owner = owner

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            (helm.KIND, "create"): self._install,
            (helm.KIND, "update"): self._install,
            (helm.KIND, "delete"): self._uninstall,
        }

    def _install(self, change: Change) -> None:
        release = self._desired[change.name]
        existing = self._live.get(change.name)
        if existing is not None and existing.pending:
            self._mark_failed(existing)
        elif existing is not None and existing.status == "uninstalling":
            self._uninstall(change)
        labels = ",".join(f"{key}={value}" for key, value in self._owner.labels.items())
        arguments = [
            "upgrade",
            release.name,
            *self._command.chart(release),
            "--install",
            "--namespace",
            release.namespace,
            "--values",
            "-",
            # Without it an empty set of values would mean those of the last revision.
            "--reset-values",
            "--labels",
            labels,
            "--history-max",
            str(HISTORY),
            "--timeout",
            f"{release.timeout}s",
        ]
        if release.wait:
            arguments.append("--wait")
        if release.create_namespace:
            arguments.append("--create-namespace")
        with _progress.waiting(f"helm installs {change.name} {release.version}"):
            self._command.run(arguments, timeout=release.timeout + _MARGIN, values=json.dumps(release.values))

    def _uninstall(self, change: Change) -> None:
        existing = self._live[change.name]
        release = self._desired.get(change.name)
        timeout = release.timeout if release else 300
        with _progress.waiting(f"helm removes {change.name}"):
            self._command.run(
                ["uninstall", existing.name, "--namespace", existing.namespace, "--wait", "--timeout", f"{timeout}s"],
                timeout=timeout + _MARGIN,
            )

    def _mark_failed(self, existing: Live) -> None:
        """Close a revision whose helm has ended without doing so; helm itself refuses to go on from a pending one."""
        path = SECRETS.path(existing.namespace, existing.secret_name)
        secret = self._client.request("GET", path)
        record = helm.decode(secret["data"]["release"])
        record["info"]["status"] = "failed"
        record["info"]["description"] = f"left {existing.status} by a helm that ended before its time"
        patch = {
            "metadata": {"resourceVersion": secret["metadata"]["resourceVersion"], "labels": {"status": "failed"}},
            "data": {"release": helm.encode(record)},
        }
        self._client.request("PATCH", path, body=patch, content_type="application/merge-patch+json")


def wait_for_others(client: Client, desired: Sequence[Desired]) -> dict[str, Live]:
    """The releases, after no other helm works on a desired one any more.

    A helm that works on a release keeps it pending for at most its own timeout, for which we take the release's. So a
    release that has been pending for longer is stuck: the plan mends it.
    """
    with _progress.waiting() as tell:
        while True:
            live = helm.observe(client)
            now = datetime.datetime.now(datetime.UTC)
            pending = [(one, live[one.path]) for one in desired if one.path in live and live[one.path].pending]
            busy = [one.path for one, existing in pending if existing.age(now) < one.timeout]
            if not busy:
                return live
            tell(f"another helm works on {', '.join(busy)}")
            time.sleep(_INTERVAL)
