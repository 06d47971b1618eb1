# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS and moto alone on one port: C(python -m sandbox.eks.standalone --port N).

For tests of what calls the EKS API. The whole sandbox is C(sandbox.server).
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.aws.emulator import ACCOUNT_LOCK
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.service import Eks


def application(eks: Eks) -> Callable[..., Iterable[bytes]]:
    """Requests signed for EKS go to its API, delays to its settings, all others to moto."""
    moto = DomainDispatcherApplication(create_backend_app)

    def application_of_request(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/_sandbox/settings" and environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            eks.settings.change(json.loads(body))
            start_response("204 No Content", [])
            return []
        if "/eks/aws4_request" in str(environ.get("HTTP_AUTHORIZATION", "")):
            return eks.api.wsgi_app(environ, start_response)
        if own := eks.own.get(environ["PATH_INFO"]):
            return own(environ, start_response)
        with ACCOUNT_LOCK:
            answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    return application_of_request


@dataclass(frozen=True)
class Served:
    """A running emulated EKS and its URL."""

    eks: Eks
    url: str


@contextmanager
def serve(records: Path | None = None, port: int = 0, control_plane: ControlPlane | None = None) -> Iterator[Served]:
    """Serve an emulated EKS on loopback while the block runs."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        eks = Eks(records, host, control_plane=control_plane)
        server: BaseWSGIServer = make_server(
            "127.0.0.1",
            listener.getsockname()[1],
            application(eks),
            threaded=True,
            request_handler=MotoRequestHandler,
            fd=listener.fileno(),
        )
    eks.start()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(eks, f"http://{host}")
    finally:
        eks.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="the loopback port; 0 takes a free one")
    parser.add_argument("--state", type=Path, help="the file of the records; without it they live in memory only")
    parser.add_argument("--kubeconfig", type=Path, help="the admin's kubeconfig of a control plane")
    arguments = parser.parse_args()
    control_plane = ControlPlane(arguments.kubeconfig) if arguments.kubeconfig else None
    with serve(arguments.state, arguments.port, control_plane) as served:
        print(served.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
