# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_node_ready against a fake API server that refuses, stalls, forgets and hangs up on demand."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import Selection
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Patience
from ansible_collections.entasis.engine.plugins.module_utils._gpu.watch import Watcher

from tests.support.control_plane import Outcome, connect, finish
from tests.support.gpu import Object, node, settings
from tests.support.kubernetes_fake import Fault, KubernetesFake, Request
from tests.support.modules import Process
from tests.support.waiting import wait_until

POOL = "gpu"
CONFIG, GOAL = settings().config, settings().goal
PLUGIN = {"app.kubernetes.io/name": "nvidia-device-plugin"}
#: A wait that is over as soon as the nodes are ready, and fails after a while.
SOON: dict[str, Any] = {"node_pool": {"name": POOL}, "timeout": 20, "stable_for": 0}

#: Half of the seconds that a node has to stay ready in some tests, so that a break in between can be told from none.
HALF_STABLE = 1.5


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[KubernetesFake]:
    with KubernetesFake(tmp_path) as running:
        running.put("daemonsets", daemon_set())
        yield running


def gpu_node(name: str, **properties: Any) -> Object:
    return node(name, labels={"eks.amazonaws.com/nodegroup": POOL}, **properties)


def late(name: str) -> Object:
    """A node whose GPU is not there yet."""
    return gpu_node(name, capacity=None, allocatable=None)


def daemon_set() -> Object:
    template = {"metadata": {"labels": PLUGIN}, "spec": {"tolerations": [{"operator": "Exists"}]}}
    return {"metadata": {"name": "plugin", "namespace": "kube-system"}, "spec": {"template": template}}


def plugin_pod(on: str) -> Object:
    return {
        "metadata": {"name": f"plugin-{on}", "namespace": "kube-system", "labels": PLUGIN},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def add(fake: KubernetesFake, *nodes: Object) -> None:
    """Nodes with the plugin's pod on each."""
    fake.put("pods", *(plugin_pod(one["metadata"]["name"]) for one in nodes))
    fake.put("nodes", *nodes)


def started(fake: KubernetesFake, watches: int = 1, **options: Any) -> Process:
    """The module, at the point where it watches the nodes."""
    before = fake.count("watch", "nodes")
    process = fake.start(**{**SOON, **options})
    fake.wait_for("watch", "nodes", before + watches)
    return process


def succeeded(process: Process) -> Outcome:
    outcome = finish(process)
    assert not outcome.failed, outcome.message
    return outcome


def watches_of_nodes(fake: KubernetesFake) -> list[Request]:
    return [one for one in fake.requests if (one.verb, one.resource) == ("watch", "nodes")]


def codes(outcome: Outcome) -> set[str]:
    return set(outcome.result["summary_by_reason"])


def test_one_list_in_pages_and_one_watch_of_each(fake: KubernetesFake) -> None:
    names = [f"n{number:04}" for number in range(1200)]
    add(fake, *(gpu_node(name) for name in names[:-1]), late(names[-1]))
    process = started(fake)
    fake.wait_for("watch", "pods")
    fake.put("nodes", gpu_node(names[-1]))
    outcome = succeeded(process)
    assert outcome.result["ready_count"] == 1200
    assert len(outcome.result["nodes"]) == 200
    assert outcome.result["nodes_left_out"] == 1000
    lists = [request for request in fake.requests if (request.verb, request.resource) == ("list", "nodes")]
    assert [request.query["limit"] for request in lists] == ["500"] * 3
    assert ["continue" in request.query for request in lists] == [False, True, True]
    assert all(request.query["labelSelector"] == f"eks.amazonaws.com/nodegroup={POOL}" for request in lists)
    pods = [request for request in fake.requests if request.resource == "pods"]
    assert [(request.verb, request.namespace) for request in pods] == [
        ("list", "kube-system"),
        ("watch", "kube-system"),
    ]
    assert all(request.query["labelSelector"] == "app.kubernetes.io/name=nvidia-device-plugin" for request in pods)
    watches = [request for request in fake.requests if request.verb == "watch"]
    assert len(watches) == 2
    assert all(request.query["allowWatchBookmarks"] == "true" for request in watches)
    assert all(int(request.query["timeoutSeconds"]) <= 290 for request in watches)


def test_a_watch_that_ends_goes_on_where_it_was(fake: KubernetesFake) -> None:
    fake.events_per_watch = 1
    add(fake, late("n1"), late("n2"), late("n3"))
    process = started(fake)
    for name in ("n1", "n2", "n3"):
        fake.put("nodes", gpu_node(name))
    succeeded(process)
    assert fake.count("list", "nodes") == 1
    assert fake.count("watch", "nodes") >= 3


def test_after_a_bookmark_the_watch_goes_on_from_there(fake: KubernetesFake) -> None:
    add(fake, late("n1"))
    process = started(fake)
    fake.bookmark()
    wait_until(lambda: fake.bookmarks_sent, "a bookmark sent")
    fake.close_watches()
    fake.wait_for("watch", "nodes", 2)
    first, second = (int(one.query["resourceVersion"]) for one in watches_of_nodes(fake))
    assert second > first
    fake.put("nodes", gpu_node("n1"))
    succeeded(process)
    assert fake.count("list", "nodes") == 1


def test_what_the_server_forgot_is_listed_again(fake: KubernetesFake) -> None:
    add(fake, late("n1"), late("gone"))
    process = started(fake)
    fake.faults.append(Fault("watch", "nodes", status=503))
    fake.close_watches()
    fake.delete("nodes", "gone")
    fake.put("nodes", gpu_node("n1"))
    fake.forget()
    outcome = succeeded(process)
    assert outcome.result["total"] == 1
    assert fake.count("list", "nodes") >= 2


def test_a_list_whose_snapshot_is_gone_begins_anew(fake: KubernetesFake) -> None:
    add(fake, *(gpu_node(f"n{number:04}") for number in range(600)))
    fake.faults.append(Fault("list", "nodes", status=410, after=1))
    outcome = fake.run(**SOON)
    assert not outcome.failed, outcome.message
    assert outcome.result["total"] == 600
    assert fake.count("list", "nodes") == 4


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_pause_that_the_server_asks_for_is_kept(fake: KubernetesFake, verb: str) -> None:
    add(fake, late("n1"))
    fake.faults.append(Fault(verb, "nodes", status=429, retry_after="1"))
    process = started(fake, watches=2 if verb == "watch" else 1)
    fake.put("nodes", gpu_node("n1"))
    succeeded(process)
    first, second = [one.at for one in fake.requests if (one.verb, one.resource) == (verb, "nodes")][:2]
    assert second - first >= 1.0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("list", "nodes", status=500),
        Fault("watch", "nodes", status=500),
        Fault("list", "nodes", close=True),
        Fault("watch", "nodes", close=True, times=4),
        Fault("list", "pods", status=503, times=2),
    ],
    ids=lambda fault: f"{fault.verb}-{fault.resource}-{fault.status or 'close'}",
)
def test_what_passes_is_waited_out(fake: KubernetesFake, fault: Fault) -> None:
    add(fake, late("n1"))
    fake.faults.append(fault)
    process = started(fake)
    fake.put("nodes", gpu_node("n1"))
    succeeded(process)
    assert not fake.faults


