# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready against a real API server with simulated nodes whose GPUs come, go and break."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane, Outcome, finish

GPU = "nvidia.com/gpu"

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
        selector = f"eks.amazonaws.com/nodegroup={self.name}"
        self.options: dict[str, Any] = {"label_selector": selector, "timeout": 30, "stable_for": 0}

    def add(self, number: int, instance_type: str = "g4dn.xlarge") -> str:
        name = f"{self.name}-{number}"
        labels = {"eks.amazonaws.com/nodegroup": self.name, "node.kubernetes.io/instance-type": instance_type}
        self.cluster.add_node(name, labels)
        return name

    def offer(self, node: str, *, capacity: int, allocatable: int) -> None:
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
    assert outcome.result["watch"]["relists"] == 0


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
    assert outcome.result["watch"]["relists"] == 0


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
    node = pool.add(1)
    pool.cluster.kubectl(
        "create",
        "--filename",
        "-",
        manifest={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"plugin-{pool.name}",
                "namespace": "kube-system",
                "labels": {"app.kubernetes.io/name": "nvidia-device-plugin"},
            },
            "spec": {
                "nodeName": node,
                "containers": [{"name": "plugin", "image": "plugin:1"}],
                "tolerations": [{"operator": "Exists"}],
            },
        },
    )
    failed = pool.run(timeout=3)
    assert failed.failed
    assert codes(failed) == {"NOT_ADVERTISED"}
    assert failed.result["nodes"][0]["plugin_pod"] == f"plugin-{pool.name}"
    pool.offer(node, capacity=0, allocatable=0)
    assert codes(pool.run(timeout=1)) == {"ALLOC_ZERO_PLUGIN_RUNNING"}


def test_a_caller_without_rights_is_told_which(pool: Pool, tmp_path: Path) -> None:
    token = pool.cluster.kubectl("create", "token", "default").strip()
    admin = json.loads(pool.cluster.kubectl("config", "view", "--raw", "--output", "json"))
    admin["users"][0]["user"] = {"token": token}
    (tmp_path / "default").write_text(json.dumps(admin))
    refused = pool.run(kubeconfig=str(tmp_path / "default"))
    assert refused.failed
    assert refused.result["failure_kind"] == "forbidden"
    assert 'cannot list resource "nodes"' in refused.message
