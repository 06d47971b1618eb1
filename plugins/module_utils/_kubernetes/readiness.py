# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether an object is ready, as pure functions of the object as the API server returned it.

A predicate returns what the object lacks, in words for the user, or None where it is ready. Kinds without a predicate
of their own are judged by their conditions, as kstatus does it: an object that reports none is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import group_kind

Object = Mapping[str, Any]
Predicate = Callable[[Object], "str | None"]


class NeverReadyError(Exception):
    """The object has failed for good: more waiting cannot help."""


def lacking(live: Object) -> str | None:
    """What an object lacks to be ready, or None.

    Raises:
        NeverReadyError: it cannot become ready any more, as a Job that has failed.
    """
    if live["metadata"].get("deletionTimestamp"):
        return "is being deleted"
    return _PREDICATES.get(group_kind(live), conditions)(live)


def deployment(live: Object) -> str | None:
    """All replicas are of the newest template and available, and no older one is left."""
    wanted = _replicas(live)
    status = _status(live)
    return (
        _unobserved(live)
        or _too_few(status.get("updatedReplicas"), wanted, "are of the newest template")
        or _too_many(status.get("replicas"), status.get("updatedReplicas"), "replicas of an older template are left")
        or _too_few(status.get("availableReplicas"), wanted, "are available", _rollout_trouble(live))
    )


def stateful_set(live: Object) -> str | None:
    """All replicas are ready, and those above the partition are of the newest revision."""
    wanted = _replicas(live)
    status = _status(live)
    strategy = (live.get("spec") or {}).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return _unobserved(live) or _too_few(status.get("readyReplicas"), wanted, "are ready")
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    return (
        _unobserved(live)
        or _too_few(status.get("updatedReplicas"), max(0, wanted - partition), "are of the newest revision")
        or _too_few(status.get("readyReplicas"), wanted, "are ready")
    )


def daemon_set(live: Object) -> str | None:
    """Every node that should have a pod has an available one of the newest template; no such node is fine."""
    status = _status(live)
    wanted = int(status.get("desiredNumberScheduled") or 0)
    on_delete = ((live.get("spec") or {}).get("updateStrategy") or {}).get("type") == "OnDelete"
    newest = None if on_delete else _too_few(status.get("updatedNumberScheduled"), wanted, "are of the newest template")
    return _unobserved(live) or newest or _too_few(status.get("numberAvailable"), wanted, "are available")


def job(live: Object) -> str | None:
    """The job is complete; a suspended one has nothing to wait for."""
    if _condition(live, "Failed").get("status") == "True":
        raise NeverReadyError(f"has failed: {_condition_message(live, 'Failed')}")
    if _condition(live, "Complete").get("status") == "True" or (live.get("spec") or {}).get("suspend"):
        return None
    status = _status(live)
    return f"is not complete ({status.get('active', 0)} active, {status.get('succeeded', 0)} succeeded)"


def pod(live: Object) -> str | None:
    """The pod is ready, or has done its work."""
    phase = _status(live).get("phase")
    if phase == "Succeeded":
        return None
    if phase == "Failed":
        raise NeverReadyError(f"has failed: {_status(live).get('message') or _status(live).get('reason') or 'Failed'}")
    if _condition(live, "Ready").get("status") == "True":
        return None
    return pod_trouble(live) or f"is {phase or 'Pending'}"


def pod_trouble(live: Object) -> str | None:
    """Why a pod does not run: it cannot be scheduled, or a container waits; None where nothing says so."""
    scheduled = _condition(live, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}".rstrip(": ")
    status = _status(live)
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        state = container.get("state") or {}
        waiting = state.get("waiting")
        if waiting and waiting.get("reason") not in ("PodInitializing", "ContainerCreating"):
            message = f": {waiting['message']}" if waiting.get("message") else ""
            return f"container {container['name']} waits with {waiting.get('reason')}{message}"
        terminated = state.get("terminated")
        if terminated and terminated.get("exitCode"):
            return f"container {container['name']} ended with exit code {terminated['exitCode']}"
    unready = [c["name"] for c in status.get("containerStatuses") or () if not c.get("ready")]
    if unready and status.get("phase") == "Running":
        return f"container {', '.join(unready)} runs and is not ready"
    return None


def persistent_volume_claim(live: Object) -> str | None:
    """The claim is bound. One whose storage class waits for the first consumer stays Pending until a pod uses it."""
    phase = _status(live).get("phase")
    if phase == "Lost":
        raise NeverReadyError("has lost its volume")
    return None if phase == "Bound" else f"is {phase or 'Pending'}"


def custom_resource_definition(live: Object) -> str | None:
    """The names are accepted and the kind is served."""
    return _must_be_true(live, "NamesAccepted") or _must_be_true(live, "Established")


def api_service(live: Object) -> str | None:
    """The API server reaches the server behind it."""
    return _must_be_true(live, "Available")


