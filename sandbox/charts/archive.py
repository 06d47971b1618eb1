# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packs the stand-in charts. The same table gives the same bytes, on every machine and at every time."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.charts.table import CHARTS, Chart, Definition

_GENERIC = Path(__file__).parent / "generic"


def build(folder: Path, charts: Iterable[Chart] = CHARTS) -> list[Path]:
    """Write C(<chart>-<version>.tgz) of every chart, and take away archives that no chart has. Returns the paths.

    A file that is right already is not touched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {folder / f"{chart.name}-{chart.version}.tgz": archive(chart) for chart in charts}
    for path in set(folder.glob("*.tgz")) - set(contents):
        path.unlink()
    for path, content in contents.items():
        if not path.exists() or path.read_bytes() != content:
            half = path.with_suffix(".part")
            half.write_bytes(content)
            half.replace(path)
    return sorted(contents)


def archive(chart: Chart) -> bytes:
    """One chart, packed."""
    packed = io.BytesIO()
    # The time of the build and the owner of the files are left out, so that the bytes depend on nothing else.
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name, content in sorted(_files(chart).items()):
            entry = tarfile.TarInfo(f"{chart.name}/{name}")
            entry.size = len(content)
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _files(chart: Chart) -> dict[str, bytes]:
    """The files of a chart. JSON is YAML, and the standard library writes it."""
    about = {
        "apiVersion": "v2",
        "name": chart.name,
        "version": chart.version,
        "appVersion": chart.tag,
        "type": "application",
        "description": f"A simulated stand-in for the chart {chart.name}, for the sandbox only.",
    }
    stand_in = {
        "image": chart.image,
        "tag": chart.tag,
        "refusesDefaultNamespace": chart.refuses_default_namespace,
        "workloads": [asdict(workload) for workload in chart.workloads],
    }
    files = {
        "Chart.yaml": _json(about),
        "values.yaml": _json(chart.values),
        "stand-in.json": _json(stand_in),
    }
    for one in chart.definitions:
        files[f"crds/{one.plural}.yaml"] = _json(_manifest(one))
    for template in sorted((_GENERIC / "templates").iterdir()):
        # A template of a manifest is not YAML yet, so its file here is not named like YAML.
        name = template.name.replace(".yaml.tpl", ".yaml")
        files[f"templates/{name}"] = template.read_bytes()
    return files


def _manifest(one: Definition) -> dict[str, Any]:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{one.plural}.{one.group}", "labels": {"entasis.io/simulated": "true"}},
        "spec": {
            "group": one.group,
            "scope": one.scope,
            "names": {"kind": one.kind, "listKind": f"{one.kind}List", "plural": one.plural},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == one.versions[0],
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": free},
                }
                for version in one.versions
            ],
        },
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()
