# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Carrying out the plan of a set of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import apply_set, object_set, waiting
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, backoff, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import CONFIG_MAPS, Resource
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.object_set import (
    ObjectSet,
    Observed,
    Plan,
    Policy,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.objects import Reference
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Handler
from ansible_collections.entasis.engine.plugins.module_utils._waiting import poll

_DEFINITION = "CustomResourceDefinition.apiextensions.k8s.io"

#: How often an object is applied again, because its autoscaler scaled it between the look and the apply, or because
#: its namespace has no service account yet.
_RETRIES = 6


class Applier:
    """Applies the changes of one plan. Its methods run in several threads."""

    def __init__(
        self,
        client: Client,
        desired: ObjectSet,
        observed: Observed,
        plan: Plan,
        policy: Policy,
        *,
        wait: bool,
        timeout: float,
    ) -> None:
        self._client = client
        self._desired = desired
        self._observed = observed
        self._plan = plan
        self._policy = policy
        self._wait = wait
        self._timeout = timeout
        self._by_name = {(one.group_kind, one.path): one for one in (*desired.manifests, *observed.live)}
        recorded = apply_set.recorded_extent(observed.parent) if observed.parent else plan.extent
        self._widest = recorded | plan.extent
        #: What the API server answered to each apply.
        self.written: dict[Reference, Mapping[str, Any]] = {}

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """The apply table of the plan."""
        actions: dict[str, Handler] = {"create": self._write, "update": self._write, "delete": self._remove}
        return {(change.kind, change.action): actions[change.action] for change in self._plan.changes}

    def finish(self) -> None:
        """Wait for what was on its way out already, then narrow the parent's record to what is left."""
        if self._wait:
            for one, live in self._observed.deleting.items():
                if one not in self._desired.manifests:
                    self._wait_gone(one, self._served(one), live["metadata"]["uid"])
        if self._widest != self._plan.extent and (self._desired.manifests or self._plan.extent.group_kinds):
            self._write_parent(self._plan.extent)

    def _write(self, change: Change) -> None:
        if self._is_parent(change):
            self._write_parent(self._widest)
            return
        one = self._by_name[change.kind, change.name]
        resource = self._served(one)
        if one in self._observed.deleting:
            self._wait_gone(one, resource, self._observed.deleting[one]["metadata"]["uid"])
        live = self._observed.live.get(one)
        for attempt in range(_RETRIES + 1):
            try:
                self.written[one] = self._client.apply(
                    resource, self._desired.manifest(one, live), force=self._policy.force_conflicts
                )
                break
            except ApiError as error:
                scaled = one in self._desired.autoscalers and error.status == 409
                # A controller makes the account of a new namespace, a moment after the namespace.
                early = error.status == 403 and "error looking up service account" in error.message
                if not (scaled or early) or attempt == _RETRIES:
                    raise KubernetesError(object_set.explain_refusal(error)) from error
                if early:
                    self._client.pause(backoff(attempt))
                live = self._client.get(resource, one.namespace, one.name)
        if one.group_kind == _DEFINITION:
            waiting.wait_served(self._client, one, resource)

    def _remove(self, change: Change) -> None:
        if self._is_parent(change):
            resource, one, live = CONFIG_MAPS, self._desired.parent, self._observed.parent or {}
        else:
            one = self._by_name[change.kind, change.name]
            resource, live = self._served(one), self._observed.live[one]
        uid = live["metadata"]["uid"]
        self._client.delete(resource, one.namespace, one.name, uid)
        if self._wait:
            self._wait_gone(one, resource, uid)

    def _is_parent(self, change: Change) -> bool:
        return (change.kind, change.name) == (self._desired.parent.group_kind, self._desired.parent.path)

    def _write_parent(self, where: apply_set.Extent) -> None:
        self._client.apply(CONFIG_MAPS, apply_set.parent_manifest(self._desired.parent, where), force=True)

    def _served(self, one: Reference) -> Resource:
        """How the object's kind is served. A kind that the set itself defines appears a moment after its definition."""
        manifest = self._desired.manifests.get(one) or self._observed.live.get(one) or self._observed.deleting[one]
        found: list[Resource] = []

        def look() -> str | None:
            resource = self._client.resource(manifest["apiVersion"], manifest["kind"])
            if resource is None:
                self._client.discover()
                return "not served"
            found.append(resource)
            return None

        poll(look, f"the kind {one.group_kind}", waiting.DEFINITION_TIMEOUT, advice=" Look at its definition.")
        return found[0]

    def _wait_gone(self, one: Reference, resource: Resource, uid: str) -> None:
        waiting.wait_gone(self._client, resource, one.namespace, one.name, uid, timeout=self._timeout)


def wait_ready(
    client: Client,
    desired: ObjectSet,
    observed: Observed,
    written: Mapping[Reference, Mapping[str, Any]],
    timeout: float,
) -> waiting.Outcome:
    """Wait for every object of the set. What was ready before the plan and has not changed is not read again."""
    resources = object_set.served(client, desired)
    known = {one: live for one, live in observed.live.items() if one in resources and one not in written}
    selector = label_selector({apply_set.PART_OF_LABEL: desired.id})
    return waiting.wait_ready(client, resources, known, timeout=timeout, selector=selector)
