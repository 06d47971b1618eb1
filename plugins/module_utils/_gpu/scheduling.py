# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which pods a node takes: labels, taints with tolerations, and node affinity, read as Kubernetes does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels

Object = Mapping[str, Any]

#: Taints that the DaemonSet controller lets the pods of every DaemonSet tolerate.
_DAEMON_TOLERATED = {
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
}
_NETWORK_UNAVAILABLE = "node.kubernetes.io/network-unavailable"


def matches(selector: str, of: Mapping[str, str]) -> bool:
    """Whether labels satisfy a selector of the form C(key=value)."""
    key, _equals, value = selector.partition("=")
    return of.get(key) == value


def repelling(daemon_set: Object, node: Object) -> list[str]:
    """The taints of a node that keep the pods of a DaemonSet away, as C(key=value:effect)."""
    pod = daemon_set["spec"]["template"]["spec"]
    tolerations = pod.get("tolerations") or ()
    return [
        shown(taint)
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") in ("NoSchedule", "NoExecute")
        and taint["key"] not in _DAEMON_TOLERATED
        and not (taint["key"] == _NETWORK_UNAVAILABLE and pod.get("hostNetwork"))
        and not any(_tolerates(toleration, taint) for toleration in tolerations)
    ]


def selects(daemon_set: Object, node: Object) -> bool:
    """Whether a DaemonSet wants a pod on the node, its taints aside."""
    pod = daemon_set["spec"]["template"]["spec"]
    of = labels.of(node)
    if any(of.get(key) != value for key, value in (pod.get("nodeSelector") or {}).items()):
        return False
    affinity = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        (term.get("matchExpressions") or term.get("matchFields"))
        and all(_satisfies(one, of) for one in term.get("matchExpressions") or ())
        and all(_satisfies(one, fields) for one in term.get("matchFields") or ())
        for term in affinity.get("nodeSelectorTerms") or ()
    )


def shown(taint: Object) -> str:
    """A taint as kubectl writes it."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint.get('effect', '')}"


def pod_labels(daemon_set: Object) -> Mapping[str, str]:
    """The labels of a DaemonSet's pods."""
    return (daemon_set["spec"]["template"].get("metadata") or {}).get("labels") or {}


def pod_ready(pod: Object) -> bool:
    """Whether a pod's condition Ready is True."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint["key"]
    return toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (taint.get("value") or "")


def _satisfies(requirement: Object, of: Mapping[str, str]) -> bool:
    operator, values = requirement["operator"], requirement.get("values") or ()
    value = of.get(requirement["key"])
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    number = _whole(value)
    limit = _whole(next(iter(values), None))
    if number is None or limit is None:
        return False
    return number > limit if operator == "Gt" else number < limit


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None
