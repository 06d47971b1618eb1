# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The two drivers of PostgreSQL, and what they do differently: psycopg 3 where it is installed, else psycopg2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
class Session:
    """A session that commits each statement by itself: the driver's own, what it raises, its name and version, and the
    server's version (180006 is 18.6).
    """

    session: Any
    errors: type[Exception]
    driver: str
    server_version: int


@dataclass(frozen=True)
class Driver:
    """How a session is opened by the parameters of libpq, and what is raised where that fails."""

    open: Callable[[Mapping[str, Any]], Session]
    errors: type[Exception]


def installed() -> Driver:
    """The driver to use.

    Raises:
        ImportError: neither is installed.
    """
    if PSYCOPG_IMPORT_ERROR is None:
        return Driver(_open_psycopg, psycopg.Error)
    if PSYCOPG2_IMPORT_ERROR is None:
        return Driver(_open_psycopg2, psycopg2.Error)
    raise PSYCOPG_IMPORT_ERROR


def _nearest(text: str) -> datetime:
    """The nearest that Python has to a timestamp that it cannot hold."""
    early = text.startswith("-") or text.endswith(" BC")
    return (datetime.min if early else datetime.max).replace(tzinfo=UTC)


def _open_psycopg(parameters: Mapping[str, Any]) -> Session:
    from psycopg.types import datetime as loaders
    from psycopg.types.string import TextLoader

    class TimestamptzLoader(loaders.TimestamptzLoader):
        def load(self, data: Any) -> datetime:
            try:
                return super().load(data)
            except psycopg.DataError:
                return _nearest(bytes(data).decode())

    class TimestampLoader(loaders.TimestampLoader):
        def load(self, data: Any) -> datetime:
            try:
                return super().load(data)
            except psycopg.DataError:
                return _nearest(bytes(data).decode()).replace(tzinfo=None)

    class DateLoader(loaders.DateLoader):
        def load(self, data: Any) -> date:
            try:
                return super().load(data)
            except psycopg.DataError:
                return _nearest(bytes(data).decode()).date()

    session = psycopg.connect(
        psycopg.conninfo.make_conninfo(**parameters), autocommit=True, cursor_factory=ClientCursor
    )
    for name, loader in (
        ("timestamptz", TimestamptzLoader),
        ("timestamp", TimestampLoader),
        ("date", DateLoader),
        ("interval", TextLoader),
    ):
        session.adapters.register_loader(name, loader)
    return Session(session, psycopg.Error, f"psycopg {psycopg.__version__}", session.info.server_version)


def _open_psycopg2(parameters: Mapping[str, Any]) -> Session:
    extensions = psycopg2.extensions

    def or_nearest(read: Callable[..., Any], adjust: Callable[[datetime], Any]) -> Callable[..., Any]:
        def cast(text: str | None, cursor: Any) -> Any:
            if text in ("infinity", "-infinity"):
                return adjust(_nearest(text))
            try:
                return read(text, cursor)
            except (psycopg2.Error, ValueError, OverflowError):
                return adjust(_nearest(str(text)))

        return cast

    session = psycopg2.connect(extensions.make_dsn(**parameters))
    session.autocommit = True
    for number, name, cast in (
        (1184, "TIMESTAMPTZ", or_nearest(extensions.PYDATETIMETZ, lambda moment: moment)),
        (1114, "TIMESTAMP", or_nearest(extensions.PYDATETIME, lambda moment: moment.replace(tzinfo=None))),
        (1082, "DATE", or_nearest(extensions.PYDATE, lambda moment: moment.date())),
        (1186, "INTERVAL", lambda text, _cursor: text),
    ):
        extensions.register_type(extensions.new_type((number,), name, cast), session)
    return Session(session, psycopg2.Error, f"psycopg2 {psycopg2.__version__.split()[0]}", session.server_version)
