# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory.

moto keeps every object that it ever makes on a list, for a web page that nobody opens here: those of a reset account,
and a copy of each security group rule for each time that the rules are described. None of it is ever freed.
"""

from __future__ import annotations

from typing import Any

from moto.core.common_models import BaseModel


def _new(model: type, *_arguments: Any, **_named: Any) -> Any:
    return object.__new__(model)


BaseModel.__new__ = staticmethod(_new)
