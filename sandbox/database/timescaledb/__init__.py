# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in: TimescaleDB's names, errors and dangers in plain SQL, for a PostgreSQL that has no TimescaleDB.

It plays release 2.28.3 and its Apache edition, and of that only what our modules and tests call and read. It is not
TimescaleDB: it compresses nothing, C(INSERT) into a hypertable counts no rows, and statements of TimescaleDB that are
not PostgreSQL's grammar have functions in their place, see C(ddl).
"""

from sandbox.database.timescaledb.ddl import create_continuous_aggregate, enable_columnstore, is_stand_in
from sandbox.database.timescaledb.installation import install
from sandbox.database.timescaledb.scheduler import Scheduler

__all__ = ["Scheduler", "create_continuous_aggregate", "enable_columnstore", "install", "is_stand_in"]
