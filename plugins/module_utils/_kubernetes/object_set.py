# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A named set of objects: what it is to be, what is there, and the plan that turns the one into the other.

The plan compares what is live with what the API server answers to a dry run of the same server-side apply that the real
run sends; so defaults, admission and conversion are the server's own, and check mode and the real run cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import apply_set, diff, objects
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import CONFIG_MAPS, Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError


@dataclass(frozen=True)
class Policy:
    """What the plan may do besides applying what is listed."""

    prune: bool = True
    #: Kinds of PROTECTED_KINDS, by their short names, whose objects may be removed.
    allow_delete: frozenset[str] = frozenset()
    #: Take over objects that exist and belong to no set.
    adopt: bool = False
    #: Take fields from the managers that own them.
    force_conflicts: bool = False
    #: Plan around a namespace or a kind that is not there yet, instead of refusing: check mode before the first run.
    tolerate_missing: bool = False


@dataclass(frozen=True)
class Preview:
    """What the API server answers to the dry run of an apply: the object, or why not."""

    result: Mapping[str, Any] | None = None
    error: ApiError | None = None


@dataclass
class Observed:
    """What is there of a set."""

    parent: Mapping[str, Any] | None = None
    #: Every member by its label, and every listed object, member or not. Not those that are being deleted.
    live: dict[Reference, Mapping[str, Any]] = field(default_factory=dict)
    previews: dict[Reference, Preview] = field(default_factory=dict)
    parent_preview: Preview = field(default_factory=Preview)
    #: Objects that are on their way out, alone or with their namespace: a new one is made once they are gone.
    deleting: dict[Reference, Mapping[str, Any]] = field(default_factory=dict)
    #: Listed objects of a kind that nobody serves and that no definition in the set makes.
    unknown: set[Reference] = field(default_factory=set)
    #: False where there is no cluster to ask.
    cluster: bool = True


@dataclass(frozen=True, kw_only=True)
class Plan(_reconcile.Plan):
    """The changes of a set, what is left alone and said, and what the parent is to record in the end."""

    extent: apply_set.Extent
    #: Members that are to go and stay: their kind is protected.
    kept: Sequence[Reference] = ()


class ObjectSet:
    """The desired objects under the set's name, each in its namespace and with the set's label."""

    def __init__(
        self,
        name: str,
        namespace: str,
        manifests: Sequence[Mapping[str, Any]],
        namespaced: Mapping[tuple[str, str], bool],
    ) -> None:
        self.parent = apply_set.parent_reference(name, namespace)
        self.id = apply_set.set_id(self.parent)
        self.manifests: dict[Reference, dict[str, Any]] = {}
        placed = []
        for manifest in manifests:
            kind = (manifest["apiVersion"], manifest["kind"])
            inside = namespaced[kind] if kind in namespaced else objects.guess_namespaced(manifest)
            where = (manifest["metadata"].get("namespace") or namespace) if inside else ""
            placed.append(objects.placed(manifest, where, {apply_set.PART_OF_LABEL: self.id}))
        references = [objects.reference(manifest) for manifest in placed]
        problems = objects.duplicates(references)
        if self.parent in references:
            problems.append(f"{self.parent}: is the parent of the set itself; take another name for the ConfigMap.")
        if problems:
            raise PlanError(problems)
        self.manifests = dict(zip(references, placed, strict=True))
        self.autoscalers = objects.autoscalers(placed)

    def manifest(self, one: Reference, live: Mapping[str, Any] | None) -> dict[str, Any]:
        """What is applied for an object, given what is there of it."""
        manifest = self.manifests[one]
        if one in self.autoscalers:
            return objects.with_autoscaled_replicas(manifest, live, self.autoscalers[one])
        return manifest


def read_manifests(manifests: Iterable[Any]) -> list[Mapping[str, Any]]:
    """The manifests one by one.

    Raises:
        PlanError: some are none; says every problem of each.
    """
    flat = objects.flatten(manifests)
    problems = objects.problems(flat)
    if problems:
        raise PlanError(problems)
    return [manifest for _position, manifest in flat]


