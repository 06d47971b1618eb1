# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""How nodes are proved by smoke pods: the options, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern

Mode = Literal["none", "missing_only", "all", "sample"]

#: What a smoke pod runs: it names the GPUs that it was given, and lets each of them add two vectors. CUDA's sample
#: vectorAdd uses only the first GPU that it sees, so it is shown one after the other.
SCRIPT = """\
set -eu
found=$(nvidia-smi -L)
echo "$found"
program=
for candidate in vectorAdd /cuda-samples/vectorAdd /tmp/vectorAdd; do
  if command -v "$candidate" >/dev/null; then program=$candidate; break; fi
done
if [ -z "$program" ]; then echo "there is no vectorAdd in the image"; exit 64; fi
echo "$found" | while IFS= read -r line; do
  case $line in
    *"UUID: "*) uuid=${line##*UUID: }; CUDA_VISIBLE_DEVICES=${uuid%)*} "$program" ;;
  esac
done
"""

_MODES: Mapping[str, Mode] = {"none": "none", "missing_only": "missing_only", "all": "all"}
_RESOURCE_KEYS = {"requests", "limits"}
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_SAMPLE = re.compile(r"sample:([1-9][0-9]*)$")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


@dataclass(frozen=True)
class SmokeOptions:
    """How nodes are proved. Times are seconds.

    C(mode) V(missing_only) leaves out the nodes that have passed before: C(release_taint) is gone from them, and their
    condition C(condition) says that they were proved, as far as these two are given.
    """

    mode: Mode
    #: How many nodes C(mode) sample takes.
    sample: int
    image: str
    command: tuple[str, ...]
    gpu_resource: str
    #: Whether a pod takes every GPU of its node, or one.
    all_gpus: bool
    namespace: str
    service_account: str
    runtime_class: str
    priority_class: str
    pull_secrets: tuple[str, ...]
    #: Requests and limits besides the GPUs, as in a container.
    resources: Mapping[str, Mapping[str, Any]]
    parallelism: int
    #: The longest that the test of one node may take, with all of its pods.
    timeout: float
    busy: Literal["skip", "fail", "wait"]
    keep_failed: bool
    release_taint: TaintPattern | None
    condition: str


def parse(
    given: Mapping[str, Any],
    problems: list[str],
    *,
    gpu_resource: str,
    release_taint: TaintPattern | None,
    condition: str,
) -> SmokeOptions:
    """The option C(smoke) of gpu_node_ready. What is wrong with it is added to C(problems)."""
    mode, sample = _mode(given["mode"], problems)
    if mode != "none":
        problems += _image_problems(given["image"] or "", allow_tag=given["allow_tag"])
    if mode == "missing_only" and release_taint is None and not condition:
        problems.append(
            "smoke.mode is missing_only, and nothing tells which nodes have passed before. Set release_taint or "
            "condition, or write all."
        )
    if not _NAME.match(given["namespace"]):
        problems.append(f"smoke.namespace is '{given['namespace']}', which is no name of a namespace.")
    resources = given["resources"] or {}
    problems += _resource_problems(resources, gpu_resource)
    return SmokeOptions(
        mode=mode,
        sample=sample,
        image=given["image"] or "",
        command=tuple(given["command"] or ("sh", "-c", SCRIPT)),
        gpu_resource=gpu_resource,
        all_gpus=given["gpus"] == "all",
        namespace=given["namespace"],
        service_account=given["service_account"] or "",
        runtime_class=given["runtime_class"] or "",
        priority_class=given["priority_class"] or "",
        pull_secrets=tuple(given["pull_secrets"] or ()),
        resources=resources,
        parallelism=given["parallelism"],
        timeout=float(given["timeout"]),
        busy=given["busy"],
        keep_failed=given["cleanup"] == "on_success",
        release_taint=release_taint,
        condition=condition,
    )


def _mode(text: str, problems: list[str]) -> tuple[Mode, int]:
    sample = _SAMPLE.match(text)
    if sample:
        return "sample", int(sample[1])
    if text not in _MODES:
        problems.append(f"smoke.mode is '{text}'. Write none, missing_only, all, or sample:3 for three nodes.")
    return _MODES.get(text, "none"), 0


def _image_problems(image: str, *, allow_tag: bool) -> Sequence[str]:
    if not image:
        return ["smoke.image is missing: name an image with nvidia-smi's libraries and vectorAdd, and its digest."]
    if _DIGEST.search(image) or allow_tag:
        return []
    problem = f"smoke.image is '{image}', which has no digest, so what runs on the GPUs could change from run to run."
    return [f"{problem} Write name@sha256:…, or set smoke.allow_tag."]


def _resource_problems(resources: Mapping[str, Any], gpu_resource: str) -> Sequence[str]:
    if not all(isinstance(amounts, Mapping) for amounts in resources.values()):
        return ["smoke.resources is not like a container's resources: requests and limits, each with amounts by name."]
    problems = [
        f"smoke.resources has '{key}'. It may have requests and limits." for key in resources.keys() - _RESOURCE_KEYS
    ]
    if any(gpu_resource in amounts for amounts in resources.values()):
        problems.append(f"smoke.resources has {gpu_resource}; smoke.gpus says how many a pod takes.")
    return sorted(problems)
