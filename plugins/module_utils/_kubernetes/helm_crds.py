# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The CustomResourceDefinitions in the crds folders of charts: a part of each release, applied before it.

Helm makes them when it installs a release and never touches them again. Here they are applied server-side whenever the
release changes or one of them is missing. A definition says which releases have brought it, and a release how many it
has, so that a run with nothing to do finds a missing one by a LIST of metadata. None goes with its release unless that
is asked for, because all objects of its kind would go too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import apply_set, helm, objects, waiting
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm import Desired, Live, Owner
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.object_set import (
    Preview,
    explain_refusal,
    preview,
    updates,
)
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Handler, Plan, PlanError

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False)

#: Label of a release: how many definitions it has brought that are there, or V(skipped).
COUNT_LABEL = "entasis.io/crds"
SKIPPED = "skipped"

#: Annotation of a definition: the releases that have brought it, with commas between them.
RELEASES_ANNOTATION = "entasis.io/releases"

_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class Member:
    """A definition of ours that is there, and the releases that have brought it."""

    name: str
    uid: str
    releases: frozenset[str]


@dataclass(frozen=True)
class Definition:
    """A definition as it is applied, the releases of this run that bring it, and what the API server has and says."""

    manifest: Mapping[str, Any]
    releases: frozenset[str]
    live: Mapping[str, Any] | None = None
    preview: Preview = field(default_factory=Preview)

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])


def read(rendered: str) -> list[Any]:
    """The documents of a stream of YAML, read as the Kubernetes API reads them: a date or a bare = is a text."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # whichever there is
        yaml_implicit_resolvers = {
            first: [
                (tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "value")
            ]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return [document for document in yaml.load_all(rendered, Loader) if document is not None]


def gather(brought: Mapping[str, Sequence[Any]]) -> list[Definition]:
    """The definitions that the charts of some releases bring.

    Raises:
        PlanError: a crds folder holds something else, or two releases bring different definitions of one name.
    """
    found: dict[str, Definition] = {}
    problems = []
    for path, manifests in brought.items():
        for manifest in manifests:
            if objects.problems([("", manifest)]) or objects.group_kind(manifest) != DEFINITIONS.group_kind:
                problems.append(
                    f"release {path}: a crds folder of its chart holds something that is no CustomResourceDefinition. "
                    "Set skip_crds to true, and apply what the folder holds with k8s_objects."
                )
                continue
            one = found.setdefault(manifest["metadata"]["name"], Definition(manifest, frozenset()))
            if one.manifest != manifest:
                problems.append(
                    f"releases {' and '.join(sorted(one.releases | {path}))}: their charts have different definitions "
                    f"of {one.name}. Give both one version of it, or set skip_crds to true for all but one."
                )
            found[one.name] = replace(one, releases=one.releases | {path})
    if problems:
        raise PlanError(list(dict.fromkeys(problems)))
    return [found[name] for name in sorted(found)]


def members(client: Client, owner: Owner) -> list[Member]:
    """Every definition that the owner's releases have brought."""
    query = {"labelSelector": label_selector(owner.labels)}
    answer = client.request("GET", DEFINITIONS.path(), query=query, accept=_METADATA_ONLY)
    return [
        Member(one["metadata"]["name"], one["metadata"]["uid"], frozenset(_releases(one)))
        for one in answer["items"] or ()
    ]


def _releases(live: Mapping[str, Any] | None) -> set[str]:
    annotations = (live or {"metadata": {}})["metadata"].get("annotations") or {}
    return {*filter(None, annotations.get(RELEASES_ANNOTATION, "").split(","))}


def are_recorded(live: Iterable[Live], owner: Owner) -> bool:
    """Whether any release of the owner's has brought definitions, as far as its label says."""
    return any(one.is_owned(owner) and one.labels.get(COUNT_LABEL, "0") != "0" for one in live)


def to_look_at(
    desired: Sequence[Desired], live: Mapping[str, Live], planned: Plan, found: Iterable[Member]
) -> list[Desired]:
    """The releases whose charts are looked into: those that change, and those that lack definitions."""
    changing = {change.name for change in planned.changes}
    there = Counter(path for one in found for path in one.releases)

    def lacks(one: Desired) -> bool:
        recorded = live[one.path].labels.get(COUNT_LABEL) if one.path in live else None
        return recorded is not None and recorded != str(there[one.path])

    return [one for one in desired if not one.skip_crds and (one.path in changing or lacks(one))]


def observe(
    client: Client | None, definitions: Sequence[Definition], owner: Owner, live: Mapping[str, Live]
) -> list[Definition]:
    """The definitions with what the API server has of them and answers to a dry run; no client, nothing there."""

    def look(one: Definition) -> Definition:
        existing = client.get(DEFINITIONS, "", one.name) if client else None
        manifest = objects.placed(one.manifest, "", owner.labels)
        # What an older generator writes into files, and only the API server may.
        manifest["metadata"].pop("creationTimestamp", None)
        # A definition that several charts bring is a part of each of their releases, as long as those are there.
        releases = (_releases(existing) & set(live)) | one.releases
        manifest["metadata"].setdefault("annotations", {})[RELEASES_ANNOTATION] = ",".join(sorted(releases))
        one = replace(one, manifest=manifest, live=existing)
        return replace(one, preview=preview(client, DEFINITIONS, manifest, force=True)) if client else one

    with ThreadPoolExecutor(max_workers=_reconcile.PARALLELISM) as pool:
        return [*pool.map(look, definitions)]


