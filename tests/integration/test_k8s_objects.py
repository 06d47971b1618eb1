# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""k8s_objects against a real API server, judged by kubectl."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import apply_set
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference

from tests.support.control_plane import (
    ControlPlane,
    Outcome,
    config_map,
    definition,
    deployment,
    finish,
    names,
    namespace,
)
from tests.support.waiting import wait_until

PART_OF = "applyset.kubernetes.io/part-of"
KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
SET = "demo"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        running.add_node("node-1", cpu="64")
        yield running


@pytest.fixture
def space() -> str:
    """The name of a namespace that is not there yet."""
    return f"space-{next(_numbers)}"


class Set:
    """The set of a test: the same options in each run, the objects as they come."""

    def __init__(self, cluster: ControlPlane, space: str) -> None:
        self.cluster = cluster
        self.space = space

    def run(self, *objects: dict[str, Any] | None, check: bool = False, **options: Any) -> Outcome:
        given = {"name": SET, "namespace": self.space, "wait_timeout": 30, **options}
        if given.get("state") != "absent":
            given["objects"] = list(objects)
        return self.cluster.run("k8s_objects", check=check, **given)

    def apply(self, *objects: dict[str, Any] | None, **options: Any) -> Outcome:
        outcome = self.run(*objects, **options)
        assert not outcome.failed, outcome.message
        return outcome

    def hold(self, name: str, *finalizers: str) -> None:
        """Keep a ConfigMap from being removed by these finalizers; by none, let it go."""
        patch = json.dumps({"metadata": {"finalizers": list(finalizers) or None}})
        self.cluster.kubectl("patch", "configmap", name, "--namespace", self.space, "--type", "merge", "--patch", patch)

    def exists(self, kind: str, name: str) -> bool:
        return self.cluster.exists(kind, name, "--namespace", self.space)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.cluster.get(kind, name, "--namespace", self.space)


@pytest.fixture
def objects(cluster: ControlPlane, space: str) -> Set:
    return Set(cluster, space)


def test_quartet_with_a_namespace_of_its_own(objects: Set, space: str) -> None:
    manifests = [namespace(space), config_map("settings", a="1"), config_map("there", "default"), deployment("web")]
    planned = objects.run(*manifests, check=True)
    assert not planned.failed, planned.message
    assert not objects.cluster.exists("namespace", space)

    made = objects.apply(*manifests)
    assert made.changes == planned.changes
    assert made.changes == [
        ("create", "Namespace", space),
        ("create", "ConfigMap", f"{space}/applyset-{SET}"),
        ("create", "ConfigMap", f"{space}/settings"),
        ("create", "ConfigMap", "default/there"),
        ("create", "Deployment.apps", f"{space}/web"),
    ]
    web = objects.get("deployment", "web")
    assert web["status"]["availableReplicas"] == 1
    owners = {entry["manager"] for entry in web["metadata"]["managedFields"] if entry["operation"] == "Apply"}
    assert owners == {"entasis.engine"}
    assert objects.get("configmap", "settings")["data"] == {"a": "1"}
    parent = objects.get("configmap", f"applyset-{SET}")
    assert parent["metadata"]["labels"] == {"applyset.kubernetes.io/id": made.result["set_id"]}
    assert parent["metadata"]["annotations"][KINDS] == "ConfigMap,Deployment.apps,Namespace"
    assert parent["metadata"]["annotations"][NAMESPACES] == "default"
    members = objects.cluster.get("configmap,deployment", "-A", "--selector", f"{PART_OF}={made.result['set_id']}")
    assert len(members["items"]) == 3

    assert objects.apply(*manifests).changes == []
    assert objects.run(*manifests, check=True).changes == []
    assert objects.get("deployment", "web")["metadata"]["resourceVersion"] == web["metadata"]["resourceVersion"]

    # The diff shows only the fields that change.
    manifests[-1] = deployment("web", image="web:2")
    path = "spec.template.spec.containers[name=main].image"
    planned = objects.run(*manifests, check=True)
    assert planned.result["diff"] == {
        "before": {f"Deployment.apps/{space}/web": {path: "web:1"}},
        "after": {f"Deployment.apps/{space}/web": {path: "web:2"}},
    }
    assert objects.get("deployment", "web")["spec"] == web["spec"]
    assert objects.apply(*manifests).result["diff"] == planned.result["diff"]
    assert objects.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    objects.apply(state="absent", allow_delete=["Namespace"])


