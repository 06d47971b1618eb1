# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start, stop and look at one sandbox: the AWS API and, unless left out, the control plane and the database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox import control_plane, ports, processes, toolchain
from sandbox.access_key import AccessKey
from sandbox.control_plane import COMPONENTS, answers
from sandbox.database import service as database
from sandbox.errors import SandboxError
from sandbox.layout import AWS_ACCOUNT_ID, AWS_PROFILE, AWS_REGION, PROJECT, Layout
from sandbox.ports import ADDRESS, Ports
from sandbox.processes import Process, last_words
from sandbox.state import Run, locked, make_home, write_private

#: The part that serves the AWS API, EKS and the identity webhook.
SERVER = "aws-api"
#: Seconds until the AWS API must answer; about 3 s on two idle cores.
SERVER_SECONDS = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One process of the sandbox as the status shows it.

    C(state) is "healthy", "not answering" or "not running". C(pid) is None where it does not run.
    """

    name: str
    state: str
    port: int
    pid: int | None
    resident_bytes: int


def up(layout: Layout, kubernetes: bool, say: Say) -> None:
    """Start what does not run of the sandbox and wait until all of it is healthy.

    Raises:
        SandboxError: a port is taken, a tool cannot be had, or a part does not become healthy.
    """
    begun = time.monotonic()
    make_home(layout)
    tools = toolchain.prepare() if kubernetes else None
    with locked(layout):
        run = Run.read(layout)
        if run is None or run.ready_seconds is None:
            _start_new(layout, tools, begun, say)
        else:
            _check_same(layout, run, kubernetes)
            _start_again(layout, run, begun, say)


def down(layout: Layout, keep: bool, say: Say) -> None:
    """End every process of the sandbox and, unless they are to be kept, forget its account and its control plane."""
    if not layout.home.exists() and not _all_processes(layout):
        say(f"nothing runs, and there is no {layout.home}")
        return
    with locked(layout):
        ended = _stop(layout, control_plane.PATIENCE if keep else 0)
        if not keep:
            _forget(layout)
    fate = "kept" if keep else "forgotten"
    say(f"ended {ended} of the sandbox's processes; the account and the control plane are {fate}")


def status(layout: Layout) -> tuple[Run | None, list[Part]]:
    """What the last start decided, and each part as it is now."""
    run = Run.read(layout)
    if run is None:
        return None, []
    server = _server_processes(layout)
    parts = [_part(SERVER, run.ports.server, server, answers(_health_url(run.ports)))]
    if run.kubernetes:
        found = control_plane.running(layout)
        for component in COMPONENTS:
            healthy = control_plane.is_healthy(layout, run.ports, component)
            parts.append(_part(component.name, component.port(run.ports), found[component.name], healthy))
        healthy = database.is_healthy(layout, run.ports)
        parts.append(_part(database.NAME, run.ports.postgresql, database.running(layout), healthy))
    return run, parts


def _part(name: str, port: int, found: list[Process], healthy: bool) -> Part:
    if not found:
        return Part(name, "not running", port, None, 0)
    memory = sum(process.resident_bytes() for process in found)
    return Part(name, "healthy" if healthy else "not answering", port, found[-1].pid, memory)


def _build_charts(layout: Layout) -> None:
    # The charts' versions are the collection's, which cannot be imported yet while the tools are made.
    from sandbox import charts

    charts.build(layout.charts)


def _start_new(layout: Layout, tools: Path | None, begun: float, say: Say) -> None:
    """Start a new sandbox with an empty account and an empty control plane."""
    if _stop(layout, patience=0):
        say("ended what an earlier sandbox of this folder had left running")
    _forget(layout)
    with ports.claim(kubernetes=tools is not None) as block:
        run = Run(block.server, tools is not None, str(tools or ""))
        say(f"starting on {ADDRESS}:{block.server}" + (", Kubernetes with it" if tools else ", without Kubernetes"))
        _write_connection(layout, run)
        _build_charts(layout)
        run.write(layout)
        try:
            server = _start_server(layout, run)
            if tools:
                with ThreadPoolExecutor(1) as beside:
                    made = beside.submit(database.create, layout, block)
                    control_plane.create(layout, block, tools)
                    made.result()
                _write_connection(layout, run)
            _wait(layout, run, server)
        except BaseException:
            # A half-made sandbox would be repaired for ever; the next start is from nothing again.
            _stop(layout, patience=0)
            layout.run.unlink(missing_ok=True)
            raise
    run = replace(run, ready_seconds=round(time.monotonic() - begun, 1))
    run.write(layout)
    say(f"ready after {run.ready_seconds} s: AWS API at {_endpoint(block)}, AWS profile {AWS_PROFILE}")


def _start_again(layout: Layout, run: Run, begun: float, say: Say) -> None:
    """Start the parts that do not run of a sandbox that was started before, on the state that it has."""
    _run, parts = status(layout)
    if all(part.state == "healthy" for part in parts):
        say(f"already up: AWS API at {_endpoint(run.ports)}; nothing to do")
        return
    dead = [part for part in parts if part.pid is None]
    for part in dead:
        if not ports.is_free(part.port):
            raise SandboxError(
                f"Port {part.port} on {ADDRESS} is the sandbox's {part.name}'s, which does not run, and another program"
                " has taken it; end that program, or give the sandbox up with `python -m sandbox down`."
            )
    _write_connection(layout, run)
    _build_charts(layout)
    server = _start_server(layout, run) if any(part.name == SERVER for part in dead) else None
    if run.kubernetes:
        control_plane.repair(layout, run.ports, Path(run.tools))
        database.repair(layout, run.ports)
    _wait(layout, run, server)
    names = ", ".join(part.name for part in dead) or "nothing, but waited for it to answer"
    say(f"started again: {names}; ready after {time.monotonic() - begun:.1f} s at {_endpoint(run.ports)}")


def _check_same(layout: Layout, run: Run, kubernetes: bool) -> None:
    """Fail where the sandbox that is there is not the one that is asked for."""
    how = f"run `python -m sandbox down` first, which forgets the account of the sandbox in {layout.home}."
    if run.kubernetes != kubernetes:
        there = "with" if run.kubernetes else "without"
        raise SandboxError(f"This sandbox was started {there} Kubernetes; to change that, {how}")
    fixed = ports.fixed_base()
    if fixed is not None and fixed != run.base_port:
        raise SandboxError(f"This sandbox has port {run.base_port}, and {ports.SETTING} asks for {fixed}; {how}")


def _start_server(layout: Layout, run: Run) -> subprocess.Popen[bytes]:
    command = [sys.executable, *_server_arguments(layout), "--port", str(run.ports.server)]
    if not run.kubernetes:
        command.append("--no-kubernetes")
    started = processes.start(command, _server_log(layout), PROJECT, os.environ)
    write_private(layout.pids / f"{SERVER}.json", {"pid": started.pid, "command": command})
    return started


def _wait(layout: Layout, run: Run, server: subprocess.Popen[bytes] | None) -> None:
    """Wait until every part is healthy."""
    deadline = time.monotonic() + SERVER_SECONDS
    while not answers(_health_url(run.ports)):
        if server and server.poll() is not None:
            raise SandboxError(f"The AWS API has ended by itself{last_words(_server_log(layout))}")
        if time.monotonic() > deadline:
            raise SandboxError(
                f"The AWS API does not answer after {SERVER_SECONDS:.0f} s{last_words(_server_log(layout))}"
            )
        time.sleep(0.1)
    if run.kubernetes:
        control_plane.wait_until_healthy(layout, run.ports)


def _stop(layout: Layout, patience: float) -> int:
    """End every process of the sandbox; return how many there were. The server first: it can start others.

    C(patience) is how long, in seconds, a component of the control plane may take to end by itself.
    """
    count = len(_all_processes(layout))
    left = processes.stop(_server_processes(layout)) + control_plane.stop(layout, patience)
    left += database.stop(layout, keep=patience > 0)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise SandboxError(f"These processes do not end, not even by SIGKILL: {pids}; look at what they wait for.")
    return count


def _all_processes(layout: Layout) -> list[Process]:
    components = [process for found in control_plane.running(layout).values() for process in found]
    return _server_processes(layout) + components + database.running(layout)


def _server_processes(layout: Layout) -> list[Process]:
    expected = _server_arguments(layout)
    return processes.find(lambda arguments: list(arguments[1 : 1 + len(expected)]) == expected)


def _server_arguments(layout: Layout) -> list[str]:
    return ["-m", "sandbox.server", "--home", str(layout.home)]


def _server_log(layout: Layout) -> Path:
    return layout.logs / f"{SERVER}.log"


def _forget(layout: Layout) -> None:
    """Remove the account, the control plane, the database and how to reach them. The access key and the logs stay."""
    for folder in (layout.account, layout.control_plane, layout.database, layout.pids, layout.aws_config.parent):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (layout.connection, layout.kubeconfig, layout.run):
        file.unlink(missing_ok=True)


def _write_connection(layout: Layout, run: Run) -> None:
    """Write how users, and the server itself, reach this sandbox."""
    key = AccessKey.read_or_make(layout.access_key)
    endpoint = _endpoint(run.ports)
    connection = {
        "endpoint_url": endpoint,
        "charts": str(layout.charts),
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "account_id": AWS_ACCOUNT_ID,
        "kubernetes": {
            "server": f"https://{ADDRESS}:{run.ports.kube_apiserver}",
            "ca_file": str(layout.ca_certificate),
            "admin_kubeconfig": str(layout.admin_kubeconfig),
        }
        if run.kubernetes
        else None,
        "database": database.connection(layout, run.ports) if run.kubernetes else None,
    }
    write_private(layout.connection, connection)
    profile = f"[profile {AWS_PROFILE}]\nregion = {AWS_REGION}\nendpoint_url = {endpoint}\noutput = json\n"
    write_private(layout.aws_config, profile)
    credentials = (
        f"[{AWS_PROFILE}]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
    )
    write_private(layout.aws_credentials, credentials)


def _endpoint(block: Ports) -> str:
    return f"http://{ADDRESS}:{block.server}"


def _health_url(block: Ports) -> str:
    return f"{_endpoint(block)}/_sandbox/health"
