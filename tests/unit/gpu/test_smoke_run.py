# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A smoke run against an API that breaks in ways, and at times, that a real one cannot be made to."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import run as smoke
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import SmokeResult
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.pods import NODE_ANNOTATION, RUN_LABEL
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import Resource

from tests.support.gpu import node, settings

IMAGE = f"vectoradd@sha256:{'0' * 64}"
LOG = "GPU 0: A10G (UUID: GPU-1)\n"

Object = dict[str, Any]


class Api:
    """An API server in memory whose pods end well C(seconds) after they were made. C(now) is its clock."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.now = 0.0
        self.pods: dict[str, Object] = {}
        self.made: list[str] = []
        self.most = 0
        self.reports: list[str] = []
        #: What goes wrong: called before each call with its method and path.
        self.trouble: Callable[[str, str], None] = lambda _method, _path: None
        #: What goes wrong after a pod was made.
        self.after_create: Callable[[str], None] = lambda _name: None
        self._seconds = seconds
        self._uids = itertools.count(1)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def request(self, method: str, path: str, *, query: Object | None = None, body: Object) -> Object:
        self.trouble(method, path)
        if "accessreviews" in path:
            return {"status": {"allowed": True}}
        if query == {"dryRun": "All"}:
            return {**body, "spec": {**body["spec"], "preemptionPolicy": "Never"}}
        name = body["metadata"]["name"]
        if name in self.pods:
            raise ApiError(method, path, 409, {"reason": "AlreadyExists"})
        pod = copy.deepcopy(body)
        pod["metadata"] |= {"uid": f"u{next(self._uids)}", "creationTimestamp": datetime.now(UTC).isoformat()}
        pod["made_at"] = self.now
        self.pods[name] = pod
        self.made.append(pod["metadata"]["annotations"][NODE_ANNOTATION])
        self.most = max(self.most, len(self.pods))
        self.after_create(name)
        return pod

    def list(self, resource: Resource, _namespace: str = "", *, label_selector: str = "") -> tuple[list[Object], str]:
        self.trouble("GET", resource.path("x"))
        run = label_selector.partition("=")[2]
        for pod in self.pods.values():
            over = "made_at" in pod and self.now >= pod["made_at"] + self._seconds
            pod["status"] = {"phase": "Succeeded" if over else "Running"}
        found = [pod for pod in self.pods.values() if not run or pod["metadata"]["labels"][RUN_LABEL] == run]
        return copy.deepcopy(found), "1"

    def get(self, _resource: Resource, _namespace: str, name: str) -> Object | None:
        return self.pods.get(name)

    def text(self, path: str, *, query: Object) -> str:
        assert query["container"] == "smoke"
        self.trouble("GET", path)
        return LOG

    def delete(self, _resource: Resource, _namespace: str, name: str, uid: str) -> None:
        self.trouble("DELETE", name)
        assert self.pods[name]["metadata"]["uid"] == uid
        del self.pods[name]

    def run(self, count: int, **options: Any) -> dict[str, SmokeResult]:
        nodes = [node(f"n{number}") for number in range(count)]
        client: Any = self
        return smoke.run(
            client,
            nodes,
            settings(smoke={"mode": "all", "image": IMAGE, **options}).smoke,
            clock=lambda: self.now,
            sleep=self.sleep,
            report=self.reports.append,
        )


def phases(results: dict[str, SmokeResult]) -> list[str]:
    return [result.phase for result in results.values()]


def test_no_more_pods_than_the_parallelism_are_there_at_once() -> None:
    api = Api()
    assert phases(api.run(10, parallelism=3)) == ["passed"] * 10
    assert sorted(api.made) == sorted(f"n{number}" for number in range(10))
    assert api.most == 3
    assert api.pods == {}
    assert api.reports[-1] == "smoke: 10 of 10 nodes tested, 0 failed"


def test_a_pod_whose_making_was_not_heard_of_is_not_made_twice() -> None:
    api = Api()
    lost = iter([True])

    def lose(_name: str) -> None:
        if next(lost, False):
            raise KubernetesError("the connection broke")

    api.after_create = lose
    assert phases(api.run(1)) == ["passed"]
    assert api.made == ["n0"]
    assert api.pods == {}


def away(api: Api, begin: float, end: float) -> None:
    def fail(_method: str, _path: str) -> None:
        if begin <= api.now < end:
            raise KubernetesError("nothing answers")

    api.trouble = fail


def test_an_api_server_that_is_away_for_a_while_is_waited_for() -> None:
    api = Api()
    away(api, 1, 50)
    assert phases(api.run(2)) == ["passed", "passed"]


def test_an_api_server_that_stays_away_ends_the_run() -> None:
    api = Api()
    away(api, 1, 10_000)
    with pytest.raises(KubernetesError, match="nothing answers"):
        api.run(1)
    assert 60 <= api.now < 70
    assert "are left in default" in api.reports[-1]


def test_a_log_that_comes_late_is_read() -> None:
    api = Api()

    def fail(_method: str, path: str) -> None:
        if path.endswith("/log") and api.now < 5:
            raise ApiError("GET", path, 500, {"message": "the container is not there yet"})

    api.trouble = fail
    assert phases(api.run(1)) == ["passed"]


def test_a_pod_that_a_quota_refuses_keeps_no_other_from_being_made() -> None:
    api = Api()

    def refuse(name: str) -> None:
        if api.pods[name]["metadata"]["annotations"][NODE_ANNOTATION] == "n1":
            del api.pods[name]
            raise ApiError("POST", "/pods", 403, {"reason": "Forbidden", "message": "exceeded quota: gpus"})

    api.after_create = refuse
    results = api.run(3)
    assert results["n1"].phase == "failed"
    assert [(reason.code, reason.message) for reason in results["n1"].reasons] == [
        ("SMOKE_POD_REFUSED", "exceeded quota: gpus")
    ]
    assert results["n0"].passed
    assert results["n2"].passed


def test_pods_of_an_earlier_run_are_gone_before_new_ones_are_made() -> None:
    api = Api()
    old = {
        "name": "old",
        "uid": "old",
        "labels": {RUN_LABEL: "earlier"},
        "annotations": {NODE_ANNOTATION: "n0"},
        "creationTimestamp": datetime.now(UTC).isoformat(),
    }
    api.pods["old"] = {"metadata": old, "spec": {"activeDeadlineSeconds": 330}}
    assert phases(api.run(1)) == ["passed"]
    assert api.most == 1
    assert api.pods == {}
