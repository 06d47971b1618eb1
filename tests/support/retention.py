# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timescaledb_retention against a database, and what SQL says of that database."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import psycopg
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.entasis.engine.plugins.module_utils._postgresql import drivers
from ansible_collections.entasis.engine.plugins.modules import timescaledb_retention
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from sandbox.database.timescaledb import create_continuous_aggregate, enable_columnstore
from tests.support.modules import start
from tests.support.postgresql import Server, timescaledb
from tests.support.waiting import wait_until

#: Tables that a run that only looks must leave as they are.
CATALOG = (
    "_timescaledb_config.bgw_job",
    "_timescaledb_internal.bgw_job_stat",
    "_timescaledb_catalog.hypertable",
    "_timescaledb_catalog.dimension",
    "_timescaledb_catalog.chunk",
)


@dataclass(frozen=True)
class Run:
    """What the module answered."""

    result: dict[str, Any]
    warnings: list[str]
    failed: bool

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def codes(self) -> set[str]:
        """The codes of all refusals."""
        return {one["code"] for one in self.result.get("refusals", ())}

    def of(self, relation: str) -> dict[str, Any]:
        """The result of one relation."""
        [found] = [one for one in self.result["results"] if one["relation"] == relation]
        return dict(found)


def changed(run: Run) -> Run:
    """The run, which must have changed something."""
    assert not run.failed, run.message
    assert run.changed
    return run


def unchanged(run: Run) -> Run:
    """The run, which must have found nothing to do."""
    assert not run.failed, run.message
    assert not run.changed, run.result["results"]
    return run


class _EndedError(Exception):
    def __init__(self, result: dict[str, Any], *, failed: bool) -> None:
        super().__init__(result)
        self.result = json.loads(json.dumps(result))
        self.failed = failed


