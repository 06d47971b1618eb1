# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GPU readiness: every reason from plain nodes and pods, and the waiting with a scripted API."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import gpu
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.gpu_watch import Watcher

Object = dict[str, Any]
GPU = "nvidia.com/gpu"


def node(
    name: str = "n1",
    *,
    capacity: int | None = 1,
    allocatable: int | None = 1,
    instance_type: str = "g4dn.xlarge",
    taints: list[str] | None = None,
    labels: dict[str, str] | None = None,
    ready: str = "True",
    **spec: Any,
) -> Object:
    status: Object = {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "4"}}
    if capacity is not None:
        status["capacity"][GPU] = str(capacity)
    if allocatable is not None:
        status["allocatable"][GPU] = str(allocatable)
    status["conditions"] = [{"type": "Ready", "status": ready, "message": "kubelet says so"}]
    return {
        "metadata": {
            "name": name,
            "labels": {"node.kubernetes.io/instance-type": instance_type, **(labels or {})},
            "resourceVersion": "1",
        },
        "spec": {"taints": [{"key": key, "effect": "NoSchedule"} for key in taints or ()], **spec},
        "status": status,
    }


def plugin(on: str = "n1", *, ready: bool = True) -> Object:
    return {
        "metadata": {"name": "plugin"},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def deleting() -> Object:
    leaving = node()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    return leaving


TABLE: list[tuple[Object, list[Object], gpu.Config, list[str]]] = [
    (node(), [], gpu.Config(), []),
    (node(), [plugin(ready=False)], gpu.Config(), []),
    # L1
    (node(ready="False"), [], gpu.Config(), ["NOT_READY"]),
    (node(ready="Unknown"), [], gpu.Config(), ["NOT_READY"]),
    (node(unschedulable=True), [], gpu.Config(), ["CORDONED"]),
    (deleting(), [], gpu.Config(), ["DELETING"]),
    (node(taints=["node.kubernetes.io/disk-pressure"]), [], gpu.Config(), ["TAINTED"]),
    (node(taints=["ebs.csi.aws.com/agent-not-ready"]), [], gpu.Config(), ["TAINTED"]),
    (node(taints=["readiness.k8s.io/network"]), [], gpu.Config(), ["TAINTED"]),
    (node(taints=["nvidia.com/gpu", "team"]), [], gpu.Config(), []),
    # the cordon's own taint adds nothing, and a node that is not ready is only said to be that
    (node(taints=["node.kubernetes.io/unschedulable"], unschedulable=True), [], gpu.Config(), ["CORDONED"]),
    (node(taints=["node.kubernetes.io/not-ready"], ready="False"), [], gpu.Config(), ["NOT_READY"]),
    # L4 and L5: absent is not zero, zero is not unhealthy
    (node(capacity=None, allocatable=None), [], gpu.Config(), ["PLUGIN_POD_MISSING"]),
    (node(capacity=None, allocatable=None), [plugin("n2")], gpu.Config(), ["PLUGIN_POD_MISSING"]),
    (node(capacity=None, allocatable=None), [plugin(ready=False)], gpu.Config(), ["PLUGIN_POD_NOT_READY"]),
    (node(capacity=None, allocatable=None), [plugin()], gpu.Config(), ["NOT_ADVERTISED"]),
    (node(capacity=0, allocatable=0), [plugin()], gpu.Config(), ["ALLOC_ZERO_PLUGIN_RUNNING"]),
    (node(capacity=0, allocatable=0), [], gpu.Config(), ["ALLOC_ZERO"]),
    (node(capacity=1, allocatable=0), [plugin()], gpu.Config(), ["ALL_UNHEALTHY"]),
    (node(capacity=4, allocatable=3, instance_type="g5.12xlarge"), [], gpu.Config(), ["PARTIAL_UNHEALTHY"]),
    # L6
    (node(capacity=3, allocatable=3, instance_type="g5.12xlarge"), [], gpu.Config(), ["COUNT_BELOW_TYPE"]),
    (node(capacity=2, allocatable=2), [], gpu.Config(), ["COUNT_ABOVE_TYPE"]),
    (node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "4"}), [], gpu.Config(), []),
    (node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "no"}), [], gpu.Config(), ["COUNT_ABOVE_TYPE"]),
    (node(capacity=2, allocatable=2), [], gpu.Config(expected_gpus=2), []),
    (node(instance_type="c5.2xlarge", capacity=None, allocatable=None), [], gpu.Config(), ["TYPE_WITHOUT_GPU"]),
    (node(instance_type="x9.huge", capacity=5, allocatable=5), [], gpu.Config(), []),
    (node(instance_type="x9.huge", capacity=None, allocatable=None), [], gpu.Config(), ["PLUGIN_POD_MISSING"]),
    (node(), [], gpu.Config(gpu_resource="nvidia.com/mig-1g.5gb"), ["PLUGIN_POD_MISSING"]),
    # several at once
    (node(capacity=1, allocatable=0, unschedulable=True), [], gpu.Config(), ["CORDONED", "ALL_UNHEALTHY"]),
]


@pytest.mark.parametrize(("one", "pods", "config", "codes"), TABLE)
def test_reasons(one: Object, pods: list[Object], config: gpu.Config, codes: list[str]) -> None:
    report = gpu.evaluate(one, pods, config)
    assert [reason.code for reason in report.reasons] == codes
    assert report.ready == (not codes)
    assert all(reason.message for reason in report.reasons)


def reports(*nodes: Object) -> list[gpu.NodeReport]:
    return [gpu.evaluate(one, (), gpu.Config()) for one in nodes]


GOOD, BAD = node("good"), node("bad", unschedulable=True)


