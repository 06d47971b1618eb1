# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a set of objects, with plain data in the place of an API server."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import apply_set, diff, object_set
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.object_set import (
    ObjectSet,
    Observed,
    Policy,
    Preview,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError, apply
from hypothesis import given
from hypothesis import strategies as st

Manifest = dict[str, Any]


def config_map(name: str, **metadata: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def made(text: str) -> Manifest:
    """An object as the tables name it: C(kind/name)."""
    kind, _slash, name = text.partition("/")
    return {"apiVersion": "apps/v1" if kind == "Deployment" else "v1", "kind": kind, "metadata": {"name": name}}


def desired_set(*manifests: Manifest) -> ObjectSet:
    return ObjectSet("demo", "space", manifests, {})


def world(desired: ObjectSet, *members: Manifest) -> Observed:
    """What is there after a run with these members, whose record names exactly them; and what a dry run answers."""
    there = desired_set(*members)
    observed = Observed()
    if members:
        observed.parent = apply_set.parent_manifest(there.parent, apply_set.extent(there.parent, there.manifests))
    for one, manifest in there.manifests.items():
        observed.live[one] = copy.deepcopy(manifest)
    for one, manifest in desired.manifests.items():
        observed.previews[one] = Preview({**observed.live.get(one, {}), **manifest})
    return observed


def in_order(changes: Sequence[Change]) -> list[str]:
    """The changes in the order in which the engine applies them, one at a time."""
    done: list[str] = []

    def record(change: Change) -> None:
        done.append(f"{change.action} {change.resource}")

    apply(changes, {(change.kind, change.action): record for change in changes}, parallelism=1)
    return done


PARENT = "ConfigMap/space/applyset-demo"
ALL_KINDS = {"allow_delete": frozenset({"Namespace", "PersistentVolumeClaim"})}


@pytest.mark.parametrize(
    ("wanted", "there", "policy", "order", "recorded"),
    [
        (
            "ConfigMap/a Namespace/space",
            "",
            {},
            ["create Namespace/space", f"create {PARENT}", "create ConfigMap/space/a"],
            "ConfigMap Namespace",
        ),
        ("ConfigMap/a", "ConfigMap/a", {}, [], "ConfigMap"),
        (
            "ConfigMap/a PersistentVolumeClaim/c",
            "ConfigMap/a Deployment/d",
            {},
            [f"update {PARENT}", "create PersistentVolumeClaim/space/c", "delete Deployment.apps/space/d"],
            "ConfigMap PersistentVolumeClaim",
        ),
        ("ConfigMap/a", "ConfigMap/a Deployment/b", {"prune": False}, [], "ConfigMap Deployment.apps"),
        ("", "ConfigMap/a Deployment/b", {"prune": False}, [], "ConfigMap Deployment.apps"),
        ("ConfigMap/a", "ConfigMap/a Namespace/n", {}, [], "ConfigMap Namespace"),
        ("ConfigMap/a", "ConfigMap/a Namespace/n", ALL_KINDS, [f"update {PARENT}", "delete Namespace/n"], "ConfigMap"),
        (
            "",
            "Namespace/space Deployment/a PersistentVolumeClaim/c",
            ALL_KINDS,
            [
                "delete Deployment.apps/space/a",
                "delete PersistentVolumeClaim/space/c",
                f"delete {PARENT}",
                "delete Namespace/space",
            ],
            "",
        ),
        (
            "",
            "ConfigMap/a PersistentVolumeClaim/c",
            {},
            [f"update {PARENT}", "delete ConfigMap/space/a"],
            "PersistentVolumeClaim",
        ),
        ("", "", {}, [], ""),
    ],
    ids=[
        "everything is new, its namespace first",
        "nothing to do",
        "what left the set goes last",
        "without prune what left the set stays and stays recorded",
        "without prune an empty set removes nothing",
        "a protected kind stays and stays recorded",
        "a protected kind goes where that is allowed",
        "absent removes the members, their record, and its namespace",
        "absent keeps the record of what is protected",
        "absent twice",
    ],
)
def test_the_plan(wanted: str, there: str, policy: dict[str, Any], order: list[str], recorded: str) -> None:
    desired = desired_set(*map(made, wanted.split()))
    plan = object_set.plan(desired, world(desired, *map(made, there.split())), Policy(**policy))
    assert in_order(plan.changes) == order
    assert plan.extent.group_kinds == set(recorded.split())
    shown = [change for change in plan.changes if change.action == "update"]
    assert [change.after for change in shown] == [{apply_set.KINDS_ANNOTATION: recorded.replace(" ", ",")}] * len(shown)
    if not there:
        assert object_set.plan_without_cluster(desired).changes == plan.changes


def test_an_object_without_the_label_is_never_removed() -> None:
    desired = desired_set(config_map("a"))
    observed = world(desired, config_map("a"), config_map("b"))
    observed.live[Reference("ConfigMap", "space", "b")]["metadata"]["labels"] = {}
    assert object_set.plan(desired, observed, Policy()).changes == []


def test_a_set_of_another_tool_is_left_alone() -> None:
    observed = world(desired_set(), config_map("a"))
    observed.parent["metadata"]["annotations"][apply_set.TOOLING_ANNOTATION] = "kubectl/v1.36"  # type: ignore[index]
    with pytest.raises(PlanError, match="kept by another tool"):
        object_set.plan(desired_set(), observed, Policy())
    observed.parent["metadata"]["labels"] = {}  # type: ignore[index]
    with pytest.raises(PlanError, match="is not the parent of this set"):
        object_set.plan(desired_set(), observed, Policy())


CONFLICT = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.a"}


@pytest.mark.parametrize(
    ("status", "message", "causes", "said"),
    [
        (409, "", [CONFLICT], '.data.a ("kubectl" using v1)'),
        (422, "spec.x: field is immutable", [{"field": "spec.x"}], "spec.x cannot be changed"),
        (403, 'configmaps "a" is forbidden: User "eve" cannot patch', [], "Give the caller this permission"),
        (500, ".data.b: field not declared in schema", [], "the API server refuses it: .data.b"),
    ],
)
def test_refusals_are_explained(status: int, message: str, causes: list[Any], said: str) -> None:
    desired = desired_set(config_map("a"))
    refused = Preview(error=ApiError("PATCH", "/x", status, {"message": message, "details": {"causes": causes}}))
    with pytest.raises(PlanError) as raised:
        object_set.plan(desired, Observed(previews=dict.fromkeys(desired.manifests, refused)), Policy())
    assert said in str(raised.value)


def test_the_same_object_twice_and_the_parents_name() -> None:
    with pytest.raises(PlanError) as refused:
        desired_set(config_map("a"), config_map("a"), config_map("applyset-demo"))
    assert len(refused.value.problems) == 2


def manifest(kind: str = "ConfigMap", version: str = "v1", spec: Any = None, **metadata: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a", **metadata}, "spec": spec}


WRONG: list[tuple[Any, str]] = [
    ("text", "objects[0]: is no mapping but str"),
    ({"kind": "ConfigMap"}, "objects[0]: lacks apiVersion, metadata.name"),
    ({**config_map("a"), "metadata": ["a"]}, "objects[0]: lacks metadata.name"),
    (manifest(name=None, generateName="x-"), "generateName"),
    (manifest(name=".."), "metadata.name cannot be . or .."),
    (manifest(name="a/b"), "metadata.name cannot be . or .."),
    (manifest(namespace=5), "objects[0] (ConfigMap a): metadata.namespace must be a text in quotes"),
    (manifest(labels=["a"]), "metadata.labels must be a mapping"),
    (manifest("CustomResourceDefinition", spec={"versions": {"v1": {}}}), "spec.versions must be a list"),
    (manifest("CustomResourceDefinition", spec={"versions": ["v1"]}), "spec.versions.* must be a mapping"),
    (manifest("CustomResourceDefinition", spec=[]), "spec must be a mapping"),
    (manifest("HorizontalPodAutoscaler", spec={"scaleTargetRef": "x"}), "spec.scaleTargetRef must be a mapping"),
    (manifest("HorizontalPodAutoscaler", spec={"maxReplicas": True}), "spec.maxReplicas must be a whole number"),
    ({"kind": "List", "items": {"a": 1}}, "objects[0]: items of a List must be a list"),
    ({"kind": "List", "items": [None, {"kind": "List", "items": [5]}]}, "objects[0].items[1].items[0]: is no mapping"),
]


def test_what_is_no_manifest_is_said_all_at_once() -> None:
    for wrong, told in WRONG:
        with pytest.raises(PlanError) as refused:
            object_set.read_manifests([wrong])
        assert told in str(refused.value)
    with pytest.raises(PlanError) as refused:
        object_set.read_manifests([config_map("fine"), *(wrong for wrong, _told in WRONG)])
    assert len(refused.value.problems) >= len(WRONG)
    assert "fine" not in str(refused.value)


@pytest.mark.parametrize(
    "nothing", [[], [None], [{"kind": "List"}], [{"kind": "List", "items": None}], [{"kind": "List", "items": [None]}]]
)
def test_what_holds_no_manifest_is_empty(nothing: list[Any]) -> None:
    assert object_set.read_manifests([*nothing, {"kind": "List", "items": nothing}]) == []


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "v1", "..", "x/y"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "name", "kind"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_SPECS = st.dictionaries(
    st.sampled_from(
        ["group", "names", "versions", "scope", "scaleTargetRef", "minReplicas", "maxReplicas", "replicas"]
    ),
    _JSON | st.just({"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}),
)
_MANIFESTS = _JSON | st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1", "autoscaling/v2", "apiextensions.k8s.io/v1"]) | _JSON,
        "kind": st.sampled_from(
            ["Secret", "Deployment", "HorizontalPodAutoscaler", "CustomResourceDefinition", "List"]
        ),
        "metadata": st.fixed_dictionaries(
            {"name": st.just("a") | _JSON},
            optional=dict.fromkeys(["namespace", "labels", "annotations", "generateName", "managedFields"], _JSON),
        )
        | _JSON,
    },
    optional={"spec": _SPECS | _JSON, "status": _JSON, "data": _JSON, "stringData": _JSON, "items": _JSON},
)


@given(st.lists(_MANIFESTS, max_size=4))
def test_whatever_is_given_is_planned_or_refused_in_words(given_objects: list[Any]) -> None:
    diff.masked_list(given_objects)
    with contextlib.suppress(PlanError):
        desired = ObjectSet("demo", "space", object_set.read_manifests(given_objects), {})
        object_set.plan_without_cluster(desired)
        for one in desired.manifests:
            json.dumps(desired.manifest(one, {"metadata": {}, "spec": {"replicas": 3}}))


WEB = Reference("Deployment.apps", "space", "web")


def deployment(replicas: int | None, manager: str = "") -> Manifest:
    """A Deployment, or with C(manager) what is there of one whose number of replicas this manager has set."""
    owned = [{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    spec = {} if replicas is None else {"replicas": replicas}
    return {**made("Deployment/web"), "spec": spec, "metadata": {"name": "web", "managedFields": owned}}


def autoscaler(**metadata: str) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", **metadata},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6},
    }


@pytest.mark.parametrize(
    ("written", "live", "applied"),
    [
        (3, None, 3),
        (None, None, 2),
        (1, None, 2),
        (9, None, 6),
        (3, deployment(4, "entasis.engine"), 4),
        (3, deployment(1, "entasis.engine"), 2),
        (3, deployment(9, "entasis.engine"), 6),
        (3, deployment(5, "kube-controller-manager"), None),
    ],
)
def test_replicas_follow_the_autoscaler(written: int | None, live: Manifest | None, applied: int | None) -> None:
    assert desired_set(deployment(written), autoscaler()).manifest(WEB, live)["spec"].get("replicas") == applied
    # One in another namespace is another.
    far = desired_set(deployment(written), autoscaler(namespace="other"))
    assert far.manifest(WEB, live)["spec"].get("replicas") == written


@pytest.mark.parametrize(
    ("kind", "known", "namespace"),
    [
        ("ClusterRole", {}, ""),
        ("Namespace", {}, ""),
        ("Cluster", {}, "space"),
        ("NetworkPolicy", {}, "space"),
        ("ClusterIssuer", {}, ""),
        ("Widget", {("v1", "Widget"): False}, ""),
    ],
)
def test_cluster_wide_kinds_get_no_namespace(kind: str, known: dict[tuple[str, str], bool], namespace: str) -> None:
    [one] = sorted(ObjectSet("demo", "space", [made(f"{kind}/a")], known).manifests, key=str)
    assert str(one) == f"{kind} {namespace}/a" if namespace else f"{kind} a"
