# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready on a real API server with its controllers and scheduler: verdicts, smoke pods, taints, conditions.

What a kubelet would do with the pods is played, see tests/support/kubelet.py.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import release

from tests.support.control_plane import ControlPlane, Outcome, connect, finish
from tests.support.kubelet import GPU, RUN_LABEL, RUNS_ON, TURNED_AWAY, Fate, Kubelet, devices, ended, passes, waiting
from tests.support.waiting import wait_until

IMAGE = f"registry.example.com/vectoradd@sha256:{'0' * 64}"
STARTUP = {"key": "example.com/gpu-starting", "value": "", "effect": "NoSchedule"}
POOL_TAINT = {"key": GPU, "value": "true", "effect": "NoSchedule"}
CONDITION = "example.com/GPUReady"
POOL_LABEL = "eks.amazonaws.com/nodegroup"

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
        cluster.add_namespace(self.name)

    def add(self, name: str, gpus: int, *fates: Fate, instance_type: str = "") -> str:
        """A Ready node with GPUs."""
        node = f"{self.name}-{name}"
        labels = {POOL_LABEL: self.name, "node.kubernetes.io/instance-type": instance_type}
        self.kubelet.add_node(node, gpus, *fates, labels=labels)
        return node

    def offer(self, node: str, *, capacity: int | None, allocatable: int | None) -> None:
        """Let a node offer GPUs; without a number it does not know them."""
        status = json.dumps({"status": {"capacity": {GPU: capacity}, "allocatable": {GPU: allocatable}}})
        self.cluster.kubectl("patch", "node", node, "--subresource", "status", "--type", "merge", "--patch", status)

    def options(self, **changed: Any) -> dict[str, Any]:
        smoke = {"mode": "all", "image": IMAGE, "namespace": self.name, **changed.pop("smoke", {})}
        selector = f"{POOL_LABEL}={self.name}"
        given = {"label_selector": selector, "expected_gpus": "skip", "timeout": 60, "stable_for": 0, "smoke": smoke}
        return {**given, **changed}

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        return self.cluster.run("gpu_node_ready", check=check, **self.options(**options))

    def look(self, **options: Any) -> Outcome:
        """A run without smoke pods."""
        return self.run(smoke={"mode": "none"}, **options)

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cluster.get("pods", "--namespace", self.name)["items"]
        return found

    def smoke_pods(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if RUN_LABEL in pod["metadata"].get("labels", {})]

    def create(self, manifest: dict[str, Any]) -> None:
        self.cluster.kubectl("create", "--filename", "-", manifest=manifest)

    def work(self, node: str, gpus: int, **spec: Any) -> None:
        """A pod that is no smoke pod, for this node, and takes GPUs of it."""
        container = {"name": "work", "image": "work:1", "resources": {"limits": {GPU: str(gpus)}}}
        spec = {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [container], **spec}
        metadata = {"name": "work", "namespace": self.name}
        self.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def works(self) -> bool:
        return any((pod["metadata"]["name"], pod["status"].get("phase")) == ("work", "Running") for pod in self.pods())

    def taint(self, node: str, *taints: dict[str, str]) -> None:
        words = [f"{one['key']}={one['value']}:{one['effect']}" for one in taints]
        self.cluster.kubectl("taint", "node", node, "--overwrite", *words)

    def taints(self, node: str) -> set[str]:
        return {taint["key"] for taint in self.cluster.get("node", node)["spec"].get("taints", ())}

    def condition(self, node: str) -> dict[str, Any] | None:
        conditions = self.cluster.get("node", node)["status"]["conditions"]
        return next((entry for entry in conditions if entry["type"] == CONDITION), None)

    def caller(self, folder: Path, *verbs_and_resources: tuple[str, str]) -> str:
        """A kubeconfig with the token of a service account that may do nothing but these verbs on these resources."""
        kubectl, account = self.cluster.kubectl, f"{self.name}:caller"
        kubectl("create", "serviceaccount", "caller", "--namespace", self.name)
        for place, (verbs, resources) in enumerate(verbs_and_resources):
            name = f"{self.name}-{place}"
            resource, _slash, one = resources.partition("/")
            only = [f"--resource-name={one}"] if one else []
            kubectl("create", "clusterrole", name, f"--verb={verbs}", f"--resource={resource}", *only)
            kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={account}")
        content = yaml.safe_load(self.cluster.kubeconfig.read_text())
        token = kubectl("create", "token", "caller", "--namespace", self.name).strip()
        content["users"] = [{"name": content["users"][0]["name"], "user": {"token": token}}]
        limited = folder / "kubeconfig"
        limited.write_text(yaml.safe_dump(content))
        return str(limited)


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


