# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for objects to be ready or gone: reads, judges with the predicates of readiness, and says what is lacking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import readiness
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import PODS, Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference, reference

#: Seconds between two looks: quick at first, for what is ready at once, then easier on the API server.
FIRST_INTERVAL = 0.25
LONGEST_INTERVAL = 2.0

#: Pods of one workload that an error speaks of.
_PODS_IN_ERROR = 3

_WITH_PODS = {"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch"}


@dataclass
class Outcome:
    """How the waiting ended. Everything is ready where C(lacking) is empty."""

    seconds: float = 0.0
    lacking: dict[Reference, str] = field(default_factory=dict)
    #: Some object can never become ready, so that the waiting ended early.
    hopeless: bool = False
    live: dict[Reference, Mapping[str, Any]] = field(default_factory=dict)


def wait_ready(
    client: Client,
    resources: Mapping[Reference, Resource],
    known: Mapping[Reference, Mapping[str, Any]],
    *,
    timeout: float,
    selector: str = "",
) -> Outcome:
    """Wait until all objects are ready, at most C(timeout) seconds.

    C(known) are objects as they were read just now: what of them is ready is not read again. C(selector) is a label
    selector that all objects match, to read many of a kind with one request.
    """
    start = time.monotonic()
    outcome = Outcome(live=dict(known))
    interval = FIRST_INTERVAL
    unread = [one for one in resources if one not in known]
    with _progress.waiting() as tell:
        while True:
            outcome.live.update(_read(client, resources, unread, selector))
            outcome.lacking = _judge(resources, outcome)
            outcome.seconds = time.monotonic() - start
            if not outcome.lacking or outcome.hopeless or outcome.seconds >= timeout:
                return outcome
            tell(_in_one_line(outcome, len(resources)))
            time.sleep(min(interval, max(0.05, timeout - outcome.seconds)))
            interval = min(interval * 1.5, LONGEST_INTERVAL)
            unread = list(outcome.lacking)
            for one in unread:
                outcome.live.pop(one, None)


def wait_gone(client: Client, resource: Resource, namespace: str, name: str, uid: str, *, timeout: float) -> None:
    """Wait until the object with this uid is gone.

    Raises:
        KubernetesError: it is still there after C(timeout) seconds; says what holds it.
    """
    deadline = time.monotonic() + timeout
    interval = FIRST_INTERVAL
    with _progress.waiting(f"{resource.kind} {name} is being removed"):
        while True:
            live = client.get(resource, namespace, name)
            if live is None or live["metadata"]["uid"] != uid:
                return
            if time.monotonic() >= deadline:
                raise KubernetesError(
                    f"it is still there {timeout:.0f} s after its removal was asked for: {readiness.holding(live)}"
                )
            time.sleep(interval)
            interval = min(interval * 1.5, LONGEST_INTERVAL)


def explain(client: Client, outcome: Outcome) -> list[str]:
    """One line for each object that is not ready: what it lacks, and what keeps its pods."""
    lines = []
    for one, lacking in sorted(outcome.lacking.items()):
        pods = _pod_troubles(client, outcome.live.get(one))
        lines.append(f"{one}: {lacking}" + "".join(f"; {pod}" for pod in pods))
    return lines


def _in_one_line(outcome: Outcome, total: int) -> str:
    one, lacking = min(outcome.lacking.items())
    others = f", and {len(outcome.lacking) - 1} more" if len(outcome.lacking) > 1 else ""
    return f"{total - len(outcome.lacking)}/{total} ready; {one}: {lacking.rstrip('.')}{others}"


def _judge(resources: Mapping[Reference, Resource], outcome: Outcome) -> dict[Reference, str]:
    lacking: dict[Reference, str] = {}
    for one in resources:
        live = outcome.live.get(one)
        try:
            reason = "is not there" if live is None else readiness.lacking(live)
        except readiness.NeverReadyError as error:
            reason = str(error)
            outcome.hopeless = True
        if reason:
            lacking[one] = reason
    return lacking


def _read(
    client: Client, resources: Mapping[Reference, Resource], wanted: Iterable[Reference], selector: str
) -> dict[Reference, Mapping[str, Any]]:
    """The objects as they are now: one request for each kind and namespace, or for an object that is alone there."""
    groups: dict[tuple[Resource, str], list[Reference]] = {}
    for one in wanted:
        groups.setdefault((resources[one], one.namespace), []).append(one)
    found: dict[Reference, Mapping[str, Any]] = {}
    for (resource, namespace), members in groups.items():
        if len(members) == 1 or not selector:
            lives = [client.get(resource, namespace, one.name) for one in members]
            found.update({reference(live): live for live in lives if live is not None})
        else:
            listed, _version = client.list(resource, namespace, label_selector=selector)
            found.update({reference(live): live for live in listed})
    return {one: found[one] for one in wanted if one in found}


def _pod_troubles(client: Client, live: Mapping[str, Any] | None) -> list[str]:
    """What keeps the pods of a workload, each trouble once."""
    if live is None or reference(live).group_kind not in _WITH_PODS:
        return []
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not labels:
        return []
    try:
        listed, _version = client.list(PODS, live["metadata"]["namespace"], label_selector=label_selector(labels))
    except KubernetesError as error:
        return [f"its pods cannot be read: {error}"]
    troubles: dict[str, str] = {}
    for pod in listed:
        trouble = readiness.pod_trouble(pod)
        if trouble:
            troubles.setdefault(trouble, pod["metadata"]["name"])
    return [f"pod {name}: {trouble}" for trouble, name in list(troubles.items())[:_PODS_IN_ERROR]]
