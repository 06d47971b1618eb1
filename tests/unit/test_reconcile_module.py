# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a reconciling module: what it says of what was done, what failed, and what was never begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws import run as aws_run
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.module import reconcile as kubernetes
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, HandlerError, Plan, create
from ansible_collections.entasis.engine.plugins.module_utils._reconcile_module import ReportError
from botocore.exceptions import ClientError

#: The longest that a test waits for another thread (seconds).
LIMIT = 5.0


class EndedError(Exception):
    """The module ended with this result."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result.get("msg"))
        self.result = result


class FakeModule:
    """What an AnsibleModule is to the runner."""

    params: dict[str, Any] = {}
    region = "ap-northeast-2"

    def __init__(self, *, check_mode: bool = False) -> None:
        self.check_mode = check_mode

    def fail_json(self, **result: Any) -> None:
        raise EndedError({"failed": True, **result})

    def exit_json(self, **result: Any) -> None:
        raise EndedError(result)


def aws(module: FakeModule, *, extra: Callable[[], dict[str, Any]] = dict, **told: Any) -> None:
    aws_run.reconcile(module, SimpleNamespace(report=extra, **told))  # type: ignore[arg-type]


def run(
    reconcile: Any, plan: Plan, handler: Callable[[Change], None] | None = None, check_mode: bool = False, **run: Any
) -> dict[str, Any]:
    handlers = {("thing", "create"): handler}
    with pytest.raises(EndedError) as ended:
        reconcile(FakeModule(check_mode=check_mode), plan=lambda: plan, handlers=lambda: handlers, **run)
    return ended.value.result


def things(*names: str) -> list[Change]:
    return [create("thing", name, {}, needs=["thing/first"] if name == "last" else []) for name in names]


REFUSED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "It is old."}}, "CreateThing")


@pytest.mark.parametrize(
    ("reconcile", "cause", "told"),
    [
        (kubernetes, KubernetesError("the API server is away."), "the API server is away."),
        (aws, REFUSED, "CreateThing answered ExpiredToken: It is old. Renew the AWS credentials."),
        (kubernetes, HandlerError("helm said no."), "helm said no."),
        (aws, KeyError("arn"), "KeyError: 'arn'."),
        (kubernetes, OSError("no route to host"), "OSError: no route to host."),
    ],
)
def test_every_failure_of_a_run_is_told_whatever_its_type(reconcile: Any, cause: Exception, told: str) -> None:
    together = threading.Barrier(2, timeout=LIMIT)

    def handler(change: Change) -> None:
        if change.name == "done":
            return
        together.wait()
        raise cause if change.name == "first" else HandlerError(f"{change.name} failed too.")

    result = run(reconcile, Plan(things("done", "first", "second", "last")), handler, parallelism=2)
    assert f"cannot create thing/first: {told}" in result["msg"]
    assert "cannot create thing/second: second failed too." in result["msg"]
    assert result["msg"].endswith("1 of 4 changes were applied; a new run goes on from there.")
    assert [change["name"] for change in result["changes"]] == ["done"]
    assert sorted(change["name"] for change in result["not_applied"]) == ["first", "last", "second"]
    assert ("exception" in result) == isinstance(cause, (KeyError, OSError))


def test_check_mode_applies_nothing_and_what_is_unlisted_is_returned() -> None:
    plan = Plan(things("a"), unlisted=("thing/b",))
    result = run(aws, plan, check_mode=True, extra=lambda: {"ids": {}})
    assert (result["changed"], result["unlisted"], result["ids"]) == (True, ["thing/b"], {})
    assert "unlisted" not in run(aws, Plan(()))


def test_what_fails_after_the_changes_does_not_hide_them() -> None:
    def report() -> dict[str, Any]:
        raise ReportError("1 object is not ready.", not_ready=["x"])

    result = run(kubernetes, Plan(things("a")), lambda _change: None, extra=report)
    assert (result["failed"], result["msg"], result["not_ready"]) == (True, "1 object is not ready.", ["x"])
    assert [change["name"] for change in result["changes"]] == ["a"]