def namespaced_kinds(client: Client, manifests: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """Which of the kinds live in namespaces, as the API server or a definition in the set says."""
    defined = {kind: inside for kind, (_name, inside) in objects.custom_resource_kinds(manifests).items()}
    asked = {(manifest["apiVersion"], manifest["kind"]) for manifest in manifests}
    return defined | {kind: resource.namespaced for kind in asked if (resource := client.resource(*kind)) is not None}


def served(client: Client, desired: ObjectSet) -> dict[Reference, Resource]:
    """How the objects of the set are served, those of them whose kind is."""
    found = {one: client.resource(kind["apiVersion"], kind["kind"]) for one, kind in desired.manifests.items()}
    return {one: resource for one, resource in found.items() if resource is not None}


def observe(client: Client, desired: ObjectSet, policy: Policy) -> Observed:
    """Read the set: its parent, its members by label (one request a kind), and the dry run of each listed object."""
    observed = Observed()
    observed.parent = client.get(CONFIG_MAPS, desired.parent.namespace, desired.parent.name)
    recorded = apply_set.recorded_extent(observed.parent) if observed.parent else apply_set.extent(desired.parent, ())
    resources = served(client, desired)
    found = _members(client, desired, recorded, resources.values())
    defined = objects.custom_resource_kinds(desired.manifests.values())
    observed.unknown = {
        one
        for one, manifest in desired.manifests.items()
        if one not in resources and (manifest["apiVersion"], manifest["kind"]) not in defined
    }
    with ThreadPoolExecutor(max_workers=_reconcile.PARALLELISM) as pool:
        others = [one for one in resources if one not in found]
        read = pool.map(lambda one: client.get(resources[one], one.namespace, one.name), others)
        found.update({one: live for one, live in zip(others, read, strict=True) if live is not None})
        observed.deleting = _leaving(found)
        observed.live = {one: live for one, live in found.items() if one not in observed.deleting}
        leaving = {one.name for one in observed.deleting if one.group_kind == "Namespace"}
        asked = [one for one in resources if one not in observed.deleting and one.namespace not in leaving]
        previews = pool.map(
            lambda one: preview(
                client, resources[one], desired.manifest(one, observed.live.get(one)), policy.force_conflicts
            ),
            asked,
        )
        observed.previews = dict(zip(asked, previews, strict=True))
        homeless = [one for one in resources if one.namespace and one not in found and _is_homeless(one, observed)]
        refused = pool.map(
            lambda one: _refused_elsewhere(client, resources[one], desired.manifest(one, None)), homeless
        )
        observed.previews.update({one: why for one, why in zip(homeless, refused, strict=True) if why is not None})
    if desired.parent.namespace in leaving:
        observed.parent = None
    elif observed.parent is None and desired.manifests:
        manifest = apply_set.parent_manifest(desired.parent, recorded)
        observed.parent_preview = preview(client, CONFIG_MAPS, manifest, force=False)
    return observed


def _leaving(found: Mapping[Reference, Mapping[str, Any]]) -> dict[Reference, Mapping[str, Any]]:
    """The objects that are being deleted, or whose namespace is."""
    leaving = {one for one, live in found.items() if live["metadata"].get("deletionTimestamp")}
    namespaces = {one.name for one in leaving if one.group_kind == "Namespace"}
    return {one: live for one, live in found.items() if one in leaving or one.namespace in namespaces}


def _members(
    client: Client, desired: ObjectSet, recorded: apply_set.Extent, listed: Iterable[Resource]
) -> dict[Reference, Mapping[str, Any]]:
    """Every object with the set's label, among the kinds that the parent records and those that are listed."""
    # A kind that is served no more has no objects left either.
    known = filter(None, map(client.preferred_resource, recorded.group_kinds))
    resources = {resource.group_kind: resource for resource in (*known, *listed)}
    namespaces = {desired.parent.namespace} | recorded.namespaces | {one.namespace for one in desired.manifests}
    namespaces.discard("")
    only_namespace = namespaces.pop() if len(namespaces) == 1 else ""
    selector = label_selector({apply_set.PART_OF_LABEL: desired.id})
    with ThreadPoolExecutor(max_workers=_reconcile.PARALLELISM) as pool:
        lists = pool.map(lambda one: client.list(one, only_namespace, label_selector=selector)[0], resources.values())
        return {objects.reference(live): live for page in lists for live in page}


def preview(client: Client, resource: Resource, manifest: Mapping[str, Any], force: bool) -> Preview:
    """What the API server answers to a dry run of an apply."""
    try:
        return Preview(client.apply(resource, manifest, dry_run=True, force=force))
    except ApiError as error:
        if error.status == 401:
            raise
        return Preview(error=error)


def _is_homeless(one: Reference, observed: Observed) -> bool:
    """Whether the object's namespace is not there, or goes away before the object is made."""
    return one not in observed.previews or _missing_namespace(observed.previews[one].error) is not None


def _refused_elsewhere(client: Client, resource: Resource, manifest: Mapping[str, Any]) -> Preview | None:
    """Why the API server refuses an object whose namespace is yet to be made, found in a namespace that is there.

    Only what is wrong with the object itself counts, not what that namespace, its quotas and policies say.
    """
    metadata = manifest["metadata"]
    free = (name for name in _LASTING_NAMESPACES if client.get(resource, name, metadata["name"]) is None)
    elsewhere = next(free, None)
    if elsewhere is None:
        return None
    answer = preview(client, resource, {**manifest, "metadata": {**metadata, "namespace": elsewhere}}, force=False)
    if answer.error is None or answer.error.status not in (400, 422) or _POLICY.search(answer.error.message):
        return None
    return answer


#: Namespaces that every cluster has.
_LASTING_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_POLICY = re.compile("admission webhook|AdmissionPolicy")


def plan(desired: ObjectSet, observed: Observed, policy: Policy) -> Plan:
    """The changes that make the set what is desired. Reads nothing.

    Raises:
        PlanError: the API server would refuse some objects, or they belong to somebody else; says all of them.
    """
    problems: list[str] = []
    warnings: list[str] = []
    if observed.parent is not None:
        problem = apply_set.parent_problem(desired.parent, observed.parent)
        if problem:
            raise PlanError(problem)
    applied: dict[Reference, list[Change]] = {}
    for one in desired.manifests:
        problem = _ownership_problem(one, desired, observed, policy) or _refusal(
            one, desired, observed, policy, warnings
        )
        if problem:
            problems.append(problem)
        else:
            applied[one] = _object_changes(one, desired, observed)
    missing = _missing_namespace(observed.parent_preview.error)
    if missing and not _has_namespace(desired, missing):
        text = f"{desired.parent}: {_no_namespace(missing)}"
        if policy.tolerate_missing:
            warnings.append(text)
        else:
            problems.append(text)
    warnings += [
        f"{one}: has 0 replicas, which pauses its autoscaler, and is left so. Scale it up to end the pause."
        for one in desired.autoscalers
        if one in observed.live and (observed.live[one].get("spec") or {}).get("replicas") == 0
    ]
    if problems:
        raise PlanError(problems)

    members = {one for one, live in observed.live.items() if apply_set.membership(live) == desired.id}
    leaving = sorted(members - set(desired.manifests))
    unlisted = [] if policy.prune else leaving
    kept = [] if unlisted else [one for one in leaving if not _may_delete(one, policy)]
    removed = [] if unlisted else [one for one in leaving if _may_delete(one, policy)]
    extent = apply_set.extent(desired.parent, [*desired.manifests, *unlisted, *kept])
    changes = _ordered(desired, observed, applied, removed, extent)
    if kept:
        warnings.append(f"not removed, because their kinds are not in allow_delete: {', '.join(map(str, kept))}")
    return Plan(changes, [str(one) for one in unlisted], list(dict.fromkeys(warnings)), extent=extent, kept=kept)


def plan_without_cluster(desired: ObjectSet) -> Plan:
    """Every object as a create: what check mode says before there is a cluster."""
    return plan(desired, Observed(cluster=False), Policy(tolerate_missing=True))


def _object_changes(one: Reference, desired: ObjectSet, observed: Observed) -> list[Change]:
    live = observed.live.get(one)
    becomes = observed.previews.get(one, Preview()).result
    if live is None or becomes is None:
        after = diff.masked(diff.normalised(desired.manifest(one, None)))
        return [_reconcile.create(one.group_kind, one.path, after)]
    return updates(one, live, becomes)


def updates(one: Reference, live: Mapping[str, Any], becomes: Mapping[str, Any]) -> list[Change]:
    """The change from what is there to what a dry run answered; none where they are the same."""
    if diff.normalised(live) == diff.normalised(becomes):
        return []
    return [Change("update", one.group_kind, one.path, *diff.differences(live, becomes))]


def _ordered(
    desired: ObjectSet,
    observed: Observed,
    applied: Mapping[Reference, Sequence[Change]],
    removed: Sequence[Reference],
    extent: apply_set.Extent,
) -> list[Change]:
    """The changes step by step, each after all of the steps before its own.

    The parent records a member before it is made, and until it is gone, so that a run that is cut off leaves none that
    the next does not find; only the namespace that the parent lies in comes before it and goes after it.
    """
    own_namespace = Reference("Namespace", "", desired.parent.namespace)
    last = objects.LAST_PHASE
    steps: list[tuple[int, Change]] = []
    for one, changes in applied.items():
        step = 0 if one == own_namespace else 2 + objects.phase(one.group_kind)
        steps += [(step, change) for change in changes]
    for one in removed:
        step = 2 * last + (5 if one == own_namespace else 3 - objects.phase(one.group_kind))
        before = diff.masked(diff.normalised(observed.live[one]))
        steps.append((step, _reconcile.delete(one.group_kind, one.path, before)))
    parent = _parent_change(desired, observed, extent)
    if parent is not None:
        steps.append((2 * last + 4 if parent.action == "delete" else 1, parent))
    steps.sort(key=lambda entry: entry[0])
    return [
        replace(change, needs=tuple(earlier.resource for before, earlier in steps if before < step))
        for step, change in steps
    ]


def _parent_change(desired: ObjectSet, observed: Observed, extent: apply_set.Extent) -> Change | None:
    """How the record of the set changes, from what it is to what it is in the end."""
    parent = desired.parent
    becomes = apply_set.parent_manifest(parent, extent)
    if observed.parent is None:
        return _reconcile.create(parent.group_kind, parent.path, becomes) if desired.manifests else None
    if not desired.manifests and not extent.group_kinds:
        return _reconcile.delete(parent.group_kind, parent.path, diff.normalised(observed.parent))
    if apply_set.recorded_extent(observed.parent) == extent:
        return None
    was = {
        key: (observed.parent["metadata"].get("annotations") or {}).get(key)
        for key in (apply_set.KINDS_ANNOTATION, apply_set.NAMESPACES_ANNOTATION)
    }
    annotations = becomes["metadata"]["annotations"]
    return _reconcile.update(parent.group_kind, parent.path, was, {key: annotations[key] for key in was})[0]


def _ownership_problem(one: Reference, desired: ObjectSet, observed: Observed, policy: Policy) -> str | None:
    live = observed.live.get(one)
    if live is None:
        return None
    owner = apply_set.membership(live)
    if owner == desired.id:
        return None
    if owner:
        return f"{one}: belongs to another set ({owner}). Take it out of one of the two."
    # A namespace is often made by whoever comes first, and no set removes one unless it is told to.
    if policy.adopt or one.group_kind == "Namespace":
        return None
    return f"{one}: exists and belongs to no set. Set adopt to true to take it over, or choose another name."


def _refusal(one: Reference, desired: ObjectSet, observed: Observed, policy: Policy, warnings: list[str]) -> str | None:
    """Why the API server would not take the object, or None."""
    if one in observed.unknown:
        manifest = desired.manifests[one]
        text = f"{one}: the API server does not know the kind {manifest['kind']} of {manifest['apiVersion']}"
        if policy.tolerate_missing:
            warnings.append(f"{text} yet.")
            return None
        return f"{text}. Install its CustomResourceDefinition first, or correct apiVersion and kind."
    error = observed.previews.get(one, Preview()).error
    if error is None:
        return None
    missing = _missing_namespace(error)
    if missing:
        if _has_namespace(desired, missing):
            return None
        text = f"{one}: {_no_namespace(missing)}"
        if policy.tolerate_missing:
            warnings.append(text)
            return None
        return text
    return f"{one}: {explain_refusal(error)}"


def explain_refusal(error: ApiError) -> str:
    """What the API server has against an object, and what to do about it."""
    conflicts = [cause for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]
    if conflicts:
        owned = "; ".join(f"{cause.get('field', '?')} ({_manager(cause)})" for cause in conflicts)
        return (
            f"other managers own fields that the manifest sets otherwise: {owned}. Take the fields out of the "
            "manifest, or set force_conflicts to true to take them over."
        )
    if "field is immutable" in error.message:
        fields = ", ".join(str(cause.get("field")) for cause in error.causes) or "a field"
        return f"{fields} cannot be changed once the object exists. Give the object a new name, or remove it first."
    if error.status == 403:
        return str(error)
    return f"the API server refuses it: {error.message.rstrip('.')}."


def _manager(cause: Mapping[str, Any]) -> str:
    """The manager's name out of C(conflict with "kubectl" using apps/v1)."""
    message = str(cause.get("message", ""))
    return message.partition("conflict with ")[2] or message


def _missing_namespace(error: ApiError | None) -> str | None:
    if error is not None and error.status == 404 and error.details.get("kind") == "namespaces":
        return str(error.details.get("name"))
    return None


def _has_namespace(desired: ObjectSet, name: str) -> bool:
    return Reference("Namespace", "", name) in desired.manifests


def _no_namespace(name: str) -> str:
    return f"the namespace {name} does not exist. Make it first, or put a Namespace into the set."


def _may_delete(one: Reference, policy: Policy) -> bool:
    return apply_set.PROTECTED_KINDS.get(one.group_kind, "") in {"", *policy.allow_delete}
