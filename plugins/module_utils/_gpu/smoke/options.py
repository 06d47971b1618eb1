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

from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint

Mode = Literal["none", "missing_only", "all", "sample"]
Busy = Literal["skip", "fail", "wait"]

BUSY = ("skip", "fail", "wait")
CLEANUP = ("always", "on_success")

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


class SmokeOptionsError(ValueError):
    """The options are wrong. The text has every problem."""


@dataclass(frozen=True)
class SmokeOptions:
    """How nodes are proved. Times are seconds.

    C(mode) V(missing_only) leaves out the nodes that have passed before: C(release_taint) is gone from them, and their
    condition C(condition) says that they were proved, as far as these two are given.
    """

    mode: Mode = "none"
    #: How many nodes C(mode) sample takes.
    sample: int = 0
    image: str = ""
    command: tuple[str, ...] = ("sh", "-c", SCRIPT)
    gpu_resource: str = "nvidia.com/gpu"
    #: Whether a pod takes every GPU of its node, or one.
    all_gpus: bool = True
    namespace: str = "default"
    service_account: str = ""
    runtime_class: str = ""
    priority_class: str = ""
    pull_secrets: tuple[str, ...] = ()
    #: Requests and limits besides the GPUs, as in a container.
    resources: Mapping[str, Mapping[str, Any]] | None = None
    parallelism: int = 50
    #: The longest that the test of one node may take, with all of its pods.
    timeout: float = 300.0
    busy: Busy = "skip"
    keep_failed: bool = False
    release_taint: Taint | None = None
    condition: str = ""


def parse(
    given: Mapping[str, Any] | None,
    *,
    gpu_resource: str = "nvidia.com/gpu",
    release_taint: Taint | None = None,
    condition: str = "",
) -> SmokeOptions:
    """The option C(smoke) of gpu_node_ready, checked; what is absent or null has its default.

    Raises:
        SmokeOptionsError: with all problems.
    """
    values = {key: value for key, value in (given or {}).items() if value is not None}
    mode, sample, problems = _mode(str(values.get("mode", "none")))
    image = str(values.get("image", ""))
    if mode != "none":
        problems += _image_problems(image, allow_tag=bool(values.get("allow_tag", False)))
    if mode == "missing_only" and release_taint is None and not condition:
        problems.append(
            "smoke.mode is missing_only, and nothing tells which nodes have passed before. Set release_taint or "
            "condition, or write all."
        )
    parallelism, timeout = int(values.get("parallelism", 50)), float(values.get("timeout", 300))
    if parallelism < 1:
        problems.append(f"smoke.parallelism is {parallelism}. Write a number of at least 1.")
    if timeout < 1:
        problems.append(f"smoke.timeout is {timeout:g}. Write a number of seconds of at least 1.")
    gpus = str(values.get("gpus", "all"))
    if gpus not in ("all", "1"):
        problems.append(f"smoke.gpus is '{gpus}'. Write all or 1.")
    busy = values.get("busy", "skip")
    if busy not in BUSY:
        problems.append(f"smoke.busy is '{busy}'. Write one of {', '.join(BUSY)}.")
    cleanup = values.get("cleanup", "always")
    if cleanup not in CLEANUP:
        problems.append(f"smoke.cleanup is '{cleanup}'. Write one of {', '.join(CLEANUP)}.")
    namespace = str(values.get("namespace", "default"))
    if not _NAME.match(namespace):
        problems.append(f"smoke.namespace is '{namespace}', which is no name of a namespace.")
    command = values.get("command") or SmokeOptions.command
    resources = values.get("resources") or None
    problems += _resource_problems(resources, gpu_resource)
    if problems:
        raise SmokeOptionsError(" ".join(problems))
    return SmokeOptions(
        mode=mode,
        sample=sample,
        image=image,
        command=tuple(str(part) for part in command),
        gpu_resource=gpu_resource,
        all_gpus=gpus == "all",
        namespace=namespace,
        service_account=str(values.get("service_account", "")),
        runtime_class=str(values.get("runtime_class", "")),
        priority_class=str(values.get("priority_class", "")),
        pull_secrets=tuple(str(name) for name in values.get("pull_secrets", ())),
        resources=resources,
        parallelism=parallelism,
        timeout=timeout,
        busy=busy,
        keep_failed=cleanup == "on_success",
        release_taint=release_taint,
        condition=condition,
    )


def _mode(text: str) -> tuple[Mode, int, list[str]]:
    sample = _SAMPLE.match(text)
    if sample:
        return "sample", int(sample[1]), []
    mode = _MODES.get(text)
    if mode is not None:
        return mode, 0, []
    return "none", 0, [f"smoke.mode is '{text}'. Write none, missing_only, all, or sample:3 for three nodes."]


def _image_problems(image: str, *, allow_tag: bool) -> Sequence[str]:
    if not image:
        return ["smoke.image is missing: name an image with nvidia-smi's libraries and vectorAdd, and its digest."]
    if _DIGEST.search(image) or allow_tag:
        return []
    problem = f"smoke.image is '{image}', which has no digest, so what runs on the GPUs could change from run to run."
    return [f"{problem} Write name@sha256:…, or set smoke.allow_tag."]


def _resource_problems(resources: Any, gpu_resource: str) -> Sequence[str]:
    if resources is None:
        return []
    if not isinstance(resources, Mapping) or not all(isinstance(amounts, Mapping) for amounts in resources.values()):
        return ["smoke.resources is not like a container's resources: requests and limits, each with amounts by name."]
    problems = [
        f"smoke.resources has '{key}'. It may have requests and limits." for key in resources.keys() - _RESOURCE_KEYS
    ]
    if any(gpu_resource in amounts for amounts in resources.values()):
        problems.append(f"smoke.resources has {gpu_resource}; smoke.gpus says how many a pod takes.")
    return sorted(problems)
