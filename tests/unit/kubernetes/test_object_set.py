# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a set of objects, with plain data in the place of an API server."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
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
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference, reference
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError, apply
from hypothesis import given
from hypothesis import strategies as st

Manifest = dict[str, Any]


def config_map(name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def claim(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}}


def desired_set(*manifests: Manifest) -> ObjectSet:
    return ObjectSet("demo", "space", manifests, {})


def world(*members: Manifest, parent: ObjectSet | None = None) -> Observed:
    """What is there after a run with these members; the parent records exactly them."""
    made = parent or desired_set(*members)
    observed = Observed()
    for one, manifest in made.manifests.items():
        live = copy.deepcopy(manifest)
        live["metadata"]["uid"] = f"uid-{one.name}"
        observed.live[one] = live
    observed.parent = apply_set.parent_manifest(made.parent, apply_set.extent(made.parent, made.manifests))
    return observed


def seen(observed: Observed, desired: ObjectSet) -> Observed:
    """The same world, with what the API server answers to the dry run of each desired object."""
    for one, manifest in desired.manifests.items():
        merged = {**observed.live.get(one, {}), **manifest}
        observed.previews[one] = Preview(merged)
    return observed


def refusal(status: int, message: str = "", **details: Any) -> Preview:
    return Preview(error=ApiError("PATCH", "/x", status, {"message": message, "details": details}))


def labels(changes: Sequence[Change]) -> list[str]:
    return [f"{change.action} {change.resource}" for change in changes]


def in_order(changes: Sequence[Change]) -> list[str]:
    """The changes in the order in which the engine applies them, one at a time."""
    done: list[str] = []

    def record(change: Change) -> None:
        done.append(f"{change.action} {change.resource}")

    apply(changes, {(change.kind, change.action): record for change in changes}, parallelism=1)
    return done


def test_the_id_is_the_one_of_the_standard() -> None:
    # KEP-3659: base64url(sha256(<name>.<namespace>.<kind>.<group>)), without padding.
    digest = hashlib.sha256(b"applyset-demo.space.ConfigMap.").digest()
    expected = "applyset-" + base64.urlsafe_b64encode(digest).decode().rstrip("=") + "-v1"
    parent = apply_set.parent_reference("demo", "space")
    assert apply_set.set_id(parent) == expected
    assert len(expected) <= 63


def test_the_parent_records_kinds_and_other_namespaces() -> None:
    desired = desired_set(config_map("a"), {**config_map("b"), "metadata": {"name": "b", "namespace": "other"}})
    where = apply_set.extent(desired.parent, desired.manifests)
    manifest = apply_set.parent_manifest(desired.parent, where)
    assert manifest["metadata"]["annotations"] == {
        "applyset.kubernetes.io/tooling": "entasis.engine/v1",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap",
        "applyset.kubernetes.io/additional-namespaces": "other",
    }
    assert apply_set.recorded_extent(manifest) == where


def test_everything_is_new_where_nothing_is() -> None:
    plan = object_set.plan(desired_set(config_map("a"), namespace("space")), Observed(), Policy())
    assert labels(plan.changes) == [
        "create Namespace/space",
        "create ConfigMap/space/applyset-demo",
        "create ConfigMap/space/a",
    ]
    assert in_order(plan.changes) == labels(plan.changes)


def test_the_plan_without_a_cluster_is_that_of_an_empty_one() -> None:
    desired = desired_set(config_map("a"), namespace("space"))
    assert object_set.plan_without_cluster(desired).changes == object_set.plan(desired, Observed(), Policy()).changes


def test_nothing_to_do() -> None:
    desired = desired_set(config_map("a"))
    plan = object_set.plan(desired, seen(world(config_map("a")), desired), Policy())
    assert plan.changes == []


def test_what_left_the_set_goes_last_and_the_record_changes_with_it() -> None:
    desired = desired_set(config_map("a"), claim("c"))
    left = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    plan = object_set.plan(desired, seen(world(config_map("a"), left), desired), Policy())
    assert in_order(plan.changes) == [
        "update ConfigMap/space/applyset-demo",
        "create PersistentVolumeClaim/space/c",
        "delete Deployment.apps/space/d",
    ]
    assert plan.changes[0].before == {apply_set.KINDS_ANNOTATION: "ConfigMap,Deployment.apps"}
    assert plan.changes[0].after == {apply_set.KINDS_ANNOTATION: "ConfigMap,PersistentVolumeClaim"}
    assert plan.extent.group_kinds == {"ConfigMap", "PersistentVolumeClaim"}


