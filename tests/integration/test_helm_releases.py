# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""helm_releases against a real API server, judged by helm and kubectl."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.control_plane import NAME, ControlPlane, Outcome, finish, tool
from tests.support.modules import Process
from tests.support.waiting import wait_until

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        running.add_node("node-1")
        yield running


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the chart tiny, 1.0.0 and 1.1.0."""
    folder = tmp_path_factory.mktemp("charts")
    chart = folder / "source" / "tiny"
    (chart / "templates").mkdir(parents=True)
    (chart / "values.yaml").write_text("message: hello\nbroken: false\npods: false\n")
    (chart / "templates" / "settings.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        "data:\n  message: {{ .Values.message | quote }}\n  chart: {{ .Chart.Version | quote }}\n"
        '{{- if .Values.broken }}\n  broken: {{ fail "the value broken is true" }}\n{{- end }}\n'
    )
    (chart / "templates" / "pod.yaml").write_text(
        "{{- if .Values.pods }}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-never\n"
        "spec:\n  nodeSelector: {wanted-by: {{ .Release.Namespace }}}\n"
        "  containers: [{name: main, image: 'main:1'}]\n{{- end }}\n"
    )
    for version in ("1.0.0", "1.1.0"):
        (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "tiny", "version": version}))
        subprocess.run([tool("helm"), "package", chart, "--destination", folder], check=True, capture_output=True)
    return folder


class Releases:
    """The releases of one test: a platform and a namespace of their own, charts from the folder."""

    def __init__(self, cluster: ControlPlane, charts: Path) -> None:
        self.cluster = cluster
        number = next(_numbers)
        self.platform = f"platform-{number}"
        self.namespace = f"space-{number}"
        self.charts = charts

    def release(self, name: str, version: str = "1.0.0", **options: Any) -> dict[str, Any]:
        return {
            "name": name,
            "namespace": self.namespace,
            "chart": "tiny",
            "repository": "https://charts.example.com",
            "version": version,
            "timeout": 20,
            **options,
        }

    def start(self, *releases: dict[str, Any], **options: Any) -> Process:
        given = {"platform": self.platform, "mirror": str(self.charts), "helm_binary": tool("helm"), **options}
        return self.cluster.start("helm_releases", releases=list(releases), **given)

    def run(self, *releases: dict[str, Any], **options: Any) -> Outcome:
        return finish(self.start(*releases, **options))

    def apply(self, *releases: dict[str, Any], **options: Any) -> Outcome:
        outcome = self.run(*releases, **options)
        assert not outcome.failed, outcome.message
        return outcome

    def helm(self, *arguments: str) -> Any:
        """What helm answers, in this test's namespace."""
        finished = subprocess.run(
            [tool("helm"), *arguments, "--namespace", self.namespace, "--kubeconfig", self.cluster.kubeconfig],
            capture_output=True,
            text=True,
            check=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("HELM_")},
        )
        return finished.stdout

    def listed(self) -> dict[str, tuple[str, str, str]]:
        """Each release as helm lists it: chart with version, status, revision."""
        statuses = ("--deployed", "--failed", "--pending", "--uninstalling")
        found = json.loads(self.helm("list", *statuses, "--output", "json"))
        return {one["name"]: (one["chart"], one["status"], one["revision"]) for one in found}

    def message(self, name: str) -> str:
        answer: str = self.cluster.get("configmap", name, "--namespace", self.namespace)["data"]["message"]
        return answer


@pytest.fixture
def releases(cluster: ControlPlane, charts: Path) -> Releases:
    return Releases(cluster, charts)


def test_quartet(releases: Releases) -> None:
    wanted = [releases.release("one", values={"message": "a"}), releases.release("two")]
    planned = releases.run(*wanted, check=True)
    assert not planned.failed, planned.message
    assert not releases.cluster.exists("namespace", releases.namespace)
    made = releases.apply(*wanted)
    assert made.changes == planned.changes
    assert made.changes == [("create", "HelmRelease", f"{releases.namespace}/{name}") for name in ("one", "two")]
    assert releases.listed() == {"one": ("tiny-1.0.0", "deployed", "1"), "two": ("tiny-1.0.0", "deployed", "1")}
    assert releases.message("one") == "a"
    assert releases.apply(*wanted).changes == []
    assert releases.run(*wanted, check=True).changes == []
    assert releases.listed()["one"][2] == "1"


