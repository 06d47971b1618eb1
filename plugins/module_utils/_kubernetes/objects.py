# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Manifests as plain data: their identity, their check, their order, and what of them is left to an autoscaler."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
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
_LAST_PHASE = 3


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
    return _PHASES.get(kind, _LAST_PHASE)


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


def flatten(manifests: Iterable[Any]) -> list[Any]:
    """The manifests with each List replaced by its items."""
    flat: list[Any] = []
    for manifest in manifests:
        if isinstance(manifest, Mapping) and manifest.get("kind") == "List" and isinstance(manifest.get("items"), list):
            flat += flatten(manifest["items"])
        else:
            flat.append(manifest)
    return flat


def problems(manifests: Sequence[Any]) -> list[str]:
    """What keeps the manifests from being applied, every problem of each: position or identity, and what to write."""
    found: list[str] = []
    for position, manifest in enumerate(manifests):
        where = f"objects[{position}]"
        if not isinstance(manifest, Mapping):
            found.append(f"{where}: is no mapping but {type(manifest).__name__}; write a manifest.")
            continue
        metadata = manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if manifest.get("kind") and name:
            where = f"{where} ({manifest['kind']} {name})"
        missing = [key for key in ("apiVersion", "kind") if not isinstance(manifest.get(key), str) or not manifest[key]]
        if not isinstance(name, str) or not name:
            missing.append("metadata.name")
        if missing:
            found.append(f"{where}: lacks {', '.join(missing)}.")
        if isinstance(metadata, Mapping) and metadata.get("generateName"):
            found.append(f"{where}: metadata.generateName makes a new object in each run; write metadata.name.")
        if "status" in manifest:
            found.append(f"{where}: status is written by controllers; leave it out.")
    return found


def duplicates(references: Iterable[Reference]) -> list[str]:
    """One problem for each object that occurs more than once."""
    seen: set[Reference] = set()
    twice: set[Reference] = set()
    for one in references:
        (twice if one in seen else seen).add(one)
    return [f"{one}: is in the set more than once; leave one." for one in sorted(twice)]


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
            if version.get("served", True):
                api_version = f"{spec.get('group')}/{version.get('name')}"
                kind = (spec.get("names") or {}).get("kind", "")
                kinds[api_version, kind] = (manifest["metadata"]["name"], spec.get("scope") == "Namespaced")
    return kinds


def placed(manifest: Manifest, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A copy of a manifest in its namespace (empty: it has none) and with further labels."""
    copied = copy.deepcopy(dict(manifest))
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
        minimum, maximum = spec.get("minReplicas", 1), spec.get("maxReplicas")
        # What is not well formed is left to the API server, which says so better.
        if scaled.get("kind") and scaled.get("name") and isinstance(minimum, int) and isinstance(maximum, int):
            kind = group_kind({"apiVersion": scaled.get("apiVersion") or "apps/v1", "kind": scaled["kind"]})
            target = Reference(kind, manifest["metadata"].get("namespace", ""), scaled["name"])
            found[target] = Autoscaler(target, minimum, maximum)
    return found


def with_autoscaled_replicas(manifest: Manifest, live: Manifest | None, autoscaler: Autoscaler) -> dict[str, Any]:
    """The manifest with the number of replicas that leaves its autoscaler alone.

    A new object starts with the manifest's number. Once it exists the live number is kept, within the autoscaler's
    bounds. Where another manager set the live number, as the autoscaler does, we let go of the field altogether: naming
    it would be a conflict as soon as the autoscaler scales once more.
    """
    adapted = copy.deepcopy(dict(manifest))
    spec = adapted.setdefault("spec", {})
    if live is None:
        asked = spec.get("replicas")
        spec["replicas"] = _clamp(asked if isinstance(asked, int) else autoscaler.minimum, autoscaler)
    elif _others_own_replicas(live):
        spec.pop("replicas", None)
    else:
        spec["replicas"] = _clamp(int((live.get("spec") or {}).get("replicas", 1)), autoscaler)
    return adapted


def _clamp(replicas: int, autoscaler: Autoscaler) -> int:
    return max(autoscaler.minimum, min(autoscaler.maximum, replicas))


def _others_own_replicas(live: Manifest) -> bool:
    return any(
        "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER
    )
