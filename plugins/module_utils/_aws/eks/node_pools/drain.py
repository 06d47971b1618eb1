# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The nodes of a node group are emptied before it is deleted: cordoned, then evicted within the disruption budgets.

EKS itself deletes a group without regard to them: what has not left within minutes is ended with its instance.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.eks_connection import EksConnection
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import NODES, PODS
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import HandlerError
from ansible_collections.entasis.engine.plugins.module_utils._waiting import poll

_GROUP_LABEL = "eks.amazonaws.com/nodegroup"
#: Marks the nodes that are cordoned here, so that a replacement which is called off can take that back.
_LEAVING_LABEL = "entasis.io/leaving"
_MIRROR = "kubernetes.io/config.mirror"
#: The API server's answer to an eviction that a disruption budget forbids at the moment.
_FORBIDDEN_NOW = 429

_STUCK = " Loosen the PodDisruptionBudget, or see why the pods that moved are not ready."

Manifest = Mapping[str, Any]


class Drain:
    """The way to the nodes of a cluster. It is tried out at once, before anything has been changed."""

    def __init__(self, module: Any, cluster: str, at_once: int, timeout: float) -> None:
        """C(at_once) nodes are emptied at a time. C(timeout) seconds may pass without one pod that leaves.

        Raises:
            HandlerError: the API server cannot be reached, or does not let the caller read nodes.
        """
        self._at_once = at_once
        self._timeout = timeout
        key = module.params["access_key"]
        if key and key != os.environ.get("AWS_ACCESS_KEY_ID"):
            raise HandlerError(
                "replacement: drain reaches the Kubernetes API by a profile or the AWS credentials of the environment. "
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead of the option access_key."
            )
        options = {"profile": module.params["profile"], "endpoint_url": module.params["endpoint_url"]}
        with _in_words(f"replacement: drain needs the Kubernetes API of the EKS cluster '{cluster}'"):
            self._client = Client(lambda: EksConnection(cluster, module.region, **options))
            self._client.list(NODES, label_selector=f"{_GROUP_LABEL}=none")

    def empty(self, node_group: str) -> None:
        """Empty the nodes of a group. They are all cordoned first, so that no pod moves twice.

        Raises:
            WaitError: pods stay, most often because of a disruption budget.
            HandlerError: the API server refuses.
        """
        with _in_words(f"the nodes of the node group '{node_group}' cannot be emptied"):
            names = self._nodes(f"{_GROUP_LABEL}={node_group}")
            for name in self._nodes(f"{_LEAVING_LABEL},{_GROUP_LABEL}!={node_group}"):
                self._patch(name, {"metadata": {"labels": {_LEAVING_LABEL: None}}, "spec": {"unschedulable": None}})
            for name in names:
                self._patch(name, {"metadata": {"labels": {_LEAVING_LABEL: "true"}}, "spec": {"unschedulable": True}})
            for start in range(0, len(names), self._at_once):
                self._evict_all(names[start : start + self._at_once])

    def _nodes(self, selector: str) -> list[str]:
        nodes, _version = self._client.list(NODES, label_selector=selector)
        return sorted(node["metadata"]["name"] for node in nodes)

    def _patch(self, node: str, body: Manifest) -> None:
        self._client.request("PATCH", NODES.path(name=node), body=body, content_type="application/merge-patch+json")

    def _evict_all(self, nodes: Sequence[str]) -> None:
        left = self._evict(nodes)
        while left:
            most = len(left)

            def look(most: int = most) -> str | None:
                left[:] = self._evict(nodes)
                return None if len(left) < most else f"there: {'; '.join(left[:3])}{', …' if most > 3 else ''}"

            poll(look, f"what runs on {', '.join(nodes)}", self._timeout, advice=_STUCK)

    def _evict(self, nodes: Sequence[str]) -> list[str]:
        """Evict what may go now: each pod that is still there, and why where something forbids it."""
        pods = [
            pod
            for node in nodes
            for pod in self._client.list(PODS, field_selector=f"spec.nodeName={node}")[0]
            if _must_leave(pod)
        ]
        return [f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}{self._evict_pod(pod)}" for pod in pods]

    def _evict_pod(self, pod: Manifest) -> str:
        identity = {name: pod["metadata"][name] for name in ("name", "namespace")}
        if "deletionTimestamp" in pod["metadata"]:
            return " is ending"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": identity}
        try:
            self._client.request("POST", f"{PODS.path(**identity)}/eviction", body=eviction, retries=0)
        except ApiError as error:
            if error.status == _FORBIDDEN_NOW:
                return f": {error.message.rstrip('.')}"
            if error.status != 404:
                raise
        return ""


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except KubernetesError as error:
        raise HandlerError(f"{what}: {error}") from error


def _must_leave(pod: Manifest) -> bool:
    """Pods of DaemonSets and of the kubelet itself belong to the node and end with it."""
    metadata = pod["metadata"]
    owners = {owner["kind"] for owner in metadata.get("ownerReferences", [])}
    return "DaemonSet" not in owners and _MIRROR not in metadata.get("annotations", {})
