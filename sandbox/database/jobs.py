# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's jobs run while the sandbox does, whatever becomes of its database."""

from __future__ import annotations

import threading
from typing import Any

from psycopg.conninfo import make_conninfo

from sandbox.database.timescaledb import Scheduler
from sandbox.layout import Layout
from sandbox.state import read_json

#: Seconds from one look at the database's record to the next.
LOOK_SECONDS = 1.0


class Jobs(threading.Thread):
    """Keep one scheduler of the stand-in on the sandbox's database, where that is the stand-in and not the extension.

    The database may come after this, be made anew under another password, or go.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(name="jobs of the stand-in", daemon=True)
        self._layout = layout
        self._end = threading.Event()

    def run(self) -> None:
        scheduler, known = None, None
        while not self._end.is_set():
            dsn = _dsn(read_json(self._layout.connection) or {})
            if dsn != known:
                if scheduler:
                    scheduler.stop()
                scheduler, known = self._start(dsn), dsn
            self._end.wait(LOOK_SECONDS)
        if scheduler:
            scheduler.stop()

    def _start(self, dsn: str | None) -> Scheduler | None:
        if dsn is None:
            return None
        scheduler = Scheduler(dsn)
        scheduler.start()
        return scheduler

    def stop(self) -> None:
        """End the scheduler, and then this thread."""
        self._end.set()
        self.join()


def _dsn(connection: dict[str, Any]) -> str | None:
    """The connection string of the stand-in's database; None where there is none, or where it is the extension."""
    known = connection.get("database")
    if not known or known["timescaledb"] != "stand-in":
        return None
    return make_conninfo(
        host=known["host"],
        port=known["port"],
        dbname=known["database"],
        user=known["user"],
        password=known["password"],
    )
