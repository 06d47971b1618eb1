# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready proves nodes by pods, lifts startup taints and hands its verdict on: a real API server and scheduler.

What a kubelet would do with the pods is played, see tests/support/kubelet.py.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint, release

from sandbox.eks.control_plane import ControlPlane as Connection
from sandbox.eks.kubernetes import Kubernetes, Rejected
from tests.support.control_plane import ControlPlane, Outcome, connect, finish
from tests.support.kubelet import GPU, RUN_LABEL, RUNS_ON, TURNED_AWAY, Fate, Kubelet, devices, ended, passes, waiting
from tests.support.waiting import wait_until

IMAGE = f"registry.example.com/vectoradd@sha256:{'0' * 64}"
STARTUP = {"key": "example.com/gpu-starting", "value": "", "effect": "NoSchedule"}
POOL_TAINT = {"key": GPU, "value": "true", "effect": "NoSchedule"}
CONDITION = "example.com/GPUReady"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="module")
def kubelet(cluster: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(cluster) as playing:
        yield playing


class Pool:
    """The nodes and the namespace of one test."""

    def __init__(self, cluster: ControlPlane, kubelet: Kubelet) -> None:
        self.cluster = cluster
        self.kubelet = kubelet
        self.name = f"pool-{next(_numbers)}"
        self.labels = {"eks.amazonaws.com/nodegroup": self.name}
        cluster.add_namespace(self.name)

    def add(self, name: str, gpus: int, *fates: Fate) -> str:
        node = f"{self.name}-{name}"
        self.kubelet.add_node(node, gpus, *fates, labels=self.labels)
        return node

    def options(self, **changed: Any) -> dict[str, Any]:
        smoke = {"mode": "all", "image": IMAGE, "namespace": self.name, **changed.pop("smoke", {})}
        selector = f"eks.amazonaws.com/nodegroup={self.name}"
        given = {"label_selector": selector, "expected_gpus": "skip", "timeout": 60, "stable_for": 0, "smoke": smoke}
        return {**given, **changed}

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        return self.cluster.run("gpu_node_ready", check=check, **self.options(**options))

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cluster.get("pods", "--namespace", self.name)["items"]
        return found

    def smoke_pods(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if RUN_LABEL in pod["metadata"].get("labels", {})]

    def work(self, node: str, gpus: int, **spec: Any) -> None:
        """A running pod that is no smoke pod and holds GPUs of the node."""
        self.cluster.kubectl(
            "create",
            "--filename",
            "-",
            manifest={
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "work", "namespace": self.name},
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "containers": [{"name": "work", "image": "work:1", "resources": {"limits": {GPU: str(gpus)}}}],
                    **spec,
                },
            },
        )
        wait_until(lambda: self.pods()[0]["status"].get("phase") == "Running", "the work runs")

    def taints(self, node: str) -> set[str]:
        return {taint["key"] for taint in self.cluster.get("node", node)["spec"].get("taints", ())}


@pytest.fixture
def pool(cluster: ControlPlane, kubelet: Kubelet) -> Pool:
    return Pool(cluster, kubelet)


def codes(outcome: Outcome) -> dict[str, list[str]]:
    """The codes of each node, by its name without the pool's."""
    return {
        node["name"].split("-", 2)[2]: [reason["code"] for reason in node["reasons"]]
        for node in outcome.result["nodes"]
    }


def smoke(outcome: Outcome) -> list[dict[str, Any]]:
    return [node["smoke"] for node in outcome.result["nodes"]]


def test_nodes_are_proved_by_pods_that_take_all_their_gpus(pool: Pool) -> None:
    four, one = pool.add("four", 4), pool.add("one", 1)
    outcome = pool.run()
    assert not outcome.failed, outcome.message
    assert not outcome.changed
    assert (list(pool.kubelet.pods_of(four)), list(pool.kubelet.pods_of(one))) == ([4], [1])
    assert [(found["phase"], found["gpus_seen"], found["uuids_n"]) for found in smoke(outcome)] == [
        ("passed", 4, 4),
        ("passed", 1, 1),
    ]
    assert "Test PASSED" in smoke(outcome)[0]["log_tail"]
    wait_until(lambda: not pool.smoke_pods(), "the smoke pods are gone")


