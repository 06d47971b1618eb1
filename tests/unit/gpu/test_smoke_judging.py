# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is concluded from a smoke pod and its log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import look, read, tail

from tests.support.gpu import settings

Object = dict[str, Any]
FULL = "0/3 nodes are available: 1 Insufficient nvidia.com/gpu."
APART = "0/3 nodes are available: 1 node(s) had untolerated taint {team: x}."


def pod(phase: str = "Pending", **status: Any) -> Object:
    return {"metadata": {"name": "p"}, "status": {"phase": phase, **status}}


def unscheduled(message: str) -> Object:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}])


def with_container(phase: str, state: str, **content: Any) -> Object:
    return pod(phase, containerStatuses=[{"name": "smoke", "state": {state: content}}])


def waiting(reason: str) -> Object:
    return with_container("Pending", "waiting", reason=reason, message="said")


RUNNING = with_container("Running", "running")
LEAVING = {**RUNNING, "metadata": {"name": "p", "deletionTimestamp": "2026-11-22T00:00:00Z"}}
START_ERROR = with_container("Failed", "terminated", exitCode=128, reason="StartError", message="no driver")


@pytest.mark.parametrize(
    ("found", "elapsed", "busy", "next_step"),
    [
        # what is on its way, and for how long
        ({"metadata": {"name": "p"}}, 0, "skip", "wait"),
        (pod(), 0, "skip", "wait"),
        (RUNNING, 299, "skip", "wait"),
        (RUNNING, 300, "skip", "SMOKE_TIMEOUT: after 300 s the pod is Running"),
        (
            waiting("ContainerCreating"),
            300,
            "skip",
            r"SMOKE_TIMEOUT: .* Pending \(ContainerCreating\)",
        ),
        (pod("Failed", reason="DeadlineExceeded"), 0, "skip", "SMOKE_TIMEOUT: the pod was still running when"),
        # ended: well, which its log judges, or not
        (with_container("Succeeded", "terminated", exitCode=0), 0, "skip", "end"),
        (with_container("Failed", "terminated", exitCode=3, reason="Error"), 0, "skip", "SMOKE_FAILED: .* exit code 3"),
        (START_ERROR, 0, "skip", "SMOKE_NOT_STARTED: the container did not start: StartError: no driver"),
        # a node without room for it is skipped, waited for or a failure
        (unscheduled(FULL), 0, "skip", "skip"),
        (unscheduled("0/1 nodes are available: 1 Too many pods."), 0, "skip", "skip"),
        (unscheduled(FULL), 0, "fail", "SMOKE_BUSY: .*Insufficient nvidia.com/gpu"),
        (unscheduled(FULL), 299, "wait", "wait"),
        (unscheduled(FULL), 300, "wait", "SMOKE_BUSY: "),
        # another reason of the scheduler may pass
        (unscheduled(APART), 299, "skip", "wait"),
        (unscheduled(APART), 300, "skip", "SMOKE_PENDING: "),
        # turned away by the kubelet: another pod while there is time for it
        (pod("Failed", reason="UnexpectedAdmissionError", message="no devices"), 294, "skip", "again"),
        (pod("Failed", reason="UnexpectedAdmissionError", message="no devices"), 295, "skip", "SMOKE_NOT_ADMITTED: "),
        (pod("Failed", reason="OutOfnvidia.com/gpu"), 294, "skip", "again"),
        # an image gets two more attempts unless it can never be pulled, and so does a container
        (waiting("ImagePullBackOff"), 44, "skip", "wait"),
        (waiting("ImagePullBackOff"), 45, "skip", "SMOKE_IMAGE: .* cannot be used: ImagePullBackOff: said"),
        (waiting("ErrImagePull"), 45, "skip", "SMOKE_IMAGE: "),
        (waiting("InvalidImageName"), 0, "skip", "SMOKE_IMAGE: "),
        (waiting("CreateContainerError"), 10, "skip", "wait"),
        (waiting("CreateContainerError"), 45, "skip", "SMOKE_NOT_STARTED: "),
        # taken away by somebody
        (None, 0, "skip", "SMOKE_POD_REMOVED: somebody else"),
        (LEAVING, 0, "skip", "SMOKE_POD_REMOVED: somebody else"),
        (pod("Failed", reason="Evicted", message="disk"), 0, "skip", "SMOKE_POD_REMOVED: .*Evicted: disk"),
    ],
)
def test_what_comes_next_for_a_pod(found: Object | None, elapsed: float, busy: str, next_step: str) -> None:
    step = look(found, settings(smoke={"timeout": 300, "busy": busy}).smoke, elapsed)
    told = step.action if step.reason is None else f"{step.reason.code}: {step.reason.message}"
    assert re.match(next_step, told)
    assert step.action == (next_step if step.reason is None else "end")


def devices(*uuids: str) -> str:
    lines = [f"GPU {place}: NVIDIA H100 80GB HBM3 (UUID: {uuid})" for place, uuid in enumerate(uuids)]
    return "\n".join([*lines, "[Vector addition of 50000 elements]", "Test PASSED", ""])


PARTITIONED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-48aeb943-9458-4282-da24-e5f49e0db44b)
  MIG 1g.5gb      Device  0: (UUID: MIG-fb42055e-9e53-5764-9278-f1f2fe0c5b5d)
  MIG 1g.5gb      Device  1: (UUID: MIG-b1ab5c5f-9c0e-5b4c-8f3e-0e7a1d2c3b4a)
"""


@pytest.mark.parametrize(
    ("log", "expected", "seen", "messages"),
    [
        (devices("A", "B"), 2, (2, 2), []),
        (devices("A"), 2, (1, 1), ["SMOKE_GPU_COUNT: the pod saw 1 of 2 GPUs"]),
        (devices("A", "B", "C"), 2, (3, 3), ["SMOKE_GPU_COUNT: the pod saw 3 of 2 GPUs"]),
        (devices("A", "B", "A"), 3, (3, 2), ["SMOKE_DUPLICATE_GPU: the 3 GPUs of the pod have 2 different UUIDs"]),
        (PARTITIONED, 2, (2, 2), []),
        ("", 1, (0, 0), ["SMOKE_GPU_COUNT: the pod saw 0 of 1 GPUs"]),
        ("Failed to initialize NVML: Unknown Error\n", 1, (0, 0), ["SMOKE_GPU_COUNT: the pod saw 0 of 1 GPUs"]),
        ("GPU 0: unreadable\n", 1, (0, 0), ["SMOKE_GPU_COUNT: the pod saw 0 of 1 GPUs"]),
    ],
    ids=["as allocated", "too few", "too many", "one twice", "partitions count", "silent", "no driver", "unreadable"],
)
def test_what_a_log_says(log: str, expected: int, seen: tuple[int, int], messages: list[str]) -> None:
    sight = read(log, expected)
    assert (sight.gpus, sight.uuids) == seen
    assert [f"{reason.code}: {reason.message}" for reason in sight.reasons] == messages


def test_the_reported_end_of_a_log_is_short() -> None:
    assert tail("\n".join(str(number) for number in range(100))).splitlines() == [str(n) for n in range(80, 100)]
    assert len(tail("x" * 5000)) == 2000
    assert tail("") == ""
