# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the emulated AWS is told to do on demand: plain data, checked by a dataclass, kept until it is cleared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Entry = TypeVar("Entry", bound="DataclassInstance")


def parse(kind: type[Entry], content: object) -> Entry:
    """An entry from plain data. Numbers are of at least 0.

    Raises:
        ValueError: a key or a value is not what it must be; names every problem.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"the body must be an object, not {content!r}")
    hints = get_type_hints(kind)
    problems = [f"unknown key {key!r}; there are {', '.join(hints)}" for key in content if key not in hints]
    problems += [
        f"{key} must be {_wording(hints[key])}, not {value!r}"
        for key, value in content.items()
        if key in hints and not _fits(value, hints[key])
    ]
    if problems:
        raise ValueError("; ".join(problems))
    try:
        return kind(**content)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint in (int, float):
        kinds = int if hint is int else int | float
        return isinstance(value, kinds) and not isinstance(value, bool) and value >= 0
    return isinstance(value, hint)


def _wording(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    return "a text" if hint is str else "a number of at least 0"


class Board(Generic[Entry]):
    """The entries of C(kind) that are set. Safe for threads. C(changed) is called after each change."""

    kind: type[Entry]

    def __init__(self, changed: Callable[[], object] = lambda: None) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def set(self, content: object) -> None:
        """Set one more entry, from plain data."""
        entry = parse(self.kind, content)
        with self._lock:
            self._entries.append(entry)
        self._changed()

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
        self._changed()

    def report(self) -> list[dict[str, Any]]:
        """The entries that are still to come."""
        with self._lock:
            return [asdict(entry) for entry in self._entries]
