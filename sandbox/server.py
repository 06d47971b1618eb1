# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(python -m sandbox.server): the AWS API, the emulated EKS and the node bridge, in one process on one port.

It runs the jobs of the stand-in for TimescaleDB too, so that they need no process of their own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sandbox.aws import environment
from sandbox.layout import Layout

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

    from sandbox.aws.emulator import Emulator
    from sandbox.database.timescaledb import Scheduler
    from sandbox.eks.control_plane import ControlPlane
    from sandbox.eks.service import Eks

LOOPBACK = "127.0.0.1"


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. 1, with the reason on stderr, when the server cannot start."""
    started = time.monotonic()
    options = _parse(arguments)
    environment.configure()
    try:
        layout = Layout(options.home.absolute())
        server, emulator, eks = _make(layout, options, started)
    except (OSError, ValueError) as error:
        print(f"sandbox.server cannot start on {LOOPBACK}:{options.port}: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=emulator.warm_up, daemon=True).start()
    eks.start()
    jobs = _jobs(layout) if options.kubernetes else None
    try:
        server.serve_forever()
    finally:
        eks.stop()
        if jobs:
            jobs.stop()
        emulator.flush()
        server.server_close()
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End as by Ctrl-C, which the server's loop takes for its orderly end."""
    raise KeyboardInterrupt


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the state folder of the sandbox")
    parser.add_argument("--port", type=int, required=True, help=f"the port to take on {LOOPBACK}")
    parser.add_argument(
        "--no-kubernetes",
        dest="kubernetes",
        action="store_false",
        help="without a control plane: node groups go through their states by delay alone",
    )
    return parser.parse_args(arguments)


def _make(layout: Layout, options: argparse.Namespace, started: float) -> tuple[BaseWSGIServer, Emulator, Eks]:
    # moto reads the environment when it is imported, so that this must come after it was configured.
    from sandbox.access_key import AccessKey
    from sandbox.aws.application import Application
    from sandbox.aws.calls import CallCounter
    from sandbox.aws.control import Control, of_board, of_settings
    from sandbox.aws.emulator import Emulator
    from sandbox.aws.faults import FaultBoard
    from sandbox.aws.web import listen, make_server
    from sandbox.eks.service import Eks

    listener = listen(LOOPBACK, options.port)
    key = AccessKey.read_or_make(layout.access_key)
    emulator = Emulator(layout.account / "aws.pickle", key)
    clusters = layout.account / "eks.json"
    if not emulator.restored and clusters.exists():
        # Their VPCs and roles are gone: nothing could be done with them any more, not even delete them.
        clusters.replace(clusters.with_suffix(".orphaned"))
    control_plane = _control_plane(layout) if options.kubernetes else None
    eks = Eks(clusters, control_plane=control_plane, account_changed=emulator.save)
    faults, calls = FaultBoard(), CallCounter()

    def health(_content: object) -> object:
        return {
            "status": "ok",
            "account": "restored" if emulator.restored else "new",
            "account_problem": emulator.problem,
            "kubernetes": options.kubernetes,
            "pid": os.getpid(),
        }

    def forget_calls(_content: object) -> object:
        calls.reset()
        return calls.report()

    def reset(_content: object) -> object:
        faults.clear()
        calls.reset()
        eks.reset()
        emulator.reset()
        return {"status": "reset"}

    control = Control(
        {
            "health": {"GET": health},
            "settings": of_settings(),
            "faults": of_board(faults),
            "calls": {"GET": lambda _content: calls.report(), "DELETE": forget_calls},
            "reset": {"POST": reset},
            "authenticate": {"POST": eks.webhook},
            "eks/failures": of_board(eks.failures),
            "eks/gpus": of_board(eks.gpus),
            "eks/replacements": {"POST": eks.replace_node},
        }
    )
    application = Application(control=control, eks=eks.api.wsgi_app, emulator=emulator, faults=faults, calls=calls)
    server = make_server(listener, application)
    print(f"ready on {LOOPBACK}:{options.port} after {time.monotonic() - started:.2f} s", flush=True)
    return server, emulator, eks


def _control_plane(layout: Layout) -> ControlPlane:
    from sandbox.control_plane import recreate
    from sandbox.eks.control_plane import ControlPlane

    return ControlPlane(layout.admin_kubeconfig, lambda: recreate(layout))


def _jobs(layout: Layout) -> Scheduler:
    """Run the jobs of the stand-in for TimescaleDB, once and as long as there is one."""
    from sandbox.database.jobs import scheduler

    jobs = scheduler(layout)
    jobs.start()
    return jobs


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Everything is written. Python's own way out takes a second more to take moto's objects apart, one by one.
    os._exit(status)
