# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readiness, a truth table: the status of an object and what it lacks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.readiness import NeverReadyError, lacking

_API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "Cluster": "postgresql.cnpg.io/v1",
}


def says(**conditions: str) -> dict[str, Any]:
    """A status with these conditions, each its status and its message: C(Ready="False, electing")."""
    found = [(kind, *said.partition(", ")) for kind, said in conditions.items()]
    return {"conditions": [{"type": kind, "status": is_so, "message": why} for kind, is_so, _comma, why in found]}


def container(kind: str = "containerStatuses", **state: Any) -> dict[str, Any]:
    """A status with one container in this state; C(ready) is beside it."""
    return {kind: [{"name": "main", "ready": state.pop("ready", False), "state": state}]}


SEEN = {"observedGeneration": 2}
FULL = {**SEEN, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
NONE_AVAILABLE = {**FULL, "availableReplicas": 0}
THREE = {"replicas": 3}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
PARTITIONED = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
ON_TWO = {**SEEN, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}
UNSEEN = "has not been seen by its controller yet"

#: Kind, spec, status, and what the object lacks; an error where it can never become ready.
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], str | NeverReadyError | None]] = [
    ("Deployment", THREE, FULL, None),
    ("Deployment", {"replicas": 0}, SEEN, None),
    ("Deployment", {}, {**SEEN, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, None),
    ("Deployment", THREE, {}, UNSEEN),
    ("Deployment", THREE, {**FULL, "observedGeneration": 1}, UNSEEN),
    ("Deployment", THREE, {**FULL, "updatedReplicas": 1}, "1 of 3 are of the newest template"),
    ("Deployment", THREE, {**FULL, "replicas": 4}, "1 replicas of an older template are left"),
    ("Deployment", THREE, {**FULL, "availableReplicas": 2}, "2 of 3 are available"),
    (
        "Deployment",
        THREE,
        {**NONE_AVAILABLE, **says(Progressing="True, fine", ReplicaFailure="True, over quota")},
        "0 of 3 are available (over quota)",
    ),
    ("Deployment", THREE, {**NONE_AVAILABLE, **says(Progressing="False, late")}, "0 of 3 are available (late)"),
    ("StatefulSet", THREE, FULL, None),
    ("StatefulSet", THREE, {}, UNSEEN),
    ("StatefulSet", THREE, {**FULL, "readyReplicas": 2}, "2 of 3 are ready"),
    ("StatefulSet", THREE, {**FULL, "updatedReplicas": 2}, "2 of 3 are of the newest revision"),
    ("StatefulSet", {**THREE, **PARTITIONED}, {**FULL, "updatedReplicas": 1}, None),
    ("StatefulSet", {**THREE, **ON_DELETE}, {**FULL, "updatedReplicas": 0}, None),
    ("DaemonSet", {}, SEEN, None),
    ("DaemonSet", {}, {}, UNSEEN),
    ("DaemonSet", {}, ON_TWO, None),
    ("DaemonSet", {}, {**ON_TWO, "numberAvailable": 1}, "1 of 2 are available"),
    ("DaemonSet", {}, {**ON_TWO, "updatedNumberScheduled": 0}, "0 of 2 are of the newest template"),
    ("DaemonSet", ON_DELETE, {**ON_TWO, "updatedNumberScheduled": 0}, None),
    ("Job", {}, says(Complete="True"), None),
    ("Job", {}, {"active": 1}, "is not complete (1 active, 0 succeeded)"),
    ("Job", {"suspend": True}, {}, None),
    ("Job", {}, says(Failed="True, backoff limit"), NeverReadyError("has failed: backoff limit")),
    ("Pod", {}, {"phase": "Running", **says(Ready="True")}, None),
    ("Pod", {}, {"phase": "Succeeded"}, None),
    ("Pod", {}, {}, "is Pending"),
    ("Pod", {}, {"phase": "Running", **says(Ready="False")}, "is Running"),
    ("Pod", {}, {"phase": "Failed", "reason": "Evicted"}, NeverReadyError("has failed: Evicted")),
    ("Pod", {}, says(PodScheduled="False, 0/3 nodes"), "Unschedulable: 0/3 nodes"),
    (
        "Pod",
        {},
        container(waiting={"reason": "ImagePullBackOff", "message": "not found"}),
        "container main waits with ImagePullBackOff: not found",
    ),
    (
        "Pod",
        {},
        container("initContainerStatuses", waiting={"reason": "CrashLoopBackOff"}),
        "container main waits with CrashLoopBackOff",
    ),
    ("Pod", {}, container(waiting={"reason": "ContainerCreating"}), "is Pending"),
    ("Pod", {}, container(terminated={"exitCode": 3}), "container main ended with exit code 3"),
    ("Pod", {}, container(terminated={"exitCode": 0}, ready=True), "is Pending"),
    ("Pod", {}, {"phase": "Running", **container(running={})}, "container main runs and is not ready"),
    ("Pod", {}, {"phase": "Running", **container(running={}, ready=True)}, "is Running"),
    ("PersistentVolumeClaim", {}, {"phase": "Bound"}, None),
    ("PersistentVolumeClaim", {}, {"phase": "Pending"}, "is Pending"),
    ("PersistentVolumeClaim", {}, {}, "is Pending"),
    ("PersistentVolumeClaim", {}, {"phase": "Lost"}, NeverReadyError("has lost its volume")),
    ("CustomResourceDefinition", {}, says(NamesAccepted="True", Established="True"), None),
    ("CustomResourceDefinition", {}, {}, "is not NamesAccepted yet"),
    ("CustomResourceDefinition", {}, says(NamesAccepted="False, taken"), "is not NamesAccepted: taken"),
    ("CustomResourceDefinition", {}, says(NamesAccepted="True"), "is not Established yet"),
    ("APIService", {}, says(Available="True"), None),
    ("APIService", {}, says(Available="False, no endpoints"), "is not Available: no endpoints"),
    ("HorizontalPodAutoscaler", {}, {}, None),
    ("HorizontalPodAutoscaler", {}, says(AbleToScale="True", ScalingActive="False, no metrics"), None),
    ("HorizontalPodAutoscaler", {}, says(AbleToScale="False, no target"), "cannot scale: no target"),
    ("PodDisruptionBudget", {}, {**SEEN, "currentHealthy": 2, "desiredHealthy": 2}, None),
    ("PodDisruptionBudget", {}, {**SEEN, "currentHealthy": 1, "desiredHealthy": 2}, "1 of 2 are healthy"),
    ("PodDisruptionBudget", {}, {}, UNSEEN),
    ("Namespace", {}, {"phase": "Active"}, None),
    ("Namespace", {}, {"phase": "Terminating"}, "is Terminating"),
    ("Namespace", {}, {}, "is not active yet"),
    # Any other kind, by its conditions.
    ("Cluster", {}, {}, None),
    ("Cluster", {}, says(Ready="True"), None),
    ("Cluster", {}, says(Ready="False, electing"), "is not ready: electing"),
    ("Cluster", {}, says(Ready="Unknown"), "is not ready: "),
    ("Cluster", {}, says(Stalled="True, quota"), "is stalled: quota"),
    ("Cluster", {}, says(Reconciling="True, step 2"), "is reconciling: step 2"),
    ("Cluster", {}, {"observedGeneration": 1}, UNSEEN),
]


def judged(kind: str, spec: dict[str, Any], status: dict[str, Any], **metadata: str) -> str | NeverReadyError | None:
    live = {"apiVersion": _API_VERSIONS.get(kind, "v1"), "kind": kind, "spec": spec, "status": status}
    try:
        return lacking({**live, "metadata": {"name": "one", "generation": 2, **metadata}})
    except NeverReadyError as error:
        return error


@pytest.mark.parametrize(("kind", "spec", "status", "expected"), TABLE, ids=lambda each: str(each)[:60])
def test_what_an_object_lacks(
    kind: str, spec: dict[str, Any], status: dict[str, Any], expected: str | NeverReadyError | None
) -> None:
    assert repr(judged(kind, spec, status)) == repr(expected)


def test_what_is_being_deleted_is_not_ready() -> None:
    assert judged("Namespace", {}, {"phase": "Active"}, deletionTimestamp="2026-11-22T00:00:00Z") == "is being deleted"
