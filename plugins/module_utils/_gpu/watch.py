# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Following the nodes of a pool with one LIST and one WATCH until the verdict is good for long enough."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import evaluate as rules
from ansible_collections.entasis.engine.plugins.module_utils._gpu import verdict as verdicts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.report import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    ApiError,
    Client,
    KubernetesError,
    Resource,
)

NODES = Resource("", "v1", "Node", "nodes", False)
PODS = Resource("", "v1", "Pod", "pods", True)

#: Seconds of one watch; the API server closes longer ones by itself.
_LONGEST_WATCH = 240.0

#: Seconds before the nodes are listed again after the connection broke.
_RETRY_INTERVAL = 2.0


@dataclass
class Watched:
    """What was seen: the last verdict, whether it held for long enough, and what it cost."""

    verdict: verdicts.Verdict
    settled: bool = False
    seconds: float = 0.0
    events: int = 0
    lists: int = 0
    problem: KubernetesError | None = None


@dataclass
class Watcher:
    """Follows the nodes that a label selector selects."""

    client: Client
    label_selector: str
    config: Config
    expected_count: int | None
    clock: Callable[[], float] = time.monotonic
    _nodes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _reports: dict[str, NodeReport] = field(default_factory=dict)
    _version: str = ""

    def look(self) -> Watched:
        """One pass, no waiting."""
        self._list()
        return Watched(self._explained(), lists=1)

    def wait(self, timeout: float, stable_for: float) -> Watched:
        """Follow the nodes until they have been ready for C(stable_for) seconds, at most C(timeout) seconds.

        Raises:
            ApiError: the caller may not read nodes (401, 403).
        """
        start = self.clock()
        watched = Watched(verdicts.judge((), self.expected_count))
        ready_since: float | None = None
        while True:
            try:
                if not self._version:
                    self._list()
                    watched.lists += 1
                watched.problem = None
            except KubernetesError as error:
                _raise_refusal(error)
                watched.problem = error
            now = self.clock()
            watched.verdict = verdicts.judge(self._reports.values(), self.expected_count)
            good = watched.verdict.ready and watched.problem is None
            ready_since = (ready_since if ready_since is not None else now) if good else None
            watched.seconds = now - start
            if ready_since is not None and now - ready_since >= stable_for:
                watched.settled = True
                return watched
            if watched.seconds >= timeout:
                if watched.problem is None:
                    watched.verdict = self._explained()
                return watched
            if watched.problem is not None:
                time.sleep(min(_RETRY_INTERVAL, timeout - watched.seconds))
                continue
            left = timeout - watched.seconds
            if ready_since is not None:
                left = min(left, stable_for - (now - ready_since))
            self._follow(left, watched)

    def _list(self) -> None:
        nodes, self._version = self.client.list(NODES, label_selector=self.label_selector)
        self._nodes, self._reports = {}, {}
        for node in nodes:
            self._put(node)

    def _follow(self, seconds: float, watched: Watched) -> None:
        """Take in what changes until the verdict changes, or for C(seconds)."""
        ready = watched.verdict.ready
        try:
            events = self.client.watch(
                NODES,
                "",
                self._version,
                label_selector=self.label_selector,
                seconds=math.ceil(min(seconds, _LONGEST_WATCH)),
            )
            for event in events:
                node = event["object"]
                self._version = node["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                watched.events += 1
                if event["type"] == "DELETED":
                    self._nodes.pop(node["metadata"]["name"], None)
                    self._reports.pop(node["metadata"]["name"], None)
                else:
                    self._put(node)
                if verdicts.judge(self._reports.values(), self.expected_count).ready != ready:
                    return
        except KubernetesError as error:
            _raise_refusal(error)
            # Too old a version (410), or a broken connection: begin with a new list.
            self._version = ""

    def _put(self, node: Mapping[str, Any]) -> None:
        # A node of many images is some 50 KB, most of it their names.
        node = {**node, "status": {key: value for key, value in node["status"].items() if key != "images"}}
        name = node["metadata"]["name"]
        self._nodes[name] = node
        self._reports[name] = rules.evaluate(node, (), self.config)

    def _explained(self) -> verdicts.Verdict:
        """The verdict with a look at the device plugin's pods, which say why a node offers no GPU."""
        pods: list[Mapping[str, Any]] = []
        if not all(report.ready for report in self._reports.values()):
            for selector in rules.PLUGIN_SELECTORS:
                try:
                    pods += self.client.list(PODS, label_selector=selector)[0]
                except ApiError as error:
                    # Without the right to read pods the reason is only less exact.
                    if error.status != 403:
                        raise
        reports = [rules.evaluate(node, pods, self.config) for node in self._nodes.values()]
        return verdicts.judge(reports, self.expected_count)


def _raise_refusal(error: KubernetesError) -> None:
    if isinstance(error, ApiError) and error.status in (401, 403):
        raise error
