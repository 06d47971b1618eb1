# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real Kubernetes control plane: kwokctl makes it, and its processes are started again as kwokctl started them.

kwokctl's own start and stop are not used after that: they trust pid files, and so take a stranger with a recycled pid
for a component, and kill it.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import processes, toolchain
from sandbox.errors import SandboxError
from sandbox.layout import CONTROL_PLANE_NAME, Layout
from sandbox.ports import ADDRESS, Ports
from sandbox.processes import Process, last_words
from sandbox.state import Run, locked, read_json, write_private

#: Seconds that kwokctl may take until the new API server answers; about 2 s on two idle cores.
CREATE_SECONDS = 60.0
#: Seconds until every component of a started control plane must be healthy; about 3 s on two idle cores.
HEALTHY_SECONDS = 60.0
#: Seconds for one health check.
ANSWER_SECONDS = 2.0
#: Seconds that a component has to end by itself where its state is kept. The API server would wait a minute for its
#: watchers to leave.
PATIENCE = 3.0
#: The port of every pod that a port-forward connects with the sandbox's database.
POSTGRESQL_PORT = 5432


@dataclass(frozen=True)
class Component:
    """A process of the control plane, and how it is asked whether it is healthy."""

    name: str
    port: Callable[[Ports], int]
    scheme: str
    health: str


COMPONENTS = (
    Component("etcd", lambda ports: ports.etcd, "http", "/health"),
    Component("kube-apiserver", lambda ports: ports.kube_apiserver, "https", "/readyz"),
    Component("kube-controller-manager", lambda ports: ports.kube_controller_manager, "https", "/healthz"),
    Component("kube-scheduler", lambda ports: ports.kube_scheduler, "https", "/healthz"),
    Component("kwok-controller", lambda ports: ports.kwok_controller, "http", "/healthz"),
)


def recreate(layout: Layout) -> None:
    """Replace the control plane by a new, empty one under the same address, with a new CA. Takes about 4 s.

    Raises:
        SandboxError: the sandbox has no control plane, or the new one does not become healthy.
    """
    with locked(layout):
        run = Run.read(layout)
        if run is None or not run.kubernetes:
            raise SandboxError(f"The sandbox in {layout.home} has no control plane to make anew.")
        stop(layout, patience=0)
        create(layout, run.ports, Path(run.tools))
        wait_until_healthy(layout, run.ports)


def create(layout: Layout, ports: Ports, tools: Path) -> None:
    """Make a new, empty control plane and start it. It becomes healthy a little later."""
    for component in COMPONENTS:
        _record_file(layout, component.name).unlink(missing_ok=True)
    shutil.rmtree(layout.control_plane, ignore_errors=True)
    write_private(layout.token_webhook, token_webhook(ports))
    configuration = layout.control_plane / "kwokctl.yaml"
    documents = [kwokctl_configuration(layout, ports, tools), port_forward(ports)]
    write_private(configuration, "---\n".join(json.dumps(document, indent=2) + "\n" for document in documents))
    command = [str(tools / "kwokctl"), "create", "cluster", "--name", CONTROL_PLANE_NAME]
    command += ["--config", str(configuration), "--kubeconfig", str(layout.control_plane / "kubeconfig.yaml")]
    # With node leases, the successor of a killed kwok would wait minutes for those of the killed one to run out.
    command += ["--node-lease-duration-seconds", "0"]
    log = layout.logs / "kwokctl.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            subprocess.run(
                command,
                env=_environment(layout, tools),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=CREATE_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxError(f"kwokctl could not make the control plane ({error}); its log is {log}.") from error
    made = running(layout)
    if all(made.values()):
        for name, found in made.items():
            write_private(_record_file(layout, name), {"pid": found[-1].pid, "command": list(found[-1].arguments)})


