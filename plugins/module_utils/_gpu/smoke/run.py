# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Proving nodes: a pod on each of them allocates its GPUs and uses them.

A GPU node can show every sign of readiness and still fail the first pod that wants a GPU, because none of the signs
goes through the kubelet's allocation. The pods have no owner and carry their run's id. They are removed whatever ends
the run; those of a run that was killed outright are removed by the next one.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import judging as smoke_judging
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import pods as smoke_pods
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import SmokeResult
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client, label_selector
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError, KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import PODS, PRIORITY_CLASSES, Resource

Object = Mapping[str, Any]

_ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False)

#: What a run does in its namespace: verb, resource, subresource.
_RIGHTS = (
    ("create", "pods", ""),
    ("get", "pods", ""),
    ("list", "pods", ""),
    ("delete", "pods", ""),
    ("get", "pods", "log"),
)

#: Seconds between two looks at the pods.
_INTERVAL = 1.0
#: Seconds before another pod is made in the place of one that the kubelet turned away.
_AGAIN_AFTER = 3.0
#: In how many looks a log is asked for, and how many bytes of it are read.
_LOG_ATTEMPTS = 5
_LOG_BYTES = 64 * 1024
#: Seconds for which the API server may be out of reach while pods are under way.
_UNHEARD_PATIENCE = 60.0
#: Seconds that the pods of a killed run may take to end. Until then they hold the GPUs.
_SWEEP_PATIENCE = 60.0


def run(
    client: Client,
    nodes: Iterable[Object],
    options: SmokeOptions,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    report: Callable[[str], None] = _progress.report,
    check_mode: bool = False,
) -> dict[str, SmokeResult]:
    """Prove these Nodes, as C(options) choose among them: what came out, by the name of the node.

    A node that was not chosen has no result. In check mode no pod is made, and the chosen nodes have the phase
    V(skipped_check_mode).

    Raises:
        ApiError: the caller lacks a right, and no pod was made (403); or the API server refused in another way.
        KubernetesError: the API server cannot be reached.
    """
    run_id = secrets.token_hex(4)
    chosen = smoke_pods.choose(nodes, options, run_id)
    if not chosen:
        return {}
    if check_mode:
        return {str(node["metadata"]["name"]): SmokeResult("skipped_check_mode") for node in chosen}
    _check_rights(client, options.namespace)
    tests = _Run(client, options, run_id, clock, sleep, report)
    with _ended_in_order():
        try:
            tests.prove(chosen)
        finally:
            tests.clean_up()
    return tests.results


@dataclass
class _Test:
    """The test of one node. C(uid) is its pod's, empty while the pod is yet to be made under the name C(pod)."""

    node: Object
    started: float
    pod: str
    uid: str = ""
    made: int = 0
    make_at: float = 0.0
    #: How often the pod's log could not be read.
    unread: int = 0

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])


