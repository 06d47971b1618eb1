# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is concluded from a smoke pod and its log."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import Step, look, read, tail
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions

Object = dict[str, Any]
FULL = "0/3 nodes are available: 1 Insufficient nvidia.com/gpu."
APART = "0/3 nodes are available: 1 node(s) had untolerated taint {team: x}."


def pod(phase: str = "Pending", **status: Any) -> Object:
    return {"metadata": {"name": "p"}, "status": {"phase": phase, **status}}


def unscheduled(message: str) -> Object:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}])


def container(state: str, **content: Any) -> list[Object]:
    return [{"name": "smoke", "state": {state: content}}]


def code(step: Step) -> str:
    assert step.action == "end"
    return step.reason.code if step.reason else ""


def ends(found: Object | None, elapsed: float = 0, **options: Any) -> str:
    return code(look(found, SmokeOptions(timeout=300, **options), elapsed))


def goes_on(found: Object, elapsed: float = 0, **options: Any) -> str:
    return look(found, SmokeOptions(timeout=300, **options), elapsed).action


def test_a_pod_that_is_on_its_way_is_waited_for() -> None:
    assert goes_on({"metadata": {"name": "p"}}) == "wait"
    assert goes_on(pod()) == "wait"
    assert goes_on(pod("Running", containerStatuses=container("running")), 299) == "wait"


def test_a_pod_that_ended_well_is_judged_by_its_log() -> None:
    assert ends(pod("Succeeded", containerStatuses=container("terminated", exitCode=0))) == ""


def test_a_busy_node_is_skipped_waited_for_or_a_failure() -> None:
    busy = unscheduled(FULL)
    assert goes_on(busy, busy="skip") == "skip"
    assert ends(busy, busy="fail") == "SMOKE_BUSY"
    assert goes_on(busy, 299, busy="wait") == "wait"
    assert ends(busy, 300, busy="wait") == "SMOKE_BUSY"
    assert goes_on(unscheduled("0/1 nodes are available: 1 Too many pods."), busy="skip") == "skip"


def test_another_reason_of_the_scheduler_may_pass_until_the_time_is_over() -> None:
    assert goes_on(unscheduled(APART), 299) == "wait"
    assert ends(unscheduled(APART), 300) == "SMOKE_PENDING"


def test_a_pod_turned_away_by_the_kubelet_is_made_again_while_there_is_time_for_it() -> None:
    for reason in ("UnexpectedAdmissionError", "OutOfnvidia.com/gpu"):
        assert goes_on(pod("Failed", reason=reason, message="no healthy devices"), 294) == "again"
        assert ends(pod("Failed", reason=reason), 295) == "SMOKE_NOT_ADMITTED"


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull"])
def test_an_image_that_cannot_be_pulled_gets_two_more_attempts(reason: str) -> None:
    stuck = pod(containerStatuses=container("waiting", reason=reason, message="not found"))
    assert goes_on(stuck, 44) == "wait"
    assert ends(stuck, 45) == "SMOKE_IMAGE"


def test_an_image_that_can_never_be_pulled_gets_none() -> None:
    assert ends(pod(containerStatuses=container("waiting", reason="InvalidImageName"))) == "SMOKE_IMAGE"


def test_a_container_that_does_not_start() -> None:
    stuck = pod(containerStatuses=container("waiting", reason="CreateContainerError"))
    assert goes_on(stuck, 10) == "wait"
    assert ends(stuck, 45) == "SMOKE_NOT_STARTED"
    broken = container("terminated", exitCode=128, reason="StartError", message="nvidia-container-cli: no driver")
    step = look(pod("Failed", containerStatuses=broken), SmokeOptions(), 0)
    assert code(step) == "SMOKE_NOT_STARTED"
    assert step.reason is not None
    assert "nvidia-container-cli: no driver" in step.reason.message


def test_a_command_that_fails_is_named_with_its_exit_code() -> None:
    step = look(pod("Failed", containerStatuses=container("terminated", exitCode=3, reason="Error")), SmokeOptions(), 0)
    assert code(step) == "SMOKE_FAILED"
    assert step.reason is not None
    assert "exit code 3" in step.reason.message


def test_a_hung_pod_ends_with_its_own_time() -> None:
    assert ends(pod("Running", containerStatuses=container("running")), 300) == "SMOKE_TIMEOUT"
    assert ends(pod("Pending", containerStatuses=container("waiting", reason="ContainerCreating")), 300) == (
        "SMOKE_TIMEOUT"
    )
    assert ends(pod("Failed", reason="DeadlineExceeded")) == "SMOKE_TIMEOUT"


def test_a_pod_that_somebody_took_away() -> None:
    leaving = pod("Running")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    assert ends(None) == "SMOKE_POD_REMOVED"
    assert ends(leaving) == "SMOKE_POD_REMOVED"
    assert ends(pod("Failed", reason="Evicted", message="disk pressure")) == "SMOKE_POD_REMOVED"


def log(*uuids: str) -> str:
    lines = [f"GPU {place}: NVIDIA H100 80GB HBM3 (UUID: {uuid})" for place, uuid in enumerate(uuids)]
    return "\n".join([*lines, "[Vector addition of 50000 elements]", "Test PASSED", ""])


def test_as_many_different_gpus_as_were_allocated_pass() -> None:
    sight = read(log(*(f"GPU-{number}" for number in range(8))), 8)
    assert (sight.gpus, sight.uuids, sight.reasons) == (8, 8, ())


def test_one_gpu_too_few_or_too_many_is_a_reason() -> None:
    for count in (7, 9):
        sight = read(log(*(f"GPU-{number}" for number in range(count))), 8)
        assert [reason.code for reason in sight.reasons] == ["SMOKE_GPU_COUNT"]
        assert f"{count} of 8" in sight.reasons[0].message


def test_the_same_uuid_twice_is_a_reason() -> None:
    sight = read(log("GPU-1", "GPU-2", "GPU-1"), 3)
    assert (sight.gpus, sight.uuids) == (3, 2)
    assert [reason.code for reason in sight.reasons] == ["SMOKE_DUPLICATE_GPU"]


def test_a_log_that_lists_no_gpu_proves_none() -> None:
    for text in ("", "Failed to initialize NVML: Unknown Error\n", "GPU 0: unreadable\n"):
        assert [reason.code for reason in read(text, 1).reasons] == ["SMOKE_GPU_COUNT"]


def test_of_partitioned_gpus_the_partitions_count() -> None:
    text = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-48aeb943-9458-4282-da24-e5f49e0db44b)
  MIG 1g.5gb      Device  0: (UUID: MIG-fb42055e-9e53-5764-9278-f1f2fe0c5b5d)
  MIG 1g.5gb      Device  1: (UUID: MIG-b1ab5c5f-9c0e-5b4c-8f3e-0e7a1d2c3b4a)
"""
    sight = read(text, 2)
    assert (sight.gpus, sight.uuids, sight.reasons) == (2, 2, ())


def test_the_reported_end_of_a_log_is_short() -> None:
    assert tail("\n".join(str(number) for number in range(100))).splitlines() == [str(n) for n in range(80, 100)]
    assert len(tail("x" * 5000)) == 2000
    assert tail("") == ""
