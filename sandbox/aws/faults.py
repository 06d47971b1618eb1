# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: throttling, errors, latency and lost answers, each in the wire shape of the service's protocol."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from werkzeug.wrappers import Response

from sandbox.aws.board import Board
from sandbox.aws.calls import Call
from sandbox.aws.errors import error_response, throttled

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Fault:
    """What happens to the calls of one operation.

    - C(throttle): the service's own throttling error; the call has no effect.
    - C(error): C(code), C(message) and C(status); the call has no effect.
    - C(latency): the call is handled C(seconds) later.
    - C(lost_answer): the call is handled, and the caller gets an error all the same, as when a connection breaks.

    C(service) is the signing name (C(ec2), C(eks), C(iam), …), C("*") in C(service) and C(operation) means every one.
    C(count) is the number of calls that the fault is for; without it, until the faults are cleared.
    """

    service: str
    kind: Literal["throttle", "error", "latency", "lost_answer"]
    operation: str = "*"
    code: str = "InternalError"
    message: str = "An internal error has occurred (simulated)."
    status: int = 500
    seconds: float = 0.0
    count: int | None = None

    def concerns(self, call: Call) -> bool:
        return self.service in ("*", call.service) and self.operation in ("*", call.operation)


class FaultBoard(Board[Fault]):
    """The faults that are set, with the count that is left of each."""

    kind = Fault

    def take(self, call: Call) -> list[Fault]:
        """The faults of one call: every latency, and the first of the others. Their counts go down."""
        with self._lock:
            due = [fault for fault in self._entries if fault.concerns(call)]
            latencies = [fault for fault in due if fault.kind == "latency"]
            taken = latencies + [fault for fault in due if fault.kind != "latency"][:1]
            self._entries = [left for fault in self._entries for left in _after(fault, taken)]
            return taken


def _after(fault: Fault, taken: Iterable[Fault]) -> list[Fault]:
    """What is left of a fault after some were taken."""
    if fault.count is None or not any(fault is other for other in taken):
        return [fault]
    return [replace(fault, count=fault.count - 1)] if fault.count > 1 else []


def with_faults(
    faults: Iterable[Fault], call: Call, application: WSGIApplication, environ: WSGIEnvironment, start: StartResponse
) -> Iterable[bytes]:
    """Handle one call under its faults."""
    for fault in faults:
        if fault.kind == "latency":
            time.sleep(fault.seconds)
        elif fault.kind == "throttle":
            return throttled(call, environ)(environ, start)
        elif fault.kind == "error":
            return error_response(call, environ, fault.code, fault.message, fault.status)(environ, start)
        else:
            Response.from_app(application, environ, buffered=True)
            return error_response(call, environ, fault.code, fault.message, fault.status)(environ, start)
    return application(environ, start)