def plan(
    planned: Plan,
    definitions: Sequence[Definition],
    looked_at: Iterable[str],
    found: Sequence[Member],
    live: Mapping[str, Live],
    owner: Owner,
    *,
    adopt: bool = False,
    delete: bool = False,
) -> tuple[Plan, dict[str, str]]:
    """The plan of releases with their definitions before them, and the count label of each release looked at.

    Raises:
        PlanError: definitions belong to somebody else, or the API server refuses them; says all of them.
    """
    problems = [
        f"CustomResourceDefinition {one.name}: {said}"
        for one in definitions
        for said in _problems(one, live, owner, adopt)
    ]
    if problems:
        raise PlanError(problems)
    changes = [change for one in definitions for change in _changes(one)]
    resources = {change.name: change.resource for change in changes}
    needed = defaultdict[str, set[str]](set)
    for one in definitions:
        for path in one.releases if one.name in resources else ():
            needed[f"{helm.KIND}/{path}"].add(resources[one.name])
    labels = {}
    for path in looked_at:
        names = {one.name for one in definitions if path in one.releases}
        labels[path] = str(len(names | {one.name for one in found if path in one.releases}))
    releases = {change.name: change for change in planned.changes}
    for path, label in labels.items():
        recorded = live[path].labels.get(COUNT_LABEL, "0") if path in live else label
        if path not in releases and recorded != label:
            was, becomes = {"labels": {COUNT_LABEL: recorded}}, {"labels": {COUNT_LABEL: label}}
            releases[path] = Change("update", helm.KIND, path, was, becomes)
    for change in releases.values():
        # What a release needs may only lack definitions, and not change itself.
        mine = needed[change.resource].union(*(needed[need] for need in change.needs))
        changes.append(replace(change, needs=(*change.needs, *sorted(mine))))
    kept = []
    removed = {change.name for change in planned.changes if change.action == "delete"}
    for member in found:
        if member.releases & removed and not member.releases & (set(live) - removed):
            if delete:
                needs = [f"{helm.KIND}/{path}" for path in sorted(member.releases & removed)]
                changes.append(_reconcile.delete(DEFINITIONS.group_kind, member.name, {}, needs=needs))
            else:
                kept.append(member.name)
    warnings = [*planned.warnings]
    if kept:
        warnings.append(
            f"CustomResourceDefinitions stay, because their objects would go with them: {', '.join(kept)}. Set "
            "delete_crds to true to remove them with their releases."
        )
    return replace(planned, changes=changes, warnings=warnings), labels


def _problems(one: Definition, live: Mapping[str, Live], owner: Owner, adopt: bool) -> Iterator[str]:
    """Why the definition cannot be applied."""
    metadata = (one.live or {}).get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    platform = labels.get(PLATFORM_TAG)
    where = f"the chart of {' and '.join(sorted(one.releases))} brings it"
    leave = "Set skip_crds to true to leave it as it is"
    if metadata.get("deletionTimestamp"):
        yield f"{where}, and it is being removed with all its objects. Run again once it is gone."
    elif "meta.helm.sh/release-name" in annotations:
        other = f"{annotations.get('meta.helm.sh/release-namespace')}/{annotations['meta.helm.sh/release-name']}"
        yield f"{where}, and the release {other} has it among its templates. {leave}."
    elif labels.get(apply_set.PART_OF_LABEL):
        yield f"{where}, and it belongs to a set of k8s_objects. {leave}, or take it out of the set."
    elif platform is not None and (platform, labels.get(ROLE_TAG)) != (owner.platform, owner.role):
        yield f"{where}, and it belongs to the role {labels.get(ROLE_TAG)} of the platform {platform}. {leave}."
    elif one.live and platform is None and not adopt and not one.releases & set(live):
        yield f"{where}, and it was not made by the platform. {leave}, or adopt to true to take it over."
    elif one.preview.error is not None:
        yield f"{where}; {explain_refusal(one.preview.error)}"


def _changes(one: Definition) -> list[Change]:
    if one.live is None or one.preview.result is None:
        versions = [version.get("name") for version in (one.manifest.get("spec") or {}).get("versions") or ()]
        after = {"versions": versions, "releases": sorted(one.releases)}
        return [_reconcile.create(DEFINITIONS.group_kind, one.name, after)]
    return updates(objects.reference(one.manifest), one.live, one.preview.result)


def handlers(
    client: Client, definitions: Iterable[Definition], found: Iterable[Member]
) -> dict[tuple[str, str], Handler]:
    """The apply table of the definitions."""
    manifests = {one.name: one.manifest for one in definitions}
    uids = {one.name: one.uid for one in found}

    def write(change: Change) -> None:
        try:
            client.apply(DEFINITIONS, manifests[change.name], force=True)
        except ApiError as error:
            raise KubernetesError(explain_refusal(error)) from error
        waiting.wait_served(client, objects.Reference(change.kind, "", change.name), DEFINITIONS)

    def remove(change: Change) -> None:
        client.delete(DEFINITIONS, "", change.name, uids[change.name])
        timeout = waiting.DEFINITION_TIMEOUT
        waiting.wait_gone(client, DEFINITIONS, "", change.name, uids[change.name], timeout=timeout)

    kind = DEFINITIONS.group_kind
    return {(kind, "create"): write, (kind, "update"): write, (kind, "delete"): remove}
