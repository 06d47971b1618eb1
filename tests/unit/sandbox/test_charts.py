# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in charts: packed the same every time, and rendered by helm as the real ones name their workloads."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.charts import build
from sandbox.charts.archive import archive
from sandbox.charts.table import CHARTS, Chart, Definition, Workload

PROJECT = Path(__file__).resolve().parents[3]


def helm() -> str:
    found = shutil.which("helm", path=os.pathsep.join([str(PROJECT / ".cache" / "bin"), os.environ["PATH"]]))
    assert found, "helm is neither in .cache/bin nor on PATH: make the tools first"
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("charts")
    build(made)
    return made


def render(chart: Path, namespace: str, values: dict[str, Any] | None = None, *options: str) -> list[dict[str, Any]]:
    """What helm makes of a chart that is installed under its own name."""
    name = chart.name.rpartition("-")[0]
    done = subprocess.run(
        [helm(), "template", name, str(chart), "--namespace", namespace, "--values", "-", *options],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def named(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [d for d in documents if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_packed_the_same_every_time_and_says_that_it_is_simulated(chart: Chart, folder: Path) -> None:
    path = folder / f"{chart.name}-{chart.version}.tgz"
    assert path.read_bytes() == archive(chart)
    with tarfile.open(path) as tar:
        assert {member.mtime for member in tar.getmembers()} == {0}
        about = yaml.safe_load(tar.extractfile(f"{chart.name}/Chart.yaml").read())  # type: ignore[union-attr] # it is there, or this fails
    assert (about["name"], about["version"]) == (chart.name, chart.version)
    assert "simulated stand-in" in about["description"]


def test_building_again_touches_nothing_and_takes_old_charts_away(tmp_path: Path) -> None:
    paths = build(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in paths}
    (tmp_path / "metrics-server-0.0.1.tgz").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("kept")
    assert build(tmp_path) == paths
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(p.name for p in paths), "notes.txt"])


def test_metrics_server(folder: Path) -> None:
    documents = render(
        folder / "metrics-server-3.13.1.tgz",
        "kube-system",
        {
            "replicas": 2,
            "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
            "resources": {"requests": {"cpu": "50m"}},
            "args": ["--kubelet-insecure-tls"],
            "tls": {"type": "helm"},
            "apiService": {"insecureSkipTLSVerify": False},
        },
    )
    deployment = named(documents, "Deployment", "metrics-server")
    assert deployment["metadata"]["namespace"] == "kube-system"
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "metrics-server"
    [container] = pod_of(deployment)["containers"]
    assert container["image"] == "registry.k8s.io/metrics-server/metrics-server:v0.8.1"
    assert container["resources"]["requests"] == {"cpu": "50m", "memory": "200Mi"}
    assert named(documents, "PodDisruptionBudget", "metrics-server")["spec"]["minAvailable"] == 1
    assert named(documents, "Service", "metrics-server")["spec"]["ports"] == [{"name": "https", "port": 443}]
    assert not [document for document in documents if document["kind"] == "APIService"]


def test_nvidia_device_plugin_by_default(folder: Path) -> None:
    documents = render(folder / "nvidia-device-plugin-0.19.3.tgz", "nvidia")
    plugin = named(documents, "DaemonSet", "nvidia-device-plugin")
    pod = pod_of(plugin)
    assert plugin["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "nvidia-device-plugin"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    keys = [term["matchExpressions"][0]["key"] for term in required["nodeSelectorTerms"]]
    assert "nvidia.com/gpu.present" in keys
    assert pod["containers"][0]["image"] == "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
    mps = named(documents, "DaemonSet", "nvidia-device-plugin-mps-control-daemon")
    assert pod_of(mps)["nodeSelector"] == {"nvidia.com/mps.capable": "true"}


def test_nvidia_device_plugin_takes_its_values(folder: Path) -> None:
    documents = render(
        folder / "nvidia-device-plugin-0.19.3.tgz",
        "nvidia",
        {
            "nodeSelector": {"role": "ai-inference"},
            "affinity": None,
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "resources": {"limits": {"memory": "256Mi"}},
            "image": {"tag": "v9"},
            "gfd": {"enabled": True},
        },
    )
    pod = pod_of(named(documents, "DaemonSet", "nvidia-device-plugin"))
    assert pod["nodeSelector"] == {"role": "ai-inference"}
    assert pod["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert "affinity" not in pod
    assert pod["containers"][0]["resources"] == {"limits": {"memory": "256Mi"}}
    assert pod["containers"][0]["image"] == "nvcr.io/nvidia/k8s-device-plugin:v9"


def test_nvidia_device_plugin_refuses_the_default_namespace(folder: Path) -> None:
    chart = str(folder / "nvidia-device-plugin-0.19.3.tgz")
    done = subprocess.run(
        [helm(), "template", "nvidia-device-plugin", chart], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "namespace default" in done.stderr


def test_names_follow_the_release(folder: Path) -> None:
    chart = str(folder / "metrics-server-3.13.1.tgz")
    for release, override, expected in (
        ("metrics-server", "", "metrics-server"),
        ("my-metrics-server", "", "my-metrics-server"),
        ("demo", "", "demo-metrics-server"),
        ("demo", "metrics", "metrics"),
    ):
        arguments = ["--set", f"fullnameOverride={override}"] if override else []
        done = subprocess.run(
            [helm(), "template", release, chart, *arguments], capture_output=True, text=True, timeout=60, check=True
        )
        documents = list(yaml.safe_load_all(done.stdout))
        assert named(documents, "Deployment", expected)


def test_a_chart_of_several_workloads_containers_and_definitions(tmp_path: Path) -> None:
    chart = Chart(
        "demo",
        "1.2.3",
        "example.org/demo",
        "v1",
        (
            Workload("StatefulSet", ("operator", "proxy")),
            Workload("Deployment", ("webhook",), suffix="-webhook", values="admission.webhook", enabled="admission.on"),
        ),
        {"replicas": 1, "admission": {"on": True}, "resources": {"limits": {"cpu": 1}}},
        definitions=(Definition("example.org", "Demo", "demos", versions=("v1", "v1beta1")),),
    )
    [path] = build(tmp_path, [chart])
    values = {
        "replicas": 2,
        "minReadySeconds": 5,
        "admission": {"webhook": {"replicas": 3, "nodeSelector": {"a": "b"}}},
    }
    documents = render(path, "demo", values)
    operator, webhook = named(documents, "StatefulSet", "demo"), named(documents, "Deployment", "demo-webhook")
    assert (operator["spec"]["replicas"], webhook["spec"]["replicas"]) == (2, 3)
    assert operator["spec"]["minReadySeconds"] == 5
    assert [(one["name"], one.get("resources")) for one in pod_of(operator)["containers"]] == [
        ("operator", {"limits": {"cpu": 1}}),
        ("proxy", None),
    ]
    assert pod_of(webhook)["nodeSelector"] == {"a": "b"}
    [definition, only] = render(path, "demo", {"admission": {"on": False}}, "--include-crds")
    assert only["kind"] == "StatefulSet"
    assert definition["metadata"]["name"] == "demos.example.org"
    assert [(one["name"], one["storage"]) for one in definition["spec"]["versions"]] == [
        ("v1", True),
        ("v1beta1", False),
    ]
