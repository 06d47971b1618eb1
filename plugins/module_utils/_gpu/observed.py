# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What is known of the nodes and around them: takes in news, and evaluates only those nodes again that they concern."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.context import Context, Peers
from ansible_collections.entasis.engine.plugins.module_utils._gpu.counts import Counts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import evaluate
from ansible_collections.entasis.engine.plugins.module_utils._gpu.plugin_pods import is_driver_pod
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Changed, Listed

Object = Mapping[str, Any]

#: The names of the sources that it takes in.
NODES = "nodes"
PODS = "pods"
DAEMON_SETS = "daemon_sets"
RESOURCE_SLICES = "resource_slices"


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
        #: How many times a node was evaluated.
        self.evaluations = 0
        self._config = config
        self._pods: dict[str, dict[str, Object]] = defaultdict(dict)
        self._pods_read = False
        self._daemon_sets: list[Object] | None = None
        self._slices: dict[str, dict[str, Object]] | None = None
        self._peers = Peers(config)

    def take(self, news: Listed | Changed, moment: Moment) -> None:
        """Take in a list or a change."""
        if news.source == NODES:
            self._take_nodes(news, moment)
        elif news.source == DAEMON_SETS:
            self._take_daemon_sets(news, moment)
        else:
            if news.source == PODS:
                self._pods_read, store = True, self._pods
            else:
                self._slices = store = defaultdict(dict) if self._slices is None else self._slices
            self._evaluate(_take_beside(store, news), moment)

    def pass_time(self, moment: Moment) -> None:
        """Evaluate the nodes again whose report changes by time alone."""
        self._evaluate(self.counts.due(moment.wall), moment)

    def _take_nodes(self, news: Listed | Changed, moment: Moment) -> None:
        if isinstance(news, Changed):
            name = news.object["metadata"]["name"]
            if news.deleted:
                self._forget(name)
            else:
                self._put(news.object, moment, unseen=False)
            return
        for name in self.nodes.keys() - {node["metadata"]["name"] for node in news.objects}:
            self._forget(name)
        for node in news.objects:
            self._put(node, moment, unseen=news.again)

    def _put(self, node: Object, moment: Moment, *, unseen: bool) -> None:
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
        self.nodes[name] = node
        concerned = {name}
        if self._peers.observe(node) and self._config.expected_gpus == "peers_max":
            group = self._peers.group(node)
            concerned |= {other for other, peer in self.nodes.items() if self._peers.group(peer) == group}
        self._evaluate(concerned, moment)

    def _forget(self, name: str) -> None:
        self.nodes.pop(name, None)
        self.ready_since.pop(name, None)
        self.counts.remove(name)

    def _take_daemon_sets(self, news: Listed | Changed, moment: Moment) -> None:
        """They are only ever listed; one of them may concern any node."""
        if not isinstance(news, Listed):
            return
        before, self._daemon_sets = self._daemon_sets, list(news.objects)
        if before is None or [*map(_generation, before)] != [*map(_generation, self._daemon_sets)]:
            self._evaluate(self.nodes, moment)

    def _evaluate(self, names: Iterable[str], moment: Moment) -> None:
        for name in names:
            node = self.nodes.get(name)
            if node is None:
                continue
            pods = [*self._pods.get(name, {}).values()]
            report = evaluate(
                node,
                Context(
                    now=moment.wall,
                    plugin_pods=[pod for pod in pods if not is_driver_pod(pod)],
                    pods_read=self._pods_read,
                    driver_pods=[pod for pod in pods if is_driver_pod(pod)],
                    daemon_sets=self._daemon_sets,
                    resource_slices=None if self._slices is None else [*self._slices.get(name, {}).values()],
                    peers=self._peers,
                ),
                self._config,
            )
            self.evaluations += 1
            self.counts.put(report, moment.monotonic)
            if report.ready and not report.excluded:
                self.ready_since.setdefault(name, moment.monotonic)
            else:
                self.ready_since.pop(name, None)


def _take_beside(store: dict[str, dict[str, Object]], news: Listed | Changed) -> set[str]:
    """Take in objects that belong to a node each; gives the names of the nodes that they concern."""
    concerned: set[str] = set()
    if isinstance(news, Listed):
        concerned |= store.keys()
        store.clear()
        objects, deleted = news.objects, False
    else:
        objects, deleted = [news.object], news.deleted
    for one in objects:
        name = (one.get("spec") or {}).get("nodeName")
        if not name:
            continue
        concerned.add(name)
        if deleted:
            store[name].pop(one["metadata"]["name"], None)
        else:
            store[name][one["metadata"]["name"]] = one
    return concerned


def _generation(daemon_set: Object) -> tuple[str, int]:
    return daemon_set["metadata"]["uid"], daemon_set["metadata"].get("generation", 0)
