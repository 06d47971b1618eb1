# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(encryption): parsed and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Value,
    expected,
    free_mapping,
    list_of,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

_PROVIDERS = ("aescbc", "aesgcm", "identity", "kms", "secretbox")


@free_mapping.then
def _provider(value: Value, parsed: dict[str, Any]) -> dict[str, Any]:
    if len(parsed) != 1 or next(iter(parsed)) not in _PROVIDERS:
        word = ", ".join(parsed)
        raise value.refuse(f"one provider is expected; {expected(word, _PROVIDERS, 'write one of')}")
    return parsed


@dataclass(frozen=True)
class EncryptionRule:
    """Resources and how they are encrypted. The providers may hold keys, so they stay out of any printed form."""

    resources: tuple[str, ...] = key(list_of(text, least=1, unique=True), "Kinds of resources, such as `secrets`.")
    providers: tuple[Mapping[str, Any], ...] = key(
        list_of(_provider, least=1), "Providers of Kubernetes' EncryptionConfiguration, in their order.", secret=True
    )


encryption = list_of(section(EncryptionRule))
