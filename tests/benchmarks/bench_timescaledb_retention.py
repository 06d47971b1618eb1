# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timescaledb_retention on 1,000 hypertables with 11,000 chunks, against bare psycopg that sends the same statements.

Both are Python processes of their own, from their imports to their answer, and both have Ansible check the same
options, so that Ansible's floor is in both. They run in turns on the same database, the real TimescaleDB where there is
one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import psycopg
from ansible_collections.entasis.engine.plugins.modules import timescaledb_retention

from tests.support.platform import Sandbox
from tests.support.postgresql import Server, timescaledb
from tests.support.retention import run_module

RELATIONS = 1000
CHUNKS = 11
RUNS = 5
NO_OP_BAR = 1.5
NEW_BAR = 1.3
QUERIES_BAR = 3

DATABASE = "retention"
#: Hypertables that are made in one transaction: each of their chunks takes some locks until it ends.
BATCH = 50

_MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.entasis.engine.plugins.modules import timescaledb_retention
with patch_module_args(json.load(sys.stdin)):
    timescaledb_retention.main()
"""
_BARE = """
import json, sys
import psycopg
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
given = json.load(sys.stdin)
with patch_module_args({"policies": given["policies"]}):
    module = AnsibleModule({"policies": {"type": "list", "elements": "dict", "options": given["options"]}})
    with psycopg.connect(given["dsn"], autocommit=True, cursor_factory=psycopg.ClientCursor) as session:
        for statement in given["statements"]:
            cursor = session.execute(statement)
            if cursor.description:
                cursor.fetchall()
    module.exit_json()
"""


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float | None]]:
    """New policies, policies that are there, and policies that would drop, each for all relations in one task."""
    figures: list[tuple[str, float, float | None]] = []
    with Server() as server:
        server.create_database(DATABASE)
        kind = timescaledb(server, DATABASE, scheduler=False)
        with server.connect(DATABASE) as session:
            names = _hypertables(session)
            for what, drop_after in (("", "90 days"), (" and held", "5 days")):
                case = _Case(server, session, names, drop_after)
                about = f"{RELATIONS} policies{what}, {kind}"
                new, bare_new = case.measure(is_new=True)
                no_op, bare_no_op = case.measure(is_new=False)
                figures += [
                    (f"{about}: all new / bare psycopg", new / bare_new, NEW_BAR),
                    (f"{about}: nothing to do / bare psycopg", no_op / bare_no_op, NO_OP_BAR),
                    (f"{about}: nothing to do (queries)", len(case.statements), QUERIES_BAR),
                    (f"{about}: all new (s)", new, None),
                    (f"{about}: nothing to do (s)", no_op, None),
                ]
    return figures


class _Case:
    """Policies of one reach on all relations."""

    def __init__(self, server: Server, session: psycopg.Connection[Any], names: list[str], drop_after: str) -> None:
        self._dsn = server.dsn(DATABASE)
        self._session = session
        self._arguments = {
            "login_host": server.host,
            "login_port": server.port,
            "login_password": server.password,
            "login_db": DATABASE,
            "policies": [{"relation": f"public.{name}", "drop_after": drop_after} for name in names],
        }
        #: What a run sends, as the server gets it.
        self.statements: list[str] = []

    def measure(self, *, is_new: bool) -> tuple[float, float]:
        """Seconds of the module and of bare psycopg: the medians of runs in turns."""
        prepare = self._without_policies if is_new else lambda: None
        prepare()
        self.statements = self._recorded(is_new)
        bare = {
            "dsn": self._dsn,
            "statements": self.statements,
            "policies": self._arguments["policies"],
            "options": {"relation": {"type": "str"}, **timescaledb_retention._POLICY},
        }
        pairs = []
        for _run in range(RUNS):
            prepare()
            ours = _timed(lambda: self._run_module(is_new))
            prepare()
            pairs.append((ours, _timed(lambda: _python(_BARE, bare))))
        count = self._session.execute(
            b"SELECT count(*) FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_retention'"
        ).fetchone()
        if count != (RELATIONS,):
            raise RuntimeError(f"there are {count} policies")
        return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)

    def _recorded(self, is_new: bool) -> list[str]:
        sent: list[str] = []
        execute = psycopg.ClientCursor.execute

        def record(cursor: Any, query: str, parameters: Any = None, **options: Any) -> Any:
            sent.append(cursor.mogrify(query, parameters))
            return execute(cursor, query, parameters, **options)

        with mock.patch.object(psycopg.ClientCursor, "execute", record):
            run = run_module(self._arguments)
        if run.failed or run.changed is not is_new:
            raise RuntimeError(run.message or f"changed is {run.changed}")
        return sent

    def _run_module(self, is_new: bool) -> None:
        answer = json.loads(_python(_MODULE, self._arguments).splitlines()[-1])
        if answer.get("failed") or answer["changed"] is not is_new:
            raise RuntimeError(answer.get("msg") or f"changed is {answer['changed']}")

    def _without_policies(self) -> None:
        """No policies, and numbers for new ones from the same on, which the statements to be sent again name."""
        self._session.execute(
            b"SELECT delete_job(id) FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_retention'"
        )
        self._session.execute(b"SELECT setval('_timescaledb_catalog.bgw_job_id_seq', 1000)")


def _hypertables(session: psycopg.Connection[Any]) -> list[str]:
    """Make them, each with a chunk for each of the last days and a row in each chunk; return their names."""
    names = [f"series_{number:04}" for number in range(RELATIONS)]
    for first in range(0, RELATIONS, BATCH):
        with session.transaction():
            for name in names[first : first + BATCH]:
                session.execute(f"CREATE TABLE {name} (time timestamptz NOT NULL)".encode())
                create = f"create_hypertable('{name}', 'time', chunk_time_interval => interval '1 day'"
                session.execute(f"SELECT {create}, create_default_indexes => false)".encode())
                days = f"now() - n * interval '1 day' FROM generate_series(1, {CHUNKS}) n"
                session.execute(f"INSERT INTO {name} SELECT {days}".encode())
    return names


def _timed(run: Callable[[], object]) -> float:
    begun = time.monotonic()
    run()
    return time.monotonic() - begun


def _python(program: str, given: dict[str, Any]) -> str:
    """What a Python process says that gets this on its standard input."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and not done.stdout:
        raise RuntimeError(done.stderr)
    return done.stdout
