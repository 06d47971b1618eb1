# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's one database server: made, repaired and ended with the rest of the sandbox.

It stands for the server that runs inside the cluster in production. It knows nothing of the cluster, though: neither a
new control plane nor a deleted cluster changes what it holds.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg

from sandbox.database import timescaledb
from sandbox.database.installation import Installation
from sandbox.database.postgresql import SUPERUSER, Postgresql
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.ports import ADDRESS, Ports
from sandbox.processes import Process
from sandbox.state import read_json, write_private

#: The part's name.
NAME = "postgresql"
#: The database that stands for the platform's own.
DATABASE = "entasis"


def create(layout: Layout, ports: Ports) -> None:
    """Make a new server with an empty database in which TimescaleDB, or the stand-in, is installed.

    Raises:
        SandboxError: there is no PostgreSQL that can be run here, or it does not become ready.
    """
    server = _server(layout, ports)
    password = secrets.token_urlsafe(24)
    found = server.create(password)
    command = server.command(found)
    process = server.start(command)
    write_private(_process_record(layout), {"pid": process.pid, "command": command})
    server.wait_until_ready(password, process)
    record = {"password": password, "version": found.version, "timescaledb": _install(server, found, password)}
    write_private(layout.database_record, record)


def repair(layout: Layout, ports: Ports) -> None:
    """Start the server where it does not run, with the command line that it had; wait until it is ready.

    A database that was never made to its end is made anew: it holds nothing.

    Raises:
        SandboxError: what it needs to start is gone, or it does not become ready.
    """
    server = _server(layout, ports)
    record = read_json(layout.database_record)
    if record is None:
        stop(layout, keep=False)
        create(layout, ports)
        return
    process = None
    if not server.running():
        # What a killed server's children still hold must be free first.
        server.stop(keep=False)
        command = [str(argument) for argument in (read_json(_process_record(layout)) or {}).get("command", [])]
        if not command or not (server.data / "PG_VERSION").exists():
            raise SandboxError(
                f"The database in {server.folder} is damaged and cannot be started again; `python -m sandbox down` and"
                " then `python -m sandbox up` give a new, empty sandbox."
            )
        process = server.start(command)
        write_private(_process_record(layout), {"pid": process.pid, "command": command})
    server.wait_until_ready(str(record["password"]), process)


def stop(layout: Layout, keep: bool) -> list[Process]:
    """End the server, in order where its data is to be kept. Return the processes that could not be ended."""
    return _server(layout).stop(keep)


def running(layout: Layout) -> list[Process]:
    """The server's processes, the postmaster last; none where the postmaster does not run."""
    server = _server(layout)
    postmaster = server.running()
    return server.children() + postmaster if postmaster else []


def is_healthy(layout: Layout, ports: Ports) -> bool:
    """Whether the server answers a query."""
    record = read_json(layout.database_record)
    return record is not None and _server(layout, ports).is_ready(str(record["password"]))


def connection(layout: Layout, ports: Ports) -> dict[str, Any] | None:
    """How programs of this machine reach the database; None where it is not made yet.

    Programs of the platform go through the cluster: a port-forward to port 5432 of any simulated pod ends here.
    """
    record = read_json(layout.database_record)
    if record is None:
        return None
    return {
        "host": ADDRESS,
        "port": ports.postgresql,
        "database": DATABASE,
        "user": SUPERUSER,
        "password": record["password"],
        "version": record["version"],
        "timescaledb": record["timescaledb"],
    }


def _install(server: Postgresql, found: Installation, password: str) -> str:
    """Make the platform's database; "extension" where the server brings TimescaleDB, else "stand-in"."""
    with psycopg.connect(server.dsn(password), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{DATABASE}"')
    with psycopg.connect(server.dsn(password, DATABASE), autocommit=True) as connection:
        if found.timescaledb:
            connection.execute("CREATE EXTENSION timescaledb")
            return "extension"
        timescaledb.install(connection)
        return "stand-in"


def _server(layout: Layout, ports: Ports | None = None) -> Postgresql:
    return Postgresql(layout.database, ports.postgresql if ports else 0)


def _process_record(layout: Layout) -> Path:
    return layout.pids / f"{NAME}.json"
