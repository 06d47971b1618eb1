# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Handing the verdict on: a file for Prometheus' textfile collector, and a condition of each Node.

Both are made from what the module returns, so that they cannot say anything else.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import NODES

Object = Mapping[str, Any]

#: Each metric with its meaning. All are gauges. The option textfile names them all.
METRICS = {
    "entasis_gpu_nodes": "Nodes that the selector finds.",
    "entasis_gpu_nodes_ready": "Nodes of them that are ready.",
    "entasis_gpu_node_ready": "1 where the node is ready, else 0.",
    "entasis_gpu_node_gpus": "GPUs of the node by kind: expected, capacity or allocatable. Absent where unknown.",
    "entasis_gpu_node_reason": "1 for each code that keeps the node from being ready.",
    "entasis_gpu_node_smoke_passed": "1 where the node's smoke pod passed, 0 where it failed. Absent without one.",
    "entasis_gpu_node_smoke_seconds": "How long the test by smoke pods took.",
    "entasis_gpu_nodes_checked_timestamp_seconds": "When the nodes were looked at, in seconds since 1970.",
}

#: Conditions that the kubelet and the node controller keep; writing one would take nodes out of service.
RESERVED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")

#: The reasons of a condition that is True.
READY, PROVED = "GPUsReady", "GPUsProved"

_KINDS = ("expected", "capacity", "allocatable")
_STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_LONGEST_MESSAGE = 1024


def render(nodes: Sequence[Mapping[str, Any]], now: float) -> str:
    """The text file for these nodes, as the module returns them; C(now) is in seconds since 1970."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in METRICS}
    samples["entasis_gpu_nodes"].append(({}, len(nodes)))
    samples["entasis_gpu_nodes_ready"].append(({}, sum(bool(node["ready"]) for node in nodes)))
    samples["entasis_gpu_nodes_checked_timestamp_seconds"].append(({}, now))
    for node in nodes:
        labels = {key: str(node.get(key) or "") for key in ("pool", "instance_type", "zone")}
        labels = {"node": str(node["name"]), **labels}
        samples["entasis_gpu_node_ready"].append((labels, int(bool(node["ready"]))))
        for kind in _KINDS:
            if node.get(kind) is not None:
                samples["entasis_gpu_node_gpus"].append(({**labels, "kind": kind}, node[kind]))
        for code in dict.fromkeys(reason["code"] for reason in node["reasons"]):
            samples["entasis_gpu_node_reason"].append(({**labels, "code": code}, 1))
        smoke = node.get("smoke") or {}
        if smoke.get("phase") in ("passed", "failed"):
            samples["entasis_gpu_node_smoke_passed"].append((labels, int(smoke["phase"] == "passed")))
            samples["entasis_gpu_node_smoke_seconds"].append((labels, smoke["duration"]))
    lines = []
    for name, meaning in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {value:.15g}" for labels, value in samples[name]]
    return "\n".join(lines) + "\n"


def write(path: str, text: str) -> None:
    """Put the text at the path in one step, so that no reader sees half of it. Everybody may read it.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    target = Path(path)
    # The collector reads files that end in .prom only, so it does not see the unfinished one.
    handle, unfinished = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        Path(unfinished).replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            Path(unfinished).unlink()
        raise


def textfile_problem(path: str) -> str:
    """Why the option C(textfile) is wrong; empty where it is not."""
    if not path.endswith(".prom"):
        return f"textfile is '{path}'. Prometheus' textfile collector reads only files whose names end in .prom."
    if not Path(path).parent.is_dir():
        return f"textfile is '{path}', and the folder {Path(path).parent} does not exist."
    return ""


def condition_problem(condition: str) -> str:
    """Why the option C(condition) is wrong; empty where it is not."""
    if condition in RESERVED_CONDITIONS:
        return (
            f"condition is {condition}, which the kubelet keeps. Write one of your own, such as example.com/GPUReady."
        )
    if not condition or len(condition) > 316 or any(character.isspace() for character in condition):
        return f"condition is '{condition}'. Write a name such as example.com/GPUReady."
    return ""


def condition(kind: str, report: Mapping[str, Any], before: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    """The condition of a node that the module reports so. C(before) is the one that the node has.

    Its reason says whether a smoke pod proved the node, in this run or, without a break since, in an earlier one.
    """
    status = "True" if report["ready"] else "False"
    same = before is not None and before["status"] == status
    if report["ready"]:
        passed = (report.get("smoke") or {}).get("phase") == "passed"
        proved = passed or (same and before is not None and before.get("reason") == PROVED)
        reason, message = (PROVED, "a smoke pod used every GPU") if proved else (READY, "every GPU is offered")
    else:
        # A condition's reason is one word; the codes are such words.
        reason = report["reasons"][0]["code"]
        message = "; ".join(entry["message"] for entry in report["reasons"])
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:_LONGEST_MESSAGE],
        "lastTransitionTime": before["lastTransitionTime"] if same and before is not None else now,
        "lastHeartbeatTime": now,
    }


def write_conditions(
    client: Client,
    kind: str,
    nodes: Iterable[Object],
    reports: Iterable[Mapping[str, Any]],
    *,
    check_mode: bool = False,
) -> Iterator[str]:
    """Give each reported Node the condition, through its status; the name of each node once it was written to.

    In check mode nothing is written, and the names are those of the nodes that it would be written to.

    A condition that says the same already is not written again. A node that is gone, or was replaced under its name,
    is left alone.

    Raises:
        ApiError: the caller may not change the status of nodes, or the API server refused for another reason.
        KubernetesError: the API server cannot be reached.
    """
    by_name = {str(node["metadata"]["name"]): node for node in nodes}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for report in reports:
        node = by_name.get(str(report["name"]))
        if node is None:
            continue
        before = next((entry for entry in node["status"].get("conditions") or () if entry["type"] == kind), None)
        wanted = condition(kind, report, before, now)
        if before and all(before.get(key) == wanted[key] for key in ("status", "reason", "message")):
            continue
        if check_mode:
            yield str(report["name"])
            continue
        # The uid makes the API server refuse the patch for a new node of the same name.
        patch = {"metadata": {"uid": node["metadata"]["uid"]}, "status": {"conditions": [wanted]}}
        path = f"{NODES.path(name=report['name'])}/status"
        try:
            client.request("PATCH", path, body=patch, content_type=_STRATEGIC_MERGE)
        except ApiError as error:
            if error.status in (404, 409):
                continue
            raise
        yield str(report["name"])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
