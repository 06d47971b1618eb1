# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in: TimescaleDB's names, errors and dangers in plain SQL, for a PostgreSQL that has no TimescaleDB.

It simulates what the facts about TimescaleDB say of catalog, policies and jobs, so that a program can be tried that
manages them. It is not TimescaleDB: it compresses nothing, C(INSERT) into a hypertable counts no rows, and statements
of TimescaleDB that are not PostgreSQL's grammar have functions in their place, see C(ddl).
"""

from sandbox.database.timescaledb.ddl import (
    create_continuous_aggregate,
    create_hypertables,
    enable_columnstore,
    is_stand_in,
)
from sandbox.database.timescaledb.installation import VERSIONS, install, set_license
from sandbox.database.timescaledb.scheduler import Scheduler

__all__ = [
    "VERSIONS",
    "Scheduler",
    "create_continuous_aggregate",
    "create_hypertables",
    "enable_columnstore",
    "install",
    "is_stand_in",
    "set_license",
]