def repair(layout: Layout, ports: Ports, tools: Path) -> None:
    """Start the components that do not run, with the command lines that kwokctl gave them.

    A control plane that was never made to its end is made anew: it holds nothing.

    Raises:
        SandboxError: what a component needs to start is gone.
    """
    if not any(_record_file(layout, component.name).exists() for component in COMPONENTS):
        stop(layout, patience=0)
        create(layout, ports, tools)
        return
    found = running(layout)
    dead = [component.name for component in COMPONENTS if not found[component.name]]
    commands = {name: _recorded_command(layout, name) for name in dead}
    missing = [name for name, command in commands.items() if not command or not Path(command[0]).exists()]
    if missing or not layout.admin_kubeconfig.exists() or not layout.ca_certificate.exists():
        raise SandboxError(
            f"The control plane in {layout.control_plane} is damaged and cannot be started again"
            f" ({', '.join(missing) or 'its certificates are gone'}); `python -m sandbox down` and then"
            " `python -m sandbox up` give a new, empty sandbox."
        )
    for name, command in commands.items():
        log = layout.cluster / "logs" / f"{name}.log"
        started = processes.start(command, log, layout.cluster, _environment(layout, tools))
        write_private(_record_file(layout, name), {"pid": started.pid, "command": command})


def running(layout: Layout) -> dict[str, list[Process]]:
    """The processes of each component."""
    paths = {str(layout.cluster / "bin" / component.name): component.name for component in COMPONENTS}
    found: dict[str, list[Process]] = {component.name: [] for component in COMPONENTS}
    for process in processes.find(lambda arguments: arguments[0] in paths):
        found[paths[process.arguments[0]]].append(process)
    return found


def stop(layout: Layout, patience: float = PATIENCE) -> list[Process]:
    """End every process of the control plane. Return those that could not be ended.

    C(patience) is how long, in seconds, a component may take to end by itself; what it has is lost with 0.
    """
    mark = str(layout.control_plane / "kwokctl.yaml")
    # A kwokctl that is still at work would start the components again.
    left = processes.stop(processes.find(lambda arguments: mark in arguments), patience)
    return left + processes.stop([p for found in running(layout).values() for p in found], patience)


def _record_file(layout: Layout, name: str) -> Path:
    return layout.pids / f"{name}.json"


def _recorded_command(layout: Layout, name: str) -> list[str]:
    """The command line that starts this component again; empty where it is not known."""
    recorded = read_json(_record_file(layout, name)) or {}
    return [str(argument) for argument in recorded.get("command", [])]


def is_healthy(layout: Layout, ports: Ports, component: Component) -> bool:
    """Whether the component answers its health check."""
    url = f"{component.scheme}://{ADDRESS}:{component.port(ports)}{component.health}"
    try:
        return answers(url, _tls(layout) if component.scheme == "https" else None)
    except OSError:
        return False  # the certificates are gone


def wait_until_healthy(layout: Layout, ports: Ports) -> None:
    """Wait until every component is healthy, or fail with the name and the last words of one that is not."""
    deadline = time.monotonic() + HEALTHY_SECONDS
    waiting = list(COMPONENTS)
    while waiting := [component for component in waiting if not is_healthy(layout, ports, component)]:
        name = waiting[0].name
        log = layout.cluster / "logs" / f"{name}.log"
        if time.monotonic() > deadline:
            raise SandboxError(f"{name} is not healthy after {HEALTHY_SECONDS:.0f} s{last_words(log)}")
        if not running(layout)[name]:
            raise SandboxError(f"{name} has ended by itself{last_words(log)}")
        time.sleep(0.1)


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a server answers this address with 200."""
    address = urllib.parse.urlsplit(url)
    connection = (
        http.client.HTTPSConnection(address.netloc, timeout=ANSWER_SECONDS, context=context)
        if address.scheme == "https"
        else http.client.HTTPConnection(address.netloc, timeout=ANSWER_SECONDS)
    )
    try:
        connection.request("GET", address.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def token_webhook(ports: Ports) -> dict[str, Any]:
    """How the API server asks the sandbox whom a bearer token belongs to."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "sandbox", "cluster": {"server": f"http://{ADDRESS}:{ports.server}/_sandbox/authenticate"}}
        ],
        "users": [{"name": "kube-apiserver"}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "kube-apiserver"}}],
        "current-context": "sandbox",
    }


