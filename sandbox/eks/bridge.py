# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge: a thread that keeps the Nodes of a real control plane as the node groups say.

Each round reads the Nodes, lets the records move on by what it saw, and then does what the records ask for: make a
Node, give it its group's labels and taints, empty it and take it away. The records know which instances there are, the
cluster knows which Nodes there are, and nothing else is remembered: after a restart of either side a round goes on from
there.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Mapping
from typing import Any

from sandbox.eks import nodes, rbac
from sandbox.eks.api import EksApi
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.eviction import Eviction
from sandbox.eks.gpu_board import GpuBoard
from sandbox.eks.gpus import SimulatedGpus
from sandbox.eks.kubernetes import Kubernetes, Rejected, Unreachable
from sandbox.eks.progress import is_current
from sandbox.eks.store import Cluster, Instance, NodeGroup

Manifest = dict[str, Any]

_LOG = logging.getLogger(__name__)
#: Seconds between two rounds: at the least, while something moves, and at rest. A change of the records ends a rest.
_SHORTEST, _MOVING, _REST = 0.05, 0.2, 1.0
#: The longest pause (seconds) after the API server did not answer; it doubles up to there.
_LONGEST_BACKOFF = 5.0
_NODES = "/api/v1/nodes"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


class ObservedNodes:
    """What the last round saw of the Nodes."""

    def __init__(self) -> None:
        self._seen_at = 0.0
        self._by_instance: Mapping[str, Manifest] = {}
        self._stuck: dict[str, str] = {}

    def see(self, now: float, found: list[Manifest]) -> None:
        self._by_instance = {nodes.instance_of(node): node for node in found}
        self._seen_at = now

    def report_stuck(self, instance: Instance, reason: str) -> None:
        self._stuck[instance.id] = reason

    def ready(self, instance: Instance) -> bool:
        node = self._by_instance.get(instance.id)
        return node is not None and nodes.is_ready(node)

    def gone(self, instance: Instance) -> bool:
        return instance.id not in self._by_instance and self._seen_at >= instance.draining_since

    def stuck(self, instance: Instance) -> str:
        return self._stuck.get(instance.id, "")


