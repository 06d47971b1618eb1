# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's own calls under C(/_sandbox/)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.aws.board import Board, parse
from sandbox.aws.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: What answers a method of a path. It gets what was sent, None where nothing was.
Answer = Callable[[Any], object]


class Control:
    """Answers in JSON what C(routes) say, by path and method; an error is C({"error": "..."})."""

    def __init__(self, routes: Mapping[str, Mapping[str, Answer]]) -> None:
        self._rules = Map(
            [
                Rule(f"/_sandbox/{path}", methods=[method], endpoint=answer)
                for path, methods in routes.items()
                for method, answer in methods.items()
            ]
        )

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        # Read before anything can fail: what is left unread would be taken for the connection's next request.
        sent = Request(environ).get_data()
        status = 200
        try:
            answer, _values = self._rules.bind_to_environ(environ).match()
            body = answer(json.loads(sent) if sent else None)
        except HTTPException as error:
            status, body = error.code or 500, {"error": error.description}
        except ValueError as error:
            status, body = 400, {"error": str(error)}
        response = Response(json.dumps(body, indent=2) + "\n", status=status, mimetype="application/json")
        return response(environ, start)


def of_settings() -> dict[str, Answer]:
    """GET tells the settings, POST changes those that it names."""

    def change(content: Any) -> object:
        parse(Settings, content)
        vars(SETTINGS).update(content)
        return vars(SETTINGS)

    return {"GET": lambda _content: vars(SETTINGS), "POST": change}


def of_board(board: Board[Any]) -> dict[str, Answer]:
    """GET tells what is set, POST sets one more, DELETE clears all."""

    def afterwards(change: Callable[..., None], *given: Any) -> object:
        change(*given)
        return board.report()

    return {
        "GET": lambda _content: board.report(),
        "POST": lambda content: afterwards(board.set, content),
        "DELETE": lambda _content: afterwards(board.clear),
    }
