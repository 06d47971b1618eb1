# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The helm command, version 3.14 or later, or 4: the charts of releases, and the changes of releases."""

from __future__ import annotations

import datetime
import json
import math
import os
import posixpath
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import helm, helm_crds, objects, waiting
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm import Desired, Live, Owner
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm_errors import TIMED_OUT, explained
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import SECRETS
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM, Change, Handler, PlanError
from ansible_collections.entasis.engine.plugins.module_utils._waiting import poll

#: Revisions that Helm keeps of each release, to go back to by hand.
HISTORY = 10

#: Seconds that helm gets beyond its own timeout, to fetch the chart and to render it.
_MARGIN = 120

#: The longest pause (seconds) between two looks at a release that another helm is working on.
_LONGEST_INTERVAL = 1.0

#: Kinds that a release is waited for, and how much is said of them when that took too long.
_WAITED_FOR = {"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "PersistentVolumeClaim"}
_SHOWN_NOT_READY = 3


class HelmTimeoutError(KubernetesError):
    """Helm waited for as long as it was to."""


@dataclass(frozen=True)
class Command:
    """How helm is called. C(mirror) is a folder or URL that holds every chart as NAME-VERSION.tgz.

    Without kubeconfig and context it can deal with charts only.
    """

    binary: str
    mirror: str = ""
    kubeconfig: str | None = None
    context: str | None = None

    @property
    def path(self) -> str | None:
        """Where the command is; None, nowhere."""
        return shutil.which(self.binary)

    def run(self, *arguments: str, timeout: float = _MARGIN, values: Mapping[str, Any] | None = None) -> str:
        """What helm answers; values go through its standard input, so that nothing secret is in the process list.

        Raises:
            HelmTimeoutError: helm gave up waiting.
            KubernetesError: helm is missing or failed; says why, and what to do.
        """
        if self.path is None:
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
                [self.path, *arguments, *context],
                input=json.dumps(values or {}),
                capture_output=True,
                text=True,
                timeout=timeout,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HelmTimeoutError(f"helm did not end within {timeout:.0f} s and was stopped.") from error
        if finished.returncode != 0:
            output = finished.stderr or finished.stdout
            kind = HelmTimeoutError if TIMED_OUT.search(output) else KubernetesError
            raise kind(explained(output, arguments[0], values or {}))
        return finished.stdout

    def chart(self, release: Desired) -> list[str]:
        """The arguments that name the chart and its version."""
        if self.mirror:
            return [f"{self.mirror.rstrip('/')}/{release.chart_name}-{release.version}.tgz"]
        if release.repository.startswith("oci://"):
            return [posixpath.join(release.repository, release.chart), "--version", release.version]
        if release.repository:
            return [release.chart, "--repo", release.repository, "--version", release.version]
        return [release.chart, "--version", release.version]

    def fetch(self, release: Desired, folder: Path) -> Path:
        """The release's chart as a file, put into the folder unless it is a file already.

        Raises:
            KubernetesError: the chart cannot be had.
        """
        chart, *options = self.chart(release)
        if "://" not in chart and chart.endswith(".tgz"):
            return Path(chart)
        folder.mkdir(parents=True)
        if not self.mirror and not release.repository and os.path.isdir(chart):
            self.run("package", chart, "--destination", str(folder))
        else:
            self.run("pull", chart, *options, "--destination", str(folder))
        [file] = folder.iterdir()
        asked = f"{release.chart_name}-{release.version}.tgz"
        # helm takes a folder whatever version it has, and would be asked for the other one in each run.
        if os.path.isdir(chart) and file.name != asked:
            raise KubernetesError(f"the chart in {chart} is {file.stem}, not {asked[:-4]}. Correct chart and version.")
        return file

    def definitions(self, release: Desired, chart: Path, folder: Path, kubernetes: str) -> list[Any]:
        """What the crds folders of a chart hold, and those of its subcharts that the values turn on.

        helm tells which those are. It gets the chart without its templates, so that it renders nothing else: templates
        may ask for what the cluster does not have yet. C(kubernetes) is the cluster's version, where it is known.

        Raises:
            KubernetesError: the chart is none, or helm does not take the values.
        """
        if not _bare(chart, folder):
            return []
        arguments = ["template", release.name, *map(str, folder.iterdir()), "--namespace", release.namespace]
        version = ["--kube-version", kubernetes] if kubernetes else []
        rendered = self.run(*arguments, "--include-crds", "--values", "-", *version, values=release.values)
        return helm_crds.read(rendered)


def _bare(chart: Path, folder: Path) -> bool:
    """Write a chart without its templates into the folder, where it has any crds folder; whether it has."""
    try:
        with tarfile.open(chart) as archive:
            files = {PurePosixPath(one.name): one for one in archive if one.isfile()}
            if not any("crds" in name.parts for name in files):
                return False
            for name, one in files.items():
                if "templates" in name.parts or ".." in name.parts or name.is_absolute():
                    continue
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(one)
                target.write_bytes(content.read() if content else b"")
    except FileNotFoundError as error:
        raise KubernetesError(f"there is no chart {chart}. Put it there, or correct chart and version.") from error
    except (OSError, tarfile.TarError) as error:
        raise KubernetesError(f"the chart {chart} cannot be read: {error}.") from error
    return True


def fetch_charts(
    command: Command, releases: Sequence[Desired], folder: Path, kubernetes: str
) -> tuple[dict[str, Path], dict[str, list[Any]]]:
    """The charts of some releases, and what their crds folders hold, both by the paths of the releases.

    Raises:
        PlanError: some cannot be had; says all of them.
    """
    charts: dict[str, Path] = {}
    brought: dict[str, list[Any]] = {}
    problems = []

    def fetch(one: Desired) -> None:
        where = folder / one.namespace / one.name
        try:
            charts[one.path] = command.fetch(one, where / "chart")
            brought[one.path] = command.definitions(one, charts[one.path], where / "bare", kubernetes)
        except KubernetesError as error:
            problems.append(f"release {one.path}: {error}")

    with (
        _progress.waiting(f"fetching the charts of {len(releases)} releases"),
        ThreadPoolExecutor(max_workers=PARALLELISM) as pool,
    ):
        list(pool.map(fetch, releases))
    if problems:
        raise PlanError(sorted(problems))
    return charts, brought


class Installer:
    """The apply table of a plan of releases."""

    def __init__(
        self,
        client: Client,
        command: Command,
        desired: Iterable[Desired],
        live: Mapping[str, Live],
        owner: Owner,
        charts: Mapping[str, Path],
        labels: Mapping[str, str],
    ) -> None:
        """C(charts) are those that were fetched already, and C(labels) the count labels, by the path of the release."""
        self._client = client
        self._command = command
        self._desired = {one.path: one for one in desired}
        self._live = live
        self._owner = owner
        self._charts = charts
        self._labels = labels

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
        crds = helm_crds.SKIPPED if release.skip_crds else self._labels[release.path]
        labels = {**self._owner.labels, helm_crds.COUNT_LABEL: crds}
        chart = self._charts.get(release.path)
        arguments = [
            "upgrade",
            release.name,
            *([str(chart)] if chart else self._command.chart(release)),
            "--install",
            # Applied before, where they are not to be left alone.
            "--skip-crds",
            "--namespace",
            release.namespace,
            "--values",
            "-",
            # Without it an empty set of values would mean those of the last revision.
            "--reset-values",
            "--labels",
            ",".join(f"{key}={value}" for key, value in labels.items()),
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
            try:
                self._command.run(*arguments, timeout=release.timeout + _MARGIN, values=release.values)
            except HelmTimeoutError as error:
                raise KubernetesError(
                    f"{error} {self._not_ready(release)}A new run goes on from there; raise timeout (now "
                    f"{release.timeout} s) if only time is lacking."
                ) from error

    def _uninstall(self, change: Change) -> None:
        existing = self._live[change.name]
        release = self._desired.get(change.name)
        timeout = release.timeout if release else 300
        with _progress.waiting(f"helm removes {change.name}"):
            self._command.run(
                *("uninstall", existing.name, "--namespace", existing.namespace, "--wait", "--timeout", f"{timeout}s"),
                timeout=timeout + _MARGIN,
            )

    def _not_ready(self, release: Desired) -> str:
        """A sentence for each object of the newest revision that is not ready, as far as that can be told."""
        resources = {}
        for manifest in helm_crds.read(helm.newest_record(self._client, release).get("manifest") or ""):
            resource = self._client.resource(manifest["apiVersion"], manifest["kind"])
            if resource is not None and manifest["kind"] in _WAITED_FOR:
                namespace = manifest["metadata"].get("namespace") or release.namespace
                resources[objects.Reference(resource.group_kind, namespace, manifest["metadata"]["name"])] = resource
        lines = waiting.explain(self._client, waiting.wait_ready(self._client, resources, {}, timeout=0))
        return "".join(f"{line.rstrip('.')}. " for line in lines[:_SHOWN_NOT_READY])

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
    live: dict[str, Live] = {}

    def look() -> str | None:
        nonlocal live
        live = helm.observe(client)
        now = datetime.datetime.now(datetime.UTC)
        pending = [(one, live[one.path]) for one in desired if one.path in live and live[one.path].pending]
        busy = [one.path for one, existing in pending if existing.age(now) < one.timeout]
        return f"another helm works on {', '.join(busy)}" if busy else None

    poll(look, "", math.inf, longest=_LONGEST_INTERVAL)
    return live