def test_kubectl_computes_the_same_id(objects: Set, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.apply(namespace(space))
    monkeypatch.setitem(objects.cluster.environment, "KUBECTL_APPLYSET", "true")
    objects.cluster.kubectl(
        *("apply", "--prune", "--applyset", "by-kubectl", "--namespace", space, "--filename", "-"),
        manifest=config_map("one", space),
    )
    parent = objects.get("secret", "by-kubectl")
    reference = Reference("Secret", space, "by-kubectl")
    assert parent["metadata"]["labels"]["applyset.kubernetes.io/id"] == apply_set.set_id(reference)
    assert objects.get("configmap", "one")["metadata"]["labels"] == {PART_OF: apply_set.set_id(reference)}


def test_what_left_the_set_goes_and_in_the_end_the_set_but_nothing_else(objects: Set, space: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "journal"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    left = [namespace(space), config_map("one"), claim]
    objects.apply(*left, config_map("two"), deployment("web"), wait=False)
    objects.cluster.kubectl("create", "configmap", "foreign", "--namespace", space)

    kept = objects.apply(*left, prune=False, wait=False)
    assert not kept.changed
    assert kept.result["unlisted"] == [f"ConfigMap {space}/two", f"Deployment.apps {space}/web"]
    assert "prune: true" in kept.warnings
    empty = objects.apply(prune=False)
    assert not empty.changed
    assert len(empty.result["unlisted"]) == 5

    planned = objects.run(*left, check=True)
    assert objects.exists("deployment", "web")
    done = objects.apply(*left, wait=False)
    assert done.changes == planned.changes
    assert {(kind, name) for action, kind, name in done.changes if action == "delete"} == {
        ("ConfigMap", f"{space}/two"),
        ("Deployment.apps", f"{space}/web"),
    }
    wait_until(lambda: not objects.exists("deployment", "web"))
    assert not objects.exists("configmap", "two")
    parent = objects.get("configmap", f"applyset-{SET}")
    assert parent["metadata"]["annotations"][KINDS] == "ConfigMap,Namespace,PersistentVolumeClaim"
    assert not objects.apply(*left, wait=False).changed

    gone = objects.apply(state="absent")
    assert gone.result["kept"] == [f"Namespace {space}", f"PersistentVolumeClaim {space}/journal"]
    assert "allow_delete" in gone.warnings
    assert not objects.exists("configmap", "one")
    assert objects.exists("pvc", "journal")
    assert objects.exists("configmap", "foreign")
    assert not objects.apply(state="absent").changed

    everything: dict[str, Any] = {"state": "absent", "allow_delete": ["Namespace", "PersistentVolumeClaim"]}
    planned = objects.run(check=True, **everything)
    assert objects.cluster.exists("namespace", space)
    done = objects.apply(**everything)
    assert done.changes == planned.changes
    assert done.changes[-1] == ("delete", "Namespace", space)
    assert not objects.cluster.exists("namespace", space)
    assert not objects.apply(state="absent").changed


@pytest.mark.parametrize("kind", ["Namespace", "ConfigMap"])
def test_what_is_still_going_is_made_anew(objects: Set, space: str, kind: str) -> None:
    manifests = [namespace(space), config_map("held", a="1"), deployment("web")]
    objects.apply(*manifests)
    objects.hold("held", "example.com/hold")
    going = (kind, space if kind == "Namespace" else "held", "--namespace", space)
    old = objects.cluster.get(*going)["metadata"]["uid"]
    objects.cluster.kubectl("delete", *going, "--wait=false")
    process = objects.cluster.start("k8s_objects", name=SET, namespace=space, objects=manifests, wait_timeout=60)
    # It reads and applies in threads.
    wait_until(lambda: process.poll() is not None or len(os.listdir(f"/proc/{process.pid}/task")) > 1)
    objects.hold("held")
    made = finish(process)
    assert not made.failed, made.message
    assert ("create", kind, "/".join(filter(None, (space if kind == "ConfigMap" else "", going[1])))) in made.changes
    assert len(made.changes) == (4 if kind == "Namespace" else 1)
    assert objects.cluster.get(*going)["metadata"]["uid"] != old
    assert not objects.apply(*manifests).changed


def test_autoscaled_replicas_are_left_alone(objects: Set, space: str) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 6,
        },
    }

    def scale(replicas: int) -> None:
        """What the autoscaler itself does."""
        objects.cluster.kubectl("scale", "deployment", "web", "--replicas", str(replicas), "--namespace", space)

    def replicas() -> int:
        number: int = objects.get("deployment", "web")["spec"]["replicas"]
        return number

    manifests = [namespace(space), deployment("web", replicas=3), scaler]
    objects.apply(*manifests)
    assert replicas() == 3
    scale(5)
    assert objects.run(*manifests, check=True).changes == []
    assert objects.apply(*manifests).changes == []
    assert replicas() == 5

    # Another change does not touch them either.
    manifests[1] = deployment("web", replicas=3, image="web:2")
    assert objects.apply(*manifests).changes == [("update", "Deployment.apps", f"{space}/web")]
    assert replicas() == 5

    # Without its autoscaler the manifest's number counts again, and the other manager is named.
    conflict = objects.run(*manifests[:2])
    assert conflict.failed
    assert ".spec.replicas" in conflict.message
    objects.apply(*manifests[:2], force_conflicts=True)
    assert replicas() == 3

    # 0 is a pause.
    objects.apply(*manifests)
    scale(0)
    paused = objects.apply(*manifests)
    assert paused.changes == []
    assert "pauses its autoscaler" in paused.warnings
    assert replicas() == 0