@dataclass
class Database:
    """One database with TimescaleDB, or the stand-in; C(kind) says which. Its scheduler runs."""

    server: Server
    name: str
    kind: str
    driver: str = "psycopg"
    _session: psycopg.Connection[Any] | None = field(default=None, repr=False)

    @classmethod
    def make(cls, server: Server) -> Database:
        """A new database."""
        name = f"retention_{secrets.token_hex(4)}"
        server.create_database(name)
        made = cls(server, name, timescaledb(server, name))
        made.sql("CREATE SCHEMA market")
        return made

    def close(self) -> None:
        if self._session:
            self._session.close()
        self.server.drop_database(self.name)

    def connect(self, user: str | None = None) -> psycopg.Connection[Any]:
        """Another session, as the superuser or as a user of L(role)."""
        dsn = self.server.dsn(self.name)
        if user:
            dsn = make_conninfo(dsn, user=user, password=user)
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row)

    @property
    def session(self) -> psycopg.Connection[Any]:
        """The superuser's session."""
        if self._session is None:
            self._session = self.connect()
        return self._session

    def sql(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a statement of the superuser."""
        cursor = self.session.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, parameters: Sequence[Any] | None = None) -> Any:
        """The one value of a statement."""
        [row] = self.sql(statement, parameters)
        [value] = row.values()
        return value

    def role(self, attributes: str = "LOGIN") -> str:
        """A new role whose password is its name."""
        name = f"role_{secrets.token_hex(4)}"
        self.sql(f"CREATE ROLE {name} {attributes} PASSWORD '{name}'")
        return name

    def hypertable(
        self, name: str = "", *, days: int = 21, column: str = "timestamptz", chunk: str = "1 day", owner: str = ""
    ) -> str:
        """A hypertable with a row on each of the latest days, a chunk for each; its name as SQL writes it.

        The default has 21 chunks; of those, 15 are wholly older than 5 days.
        """
        relation = name or f"market.t_{secrets.token_hex(4)}"
        self.sql(f"CREATE TABLE {relation} (time {column} NOT NULL, price int)")
        self.sql(f"SELECT create_hypertable('{relation}', 'time', chunk_time_interval => interval '{chunk}')")
        if days:
            self.sql(
                f"INSERT INTO {relation} SELECT now() - n * interval '1 day', n FROM generate_series(0, {days - 1}) n"
            )
        if owner:
            self.sql(f"ALTER TABLE {relation} OWNER TO {owner}")
        return relation

    def aggregate(self, relation: str, *, name: str = "", bucket: str = "1 hour", data: bool = True) -> str:
        """A continuous aggregate on a relation with a column time."""
        view = name or f"market.c_{secrets.token_hex(4)}"
        create_continuous_aggregate(self.session, view, relation, "max(price) AS price", bucket=bucket, with_data=data)
        return view

    def enable_columnstore(self, relation: str) -> None:
        enable_columnstore(self.session, relation)

    def chunks(self, relation: str) -> int:
        return int(self.value(f"SELECT count(*) FROM show_chunks('{relation}')"))

    def add(self, relation: str, drop_after: str, arguments: str = "") -> int:
        """A policy by TimescaleDB's own function."""
        return int(self.value(f"SELECT add_retention_policy('{relation}', interval '{drop_after}'{arguments})"))

    def job(self, relation: str, procedure: str = "policy_retention") -> dict[str, Any] | None:
        """The policy of a relation, or None; an infinite next start is None."""
        rows = self.sql(
            """
            SELECT j.*, s.next_start > now() AS waits,
                   CASE WHEN isfinite(s.next_start) THEN s.next_start END AS next_start
            FROM _timescaledb_config.bgw_job j
            LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
            JOIN _timescaledb_catalog.hypertable h ON h.id = j.hypertable_id
            LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = h.id
            WHERE j.proc_name = %s AND %s::regclass = format('%%I.%%I', coalesce(
                a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name))::regclass
            """,
            [procedure, relation],
        )
        assert len(rows) <= 1
        return rows[0] if rows else None

    def one_job(self, relation: str, procedure: str = "policy_retention") -> dict[str, Any]:
        """The policy of a relation, which must be there."""
        job = self.job(relation, procedure)
        assert job is not None, f"{relation} has no {procedure}"
        return job

    def fingerprint(self) -> str:
        """A hash of the catalog, without what the scheduler itself writes after each run of a job of its own."""
        rows = [
            self.sql(
                f"SELECT to_jsonb(t) AS row FROM {table} t WHERE NOT to_jsonb(t) @> '{{\"job_id\": 1}}' ORDER BY 1"
            )
            for table in CATALOG
        ]
        return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()

    def scheduler_runs(self) -> None:
        """Wait until the scheduler has begun and ended the run of a policy that was due only after this call."""
        control = self.hypertable(days=10)
        self.add(control, "5 days")
        wait_until(lambda: self.chunks(control) < 10, limit=30)

    def run(self, *, check: bool = False, user: str | None = None, **options: Any) -> Run:
        """Run the module in this process, as the superuser or as a user of L(role)."""
        return run_module({**self._arguments(user), "_ansible_check_mode": check, **options}, self.driver)

    def _arguments(self, user: str | None) -> dict[str, Any]:
        return {
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": user or self.server.user,
            "login_password": user or self.server.password,
            "login_db": self.name,
            "_ansible_diff": True,
        }

    def keep(self, relation: str, drop_after: Any, *, check: bool = False, **options: Any) -> Run:
        """Run the module for one relation; of C(options) those of a policy go there."""
        own = timescaledb_retention._POLICY.keys() - {"state"}
        policy = {name: options.pop(name) for name in [*options] if name in own}
        if "policy_state" in options:
            policy["state"] = options.pop("policy_state")
        if drop_after is not None:
            policy["drop_after"] = drop_after
        return self.run(check=check, policies=[{"relation": relation, **policy}], **options)

    @contextmanager
    def running(self, **options: Any) -> Iterator[list[Run]]:
        """The module in a process of its own; the list has its answer after the block."""
        answers: list[Run] = []
        process = start("timescaledb_retention", {**self._arguments(None), **options}, {})
        try:
            yield answers
            output, _errors = process.communicate(timeout=60)
            result = json.loads(output.strip().splitlines()[-1])
            answers.append(Run(result, [], bool(result.get("failed"))))
        finally:
            process.kill()
            process.wait()

    def wait_for_blocked(self, sessions: int = 1) -> None:
        """Wait until this many of the module's sessions wait for a lock of another one."""
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'entasis%'"
        )
        wait_until(lambda: int(self.value(sql)) == sessions, limit=20)


def run_module(arguments: dict[str, Any], driver: str = "psycopg") -> Run:
    """Run the module's main in this process: what it returns and warns of."""
    warnings: list[str] = []

    def end(_module: AnsibleModule, **result: Any) -> None:
        raise _EndedError(result, failed=False)

    def fail(_module: AnsibleModule, msg: str, **result: Any) -> None:
        raise _EndedError({"msg": msg, **result}, failed=True)

    missing = ImportError("No module named 'psycopg'") if driver == "psycopg2" else None
    with (
        patch_module_args(arguments),
        mock.patch.object(AnsibleModule, "exit_json", end),
        mock.patch.object(AnsibleModule, "fail_json", fail),
        mock.patch.object(AnsibleModule, "warn", lambda _module, text: warnings.append(text)),
        mock.patch.object(drivers, "PSYCOPG_IMPORT_ERROR", missing),
    ):
        try:
            timescaledb_retention.main()
        except _EndedError as ended:
            return Run(ended.result, warnings, ended.failed)
    raise AssertionError("the module ended without an answer")