def kwokctl_configuration(layout: Layout, ports: Ports, tools: Path) -> dict[str, Any]:
    """What kwokctl makes the control plane from."""
    extra_arguments = {
        # Nothing of a sandbox must outlive a power cut.
        "etcd": {"unsafe-no-fsync": "true"},
        "kube-apiserver": {
            "anonymous-auth": "false",
            # Machines without a network have no other address to advertise, and nothing in a sandbox needs one.
            "advertise-address": ADDRESS,
            "endpoint-reconciler-type": "none",
            "authentication-token-webhook-config-file": str(layout.token_webhook),
            "authentication-token-webhook-version": "v1",
            # A simulated node's other addresses lead nowhere: kwok plays every kubelet on this machine.
            "kubelet-preferred-address-types": "ExternalDNS,Hostname,InternalIP",
            # An access entry that comes or goes counts from the next request on.
            "authentication-token-webhook-cache-ttl": "0s",
        },
        # There is no other candidate, and a killed one's successor would wait for its lease.
        "kube-controller-manager": {"leader-elect": "false"},
        "kube-scheduler": {"leader-elect": "false"},
    }
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            "bindAddress": ADDRESS,
            "kubeVersion": toolchain.versions()["kube-apiserver"],
            "kubeApiserverPort": ports.kube_apiserver,
            "etcdPort": ports.etcd,
            "etcdPeerPort": ports.etcd_peer,
            "kubeControllerManagerPort": ports.kube_controller_manager,
            "kubeSchedulerPort": ports.kube_scheduler,
            "kwokControllerPort": ports.kwok_controller,
            # Where the simulated log of a pod is, an object of kwok's own says, which the node bridge makes.
            "enableCRDs": ["Logs"],
            "etcdBinary": str(tools / "etcd"),
            "kubeApiserverBinary": str(tools / "kube-apiserver"),
            "kubeControllerManagerBinary": str(tools / "kube-controller-manager"),
            "kubeSchedulerBinary": str(tools / "kube-scheduler"),
            "kwokControllerBinary": str(tools / "kwok"),
            "kubectlBinary": str(tools / "kubectl"),
        },
        "componentsPatches": [
            {"name": name, "extraArgs": [{"key": key, "value": value} for key, value in arguments.items()]}
            for name, arguments in extra_arguments.items()
        ],
    }


def port_forward(ports: Ports) -> dict[str, Any]:
    """How kwok answers a port-forward to any simulated pod: on PostgreSQL's port with the sandbox's database.

    It is part of kwok's own configuration, so that nobody in the cluster can see it, change it or prune it.
    """
    target = {"address": ADDRESS, "port": ports.postgresql}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterPortForward",
        "metadata": {"name": "postgresql"},
        "spec": {"forwards": [{"ports": [POSTGRESQL_PORT], "target": target}]},
    }


def _environment(layout: Layout, tools: Path) -> dict[str, str]:
    """An environment in which kwokctl and the components write into the state folder only, and find our tools only."""
    return {
        "HOME": str(layout.control_plane),
        "KWOK_WORKDIR": str(layout.control_plane),
        "PATH": f"{tools}{os.pathsep}{os.defpath}",
        "TMPDIR": str(layout.control_plane),
    }


def _tls(layout: Layout) -> ssl.SSLContext:
    """The admin's client certificate, for servers on loopback whose own certificates kwokctl has not all signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(layout.cluster / "pki" / "admin.crt", layout.cluster / "pki" / "admin.key")
    return context