def test_each_way_to_fail_has_its_code(pool: Pool) -> None:
    pool.add("count", 8, passes(7))
    pool.add("twice", 2, Fate(ended(0), devices("GPU-1", "GPU-1")))
    pool.add("unread", 1, Fate(ended(0), None))
    pool.add("exit", 1, Fate(ended(3), devices("GPU-1")))
    pool.add("start", 1, Fate(ended(128, "StartError", "no driver"), None))
    pool.add("image", 1, Fate(waiting("InvalidImageName"), None))
    pool.add("evicted", 1, Fate({"phase": "Failed", "reason": "Evicted", "message": "disk"}, None))
    pool.add("hung", 1, RUNS_ON)
    again = pool.add("again", 1, TURNED_AWAY, passes(1))
    outcome = pool.run(smoke={"timeout": 12})
    assert outcome.failed
    assert codes(outcome) == {
        "count": ["SMOKE_GPU_COUNT"],
        "twice": ["SMOKE_DUPLICATE_GPU"],
        "unread": ["SMOKE_NO_LOG"],
        "exit": ["SMOKE_FAILED"],
        "start": ["SMOKE_NOT_STARTED"],
        "image": ["SMOKE_IMAGE"],
        "evicted": ["SMOKE_POD_REMOVED"],
        "hung": ["SMOKE_TIMEOUT"],
        "again": [],
    }
    assert list(pool.kubelet.pods_of(again)) == [1, 1]
    wait_until(lambda: not pool.smoke_pods(), "the smoke pods are gone")


def test_a_pod_that_is_turned_away_every_time_has_its_code(pool: Pool) -> None:
    pool.add("away", 1, TURNED_AWAY)
    outcome = pool.run(smoke={"timeout": 5})
    assert outcome.failed
    assert codes(outcome) == {"away": ["SMOKE_NOT_ADMITTED"]}
    assert "UnexpectedAdmissionError: no healthy devices" in outcome.message


def test_a_pod_that_failed_is_left_for_a_look_until_the_next_run(pool: Pool) -> None:
    pool.add("sound", 1)
    pool.add("exit", 1, Fate(ended(3), devices("GPU-0")), passes(1))
    assert pool.run(smoke={"cleanup": "on_success"}).failed
    kept = [pod["status"]["phase"] for pod in pool.smoke_pods() if "deletionTimestamp" not in pod["metadata"]]
    assert kept == ["Failed"]
    assert not pool.run().failed
    wait_until(lambda: not pool.smoke_pods(), "the smoke pods are gone")


def test_busy_gpus_are_left_to_their_work(pool: Pool) -> None:
    node = pool.add("busy", 2)
    pool.work(node, 1)
    before = pool.pods()[0]["metadata"]["uid"]
    skipped = pool.run(smoke={"busy": "skip"})
    assert not skipped.failed, skipped.message
    assert [found["phase"] for found in smoke(skipped)] == ["busy"]
    refused = pool.run(smoke={"busy": "fail"})
    assert refused.failed
    assert codes(refused) == {"busy": ["SMOKE_BUSY"]}
    assert pool.kubelet.pods_of(node) == []
    assert [pod["metadata"]["uid"] for pod in pool.pods()] == [before]
    process = pool.cluster.start("gpu_node_ready", **pool.options(smoke={"busy": "wait"}))
    wait_until(pool.smoke_pods, "the smoke pod waits")
    pool.cluster.kubectl("delete", "pod", "work", "--namespace", pool.name)
    waited = finish(process)
    assert not waited.failed, waited.message
    assert [found["phase"] for found in smoke(waited)] == ["passed"]


def priority_class(name: str, value: int, policy: str) -> dict[str, Any]:
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
    return {**kind, "value": value, "preemptionPolicy": policy}


def test_no_smoke_pod_can_push_off_other_pods(pool: Pool) -> None:
    node = pool.add("busy", 1)
    for manifest in (priority_class("low", -10, "Never"), priority_class("quiet", 1000, "Never")):
        pool.cluster.kubectl("create", "--filename", "-", manifest=manifest)
    try:
        pool.work(node, 1, priorityClassName="low")
        refused = pool.run()
        assert refused.failed
        assert codes(refused) == {"busy": ["SMOKE_MAY_PREEMPT"]}
        quiet = pool.run(smoke={"priority_class": "quiet"})
        assert [found["phase"] for found in smoke(quiet)] == ["busy"]
        assert [pod["metadata"]["name"] for pod in pool.pods()] == ["work"]
        assert "deletionTimestamp" not in pool.pods()[0]["metadata"]
    finally:
        pool.cluster.kubectl("delete", "priorityclass", "low", "quiet")


