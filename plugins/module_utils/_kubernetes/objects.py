# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Manifests as plain data: their identity, their check, their order, and what of them is left to an autoscaler."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]

#: Who we are in an object's metadata.managedFields.
FIELD_MANAGER = "entasis.engine"

#: Kinds that other objects name and that must be there first, by the phase in which they are applied.
_PHASES: dict[str, int] = {
    "Namespace": 0,
    "CustomResourceDefinition.apiextensions.k8s.io": 1,
    "PriorityClass.scheduling.k8s.io": 2,
    "StorageClass.storage.k8s.io": 2,
    "ServiceAccount": 2,
    "Secret": 2,
    "ConfigMap": 2,
    "Role.rbac.authorization.k8s.io": 2,
    "RoleBinding.rbac.authorization.k8s.io": 2,
    "ClusterRole.rbac.authorization.k8s.io": 2,
    "ClusterRoleBinding.rbac.authorization.k8s.io": 2,
    "PersistentVolume": 2,
    "PersistentVolumeClaim": 2,
    "LimitRange": 2,
    "ResourceQuota": 2,
    "NetworkPolicy.networking.k8s.io": 2,
}
LAST_PHASE = 3


@dataclass(frozen=True, order=True)
class Reference:
    """Which object: its kind without the version, which may change, its namespace (empty: none) and its name."""

    group_kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.group_kind} {self.path}"


def group_kind(manifest: Manifest) -> str:
    """The kind as C(Deployment.apps), C(ConfigMap)."""
    group, slash, _version = str(manifest["apiVersion"]).partition("/")
    return f"{manifest['kind']}.{group}" if slash else str(manifest["kind"])


def reference(manifest: Manifest) -> Reference:
    """Which object a manifest, or an object that was read, is."""
    metadata = manifest["metadata"]
    return Reference(group_kind(manifest), str(metadata.get("namespace") or ""), str(metadata["name"]))


def phase(kind: str) -> int:
    """When objects of this kind are applied: an object may name any object of an earlier phase."""
    return _PHASES.get(kind, LAST_PHASE)


#: Kinds without a namespace, for a plan that is made before there is an API server to ask.
_CLUSTER_KINDS = {
    "Namespace",
    "Node",
    "PersistentVolume",
    "CustomResourceDefinition",
    "APIService",
    "StorageClass",
    "VolumeSnapshotClass",
    "CSIDriver",
    "PriorityClass",
    "RuntimeClass",
    "IngressClass",
    "IngressClassParams",
    "GatewayClass",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "FlowSchema",
    "PriorityLevelConfiguration",
    "NodePool",
    "EC2NodeClass",
}


def guess_namespaced(manifest: Manifest) -> bool:
    """Whether an object lives in a namespace, as far as its manifest and its kind's name tell."""
    kind = str(manifest["kind"])
    # ClusterRole, ClusterIssuer, ClusterSecretStore, ... but not the Cluster of CloudNativePG.
    without = kind in _CLUSTER_KINDS or (kind.startswith("Cluster") and kind != "Cluster")
    return bool(manifest["metadata"].get("namespace")) or not without


def flatten(manifests: Iterable[Any], where: str = "objects") -> list[tuple[str, Any]]:
    """The manifests with their positions, each List replaced by its items. An empty document of a file is nothing."""
    flat: list[tuple[str, Any]] = []
    for position, manifest in enumerate(manifests):
        here = f"{where}[{position}]"
        items = manifest.get("items") if isinstance(manifest, Mapping) and manifest.get("kind") == "List" else None
        if isinstance(items, list):
            flat += flatten(items, f"{here}.items")
        elif manifest is not None and not (items is None and _is_list(manifest)):
            flat.append((here, manifest))
    return flat


def _is_list(manifest: Any) -> bool:
    return isinstance(manifest, Mapping) and manifest.get("kind") == "List"


#: What is read of a manifest before the API server has judged it: the path, and the type that it must have if it is
#: there. A star is each entry of a list.
_SHAPE: tuple[tuple[str, type], ...] = (
    ("metadata.namespace", str),
    ("metadata.labels", Mapping),
    ("metadata.annotations", Mapping),
)
_SHAPES: dict[str, tuple[tuple[str, type], ...]] = {
    "CustomResourceDefinition": (
        ("spec", Mapping),
        ("spec.group", str),
        ("spec.scope", str),
        ("spec.names", Mapping),
        ("spec.names.kind", str),
        ("spec.versions", list),
        ("spec.versions.*", Mapping),
        ("spec.versions.*.name", str),
    ),
    "HorizontalPodAutoscaler": (
        ("spec", Mapping),
        ("spec.minReplicas", int),
        ("spec.maxReplicas", int),
        ("spec.scaleTargetRef", Mapping),
        ("spec.scaleTargetRef.apiVersion", str),
        ("spec.scaleTargetRef.kind", str),
        ("spec.scaleTargetRef.name", str),
    ),
    **dict.fromkeys(("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"), (("spec", Mapping),)),
}
_TYPE_NAMES = {str: "a text in quotes", int: "a whole number", list: "a list", Mapping: "a mapping"}


