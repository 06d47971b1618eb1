# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Sets of objects after the ApplySet standard (KEP-3659): which objects belong together, so that what leaves is found.

Each member carries a label with the set's id. The set's parent, a ConfigMap, carries the same id and lists the kinds
and namespaces in which members may be. The list is widened before members are added and narrowed after members are
removed; so whenever a run is cut off, the next one finds every member.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference

ID_LABEL = "applyset.kubernetes.io/id"
PART_OF_LABEL = "applyset.kubernetes.io/part-of"
TOOLING_ANNOTATION = "applyset.kubernetes.io/tooling"
KINDS_ANNOTATION = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES_ANNOTATION = "applyset.kubernetes.io/additional-namespaces"

#: The tool and the version of its way of keeping sets; another tool's set is left alone.
TOOLING = "entasis.engine/v1"

#: Removing one of these removes data or other people's objects with it, so it happens only on request.
PROTECTED_KINDS = {
    "Namespace": "Namespace",
    "CustomResourceDefinition.apiextensions.k8s.io": "CustomResourceDefinition",
    "PersistentVolumeClaim": "PersistentVolumeClaim",
    "PersistentVolume": "PersistentVolume",
}


def parent_reference(name: str, namespace: str) -> Reference:
    """The parent of the set of this name; its prefix keeps it apart from the ConfigMaps in the set."""
    return Reference("ConfigMap", namespace, f"applyset-{name}")


def set_id(parent: Reference) -> str:
    """The id of the set, as KEP-3659 computes it from the parent's name, namespace, kind and group."""
    kind, _dot, group = parent.group_kind.partition(".")
    digest = hashlib.sha256(f"{parent.name}.{parent.namespace}.{kind}.{group}".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}-v1"


@dataclass(frozen=True)
class Extent:
    """Where members of a set may be: kinds, and namespaces besides the parent's."""

    group_kinds: frozenset[str]
    namespaces: frozenset[str]

    def __or__(self, other: Extent) -> Extent:
        return Extent(self.group_kinds | other.group_kinds, self.namespaces | other.namespaces)


def extent(parent: Reference, members: Iterable[Reference]) -> Extent:
    """Where these members are."""
    found = list(members)
    namespaces = {one.namespace for one in found} - {"", parent.namespace}
    return Extent(frozenset(one.group_kind for one in found), frozenset(namespaces))


def recorded_extent(parent: Mapping[str, Any]) -> Extent:
    """Where the members are after the annotations of a parent that was read."""
    annotations = parent["metadata"].get("annotations") or {}
    return Extent(
        frozenset(filter(None, annotations.get(KINDS_ANNOTATION, "").split(","))),
        frozenset(filter(None, annotations.get(NAMESPACES_ANNOTATION, "").split(","))),
    )


def parent_manifest(parent: Reference, where: Extent) -> dict[str, Any]:
    """The parent that records this extent."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": parent.name,
            "namespace": parent.namespace,
            "labels": {ID_LABEL: set_id(parent)},
            "annotations": {
                TOOLING_ANNOTATION: TOOLING,
                KINDS_ANNOTATION: ",".join(sorted(where.group_kinds)),
                NAMESPACES_ANNOTATION: ",".join(sorted(where.namespaces)),
            },
        },
    }


def parent_problem(parent: Reference, live: Mapping[str, Any]) -> str | None:
    """Why the ConfigMap of the parent's name cannot be the parent, or None."""
    metadata = live["metadata"]
    if (metadata.get("labels") or {}).get(ID_LABEL) != set_id(parent):
        return (
            f"{parent} exists and is not the parent of this set (label {ID_LABEL}). Choose another name for the set, "
            "or remove that ConfigMap if nobody needs it."
        )
    tooling = (metadata.get("annotations") or {}).get(TOOLING_ANNOTATION, "")
    if tooling.partition("/")[0] != TOOLING.partition("/")[0]:
        return f"the set of {parent} is kept by another tool ({tooling or 'unknown'}). Choose another name for the set."
    return None


def membership(live: Mapping[str, Any]) -> str:
    """The id of the set that an object belongs to, or an empty string."""
    return str((live["metadata"].get("labels") or {}).get(PART_OF_LABEL, ""))
