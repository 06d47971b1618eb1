# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of gpu_node_ready: watch, prove by smoke pods, lift the taint, hand the verdict on, say what came out."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import node_condition, taints
from ansible_collections.entasis.engine.plugins.module_utils._gpu import verdict as verdicts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import Observed
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import Settings
from ansible_collections.entasis.engine.plugins.module_utils._gpu.watch import Watched, Watcher, failure_of
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError

if TYPE_CHECKING:
    from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import SmokeResult

#: Seconds that one look may take. It takes less than one for a thousand nodes.
_LOOK_LIMIT = 60.0

#: The most nodes that the result has.
_NODES_TOLD = 200

#: What of a report is for the machinery.
_NOT_TOLD = ("uid", "excluded", "recheck_at")


class Run:
    """One run. What it gives is what the module returns, with C(failed) where the task fails."""

    def __init__(self, settings: Settings, *, check_mode: bool) -> None:
        self.warnings: list[str] = []
        self._settings = settings
        self._check_mode = check_mode
        self._only_looks = check_mode or settings.only_looks
        self._smoke: dict[str, SmokeResult] = {}
        self._released: list[str] = []
        #: The uids of the nodes that need not be looked at for the taint again.
        self._opened: set[str] = set()
        self._written: list[str] = []

    def unseen(self, error: KubernetesError | None = None) -> dict[str, Any]:
        """The result where there is no cluster: in check mode, because it is yet to be made; else with the error."""
        goal = self._settings.goal
        observed = Observed(self._settings.config, goal.fail_fast)
        verdict = verdicts.judge(observed.counts, goal, time.monotonic())
        return self._result(Watched(verdict, 0.0, failure_of(error) if error else None, error), observed)

    def on(self, client: Client) -> dict[str, Any]:
        """Look once or wait, then do what the options ask for."""
        settings = self._settings
        watching = not self._only_looks
        with Watcher(client, settings.selection, settings.config, settings.goal, watching=watching) as watcher:
            try:
                watched = self._watch(client, watcher)
                if watched.problem is None:
                    watched = self._prove(client, watcher, watched)
                    self._release(client, watcher)
                    self._write_conditions(client, watcher)
            except KubernetesError as error:
                watched = dataclasses.replace(watcher.look(0), failure=failure_of(error), problem=error)
            self.warnings += [*watcher.warnings, *verdicts.warnings(watcher.observed.counts)]
            return self._result(watched, watcher.observed)

    def _watch(self, client: Client, watcher: Watcher) -> Watched:
        """Look once, or wait and meanwhile open each node that needs no proof by a smoke pod."""
        settings = self._settings
        if self._only_looks:
            return watcher.look(_LOOK_LIMIT)
        if settings.release_taint is None or settings.smoke.mode != "none":
            return watcher.wait(settings.patience)
        return watcher.wait(settings.patience, lambda: self._release(client, watcher))

    def _prove(self, client: Client, watcher: Watcher, watched: Watched) -> Watched:
        """Let smoke pods run where enough nodes are ready; else on those only that a proof opens."""
        if self._settings.smoke.mode == "none" or (self._only_looks and not self._check_mode):
            return watched
        # Most runs prove no node, and need not load this.
        from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import run as smoke

        observed = watcher.observed
        enough = watched.verdict.ready and watched.failure is None
        candidates = self._stable(watcher) if enough else self._closed(watcher)
        self._smoke = smoke.run(client, candidates, self._settings.smoke, check_mode=self._check_mode)
        for name, tested in self._smoke.items():
            if tested.reasons:
                observed.add_reasons(name, tested.reasons)
        if not self._smoke and not enough:
            return watched
        # What changed meanwhile counts too.
        proved = watcher.look(0)
        if not enough:
            return dataclasses.replace(proved, failure=proved.failure or watched.failure)
        if proved.verdict.ready or proved.failure is not None or self._check_mode:
            return proved
        failed = any(tested.phase == "failed" for tested in self._smoke.values())
        return dataclasses.replace(proved, failure="impossible" if failed else verdicts.failure_kind(proved.verdict))

    def _stable(self, watcher: Watcher) -> list[Mapping[str, Any]]:
        """The nodes that have been ready for long enough."""
        observed, now = watcher.observed, watcher.clock()
        return [observed.nodes[name] for name, at in sorted(self._stable_at(observed).items()) if at <= now]

    def _closed(self, watcher: Watcher) -> list[Mapping[str, Any]]:
        """Those of them that have the taint."""
        taint = self._settings.release_taint
        return [] if taint is None else [node for node in self._stable(watcher) if taints.carries(node, taint)]

    def _release(self, client: Client, watcher: Watcher) -> float:
        """Lift the taint from each node that has passed, also where others have not; by when the next one may pass."""
        taint = self._settings.release_taint
        if taint is None or (self._only_looks and not self._check_mode):
            return math.inf
        observed, now = watcher.observed, watcher.clock()
        due = {
            name: at
            for name, at in self._stable_at(observed).items()
            if taints.carries(observed.nodes[name], taint) and _uid(observed.nodes[name]) not in self._opened
        }
        passed = [observed.nodes[name] for name in sorted(due) if due[name] <= now and self._passed(name)]
        for name in taints.release(client, passed, taint, check_mode=self._check_mode):
            self._released.append(name)
        self._opened.update(map(_uid, passed))
        return min((at for at in due.values() if at > now), default=math.inf)

    def _stable_at(self, observed: Observed) -> dict[str, float]:
        """When each node that is ready will have been so for long enough; in one look, it has."""
        long_enough = 0.0 if self._only_looks else self._settings.patience.stable_for
        return {name: since + long_enough for name, since in observed.ready_since.items()}

    def _passed(self, name: str) -> bool:
        """Whether smoke pods have nothing against the node: its own, or those of the sample."""
        mode = self._settings.smoke.mode
        if mode == "none":
            return True
        if mode == "sample" and self._smoke and name not in self._smoke:
            return all(tested.passed for tested in self._smoke.values())
        tested = self._smoke.get(name)
        return tested is not None and (tested.passed or tested.phase == "skipped_check_mode")

    def _write_conditions(self, client: Client, watcher: Watcher) -> None:
        if self._settings.condition:
            nodes = watcher.observed.nodes.values()
            reports = map(self._told, watcher.observed.counts.nodes())
            for name in node_condition.write(
                client, self._settings.condition, nodes, reports, check_mode=self._check_mode
            ):
                self._written.append(name)

    def _result(self, watched: Watched, observed: Observed) -> dict[str, Any]:
        """What the module returns, the same whether the nodes are ready or not."""
        verdict, counts = watched.verdict, observed.counts
        gpus = counts.gpus()
        reports = counts.nodes()
        if len(reports) > _NODES_TOLD:
            reports = sorted(reports, key=lambda report: report.ready)[:_NODES_TOLD]
        told = {
            "changed": bool(self._released or self._written),
            "failed": watched.failure is not None and (watched.problem is not None or not self._only_looks),
            "ready": verdict.ready,
            "ready_count": verdict.ready_count,
            "total": verdict.total,
            "needed": verdict.needed,
            "gpus": {**gpus, "missing": max(0, gpus["expected"] - gpus["allocatable"])},
            "summary_by_reason": verdicts.summary(verdict, counts),
            "nodes": [*map(self._told, reports)],
            "nodes_left_out": verdict.total - len(reports),
            "waited_s": round(watched.seconds, 1),
            "smoke_pods_created": sum(tested.pods for tested in self._smoke.values()),
            "taint_released": self._released,
            "condition_written": self._written,
        }
        if not told["failed"]:
            return {**told, "msg": verdicts.headline(verdict, counts)}
        why = verdicts.describe(verdict, counts) if watched.problem is None else str(watched.problem)
        return {**told, "failure_kind": watched.failure, "msg": f"after {watched.seconds:.0f} s: {why}"}

    def _told(self, report: NodeReport) -> dict[str, Any]:
        """One node of the result."""
        tested = self._smoke.get(report.name)
        return {
            **{name: value for name, value in vars(report).items() if name not in _NOT_TOLD},
            "ready": report.ready,
            "reasons": [dataclasses.asdict(reason) for reason in report.reasons],
            "ignored": [dataclasses.asdict(reason) for reason in report.ignored],
            "smoke": None if tested is None else {key: one for key, one in vars(tested).items() if key != "reasons"},
        }


def _uid(node: Mapping[str, Any]) -> str:
    return str(node["metadata"]["uid"])