def problems(manifests: Sequence[tuple[str, Any]]) -> list[str]:
    """What keeps the manifests from being applied, every problem of each: position or identity, and what to write."""
    found: list[str] = []
    for position, manifest in manifests:
        if not isinstance(manifest, Mapping):
            found.append(f"{position}: is no mapping but {type(manifest).__name__}; write a manifest.")
            continue
        if _is_list(manifest):
            found.append(f"{position}: items of a List must be a list.")
            continue
        given = manifest.get("metadata")
        metadata: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        name = metadata.get("name")
        where = f"{position} ({manifest['kind']} {name})" if manifest.get("kind") and name else position
        missing = [key for key in ("apiVersion", "kind") if not isinstance(manifest.get(key), str) or not manifest[key]]
        if not isinstance(name, str) or not name:
            missing.append("metadata.name")
        if missing:
            found.append(f"{where}: lacks {', '.join(missing)}.")
        if metadata.get("generateName"):
            found.append(f"{where}: metadata.generateName makes a new object in each run; write metadata.name.")
        # They would lead to another path of the API.
        found += [
            f"{where}: metadata.{key} cannot be . or .. and cannot hold / or %."
            for key in ("name", "namespace")
            if re.fullmatch(r"\.\.?|.*[/%].*", str(metadata.get(key) or ""), re.DOTALL)
        ]
        found += [
            f"{where}: {path} must be {_TYPE_NAMES[wanted]}."
            for path, wanted in (*_SHAPE, *_SHAPES.get(str(manifest.get("kind")), ()))
            if not all(map(_has_type(wanted), _at(manifest, path.split("."))))
        ]
    return found


def _has_type(wanted: type) -> Callable[[Any], bool]:
    # To Python true is a whole number; null is as if the key were not there.
    return lambda value: value is None or (isinstance(value, wanted) and not (isinstance(value, bool)))


def _at(value: Any, path: Sequence[str]) -> list[Any]:
    """The values at a path, as far as it leads."""
    if not path:
        return [value]
    if path[0] == "*":
        return [found for entry in value for found in _at(entry, path[1:])] if isinstance(value, list) else []
    return _at(value[path[0]], path[1:]) if isinstance(value, Mapping) and path[0] in value else []


def duplicates(references: Iterable[Reference]) -> list[str]:
    """One problem for each object that occurs more than once."""
    counted = sorted(Counter(references).items())
    return [f"{one}: is in the set more than once; leave one." for one, times in counted if times > 1]


def custom_resource_kinds(manifests: Iterable[Manifest]) -> dict[tuple[str, str], tuple[str, bool]]:
    """The kinds that the set's own CustomResourceDefinitions define.

    Returns:
        (apiVersion, kind) -> (the definition's name, whether its objects live in namespaces).
    """
    kinds: dict[tuple[str, str], tuple[str, bool]] = {}
    for manifest in manifests:
        if group_kind(manifest) != "CustomResourceDefinition.apiextensions.k8s.io":
            continue
        spec = manifest.get("spec") or {}
        for version in spec.get("versions") or ():
            if version and version.get("served", True):
                api_version = f"{spec.get('group')}/{version.get('name')}"
                kind = (spec.get("names") or {}).get("kind") or ""
                kinds[api_version, kind] = (manifest["metadata"]["name"], spec.get("scope") == "Namespaced")
    return kinds


def placed(manifest: Manifest, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A copy of a manifest in its namespace (empty: it has none) and with further labels.

    The status is left out: only controllers write it. Generators put an empty one into what they make.
    """
    copied = copy.deepcopy({key: value for key, value in manifest.items() if key != "status"})
    metadata = copied["metadata"]
    metadata.pop("namespace", None)
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return copied


@dataclass(frozen=True)
class Autoscaler:
    """What a HorizontalPodAutoscaler scales, and between which numbers of replicas."""

    target: Reference
    minimum: int
    maximum: int


def autoscalers(manifests: Iterable[Manifest]) -> dict[Reference, Autoscaler]:
    """The autoscalers of a set by what they scale; the manifests must have their namespaces already."""
    found: dict[Reference, Autoscaler] = {}
    for manifest in manifests:
        if group_kind(manifest) != "HorizontalPodAutoscaler.autoscaling":
            continue
        spec = manifest.get("spec") or {}
        scaled = spec.get("scaleTargetRef") or {}
        # Kubernetes's own default for minReplicas is 1.
        minimum, maximum = spec.get("minReplicas"), spec.get("maxReplicas")
        minimum = 1 if minimum is None else minimum
        # What is not well formed is left to the API server, which says so better.
        if scaled.get("kind") and scaled.get("name") and isinstance(minimum, int) and isinstance(maximum, int):
            kind = group_kind({"apiVersion": scaled.get("apiVersion") or "apps/v1", "kind": scaled["kind"]})
            target = Reference(kind, manifest["metadata"].get("namespace", ""), scaled["name"])
            found[target] = Autoscaler(target, minimum, maximum)
    return found


def with_autoscaled_replicas(manifest: Manifest, live: Manifest | None, autoscaler: Autoscaler) -> dict[str, Any]:
    """The manifest with the number of replicas that leaves its autoscaler alone.

    A new object starts with the manifest's number. Once it exists the live number is kept, within the autoscaler's
    bounds; 0 stays 0, which is how an autoscaler is paused. Where another manager set the live number, as the
    autoscaler does, we let go of the field altogether: naming it would be a conflict as soon as the autoscaler scales
    once more.
    """
    adapted = copy.deepcopy(dict(manifest))
    spec = adapted["spec"] = dict(adapted.get("spec") or {})
    if live is None:
        asked = spec.get("replicas")
        spec["replicas"] = _clamp(asked if isinstance(asked, int) else autoscaler.minimum, autoscaler)
    elif _others_own_replicas(live):
        spec.pop("replicas", None)
    else:
        spec["replicas"] = _clamp(int((live.get("spec") or {}).get("replicas", 1)), autoscaler)
    return adapted


def _clamp(replicas: int, autoscaler: Autoscaler) -> int:
    return replicas and max(autoscaler.minimum, min(autoscaler.maximum, replicas))


def _others_own_replicas(live: Manifest) -> bool:
    return any(
        "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER
    )
