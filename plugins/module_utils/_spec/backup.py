# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(backup): parsed and kept for the role that will make backups."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import Value, integer, one_of, pattern, text
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

#: The lowest and highest number of each field: minute, hour, day, month, day of the week.
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@text.then
def _cron(value: Value, word: str) -> str:
    fields = word.split()
    if len(fields) != len(_CRON_FIELDS) or not all(map(_is_cron_field, fields, _CRON_FIELDS)):
        raise value.refuse(
            f"'{word}' is not a schedule; write minute, hour, day, month and day of the week, such as 0 1 * * *"
        )
    return word


def _is_cron_field(field: str, bounds: tuple[int, int]) -> bool:
    low, high = bounds
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([1-9][0-9]?))?", part)
        if match is None:
            return False
        numbers = [int(number) for number in match.group(1, 2) if number]
        if numbers != sorted(numbers) or not all(low <= number <= high for number in numbers):
            return False
    return True


_bucket = pattern(
    r"(?=.{3})(?!([0-9]+\.){3}[0-9]+$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    "the name of an S3 bucket; write 3 to 63 lower-case letters, digits, '.' and '-', and no address",
    longest=63,
)
_count = integer(0, 1000)


@dataclass(frozen=True)
class BackupRetention:
    """How many backups of each kind are kept."""

    hourly: int = key(_count, "Hourly backups.", 24)
    daily: int = key(_count, "Daily backups.", 7)
    weekly: int = key(_count, "Weekly backups.", 4)
    monthly: int = key(_count, "Monthly backups.", 12)


@dataclass(frozen=True)
class BackupStorage:
    type: str = key(one_of("s3"), "Kind of storage.", "s3")
    bucket: str = key(_bucket, "Name of the bucket.")
    region: str = key(
        values.region, "Region of the bucket.", lambda known: known["region"] or "", shown="the platform's"
    )


@dataclass(frozen=True)
class Backup:
    schedule: str = key(_cron, "Cron expression of five fields, in UTC.", "0 1 * * *")
    retention: BackupRetention = key(section(BackupRetention), "How many backups are kept.", written={})
    storage: BackupStorage = key(section(BackupStorage), "Where they are kept.")