def test_a_pod_that_the_api_server_refuses_is_a_reason(pool: Pool) -> None:
    pool.add("one", 1)
    outcome = pool.run(smoke={"service_account": "nobody"})
    assert outcome.failed
    assert codes(outcome) == {"one": ["SMOKE_POD_REFUSED"]}
    assert "nobody" in outcome.message


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_removes_its_pods(pool: Pool, way: signal.Signals) -> None:
    pool.add("hung", 1, RUNS_ON)
    process = pool.cluster.start("gpu_node_ready", **pool.options())
    wait_until(lambda: [p for p in pool.smoke_pods() if p["status"].get("phase") == "Running"], "the smoke pod runs")
    os.kill(process.pid, way)
    process.communicate(timeout=30)
    wait_until(lambda: not pool.smoke_pods(), "the smoke pod is gone")


def test_what_a_killed_run_left_is_removed_by_the_next(pool: Pool) -> None:
    node = pool.add("hung", 1, RUNS_ON, passes(1))
    process = pool.cluster.start("gpu_node_ready", **pool.options())
    wait_until(lambda: [p for p in pool.smoke_pods() if p["status"].get("phase") == "Running"], "the smoke pod runs")
    process.kill()
    process.communicate(timeout=30)
    (left,) = pool.smoke_pods()
    outcome = pool.run(smoke={"busy": "fail"})
    assert not outcome.failed, outcome.message
    assert len(pool.kubelet.pods_of(node)) == 2
    wait_until(lambda: not pool.smoke_pods(), f"{left['metadata']['name']} and its successor are gone")


def test_check_mode_makes_no_pod_and_lifts_no_taint(pool: Pool) -> None:
    node = pool.add("one", 1)
    taint(pool, node, STARTUP)
    foreseen = pool.run(check=True, release_taint=STARTUP, condition=CONDITION)
    assert not foreseen.failed, foreseen.message
    assert [found["phase"] for found in smoke(foreseen)] == ["skipped_check_mode"]
    assert foreseen.result["taint_released"] == [node]
    assert pool.kubelet.pods_of(node) == []
    assert pool.taints(node) == {STARTUP["key"]}
    assert condition(pool, node) is None


def test_a_missing_right_is_named_before_any_pod_is_made(pool: Pool, tmp_path: Path) -> None:
    pool.add("one", 1)
    kubectl = pool.cluster.kubectl
    kubectl("create", "serviceaccount", "prover", "--namespace", pool.name)
    kubectl("create", "clusterrole", pool.name, "--verb=get,list,watch", "--resource=nodes,pods,daemonsets")
    account = f"--serviceaccount={pool.name}:prover"
    kubectl("create", "clusterrolebinding", pool.name, f"--clusterrole={pool.name}", account)
    kubectl("create", "role", "maker", "--verb=create", "--resource=pods", "--namespace", pool.name)
    kubectl("create", "rolebinding", "maker", "--role=maker", account, "--namespace", pool.name)
    content = yaml.safe_load(pool.cluster.kubeconfig.read_text())
    token = kubectl("create", "token", "prover", "--namespace", pool.name).strip()
    content["users"] = [{"name": content["users"][0]["name"], "user": {"token": token}}]
    limited = tmp_path / "kubeconfig"
    limited.write_text(yaml.safe_dump(content))
    outcome = pool.run(kubeconfig=str(limited))
    assert outcome.failed
    assert outcome.result["failure_kind"] == "forbidden"
    assert "delete pods, get pods/log" in outcome.message
    assert token not in outcome.output
    assert pool.smoke_pods() == []


def taint(pool: Pool, node: str, *taints: dict[str, str]) -> None:
    words = [f"{one['key']}={one['value']}:{one['effect']}" for one in taints]
    pool.cluster.kubectl("taint", "node", node, "--overwrite", *words)


