# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Dropping chunks from here: for editions without policies, and for those who do not want to wait for the scheduler.

One transaction a relation: an interrupted run has dropped whole relations' chunks or nothing of them, the next run goes
on with the rest, and no transaction ever holds more locks than one relation needs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.entasis.engine.plugins.module_utils._postgresql.connection import DatabaseError
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Relation
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.preview import Cutoff, Preview
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.state import Database


class TransactionalDatabase(Database, Protocol):
    """A connection that can also group statements."""

    def transaction(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Dropped:
    """What one relation lost, or why it lost nothing."""

    relation: Relation
    chunks: tuple[str, ...] = ()
    error: str | None = None


class ChangedMeanwhileError(Exception):
    """More would go than the preview said."""


def drop(
    database: TransactionalDatabase,
    schema: str,
    cutoff: Cutoff,
    preview: Preview,
    lock_timeout: str,
) -> Dropped:
    """Drop what the preview said, and never more."""
    relation = cutoff.hypertable.relation
    argument = cutoff.argument("%s")
    sql = f"SELECT chunk::text AS chunk FROM {schema}.drop_chunks(%s::regclass, {argument}) AS chunk"
    try:
        with database.transaction():
            database.execute("SELECT set_config('lock_timeout', %s, true)", [lock_timeout])
            gone = tuple(row["chunk"] for row in database.execute(sql, [str(relation), str(cutoff.after)]))
            unseen = sorted(set(gone) - set(preview.all_names))
            if unseen:
                raise ChangedMeanwhileError
    except ChangedMeanwhileError:
        told = f"{len(unseen)} chunks would go that the preview did not show, {unseen[0]} among them; look at it again"
        return Dropped(relation, error=told)
    except DatabaseError as error:
        return Dropped(relation, error=str(error))
    return Dropped(relation, gone)
