# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools that the sandbox runs: which, in which version, and where they are found.

A tool is taken from PATH where it is there in exactly the pinned version, else from its official download where that is
known and reachable, else it is built from the Go modules that sandbox/tools pins. What is made lies in the user's
cache, keyed by what it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox import downloads, go_build, making
from sandbox.errors import SandboxError

#: go.mod and go.sum: the one place that pins the tools' versions.
MODULES = Path(__file__).resolve().parent / "tools"


@dataclass(frozen=True)
class Tool:
    """A tool: its main package, the module whose version is the tool's, and how it says its version."""

    name: str
    package: str
    module: str
    version_arguments: tuple[str, ...] = ("--version",)


TOOLS = (
    Tool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes"),
    Tool("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", "k8s.io/kubernetes"),
    Tool("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", "k8s.io/kubernetes"),
    Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes", ("version", "--client")),
    Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok"),
    Tool("kwokctl", "sigs.k8s.io/kwok/cmd/kwokctl", "sigs.k8s.io/kwok"),
    Tool("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    Tool("helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", ("version", "--short")),
)
#: go build names a binary after its package's folder; etcd's main package is in a folder of another name.
BUILT_AS = {"etcd": "server"}


def prepare() -> Path:
    """The folder that holds every tool, made first where it is not in the cache. What it does, it says on stderr.

    Raises:
        SandboxError: this machine is not supported, or a tool can be had in no way.
    """
    if sys.platform != "linux":
        raise SandboxError("The sandbox runs on Linux only; use a Debian or Ubuntu machine.")
    cache = making.cache_folder()
    folder = cache / "tools" / key()
    if not (folder / "bin").exists():
        with making.alone(cache / "tools" / f"{folder.name}.lock", "the tools", _say):
            if not (folder / "bin").exists():
                _make(folder, cache)
    origins = folder / "origins"
    if origins.exists():  # a folder of an earlier release has none
        _say(origins.read_text(encoding="utf-8"))
    return folder / "bin"


def key() -> str:
    """A name for what the tools are made from: the pinned modules, the flags, the platform."""
    parts = [(MODULES / name).read_bytes() for name in ("go.mod", "go.sum")]
    parts.append(repr((flags(), machine(), BUILT_AS)).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def machine() -> str:
    """The platform as releases name it, linux-amd64 for example."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return f"linux-{names.get(platform.machine(), platform.machine())}"


@functools.cache
def versions() -> dict[str, str]:
    """Each tool's pinned version, without a leading v, from go.mod."""
    text = (MODULES / "go.mod").read_text(encoding="utf-8")
    modules = dict(re.findall(r"^\s+(\S+) v(\S+)", text, re.MULTILINE))
    return {tool.name: modules[tool.module] for tool in TOOLS}


def flags() -> list[str]:
    """The flags of the build: small, reproducible, and with the versions that release builds report."""
    kubernetes = versions()["kube-apiserver"]
    major, minor, _patch = kubernetes.split(".")
    stamps = {
        "k8s.io/component-base/version.gitVersion": f"v{kubernetes}",
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "helm.sh/helm/v3/internal/version.version": f"v{versions()['helm']}",
    }
    return ["-trimpath", "-ldflags=-s -w " + " ".join(f"-X {name}={value}" for name, value in stamps.items())]


def has_version(path: Path, tool: Tool) -> bool:
    """Whether this executable says that it is the tool in exactly the pinned version."""
    try:
        done = subprocess.run([path, *tool.version_arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(re.search(rf"(?<![\d.])v?{re.escape(versions()[tool.name])}(?![\d.])", done.stdout))


def _make(folder: Path, cache: Path) -> None:
    """Make the folder beside its place, and move it there when it is whole."""
    for left_over in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as unfinished:
        bin_folder = Path(unfinished) / "tools" / "bin"
        bin_folder.mkdir(parents=True)
        not_on_path = [tool for tool in TOOLS if not _copy_from_path(tool, bin_folder)]
        missing = _download(not_on_path, bin_folder)
        if missing:
            packages = {tool.name: tool.package for tool in missing}
            go_build.build(MODULES, packages, flags(), cache, bin_folder, _say)
            for name, built_as in BUILT_AS.items():
                if (bin_folder / built_as).exists():
                    (bin_folder / built_as).rename(bin_folder / name)
        wrong = [tool.name for tool in TOOLS if not has_version(bin_folder / tool.name, tool)]
        if wrong:
            raise SandboxError(f"These tools do not run, or not in their pinned version: {', '.join(wrong)}.")
        origins = _origins(not_on_path, missing)
        (bin_folder.parent / "origins").write_text(origins, encoding="utf-8")
        bin_folder.parent.rename(folder)


def _origins(not_on_path: list[Tool], missing: list[Tool]) -> str:
    """Which way each tool came, in one line."""
    ways = {
        "from PATH": [tool for tool in TOOLS if tool not in not_on_path],
        "downloaded": [tool for tool in not_on_path if tool not in missing],
        "built": missing,
    }
    return "; ".join(
        f"{way}: {', '.join(f'{tool.name} {versions()[tool.name]}' for tool in tools)}"
        for way, tools in ways.items()
        if tools
    )


def _copy_from_path(tool: Tool, bin_folder: Path) -> bool:
    """Copy a tool of the right version from PATH, so that the cache stays whole when PATH changes."""
    found = shutil.which(tool.name)
    if not found or not has_version(Path(found), tool):
        return False
    copy = bin_folder / tool.name
    shutil.copy(found, copy)
    # Some wrappers on PATH only work under their own path.
    if not has_version(copy, tool):
        copy.unlink()
        return False
    _say(f"{tool.name} {versions()[tool.name]}: from {found}")
    return True


def _download(tools: list[Tool], bin_folder: Path) -> list[Tool]:
    """Download the tools that have a pinned download; return the others."""
    missing, silent_hosts = [], set()
    for tool in tools:
        download = downloads.find(tool.name, versions()[tool.name], machine())
        if download is None or downloads.host(download) in silent_hosts:
            missing.append(tool)
            continue
        try:
            downloads.fetch(download, bin_folder / tool.name, _say)
        except downloads.DownloadError as error:
            _say(f"{error}; the tool is built instead")
            silent_hosts.add(downloads.host(download))
            missing.append(tool)
        else:
            _say(f"{tool.name} {download.version}: from {download.url}")
    return missing


def _say(text: str) -> None:
    print(f"[tools] {text}", file=sys.stderr, flush=True)
