# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a function of moto gets another in its place."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

_pending: list[tuple[type | ModuleType, str, Callable[..., Any]]] = []


def corrects(owner: type | ModuleType, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put the decorated function in the place of C(owner.name). Its first argument is what was there before."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _pending.append((owner, name, function))
        return function

    return register


def install() -> None:
    """Install what was registered since the last time."""
    while _pending:
        owner, name, function = _pending.pop(0)
        setattr(owner, name, _bound_to(function, getattr(owner, name)))


def _bound_to(function: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def replacement(*arguments: Any, **named: Any) -> Any:
        return function(original, *arguments, **named)

    return replacement
