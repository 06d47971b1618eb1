# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A standby: its policies can be reported; to change them is refused before anything is tried."""

from __future__ import annotations

from tests.support.postgresql import Server
from tests.support.retention import Database


def test_a_standby_is_reported_on_and_never_written_to() -> None:
    with Server() as server:
        database = Database.make(server)
        relation = database.hypertable()
        database.add(relation, "90 days")
        database.session.close()
        server.become_standby()
        standby = Database(server, database.name, database.kind)
        assert standby.value("SELECT pg_is_in_recovery()") is True

        report = standby.run(state="report")
        assert not report.failed, report.message
        assert report.of(relation)["after"]["retention"]["drop_after"] == "90 days"
        for check in (True, False):
            refused = standby.keep(relation, "95 days", check=check)
            assert refused.codes == {"TSR004"}
            assert "standby" in refused.message
        assert standby.one_job(relation)["config"]["drop_after"] == "90 days"
        standby.session.close()
