# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a Node is emptied and taken away, as EKS does before it ends an instance."""

from __future__ import annotations

from typing import Any

from sandbox.eks.kubernetes import Kubernetes, Rejected

Manifest = dict[str, Any]

#: Marks a Node that was cordoned here, so that a cordon of somebody else's is never lifted.
_CORDONED = "sandbox.entasis.io/cordoned"
_MIRROR = "kubernetes.io/config.mirror"


class Eviction:
    """The eviction of one Node."""

    def __init__(self, client: Kubernetes, node: Manifest) -> None:
        self._client = client
        self._node = node
        self._path = f"/api/v1/nodes/{node['metadata']['name']}"

    def empty(self, *, by_force: bool) -> str | None:
        """Take the next step. None once nothing but pods of DaemonSets is left, else what is still there and why.

        C(by_force) deletes what cannot be evicted, past its disruption budget.
        """
        self._cordon()
        left = [pod for pod in self._pods() if _must_leave(pod)]
        reasons = [self._evict(pod, by_force=by_force) for pod in left]
        return "; ".join(reasons) if reasons else None

    def give_up(self) -> None:
        """Let pods in again, where this had cordoned the Node."""
        if _CORDONED in self._node["metadata"].get("annotations", {}):
            patch = {"metadata": {"annotations": {_CORDONED: None}}, "spec": {"unschedulable": None}}
            self._client.patch(self._path, patch)

    def remove_node(self) -> None:
        """Delete the Node and at once the pods that were on it: their kubelet is gone and cannot end them."""
        pods = self._pods()
        self._client.delete(self._path)
        for pod in pods:
            self._client.delete(_pod_path(pod), at_once=True)

    def _cordon(self) -> None:
        if not self._node["spec"].get("unschedulable"):
            patch = {"metadata": {"annotations": {_CORDONED: "true"}}, "spec": {"unschedulable": True}}
            self._client.patch(self._path, patch)

    def _pods(self) -> list[Manifest]:
        return self._client.items("/api/v1/pods", fieldSelector=f"spec.nodeName={self._node['metadata']['name']}")

    def _evict(self, pod: Manifest, *, by_force: bool) -> str:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if by_force:
            self._client.delete(_pod_path(pod), at_once=True)
            return f"pod {name} was deleted"
        if "deletionTimestamp" in pod["metadata"]:
            return f"pod {name} is ending"
        try:
            self._client.create(
                f"{_pod_path(pod)}/eviction",
                {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {key: pod["metadata"][key] for key in ("name", "namespace")},
                },
            )
        except Rejected as error:
            if error.status == 404:
                return f"pod {name} is gone"
            if error.status != 429:
                raise
            return f"Reached max retries while trying to evict pods from nodes: pod {name}: {error}"
        return f"pod {name} was evicted"


def _must_leave(pod: Manifest) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return _MIRROR not in pod["metadata"].get("annotations", {}) and not any(o["kind"] == "DaemonSet" for o in owners)


def _pod_path(pod: Manifest) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
