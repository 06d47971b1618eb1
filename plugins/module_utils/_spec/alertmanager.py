# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(alertmanager): parsed and kept for the role that will install Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import free_mapping
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key


@dataclass(frozen=True)
class Alertmanager:
    config: Mapping[str, Any] = key(free_mapping, "Alertmanager's own configuration.")
