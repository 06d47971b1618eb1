# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP server: werkzeug's threaded one, which moto comes with, quiet and with connections that stay open."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer
from werkzeug.serving import make_server as make_werkzeug_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Handler(MotoRequestHandler):
    # Without HTTP/1.1 every call costs a new connection and a new thread.
    protocol_version = "HTTP/1.1"
    # Headers and body are written one after the other: with Nagle's algorithm the body waits for an acknowledgement,
    # which the client delays by 40 ms.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: GET /_sandbox/calls says what was called."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Requests that come before the application is there wait.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def make_server(listener: socket.socket, application: WSGIApplication) -> BaseWSGIServer:
    """A server on a port that is taken. It answers once its C(serve_forever) runs."""
    host, port = listener.getsockname()
    return make_werkzeug_server(host, port, application, threaded=True, request_handler=_Handler, fd=listener.fileno())
