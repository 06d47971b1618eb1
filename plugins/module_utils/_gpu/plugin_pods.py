# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Where the pods of the NVIDIA device plugin are to be found: one namespace and one label selector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import DRIVER_SELECTOR, DevicePlugin
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import matches, pod_labels

Object = Mapping[str, Any]

_DRA_DRIVER = "nvidia-dra-driver"


@dataclass(frozen=True)
class PodQuery:
    """Pods of one namespace, by one label selector."""

    namespace: str
    label_selector: str


def find(daemon_sets: Iterable[Object], config: DevicePlugin) -> tuple[PodQuery | None, tuple[str, ...]]:
    """The pods of the device plugin's DaemonSets, and the names of DaemonSets whose pods are not among them.

    None where no DaemonSet of the device plugin is there.
    """
    queries: dict[PodQuery, list[str]] = {}
    for daemon_set in sorted(daemon_sets, key=_full_name):
        namespace = daemon_set["metadata"]["namespace"]
        labels = pod_labels(daemon_set)
        selector = next((one for one in config.selectors if matches(one, labels)), None)
        if selector is not None and config.namespace in ("", namespace):
            query = PodQuery(namespace, with_driver(selector))
            queries.setdefault(query, []).append(_full_name(daemon_set))
    if not queries:
        return None, ()
    # More than one installation is a mistake, or a change from one to the other; the larger one is looked at.
    chosen = max(queries, key=lambda query: len(queries[query]))
    return chosen, tuple(name for query, names in queries.items() if query != chosen for name in names)


def with_driver(selector: str) -> str:
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
