# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's own calls under C(/_sandbox/): health, settings, faults, call counts and reset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.aws.calls import CallCounter
from sandbox.aws.faults import Fault, FaultBoard, InvalidFaultError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Control:
    """Answers in JSON; an error is C({"error": "..."}).

    Each of C(settings) is an object whose attributes are delays in seconds; together they are one list of names.
    """

    def __init__(
        self,
        *,
        health: Callable[[], Mapping[str, Any]],
        settings: Iterable[object],
        faults: FaultBoard,
        calls: CallCounter,
        reset: Callable[[], None],
    ) -> None:
        self._health = health
        self._settings = tuple(settings)
        self._faults = faults
        self._calls = calls
        self._reset = reset
        self._routes = Map(
            [
                Rule("/_sandbox/health", methods=["GET"], endpoint=self._get_health),
                Rule("/_sandbox/settings", methods=["GET"], endpoint=self._get_settings),
                Rule("/_sandbox/settings", methods=["POST"], endpoint=self._change_settings),
                Rule("/_sandbox/faults", methods=["GET"], endpoint=self._get_faults),
                Rule("/_sandbox/faults", methods=["POST"], endpoint=self._set_fault),
                Rule("/_sandbox/faults", methods=["DELETE"], endpoint=self._clear_faults),
                Rule("/_sandbox/calls", methods=["GET"], endpoint=self._get_calls),
                Rule("/_sandbox/calls", methods=["DELETE"], endpoint=self._reset_calls),
                Rule("/_sandbox/reset", methods=["POST"], endpoint=self._reset_all),
            ]
        )

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            endpoint, _values = self._routes.bind_to_environ(environ).match()
            status, body = 200, endpoint(request)
        except HTTPException as error:
            status, body = error.code or 500, {"error": error.description}
        except (InvalidFaultError, ValueError) as error:
            status, body = 400, {"error": str(error)}
        response = Response(json.dumps(body, indent=2) + "\n", status=status, mimetype="application/json")
        return response(environ, start)

    def _get_health(self, _request: Request) -> object:
        return self._health()

    def _get_settings(self, _request: Request) -> object:
        return {name: value for settings in self._settings for name, value in vars(settings).items()}

    def _change_settings(self, request: Request) -> object:
        values = _object(request)
        owners = {name: settings for settings in self._settings for name in vars(settings)}
        problems = [
            f"unknown setting {name!r}; there are {', '.join(sorted(owners))}" for name in values if name not in owners
        ]
        problems += [
            f"{name} must be a number of seconds of at least 0, not {value!r}"
            for name, value in values.items()
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        ]
        if problems:
            raise ValueError("; ".join(problems))
        for name, value in values.items():
            setattr(owners[name], name, float(value))
        return self._get_settings(request)

    def _get_faults(self, _request: Request) -> object:
        return self._faults.report()

    def _set_fault(self, request: Request) -> object:
        self._faults.set(Fault.parse(_object(request)))
        return self._faults.report()

    def _clear_faults(self, _request: Request) -> object:
        self._faults.clear()
        return self._faults.report()

    def _get_calls(self, _request: Request) -> object:
        return self._calls.report()

    def _reset_calls(self, _request: Request) -> object:
        self._calls.reset()
        return self._calls.report()

    def _reset_all(self, _request: Request) -> object:
        self._reset()
        return {"status": "reset"}


def _object(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(request.get_data())
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"the body must be an object, not {given!r}")
    return given
