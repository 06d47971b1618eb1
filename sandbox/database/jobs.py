# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's jobs run while the sandbox does, whatever becomes of its database."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo

from sandbox.database.timescaledb import Scheduler
from sandbox.layout import Layout
from sandbox.state import read_json


def scheduler(layout: Layout) -> Scheduler:
    """A scheduler, not started yet, for the sandbox's database, where that is the stand-in and not the extension.

    The database may come after this, be made anew under another password, or go.
    """

    def dsn() -> str | None:
        known = (read_json(layout.connection) or {}).get("database")
        if not known or known["timescaledb"] != "stand-in":
            return None
        names = {"host": "host", "port": "port", "database": "dbname", "user": "user", "password": "password"}
        return make_conninfo(**{names[key]: known[key] for key in names})

    return Scheduler(dsn)
