# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parsers of C(prometheus), C(alertmanager), C(encryption), C(filebeat) and C(backup).

What belongs to those programs stays free-form; only the levels of our own are strict.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import (
    Alertmanager,
    Backup,
    BackupStorage,
    EncryptionRule,
    Filebeat,
    Prometheus,
    Retention,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    Section,
    Value,
    expected,
    free_mapping,
    integer,
    list_of,
    one_of,
    section_of,
    text,
)


def _with_key(key: str, what: str) -> Parser[dict[str, Any]]:
    """A free-form mapping that has one key at least."""

    def parser(value: Value) -> dict[str, Any]:
        parsed = free_mapping(value)
        if not isinstance(parsed.get(key), str):
            raise value.refuse(f"'{key}' is missing; write {what}")
        return parsed

    return parser


def prometheus(value: Value) -> Prometheus:
    """The parser of C(prometheus)."""
    scrape_config = _with_key("job_name", "the name of the job, in quotes")
    return section_of(lambda section: Prometheus(section.take("scrape_configs", list_of(scrape_config), ())))(value)


def alertmanager(value: Value) -> Alertmanager:
    """The parser of C(alertmanager)."""
    return section_of(lambda section: Alertmanager(section.take("config", free_mapping)))(value)


def encryption(value: Value) -> tuple[EncryptionRule, ...]:
    """The parser of C(encryption)."""
    return list_of(section_of(_encryption_rule))(value)


def _encryption_rule(section: Section) -> EncryptionRule:
    return EncryptionRule(
        resources=section.take("resources", list_of(text, least=1, unique=True)),
        providers=section.take("providers", list_of(_provider, least=1)),
    )


_PROVIDERS = ("aescbc", "aesgcm", "identity", "kms", "secretbox")


def _provider(value: Value) -> dict[str, Any]:
    parsed = free_mapping(value)
    if len(parsed) != 1 or next(iter(parsed)) not in _PROVIDERS:
        word = ", ".join(parsed)
        raise value.refuse(f"one provider is expected; {expected(word, _PROVIDERS, 'write one of')}")
    return parsed


def filebeat(value: Value) -> Filebeat:
    """The parser of C(filebeat)."""
    entry = _with_key("type", "the type of the input, such as container")
    return section_of(lambda section: Filebeat(section.take("inputs", list_of(entry), ())))(value)


def backup(region: str | None) -> Parser[Backup]:
    """The parser of C(backup), with the platform's region as the default of its storage."""

    def storage(section: Section) -> BackupStorage:
        return BackupStorage(
            type=section.take("type", one_of("s3"), "s3"),
            bucket=section.take("bucket", _bucket),
            region=section.take("region", values.region, region or ""),
        )

    def build(section: Section) -> Backup:
        return Backup(
            schedule=section.take("schedule", _cron, "0 1 * * *"),
            retention=section.take("retention", section_of(_retention), written={}),
            storage=section.take("storage", section_of(storage)),
        )

    return section_of(build)


def _retention(section: Section) -> Retention:
    count = integer(0, 1000)
    return Retention(
        hourly=section.take("hourly", count, 24),
        daily=section.take("daily", count, 7),
        weekly=section.take("weekly", count, 4),
        monthly=section.take("monthly", count, 12),
    )


_bucket = values.pattern(
    r"[a-z0-9][a-z0-9.-]+[a-z0-9]",
    "the name of an S3 bucket; write 3 to 63 lower-case letters, digits, '.' and '-'",
    longest=63,
)

#: The lowest and highest number of each field: minute, hour, day, month, day of the week.
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _cron(value: Value) -> str:
    word = text(value)
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