def test_a_silent_watch_is_given_up(fake: KubernetesFake) -> None:
    """As a half-open connection: nothing comes and nothing ends. In this process, with a short patience for silence."""
    add(fake, late("n1"))
    client = connect(fake.kubeconfig)
    with Watcher(client, Selection("eks.amazonaws.com/nodegroup=gpu"), CONFIG, GOAL, silence=0.5) as watcher:
        assert not watcher.look(10.0).verdict.ready
        fake.wait_for("watch", "nodes")
        fake.silence_watches()
        fake.put("nodes", gpu_node("n1"))
        watched = watcher.wait(Patience(timeout=20.0))
    assert watched.failure is None
    assert fake.count("list", "nodes") == 1
    assert fake.count("watch", "nodes") >= 2


def test_the_time_is_kept_where_the_server_is_silent(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"))
    fake.faults.append(Fault("list", "nodes", times=10))
    outcome = fake.run(**{**SOON, "timeout": 2})
    assert outcome.failed
    assert outcome.result["failure_kind"] == "api_unreachable"
    assert "did not answer in time" in outcome.message
    assert "nodes could not be read" in outcome.message


def test_a_server_that_goes_away_is_told_apart_from_bad_nodes(tmp_path: Path) -> None:
    with KubernetesFake(tmp_path) as fake:
        add(fake, late("n1"))
        process = started(fake, timeout=4)
    outcome = finish(process)
    assert outcome.failed
    assert outcome.result["failure_kind"] == "api_unreachable"
    assert "nothing answers" in outcome.message
    assert outcome.result["total"] == 1


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_missing_right_is_named(fake: KubernetesFake, verb: str) -> None:
    add(fake, late("n1"))
    fake.forbidden.add((verb, "nodes"))
    outcome = fake.run(**SOON)
    assert outcome.failed
    assert outcome.result["failure_kind"] == "forbidden"
    assert f'cannot {verb} resource "nodes"' in outcome.message
    assert fake.count(verb, "nodes") == 1


@pytest.mark.parametrize("resource", ["pods", "daemonsets"])
def test_without_the_plugins_pods_the_nodes_are_judged_all_the_same(fake: KubernetesFake, resource: str) -> None:
    add(fake, gpu_node("n1"))
    fake.forbidden.add(("list", resource))
    outcome = fake.run(**SOON)
    assert not outcome.failed, outcome.message
    assert f'cannot list resource "{resource}"' in outcome.warnings
    required = fake.run(**SOON, device_plugin={"mode": "required"})
    assert required.result["failure_kind"] == "forbidden"
    assert f'cannot list resource "{resource}"' in required.message


def test_nothing_is_listed_in_vain_where_the_plugins_pods_are_named_and_all_is_well(fake: KubernetesFake) -> None:
    """As the platform's own gate asks: three lists that wait for nothing but the nodes."""
    fake.forbidden.add(("list", "daemonsets"))
    add(fake, gpu_node("n1"))
    selector = "=".join(*PLUGIN.items())
    named = {"mode": "required", "namespace": "kube-system", "selectors": [selector]}
    outcome = fake.run(**SOON, device_plugin=named)
    assert not outcome.failed, outcome.message
    assert outcome.result["nodes"][0]["plugin_pod"] == "plugin-n1"
    listed = [(one.resource, one.query.get("labelSelector")) for one in fake.requests if one.verb == "list"]
    assert sorted(listed, key=str) == [
        ("leases", None),
        ("nodes", f"eks.amazonaws.com/nodegroup={POOL}"),
        ("pods", selector),
    ]


def test_a_new_token_is_read_from_the_kubeconfig(fake: KubernetesFake) -> None:
    add(fake, late("n1"))
    process = started(fake)
    fake.tokens = {"second"}
    fake.write_kubeconfig("second")
    fake.close_watches()
    wait_until(lambda: "second" in {one.token for one in watches_of_nodes(fake)}, "a watch with the new token")
    fake.put("nodes", gpu_node("n1"))
    succeeded(process)


def test_a_token_that_stays_unknown_ends_the_wait(fake: KubernetesFake) -> None:
    add(fake, late("n1"))
    process = started(fake)
    fake.wait_for("watch", "pods")
    before = len(fake.requests)
    fake.tokens = {"second"}
    fake.close_watches()
    outcome = finish(process)
    assert outcome.failed
    assert outcome.result["failure_kind"] == "forbidden"
    assert "does not know the caller" in outcome.message
    refused = [(one.verb, one.resource) for one in fake.requests[before:] if one.status == 401]
    # Once more with what the kubeconfig says by then, and no third time.
    assert max(refused.count(one) for one in refused) == 2


def test_a_node_that_fails_for_a_moment_begins_anew(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"), gpu_node("n2"))
    process = started(fake, stable_for=int(2 * HALF_STABLE))
    time.sleep(HALF_STABLE)
    flapped = time.monotonic()
    fake.put("nodes", gpu_node("n1", ready="False"), gpu_node("n1"))
    succeeded(process)
    assert time.monotonic() - flapped >= 2 * HALF_STABLE


def test_nodes_that_join_and_leave(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"), late("spot"))
    process = started(fake, expected_count=3)
    add(fake, gpu_node("n2"))
    fake.delete("nodes", "spot")
    add(fake, gpu_node("n3"))
    outcome = succeeded(process)
    assert [one["name"] for one in outcome.result["nodes"]] == ["n1", "n2", "n3"]


@pytest.mark.parametrize(
    ("node", "options", "kind", "code"),
    [
        (
            gpu_node("n1", capacity=3, allocatable=3, instance_type="g5.12xlarge"),
            {"fail_fast_after": 1},
            "impossible",
            "COUNT_BELOW_TYPE",
        ),
        (gpu_node("n1"), {"timeout": 1, "stable_for": 30}, "timeout", "NOT_STABLE"),
        (None, {"timeout": 1}, "no_nodes", "NO_NODES"),
    ],
    ids=["what waiting cannot mend ends it", "ready and not for long enough", "no node at all"],
)
def test_why_a_wait_ended(
    fake: KubernetesFake, node: Object | None, options: dict[str, Any], kind: str, code: str
) -> None:
    add(fake, *([node] if node else []))
    failed = fake.run(**{**SOON, **options})
    assert failed.failed
    assert failed.result["failure_kind"] == kind
    assert codes(failed) == {code}
    assert failed.result["waited_s"] < SOON["timeout"]


def test_a_kubelet_that_fell_silent_is_noticed_before_the_cluster_does(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"))
    lease = {"metadata": {"name": "n1", "namespace": "kube-node-lease"}, "spec": {"renewTime": "2020-01-01T00:00:00Z"}}
    fake.put("leases", lease)
    failed = fake.run(**{**SOON, "timeout": 1})
    assert failed.failed
    assert codes(failed) == {"LEASE_STALE"}
    assert not fake.run(**SOON, lease_max_age=0).failed


def test_gpus_that_a_dra_driver_serves(fake: KubernetesFake) -> None:
    fake.put("daemonsets", {**daemon_set(), "metadata": {"name": "nvidia-dra-driver-gpu", "namespace": "nvidia"}})
    fake.put("nodes", late("n1"))
    pool = {"name": "n1", "generation": 1, "resourceSliceCount": 1}
    spec: Object = {"driver": "gpu.nvidia.com", "nodeName": "n1", "pool": pool, "devices": []}
    fake.put("resourceslices", {"metadata": {"name": "n1-gpu"}, "spec": spec})
    process = started(fake)
    fake.wait_for("watch", "resourceslices")
    spec = {**spec, "devices": [{"name": "gpu-0"}]}
    fake.put("resourceslices", {"metadata": {"name": "n1-gpu"}, "spec": spec})
    outcome = succeeded(process)
    assert outcome.result["nodes"][0]["mode"] == "dra"
    served = [one for one in fake.requests if one.resource == "resourceslices"]
    assert {one.query["fieldSelector"] for one in served} == {"spec.driver=gpu.nvidia.com"}
    before = sum(one.verb == "list" for one in fake.requests)
    alone = fake.run(**SOON, mode="dra")
    assert not alone.failed, alone.message
    assert sum(one.verb == "list" for one in fake.requests) == before + 3, "nodes, slices, leases"


def test_a_hopeless_node_that_is_not_needed_does_not_keep_it_busy(fake: KubernetesFake) -> None:
    broken = gpu_node("n1", capacity=3, allocatable=3, instance_type="g5.12xlarge")
    add(fake, broken, gpu_node("n2"))
    looks = itertools.count()

    def clock() -> float:
        next(looks)
        return time.monotonic()

    goal = settings(min_ready="1", fail_fast_after=0).goal
    client = connect(fake.kubeconfig)
    with Watcher(client, Selection("eks.amazonaws.com/nodegroup=gpu"), CONFIG, goal, clock=clock) as watcher:
        assert watcher.wait(Patience(timeout=20.0, stable_for=1.0)).failure is None
    # A look asks for the time a few times; one that does not wait would do so thousands of times a second.
    assert next(looks) < 500


def test_nodes_by_name(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"), gpu_node("n2"), late("n3"))
    for names, total in ((["n1", "n2"], 2), (["n1"], 1)):
        outcome = fake.run(timeout=5, stable_for=0, nodes=names)
        assert not outcome.failed, outcome.message
        assert outcome.result["total"] == total
    assert "metadata.name=n1" in [one.query.get("fieldSelector") for one in fake.requests if one.resource == "nodes"]


def test_a_report_lists_and_never_watches(fake: KubernetesFake) -> None:
    add(fake, gpu_node("n1"), late("n2"))
    for outcome in (fake.run(**SOON, state="report"), fake.run(**SOON, check=True)):
        assert not outcome.failed
        assert not outcome.result["ready"]
        assert outcome.result["ready_count"] == 1
        assert codes(outcome) == {"NOT_ADVERTISED"}
    assert fake.count("watch", "nodes") == 0
    assert fake.count("list", "nodes") == 2


def test_the_progress_says_how_many_are_ready_and_why_not(fake: KubernetesFake, tmp_path: Path) -> None:
    add(fake, gpu_node("n1"), late("n2"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        finish(fake.start(**{**SOON, "timeout": 1}, environment={"ENTASIS_PROGRESS_PIPE": str(pipe)}))
        said = os.read(reader, 65536).decode()
    finally:
        os.close(reader)
    assert "1/2 ready; 1 NOT_ADVERTISED (n2), 0 s" in said


def test_the_wall_clock_may_jump(fake: KubernetesFake, monkeypatch: pytest.MonkeyPatch) -> None:
    add(fake, gpu_node("n1"))
    client = connect(fake.kubeconfig)
    with Watcher(client, Selection("eks.amazonaws.com/nodegroup=gpu"), CONFIG, GOAL) as watcher:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        watched = watcher.wait(Patience(timeout=20.0, stable_for=1.0))
        assert watcher.moment().wall > 1e9
    assert watched.failure is None
    assert 1.0 <= watched.seconds < 20.0
