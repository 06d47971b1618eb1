# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole of the server as one WSGI application: the sandbox's own calls, EKS, and moto for every other service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.aws.calls import CallCounter, recognise
from sandbox.aws.faults import FaultBoard, with_faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Application:
    """Sends each request where it belongs, counts the AWS calls and puts the faults that are set on them.

    EKS is told from the other services by the name that its requests are signed for, never by the path.
    """

    def __init__(
        self,
        *,
        control: WSGIApplication,
        eks: WSGIApplication,
        emulator: WSGIApplication,
        faults: FaultBoard,
        calls: CallCounter,
    ) -> None:
        self._control = control
        self._eks = eks
        self._emulator = emulator
        self._faults = faults
        self._calls = calls

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/_sandbox/"):
            return self._control(environ, start)
        call = recognise(environ)
        if call is None:
            return self._emulator(environ, start)
        self._calls.count(call)
        application = self._eks if call.service == "eks" else self._emulator
        return with_faults(self._faults.take(call), call, application, environ, start)