def test_the_reasons_lead_the_verdict(pool: Pool) -> None:
    pool.add("sound", 4, instance_type="g5.12xlarge")
    for name in ("none", "neither"):
        pool.offer(pool.add(name, 1, instance_type="g4dn.xlarge"), capacity=None, allocatable=None)
    pool.offer(pool.add("unhealthy", 4, instance_type="g5.12xlarge"), capacity=4, allocatable=3)
    pool.add("lame", 3, instance_type="g5.12xlarge")
    pool.cluster.kubectl("cordon", pool.add("cordoned", 1, instance_type="g4dn.xlarge"))
    failed = pool.look(timeout=1, expected_gpus="auto")
    assert failed.failed
    assert failed.result["failure_kind"] == "timeout"
    assert failed.message.startswith(f"after 1 s: 1/6 ready; 2 PLUGIN_POD_MISSING ({pool.name}-neither)")
    assert codes(failed) == {
        "sound": [],
        "none": ["PLUGIN_POD_MISSING"],
        "neither": ["PLUGIN_POD_MISSING"],
        "unhealthy": ["PARTIAL_UNHEALTHY"],
        "lame": ["COUNT_BELOW_TYPE"],
        "cordoned": ["CORDONED"],
    }
    enough = pool.look(min_ready="1", expected_gpus="auto")
    assert not enough.failed, enough.message
    assert not enough.changed
    assert enough.result["gpus"] == {"expected": 15, "capacity": 12, "allocatable": 11, "missing": 4}


def test_check_mode_looks_once_and_never_fails(pool: Pool, tmp_path: Path) -> None:
    node = pool.add("one", 1)
    pool.taint(node, STARTUP)
    handed: dict[str, Any] = {"release_taint": STARTUP, "condition": CONDITION}
    foreseen = pool.run(check=True, **handed)
    assert not foreseen.failed, foreseen.message
    assert [found["phase"] for found in smoke(foreseen)] == ["skipped_check_mode"]
    assert (foreseen.result["taint_released"], foreseen.result["condition_written"]) == ([node], [node])
    assert pool.kubelet.pods_of(node) == []
    assert pool.taints(node) == {STARTUP["key"]}
    assert pool.condition(node) is None
    pool.offer(node, capacity=None, allocatable=None)
    for outcome in (pool.run(check=True, timeout=900), pool.run(check=True, kubeconfig=str(tmp_path / "none"))):
        assert not outcome.failed
        assert not outcome.result["ready"]
    assert pool.run(kubeconfig=str(tmp_path / "none")).result["failure_kind"] == "api_unreachable"


def test_the_plugins_pod_tells_why(pool: Pool) -> None:
    """The pod comes from a DaemonSet, as it does anywhere."""
    node = pool.add("one", 1)
    pool.offer(node, capacity=None, allocatable=None)
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    spec: dict[str, Any] = {
        "nodeSelector": {POOL_LABEL: pool.name},
        "containers": [{"name": "plugin", "image": "plugin:1"}],
    }
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "plugin", "namespace": pool.name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    # As the platform's own gate asks: the pods by name, and a DaemonSet only to say why one is missing.
    named = {"mode": "required", "namespace": pool.name, "selectors": ["=".join(*labels.items())]}
    pool.taint(node, POOL_TAINT)
    pool.create(daemon_set)
    for plugin in (named, {"mode": "auto"}):
        repelled = pool.look(timeout=10, fail_fast_after=0, device_plugin=plugin)
        assert repelled.result["failure_kind"] == "impossible"
        assert codes(repelled) == {"one": ["PLUGIN_REPELLED"]}
        assert f"{pool.name}/plugin does not tolerate {GPU}=true:NoSchedule" in repelled.message
    spec["tolerations"] = [{"key": GPU, "operator": "Exists"}]
    pool.cluster.kubectl("apply", "--filename", "-", manifest=daemon_set)
    wait_until(lambda: [pod for pod in pool.pods() if _is_ready(pod)], "the plugin's pod is ready")
    failed = pool.look(timeout=1)
    assert codes(failed) == {"one": ["NOT_ADVERTISED"]}
    assert failed.result["nodes"][0]["plugin_pod"].startswith("plugin-")
    pool.offer(node, capacity=0, allocatable=0)
    assert codes(pool.look(timeout=1)) == {"one": ["ALLOC_ZERO_PLUGIN_RUNNING"]}
    pool.offer(node, capacity=1, allocatable=1)
    ready = pool.look(device_plugin=named)
    assert not ready.failed, ready.message
    pool.cluster.kubectl("delete", "--namespace", pool.name, "daemonset", "plugin")


