# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's scheduler: runs the jobs of a database when they are due, as TimescaleDB's background workers do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import psycopg

#: Seconds between two looks for jobs that are due.
PERIOD = 0.3


class Scheduler(threading.Thread):
    """Runs what is due within about a second, one job after the other. It survives restarts of the server.

    C(dsn) tells the superuser's connection string, or None while there is no database; it is asked before each
    connection, so that another database may take the place of the first. Each job runs as its owner.
    """

    def __init__(self, dsn: Callable[[], str | None]) -> None:
        super().__init__(name="timescaledb-stand-in-scheduler", daemon=True)
        self._dsn = dsn
        self._stopping = threading.Event()
        self._session: psycopg.Connection[Any] | None = None

    def stop(self) -> None:
        """Start nothing more, and break off the job that runs."""
        self._stopping.set()
        while self.is_alive():
            with contextlib.suppress(psycopg.Error):
                if self._session:
                    self._session.cancel()
            self.join(PERIOD)

    def run(self) -> None:
        while not self._stopping.wait(PERIOD):
            dsn = self._dsn()
            if dsn is None:
                continue
            try:
                with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as self._session:
                    while not self._stopping.wait(PERIOD):
                        for job in self._session.execute("SELECT _timescaledb_stand_in.due_jobs()").fetchall():
                            self._session.execute("SELECT _timescaledb_stand_in.run_due_job(%s)", job)
            except psycopg.Error:
                # The server restarts, or its database is gone: only who started this scheduler knows which.
                continue