def test_a_startup_taint_is_lifted_exactly_when_the_node_has_proved_itself(pool: Pool) -> None:
    sound, broken = pool.add("sound", 2), pool.add("broken", 2, passes(1))
    for node in (sound, broken):
        taint(pool, node, POOL_TAINT, STARTUP)
    outcome = pool.run(release_taint=STARTUP, expected_taints=[f"{GPU}=true:NoSchedule"])
    assert outcome.failed
    assert outcome.changed
    assert outcome.result["taint_released"] == [sound]
    assert pool.taints(sound) == {GPU}
    assert pool.taints(broken) == {GPU, STARTUP["key"]}
    again = pool.run(release_taint=STARTUP, smoke={"mode": "missing_only"})
    assert not again.changed
    assert list(pool.kubelet.pods_of(sound)) == [2]
    assert list(pool.kubelet.pods_of(broken)) == [2, 2]


def test_a_node_proves_itself_and_takes_pods_though_others_never_come(pool: Pool) -> None:
    sound, broken, absent = pool.add("sound", 2), pool.add("broken", 2, passes(1)), pool.add("absent", 0)
    for node in (sound, broken, absent):
        taint(pool, node, STARTUP)
    options: dict[str, Any] = {"timeout": 2, "release_taint": STARTUP}
    foreseen = pool.run(check=True, **options)
    assert foreseen.result["taint_released"] == sorted([sound, broken]), "what a pod shows cannot be foreseen"
    outcome = pool.run(**options)
    assert outcome.failed
    assert outcome.result["failure_kind"] == "timeout"
    assert set(outcome.result["summary_by_reason"]) >= {"SMOKE_GPU_COUNT"}
    assert outcome.result["ready_count"] == 1
    assert outcome.result["taint_released"] == [sound]
    assert [pool.taints(node) for node in (sound, broken, absent)] == [set(), {STARTUP["key"]}, {STARTUP["key"]}]
    assert list(pool.kubelet.pods_of(absent)) == []


def test_no_pod_is_made_where_none_can_help(pool: Pool) -> None:
    pool.add("sound", 2)
    pool.add("absent", 0)
    assert pool.run(timeout=2).result["failure_kind"] == "timeout"
    assert pool.run(timeout=2, release_taint=STARTUP).result["smoke_pods_created"] == 0


def test_no_pod_lands_on_a_node_before_its_gpus_work(pool: Pool) -> None:
    node = pool.add("late", 0, RUNS_ON)
    taint(pool, node, STARTUP)
    container = {"name": "work", "image": "work:1"}
    spec = {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [container]}
    metadata = {"name": "work", "namespace": pool.name}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    pool.cluster.kubectl("create", "--filename", "-", manifest=manifest)

    def work() -> dict[str, Any]:
        return next(pod for pod in pool.pods() if pod["metadata"]["name"] == "work")

    process = pool.cluster.start("gpu_node_ready", **pool.options(release_taint=STARTUP))
    status = json.dumps({"status": {"capacity": {GPU: "2"}, "allocatable": {GPU: "2"}}})
    pool.cluster.kubectl("patch", "node", node, "--subresource", "status", "--type", "merge", "--patch", status)
    wait_until(lambda: list(pool.kubelet.pods_of(node)) == [2], "the smoke pod runs")
    assert STARTUP["key"] in pool.taints(node)
    assert "nodeName" not in work()["spec"]
    pool.kubelet.finish(node)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert outcome.changed
    wait_until(lambda: work()["spec"].get("nodeName") == node, "the work has its place")


def test_a_busy_node_keeps_its_startup_taint(pool: Pool) -> None:
    node = pool.add("busy", 1)
    pool.work(node, 1)
    taint(pool, node, STARTUP)
    outcome = pool.run(release_taint=STARTUP)
    assert not outcome.changed
    assert pool.taints(node) == {STARTUP["key"]}


class Others(threading.Thread):
    """Somebody who changes taints of nodes all the time, each time at the head of the list, and never blindly."""

    def __init__(self, cluster: ControlPlane, nodes: list[str]) -> None:
        super().__init__(daemon=True)
        self._client = Kubernetes(Connection(cluster.kubeconfig))
        self._nodes = nodes
        self._ended = threading.Event()
        self.rounds = 0

    def run(self) -> None:
        while not self._ended.is_set():
            for node in self._nodes:
                self._change(f"/api/v1/nodes/{node}", str(self.rounds))
            self.rounds += 1

    def stop(self) -> str:
        """The value of the last taint that every node got."""
        self._ended.set()
        self.join()
        return str(self.rounds - 1)

    def _change(self, path: str, value: str) -> None:
        while True:
            node = self._client.get(path)
            others = [entry for entry in node["spec"].get("taints", ()) if entry["key"] != "others/now"]
            mine = {"key": "others/now", "value": value, "effect": "PreferNoSchedule"}
            # Every other round has another length, so that the place of each taint changes.
            node["spec"]["taints"] = [mine, *others] if int(value) % 2 else [*others, mine]
            try:
                self._client.replace(path, node)
            except Rejected as error:
                if error.status == 409:
                    continue
                raise
            return


