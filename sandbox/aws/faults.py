# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: throttling, errors, latency and lost answers, each in the wire shape of the service's protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from werkzeug.wrappers import Response

from sandbox.aws.calls import Call
from sandbox.aws.errors import error_response, throttled

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Kind = Literal["throttle", "error", "latency", "lost_answer"]


class InvalidFaultError(Exception):
    """A fault that cannot be set, with everything that is wrong with it."""


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
    kind: Kind
    operation: str = "*"
    code: str = "InternalError"
    message: str = "An internal error has occurred (simulated)."
    status: int = 500
    seconds: float = 0.0
    count: int | None = None

    @classmethod
    def parse(cls, given: object) -> Fault:
        """A fault from plain data.

        Raises:
            InvalidFaultError: a key or a value is not what it must be; names every problem.
        """
        if not isinstance(given, Mapping):
            raise InvalidFaultError(f"a fault must be an object, not {given!r}")
        known = {field.name for field in fields(cls)}
        problems = [f"unknown key {key!r}; there are {', '.join(sorted(known))}" for key in given if key not in known]
        if not isinstance(given.get("service"), str):
            problems.append("service must be a signing name such as ec2, eks or iam, or *")
        if given.get("kind") not in get_args(Kind):
            problems.append(f"kind must be one of {', '.join(get_args(Kind))}, not {given.get('kind')!r}")
        problems += [f"{key} must be a text" for key in ("operation", "code", "message") if not _is(given, key, str)]
        if not _is(given, "status", int):
            problems.append("status must be an HTTP status")
        if not _is(given, "count", int) or (given.get("count") is not None and given["count"] < 1):
            problems.append("count must be a number of at least 1")
        if not _is(given, "seconds", (int, float)) or (given.get("seconds") or 0) < 0:
            problems.append("seconds must be a number of at least 0")
        if problems:
            raise InvalidFaultError("; ".join(problems))
        return cls(**{key: value for key, value in given.items() if value is not None})

    def concerns(self, call: Call) -> bool:
        return self.service in ("*", call.service) and self.operation in ("*", call.operation)


def _is(given: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> bool:
    value = given.get(key)
    return value is None or (isinstance(value, kind) and not isinstance(value, bool))


class FaultBoard:
    """The faults that are set. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def set(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def report(self) -> list[dict[str, Any]]:
        """The faults that are still to come, with the count that is left of each."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, call: Call) -> list[Fault]:
        """The faults of one call: every latency, and the first of the others. Their counts go down."""
        with self._lock:
            due = [fault for fault in self._faults if fault.concerns(call)]
            latencies = [fault for fault in due if fault.kind == "latency"]
            taken = latencies + [fault for fault in due if fault.kind != "latency"][:1]
            self._faults = [left for fault in self._faults for left in _after(fault, taken)]
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