def test_only_what_differs_is_upgraded(releases: Releases) -> None:
    # helm's own reading of numbers and of nothing is no difference.
    numbers = {"number": 1.0, "most": 2**53, "huge": 1e22, "zero": -0.0, "text": "1e3"}
    odd = {**numbers, "nothing": None, "list": [{"a": None}], "empty": {}, "nested": {"none": None, "yes": "on"}}
    same = releases.release("same", values={"message": "x", **odd})
    releases.apply(same, releases.release("values", values={"message": "a", "extra": 1}), releases.release("version"))
    wanted = [same, releases.release("values", values={"message": "b"}), releases.release("version", "1.1.0")]
    planned = releases.run(*wanted, check=True)
    assert planned.result["diff"] == {
        "before": {
            f"HelmRelease/{releases.namespace}/values": {"values": {"message": "a", "extra": 1}},
            f"HelmRelease/{releases.namespace}/version": {"version": "1.0.0"},
        },
        "after": {
            f"HelmRelease/{releases.namespace}/values": {"values": {"message": "b"}},
            f"HelmRelease/{releases.namespace}/version": {"version": "1.1.0"},
        },
    }
    assert releases.message("values") == "a"
    assert releases.apply(*wanted).changes == planned.changes
    assert releases.listed() == {
        "same": ("tiny-1.0.0", "deployed", "1"),
        "values": ("tiny-1.0.0", "deployed", "2"),
        "version": ("tiny-1.1.0", "deployed", "2"),
    }
    # An empty set of values takes the earlier ones away.
    releases.apply(releases.release("values"))
    assert json.loads(releases.helm("get", "values", "values", "--output", "json")) in (None, {})
    assert releases.message("values") == "hello"


def test_secret_values_are_shown_nowhere(releases: Releases, tmp_path: Path) -> None:
    """Not in what the module answers, and not in the list of processes."""
    arguments, wrapper = tmp_path / "arguments", tmp_path / "helm"
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {arguments}\nexec {tool("helm")} "$@"\n')
    wrapper.chmod(0o755)
    options = {"helm_binary": str(wrapper), "context": f"kwok-{NAME}"}
    for password in ("correct-horse", "battery-staple"):
        values = {"adminPassword": password, "auth": {"token": password}, "message": "seen"}
        wanted = releases.release("one", values=values)
        for outcome in (releases.run(wanted, check=True), releases.apply(wanted, **options)):
            assert outcome.changed
            assert "correct-horse" not in outcome.output
            assert "battery-staple" not in outcome.output
        assert json.loads(releases.helm("get", "values", "one", "--output", "json")) == values
    shown = outcome.result["diff"]["after"][f"HelmRelease/{releases.namespace}/one"]["values"]
    assert shown == {"adminPassword": "******** (changed)", "auth.token": "******** (changed)"}
    said = arguments.read_text()
    assert f"--kube-context\nkwok-{NAME}" in said
    assert not [text for text in ("correct-horse", "battery-staple", "seen") if text in said]


def test_purge_and_absent_touch_only_our_own(releases: Releases) -> None:
    releases.apply(releases.release("one"), releases.release("two"))
    releases.apply(releases.release("third"), role="another")
    package = str(releases.charts / "tiny-1.0.0.tgz")
    releases.helm("install", "foreign", package)

    none = releases.apply()
    assert none.changes == []
    assert sorted(none.result["unlisted"]) == [f"{releases.namespace}/one", f"{releases.namespace}/two"]
    assert "Use state: absent" in releases.run(purge=True).message
    left = releases.apply(releases.release("one"))
    assert left.result["unlisted"] == [f"{releases.namespace}/two"]
    assert "purge: true" in left.warnings
    purged = releases.apply(releases.release("one"), purge=True)
    assert purged.changes == [("delete", "HelmRelease", f"{releases.namespace}/two")]
    assert set(releases.listed()) == {"one", "third", "foreign"}

    assert releases.run(check=True, state="absent").changes == [("delete", "HelmRelease", f"{releases.namespace}/one")]
    releases.apply(state="absent")
    assert set(releases.listed()) == {"third", "foreign"}
    assert not releases.apply(state="absent").changed

    refused = releases.run(releases.release("foreign"), releases.release("third"))
    assert refused.failed
    assert "was not made by the platform" in refused.message
    assert "belongs to the role another" in refused.message
    adopted = releases.apply(releases.release("foreign"), adopt=True)
    assert adopted.changed
    assert not releases.apply(releases.release("foreign")).changed


def test_helms_error_is_short_and_the_rest_goes_on_next_time(releases: Releases) -> None:
    wanted = [
        releases.release("later", needs=["broken"]),
        releases.release("broken", values={"broken": True}, needs=["fine"]),
        releases.release("fine"),
    ]
    failed = releases.run(*wanted)
    assert failed.failed
    assert "the value broken is true" in failed.message
    assert "1 of 3 changes were applied" in failed.message
    assert failed.changes == [("create", "HelmRelease", f"{releases.namespace}/fine")]
    assert set(releases.listed()) == {"fine"}
    wanted[1]["values"] = {}
    releases.apply(*wanted)
    assert set(releases.listed()) == {"fine", "broken", "later"}

    missing = releases.run(releases.release("none", "9.9.9"))
    assert missing.failed
    assert "tiny-9.9.9.tgz" in missing.message


