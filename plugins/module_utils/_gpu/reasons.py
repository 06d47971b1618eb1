# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Why a node, or the set, is not ready."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why a node, or the set, is not ready. C(code) is for machines, C(message) says what is, C(hint) what to do."""

    code: str
    layer: str
    message: str
    hint: str = ""