def test_without_prune_it_stays_and_stays_recorded() -> None:
    desired = desired_set(config_map("a"))
    plan = object_set.plan(desired, seen(world(config_map("a"), config_map("b")), desired), Policy(prune=False))
    assert plan.changes == []
    assert plan.unlisted == ["ConfigMap space/b"]

    empty = desired_set()
    plan = object_set.plan(empty, seen(world(config_map("a"), config_map("b")), empty), Policy(prune=False))
    assert (plan.changes, plan.unlisted) == ([], ["ConfigMap space/a", "ConfigMap space/b"])


def test_an_object_without_the_label_is_never_removed() -> None:
    desired = desired_set(config_map("a"))
    observed = seen(world(config_map("a"), config_map("b")), desired)
    observed.live[Reference("ConfigMap", "space", "b")]["metadata"]["labels"] = {}
    assert object_set.plan(desired, observed, Policy()).changes == []


@pytest.mark.parametrize(("kind", "manifest"), [("PersistentVolumeClaim", claim("c")), ("Namespace", namespace("n"))])
def test_protected_kinds_are_kept_unless_it_is_said(kind: str, manifest: Manifest) -> None:
    desired = desired_set(config_map("a"))
    observed = seen(world(config_map("a"), manifest), desired)
    kept = object_set.plan(desired, observed, Policy())
    assert kept.changes == []
    assert [one.group_kind for one in kept.kept] == [kind]
    assert kind in kept.extent.group_kinds
    allowed = object_set.plan(desired, observed, Policy(allow_delete=frozenset({kind})))
    assert [change.action for change in allowed.changes] == ["update", "delete"]


def test_absent_removes_the_members_then_the_parent_then_its_namespace() -> None:
    observed = world(namespace("space"), config_map("a"), claim("c"))
    everything = frozenset({"Namespace", "PersistentVolumeClaim"})
    plan = object_set.plan(desired_set(), observed, Policy(allow_delete=everything))
    order = in_order(plan.changes)
    assert set(order[:2]) == {"delete ConfigMap/space/a", "delete PersistentVolumeClaim/space/c"}
    assert order[2:] == ["delete ConfigMap/space/applyset-demo", "delete Namespace/space"]


def test_absent_keeps_the_record_of_what_is_kept() -> None:
    plan = object_set.plan(desired_set(), world(config_map("a"), claim("c")), Policy())
    assert in_order(plan.changes) == [
        "update ConfigMap/space/applyset-demo",
        "delete ConfigMap/space/a",
    ] or in_order(plan.changes) == ["delete ConfigMap/space/a", "update ConfigMap/space/applyset-demo"]
    assert plan.extent.group_kinds == {"PersistentVolumeClaim"}
    assert object_set.plan(desired_set(), Observed(), Policy()).changes == []


def test_a_set_of_another_tool_is_left_alone() -> None:
    observed = world(config_map("a"))
    observed.parent["metadata"]["annotations"][apply_set.TOOLING_ANNOTATION] = "kubectl/v1.36"  # type: ignore[index]
    with pytest.raises(PlanError, match="kept by another tool"):
        object_set.plan(desired_set(), observed, Policy())
    observed.parent["metadata"]["labels"] = {}  # type: ignore[index]
    with pytest.raises(PlanError, match="is not the parent of this set"):
        object_set.plan(desired_set(), observed, Policy())


def test_owners_are_respected_and_all_of_them_are_named() -> None:
    desired = desired_set(config_map("free"), config_map("taken"), namespace("space"))
    observed = seen(Observed(), desired)
    for one in desired.manifests:
        observed.live[one] = copy.deepcopy(desired.manifests[one])
        observed.live[one]["metadata"]["labels"] = {}
    observed.live[Reference("ConfigMap", "space", "taken")]["metadata"]["labels"] = {apply_set.PART_OF_LABEL: "other"}
    with pytest.raises(PlanError) as refused:
        object_set.plan(desired, observed, Policy())
    assert len(refused.value.problems) == 2
    with pytest.raises(PlanError) as refused:
        object_set.plan(desired, observed, Policy(adopt=True))
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["ConfigMap space/taken"]


