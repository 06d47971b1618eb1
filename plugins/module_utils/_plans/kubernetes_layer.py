# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of a layer on Kubernetes, the same for every role that installs something: releases, objects, gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan
from ansible_collections.entasis.engine.plugins.module_utils._releases.release import Release
from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._spec.helm import DEFAULT_TIMEOUT
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def kubernetes_layer(
    platform: Platform,
    role: str,
    *,
    own_releases: Sequence[Plan] | None = None,
    sets: Sequence[Plan] = (),
    gates: Sequence[Plan] = (),
) -> Plan:
    """What the role kubernetes_layer is given.

    The platform's releases of the role come from its table; C(own_releases) are those of the spec. A layer without any
    of the two has no releases, which is not the same as to have none left. C(sets) are options of k8s_objects,
    C(gates) of gpu_node_ready.
    """
    known = {name: one for name, one in RELEASES.items() if one.role == role}
    installed = {name: one for name, one in known.items() if one.when(platform)}
    releases = [*(_release(one, platform, installed) for one in installed.values()), *(own_releases or ())]
    return {
        "platform": platform.name,
        "region": platform.region,
        "account": platform.account,
        "role": role,
        "cluster": platform.name,
        "purge": platform.purge,
        "mirror": platform.charts.mirror or "",
        "releases": releases,
        "releases_state": _state(platform, releases) if known or own_releases is not None else None,
        "sets": list(sets),
        "gates": list(gates),
    }


def _state(platform: Platform, wanted: Sequence[Plan]) -> str:
    """Modules refuse to empty what they are given an empty list of; to remove the last one has a word of its own."""
    return "absent" if platform.purge and not wanted else "present"


def _release(release: Release, platform: Platform, installed: Mapping[str, Release]) -> Plan:
    """A release of the platform, with what the spec changes of it."""
    changes = {one.name: one for one in platform.helm_releases}.get(release.name)
    return {
        "name": release.name,
        "namespace": release.namespace,
        "chart": release.name,
        "repository": release.repository,
        "version": release.version,
        "values": merged(release.values(platform), changes.values if changes else {}),
        "timeout": changes.timeout if changes else DEFAULT_TIMEOUT,
        "needs": [name for name in release.needs if name in installed],
    }


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Plan:
    """Helm's own rule for values over values: mappings are merged, anything else is replaced."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return result


def a_set(platform: Platform, name: str, objects: Sequence[Plan], *, wait_timeout: int) -> Plan:
    """A set of objects that follows the spec: what left it goes with C(purge), and with it the set that is empty.

    It is recorded in a namespace that is always there, whichever namespaces its objects are in.
    """
    return {
        "name": name,
        "namespace": "default",
        "objects": list(objects),
        "state": _state(platform, objects),
        "prune": platform.purge,
        "wait_timeout": wait_timeout,
    }


def not_installed(platform: Platform) -> list[str]:
    """What a person should know of values that the spec has for releases which are not installed."""
    return [
        f"helm_releases has values for {one.name}, which is not installed, because {RELEASES[one.name].absent_because}."
        for one in platform.helm_releases
        if one.name in RELEASES and not RELEASES[one.name].when(platform)
    ]