@dataclass
class _Run:
    """One run: what waits, what is under way, what came out."""

    client: Client
    options: SmokeOptions
    run_id: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    report: Callable[[str], None]
    results: dict[str, SmokeResult] = field(default_factory=dict)
    _waiting: deque[Object] = field(default_factory=deque)
    _tests: list[_Test] = field(default_factory=list)
    _names: int = 0
    #: The pods that are left for the user to look at, by the uid.
    _kept: set[str] = field(default_factory=set)

    def prove(self, nodes: Sequence[Object]) -> None:
        self._sweep(nodes)
        refusal = self._rehearse(nodes[0])
        if refusal is not None:
            self.results = {str(node["metadata"]["name"]): SmokeResult("failed", (refusal,)) for node in nodes}
            return
        self._waiting.extend(nodes)
        unheard_since: float | None = None
        while self._waiting or self._tests:
            try:
                self._begin()
                self._look()
                unheard_since = None
            except KubernetesError as error:
                now = self.clock()
                unheard_since = now if unheard_since is None else unheard_since
                refused = isinstance(error, ApiError) and error.status in (401, 403)
                if refused or now - unheard_since >= _UNHEARD_PATIENCE:
                    raise
            self._tell(len(nodes))
            if self._waiting or self._tests:
                self.sleep(_INTERVAL)

    def clean_up(self) -> None:
        """Remove every pod of this run but those that are kept, also those that the API server made unheard."""
        try:
            for pod in self._pods():
                if pod["metadata"]["uid"] not in self._kept:
                    self._delete(pod)
        except KubernetesError as error:
            # What ended the run must be heard, not this: the next run removes the pods.
            self.report(f"smoke pods of the run {self.run_id} are left in {self.options.namespace}: {error}")

    def _sweep(self, nodes: Sequence[Object]) -> None:
        """Remove what a killed run left behind, and wait until it holds no GPU any more."""
        names = [str(node["metadata"]["name"]) for node in nodes]
        end = self.clock() + _SWEEP_PATIENCE
        asked: set[str] = set()
        while True:
            found, _version = self.client.list(PODS, self.options.namespace, label_selector=smoke_pods.RUN_LABEL)
            left = smoke_pods.left_behind(found, self.run_id, names, datetime.now(UTC))
            for pod in left:
                if pod["metadata"]["uid"] not in asked:
                    self._delete(pod)
                    asked.add(pod["metadata"]["uid"])
            if not left or self.clock() >= end:
                return
            self.report(f"smoke: {len(left)} pods of an earlier run are ending")
            self.sleep(_INTERVAL)

    def _rehearse(self, node: Object) -> Reason | None:
        """Why no pod can be made at all, asked of the API server without making one."""
        manifest = smoke_pods.pod(node, self.options, self.run_id, smoke_pods.pod_name(self.run_id, 0))
        try:
            planned = self.client.request(
                "POST", PODS.path(self.options.namespace), query={"dryRun": "All"}, body=manifest
            )
        except ApiError as error:
            return _refused(error)
        return self._preemption(planned["spec"])

    def _preemption(self, spec: Mapping[str, Any]) -> Reason | None:
        """Why a pod of this spec, which has its priority from the API server, could push other pods off a node."""
        if spec.get("preemptionPolicy") == "Never":
            return None
        priority = int(spec.get("priority") or 0)
        remedy = "name a smoke.priority_class whose preemptionPolicy is Never"
        try:
            classes, _version = self.client.list(PRIORITY_CLASSES)
        except ApiError as error:
            if error.status != 403:
                raise
            return reasons.reason("SMOKE_MAY_PREEMPT", f"the priority classes may not be read: {remedy}")
        lower = sorted(one["metadata"]["name"] for one in classes if int(one["value"]) < priority)
        if not lower:
            return None
        return reasons.reason(
            "SMOKE_MAY_PREEMPT",
            f"a smoke pod (priority {priority}) could push off pods of {', '.join(lower)}: {remedy}",
        )

    def _begin(self) -> None:
        """Begin tests up to the parallelism, and make the next pod of tests whose last one was turned away."""
        now = self.clock()
        while self._waiting and len(self._tests) < self.options.parallelism:
            self._tests.append(_Test(self._waiting.popleft(), now, self._next_name()))
        for test in list(self._tests):
            if not test.uid and now >= test.make_at:
                self._make(test)

    def _next_name(self) -> str:
        self._names += 1
        return smoke_pods.pod_name(self.run_id, self._names)

    def _make(self, test: _Test) -> None:
        manifest = smoke_pods.pod(test.node, self.options, self.run_id, test.pod)
        try:
            made = self.client.request("POST", PODS.path(self.options.namespace), body=manifest)
        except ApiError as error:
            # The answer to an earlier attempt may have been lost on the way: then the pod is there.
            found = self.client.get(PODS, self.options.namespace, test.pod) if error.status == 409 else None
            if found is None:
                self._finish(test, "failed", (_refused(error),))
                return
            made = found
        test.uid = str(made["metadata"]["uid"])
        test.made += 1

    def _look(self) -> None:
        if not self._tests:
            return
        by_name = {str(pod["metadata"]["name"]): pod for pod in self._pods()}
        now = self.clock()
        for test in list(self._tests):
            if not test.uid:
                continue
            pod = by_name.get(test.pod)
            step = smoke_judging.look(pod, self.options, now - test.started)
            if step.action == "again" and pod is not None:
                self._delete(pod)
                test.pod, test.uid, test.make_at = self._next_name(), "", now + _AGAIN_AFTER
            elif step.action == "skip":
                self._finish(test, "busy", (), pod)
            elif step.action == "end":
                self._judge(test, pod, step.reason)

    def _judge(self, test: _Test, pod: Object | None, reason: Reason | None) -> None:
        """End a test with what its pod's log says."""
        given = (reason,) if reason is not None else ()
        if pod is None or (pod.get("status") or {}).get("phase") not in ("Running", "Succeeded", "Failed"):
            self._finish(test, "failed", given, pod)
            return
        try:
            log = self._log(test.pod)
        except KubernetesError as error:
            # The kubelet may need a moment to offer the log of a pod that has just ended: ask again at the next look.
            test.unread += 1
            if given or test.unread >= _LOG_ATTEMPTS:
                unread = reasons.reason("SMOKE_NO_LOG", f"the log of the pod {test.pod} cannot be read: {error}")
                self._finish(test, "failed", given or (unread,), pod)
            return
        sight = smoke_judging.read(log, smoke_pods.gpus_to_take(test.node, self.options))
        # What a pod that failed did not get round to listing says nothing about the GPUs.
        found = (*given, *(sight.reasons if reason is None or sight.gpus else ()))
        self._finish(test, "failed" if found else "passed", found, pod, log, sight)

    def _finish(
        self,
        test: _Test,
        phase: smoke_judging.Phase,
        found: tuple[Reason, ...],
        pod: Object | None = None,
        log: str = "",
        sight: smoke_judging.Sight | None = None,
    ) -> None:
        keep = phase == "failed" and self.options.keep_failed and pod is not None and _has_ended(pod)
        if keep:
            self._kept.add(test.uid)
        elif pod is not None:
            self._delete(pod)
        self._tests.remove(test)
        self.results[test.name] = SmokeResult(
            phase,
            found,
            gpus_seen=sight.gpus if sight else None,
            uuids_n=sight.uuids if sight else None,
            duration=round(self.clock() - test.started, 1),
            log_tail=smoke_judging.tail(log),
            pods=test.made,
            pod=test.pod if keep else "",
        )

    def _log(self, pod: str) -> str:
        path = f"{PODS.path(self.options.namespace, pod)}/log"
        return self.client.text(path, query={"container": smoke_pods.CONTAINER, "limitBytes": _LOG_BYTES})

    def _pods(self) -> list[dict[str, Any]]:
        selector = label_selector({smoke_pods.RUN_LABEL: self.run_id})
        return self.client.list(PODS, self.options.namespace, label_selector=selector)[0]

    def _delete(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if not metadata.get("deletionTimestamp"):
            self.client.delete(PODS, self.options.namespace, metadata["name"], metadata["uid"])

    def _tell(self, total: int) -> None:
        failed = sum(result.phase == "failed" for result in self.results.values())
        under_way = f", {len(self._tests)} under way" if self._tests else ""
        self.report(f"smoke: {len(self.results)} of {total} nodes tested, {failed} failed{under_way}")


def _check_rights(client: Client, namespace: str) -> None:
    """Fail with every right that is missing before a pod is made that could then not be removed."""
    missing = []
    for verb, resource, subresource in _RIGHTS:
        attributes = {"namespace": namespace, "verb": verb, "resource": resource, "subresource": subresource}
        review = {
            "apiVersion": _ACCESS_REVIEWS.api_version,
            "kind": _ACCESS_REVIEWS.kind,
            "spec": {"resourceAttributes": attributes},
        }
        answer = client.request("POST", _ACCESS_REVIEWS.path(), body=review)
        if not (answer.get("status") or {}).get("allowed"):
            missing.append(f"{verb} {resource}{f'/{subresource}' if subresource else ''}")
    if missing:
        message = f"smoke pods need the rights {', '.join(missing)} in the namespace {namespace}"
        raise ApiError("POST", PODS.path(namespace), 403, {"reason": "Forbidden", "message": message})


def _refused(error: ApiError) -> Reason:
    return reasons.reason("SMOKE_POD_REFUSED", error.message or str(error))


def _has_ended(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM, by which Ansible and CI systems end a run, pass through the clean-up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        # A second one must not cut the clean-up short.
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
