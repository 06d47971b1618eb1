# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timescaledb_retention on 1,000 hypertables with 11,000 chunks, on the real TimescaleDB where there is one.

Wall time is of the module's own process, from its start to its answer, as Ansible runs it; Ansible's own part is not in
it. The bars are those of the issue, for two idle cores.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import psycopg

from sandbox.database.timescaledb import create_hypertables
from tests.support.modules import finish, start
from tests.support.platform import Sandbox
from tests.support.postgresql import Server, timescaledb

RELATIONS = 1000
CHUNKS = 11
RUNS = 5
NO_OP_SECONDS = 1.5
NEW_SECONDS = 2.0
QUERIES = 3
#: A task of all relations beside a task of one, which is the start of Python and Ansible and little else.
NO_OP_RATIO = 3.0

DATABASE = "retention"


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float]]:
    """New policies, policies that are there, and policies that would drop, each for all relations in one task."""
    with Server() as server:
        server.create_database(DATABASE)
        kind = timescaledb(server, DATABASE, scheduler=False)
        with server.connect(DATABASE) as session:
            names = create_hypertables(session, RELATIONS, chunks=CHUNKS)
            chunks = _value(session, "SELECT count(*) FROM timescaledb_information.chunks")
            if chunks != RELATIONS * CHUNKS:
                raise RuntimeError(f"there are {chunks} chunks")
            new, held = _new(server, session, names, "90 days"), _new(server, session, names, "5 days")
            queries = _queries(server, session, names, "5 days")
            dropping = statistics.median(_run(server, names, "5 days", expect=False) for _run_number in range(RUNS))
            _new(server, session, names, "90 days")
            no_op = statistics.median(_run(server, names, "90 days", expect=False) for _run_number in range(RUNS))
            one = statistics.median(_run(server, names[:1], "90 days", expect=False) for _run_number in range(RUNS))
            queries = max(queries, _queries(server, session, names, "90 days"))
    about = f"{RELATIONS} policies, {kind}"
    return [
        (f"{about}: nothing to do (s)", no_op, NO_OP_SECONDS),
        (f"{about}: nothing to do, all held (s)", dropping, NO_OP_SECONDS),
        (f"{about}: nothing to do (queries)", queries, QUERIES),
        (f"{about}: nothing to do / one policy", no_op / one, NO_OP_RATIO),
        (f"{about}: all new (s)", new, NEW_SECONDS),
        (f"{about}: all new and held (s)", held, NEW_SECONDS),
    ]


def _new(server: Server, session: psycopg.Connection[Any], names: list[str], drop_after: str) -> float:
    """Seconds to make all policies anew: the median."""
    seconds = []
    for _run_number in range(RUNS):
        session.execute(b"SELECT delete_job(id) FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_retention'")
        seconds.append(_run(server, names, drop_after, expect=True))
    count = _value(session, "SELECT count(*) FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_retention'")
    if count != len(names):
        raise RuntimeError(f"there are {count} policies")
    return statistics.median(seconds)


def _queries(server: Server, session: psycopg.Connection[Any], names: list[str], drop_after: str) -> int:
    """How many statements a run sends, those that set the session up among them, as the server's log says."""
    session.execute(b"ALTER SYSTEM SET log_statement = 'all'")
    session.execute(b"SELECT pg_reload_conf()")
    log = server.log
    start = log.stat().st_size
    _run(server, names, drop_after, expect=False)
    with log.open("rb") as file:
        file.seek(start)
        told = file.read().decode(errors="replace")
    session.execute(b"ALTER SYSTEM RESET log_statement")
    session.execute(b"SELECT pg_reload_conf()")
    return told.count("LOG:  statement:") + told.count("LOG:  execute ")


def _run(server: Server, names: list[str], drop_after: str, *, expect: bool) -> float:
    """Seconds of the module's process. C(expect): whether it changes something."""
    arguments = {
        "login_host": server.host,
        "login_port": server.port,
        "login_password": server.password,
        "login_db": DATABASE,
        "policies": [{"relation": f"public.{name}", "drop_after": drop_after} for name in names],
    }
    begun = time.monotonic()
    answer = finish(start("timescaledb_retention", arguments, os.environ), limit=300)
    seconds = time.monotonic() - begun
    if answer.failed or answer.changed is not expect:
        raise RuntimeError(answer.message or f"changed is {answer.changed}")
    return seconds


def _value(session: psycopg.Connection[Any], statement: str) -> Any:
    row = session.execute(statement.encode()).fetchone()
    return row and row[0]
