# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One database after another with TimescaleDB in it: the stand-in always, the extension too where the server has it."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest

from sandbox.database import installation
from sandbox.database.timescaledb import Scheduler, install
from sandbox.errors import SandboxError
from tests.support.postgresql import STAND_IN_VERSION, Server
from tests.support.waiting import wait_until

Kind = Literal["stand-in", "extension"]
License = Literal["timescale", "apache"]

_numbers = itertools.count(1)


def kinds() -> list[Kind]:
    """What cases run on: the stand-in, and the extension where the selected server brings it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            has_extension = installation.find(Path(folder)).timescaledb is not None
        except SandboxError:
            has_extension = False
    return ["stand-in", "extension"] if has_extension else ["stand-in"]


#: For cases that plain SQL cannot decide.
extension_only = pytest.mark.skipif(
    "extension" not in kinds(), reason="only a server with TimescaleDB can tell, and ENTASIS_POSTGRESQL names none"
)


@dataclass
class Database:
    """A database and the superuser's session in it."""

    kind: Kind
    server: Server
    name: str
    session: psycopg.Connection[Any]
    notices: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)

    @property
    def version(self) -> tuple[int, ...]:
        text = self.value("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        return tuple(int(part) for part in text.split("."))

    def run(self, statement: str, *parameters: Any) -> None:
        self.session.execute(statement.encode(), parameters or None)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.session.execute(statement.encode(), parameters or None).fetchall()

    def value(self, statement: str, *parameters: Any) -> Any:
        """The one value of a query."""
        ((value,),) = self.rows(statement, *parameters)
        return value

    def values(self, statement: str, *parameters: Any) -> list[Any]:
        """The one column of a query."""
        return [row[0] for row in self.rows(statement, *parameters)]

    def error(self, statement: str, *parameters: Any) -> tuple[str | None, str | None]:
        """SQLSTATE and message of the error that a statement must raise."""
        with pytest.raises(psycopg.Error) as caught:
            self.session.execute(statement.encode(), parameters or None)
        return caught.value.sqlstate, caught.value.diag.message_primary

    @contextmanager
    def role(self, name: str) -> Iterator[None]:
        """Be another role for a while."""
        self.run(f"SET ROLE {name}")
        try:
            yield
        finally:
            self.session.execute("RESET ROLE")

    def series(self, name: str = "trades", *, days: int = 21, column: str = "timestamptz") -> str:
        """Make a hypertable with a chunk for each of as many days, today's the newest."""
        self.run(f"CREATE TABLE {name} (time {column} NOT NULL, value integer)")
        self.run("SELECT create_hypertable(%s::regclass, 'time'::name, chunk_time_interval => INTERVAL '1 day')", name)
        if days:
            self.run(
                f"INSERT INTO {name} SELECT date_trunc('day', now()) - n * INTERVAL '1 day' + INTERVAL '1 minute', n"
                f" FROM generate_series(0, {days - 1}) n"
            )
        return name

    def numbers(self, name: str = "numbers", *, column: str = "integer") -> str:
        """Make a hypertable on numbers, with 10 chunks of 10 from 0 on. Its present is 100."""
        self.run(f"CREATE TABLE {name} (time {column} NOT NULL, value integer)")
        self.run("SELECT create_hypertable(%s::regclass, 'time'::name, chunk_time_interval => 10)", name)
        self.run(f"CREATE FUNCTION {name}_now() RETURNS {column} LANGUAGE sql STABLE AS 'SELECT 100::{column}'")
        self.run("SELECT set_integer_now_func(%s::regclass, %s::regproc)", name, f"{name}_now")
        self.run(f"INSERT INTO {name} SELECT n, n FROM generate_series(0, 99) n")
        return name

    def chunks(self, name: str = "trades") -> int:
        """How many chunks are left."""
        return int(self.value("SELECT count(*) FROM show_chunks(%s::regclass)", name))

    def next_start(self, job: int) -> str | None:
        """When a job runs next, as text, because Python has no infinite moments; None where that is nowhere told."""
        found = self.values("SELECT next_start::text FROM _timescaledb_internal.bgw_job_stat WHERE job_id = %s", job)
        return found[0] if found else None

    def run_last_job(self) -> None:
        """Run the newest job now, in this session."""
        self.run("CALL run_job(%s)", self.value("SELECT max(job_id) FROM timescaledb_information.jobs"))

    def await_a_run(self) -> None:
        """Wait until a job has run that became due now: what was due before it has been run too by then."""
        name = f"canary_{next(_numbers)}"
        self.series(name, days=3)
        self.run("SELECT add_retention_policy(%s::regclass, INTERVAL '1 day')", name)
        wait_until(lambda: self.chunks(name) < 3, "a new policy has run")


@contextmanager
def running_server(kind: Kind, license: License = "timescale") -> Iterator[Server]:  # noqa: A002 - TimescaleDB's word
    """A server for databases of one kind. For the stand-in's it does not load the extension, which would answer too."""
    with Server({"shared_preload_libraries": ""} if kind == "stand-in" else None, license) as server:
        yield server


@contextmanager
def new_database(
    server: Server,
    kind: Kind,
    *,
    version: str = STAND_IN_VERSION,
    license: License = "timescale",  # noqa: A002 - TimescaleDB's word
) -> Iterator[Database]:
    """An empty database with TimescaleDB, or the stand-in as this version, and whatever runs its jobs."""
    name = f"case_{next(_numbers)}"
    dsn = server.create_database(name)
    scheduler = None
    try:
        with server.connect(name) as session:
            if kind == "extension":
                session.execute("CREATE EXTENSION timescaledb")
            else:
                install(session, version, license)
                scheduler = Scheduler(dsn)
                scheduler.start()
            database = Database(kind, server, name, session)
            session.add_notice_handler(
                lambda told: database.notices.append((told.severity, told.sqlstate, told.message_primary))
            )
            yield database
    finally:
        if scheduler:
            scheduler.stop()
        server.drop_database(name)
