# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What is read of the cluster: which objects, in pages of which size, and which of their fields are left out."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers import dra
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import (
    DAEMON_SETS,
    LEASES,
    NODES,
    PODS,
    RESOURCE_SLICES,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.plugin_pods import PodQuery
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import kinds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Source

#: Fields that nothing looks at. The images make up most of a node that has run for a while.
_UNREAD_OF_NODES = ("managedFields", "images", "volumesInUse", "volumesAttached", "daemonEndpoints")
_UNREAD_OF_PODS = ("managedFields", "volumes", "containers", "initContainers", "ownerReferences")
_UNREAD_OF_DAEMON_SETS = ("managedFields", "volumes", "containers", "initContainers")
_UNREAD_OF_LEASES = ("managedFields", "ownerReferences")

#: Pods and leases are small beside nodes: those of 5,000 nodes fit one answer.
_SMALL_PAGE_SIZE = 5000


@dataclass(frozen=True)
class Selection:
    """Which nodes: those that have the labels and, where there are C(names), one of them."""

    label_selector: str = ""
    names: frozenset[str] = frozenset()


def nodes(selection: Selection) -> Source:
    """The nodes of a selection."""
    # A field selector takes one name; of several, all nodes are read and the others forgotten at once.
    alone = next(iter(selection.names)) if len(selection.names) == 1 else ""
    return Source(
        NODES,
        kinds.NODES,
        label_selector=selection.label_selector,
        field_selector=f"metadata.name={alone}" if alone else "",
        without=_UNREAD_OF_NODES,
        accept=lambda node: not selection.names or node["metadata"]["name"] in selection.names,
    )


def pods(query: PodQuery) -> Source:
    """The device plugin's pods."""
    return Source(
        PODS,
        kinds.PODS,
        namespace=query.namespace,
        label_selector=query.label_selector,
        page_size=_SMALL_PAGE_SIZE,
        without=_UNREAD_OF_PODS,
    )


def daemon_sets() -> Source:
    """All DaemonSets. There are few of them, so another look from time to time does in place of a watch."""
    return Source(
        DAEMON_SETS,
        kinds.DAEMON_SETS,
        without=_UNREAD_OF_DAEMON_SETS,
        watched=False,
    )


def leases() -> Source:
    """The leases of all nodes. Each of them changes every 10 s, so they are not watched."""
    return Source(
        LEASES,
        kinds.LEASES,
        namespace="kube-node-lease",
        page_size=_SMALL_PAGE_SIZE,
        without=_UNREAD_OF_LEASES,
        watched=False,
    )


def resource_slices(served: kinds.Resource, *, watched: bool) -> Source:
    """What NVIDIA's DRA driver offers, in the version of the API that is served."""
    return Source(
        RESOURCE_SLICES,
        served,
        field_selector=f"spec.driver={dra.DRIVER}",
        without=("managedFields",),
        watched=watched,
    )
