# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The two drivers of PostgreSQL, and what they do differently: psycopg 3 where it is installed, else psycopg2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# As community.postgresql: older ones of psycopg 3 have no cursor that binds on the client's side.
try:
    import psycopg
    import psycopg.conninfo
    from psycopg import ClientCursor

    PSYCOPG_IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    PSYCOPG_IMPORT_ERROR = error

try:
    import psycopg2
    import psycopg2.extensions

    PSYCOPG2_IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    PSYCOPG2_IMPORT_ERROR = error


@dataclass(frozen=True)
class Driver:
    """How a session that commits each statement by itself is opened by libpq's parameters, and what is raised there."""

    name: str
    open: Callable[[Mapping[str, Any]], Any]
    errors: type[Exception]


def installed() -> Driver:
    """The driver to use.

    Raises:
        ImportError: neither is installed.
    """
    if PSYCOPG_IMPORT_ERROR is None:
        return Driver(f"psycopg {psycopg.__version__}", _open_psycopg, psycopg.Error)
    if PSYCOPG2_IMPORT_ERROR is None:
        return Driver(f"psycopg2 {psycopg2.__version__.split()[0]}", _open_psycopg2, psycopg2.Error)
    raise PSYCOPG_IMPORT_ERROR


def _open_psycopg(parameters: Mapping[str, Any]) -> Any:
    dsn = psycopg.conninfo.make_conninfo(**parameters)
    return psycopg.connect(dsn, autocommit=True, cursor_factory=ClientCursor)


def _open_psycopg2(parameters: Mapping[str, Any]) -> Any:
    session = psycopg2.connect(psycopg2.extensions.make_dsn(**parameters))
    session.autocommit = True
    return session
