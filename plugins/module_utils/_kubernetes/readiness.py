# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether an object is ready, as pure functions of the object as the API server returned it.

A check returns what the object lacks, in words for the user, or None. A kind that the table does not have is judged by
its conditions, as kstatus does it: an object that reports none is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import group_kind

Object = Mapping[str, Any]
Check = Callable[[Object], "str | None"]
Amount = Callable[[Object], int]


class NeverReadyError(Exception):
    """The object has failed for good: more waiting cannot help."""


def lacking(live: Object) -> str | None:
    """What an object lacks to be ready, or None.

    Raises:
        NeverReadyError: it cannot become ready any more, as a Job that has failed.
    """
    if live["metadata"].get("deletionTimestamp"):
        return "is being deleted"
    checks = _CHECKS.get(group_kind(live), (_not_outdated, _well))
    return next(filter(None, (check(live) for check in checks)), None)


def _status(live: Object) -> Mapping[str, Any]:
    return live.get("status") or {}


def _counted(field: str) -> Amount:
    return lambda live: int(_status(live).get(field) or 0)


def _replicas(live: Object) -> int:
    """The replicas that are wanted; Kubernetes's own default is 1."""
    replicas = (live.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _newest(wanted: Amount) -> Amount:
    """How many are to be of the newest template: those above the partition, and none where users replace them."""

    def amount(live: Object) -> int:
        strategy = (live.get("spec") or {}).get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return 0
        return max(0, wanted(live) - int((strategy.get("rollingUpdate") or {}).get("partition") or 0))

    return amount


def _at_least(wanted: Amount, field: str, what: str, trouble: Check = lambda _live: None) -> Check:
    """As many as are wanted are counted in a field of the status; C(trouble) says why they are not."""

    def check(live: Object) -> str | None:
        have, need = _counted(field)(live), wanted(live)
        if have >= need:
            return None
        why = trouble(live)
        return f"{have} of {need} {what}" + (f" ({why})" if why else "")

    return check


def _none_is_left(live: Object) -> str | None:
    left = _counted("replicas")(live) - _counted("updatedReplicas")(live)
    return f"{left} replicas of an older template are left" if left > 0 else None


def _condition(live: Object, kind: str) -> Mapping[str, Any]:
    found = _status(live).get("conditions") or ()
    return next((entry for entry in found if isinstance(entry, Mapping) and entry.get("type") == kind), {})


def _is(live: Object, kind: str, *statuses: str) -> bool:
    return _condition(live, kind).get("status") in statuses


def _message(live: Object, kind: str) -> str:
    condition = _condition(live, kind)
    return str(condition.get("message") or condition.get("reason") or "").strip()


def _true(kind: str) -> Check:
    """The condition must be there and true."""

    def check(live: Object) -> str | None:
        if _is(live, kind, "True"):
            return None
        message = _message(live, kind)
        return f"is not {kind}{': ' + message if message else ' yet'}"

    return check


def _phase(wanted: str, otherwise: str = "Pending") -> Check:
    def check(live: Object) -> str | None:
        phase = _status(live).get("phase")
        return None if phase == wanted else f"is {phase or otherwise}"

    return check


def _rollout_trouble(live: Object) -> str | None:
    """What keeps a Deployment from going on: a quota or an admission rule, or its deadline."""
    if _is(live, "ReplicaFailure", "True"):
        return _message(live, "ReplicaFailure")
    return _message(live, "Progressing") if _is(live, "Progressing", "False") else None


def _not_outdated(live: Object) -> str | None:
    """A controller that has not seen the newest spec yet reports the status of an older one."""
    generation, observed = live["metadata"].get("generation"), _status(live).get("observedGeneration")
    if generation is None or observed is None or int(observed) >= int(generation):
        return None
    return "has not been seen by its controller yet"


def _seen(live: Object) -> str | None:
    """The same for kinds whose controller always reports which generation it saw."""
    return _not_outdated({**live, "status": {"observedGeneration": 0, **_status(live)}})


def _well(live: Object) -> str | None:
    """Nothing in the conditions says otherwise."""
    for bad in ("Stalled", "Reconciling"):
        if _is(live, bad, "True"):
            return f"is {bad.lower()}: {_message(live, bad)}"
    for good in ("Ready", "Available", "Established"):
        if _is(live, good, "False", "Unknown"):
            return f"is not {good.lower()}: {_message(live, good)}"
    return None


def _job(live: Object) -> str | None:
    """The job is complete; a suspended one has nothing to wait for."""
    if _is(live, "Failed", "True"):
        raise NeverReadyError(f"has failed: {_message(live, 'Failed')}")
    if _is(live, "Complete", "True") or (live.get("spec") or {}).get("suspend"):
        return None
    return f"is not complete ({_counted('active')(live)} active, {_counted('succeeded')(live)} succeeded)"


def _pod(live: Object) -> str | None:
    """The pod is ready, or has done its work."""
    status = _status(live)
    if status.get("phase") == "Failed":
        raise NeverReadyError(f"has failed: {status.get('message') or status.get('reason') or 'Failed'}")
    if status.get("phase") == "Succeeded" or _is(live, "Ready", "True"):
        return None
    return pod_trouble(live) or f"is {status.get('phase') or 'Pending'}"


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


def _not_lost(live: Object) -> str | None:
    if _status(live).get("phase") == "Lost":
        raise NeverReadyError("has lost its volume")
    return None


def _can_scale(live: Object) -> str | None:
    """Whether the autoscaler has metrics yet (ScalingActive) depends on the load."""
    return f"cannot scale: {_message(live, 'AbleToScale')}" if _is(live, "AbleToScale", "False") else None


#: The checks of a kind; the first that finds something tells what is lacking.
_CHECKS: dict[str, tuple[Check, ...]] = {
    "Deployment.apps": (
        _seen,
        _at_least(_replicas, "updatedReplicas", "are of the newest template"),
        _none_is_left,
        _at_least(_replicas, "availableReplicas", "are available", _rollout_trouble),
    ),
    "StatefulSet.apps": (
        _seen,
        _at_least(_newest(_replicas), "updatedReplicas", "are of the newest revision"),
        _at_least(_replicas, "readyReplicas", "are ready"),
    ),
    # It has a pod on every node that should have one; no such node is fine.
    "DaemonSet.apps": (
        _seen,
        _at_least(_newest(_counted("desiredNumberScheduled")), "updatedNumberScheduled", "are of the newest template"),
        _at_least(_counted("desiredNumberScheduled"), "numberAvailable", "are available"),
    ),
    "Job.batch": (_job,),
    "Pod": (_pod,),
    # One whose storage class waits for the first consumer stays Pending until a pod uses it.
    "PersistentVolumeClaim": (_not_lost, _phase("Bound")),
    "CustomResourceDefinition.apiextensions.k8s.io": (_true("NamesAccepted"), _true("Established")),
    "APIService.apiregistration.k8s.io": (_true("Available"),),
    "HorizontalPodAutoscaler.autoscaling": (_can_scale,),
    "PodDisruptionBudget.policy": (_seen, _at_least(_counted("desiredHealthy"), "currentHealthy", "are healthy")),
    "Namespace": (_phase("Active", "not active yet"),),
}


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
        return f"The finalizers {finalizers} are left. Look at what their controllers wait for."
    return "No finalizer is left. Look at what depends on it, and at the controllers' logs."
