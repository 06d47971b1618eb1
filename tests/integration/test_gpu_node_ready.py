# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready against a real API server with simulated nodes whose GPUs come, go and break."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane, Outcome, finish
from tests.support.waiting import wait_until

GPU = "nvidia.com/gpu"
POOL_LABEL = "eks.amazonaws.com/nodegroup"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


class Pool:
    """The nodes of one test, found by a label of their own."""

    def __init__(self, cluster: ControlPlane) -> None:
        self.cluster = cluster
        self.name = f"pool-{next(_numbers)}"
        selector = f"{POOL_LABEL}={self.name}"
        self.options: dict[str, Any] = {"label_selector": selector, "timeout": 30, "stable_for": 0}

    def add(self, number: int, instance_type: str = "g4dn.xlarge") -> str:
        """A node that the cluster knows to be Ready."""
        name = f"{self.name}-{number}"
        labels = {POOL_LABEL: self.name, "node.kubernetes.io/instance-type": instance_type}
        self.cluster.add_node(name, labels)
        wait_until(lambda: "node.kubernetes.io/not-ready" not in taints(self, name), f"{name} is known to be Ready")
        return name

    def offer(self, node: str, *, capacity: int, allocatable: int) -> None:
        """Let a node offer GPUs."""
        status = {"capacity": {GPU: str(capacity)}, "allocatable": {GPU: str(allocatable)}}
        patch = json.dumps({"status": status})
        self.cluster.kubectl("patch", "node", node, "--subresource", "status", "--type", "merge", "--patch", patch)

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        return self.cluster.run("gpu_node_ready", check=check, **{**self.options, **options})


@pytest.fixture
def pool(cluster: ControlPlane) -> Pool:
    return Pool(cluster)


def codes(outcome: Outcome) -> set[str]:
    return set(outcome.result["summary_by_reason"])


def test_nodes_that_offer_their_gpus_are_ready(pool: Pool) -> None:
    pool.offer(pool.add(1), capacity=1, allocatable=1)
    pool.offer(pool.add(2, "g5.12xlarge"), capacity=4, allocatable=4)
    outcome = pool.run(expected_count=2)
    assert not outcome.failed, outcome.message
    assert not outcome.changed
    assert outcome.result["gpus"] == {"expected": 5, "capacity": 5, "allocatable": 5, "missing": 0}
    assert [node["ready"] for node in outcome.result["nodes"]] == [True, True]


def test_it_waits_for_what_comes_later(pool: Pool) -> None:
    first = pool.add(1)
    process = pool.cluster.start("gpu_node_ready", expected_count=2, **pool.options)
    pool.offer(first, capacity=1, allocatable=1)
    second = pool.add(2)
    pool.offer(second, capacity=1, allocatable=0)
    pool.offer(second, capacity=1, allocatable=1)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert outcome.result["ready_count"] == 2


def test_the_reasons_lead_the_failure(pool: Pool) -> None:
    pool.add(1)
    pool.add(2)
    pool.offer(pool.add(3, "g5.12xlarge"), capacity=4, allocatable=3)
    pool.offer(pool.add(4, "g5.12xlarge"), capacity=3, allocatable=3)
    failed = pool.run(timeout=1)
    assert failed.failed
    assert failed.result["failure_kind"] == "timeout"
    assert failed.message.startswith(f"after 1 s: 0/4 ready; 2 PLUGIN_POD_MISSING ({pool.name}-1)")
    assert codes(failed) == {"PLUGIN_POD_MISSING", "PARTIAL_UNHEALTHY", "COUNT_BELOW_TYPE"}


def test_cordoned_and_unready_nodes_do_not_count(pool: Pool) -> None:
    cordoned, fine = pool.add(1), pool.add(2)
    for node in (cordoned, fine):
        pool.offer(node, capacity=1, allocatable=1)
    pool.cluster.kubectl("cordon", cordoned)
    failed = pool.run(timeout=1)
    assert failed.failed
    assert codes(failed) == {"CORDONED"}
    assert not pool.run(expected_count=1).failed


def test_no_node_is_ready_only_where_none_is_expected(pool: Pool) -> None:
    failed = pool.run(timeout=1)
    assert failed.failed
    assert failed.result["failure_kind"] == "no_nodes"
    assert codes(failed) == {"NO_NODES"}
    assert not pool.run(expected_count=0).failed


def test_check_mode_looks_once_and_never_fails(pool: Pool, tmp_path: Path) -> None:
    pool.add(1)
    looked = pool.run(check=True, timeout=900)
    assert not looked.failed
    assert not looked.result["ready"]
    assert codes(looked) == {"PLUGIN_POD_MISSING"}
    nowhere = pool.run(check=True, kubeconfig=str(tmp_path / "none"))
    assert not nowhere.failed
    assert not nowhere.result["ready"]
    assert pool.run(kubeconfig=str(tmp_path / "none")).result["failure_kind"] == "api_unreachable"