def horizontal_pod_autoscaler(live: Object) -> str | None:
    """The autoscaler can scale its target. Whether it has metrics yet (ScalingActive) depends on the load."""
    able = _condition(live, "AbleToScale")
    return f"cannot scale: {_condition_message(live, 'AbleToScale')}" if able.get("status") == "False" else None


def pod_disruption_budget(live: Object) -> str | None:
    """As many pods are healthy as the budget wants."""
    status = _status(live)
    return _unobserved(live) or _too_few(
        status.get("currentHealthy"), int(status.get("desiredHealthy") or 0), "are healthy"
    )


def namespace(live: Object) -> str | None:
    phase = _status(live).get("phase")
    return None if phase == "Active" else f"is {phase or 'not active yet'}"


def holding(live: Object) -> str:
    """What keeps an object that is being removed, and what to do."""
    # A namespace has finalizers of its own kind in its spec; what it waits for is in its conditions.
    held = [
        f"{condition.get('message', '').rstrip('.')}."
        for condition in _status(live).get("conditions") or ()
        if group_kind(live) == "Namespace" and condition.get("status") == "True"
    ]
    if held:
        return f"{' '.join(held)} Look at what the controllers of those objects wait for."
    finalizers = ", ".join(live["metadata"].get("finalizers") or ())
    if finalizers:
        return f"the finalizers {finalizers} are left. Look at what their controllers wait for."
    return "no finalizer is left. Look at what depends on it, and at the controllers' logs."


def conditions(live: Object) -> str | None:
    """Any other kind: seen by its controller, and nothing in its conditions says otherwise."""
    unobserved = _unobserved(live)
    if unobserved:
        return unobserved
    for bad in ("Stalled", "Reconciling"):
        if _condition(live, bad).get("status") == "True":
            return f"is {bad.lower()}: {_condition_message(live, bad)}"
    for good in ("Ready", "Available", "Established"):
        if _condition(live, good).get("status") in ("False", "Unknown"):
            return f"is not {good.lower()}: {_condition_message(live, good)}"
    return None


_PREDICATES: dict[str, Predicate] = {
    "Deployment.apps": deployment,
    "StatefulSet.apps": stateful_set,
    "DaemonSet.apps": daemon_set,
    "Job.batch": job,
    "Pod": pod,
    "PersistentVolumeClaim": persistent_volume_claim,
    "CustomResourceDefinition.apiextensions.k8s.io": custom_resource_definition,
    "APIService.apiregistration.k8s.io": api_service,
    "HorizontalPodAutoscaler.autoscaling": horizontal_pod_autoscaler,
    "PodDisruptionBudget.policy": pod_disruption_budget,
    "Namespace": namespace,
}


def _status(live: Object) -> Mapping[str, Any]:
    return live.get("status") or {}


def _replicas(live: Object) -> int:
    """The replicas that are wanted; Kubernetes's own default is 1."""
    replicas = (live.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _condition(live: Object, kind: str) -> Mapping[str, Any]:
    found = _status(live).get("conditions") or ()
    return next((entry for entry in found if isinstance(entry, Mapping) and entry.get("type") == kind), {})


def _condition_message(live: Object, kind: str) -> str:
    condition = _condition(live, kind)
    return str(condition.get("message") or condition.get("reason") or "").strip()


def _rollout_trouble(live: Object) -> str:
    """What keeps a Deployment from going on: a quota or an admission rule, or its deadline."""
    if _condition(live, "ReplicaFailure").get("status") == "True":
        return _condition_message(live, "ReplicaFailure")
    if _condition(live, "Progressing").get("status") == "False":
        return _condition_message(live, "Progressing")
    return ""


def _must_be_true(live: Object, kind: str) -> str | None:
    if _condition(live, kind).get("status") == "True":
        return None
    message = _condition_message(live, kind)
    return f"is not {kind}{': ' + message if message else ' yet'}"


def _unobserved(live: Object) -> str | None:
    """A controller that has not seen the newest spec yet reports the status of an older one."""
    generation = live["metadata"].get("generation")
    observed = _status(live).get("observedGeneration")
    workload = group_kind(live) in _OBSERVING
    if generation is None or (observed is None and not workload) or int(observed or 0) >= int(generation):
        return None
    return "has not been seen by its controller yet"


#: Kinds whose controller always reports which generation it saw; others are only judged by it where they report it.
_OBSERVING = {"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "PodDisruptionBudget.policy"}


def _too_few(have: Any, wanted: int, what: str, message: str = "") -> str | None:
    if int(have or 0) >= wanted:
        return None
    return f"{int(have or 0)} of {wanted} {what}{' (' + message + ')' if message else ''}"


def _too_many(have: Any, wanted: Any, what: str) -> str | None:
    left = int(have or 0) - int(wanted or 0)
    return f"{left} {what}" if left > 0 else None
