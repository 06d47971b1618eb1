# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's scheduler: runs the jobs of a database when they are due, as TimescaleDB's background workers do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

#: Seconds between two looks for jobs that are due.
PERIOD = 0.3
#: Jobs that run at the same time, each in a session of its own.
WORKERS = 6
#: Seconds until it looks for the database again after it could not be reached.
PATIENCE = 0.5


class Scheduler:
    """Runs what is due within about a second. It survives restarts of the server.

    C(dsn) is the superuser's connection string; each job runs as its owner.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timescaledb-stand-in-scheduler", daemon=True)
        self._lock = threading.Lock()
        #: The jobs that run, with their sessions once they have one.
        self._running: dict[int, psycopg.Connection[Any] | None] = {}

    def __enter__(self) -> Scheduler:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to look for jobs, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Start nothing more, and break off the jobs that run."""
        self._stopping.set()
        with self._lock:
            sessions = [session for session in self._running.values() if session]
        for session in sessions:
            session.cancel()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="timescaledb-stand-in-job") as pool:
            while not self._stopping.is_set():
                try:
                    self._look(pool)
                except psycopg.Error:
                    # The server restarts, or its database is gone: only who started this scheduler knows which.
                    self._stopping.wait(PATIENCE)

    def _look(self, pool: ThreadPoolExecutor) -> None:
        """Start what is due, again and again, until the connection breaks or the scheduler is stopped."""
        with self._connect("TimescaleDB stand-in scheduler") as connection:
            while not self._stopping.wait(PERIOD):
                for number in self._due(connection):
                    with self._lock:
                        if number in self._running or len(self._running) >= WORKERS:
                            continue
                        self._running[number] = None
                    pool.submit(self._work, number)

    def _due(self, connection: psycopg.Connection[Any]) -> list[int]:
        rows = connection.execute("SELECT _timescaledb_stand_in.due_jobs() AS id")
        return [int(row["id"]) for row in rows]

    def _work(self, number: int) -> None:
        try:
            with self._connect(f"TimescaleDB stand-in job {number}") as connection:
                with self._lock:
                    if self._stopping.is_set():
                        return
                    self._running[number] = connection
                self._execute(connection, number)
        except psycopg.Error:
            # The connection is gone; what the job did is rolled back, and it stays due.
            return
        finally:
            with self._lock:
                del self._running[number]

    def _execute(self, connection: psycopg.Connection[Any], number: int) -> None:
        job = connection.execute("SELECT * FROM _timescaledb_stand_in.start_job(%s)", [number]).fetchone()
        if job is None or job["statement"] is None:
            return
        error: psycopg.Error | None = None
        try:
            connection.execute("SELECT set_config('application_name', %s, false)", [job["application_name"]])
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(job["timeout"])])
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(job["owner"])))
            connection.execute(job["statement"])
        except psycopg.Error as caught:
            if connection.broken:
                raise
            error = caught
        connection.execute("RESET SESSION AUTHORIZATION")
        connection.execute("SET statement_timeout = 0")
        parameters = [number, job["started"], error.sqlstate if error else None, _message(error)]
        connection.execute("SELECT _timescaledb_stand_in.end_job(%s, %s, %s, %s)", parameters)

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._dsn, autocommit=True, row_factory=dict_row, application_name=name, connect_timeout=5
        )


def _message(error: psycopg.Error | None) -> str | None:
    return None if error is None else error.diag.message_primary