def test_the_plugins_pod_tells_why(pool: Pool) -> None:
    """The pod comes from a DaemonSet, as it does anywhere."""
    node = pool.add(1)
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    spec = {
        "nodeSelector": {POOL_LABEL: pool.name},
        "containers": [{"name": "plugin", "image": "plugin:1"}],
    }
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": f"plugin-{pool.name}", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    pool.cluster.kubectl("taint", "node", node, f"{GPU}:NoSchedule")
    pool.cluster.kubectl("create", "--filename", "-", manifest=daemon_set)
    repelled = pool.run(timeout=10, fail_fast_after=0)
    assert repelled.result["failure_kind"] == "impossible"
    assert "PLUGIN_REPELLED" in codes(repelled)
    assert f"plugin-{pool.name} does not tolerate {GPU}:NoSchedule" in repelled.message
    spec["tolerations"] = [{"key": GPU, "operator": "Exists"}]
    pool.cluster.kubectl("apply", "--filename", "-", manifest=daemon_set)
    ready = ["--namespace", "kube-system", "--for", "condition=Ready", "pod", "--selector", "=".join(*labels.items())]
    wait_until(
        lambda: pool.cluster.kubectl("wait", "--timeout", "5s", *ready, check=False), "the plugin's pod is ready"
    )
    failed = pool.run(timeout=1)
    assert failed.failed
    assert codes(failed) == {"NOT_ADVERTISED"}
    assert failed.result["nodes"][0]["plugin_pod"].startswith(f"plugin-{pool.name}-")
    pool.offer(node, capacity=0, allocatable=0)
    assert codes(pool.run(timeout=1)) == {"ALLOC_ZERO_PLUGIN_RUNNING"}
    pool.cluster.kubectl("delete", "--namespace", "kube-system", "daemonset", f"plugin-{pool.name}")


def test_gpus_that_go_away_are_waited_for(pool: Pool) -> None:
    node = pool.add(1, "g5.12xlarge")
    pool.offer(node, capacity=4, allocatable=4)
    process = pool.cluster.start("gpu_node_ready", **{**pool.options, "stable_for": 3})
    time.sleep(1.5)
    pool.offer(node, capacity=4, allocatable=3)
    gone = time.monotonic()
    pool.offer(node, capacity=4, allocatable=4)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert time.monotonic() - gone >= 3


def test_a_node_replaced_under_its_name_is_another_node(pool: Pool) -> None:
    node = pool.add(1)
    pool.offer(node, capacity=1, allocatable=1)
    process = pool.cluster.start("gpu_node_ready", expected_count=2, **pool.options)
    pool.cluster.kubectl("delete", "node", node)
    pool.add(1)
    pool.offer(pool.add(2), capacity=1, allocatable=1)
    assert process.poll() is None
    pool.offer(node, capacity=1, allocatable=1)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert outcome.result["total"] == 2


def test_a_startup_taint_is_lifted_from_the_nodes_that_are_ready(pool: Pool) -> None:
    good, late = pool.add(1), pool.add(2)
    for node in (good, late):
        pool.cluster.kubectl("taint", "node", node, f"{GPU}:NoSchedule", "example.com/starting:NoSchedule")
    pool.offer(good, capacity=1, allocatable=1)
    taint = {"key": "example.com/starting"}
    foreseen = pool.run(check=True, release_taint=taint)
    assert foreseen.result["taint_released"] == [good]
    assert foreseen.changed
    assert taints(pool, good) == {GPU, "example.com/starting"}
    failed = pool.run(timeout=1, release_taint=taint)
    assert failed.failed
    assert failed.changed
    assert taints(pool, good) == {GPU}
    assert taints(pool, late) == {GPU, "example.com/starting"}
    pool.offer(late, capacity=1, allocatable=1)
    assert pool.run(release_taint=taint).result["taint_released"] == [late]
    again = pool.run(release_taint=taint)
    assert not again.failed
    assert not again.changed


def test_a_startup_taint_is_lifted_as_soon_as_a_node_has_been_ready_for_long_enough(pool: Pool) -> None:
    starting = "example.com/starting"
    early, late = pool.add(1), pool.add(2)
    for node in (early, late):
        pool.cluster.kubectl("taint", "node", node, f"{starting}:NoSchedule")
    options = {**pool.options, "timeout": 60, "stable_for": 2, "release_taint": {"key": starting}}
    process = pool.cluster.start("gpu_node_ready", **options)
    offered = time.monotonic()
    pool.offer(early, capacity=1, allocatable=1)
    wait_until(lambda: starting not in taints(pool, early), "the taint of the early node is lifted")
    assert time.monotonic() - offered >= 2
    assert process.poll() is None, "the other node is still waited for"
    assert starting in taints(pool, late)
    pool.offer(late, capacity=1, allocatable=1)
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    assert sorted(outcome.result["taint_released"]) == [early, late]
    assert starting not in taints(pool, late)