def test_releases_go_side_by_side_but_for_what_they_need(releases: Releases) -> None:
    """The pod of C(slow) runs once there is a node for it; by then C(free) is done, and C(later) not begun."""
    slow = releases.release("slow", values={"pods": True}, timeout=60)
    wanted = [slow, releases.release("later", needs=["slow"]), releases.release("free")]
    process = releases.start(*wanted)
    wait_for_status(releases, "free", "deployed")
    wait_for_status(releases, "slow", "pending-install")
    assert "later" not in releases.listed()
    releases.cluster.add_node("late", {"wanted-by": releases.namespace})
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert {status for _chart, status, _revision in releases.listed().values()} == {"deployed"}
    assert [name for _action, _kind, name in outcome.changes] == [
        f"{releases.namespace}/{name}" for name in ("slow", "free", "later")
    ]


def test_a_failed_release_is_upgraded_again(releases: Releases) -> None:
    failed = releases.run(releases.release("slow", values={"pods": True}, timeout=1))
    assert failed.failed
    assert "node(s) didn't match Pod's node affinity/selector" in failed.message
    assert "raise timeout (now 1 s) if only time is lacking" in failed.message
    assert releases.listed()["slow"][1] == "failed"
    again = releases.apply(releases.release("slow"))
    assert again.changes == [("update", "HelmRelease", f"{releases.namespace}/slow")]
    assert releases.listed()["slow"] == ("tiny-1.0.0", "deployed", "2")


def by_hand(releases: Releases, name: str, *options: str) -> subprocess.Popen[str]:
    """A helm that waits for a pod which cannot run, at the point where the release is pending."""
    package = str(releases.charts / "tiny-1.1.0.tgz")
    where = ["--namespace", releases.namespace, "--create-namespace", "--kubeconfig", str(releases.cluster.kubeconfig)]
    command = ["upgrade", name, package, "--install", "--wait", "--set", "pods=true", *where, *options]
    process = subprocess.Popen(
        [tool("helm"), *command], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pending = "pending-upgrade" if name in releases.listed() else "pending-install"
    wait_for_status(releases, name, pending)
    return process


def wait_for_status(releases: Releases, name: str, status: str) -> None:
    wait_until(lambda: releases.listed().get(name, ("", "", ""))[1] == status, f"{name} is {status}")


@pytest.mark.parametrize("pending", ["pending-install", "pending-upgrade"])
def test_a_helm_that_was_killed_is_recovered_from(releases: Releases, pending: str) -> None:
    if pending == "pending-upgrade":
        releases.apply(releases.release("stuck"))
    labels = f"entasis.io/platform={releases.platform},entasis.io/role=helm_releases"
    process = by_hand(releases, "stuck", "--labels", labels)
    process.kill()
    process.wait()

    # Check mode does not wait for whoever may be at work; it says what it sees.
    planned = releases.run(releases.release("stuck", timeout=2), check=True)
    assert planned.changes == [("update", "HelmRelease", f"{releases.namespace}/stuck")]
    outcome = releases.apply(releases.release("stuck", timeout=2))
    assert f"was left {pending}" in outcome.warnings
    revision = "2" if pending == "pending-install" else "3"
    assert releases.listed()["stuck"] == ("tiny-1.0.0", "deployed", revision)
    assert not releases.apply(releases.release("stuck")).changed


def test_another_helm_at_work_is_waited_for(releases: Releases) -> None:
    releases.apply(releases.release("busy"))
    other = by_hand(releases, "busy", "--timeout", "4s")
    outcome = releases.run(releases.release("busy", "1.1.0"))
    assert other.wait(timeout=30) != 0
    assert not outcome.failed, outcome.message
    assert "was left" not in outcome.warnings
    assert releases.listed()["busy"] == ("tiny-1.1.0", "deployed", "3")


def test_without_a_cluster_and_without_helm(releases: Releases, tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {"kubeconfig": str(tmp_path / "none"), "helm_binary": "no-such-helm"}
    planned = releases.run(releases.release("one"), check=True, **nowhere)
    assert planned.changes == [("create", "HelmRelease", f"{releases.namespace}/one")]
    refused = releases.run(releases.release("one"), **nowhere)
    assert refused.failed
    assert "there is no kubeconfig file" in refused.message
    refused = releases.run(releases.release("one"), helm_binary="no-such-helm")
    assert refused.failed
    assert "no helm command 'no-such-helm'" in refused.message
