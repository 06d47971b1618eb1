# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What is known of the nodes and around them: takes in news, and evaluates only those nodes again that they concern."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.counts import Counts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers.kubelet import condition
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import (
    DAEMON_SETS,
    LEASES,
    NODES,
    PODS,
    RESOURCE_SLICES,
    is_driver_pod,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Changed, Listed

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """When something is looked at: C(monotonic) for how long, C(wall) (seconds since 1970) for the age of what is."""

    monotonic: float
    wall: float


class Observed:
    """The nodes, what is around them, and their reports in C(counts)."""

    def __init__(self, config: Config, fail_fast: Mapping[str, float]) -> None:
        self.counts = Counts(fail_fast)
        self.nodes: dict[str, Object] = {}
        #: Since when each node that is ready has been so without a break that we know of (monotonic seconds).
        self.ready_since: dict[str, float] = {}
        #: Nodes that were seen not ready: what happened before that says nothing of how stable they are.
        self._interrupted: set[str] = set()
        self._config = config
        self._daemon_sets: list[Object] | None = None
        self._leases: dict[str, Object] = {}
        #: Pods and resource slices, by source, node and name; a source that was not read yet is not there.
        self._beside: dict[str, dict[str, dict[str, Object]]] = {}
        #: Reasons that no rule finds, by node.
        self._added: dict[str, tuple[Reason, ...]] = {}
        #: Nodes to evaluate again.
        self._stale: set[str] = set()

    def take(self, news: Listed | Changed, moment: Moment) -> None:
        """Take in a list or a change. What a list changes is seen after L(evaluate)."""
        if news.source == NODES:
            self._take_nodes(news, moment)
        elif news.source == DAEMON_SETS:
            self._take_daemon_sets(news)
        elif news.source == LEASES:
            self._take_leases(news)
        else:
            self._take_beside(news)

    def evaluate(self, moment: Moment) -> None:
        """Evaluate the nodes again of whose surroundings something changed, or whose report changes by time alone."""
        stale = {*self._stale, *self.counts.due(moment.wall)}
        self._stale.clear()
        for name in stale & self.nodes.keys():
            self._evaluate(name, moment)

    def add_reasons(self, name: str, found: tuple[Reason, ...]) -> None:
        """Give a node reasons that a smoke pod found. They stay as long as the machine."""
        if name in self.nodes:
            self._added[name] = found
            self._stale.add(name)

    def _take_nodes(self, news: Listed | Changed, moment: Moment) -> None:
        if isinstance(news, Listed):
            for name in self.nodes.keys() - {node["metadata"]["name"] for node in news.objects}:
                self._forget(name)
            for node in news.objects:
                self._put(node, unseen=news.again)
            return
        name = news.object["metadata"]["name"]
        if news.deleted:
            self._forget(name)
        else:
            self._put(news.object, unseen=False)
            # At once: the next change may undo this one, and a break must not go unseen.
            if name in self._stale:
                self._stale.discard(name)
                self._evaluate(name, moment)

    def _put(self, node: Object, *, unseen: bool) -> None:
        name = node["metadata"]["name"]
        before = self.nodes.get(name)
        if before is not None:
            if before["metadata"].get("uid") != node["metadata"].get("uid"):
                # Another machine under the same name: what is known of the old one says nothing of it.
                self._forget(name)
            elif before["metadata"]["resourceVersion"] == node["metadata"]["resourceVersion"]:
                return
            elif unseen:
                # It changed while nobody looked, so that it may not have been ready all the time.
                self.ready_since.pop(name, None)
                self._interrupted.add(name)
        self.nodes[name] = node
        self._stale.add(name)

    def _forget(self, name: str) -> None:
        self.nodes.pop(name, None)
        # One that comes later may be another machine.
        self._interrupted.add(name)
        self.ready_since.pop(name, None)
        self._added.pop(name, None)
        self.counts.remove(name)

    def _take_daemon_sets(self, news: Listed | Changed) -> None:
        """They are only ever listed; one of them may concern any node."""
        if isinstance(news, Listed):
            before, self._daemon_sets = self._daemon_sets, list(news.objects)
            if before is None or [*map(_generation, before)] != [*map(_generation, self._daemon_sets)]:
                self._stale |= self.nodes.keys()

    def _take_leases(self, news: Listed | Changed) -> None:
        if isinstance(news, Listed):
            self._leases = {lease["metadata"]["name"]: lease for lease in news.objects}
            self._stale |= self.nodes.keys()

    def _take_beside(self, news: Listed | Changed) -> None:
        """Take in objects that belong to a node each: pods, or resource slices."""
        known = self._beside.get(news.source)
        if known is None:
            # The first list tells of every node, also of those of which it names nothing.
            known = self._beside[news.source] = defaultdict(dict)
            self._stale |= self.nodes.keys()
        if isinstance(news, Listed):
            self._stale |= known.keys()
            known.clear()
        for one in news.objects if isinstance(news, Listed) else [news.object]:
            node, name = (one.get("spec") or {}).get("nodeName"), one["metadata"]["name"]
            if node:
                self._stale.add(node)
                if isinstance(news, Changed) and news.deleted:
                    known[node].pop(name, None)
                else:
                    known[node][name] = one

    def _evaluate(self, name: str, moment: Moment) -> None:
        pods = [*self._beside.get(PODS, {}).get(name, {}).values()]
        slices = self._beside.get(RESOURCE_SLICES)
        report = evaluate(
            self.nodes[name],
            Context(
                now=moment.wall,
                plugin_pods=[pod for pod in pods if not is_driver_pod(pod)],
                pods_read=PODS in self._beside,
                driver_pods=[pod for pod in pods if is_driver_pod(pod)],
                daemon_sets=self._daemon_sets,
                resource_slices=None if slices is None else [*slices.get(name, {}).values()],
                lease=self._leases.get(name),
            ),
            self._config,
        )
        if name in self._added:
            report = dataclasses.replace(report, reasons=(*report.reasons, *self._added[name]))
        self.counts.put(report, moment.monotonic)
        if not report.ready or report.excluded:
            self.ready_since.pop(name, None)
            self._interrupted.add(name)
        elif name in self._interrupted:
            self.ready_since.setdefault(name, moment.monotonic)
        else:
            settled = _settled(self.nodes[name], [pod for pod in pods if not is_driver_pod(pod)], moment)
            self.ready_since[name] = min(self.ready_since.get(name, moment.monotonic), settled)


def _settled(node: Object, plugin: list[Object], moment: Moment) -> float:
    """When a node that the first look finds ready was last seen to change, by the API (monotonic seconds).

    Only the node's condition Ready and that of the device plugin's pod on it are dated. Without such a pod nothing says
    since when the GPUs have been there, so that it is now.
    """
    ready = [condition(one, "Ready") for one in (node, *plugin)]
    times = [labels.seconds(one.get("lastTransitionTime")) for one in ready]
    if not plugin or None in times:
        return moment.monotonic
    return moment.monotonic - max(0.0, moment.wall - max(time for time in times if time is not None))


def _generation(daemon_set: Object) -> tuple[str, int]:
    return daemon_set["metadata"]["uid"], daemon_set["metadata"].get("generation", 0)
