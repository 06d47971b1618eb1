# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What is read of the cluster: which objects, in pages of which size, and which of their fields are left out.

The pods of the NVIDIA device plugin are found by its DaemonSets: one namespace and one label selector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import DRIVER_SELECTOR, DevicePlugin
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers import dra
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import matches, pod_labels
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import kinds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Source

Object = Mapping[str, Any]

_DRA_DRIVER = "nvidia-dra-driver"

#: The names of the sources.
NODES = "nodes"
PODS = "pods"
DAEMON_SETS = "daemon_sets"
RESOURCE_SLICES = "resource_slices"
LEASES = "leases"

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


def pods(namespace: str, label_selector: str) -> Source:
    """The device plugin's pods."""
    return Source(
        PODS,
        kinds.PODS,
        namespace=namespace,
        label_selector=label_selector,
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


def plugin_pods(daemon_sets: Iterable[Object], config: DevicePlugin) -> tuple[Source | None, tuple[str, ...]]:
    """The pods of the device plugin's DaemonSets, and the names of DaemonSets whose pods are not among them.

    None where no DaemonSet of the device plugin is there.
    """
    queries: dict[tuple[str, str], list[str]] = {}
    for daemon_set in sorted(daemon_sets, key=_full_name):
        namespace = daemon_set["metadata"]["namespace"]
        labels = pod_labels(daemon_set)
        selector = next((one for one in config.selectors if matches(one, labels)), None)
        if selector is not None and config.namespace in ("", namespace):
            queries.setdefault((namespace, _with_driver(selector)), []).append(_full_name(daemon_set))
    if not queries:
        return None, ()
    # More than one installation is a mistake, or a change from one to the other; the larger one is looked at.
    chosen = max(queries, key=lambda query: len(queries[query]))
    return pods(*chosen), tuple(name for query, names in queries.items() if query != chosen for name in names)


def _with_driver(selector: str) -> str:
    """The selector for the driver's pods as well, where the GPU operator installed both: one watch sees both then."""
    key, _equals, value = selector.partition("=")
    driver_key, _equals, driver_value = DRIVER_SELECTOR.partition("=")
    return f"{key} in ({value},{driver_value})" if key == driver_key else selector


def is_driver_pod(pod: Object) -> bool:
    return matches(DRIVER_SELECTOR, pod["metadata"].get("labels") or {})


def is_dra_driver(daemon_set: Object) -> bool:
    """Whether a DaemonSet is of NVIDIA's DRA driver, which its chart names nvidia-dra-driver-gpu."""
    return _DRA_DRIVER in f"{daemon_set['metadata']['name']} {' '.join(pod_labels(daemon_set).values())}"


def _full_name(daemon_set: Object) -> str:
    return f"{daemon_set['metadata']['namespace']}/{daemon_set['metadata']['name']}"
