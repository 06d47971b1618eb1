# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which a test waits: for a condition, with a limit. And a clock for what waits itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

#: Seconds between two looks.
_PERIOD = 0.05


def wait_until(condition: Callable[[], Any], what: str = "the condition is met", limit: float = 30.0) -> Any:
    """The first true answer of a condition; fails after C(limit) seconds, saying what was waited for."""
    end = time.monotonic() + limit
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= end:
            pytest.fail(f"not after {limit:.0f} s: {what}")
        time.sleep(_PERIOD)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
