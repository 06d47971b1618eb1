# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What a smoke pod shows, as pure functions of the Pod object and of its log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions

Object = Mapping[str, Any]

#: What comes next for a pod: wait on, make another one in its place, leave the busy node, or end, having read its log.
Action = Literal["wait", "again", "skip", "end"]
Phase = Literal["passed", "failed", "busy", "skipped_check_mode"]

#: Why the kubelet turned a pod away that another pod may pass: the device plugin was registering itself anew, or a pod
#: that had ended still held the GPUs.
_TURNED_AWAY = ("UnexpectedAdmissionError",)
_TURNED_AWAY_PREFIX = "OutOf"
_NEVER_STARTED = ("StartError", "ContainerCannotRun", "RunContainerError", "ContainerStatusUnknown")
#: What a container waits for that no waiting mends, and what may pass: the network of a new node comes up late.
_IMAGE_UNUSABLE = ("InvalidImageName", "ErrImageNeverPull")
_IMAGE_TROUBLE = ("ImagePullBackOff", "ErrImagePull", *_IMAGE_UNUSABLE)
_START_TROUBLE = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff")
#: Seconds that such trouble may last. The kubelet tries to pull an image at once, after 10 and after 30 s.
_PATIENCE = 45.0

#: Seconds that have to be left for another pod in the place of one that was turned away.
_LEAST_CHANCE = 5.0

#: A line of nvidia-smi -L, of a GPU or of a MIG device.
_DEVICE = re.compile(r"^\s*(?P<kind>GPU|MIG)\b.*\(UUID:\s*(?P<uuid>[^)\s]+)\s*\)\s*$", re.MULTILINE)
_TAIL_LINES, _TAIL_CHARACTERS = 20, 2000


@dataclass(frozen=True)
class SmokeResult:
    """What the smoke pod of a node showed.

    C(gpus_seen) and C(uuids_n) are None where no log was read, C(duration) is in seconds, C(pods) is how many pods were
    made, and C(pod) the name of one that is still there.
    """

    phase: Phase
    reasons: tuple[Reason, ...] = ()
    gpus_seen: int | None = None
    uuids_n: int | None = None
    duration: float = 0.0
    log_tail: str = ""
    pods: int = 0
    pod: str = ""

    @property
    def passed(self) -> bool:
        return self.phase == "passed"


@dataclass(frozen=True)
class Step:
    """What comes next, and why, where the pod failed."""

    action: Action
    reason: Reason | None = None


@dataclass(frozen=True)
class Sight:
    """What a pod's log says about the GPUs."""

    gpus: int
    uuids: int
    reasons: tuple[Reason, ...]


def look(pod: Object | None, options: SmokeOptions, elapsed: float) -> Step:
    """What comes next for a pod, C(elapsed) seconds after the test of its node began. None: the pod is gone."""
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return _end("SMOKE_POD_REMOVED", "somebody else removed the pod")
    phase = (pod.get("status") or {}).get("phase")
    if phase == "Succeeded":
        return Step("end")
    if phase == "Failed":
        return _failed(pod, options, elapsed)
    return _unfinished(pod, options, elapsed)


def read(log: str, expected: int) -> Sight:
    """The GPUs that C(nvidia-smi -L) listed in the log. Where GPUs are partitioned, the MIG devices are what counts."""
    found = [(match["kind"], match["uuid"]) for match in _DEVICE.finditer(log)]
    partitions = [uuid for kind, uuid in found if kind == "MIG"]
    devices = partitions or [uuid for _kind, uuid in found]
    unique = len(set(devices))
    problems = []
    if len(devices) != expected:
        problems.append(reasons.reason("SMOKE_GPU_COUNT", f"the pod saw {len(devices)} of {expected} GPUs"))
    if unique != len(devices):
        problems.append(
            reasons.reason("SMOKE_DUPLICATE_GPU", f"the {len(devices)} GPUs of the pod have {unique} different UUIDs")
        )
    return Sight(len(devices), unique, tuple(problems))


def tail(log: str) -> str:
    """The end of a log, as it is reported."""
    return "\n".join(log.rstrip().splitlines()[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]


def _failed(pod: Object, options: SmokeOptions, elapsed: float) -> Step:
    status = pod["status"]
    why, said = str(status.get("reason") or ""), str(status.get("message") or "")
    if why in _TURNED_AWAY or why.startswith(_TURNED_AWAY_PREFIX):
        if elapsed < options.timeout - _LEAST_CHANCE:
            return Step("again")
        return _end("SMOKE_NOT_ADMITTED", f"the kubelet turned every pod away: {_sentence(why, said)}")
    if why == "DeadlineExceeded":
        return _end("SMOKE_TIMEOUT", "the pod was still running when its time was over")
    state = _container(pod).get("state") or {}
    ended = state.get("terminated")
    if ended is None:
        return _end("SMOKE_POD_REMOVED", f"the pod was ended from outside: {_sentence(why or 'no reason', said)}")
    word, text = str(ended.get("reason") or ""), str(ended.get("message") or "")
    if word in _NEVER_STARTED:
        return _end("SMOKE_NOT_STARTED", f"the container did not start: {_sentence(word, text)}")
    return _end("SMOKE_FAILED", f"the pod's command ended with exit code {ended.get('exitCode')}")


def _unfinished(pod: Object, options: SmokeOptions, elapsed: float) -> Step:
    over = elapsed >= options.timeout
    unscheduled = _unscheduled(pod)
    if unscheduled is not None and _is_full(unscheduled):
        if options.busy == "skip":
            return Step("skip")
        if options.busy == "fail" or over:
            return _end("SMOKE_BUSY", f"the node has no room for the pod: {unscheduled}")
    elif unscheduled is not None and over:
        return _end("SMOKE_PENDING", f"the scheduler did not place the pod: {unscheduled}")
    waiting = (_container(pod).get("state") or {}).get("waiting") or {}
    word, said = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    patient = elapsed < min(_PATIENCE, options.timeout)
    if word in _IMAGE_TROUBLE and (word in _IMAGE_UNUSABLE or not patient):
        return _end("SMOKE_IMAGE", f"the image {options.image} cannot be used: {_sentence(word, said)}")
    if word in _START_TROUBLE and not patient:
        return _end("SMOKE_NOT_STARTED", f"the container did not start: {_sentence(word, said)}")
    if over:
        state = (pod.get("status") or {}).get("phase") or "Pending"
        return _end("SMOKE_TIMEOUT", f"after {elapsed:.0f} s the pod is {state}{f' ({word})' if word else ''}")
    return Step("wait")


def _unscheduled(pod: Object) -> str | None:
    """Why the scheduler has not placed the pod; None where it has, or has not looked at it yet."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next(
        (
            str(entry.get("message") or entry.get("reason") or "")
            for entry in conditions
            if entry["type"] == "PodScheduled" and entry["status"] == "False"
        ),
        None,
    )


def _is_full(message: str) -> bool:
    """Whether the scheduler says that the node's GPUs, or something else of it, are in use."""
    return "Insufficient " in message or "Too many pods" in message


def _container(pod: Object) -> Mapping[str, Any]:
    """The status of the pod's only container, empty where the kubelet has not written it."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return statuses[0] if statuses else {}


def _end(code: str, message: str) -> Step:
    return Step("end", reasons.reason(code, message))


def _sentence(word: str, text: str) -> str:
    return f"{word}: {' '.join(text.split())}" if text else word
