# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One PostgreSQL server on loopback: made in a folder of its own, started, asked, and ended by pid."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from sandbox import processes
from sandbox.database import installation
from sandbox.database.installation import Installation
from sandbox.errors import SandboxError
from sandbox.ports import ADDRESS
from sandbox.processes import Process, last_words
from sandbox.state import write_private

SUPERUSER = "postgres"
#: Seconds that initdb may take; about half of one on two idle cores.
CREATE_SECONDS = 120.0
#: Seconds until a started server must answer; a fifth of one on two idle cores.
READY_SECONDS = 60.0
#: Seconds for one question whether the server is ready.
ANSWER_SECONDS = 2
#: Seconds that the server may take for an orderly end.
PATIENCE = 10.0
#: shmctl(2)'s "remove".
IPC_RMID = 0

#: What every server has: small, quick, safe when it is killed, and without a promise for the time after a power cut.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": ADDRESS,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    # Kept in the data folder, so that a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    # A table of TimescaleDB takes a lock for each of its chunks.
    "max_locks_per_transaction": "256",
    # TimescaleDB: its launcher, and in each database a scheduler and the jobs that run at once.
    "max_worker_processes": "64",
}
TIMESCALEDB_SETTINGS: Mapping[str, str] = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.max_background_workers": "48",
    "timescaledb.telemetry_level": "off",
}


@dataclass(frozen=True)
class Postgresql:
    """A server and the folder that holds all of it: C(data) is the server's own, C(log) is what it says."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgresql.log"

    @property
    def name(self) -> str:
        """What stands in the title of each of its processes, by which they are found."""
        return "entasis-" + hashlib.sha256(str(self.data).encode()).hexdigest()[:12]

    def create(self, password: str, settings: Mapping[str, str] | None = None) -> Installation:
        """Make the data folder anew, with one superuser who needs this password. C(settings) go over our own.

        Raises:
            SandboxError: there is no PostgreSQL that can be run here, or it cannot make its data folder.
        """
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        found = installation.find(self.data)
        # Not inside the data folder, which initdb wants empty.
        password_file = self.folder / "password"
        write_private(password_file, password)
        try:
            found.account.give(self.data, password_file)
            self._initialise(found, password_file)
        except OSError as error:
            raise SandboxError(f"PostgreSQL cannot have {self.data} for its data: {error.strerror}.") from error
        finally:
            password_file.unlink(missing_ok=True)
        preloaded = TIMESCALEDB_SETTINGS if found.timescaledb else {}
        self.configure({**SETTINGS, **preloaded, "cluster_name": self.name, **(settings or {})})
        return found

    def _initialise(self, found: Installation, password_file: Path) -> None:
        arguments = ["-D", str(self.data), "--username", SUPERUSER, "--pwfile", str(password_file)]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        try:
            subprocess.run(
                found.command("initdb", *arguments),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=CREATE_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise SandboxError(f"initdb could not make {self.data}: {error.stdout.strip()}") from error
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"initdb could not make {self.data} in {CREATE_SECONDS:.0f} s.") from error

    def configure(self, settings: Mapping[str, str]) -> None:
        """Add settings to the server's own file, where a later line wins."""
        quoted = {name: value.replace("'", "''") for name, value in settings.items()}
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in quoted.items())

    def command(self, found: Installation) -> list[str]:
        """The command line that starts the server."""
        return found.command("postgres", "-D", str(self.data), "-p", str(self.port))

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start the server. It becomes ready a little later."""
        return processes.start(command, self.log, self.folder, os.environ | {"LC_ALL": "C"})

    def running(self) -> list[Process]:
        """The postmaster, where it runs."""
        mark = ["-D", str(self.data)]
        found = processes.find(lambda arguments: Path(arguments[0]).name == "postgres" and list(arguments[1:3]) == mark)
        # The others are children that have not written their titles yet.
        return found[:1]

    def _making(self) -> list[Process]:
        """An initdb that outlived the command that began it."""
        return processes.find(
            lambda arguments: str(self.data) in arguments and "initdb" in {Path(word).name for word in arguments}
        )

    def children(self) -> list[Process]:
        """The postmaster's children, which may outlive it for a while: they write their titles over their arguments."""
        title = re.compile(rf"postgres: {self.name}: ")
        return processes.find(lambda arguments: bool(title.match(arguments[0])))

    def dsn(self, password: str, database: str = "postgres") -> str:
        """The connection string of the superuser."""
        return make_conninfo(host=ADDRESS, port=self.port, user=SUPERUSER, password=password, dbname=database)

    def is_ready(self, password: str) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(self.dsn(password), connect_timeout=ANSWER_SECONDS) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def wait_until_ready(self, password: str, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until the server answers a query. C(process) is the one that was just started.

        Raises:
            SandboxError: it has ended by itself, or does not answer in time.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready(password):
            if process and process.poll() is not None:
                raise SandboxError(f"PostgreSQL has ended by itself{last_words(self.log)}")
            if time.monotonic() > deadline:
                raise SandboxError(f"PostgreSQL is not ready after {READY_SECONDS:.0f} s{last_words(self.log)}")
            time.sleep(0.05)

    def stop(self, keep: bool) -> list[Process]:
        """End the server and what a killed one has left; return the processes that could not be ended.

        C(keep) lets it write its data to disk first.
        """
        # An initdb that is still at work would lose its folder, and leave its shared memory.
        left = processes.stop(self._making())
        # SIGTERM, the usual one, would wait for every client to leave.
        how = signal.SIGINT if keep else signal.SIGQUIT
        left += processes.stop(self.running(), PATIENCE, first=how)
        left += processes.stop(self.children(), 1.0, first=signal.SIGQUIT)
        if not left:
            self._forget_killed()
        return left

    def _forget_killed(self) -> None:
        """Remove what an ended server has left where it was killed: its pid file, and its mark in shared memory.

        The next start would do the same, but it takes a stranger who got the pid for the server, and gives up.
        """
        file = self.data / "postmaster.pid"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            key, segment = (int(number) for number in lines[6].split())
            table = Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines()
        except (OSError, IndexError, ValueError):
            return
        file.unlink()
        # The columns: key, id, mode, size, the creator's pid, the last user's pid, how many have it attached.
        rows = (row.split() for row in table[1:])
        if any((int(row[0]), int(row[1]), row[4], row[6]) == (key, segment, lines[0], "0") for row in rows):
            ctypes.CDLL(None).shmctl(segment, IPC_RMID, None)
