# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Kubernetes control plane for tests, with simulated nodes, and the modules that run against it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.connection import KubeconfigConnection

from sandbox import toolchain
from tests.support.modules import Answer, Process, start

PROJECT = Path(__file__).resolve().parents[2]
NAME = "tests"
KUBERNETES_VERSION = f"v{toolchain.versions()['kube-apiserver']}"
#: The longest that a start may take; it takes four seconds on an idle machine.
START_LIMIT = 120
#: The longest that a module may run (seconds); a hang fails instead of hanging.
RUN_LIMIT = 120.0

_COMPONENTS = {
    "etcd": "etcd",
    "kube-apiserver": "kube-apiserver",
    "kube-controller-manager": "kube-controller-manager",
    "kube-scheduler": "kube-scheduler",
    "kwok": "kwok-controller",
}


def tool(name: str) -> str:
    """The path of a tool: of the checkout's own, as the sandbox puts them there, or on PATH."""
    path = os.pathsep.join([str(PROJECT / ".cache" / "bin"), os.environ["PATH"]])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"the tool {name} is neither in .cache/bin nor on PATH")
    return found


@dataclass(frozen=True)
class Outcome(Answer):
    """What a module of Kubernetes answered, and everything that it wrote."""

    output: str

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        return [(change["action"], change["kind"], change["name"]) for change in self.result["changes"]]

    @property
    def warnings(self) -> str:
        return "\n".join(str(warning) for warning in self.result.get("warnings", ()))


def connect(kubeconfig: Path) -> Client:
    """The collection's own client, for tests of what only its modules use."""
    return Client(lambda: KubeconfigConnection(str(kubeconfig), None))


class ControlPlane:
    """One control plane with its own folder and ports, made by kwokctl.

    C(kwok_kinds) are kinds of kwok's own, such as ClusterPortForward, that it follows objects of. C(without) are
    components that do not run, such as kube-scheduler.
    """

    def __init__(self, home: Path, *, kwok_kinds: Sequence[str] = (), without: Sequence[str] = ()) -> None:
        self.home = home
        self._without = without
        self._kwok_kinds = kwok_kinds
        self.kubeconfig = home / "kubeconfig"
        self.environment = {**os.environ, "KWOK_WORKDIR": str(home), "KWOK_KUBE_VERSION": KUBERNETES_VERSION}
        for variable in ("KUBECONFIG", "K8S_AUTH_KUBECONFIG", "K8S_AUTH_CONTEXT"):
            self.environment.pop(variable, None)

    def __enter__(self) -> ControlPlane:
        binaries = []
        for name, component in _COMPONENTS.items():
            binaries += [f"--{component}-binary", tool(name)]
        # Two of them that start in the same moment choose the same free ports.
        with (Path(tempfile.gettempdir()) / f"entasis-control-plane-{os.getuid()}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._kwokctl(
                "create",
                "cluster",
                "--runtime",
                "binary",
                *binaries,
                "--kubeconfig",
                str(self.kubeconfig),
                "--wait",
                f"{START_LIMIT}s",
                *(f"--disable={component}" for component in self._without),
                *(f"--enable-crds={kind}" for kind in self._kwok_kinds),
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kwokctl("delete", "cluster", "--kubeconfig", str(self.kubeconfig))

    def _kwokctl(self, *arguments: str) -> None:
        finished = subprocess.run(
            [tool("kwokctl"), "--name", NAME, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_LIMIT + 30,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr

    def kubectl(self, *arguments: str, manifest: Any = None, check: bool = True) -> str:
        """What kubectl answers. The manifest goes to its standard input."""
        finished = subprocess.run(
            [tool("kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=None if manifest is None else json.dumps(manifest),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or finished.returncode == 0, finished.stderr
        return finished.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list, as kubectl shows it."""
        shown = self.kubectl("get", *arguments, "--output", "json", "--show-managed-fields")
        answer: dict[str, Any] = json.loads(shown)
        return answer

    def exists(self, *arguments: str) -> bool:
        return bool(self.kubectl("get", *arguments, "--ignore-not-found", "--output", "name").strip())

    def add_namespace(self, name: str) -> None:
        """A namespace that pods can be created in."""
        self.kubectl("create", "namespace", name)
        self.kubectl("wait", "serviceaccount/default", "--namespace", name, "--for=create", "--timeout=60s")

    def add_node(self, name: str, labels: Mapping[str, str] | None = None, **amounts: str) -> None:
        """A simulated node, kept Ready by kwok."""
        capacity = {"cpu": "16", "memory": "64Gi", "pods": "110", **amounts}
        self.kubectl(
            "create",
            "--filename",
            "-",
            manifest={
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                },
                "status": {"capacity": capacity, "allocatable": capacity},
            },
        )

    def start(self, module: str, *, check: bool = False, **options: Any) -> Process:
        """A module as a process of its own, as under Ansible."""
        path = os.pathsep.join([str(PROJECT / ".cache" / "bin"), self.environment["PATH"]])
        given = {"kubeconfig": str(self.kubeconfig), **options, "_ansible_check_mode": check, "_ansible_diff": True}
        return start(module, given, {**self.environment, "PATH": path})

    @contextlib.contextmanager
    def events(self, kind: str, namespace: str) -> Iterator[IO[str]]:
        """Lines of events, such as C(ADDED one), from now on, for at most a minute. One object must exist already."""
        arguments = ["get", kind, "--namespace", namespace, "--watch", "--output-watch-events", "--no-headers"]
        process = subprocess.Popen(
            [tool("kubectl"), "--kubeconfig", str(self.kubeconfig), "--request-timeout", "60s", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        assert process.stdout is not None
        try:
            existing = len(self.get(kind, "--namespace", namespace)["items"])
            for _line in range(existing):
                assert process.stdout.readline(), "the watch ended before it showed what is there"
            yield process.stdout
        finally:
            process.kill()
            process.communicate()

    def run(self, module: str, *, check: bool = False, **options: Any) -> Outcome:
        """The answer of a module."""
        return finish(self.start(module, check=check, **options))


def finish(process: Process) -> Outcome:
    """The answer of a module that was started."""
    output, errors = process.communicate(timeout=RUN_LIMIT)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    assert lines, errors
    return Outcome(json.loads(lines[-1]), output + errors)


def deployment(name: str, *, replicas: int | None = 1, image: str = "web:1", **metadata: Any) -> dict[str, Any]:
    """A Deployment as a user writes it."""
    labels = {"app": name}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": "1"}}}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **metadata}, "spec": spec}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config_map(name: str, namespace: str = "", **data: str) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def definition(group: str, name: str, **fields: Any) -> dict[str, Any]:
    """A CustomResourceDefinition whose objects' spec has these fields, each its type or its whole schema."""
    properties = {field: {"type": form} if isinstance(form, str) else form for field, form in fields.items()}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": name.capitalize(), "plural": f"{name}s", "singular": name},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def names(objects: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(one["metadata"]["name"]) for one in objects}
