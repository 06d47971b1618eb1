# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Why the module refuses to touch a retention policy: one table of codes, from which docs/codes.md is made.

All refusals of a run are found before its first write, and told in one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A row of the table. C(remedy) says how to mend it, or how to allow it where that is possible."""

    code: str
    title: str
    meaning: str
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """One reason: C(where) is the relation, or the option for what concerns the whole task."""

    code: str
    where: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.message}. {self.remedy}"


class RefusedError(Exception):
    """What was asked cannot be done, or not without an explicit word. Nothing was written."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = len(self.refusals)
        head = "refused, and nothing was changed" if count == 1 else f"{count} refusals, and nothing was changed"
        super().__init__("\n".join([f"{head}:", *(f"- {refusal}" for refusal in self.refusals)]))


def refusal(code: str, where: str, message: str) -> Refusal:
    """The refusal of this code with the remedy of the table.

    Raises:
        KeyError: the table does not have the code.
    """
    return Refusal(code, where, message, CODES[code].remedy)


_TABLE = (
    Code(
        "TSR001",
        "No TimescaleDB",
        "The extension timescaledb is not installed in this database.",
        "Run CREATE EXTENSION timescaledb in it, or correct login_db.",
    ),
    Code(
        "TSR002",
        "TimescaleDB is too old",
        "Releases before 2.11 have other views and functions.",
        "Update the extension to 2.11 or newer.",
    ),
    Code(
        "TSR003",
        "The edition has no policies",
        "Under the Apache license TimescaleDB has no policies at all: neither retention nor columnstore nor refresh.",
        "Use engine: scheduled (or auto) and run the task by a schedule, or switch the server's timescaledb.license.",
    ),
    Code(
        "TSR004",
        "The database cannot be written",
        "The server is a standby, or the session is read-only.",
        "Connect to the primary, as a role whose default_transaction_read_only is off.",
    ),
    Code(
        "TSR005",
        "A restore is under way",
        "While timescaledb.restoring is on, jobs do not run and the catalog is not complete.",
        "End the restore with timescaledb_post_restore(), then run the task again.",
    ),
    Code(
        "TSR006",
        "The relation's name is not clear",
        "A relation is named with its schema, so that no search_path can lead to another table of that name.",
        'Write schema.table, with double quotes around names that need them: market."Order Book".',
    ),
    Code(
        "TSR007",
        "The relation does not exist",
        "There is no table or view of that name.",
        "Correct the name, or create the hypertable first.",
    ),
    Code(
        "TSR008",
        "The relation is no hypertable",
        "Policies are for hypertables and continuous aggregates.",
        "Make it one with create_hypertable, or take it off the list.",
    ),
    Code(
        "TSR009",
        "An internal table is named",
        "The table in which TimescaleDB keeps a continuous aggregate is managed through the aggregate.",
        "Name the continuous aggregate instead.",
    ),
    Code(
        "TSR010",
        "The interval cannot be read",
        "A relation with a time column takes an interval as PostgreSQL reads it, one with an integer column a number.",
        "Write an interval such as '90 days', '6 months' or 'PT12H'.",
    ),
    Code(
        "TSR011",
        "The interval is not positive",
        "TimescaleDB accepts zero and negative intervals, and then drops every chunk up to the present and beyond.",
        "Write an interval of which no part is negative.",
    ),
    Code(
        "TSR012",
        "The interval does not fit the time column",
        "A time column takes intervals, an integer column whole numbers in its own unit, both within the type's range.",
        "Write the other kind, or less; leave the policy out to keep everything.",
    ),
    Code(
        "TSR013",
        "An integer column has no present",
        "Without a function that tells the present in the column's unit, nothing can be older than something.",
        "Set integer_now_func to such a function, as schema.function.",
    ),
    Code(
        "TSR014",
        "The schedule is impossible",
        "A schedule interval has to be positive; a fixed schedule (with initial_start) takes months or days, not both.",
        "Write an interval such as '1 day'.",
    ),
    Code(
        "TSR015",
        "Dropping by creation time does not work here",
        "drop_created_before needs 2.13, and 2.26.3 on a time column: each run of the job fails before. On an integer "
        "column with an integer_now_func each run fails in every release so far (timescale/timescaledb#10355).",
        "Use drop_after, or update TimescaleDB.",
    ),
    Code(
        "TSR016",
        "The options do not fit together",
        "Of two options one is needed and both are too many, or an option needs another one.",
        "Write what is missing, or remove one of the two.",
    ),
    Code(
        "TSR017",
        "The relation is listed twice",
        "Two entries for one relation could contradict each other.",
        "Keep one of them.",
    ),
    Code(
        "TSR018",
        "The retention would be shortened",
        "Data that the present policy keeps would be dropped, or the two cannot be compared.",
        "Set allow_shorten: true if that is meant.",
    ),
    Code(
        "TSR019",
        "A continuous aggregate would lose its history",
        "A refresh recomputes the part of its window whose raw data were dropped: it recomputes it from nothing.",
        "Keep the raw data longer than start_offset plus the schedule interval of each refresh policy on them (without "
        "start_offset it never ends), or set on_cagg_conflict: warn.",
    ),
    Code(
        "TSR020",
        "A continuous aggregate would drop what it refreshes",
        "The aggregate's own retention is shorter than the window of its refresh policy.",
        "Keep its data longer, or shorten start_offset; or set on_cagg_conflict: warn.",
    ),
    Code(
        "TSR021",
        "Data would go before they are aggregated",
        "Chunks that are about to be dropped reach beyond what a continuous aggregate has materialised.",
        "Refresh the aggregate first (refresh_continuous_aggregate), or set require_materialized: false.",
    ),
    Code(
        "TSR022",
        "The columnstore policy comes too late",
        "Chunks would be dropped before, or as soon as, they move to the columnstore.",
        "Make columnstore.after shorter than drop_after, or leave it out.",
    ),
    Code(
        "TSR023",
        "The columnstore is not enabled",
        "A columnstore policy needs a hypertable on which the columnstore is enabled.",
        "Enable it: ALTER TABLE … SET (timescaledb.enable_columnstore, …) from 2.18, (timescaledb.compress, …) before.",
    ),
    Code(
        "TSR024",
        "Only continuous aggregates are refreshed",
        "A refresh policy was asked for a relation that is no continuous aggregate.",
        "Take refresh off the entry.",
    ),
    Code(
        "TSR025",
        "There are several policies of one kind",
        "An aggregate may have several refresh policies from 2.21 on, and two sessions that add a policy at the same "
        "time make two of any kind. This module keeps exactly one, and does not choose which.",
        "Remove all but one with delete_job(number), or take the policy off the entry.",
    ),
    Code(
        "TSR026",
        "Too large a part would be dropped",
        "The next run of the policy would drop a larger part of the chunks than max_drop_percent.",
        "Look at the preview, then raise max_drop_percent; or use arm: hold.",
    ),
    Code(
        "TSR027",
        "Too many chunks would be dropped",
        "The next run of the policy would drop more chunks than max_drop_chunks.",
        "Look at the preview, then raise max_drop_chunks; or use arm: hold.",
    ),
    Code(
        "TSR028",
        "Too many bytes would be dropped",
        "The next run of the policy would drop more bytes than max_drop_bytes.",
        "Look at the preview, then raise max_drop_bytes; or use arm: hold.",
    ),
    Code(
        "TSR029",
        "The user may not manage the relation",
        "Only a member of the relation's owner may change its policies.",
        "Connect as the owner, set session_role to it, or grant it to the user.",
    ),
    Code(
        "TSR030",
        "The owner cannot run jobs",
        "Jobs run as the relation's owner, and a role without LOGIN cannot run one.",
        "Give the owner LOGIN, or the relation another owner.",
    ),
    Code(
        "TSR031",
        "No moment to arm the policy at",
        "arm: at needs an initial_start that lies ahead.",
        "Set initial_start to a moment to come.",
    ),
    Code(
        "TSR032",
        "A purge without bounds",
        "purge removes policies from relations that are not listed, so it has to be told among which.",
        "Set match.",
    ),
    Code(
        "TSR033",
        "The release has no such setting",
        "This release of TimescaleDB cannot set that option on a policy.",
        "Leave the option out, or update TimescaleDB.",
    ),
    Code(
        "TSR034",
        "The chunk interval is impossible",
        "Chunks of a time column have a fixed length, so their interval has no months.",
        "Write days or hours; a whole number for an integer column.",
    ),
    Code(
        "TSR035",
        "The time zone is unknown",
        "The server does not know a time zone of that name.",
        "Write a name such as Europe/Berlin or UTC.",
    ),
    Code(
        "TSR036",
        "Somebody else was faster",
        "Another session changed the same policies meanwhile, or keeps a lock on them for longer than lock_timeout.",
        "Run the task again; it looks anew.",
    ),
    Code(
        "TSR037",
        "The scheduled engine keeps no policies",
        "With engine: scheduled the module itself drops chunks, so there is nothing to keep the option in.",
        "Leave the option out.",
    ),
    Code(
        "TSR038",
        "The function cannot tell the present",
        "integer_now_func has to be a function without arguments that returns the column's type.",
        "Create it, or correct its name.",
    ),
)

#: All codes.
CODES = {row.code: row for row in _TABLE}
