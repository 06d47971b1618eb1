# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The releases of TimescaleDB, each played by the stand-in: other functions, arguments, catalogs and faults."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.database.timescaledb import VERSIONS, install
from tests.support.postgresql import Server
from tests.support.retention import Database, Run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        if running.extension:
            pytest.skip(f"this server has the real TimescaleDB {running.extension}, which is one release only")
        yield running


@pytest.fixture(scope="module", params=VERSIONS)
def database(request: pytest.FixtureRequest, server: Server) -> Iterator[Database]:
    name = f"version_{secrets.token_hex(4)}"
    server.create_database(name)
    made = Database(server, name, request.param)
    install(made.session, version=request.param)
    made.sql("CREATE SCHEMA market")
    yield made
    made.close()


def changed(run: Run) -> Run:
    assert not run.failed, run.message
    assert run.changed
    return run


def unchanged(run: Run) -> Run:
    assert not run.failed, run.message
    assert not run.changed, run.result["results"]
    return run


def release(database: Database) -> tuple[int, ...]:
    return tuple(map(int, database.kind.split(".")))


def test_a_policy_through_its_life(database: Database) -> None:
    relation = database.hypertable()
    changed(database.keep(relation, "5 days"))
    job = database.one_job(relation)
    assert (job["scheduled"], job["waits"]) == (False, True)
    unchanged(database.keep(relation, "5 days"))
    changed(database.keep(relation, "90 days", schedule_interval="12 hours", max_retries=3))
    after = database.one_job(relation)
    assert (after["id"], after["scheduled"], after["waits"]) == (job["id"], True, True)
    assert after["config"]["drop_after"] == "90 days"
    unchanged(database.keep(relation, "90 days", schedule_interval="12 hours", max_retries=3))
    changed(database.keep(relation, None, policy_state="absent"))
    assert database.job(relation) is None


def test_a_time_zone_stays(database: Database) -> None:
    relation = database.hypertable()
    database.add(relation, "90 days", ", timezone => 'Europe/Berlin', initial_start => '2031-01-01'::timestamptz")
    changed(database.keep(relation, "95 days"))
    job = database.one_job(relation)
    assert (job["timezone"], job["waits"]) == ("Europe/Berlin", True)
    run = database.keep(relation, "95 days", timezone="Asia/Tokyo")
    if release(database) < (2, 12):
        assert run.codes == {"TSR033"}
    else:
        changed(run)
        assert database.one_job(relation)["timezone"] == "Asia/Tokyo"


def test_the_owner_of_the_database(database: Database) -> None:
    owner = database.role()
    database.sql(f"ALTER DATABASE {database.name} OWNER TO {owner}")
    relation = database.hypertable()
    run = database.keep(relation, "90 days", user=owner)
    if release(database) < (2, 28):
        assert run.codes == {"TSR029"}
        return
    changed(run)
    changed(database.keep(relation, "95 days", user=owner))
    assert database.one_job(relation)["config"]["drop_after"] == "95 days"


def test_dropping_by_the_age_of_chunks(database: Database) -> None:
    relation = database.hypertable()
    policy: dict[str, Any] = {"relation": relation, "drop_created_before": "80 days"}
    run = database.run(policies=[policy])
    if release(database) < (2, 26, 3):
        assert run.codes == {"TSR015"}
        return
    changed(run)
    changed(database.run(policies=[{**policy, "drop_created_before": "85 days"}]))
    assert database.one_job(relation)["config"]["drop_created_before"] == "85 days"


def test_what_depends_on_it(database: Database) -> None:
    relation = database.hypertable()
    view = database.aggregate(relation)
    window = {"start_offset": "45 days", "end_offset": "1 hour", "schedule_interval": "1 hour"}
    changed(database.run(policies=[{"relation": view, "refresh": window}]))
    unchanged(database.run(policies=[{"relation": view, "refresh": window}]))
    assert database.keep(relation, "30 days").codes == {"TSR019"}
    database.enable_columnstore(relation)
    entry = {"relation": relation, "drop_after": "90 days", "columnstore": {"after": "7 days"}}
    changed(database.run(policies=[entry]))
    unchanged(database.run(policies=[entry]))
    assert database.one_job(relation, "policy_compression")["config"]["compress_after"] == "7 days"
    assert unchanged(database.run(state="report")).result["version"] == database.kind
