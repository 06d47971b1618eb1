# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real PostgreSQL for tests, with TimescaleDB where it has it and the stand-in where not."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from sandbox.database import installation, postgresql
from sandbox.database.postgresql import Postgresql
from sandbox.database.timescaledb import Scheduler, install
from sandbox.database.timescaledb.installation import License
from sandbox.errors import SandboxError
from sandbox.ports import ADDRESS
from tests.support.aws_server import free_port


class Server:
    """One PostgreSQL server in a temporary folder, on a free port of loopback.

    C(license) is TimescaleDB's edition of the whole server. With C(stand_in) it leaves out an extension that it brings.
    """

    host = ADDRESS
    user = postgresql.SUPERUSER

    def __init__(self, license: License = "timescale", *, stand_in: bool = False) -> None:  # noqa: A002 - TimescaleDB's word
        self.license = license
        self.password = secrets.token_hex(12)
        #: The version of the TimescaleDB extension that the server brings; None where it brings none.
        self.extension: str | None = None
        self._stand_in = stand_in
        self._schedulers: dict[str, Scheduler] = {}
        self._folder = Path()
        self._server = Postgresql(self._folder, 0)
        self._command: list[str] = []

    def __enter__(self) -> Server:
        self._folder = Path(tempfile.mkdtemp(prefix="entasis-postgresql-"))
        self._server = Postgresql(self._folder, free_port())
        try:
            found = self._server.create(self.password, {"shared_preload_libraries": ""} if self._stand_in else None)
            self.extension = None if self._stand_in else found.timescaledb
            if self.extension and self.license != "timescale":
                self._server.configure({"timescaledb.license": self.license})
            self._command = self._server.command(found)
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for database in list(self._schedulers):
            self._schedulers.pop(database).stop()
        self.stop(keep=False)
        shutil.rmtree(self._folder)

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> None:
        """Start the server and wait until it answers."""
        process = self._server.start(self._command)
        self._server.wait_until_ready(self.password, process)

    def stop(self, keep: bool = True) -> None:
        """End the server; its databases stay for C(start) where they are to be kept."""
        left = self._server.stop(keep)
        assert not left, f"these processes of PostgreSQL do not end: {left}"

    def become_standby(self) -> None:
        """Start anew as a standby that waits for a primary: all of it can be read, and none of it written."""
        for scheduler in self._schedulers.values():
            scheduler.stop()
        self._schedulers.clear()
        self.stop()
        (self._server.data / "standby.signal").touch()
        self.start()

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's connection string, for either driver."""
        return self._server.dsn(self.password, database)

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection[Any]:
        """A connection of the superuser, in which each statement is a transaction of its own."""
        return psycopg.connect(self.dsn(database), autocommit=True, **options)

    def create_database(self, name: str) -> str:
        """Make an empty database; return its connection string."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        scheduler = self._schedulers.pop(name, None)
        if scheduler:
            scheduler.stop()
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def schedule(self, database: str) -> None:
        """Run the stand-in's scheduler on a database until it is dropped or the server ends."""
        self._schedulers[database] = Scheduler(lambda: self.dsn(database))
        self._schedulers[database].start()


def timescaledb(server: Server, database: str, *, scheduler: bool = True) -> str:
    """Install TimescaleDB in a database: "extension" where the server brings it, else "stand-in".

    The real one always runs what is due. The stand-in does so where C(scheduler) is true.
    """
    with server.connect(database) as connection:
        if server.extension:
            connection.execute("CREATE EXTENSION timescaledb")
            return "extension"
        install(connection, server.license)
    if scheduler:
        server.schedule(database)
    return "stand-in"


def extension() -> str | None:
    """The version of TimescaleDB that comes with the PostgreSQL of these tests; None where none does."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SandboxError):
        return installation.find(Path(folder)).timescaledb
    return None


def describe() -> str:
    """The line that says on which database these tests run."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = installation.find(Path(folder))
        except SandboxError as error:
            return f"database: none ({error})"
    kind = f"the real extension {found.timescaledb}" if found.timescaledb else "the SQL stand-in, not the extension"
    return f"database: PostgreSQL {found.version}; TimescaleDB: {kind}"