def _is_ready(pod: dict[str, Any]) -> bool:
    return any((one["type"], one["status"]) == ("Ready", "True") for one in pod["status"].get("conditions", ()))


def test_a_startup_taint_is_lifted_as_soon_as_a_node_has_been_ready_for_long_enough(pool: Pool) -> None:
    early, late = pool.add("early", 1), pool.add("late", 0)
    for node in (early, late):
        pool.taint(node, STARTUP)
    started = time.monotonic()
    options = pool.options(stable_for=2, release_taint=STARTUP, smoke={"mode": "none"})
    process = pool.cluster.start("gpu_node_ready", **options)
    wait_until(lambda: STARTUP["key"] not in pool.taints(early), "the taint of the early node is lifted")
    assert time.monotonic() - started >= 2
    assert process.poll() is None, "the other node is still waited for"
    assert STARTUP["key"] in pool.taints(late)
    pool.offer(late, capacity=1, allocatable=1)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert sorted(outcome.result["taint_released"]) == [early, late]
    assert STARTUP["key"] not in pool.taints(late)


def test_a_caller_who_may_only_see_nodes_gets_the_verdict_all_the_same(pool: Pool, tmp_path: Path) -> None:
    """What is written before the first refusal is told."""
    nodes = [pool.add("first", 1), pool.add("second", 1)]
    for node in nodes:
        pool.taint(node, STARTUP)
    limited = pool.caller(tmp_path, ("get,list,watch", "nodes"), ("patch", f"nodes/{nodes[0]}"))
    outcome = pool.look(kubeconfig=limited, ignore_taints=[STARTUP["key"]])
    assert not outcome.failed, outcome.message
    assert 'cannot list resource "daemonsets"' in outcome.warnings
    for handed, right in (({"condition": CONDITION}, "nodes/status"), ({"release_taint": STARTUP}, "nodes")):
        refused = pool.look(kubeconfig=limited, **handed)
        assert refused.result["failure_kind"] == "forbidden"
        assert f'cannot patch resource "{right}"' in refused.message
        assert refused.result["ready"]
    assert refused.changed
    assert refused.result["taint_released"] == nodes[:1]
    assert [pool.taints(node) for node in nodes] == [set(), {STARTUP["key"]}]


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
    pool.add("away", 1, TURNED_AWAY)
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
        "away": ["SMOKE_NOT_ADMITTED"],
        "again": [],
    }
    assert list(pool.kubelet.pods_of(again)) == [1, 1]
    wait_until(lambda: not pool.smoke_pods(), "the smoke pods are gone")


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
    wait_until(pool.works, "the work runs")
    before = pool.pods()[0]["metadata"]["uid"]
    pool.taint(node, STARTUP)
    skipped = pool.run(smoke={"busy": "skip"}, release_taint=STARTUP)
    assert not skipped.failed, skipped.message
    assert not skipped.changed, "a node that is not proved keeps its taint"
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
        wait_until(pool.works, "the work runs")
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


def test_a_missing_right_is_named_before_any_pod_is_made(pool: Pool, tmp_path: Path) -> None:
    pool.add("one", 1)
    limited = pool.caller(tmp_path, ("get,list,watch", "nodes,pods,daemonsets"), ("create", "pods"))
    outcome = pool.run(kubeconfig=limited)
    assert outcome.failed
    assert outcome.result["failure_kind"] == "forbidden"
    assert "delete pods, get pods/log" in outcome.message
    assert yaml.safe_load(Path(limited).read_text())["users"][0]["user"]["token"] not in outcome.output
    assert pool.smoke_pods() == []


def test_a_node_proves_itself_and_takes_pods_though_others_never_come(pool: Pool) -> None:
    sound, broken, absent = pool.add("sound", 2), pool.add("broken", 2, passes(1)), pool.add("absent", 0)
    for node in (sound, broken, absent):
        pool.taint(node, POOL_TAINT, STARTUP)
    options: dict[str, Any] = {"timeout": 2, "release_taint": STARTUP, "expected_taints": [f"{GPU}=true:NoSchedule"]}
    foreseen = pool.run(check=True, **options)
    assert foreseen.result["taint_released"] == sorted([sound, broken]), "what a pod shows cannot be foreseen"
    outcome = pool.run(**options)
    assert outcome.failed
    assert outcome.changed
    assert outcome.result["failure_kind"] == "timeout"
    assert codes(outcome) == {"sound": [], "broken": ["SMOKE_GPU_COUNT"], "absent": ["ALLOC_ZERO"]}
    assert outcome.result["taint_released"] == [sound]
    assert [pool.taints(node) for node in (sound, broken)] == [{GPU}, {GPU, STARTUP["key"]}]
    again = pool.run(**options, smoke={"mode": "missing_only"})
    assert not again.changed
    assert [list(pool.kubelet.pods_of(node)) for node in (sound, broken, absent)] == [[2], [2, 2], []]


