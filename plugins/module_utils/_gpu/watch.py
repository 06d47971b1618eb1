# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Following GPU nodes and the device plugin's pods until enough nodes have been ready for long enough."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels, sources
from ansible_collections.entasis.engine.plugins.module_utils._gpu import verdict as verdicts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import Moment, Observed
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import (
    DAEMON_SETS,
    LEASES,
    NODES,
    PODS,
    RESOURCE_SLICES,
    Selection,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import FailureKind, Goal, Verdict
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    PAGE_SIZE,
    WATCH_READ_TIMEOUT,
    Client,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import (
    Broken,
    Changed,
    Followers,
    Listed,
    Message,
    Source,
)

Object = Mapping[str, Any]

#: Seconds between two looks, while nodes are not ready, at what is not watched: a DaemonSet may come or be corrected.
_BESIDE_INTERVAL = 15.0

#: Seconds between two lines that say where the wait stands.
_PROGRESS_INTERVAL = 5.0

#: Messages that are taken in before the verdict is looked at again.
_BATCH = 500


@dataclass(frozen=True)
class Watched:
    """How the wait ended. C(failure) is None where enough nodes are ready; C(problem) is that of the connection."""

    verdict: Verdict
    seconds: float
    failure: FailureKind | None = None
    problem: KubernetesError | None = None


def failure_of(error: KubernetesError) -> FailureKind:
    """What kind of failure an error of the API is."""
    return "forbidden" if isinstance(error, ApiError) and error.status in (401, 403) else "api_unreachable"


@dataclass
class Watcher:
    """Follows the nodes of a selection from entering the context to leaving it, which closes the client.

    C(silence): seconds without even a bookmark after which a watch counts as broken.
    """

    client: Client
    selection: Selection
    config: Config
    goal: Goal
    #: Whether changes are followed; without that everything is only listed.
    watching: bool = True
    clock: Callable[[], float] = time.monotonic
    silence: float = WATCH_READ_TIMEOUT
    #: What the user should know of the watching itself.
    warnings: list[str] = field(default_factory=list)

    def __enter__(self) -> Watcher:
        self._start = self.clock()
        self._wall = time.time() + self.client.clock_skew
        self._told = float("-inf")
        #: Whether all has been seen once.
        self._complete = False
        #: Sources without which there is no verdict yet, and those that were listed at least once.
        self._unseen: set[str] = set()
        self._seen: set[str] = set()
        #: Sources that are being listed and will not be watched.
        self._under_way: set[str] = set()
        self._problems: dict[str, KubernetesError] = {}
        self._refusal: KubernetesError | None = None
        #: Sources that the caller may not read.
        self._refused: set[str] = set()
        self._pods: Source | None = None
        self._slices_watched = False
        self._plugin = self.config.device_plugin
        #: Whether the DRA driver may be installed; what its DaemonSet tells, as far as DaemonSets are read.
        self._dra_possible = self._plugin.mode == "skip"
        self._beside_at = self._start
        self._leases_until = self._start
        self.observed = Observed(self.config, self.goal.fail_fast)
        self.followers = Followers(self.client, self.silence)
        self._follow(sources.nodes(self.selection))
        if self.config.mode == "dra":
            self._follow_slices(watched=True)
        elif self._plugin.mode != "skip":
            if self._plugin.namespace and len(self._plugin.selectors) == 1:
                self._follow_pods(sources.pods(self._plugin.namespace, self._plugin.selectors[0]))
            # Where every node has to have a pod that is known by name, a DaemonSet can only say why one has none.
            if self._pods is None or self._plugin.mode != "required":
                self._look_beside()
        return self

    def __exit__(self, *exception: object) -> None:
        self.followers.close()

    def look(self, patience: float) -> Watched:
        """The state as it is now; waits at most C(patience) seconds until all of it has been seen once."""
        end = self.clock() + patience
        self._see(end)
        if self.clock() >= self._beside_at and not self._judge().ready:
            self._look_beside()
            self._see(end)
        self._take_news(self.clock())
        return self._watched(failed="api_unreachable" if self._unseen else None)

    def wait(self, patience: verdicts.Patience, each_time: Callable[[], float] | None = None) -> Watched:
        """Follow the nodes until enough of them are ready for long enough, or the patience is at an end.

        While it waits and sees all there is to see, C(each_time) is called whenever something may have changed, and by
        the time that it gives at the latest.
        """
        start = self.clock()
        self._see(start + patience.timeout)
        while True:
            now = self.clock()
            verdict = self._judge()
            seen = verdicts.Seen(
                ready=verdict.ready and not self._unseen and not self._problems,
                needed=verdict.needed,
                ready_since=self.observed.ready_since.values() if verdict.ready else (),
                impossible=bool(verdict.impossible) and not self._unseen,
            )
            decision = verdicts.decide(patience, seen, start, now)
            if self._refusal is not None or (decision.end == "ready" and not self._look_at_leases()):
                return self._watched()
            if decision.end == "impossible":
                return self._watched(failed="impossible")
            if decision.end == "timeout":
                blind = bool(self._unseen or self._problems)
                return self._watched(failed="api_unreachable" if blind else verdicts.failure_kind(verdict))
            self._tell(now, verdict)
            if not verdict.ready and now >= self._beside_at:
                self._look_beside()
            until = min(decision.wake, self._next_look(verdict, now))
            if each_time is not None and not self._unseen and not self._problems:
                until = min(until, each_time())
            self._take_news(until)

    def _see(self, until: float) -> None:
        """Take news in until all that is asked for has been seen once. Before that nothing is worth judging."""
        while self._unseen and self._refusal is None and (now := self.clock()) < until:
            self._tell(now)
            self._take_news(min(until, self._told + _PROGRESS_INTERVAL))

    def _watched(self, failed: FailureKind | None = None) -> Watched:
        verdict = self._judge()
        now = self.clock()
        problem = self._refusal or next(iter(self._problems.values()), None)
        if self._refusal is not None:
            failed = failure_of(self._refusal)
        elif failed == "api_unreachable" and problem is None:
            problem = KubernetesError(
                f"the API server {self.client.server} ({self.client.connection.source}) did not answer in time: "
                f"{', '.join(sorted(self._unseen))} could not be read."
            )
        elif failed in ("timeout", "no_nodes") and verdict.ready:
            verdict = dataclasses.replace(
                verdict, reasons=(*verdict.reasons, reason("NOT_STABLE", "ready, and not for long enough in a row"))
            )
        return Watched(verdict, now - self._start, failed, problem)

    def _judge(self) -> Verdict:
        moment = self.moment()
        self.observed.evaluate(moment)
        return verdicts.judge(self.observed.counts, self.goal, moment.monotonic)

    def moment(self) -> Moment:
        """Now. The wall clock is read only once, because it may jump."""
        now = self.clock()
        return Moment(now, self._wall + (now - self._start))

    def _next_look(self, verdict: Verdict, now: float) -> float:
        """When something may change without any news."""
        times = [self._told + _PROGRESS_INTERVAL]
        if not verdict.ready:
            times.append(self._beside_at)
        hopeless_at = self.observed.counts.next_hopeless(now)
        if hopeless_at is not None:
            times.append(hopeless_at)
        due = self.observed.counts.next_due()
        if due is not None:
            times.append(self._start + (due - self._wall))
        return min(times)

    def _take_news(self, until: float) -> None:
        """Wait for news until a time, and take in all that are there."""
        message = self.followers.next(until - self.clock())
        for _number in range(_BATCH):
            if message is None:
                return
            self._take(message)
            message = self.followers.next(0.0)
        if message is not None:
            self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Broken):
            if message.refused:
                self._refuse(message.source, message.error)
            else:
                self._problems[message.source] = message.error
            return
        self._problems.pop(message.source, None)
        if not isinstance(message, (Listed, Changed)):
            return
        self._listed(message.source)
        self.observed.take(message, self.moment())
        if isinstance(message, Listed):
            if message.source == DAEMON_SETS:
                self._find_plugin(message.objects)
                self._dra_possible = any(sources.is_dra_driver(one) for one in message.objects)
                self._look_for_slices()
            elif message.source == RESOURCE_SLICES and message.objects and self.watching:
                self._follow_slices(watched=True)
            elif message.source == NODES:
                self._look_for_slices()
                self._look_at_leases()

    def _refuse(self, source: str, error: KubernetesError) -> None:
        """Nodes must be read; of the rest, what is not read is not judged by."""
        self._listed(source)
        self._problems.pop(source, None)
        self._refused.add(source)
        if source == DAEMON_SETS:
            self._dra_possible = True
            self._look_for_slices()
        unknown_caller = isinstance(error, ApiError) and error.status == 401
        needed = {
            NODES: True,
            PODS: self._plugin.mode == "required",
            DAEMON_SETS: self._plugin.mode == "required" and self._pods is None,
            RESOURCE_SLICES: self.config.mode == "dra",
            LEASES: False,
        }
        if unknown_caller or needed[source]:
            self._refusal = error
        elif source in (PODS, DAEMON_SETS):
            # Of the rest there is hardly ever something to see, so that it is no news where it may not be read.
            self.warnings.append(f"{error} Without it the reasons are less exact.")

    def _listed(self, source: str) -> None:
        self._seen.add(source)
        self._unseen.discard(source)
        self._under_way.discard(source)

    def _follow(self, source: Source) -> None:
        if source.name in self._under_way:
            return
        watched = source.watched and self.watching
        if not watched:
            self._under_way.add(source.name)
        # Another look at what has been seen holds nothing up, but for leases: these are to be fresh.
        if source.name not in self._seen or source.name == LEASES:
            self._unseen.add(source.name)
        self.followers.follow(dataclasses.replace(source, watched=watched))

    def _look_beside(self) -> None:
        """Look at what is not watched."""
        self._beside_at = self.clock() + _BESIDE_INTERVAL
        self._look_for_slices()
        if "LEASE_STALE" in self.observed.counts.by_code():
            self._look_at_leases()
        if self._plugin.mode != "skip" and self.config.mode != "dra" and DAEMON_SETS not in self._refused:
            self._follow(sources.daemon_sets())

    def _find_plugin(self, daemon_sets: list[Object]) -> None:
        pods, others = sources.plugin_pods(daemon_sets, self._plugin)
        if others:
            told = (
                f"there is more than one device plugin; the pods of {', '.join(others)} are not looked at. "
                "Remove one, or set device_plugin."
            )
            if told not in self.warnings:
                self.warnings.append(told)
        if pods is not None:
            self._follow_pods(pods)
        elif self._pods is None:
            # No DaemonSet, no pod: that is known now, and not only unread.
            self.observed.take(Listed(PODS, [], again=False), self.moment())

    def _follow_pods(self, pods: Source) -> None:
        if self._pods is None:
            self._pods = pods
            self._follow(pods)

    def _look_at_leases(self) -> bool:
        """Look whether the nodes' kubelets are alive. Whether there is something to wait for.

        This is done beside the other lists, and once more before nodes count as ready much later. Leases are not
        watched, because each of them changes every 10 s; and there are as many of them as nodes, so that those of a
        large cluster are left to the cluster's own controller, which is some 40 s later.
        """
        wanted = self.config.lease_max_age and 0 < len(self.observed.nodes) <= PAGE_SIZE
        if not wanted or LEASES in self._refused | self._unseen or self.clock() < self._leases_until:
            return False
        self._leases_until = self.clock() + _BESIDE_INTERVAL
        self._follow(sources.leases())
        return True

    def _look_for_slices(self) -> None:
        """Where the DRA driver is installed, it may serve the GPUs of nodes that do not know the resource."""
        resource = self.config.gpu_resource
        if self.config.mode != "auto" or not self._dra_possible:
            return
        if any(
            not labels.amount((node.get("status") or {}).get("capacity"), resource)
            for node in self.observed.nodes.values()
        ):
            self._follow_slices(watched=False)

    def _follow_slices(self, *, watched: bool) -> None:
        if self._slices_watched or RESOURCE_SLICES in self._refused | self._unseen:
            return
        served = self.client.preferred_resource("ResourceSlice.resource.k8s.io")
        if served is None:
            return
        self._slices_watched = watched and self.watching
        self._follow(sources.resource_slices(served, watched=watched))

    def _tell(self, now: float, verdict: Verdict | None = None) -> None:
        """Say how many are ready: at once when all has been seen for the first time, then at intervals."""
        first = verdict is not None and not self._complete
        if not first and now < self._told + _PROGRESS_INTERVAL:
            return
        self._told, self._complete = now, self._complete or first
        line = "reading the nodes" if verdict is None else verdicts.headline(verdict, self.observed.counts)
        problem = next(iter(self._problems.values()), None)
        _progress.report(f"{line}, {now - self._start:.0f} s" + ("" if problem is None else f"; {problem}"))
