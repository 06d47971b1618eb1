# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of a reconciling module, whatever it reconciles: observe and plan, apply unless in check mode, report."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

# AnsibleAWSModule.warn repeats each warning in the result, which ansible-core deprecates.
from ansible.module_utils.common.warnings import warn
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    PARALLELISM,
    ApplyError,
    Handler,
    HandlerError,
    Plan,
    PlanError,
    apply,
    result,
    summary,
)


class Module(Protocol):
    """What is used of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool

    def fail_json(self, **result: Any) -> NoReturn: ...
    def exit_json(self, **result: Any) -> NoReturn: ...


class ReportError(Exception):
    """Everything was applied, and still the module is to fail. C(values) are returned beside the changes."""

    def __init__(self, message: str, **values: Any) -> None:
        super().__init__(message)
        self.values = values


def reconcile(
    module: Module,
    *,
    plan: Callable[[], Plan],
    handlers: Callable[[], Mapping[tuple[str, str], Handler]],
    extra: Callable[[], Mapping[str, Any]] = dict,
    errors: tuple[type[Exception], ...],
    explain: Callable[[BaseException], str] = str,
    purge: str = "purge",
    parallelism: int = PARALLELISM,
) -> NoReturn:
    """Run a module to its end.

    C(plan) observes and plans; C(handlers) gives the apply table and is only called when something is to be applied;
    C(extra) gives the module's own return values, after the changes were applied. C(errors) are those of the world that
    is reconciled, and C(explain) says one in whole sentences. C(purge) is the option that removes what is unlisted.
    """
    try:
        planned = plan()
    except PlanError as error:
        module.fail_json(msg=str(error), problems=list(error.problems))
    except errors as error:
        module.fail_json(msg=explain(error))
    changes = planned.changes
    for warning in planned.warnings:
        warn(warning)
    if planned.unlisted:
        warn(
            f"not in the options and left alone: {', '.join(planned.unlisted)}. Write {purge}: true to remove what is "
            "not listed."
        )
    known: tuple[type[Exception], ...] = (*errors, HandlerError, PlanError, TimeoutError)

    def told(error: BaseException) -> str:
        return explain(error) if isinstance(error, known) else f"{type(error).__name__}: {error}."

    if changes and not module.check_mode:
        try:
            apply(changes, handlers(), parallelism=parallelism)
        except ApplyError as error:
            failures = [f"cannot {change.action} {change.label}: {told(cause)}" for change, cause in error.failures]
            done = f"{len(error.done)} of {len(changes)} changes were applied; a new run goes on from there."
            unforeseen = [cause for _change, cause in error.failures if not isinstance(cause, known)]
            module.fail_json(
                msg=" ".join([*failures, done]),
                not_applied=summary([*(change for change, _cause in error.failures), *error.left]),
                **({"exception": "".join(traceback.format_exception(unforeseen[0]))} if unforeseen else {}),
                **result(error.done),
            )
    values = {} if planned.unlisted is None else {"unlisted": list(planned.unlisted)}
    try:
        values |= extra()
    except ReportError as error:
        module.fail_json(msg=str(error), **result(changes), **values, **error.values)
    except known as error:
        module.fail_json(msg=f"cannot read what is there now: {explain(error)}", **result(changes), **values)
    module.exit_json(**result(changes), **values)