def test_no_pod_is_made_where_none_can_help(pool: Pool) -> None:
    pool.add("sound", 2)
    pool.add("absent", 0)
    assert pool.run(timeout=2).result["failure_kind"] == "timeout"
    assert pool.run(timeout=2, release_taint=STARTUP).result["smoke_pods_created"] == 0


def test_no_pod_lands_on_a_node_before_its_gpus_work(pool: Pool) -> None:
    node = pool.add("late", 0, RUNS_ON)
    pool.taint(node, STARTUP)
    pool.work(node, 0)
    process = pool.cluster.start("gpu_node_ready", **pool.options(release_taint=STARTUP))
    pool.offer(node, capacity=2, allocatable=2)
    wait_until(lambda: list(pool.kubelet.pods_of(node)) == [2], "the smoke pod runs")
    assert STARTUP["key"] in pool.taints(node)
    assert not pool.works()
    pool.kubelet.finish(node)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert outcome.changed
    wait_until(pool.works, "the work has its place")


def test_taints_that_others_change_meanwhile_are_kept(pool: Pool) -> None:
    node = pool.add("one", 1)
    other = {"key": "example.com/other", "value": "before", "effect": "PreferNoSchedule"}
    pool.taint(node, STARTUP, other)
    as_read = pool.cluster.get("node", node)
    # The startup taint is at another place in the list then, and its neighbour has another value.
    taints = json.dumps({"spec": {"taints": [{**other, "value": "after"}, STARTUP]}})
    pool.cluster.kubectl("patch", "node", node, "--type", "merge", "--patch", taints)
    client = connect(pool.cluster.kubeconfig)
    assert list(release(client, [as_read], TaintPattern(**STARTUP), check_mode=False)) == [node]
    assert pool.cluster.get("node", node)["spec"]["taints"] == [{**other, "value": "after"}]


def test_the_taint_of_a_new_node_under_the_old_name_is_kept(pool: Pool) -> None:
    node = pool.add("one", 1)
    pool.taint(node, STARTUP)
    as_read = pool.cluster.get("node", node)
    pool.cluster.kubectl("delete", "node", node)
    pool.add("one", 1)
    pool.taint(node, STARTUP)
    client = connect(pool.cluster.kubeconfig)
    assert list(release(client, [as_read], TaintPattern(**STARTUP), check_mode=False)) == []
    assert pool.taints(node) == {STARTUP["key"]}


def test_the_verdict_is_written_as_a_condition(pool: Pool) -> None:
    sound, broken = pool.add("sound", 2), pool.add("broken", 2, passes(1), passes(2))

    def told(node: str) -> tuple[str, str]:
        written = pool.condition(node)
        assert written is not None
        return written["status"], written["reason"]

    reported = pool.look(state="report", condition=CONDITION)
    assert not reported.failed, reported.message
    assert [told(node) for node in (sound, broken)] == [("True", "GPUsReady")] * 2
    assert not pool.look(state="report", condition=CONDITION).changed
    outcome = pool.run(condition=CONDITION, smoke={"mode": "missing_only"})
    assert sorted(outcome.result["condition_written"]) == sorted([sound, broken])
    assert [told(node) for node in (sound, broken)] == [("True", "GPUsProved"), ("False", "SMOKE_GPU_COUNT")]
    others = {entry["type"] for entry in pool.cluster.get("node", sound)["status"]["conditions"]}
    assert "Ready" in others
    missing = pool.run(condition=CONDITION, smoke={"mode": "missing_only"})
    assert not missing.failed, missing.message
    assert missing.result["condition_written"] == [broken]
    assert list(pool.kubelet.pods_of(sound)) == [2]
    assert told(broken) == ("True", "GPUsProved")


def test_wrong_options_are_named_all_at_once(pool: Pool) -> None:
    outcome = pool.run(smoke={"image": "vectoradd:1", "parallelism": 0}, condition="Ready")
    assert outcome.failed
    for words in ("smoke.image", "smoke.parallelism", "condition is Ready"):
        assert words in outcome.message