def test_the_verdict_is_handed_on_as_a_condition(pool: Pool) -> None:
    good, late = pool.add(1), pool.add(2)
    pool.offer(good, capacity=1, allocatable=1)
    handed: dict[str, Any] = {"condition": "example.com/GPUReady"}
    looked = pool.run(check=True, **handed)
    assert looked.changed
    assert looked.result["condition_written"] == [good, late]
    assert condition(pool, good) is None
    reported = pool.run(state="report", **handed)
    assert not reported.failed
    assert reported.result["condition_written"] == [good, late]
    assert {node: condition(pool, node) for node in (good, late)} == {
        good: ("True", "GPUsReady"),
        late: ("False", "PLUGIN_POD_MISSING"),
    }
    assert not pool.run(state="report", **handed).changed


def test_a_caller_without_rights_is_told_which(pool: Pool, tmp_path: Path) -> None:
    refused = pool.run(kubeconfig=caller(pool, tmp_path))
    assert refused.failed
    assert refused.result["failure_kind"] == "forbidden"
    assert 'cannot list resource "nodes"' in refused.message


def test_a_caller_who_may_list_and_not_watch(pool: Pool, tmp_path: Path) -> None:
    pool.add(1)
    refused = pool.run(kubeconfig=caller(pool, tmp_path, "--verb=list"))
    assert refused.result["failure_kind"] == "forbidden"
    assert 'cannot watch resource "nodes"' in refused.message


def test_a_caller_who_may_only_see_nodes_gets_the_verdict_all_the_same(pool: Pool, tmp_path: Path) -> None:
    pool.offer(pool.add(1), capacity=1, allocatable=1)
    kubeconfig = caller(pool, tmp_path, "--verb=get,list,watch")
    outcome = pool.run(kubeconfig=kubeconfig)
    assert not outcome.failed, outcome.message
    assert 'cannot list resource "daemonsets"' in outcome.warnings
    unreleased = pool.run(kubeconfig=kubeconfig, condition="example.com/GPUReady")
    assert unreleased.result["failure_kind"] == "forbidden"
    assert 'cannot patch resource "nodes/status"' in unreleased.message
    assert unreleased.result["ready"]


def test_the_nodes_that_were_opened_are_told_though_the_next_one_may_not_be(pool: Pool, tmp_path: Path) -> None:
    kubeconfig = caller(pool, tmp_path, "--verb=get,list,watch")
    first, second = pool.add(1), pool.add(2)
    for node in (first, second):
        pool.cluster.kubectl("taint", "node", node, "example.com/starting:NoSchedule")
        pool.offer(node, capacity=1, allocatable=1)
    name = f"{pool.name}-first"
    pool.cluster.kubectl("create", "clusterrole", name, "--verb=patch", "--resource=nodes", f"--resource-name={first}")
    pool.cluster.kubectl(
        "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{pool.name}"
    )
    outcome = pool.run(kubeconfig=kubeconfig, release_taint={"key": "example.com/starting"})
    assert outcome.result["failure_kind"] == "forbidden"
    assert 'cannot patch resource "nodes"' in outcome.message
    assert outcome.changed
    assert outcome.result["taint_released"] == [first]
    assert [taints(pool, node) for node in (first, second)] == [set(), {"example.com/starting"}]


def taints(pool: Pool, node: str) -> set[str]:
    return {taint["key"] for taint in pool.cluster.get("node", node)["spec"].get("taints", ())}


def condition(pool: Pool, node: str) -> tuple[str, str] | None:
    written = pool.cluster.get("node", node)["status"]["conditions"]
    found = ((one["status"], one["reason"]) for one in written if one["type"] == "example.com/GPUReady")
    return next(found, None)


def caller(pool: Pool, folder: Path, verbs: str = "") -> str:
    """A kubeconfig with the token of a service account that may do these verbs on nodes, and nothing else."""
    name = pool.name
    pool.cluster.kubectl("create", "serviceaccount", name)
    if verbs:
        pool.cluster.kubectl("create", "clusterrole", name, verbs, "--resource=nodes")
        pool.cluster.kubectl(
            "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{name}"
        )
    admin = json.loads(pool.cluster.kubectl("config", "view", "--raw", "--output", "json"))
    admin["users"][0]["user"] = {"token": pool.cluster.kubectl("create", "token", name).strip()}
    kubeconfig = folder / "limited"
    kubeconfig.write_text(json.dumps(admin))
    return str(kubeconfig)
