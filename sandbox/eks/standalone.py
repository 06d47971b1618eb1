# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS and moto alone on one port, without a control plane: C(python -m sandbox.eks.standalone --port N).

For tests of what calls the EKS API. The whole sandbox is C(sandbox.server).
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.eks.api import EksApi
from sandbox.eks.store import Store


def application(api: EksApi) -> Callable[..., Iterable[bytes]]:
    """Requests signed for EKS go to its API, delays to its settings, all others to moto."""
    moto = DomainDispatcherApplication(create_backend_app)

    def application_of_request(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/_sandbox/settings" and environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            api.settings.change(json.loads(body))
            start_response("204 No Content", [])
            return []
        if "/eks/aws4_request" in str(environ.get("HTTP_AUTHORIZATION", "")):
            return api.wsgi_app(environ, start_response)
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    return application_of_request


@contextmanager
def serve(api: EksApi, port: int = 0) -> Iterator[str]:
    """Serve the application on loopback while the block runs, and give its URL."""
    server: BaseWSGIServer = make_server(
        "127.0.0.1", port, application(api), threaded=True, request_handler=MotoRequestHandler
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="the loopback port; 0 takes a free one")
    parser.add_argument("--state", type=Path, help="the file of the records; without it they live in memory only")
    arguments = parser.parse_args()
    with serve(EksApi(Store(arguments.state)), arguments.port) as url:
        print(url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
