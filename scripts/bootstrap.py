# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a checkout ready to run: the virtual environment, the collection's link, and a folder with the commands.

What is made lies in the user's cache ($XDG_CACHE_HOME/entasis-engine), keyed by what it was made from, so that another
clone on the same machine starts in seconds. The checkout itself gets only git-ignored links. Runs on the standard
library of Python 3.11 or newer.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

from sandbox import making
from sandbox.errors import SandboxError

PROJECT = Path(__file__).resolve().parent.parent
#: The second reads the first.
REQUIREMENTS = (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt")
#: A virtual environment of the pinned packages measured 1.1 GiB, and pip unpacks beside it.
NEEDED_BYTES = 3 * 1024**3
#: An environment of 1.1 GiB that no checkout has used for so long is removed when a new one is made.
KEPT_SECONDS = 30 * 24 * 3600


def say(text: str) -> None:
    print(f"[setup] {text}", flush=True)


def fail(text: str) -> NoReturn:
    sys.exit(f"[setup] {text}")


def check_machine() -> None:
    """Fail with one sentence for whatever is missing, before anything is made."""
    if sys.version_info < (3, 11):
        fail(f"Python 3.11 or newer is needed, this is {platform.python_version()}; run make with PYTHON=python3.11.")
    if sys.platform != "linux":
        fail("the set-up supports Linux only; run it in a Debian or Ubuntu machine.")
    for module in ("venv", "ensurepip"):
        probe = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False)
        if probe.returncode:
            fail(f"Python's module {module} is missing; install the package python3-venv.")
    if not shutil.which("git"):
        fail("git is missing; install the package git.")


def installed(folder: Path, log: str) -> str:
    """How far pip is: what it found so far, then how many packages are in place."""
    found = log.count("\nCollecting ")
    in_place = sum(1 for _package in folder.glob("lib/python*/site-packages/*.dist-info"))
    return f"{found} packages found, {in_place} in place"


def remove_unused(folder: Path) -> None:
    """Remove the environments of earlier requirements that nothing has used for a long time."""
    for ready in folder.glob("*/.ready"):
        if time.time() - ready.stat().st_mtime > KEPT_SECONDS:
            say(f"removing {ready.parent}, which nothing has used for {KEPT_SECONDS // 86400} days")
            # First the mark: what is removed by half is never taken for an environment.
            ready.unlink()
            shutil.rmtree(ready.parent)


def virtual_environment() -> Path:
    """The virtual environment of requirements-dev.txt, made if it is not in the cache yet."""
    made_from = f"{platform.python_version()} {platform.machine()} {Path(sys.executable).resolve()}\n"
    key = hashlib.sha256(made_from.encode() + b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()[:16]
    folder = making.cache_folder() / "venv" / key
    ready = folder / ".ready"
    if ready.exists():
        ready.touch()
        return folder
    with making.alone(folder.parent / f"{key}.lock", "the Python environment", say):
        if ready.exists():
            return folder
        remove_unused(folder.parent)
        making.check_disk(folder.parent, NEEDED_BYTES, "Installing the Python packages")
        say(f"making the Python environment in {folder} (about two minutes)")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "--progress-bar=off", "-r", str(REQUIREMENTS[-1])]
        log = folder.parent / f"{key}.log"
        making.run("installing Python packages", install, log, partial(installed, folder), say)
        ready.touch()
    return folder


def link(path: Path, target: Path | str) -> None:
    """Make a symbolic link, replacing an older one, and never anything else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        if os.readlink(path) == str(target):
            return
        path.unlink()
    elif path.exists():
        fail(f"{path} is in the way and is not a link; move it away.")
    path.symlink_to(target)


def link_commands(folders: list[Path]) -> None:
    """Fill .cache/bin with the commands of the environment and of the tools: one folder to put on PATH."""
    commands = PROJECT / ".cache" / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    for old in commands.iterdir():
        old.unlink()
    for folder in folders:
        for command in sorted(folder.iterdir()):
            if command.name.startswith("python"):
                # Python finds its environment by the path it is called by, so a link would not do.
                (commands / command.name).write_text(f'#!/bin/sh\nexec "{command}" "$@"\n')
                (commands / command.name).chmod(0o755)
            elif os.access(command, os.X_OK) and not command.name.startswith(("activate", "Activate")):
                link(commands / command.name, command)


def prepare_tools(python: Path) -> Path:
    """The folder of the sandbox's tools; the sandbox finds, downloads or builds them and says so itself."""
    command = [str(python), "-m", "sandbox", "tools"]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return Path(done.stdout.strip().splitlines()[-1])


def main() -> None:
    check_machine()
    try:
        environment = virtual_environment()
    except SandboxError as error:
        fail(str(error))
    link(PROJECT / ".venv", environment)
    link(PROJECT / ".cache" / "collections" / "ansible_collections" / "entasis" / "engine", "../../../..")
    tools = prepare_tools(environment / "bin" / "python")
    link_commands([environment / "bin", tools])
    say("ready; for your own commands: export PATH=$PWD/.cache/bin:$PATH")


if __name__ == "__main__":
    main()
