# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readiness, a truth table: the status of an object and what it lacks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.readiness import (
    NeverReadyError,
    lacking,
    pod_trouble,
)

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


def live(kind: str, *, spec: dict[str, Any] | None = None, generation: int = 2, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": _API_VERSIONS.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": "one", "generation": generation},
        "spec": spec or {},
        "status": status,
    }


def condition(kind: str, status: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "message": message}


FULL = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
THREE = {"replicas": 3}

TABLE = [
    # Deployment
    (live("Deployment", spec=THREE, **FULL), None),
    (live("Deployment", spec={"replicas": 0}, observedGeneration=2), None),
    (live("Deployment", spec={}, observedGeneration=2, replicas=1, updatedReplicas=1, availableReplicas=1), None),
    (live("Deployment", spec=THREE), "has not been seen by its controller yet"),
    (live("Deployment", spec=THREE, **{**FULL, "observedGeneration": 1}), "has not been seen by its controller yet"),
    (live("Deployment", spec=THREE, **{**FULL, "updatedReplicas": 1}), "1 of 3 are of the newest template"),
    (live("Deployment", spec=THREE, **{**FULL, "replicas": 4}), "1 replicas of an older template are left"),
    (live("Deployment", spec=THREE, **{**FULL, "availableReplicas": 2}), "2 of 3 are available"),
    (
        live(
            "Deployment",
            spec=THREE,
            **{**FULL, "availableReplicas": 0},
            conditions=[condition("Progressing", "True", "fine"), condition("ReplicaFailure", "True", "over quota")],
        ),
        "0 of 3 are available (over quota)",
    ),
    (
        live(
            "Deployment",
            spec=THREE,
            **{**FULL, "availableReplicas": 0},
            conditions=[condition("Progressing", "False", "deadline")],
        ),
        "0 of 3 are available (deadline)",
    ),
    # StatefulSet
    (live("StatefulSet", spec=THREE, **FULL), None),
    (live("StatefulSet", spec=THREE, **{**FULL, "readyReplicas": 2}), "2 of 3 are ready"),
    (live("StatefulSet", spec=THREE, **{**FULL, "updatedReplicas": 2}), "2 of 3 are of the newest revision"),
    (
        live(
            "StatefulSet",
            spec={**THREE, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
            **{**FULL, "updatedReplicas": 1},
        ),
        None,
    ),
    (
        live("StatefulSet", spec={**THREE, "updateStrategy": {"type": "OnDelete"}}, **{**FULL, "updatedReplicas": 0}),
        None,
    ),
    (live("StatefulSet", spec=THREE), "has not been seen by its controller yet"),
    # DaemonSet
    (live("DaemonSet", observedGeneration=2), None),
    (live("DaemonSet"), "has not been seen by its controller yet"),
    (
        live("DaemonSet", observedGeneration=2, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2),
        None,
    ),
    (
        live("DaemonSet", observedGeneration=2, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
        "1 of 2 are available",
    ),
    (
        live("DaemonSet", observedGeneration=2, desiredNumberScheduled=2, numberAvailable=2),
        "0 of 2 are of the newest template",
    ),
    (
        live(
            "DaemonSet",
            spec={"updateStrategy": {"type": "OnDelete"}},
            observedGeneration=2,
            desiredNumberScheduled=2,
            numberAvailable=2,
        ),
        None,
    ),
    # Job
    (live("Job", conditions=[condition("Complete", "True")]), None),
    (live("Job", active=1), "is not complete (1 active, 0 succeeded)"),
    (live("Job", spec={"suspend": True}), None),
    # Pod
    (live("Pod", phase="Running", conditions=[condition("Ready", "True")]), None),
    (live("Pod", phase="Succeeded"), None),
    (live("Pod"), "is Pending"),
    (live("Pod", phase="Running", conditions=[condition("Ready", "False")]), "is Running"),
    # PersistentVolumeClaim
    (live("PersistentVolumeClaim", phase="Bound"), None),
    (live("PersistentVolumeClaim", phase="Pending"), "is Pending"),
    (live("PersistentVolumeClaim"), "is Pending"),
    # CustomResourceDefinition
    (
        live(
            "CustomResourceDefinition",
            conditions=[condition("NamesAccepted", "True"), condition("Established", "True")],
        ),
        None,
    ),
    (live("CustomResourceDefinition"), "is not NamesAccepted yet"),
    (
        live("CustomResourceDefinition", conditions=[condition("NamesAccepted", "False", "taken")]),
        "is not NamesAccepted: taken",
    ),
    (live("CustomResourceDefinition", conditions=[condition("NamesAccepted", "True")]), "is not Established yet"),
    # APIService
    (live("APIService", conditions=[condition("Available", "True")]), None),
    (
        live("APIService", conditions=[condition("Available", "False", "no endpoints")]),
        "is not Available: no endpoints",
    ),
    # HorizontalPodAutoscaler
    (live("HorizontalPodAutoscaler"), None),
    (live("HorizontalPodAutoscaler", conditions=[condition("AbleToScale", "True")]), None),
    (
        live(
            "HorizontalPodAutoscaler",
            conditions=[condition("AbleToScale", "True"), condition("ScalingActive", "False", "no metrics")],
        ),
        None,
    ),
    (
        live("HorizontalPodAutoscaler", conditions=[condition("AbleToScale", "False", "no such Deployment")]),
        "cannot scale: no such Deployment",
    ),
    # PodDisruptionBudget
    (live("PodDisruptionBudget", observedGeneration=2, currentHealthy=2, desiredHealthy=2), None),
    (live("PodDisruptionBudget", observedGeneration=2, currentHealthy=1, desiredHealthy=2), "1 of 2 are healthy"),
    (live("PodDisruptionBudget"), "has not been seen by its controller yet"),
    # Namespace
    (live("Namespace", phase="Active"), None),
    (live("Namespace", phase="Terminating"), "is Terminating"),
    (live("Namespace"), "is not active yet"),
    # Any other kind, by its conditions
    (live("ConfigMap"), None),
    (live("Cluster"), None),
    (live("Cluster", conditions=[condition("Ready", "True")]), None),
    (live("Cluster", conditions=[condition("Ready", "False", "electing")]), "is not ready: electing"),
    (live("Cluster", conditions=[condition("Ready", "Unknown")]), "is not ready: "),
    (live("Cluster", conditions=[condition("Stalled", "True", "quota")]), "is stalled: quota"),
    (live("Cluster", conditions=[condition("Reconciling", "True", "step 2")]), "is reconciling: step 2"),
    (live("Cluster", observedGeneration=1), "has not been seen by its controller yet"),
]


@pytest.mark.parametrize(("one", "expected"), TABLE, ids=[f"{one['kind']}-{e}" for one, e in TABLE])
def test_what_an_object_lacks(one: dict[str, Any], expected: str | None) -> None:
    assert lacking(one) == expected


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (live("Job", conditions=[condition("Failed", "True", "backoff limit")]), "has failed: backoff limit"),
        (live("Pod", phase="Failed", reason="Evicted"), "has failed: Evicted"),
        (live("PersistentVolumeClaim", phase="Lost"), "has lost its volume"),
    ],
)
def test_what_can_never_become_ready(one: dict[str, Any], said: str) -> None:
    with pytest.raises(NeverReadyError, match=said):
        lacking(one)


def test_what_is_being_deleted_is_not_ready() -> None:
    leaving = live("Namespace", phase="Active")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    assert lacking(leaving) == "is being deleted"


def container(state: dict[str, Any], *, ready: bool = False) -> dict[str, Any]:
    return {"name": "main", "ready": ready, "state": state}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ({}, None),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]},
            "Unschedulable: 0/3",
        ),
        (
            {"containerStatuses": [container({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}})]},
            "container main waits with ImagePullBackOff: not found",
        ),
        (
            {"initContainerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff"}})]},
            "container main waits with CrashLoopBackOff",
        ),
        ({"containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})]}, None),
        ({"containerStatuses": [container({"terminated": {"exitCode": 3}})]}, "container main ended with exit code 3"),
        ({"containerStatuses": [container({"terminated": {"exitCode": 0}}, ready=True)]}, None),
        (
            {"phase": "Running", "containerStatuses": [container({"running": {}})]},
            "container main runs and is not ready",
        ),
        ({"phase": "Running", "containerStatuses": [container({"running": {}}, ready=True)]}, None),
    ],
)
def test_what_keeps_a_pod(status: dict[str, Any], trouble: str | None) -> None:
    assert pod_trouble(live("Pod", **status)) == trouble