def test_a_set_is_not_emptied_by_an_oversight(objects: Set, space: str) -> None:
    objects.apply(namespace(space), config_map("one"))
    nothing = [None, {"apiVersion": "v1", "kind": "List", "items": []}]
    for oversight in ([], nothing):
        refused = objects.run(*oversight)
        assert refused.failed
        assert "Use state: absent to remove the whole set" in refused.message
    assert objects.exists("configmap", "one")
    assert not objects.apply(namespace(space), *nothing, {**config_map("one"), "status": {}}).changed


def pod(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "i", **(container or {})}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers, **spec}}


@pytest.mark.parametrize(
    ("guard", "spec", "refused", "advice"),
    [
        (
            "ResourceQuota",
            {"hard": {"services": "0"}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}},
            "Raise that ResourceQuota",
        ),
        ("ResourceQuota", {"hard": {"limits.cpu": "4"}}, pod(), "requests and limits that this ResourceQuota counts"),
        (
            "LimitRange",
            {"limits": [{"type": "Container", "max": {"cpu": "100m"}}]},
            pod({"resources": {"limits": {"cpu": "1"}}}),
            "Keep to the LimitRange",
        ),
        ("", {}, pod(hostNetwork=True), "labels pod-security.kubernetes.io allow"),
    ],
)
def test_what_is_forbidden_is_explained_by_its_cause(
    objects: Set, space: str, guard: str, spec: dict[str, Any], refused: dict[str, Any], advice: str
) -> None:
    objects.cluster.add_namespace(space)
    if guard:
        made = {"apiVersion": "v1", "kind": guard, "metadata": {"name": "guard"}, "spec": spec}
        objects.cluster.kubectl("create", "--namespace", space, "--filename", "-", manifest=made)
    else:
        objects.cluster.kubectl("label", "namespace", space, "pod-security.kubernetes.io/enforce=restricted")

    def told() -> bool:
        # A quota counts a moment after it was made.
        outcome = objects.run(refused, check=True)
        return outcome.failed and advice in outcome.message and "Give the caller" not in outcome.message

    wait_until(told, advice)


