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


def helm(*arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    found = shutil.which("helm", path=os.pathsep.join([str(PROJECT / ".cache" / "bin"), os.environ["PATH"]]))
    assert found, "helm is neither in .cache/bin nor on PATH: make the tools first"
    command = [found, "template", *arguments, "--values", "-"]
    text = yaml.safe_dump(values or {})
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def render(release: str, chart: Path, *options: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """What helm makes of a chart, by kind and name."""
    done = helm(release, str(chart), "--namespace", "demo", *options, values=values)
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in documents}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_packed_the_same_every_time_and_says_that_it_is_simulated(chart: Chart, tmp_path: Path) -> None:
    [path] = build(tmp_path, [chart])
    assert path.name == f"{chart.name}-{chart.version}.tgz"
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


def test_the_device_plugin_runs_where_a_gpu_is_and_not_in_the_default_namespace(tmp_path: Path) -> None:
    [chart] = build(tmp_path, [chart for chart in CHARTS if chart.name == "nvidia-device-plugin"])
    made = render("nvidia-device-plugin", chart)
    pod = pod_of(made["DaemonSet nvidia-device-plugin"])
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    keys = [term["matchExpressions"][0]["key"] for term in required["nodeSelectorTerms"]]
    assert "nvidia.com/gpu.present" in keys
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    # Its values are lists and maps that replace the defaults; null takes one away.
    given = {"affinity": None, "tolerations": [{"key": "dedicated", "operator": "Exists"}], "image": {"tag": "v9"}}
    pod = pod_of(render("nvidia-device-plugin", chart, values=given)["DaemonSet nvidia-device-plugin"])
    assert ("affinity" in pod, pod["tolerations"]) == (False, given["tolerations"])
    assert pod["containers"][0]["image"] == "nvcr.io/nvidia/k8s-device-plugin:v9"
    assert "namespace default" in helm("nvidia-device-plugin", str(chart)).stderr


@pytest.mark.parametrize(
    ("release", "values", "expected"),
    [
        ("demo", {}, "demo"),
        ("my-demo", {}, "my-demo"),
        ("other", {}, "other-demo"),
        ("other", {"fullnameOverride": "short"}, "short"),
    ],
)
def test_names_follow_the_release(tmp_path: Path, release: str, values: dict[str, Any], expected: str) -> None:
    chart = Chart("demo", "1.2.3", "example.org/demo", "v1", (Workload("Deployment", ("demo",)),))
    [path] = build(tmp_path, [chart])
    assert list(render(release, path, values=values)) == [f"Deployment {expected}"]


def test_a_chart_of_several_workloads_containers_and_definitions(tmp_path: Path) -> None:
    chart = Chart(
        "demo",
        "1.2.3",
        "example.org/demo",
        "v1",
        (
            Workload("StatefulSet", ("operator", "proxy"), service={"https": 443}),
            Workload("Deployment", ("webhook",), suffix="-webhook", values="admission.webhook", enabled="admission.on"),
            Workload("DaemonSet", ("agent",), suffix="-agent", node_selector={"kind": "agent"}),
        ),
        {"replicas": 1, "admission": {"on": True}, "resources": {"limits": {"cpu": 1}}},
        definitions=(Definition("example.org", "Demo", "demos", versions=("v1", "v1beta1")),),
    )
    [path] = build(tmp_path, [chart])
    values = {
        "replicas": 2,
        "minReadySeconds": 5,
        "resources": {"limits": {"memory": "1Gi"}},
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "admission": {"webhook": {"replicas": 3, "nodeSelector": {"a": "b"}}},
    }
    made = render("demo", path, values=values)
    operator, webhook = made["StatefulSet demo"], made["Deployment demo-webhook"]
    assert operator["metadata"]["namespace"] == "demo"
    assert operator["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "demo"
    assert (operator["spec"]["replicas"], webhook["spec"]["replicas"]) == (2, 3)
    assert operator["spec"]["minReadySeconds"] == 5
    assert [(one["name"], one["image"], one.get("resources")) for one in pod_of(operator)["containers"]] == [
        ("operator", "example.org/demo:v1", {"limits": {"cpu": 1, "memory": "1Gi"}}),
        ("proxy", "example.org/demo:v1", None),
    ]
    assert pod_of(webhook)["nodeSelector"] == {"a": "b"}
    assert pod_of(made["DaemonSet demo-agent"])["nodeSelector"] == {"kind": "agent"}
    assert made["Service demo"]["spec"]["ports"] == [{"name": "https", "port": 443}]
    assert made["PodDisruptionBudget demo"]["spec"]["minAvailable"] == 1
    without = render("demo", path, "--include-crds", values={"admission": {"on": False}})
    assert "Deployment demo-webhook" not in without
    definition = without["CustomResourceDefinition demos.example.org"]
    assert [(one["name"], one["storage"]) for one in definition["spec"]["versions"]] == [
        ("v1", True),
        ("v1beta1", False),
    ]