class Bridge(threading.Thread):
    """Keeps the Nodes until it is stopped. C(observed) is what the API was given as its C(nodes)."""

    def __init__(self, api: EksApi, control_plane: ControlPlane, observed: ObservedNodes, gpus: GpuBoard) -> None:
        super().__init__(name="node-bridge", daemon=True)
        self._api = api
        self._control_plane = control_plane
        self._observed = observed
        self._halt = threading.Event()
        self._client: Kubernetes | None = None
        self._gpus = SimulatedGpus(gpus, control_plane.pod_logs)
        self._trouble = ""
        self._orphans_gone = False

    def stop(self) -> None:
        self._halt.set()
        self._api.store.changed.set()

    def run(self) -> None:
        failures = 0
        while not self._halt.is_set():
            try:
                pause = _MOVING if self.round() else _REST
                failures = 0
                self._trouble = ""
            except Unreachable as error:
                failures += 1
                pause = min(_LONGEST_BACKOFF, _MOVING * 2**failures)
                self._disconnect()
                self._complain(f"the control plane does not answer: {error}")
            except Exception as error:  # noqa: BLE001 - a thread that ends in silence would freeze every node group
                failures += 1
                pause = min(_LONGEST_BACKOFF, _MOVING * 2**failures)
                self._complain(f"a round failed: {error!r}", error)
            self._halt.wait(_SHORTEST)
            if not failures:
                self._api.store.changed.wait(pause)
                self._api.store.changed.clear()
            else:
                self._halt.wait(pause)
        self._disconnect()

    def round(self) -> bool:
        """One round. True while something is on its way, so that the next one should come soon."""
        cluster = self._cluster()
        if cluster is None:
            self._remove_orphans()
            return False
        if cluster.status == "DELETING":
            self._api.advance()
            return self._take_away(cluster)
        client = self._connect()
        # Taken before the list: what was marked after this moment may be missing in it.
        now = self._api.now()
        found = client.items(_NODES, labelSelector=nodes.GROUP_LABEL)
        self._observed.see(now, found)
        self._api.advance()
        cluster = self._cluster()
        if cluster is None:
            return True
        self._keep_bindings(client, cluster)
        return self._keep_nodes(client, cluster, found) or cluster.status != "ACTIVE"

    def _cluster(self) -> Cluster | None:
        """A copy of the one cluster, to work on without the lock."""
        with self._api.store.reading():
            found = self._api.store.clusters()
            return copy.deepcopy(found[0]) if found else None

    def _connect(self) -> Kubernetes:
        if self._client is None:
            self._client = Kubernetes(self._control_plane)
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _complain(self, text: str, error: Exception | None = None) -> None:
        """Say it once, not in every round."""
        if text != self._trouble:
            _LOG.warning(text, exc_info=error)
            self._trouble = text

    def _keep_nodes(self, client: Kubernetes, cluster: Cluster, found: list[Manifest]) -> bool:
        by_instance = {nodes.instance_of(node): node for node in found}
        moving = False
        for group in cluster.node_groups.values():
            for instance in group.instances:
                node = by_instance.pop(instance.id, None)
                moving |= self._keep_node(client, cluster, group, instance, node)
        for orphan in by_instance.values():
            if nodes.APPLIED in orphan["metadata"].get("annotations", {}):
                Eviction(client, orphan).remove_node()
                moving = True
        now, delay = self._api.now(), self._api.settings.gpu
        return self._gpus.keep(client, cluster, found, now, delay) or moving

    def _keep_node(
        self, client: Kubernetes, cluster: Cluster, group: NodeGroup, instance: Instance, node: Manifest | None
    ) -> bool:
        """Do the next thing for one instance. True while there is more to do."""
        if instance.draining:
            if node is not None:
                self._empty(client, group, instance, node)
            return True
        if node is None:
            if self._api.now() >= instance.launched_at + self._api.settings.node:
                self._register(client, nodes.manifest(cluster, group, instance))
            return True
        patch = nodes.correction(node, nodes.wanted_labels(cluster, group, instance), nodes.wanted_taints(group))
        if patch is not None:
            client.patch(f"{_NODES}/{node['metadata']['name']}", patch)
        Eviction(client, node).give_up()
        return patch is not None or not nodes.is_ready(node)

    def _register(self, client: Kubernetes, manifest: Manifest) -> None:
        try:
            client.create(_NODES, manifest)
        except Rejected as error:
            if error.status != 409:
                raise
            # An address that was used before: the Node of the instance that is gone has the same name.
            path = f"{_NODES}/{manifest['metadata']['name']}"
            if nodes.instance_of(client.get(path)) != nodes.instance_of(manifest):
                client.delete(path)

    def _empty(self, client: Kubernetes, group: NodeGroup, instance: Instance, node: Manifest) -> None:
        """Cordon the Node, evict its pods, and take it away once only pods of DaemonSets are left."""
        leaves_anyway = group.view["status"] == "DELETING" or is_current(group, instance)
        late = self._api.now() >= instance.draining_since + self._api.settings.eviction
        eviction = Eviction(client, node)
        reason = eviction.empty(by_force=late and leaves_anyway)
        if reason is None:
            eviction.remove_node()
        else:
            self._observed.report_stuck(instance, reason)

    def _keep_bindings(self, client: Kubernetes, cluster: Cluster) -> None:
        """Keep the roles and bindings of the access policies."""
        roles = client.items(f"{_RBAC}/clusterroles", labelSelector=rbac.LABEL)
        if not roles:
            _create(client, f"{_RBAC}/clusterroles", rbac.admin_view_role())
        present = {
            b["metadata"]["name"] for b in client.items(f"{_RBAC}/clusterrolebindings", labelSelector=rbac.LABEL)
        }
        for binding in rbac.cluster_bindings():
            if binding["metadata"]["name"] not in present:
                _create(client, f"{_RBAC}/clusterrolebindings", binding)
        wanted = rbac.namespace_bindings(cluster)
        found = client.items(f"{_RBAC}/rolebindings", labelSelector=rbac.LABEL)
        there = {(b["metadata"]["namespace"], b["metadata"]["name"]) for b in found}
        for namespace, name in sorted(there - wanted.keys()):
            client.delete(f"{_RBAC}/namespaces/{namespace}/rolebindings/{name}")
        for place in sorted(wanted.keys() - there):
            # A namespace that is not there yet gets its binding in a later round.
            _create(client, f"{_RBAC}/namespaces/{place[0]}/rolebindings", wanted[place], absent_parent=True)

    def _remove_orphans(self) -> None:
        """Without a cluster there are no Nodes: those of an earlier life go, once."""
        if self._orphans_gone:
            return
        client = self._connect()
        for node in client.items(_NODES, labelSelector=nodes.GROUP_LABEL):
            if nodes.APPLIED in node["metadata"].get("annotations", {}):
                Eviction(client, node).remove_node()
        self._orphans_gone = True

    def _take_away(self, cluster: Cluster) -> bool:
        """Empty the control plane for the next cluster once the deletion's time has come."""
        if self._api.now() < (cluster.due or 0):
            return True
        if self._control_plane.recreate is not None:
            self._disconnect()
            self._control_plane.recreate()
        self._observed.see(self._api.now(), [])
        self._api.remove(cluster)
        return True


def _create(client: Kubernetes, path: str, content: Manifest, *, absent_parent: bool = False) -> None:
    try:
        client.create(path, content)
    except Rejected as error:
        if error.status != 409 and not (absent_parent and error.status == 404):
            raise