def test_check_mode_refuses_what_the_real_run_would_in_a_namespace_to_come(objects: Set, space: str) -> None:
    greedy = deployment("web")
    resources = {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 3}}
    greedy["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    for manifests in ([namespace(space), greedy], [greedy]):
        refused = objects.run(*manifests, check=True)
        assert refused.failed
        assert "must be equal to nvidia.com/gpu limit" in refused.message
    # What is there under this name elsewhere says nothing of it.
    for other in ("default", "kube-public"):
        objects.cluster.kubectl("create", "configmap", "settings", "--from-literal=b=1", "--namespace", other)
    assert not objects.run(namespace(space), config_map("settings", a="1"), check=True).failed
    objects.cluster.kubectl("delete", "configmap", "settings", "--namespace", "default")
    objects.cluster.kubectl("delete", "configmap", "settings", "--namespace", "kube-public")


def test_a_namespace_that_does_not_go_is_explained_by_what_is_left_in_it(objects: Set, space: str) -> None:
    objects.cluster.kubectl("create", "namespace", space)
    objects.cluster.kubectl("create", "configmap", "held", "--namespace", space)
    objects.hold("held", "example.com/hold")
    objects.cluster.kubectl("delete", "namespace", space, "--wait=false")
    wait_until(lambda: len(objects.cluster.get("namespace", space)["status"].get("conditions", ())) > 1)
    failed = objects.run(namespace(space), config_map("a"), wait_timeout=1)
    objects.hold("held")
    assert "example.com/hold in 1 resource instances" in failed.message
    assert "configmaps. has 1 resource instances" in failed.message
    assert "finalizers: none" not in failed.message


def test_an_object_of_somebody_else_is_taken_over_only_on_request(objects: Set, space: str) -> None:
    """What the other manager wrote and the manifest does not name stays, and stays that manager's."""
    objects.cluster.kubectl("create", "namespace", space)
    by_hand = ("apply", "--server-side", "--field-manager", "somebody", "--filename", "-")
    for name in ("one", "two"):
        objects.cluster.kubectl(*by_hand, manifest=config_map(name, space, a="2", b="1"))
    # A namespace is taken in whoever made it.
    manifests = [namespace(space), config_map("one", a="1"), config_map("two", b="1")]
    refused = objects.run(*manifests)
    assert refused.failed
    assert [problem.split(":")[0] for problem in refused.result["problems"]] == [
        f"ConfigMap {space}/{name}" for name in ("one", "two")
    ]
    assert "Set adopt to true" in refused.message

    for check in (True, False):
        refused = objects.run(*manifests, check=check, adopt=True)
        assert refused.failed
        assert len(refused.result["problems"]) == 1
        for said in ('"somebody"', ".data.a", "force_conflicts"):
            assert said in refused.message
    assert PART_OF not in objects.get("configmap", "two")["metadata"].get("labels", {})

    objects.apply(*manifests, adopt=True, force_conflicts=True)
    taken = objects.get("configmap", "one")
    assert taken["data"] == {"a": "1", "b": "1"}
    fields = {entry["manager"]: set(entry["fieldsV1"]["f:data"]) for entry in taken["metadata"]["managedFields"]}
    assert fields == {"somebody": {"f:b"}, "entasis.engine": {"f:a"}}
    other = objects.run(config_map("one", a="1"), name="other", adopt=True)
    assert other.failed
    assert "belongs to another set" in other.message


def test_a_definition_and_its_object_in_one_set(objects: Set, space: str) -> None:
    group = f"{space}.example.com"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    # The order of the list does not matter.
    manifests = [widget, definition(group, "widget", size="integer"), namespace(space)]
    planned = objects.run(*manifests, check=True)
    assert not planned.failed, planned.message
    made = objects.apply(*manifests)
    assert made.changes == planned.changes
    assert objects.get(f"widgets.{group}", "w")["spec"] == {"size": 1}
    assert not objects.apply(*manifests).changed

    objects.apply(state="absent", allow_delete=["Namespace", "CustomResourceDefinition"])
    assert not objects.cluster.exists("crd", f"widgets.{group}")


def test_all_refusals_come_at_once_and_nothing_is_applied(objects: Set, space: str) -> None:
    objects.cluster.kubectl("create", "namespace", space)
    typo = deployment("web")
    typo["spec"]["replicaz"] = 1
    unknown = {"apiVersion": "nobody.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    refused = objects.run(typo, config_map("fine"), config_map("Bad_Name"), config_map("far", "nowhere"), unknown)
    assert refused.failed
    assert len(refused.result["problems"]) == 4
    for said in ("replicaz", "Bad_Name", "namespace nowhere does not exist", "Install its CustomResourceDefinition"):
        assert said in refused.message
    assert not objects.exists("configmap", "fine")


def test_a_missing_namespace_and_an_unknown_kind_are_planned_around_in_check_mode(objects: Set, space: str) -> None:
    unknown = {"apiVersion": "nobody.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    planned = objects.run(config_map("settings"), unknown, check=True)
    assert planned.changes == [
        ("create", "ConfigMap", f"{space}/applyset-{SET}"),
        ("create", "ConfigMap", f"{space}/settings"),
        ("create", "Widget.nobody.example.com", f"{space}/w"),
    ]
    assert "does not exist" in planned.warnings
    assert "does not know the kind" in planned.warnings
    refused = objects.run(config_map("settings"))
    assert refused.failed
    assert f"the namespace {space} does not exist" in refused.message


def test_secrets_are_shown_nowhere(objects: Set, space: str) -> None:
    def secret(password: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "login"},
            "stringData": {"password": password, "tls.key": password},
        }

    old, new = "correct-horse", "battery-staple"
    outcomes = [
        objects.run(namespace(space), secret(old), check=True),
        objects.apply(namespace(space), secret(old)),
        objects.apply(namespace(space), {"apiVersion": "v1", "kind": "List", "items": [secret(old)]}),
        objects.run(namespace(space), secret(new), check=True),
        objects.apply(namespace(space), secret(new)),
        objects.apply(namespace(space)),
    ]
    assert [outcome.changed for outcome in outcomes] == [True, True, False, True, True, True]
    for outcome in outcomes:
        for password in (old, new):
            assert password not in outcome.output
            assert base64.b64encode(password.encode()).decode() not in outcome.output
    shown = outcomes[4].result["diff"]
    assert shown["before"][f"Secret/{space}/login"] == {"data.password": "********", "data['tls.key']": "********"}
    assert set(shown["after"][f"Secret/{space}/login"].values()) == {"******** (changed)"}


def test_a_failed_wait_says_what_is_lacking(objects: Set, space: str) -> None:
    stuck = deployment("stuck")
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such-node"}
    failed = objects.run(namespace(space), deployment("fine"), stuck, wait_timeout=2)
    assert failed.failed
    assert "fine" not in failed.message
    assert f"Deployment.apps {space}/stuck: 0 of 1 are available" in failed.message
    assert "node affinity/selector" in failed.message
    assert failed.result["changed"]
    assert not objects.run(namespace(space), deployment("fine"), stuck, wait=False).failed


def kubeconfig(objects: Set, path: Path, *, server: str = "", user: dict[str, Any] | None = None) -> str:
    """The path of a kubeconfig of the cluster at another address or with another user."""
    written = json.loads(objects.cluster.kubectl("config", "view", "--raw", "--output", "json"))
    if server:
        written["clusters"][0]["cluster"]["server"] = server
    if user:
        written["users"][0]["user"] = user
    path.write_text(json.dumps(written))
    return str(path)


def test_without_a_cluster_check_mode_plans_everything_as_new(objects: Set, space: str, tmp_path: Path) -> None:
    manifests = [namespace(space), config_map("settings", a="1"), deployment("web")]
    there = objects.run(*manifests, check=True)
    absent: dict[str, Any] = {"kubeconfig": str(tmp_path / "none")}
    dead: dict[str, Any] = {"kubeconfig": kubeconfig(objects, tmp_path / "dead", server="https://127.0.0.1:1")}
    nameless: dict[str, Any] = {"context": "not-there"}
    for options, warned in ((absent, ""), (nameless, ""), (dead, "nothing answers")):
        planned = objects.run(*manifests, check=True, **options)
        assert not planned.failed, planned.message
        assert planned.changes == there.changes
        assert warned in planned.warnings
        assert bool(warned) == bool(planned.warnings)
    for options, said in ((absent, "there is no kubeconfig file"), (dead, "nothing answers")):
        refused = objects.run(*manifests, **options)
        assert refused.failed
        assert said in refused.message
    assert not objects.run(check=True, state="absent", **absent).changed


def test_credentials_that_are_refused_are_explained(objects: Set, tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "sh",
        "args": ["-c", "echo the plugin says no >&2; exit 1"],
    }
    for user, said in (({"token": "nobody"}, "access entry"), ({"exec": plugin}, "the plugin says no")):
        refused = objects.run(config_map("a"), kubeconfig=kubeconfig(objects, tmp_path / "kubeconfig", user=user))
        assert refused.failed
        assert said in refused.message


@pytest.mark.parametrize(("watched", "event", "left"), [("deployment", "ADDED", 1), ("configmap", "DELETED", 6)])
def test_a_run_that_is_killed_is_finished_by_the_next(
    objects: Set, space: str, watched: str, event: str, left: int
) -> None:
    base = [namespace(space), deployment("base"), config_map("base")]
    objects.apply(*base, *(config_map(f"old-{number}") for number in range(10)))
    new = [*base, *(deployment(f"new-{number}") for number in range(10))]
    with objects.cluster.events(watched, space) as events:
        process = objects.cluster.start("k8s_objects", name=SET, namespace=space, objects=new, wait_timeout=60)
        for line in events:
            left -= line.split()[0] == event and "applyset-" not in line
            if not left:
                break
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL

    selector = f"{PART_OF}={objects.apply(*new, wait_timeout=60).result['set_id']}"
    members = objects.cluster.get("configmap,deployment", "--namespace", space, "--selector", selector)["items"]
    assert names(members) == {"base", *(f"new-{number}" for number in range(10))}
    assert not objects.exists("configmap", "old-0")
    parent = objects.get("configmap", f"applyset-{SET}")
    assert parent["metadata"]["annotations"][KINDS] == "ConfigMap,Deployment.apps,Namespace"
    assert not objects.apply(*new).changed
    objects.apply(state="absent")