@pytest.mark.parametrize(
    ("preview", "said"),
    [
        (
            refusal(
                409,
                causes=[
                    {
                        "reason": "FieldManagerConflict",
                        "message": 'conflict with "kubectl" using v1',
                        "field": ".data.a",
                    }
                ],
            ),
            '.data.a ("kubectl" using v1)',
        ),
        (refusal(422, "spec.x: field is immutable", causes=[{"field": "spec.x"}]), "spec.x cannot be changed"),
        (
            refusal(403, 'configmaps "a" is forbidden: User "eve" cannot patch resource "configmaps"'),
            "Give the caller this permission",
        ),
        (refusal(500, ".data.b: field not declared in schema"), "the API server refuses it: .data.b"),
    ],
)
def test_refusals_are_explained(preview: Preview, said: str) -> None:
    desired = desired_set(config_map("a"))
    observed = Observed(previews=dict.fromkeys(desired.manifests, preview))
    with pytest.raises(PlanError) as refused:
        object_set.plan(desired, observed, Policy())
    assert said in str(refused.value)


MISSING = refusal(404, 'namespaces "space" not found', kind="namespaces", name="space")


def without_namespace(desired: ObjectSet) -> Observed:
    """A cluster without the set's namespace."""
    return Observed(parent_preview=MISSING, previews={one: MISSING for one in desired.manifests if one.namespace})


def test_a_namespace_of_the_set_need_not_exist_yet() -> None:
    desired = desired_set(config_map("a"), namespace("space"))
    plan = object_set.plan(desired, without_namespace(desired), Policy())
    assert len(plan.changes) == 3
    assert plan.warnings == []


def test_another_namespace_must_exist_except_in_check_mode() -> None:
    desired = desired_set(config_map("a"))
    with pytest.raises(PlanError) as refused:
        object_set.plan(desired, without_namespace(desired), Policy())
    assert len(refused.value.problems) == 2
    plan = object_set.plan(desired, without_namespace(desired), Policy(tolerate_missing=True))
    assert labels(plan.changes) == ["create ConfigMap/space/applyset-demo", "create ConfigMap/space/a"]
    assert len(plan.warnings) == 2


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


def deployment(replicas: int | None = 3) -> Manifest:
    spec = {} if replicas is None else {"replicas": replicas}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def autoscaler(minimum: int = 2, maximum: int = 6) -> Manifest:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": minimum,
            "maxReplicas": maximum,
        },
    }


def owned_by(manager: str, replicas: int) -> Manifest:
    live = deployment(replicas)
    live["metadata"]["managedFields"] = [{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    return live


@pytest.mark.parametrize(
    ("written", "live", "applied"),
    [
        (3, None, 3),
        (None, None, 2),
        (1, None, 2),
        (9, None, 6),
        (3, owned_by("entasis.engine", 4), 4),
        (3, owned_by("entasis.engine", 1), 2),
        (3, owned_by("entasis.engine", 9), 6),
        (3, owned_by("kube-controller-manager", 5), None),
    ],
)
def test_replicas_follow_the_autoscaler(written: int | None, live: Manifest | None, applied: int | None) -> None:
    desired = desired_set(deployment(written), autoscaler())
    one = Reference("Deployment.apps", "space", "web")
    assert desired.manifest(one, live)["spec"].get("replicas") == applied


def test_an_autoscaler_in_another_namespace_is_another() -> None:
    far = autoscaler()
    far["metadata"]["namespace"] = "other"
    desired = desired_set(deployment(3), far)
    one = Reference("Deployment.apps", "space", "web")
    assert desired.manifest(one, owned_by("entasis.engine", 5))["spec"]["replicas"] == 3


def test_cluster_wide_kinds_get_no_namespace() -> None:
    kinds = {"ClusterRole": "", "Namespace": "", "Cluster": "space", "NetworkPolicy": "space", "ClusterIssuer": ""}
    for kind, expected in kinds.items():
        one = next(iter(desired_set({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}}).manifests))
        assert one.namespace == expected
    widget = {"apiVersion": "x/v1", "kind": "Widget", "metadata": {"name": "a"}}
    known = ObjectSet("demo", "space", [widget], {("x/v1", "Widget"): False})
    assert next(iter(known.manifests)).namespace == ""


def test_a_reference_reads_like_kubectl() -> None:
    assert str(reference({**deployment(), "metadata": {"name": "web", "namespace": "a"}})) == "Deployment.apps a/web"
