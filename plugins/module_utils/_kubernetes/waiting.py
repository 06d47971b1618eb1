# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for objects to be ready or gone: reads, judges with the predicates of readiness, and says what is lacking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import readiness
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import PODS, Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference, reference
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError, poll

#: The longest pause between two looks (seconds): workloads are ready in seconds, where AWS takes minutes.
_LONGEST_INTERVAL = 2.0

#: Seconds until a new definition is served. The API server needs about one.
DEFINITION_TIMEOUT = 60.0

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
    unread = [one for one in resources if one not in known]

    def look() -> str | None:
        for one in unread:
            outcome.live.pop(one, None)
        outcome.live.update(_read(client, resources, unread, selector))
        outcome.lacking = _judge(resources, outcome)
        unread[:] = outcome.lacking
        return _in_one_line(outcome, len(resources)) if outcome.lacking and not outcome.hopeless else None

    with suppress(WaitError):
        poll(look, "", timeout, longest=_LONGEST_INTERVAL)
    outcome.seconds = time.monotonic() - start
    return outcome


def wait_gone(client: Client, resource: Resource, namespace: str, name: str, uid: str, *, timeout: float) -> None:
    """Wait until the object with this uid is gone.

    Raises:
        KubernetesError: it is still there after C(timeout) seconds; says what holds it.
    """
    live: Mapping[str, Any] | None = None

    def look() -> str | None:
        nonlocal live
        live = client.get(resource, namespace, name)
        return None if live is None or live["metadata"]["uid"] != uid else "being removed"

    try:
        poll(look, f"{resource.kind} {name}", timeout, longest=_LONGEST_INTERVAL)
    except WaitError as error:
        raise KubernetesError(f"{error} {readiness.holding(live or {})}") from error


def wait_served(client: Client, definition: Reference, resource: Resource) -> None:
    """Wait until the kind of a CustomResourceDefinition that was applied is served.

    Raises:
        KubernetesError: it is not, after a minute.
    """
    outcome = wait_ready(client, {definition: resource}, {}, timeout=DEFINITION_TIMEOUT)
    if outcome.lacking:
        raise KubernetesError(f"it {outcome.lacking[definition]} after {DEFINITION_TIMEOUT:.0f} s.")
    client.discover()


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