def test_taints_that_others_change_meanwhile_are_kept(pool: Pool) -> None:
    nodes = [pool.add(str(number), 1) for number in range(5)]
    for node in nodes:
        taint(pool, node, {"key": "others/before", "value": "", "effect": "NoSchedule"}, STARTUP)
    client = connect(pool.cluster.kubeconfig)
    others = Others(pool.cluster, nodes)
    others.start()
    try:
        wait_until(lambda: others.rounds > 2, "others change taints")
        as_read = [pool.cluster.get("node", node) for node in nodes]
        lifted = list(release(client, as_read, Taint.parse(STARTUP), check_mode=False))
        reached = others.rounds
        wait_until(lambda: others.rounds > reached + 2, "others go on")
    finally:
        last = others.stop()
    assert lifted == nodes
    for node in nodes:
        left = {entry["key"]: entry.get("value") for entry in pool.cluster.get("node", node)["spec"]["taints"]}
        assert left == {"others/before": None, "others/now": last}


def test_the_taint_of_a_new_node_under_the_old_name_is_kept(pool: Pool) -> None:
    node = pool.add("one", 1)
    taint(pool, node, STARTUP)
    as_read = pool.cluster.get("node", node)
    pool.cluster.kubectl("delete", "node", node)
    pool.add("one", 1)
    taint(pool, node, STARTUP)
    client = connect(pool.cluster.kubeconfig)
    assert list(release(client, [as_read], Taint.parse(STARTUP), check_mode=False)) == []
    assert pool.taints(node) == {STARTUP["key"]}


def condition(pool: Pool, node: str) -> dict[str, Any] | None:
    conditions = pool.cluster.get("node", node)["status"]["conditions"]
    return next((entry for entry in conditions if entry["type"] == CONDITION), None)


def test_the_verdict_is_written_as_a_condition(pool: Pool) -> None:
    sound, broken = pool.add("sound", 2), pool.add("broken", 2, passes(1), passes(2))
    unproved = pool.run(condition=CONDITION, smoke={"mode": "none"})
    assert not unproved.failed, unproved.message
    reasons = [found["reason"] for found in (condition(pool, sound), condition(pool, broken)) if found]
    assert reasons == ["GPUsReady", "GPUsReady"]
    outcome = pool.run(condition=CONDITION, smoke={"mode": "missing_only"})
    assert sorted(outcome.result["condition_written"]) == sorted([sound, broken])
    good, bad = condition(pool, sound), condition(pool, broken)
    assert good is not None
    assert (good["status"], good["reason"]) == ("True", "GPUsProved")
    assert bad is not None
    assert (bad["status"], bad["reason"]) == ("False", "SMOKE_GPU_COUNT")
    assert "the pod saw 1 of 2 GPUs" in bad["message"]
    ready = {entry["type"] for entry in pool.cluster.get("node", sound)["status"]["conditions"]}
    assert {"Ready", CONDITION} <= ready
    missing = pool.run(condition=CONDITION, smoke={"mode": "missing_only"})
    assert not missing.failed, missing.message
    assert missing.result["condition_written"] == [broken]
    assert condition(pool, sound) == good
    assert list(pool.kubelet.pods_of(sound)) == [2]
    mended = condition(pool, broken)
    assert mended is not None
    assert mended["status"] == "True"


def test_wrong_options_are_named_all_at_once(pool: Pool) -> None:
    outcome = pool.run(smoke={"image": "vectoradd:1", "parallelism": 0}, condition="Ready")
    assert outcome.failed
    for words in ("smoke.image", "smoke.parallelism", "condition is Ready"):
        assert words in outcome.message
    assert json.dumps(outcome.result).count("Traceback") == 0