@pytest.mark.parametrize(
    ("nodes", "count", "codes"),
    [
        ([], None, ["NO_NODES"]),
        ([], 2, ["NO_NODES"]),
        ([], 0, []),
        ([BAD], 0, []),
        ([GOOD], None, []),
        ([GOOD], 1, []),
        ([GOOD], 2, ["TOO_FEW_NODES"]),
        ([GOOD, BAD], None, ["CORDONED"]),
        ([GOOD, BAD], 1, []),
        ([GOOD, BAD], 2, ["CORDONED"]),
        ([GOOD, BAD], 3, ["TOO_FEW_NODES", "CORDONED"]),
    ],
)
def test_the_whole_set(nodes: list[Object], count: int | None, codes: list[str]) -> None:
    verdict = gpu.judge(reports(*nodes), count)
    assert [reason.code for reason in verdict.reasons] == codes
    assert verdict.ready == (not codes)


def test_an_unknown_type_is_warned_of() -> None:
    assert "x9.huge" in gpu.judge(reports(node(instance_type="x9.huge")), None).warnings[0]
    assert gpu.judge(reports(node()), None).warnings == ()


def test_the_most_frequent_reason_comes_first() -> None:
    cordoned = [node(f"c{number}", unschedulable=True) for number in range(2)]
    verdict = gpu.judge(reports(node("a", capacity=1, allocatable=0), *cordoned, GOOD), None)
    assert list(gpu.summary(verdict)) == ["CORDONED", "ALL_UNHEALTHY"]
    said = gpu.describe(verdict, None)
    assert said.startswith("1 of 4 nodes are ready; 2 CORDONED (c0: the node takes no new pods); 1 ALL_UNHEALTHY (a: ")


class Clock:
    """A clock that only moves when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Script:
    """An API whose lists and watches are written down: each watch is a list of (seconds later, event or error)."""

    def __init__(self, clock: Clock, nodes: list[Object], *watches: list[tuple[float, Any]]) -> None:
        self.clock = clock
        self.nodes = nodes
        self.watches = list(watches)
        self.lists = 0

    def list(self, resource: Any, **_selectors: str) -> tuple[list[Object], str]:
        if resource.kind != "Node":
            return [], "1"
        self.lists += 1
        return copy.deepcopy(self.nodes), "1"

    def watch(self, *_arguments: Any, seconds: float, **_options: Any) -> Iterator[Object]:
        end = self.clock.now + seconds
        script = self.watches[0] if self.watches else []
        while script:
            later, event = script[0]
            if self.clock.now + later > end:
                script[0] = (later - (end - self.clock.now), event)
                break
            self.clock.now += later
            script.pop(0)
            if not script:
                self.watches.pop(0)
            if isinstance(event, Exception):
                raise event
            yield event
        self.clock.now = max(self.clock.now, end)


def event(kind: str, one: Object) -> Object:
    return {"type": kind, "object": one}


def follow(script: Script, *, timeout: float = 60, stable_for: float = 0, count: int | None = None) -> Any:
    watcher = Watcher(script, "pool=gpu", gpu.Config(), count, clock=script.clock)  # type: ignore[arg-type]
    return watcher.wait(timeout, stable_for)


def test_ready_at_once() -> None:
    watched = follow(Script(Clock(), [node()]))
    assert watched.settled
    assert watched.seconds == 0


def test_a_node_that_becomes_ready() -> None:
    broken = node(capacity=1, allocatable=0)
    watched = follow(Script(Clock(), [broken], [(5, event("MODIFIED", broken)), (5, event("MODIFIED", node()))]))
    assert watched.settled
    assert watched.seconds == 10
    assert (watched.lists, watched.events) == (1, 2)


def test_ready_for_a_moment_is_not_enough() -> None:
    flap: list[tuple[float, Any]] = [(4, event("MODIFIED", node(ready="False"))), (1, event("MODIFIED", node()))]
    watched = follow(Script(Clock(), [node()], flap), stable_for=10)
    assert watched.settled
    assert watched.seconds == 15


def test_time_runs_out_while_it_flaps() -> None:
    flaps: list[tuple[float, Any]] = [
        (4, event("MODIFIED", node(ready=["False", "True"][number % 2]))) for number in range(20)
    ]
    watched = follow(Script(Clock(), [node()], flaps), stable_for=10, timeout=30)
    assert not watched.settled
    assert watched.seconds >= 30


def test_a_deleted_node_leaves_the_set() -> None:
    script = Script(Clock(), [GOOD, BAD], [(3, event("DELETED", BAD))])
    watched = follow(script)
    assert watched.settled
    assert [one.name for one in watched.verdict.nodes] == ["good"]


def test_a_version_that_is_too_old_means_a_new_list() -> None:
    script = Script(Clock(), [BAD], [(3, ApiError("GET", "/", 410, {"reason": "Expired"}))])
    original = script.list

    def later(*arguments: Any, **options: Any) -> Any:
        if script.lists:
            script.nodes = [node("bad")]
        return original(*arguments, **options)

    script.list = later  # type: ignore[method-assign]
    watched = follow(script)
    assert watched.settled
    assert watched.lists == 2


def test_a_bookmark_is_no_news() -> None:
    script = Script(Clock(), [BAD], [(3, event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))])
    watched = follow(script, timeout=10)
    assert not watched.settled
    assert (watched.lists, watched.events) == (1, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_the_wait(status: int) -> None:
    script = Script(Clock(), [BAD], [(1, ApiError("GET", "/", status, {}))])
    with pytest.raises(KubernetesError):
        follow(script)


def test_no_nodes_is_not_ready() -> None:
    watched = follow(Script(Clock(), []), timeout=5)
    assert not watched.settled
    assert [reason.code for reason in watched.verdict.reasons] == ["NO_NODES"]
    assert follow(Script(Clock(), []), count=0).settled
