# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for a state that takes time: one loop for everything that is looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.entasis.engine.plugins.module_utils import _progress
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

#: Seconds between two looks at something that changes: short at first, since a small change is done in seconds, growing
#: to the interval that suits what takes minutes.
FIRST_INTERVAL = 0.2
LONGEST_INTERVAL = 15.0
INTERVAL_GROWTH = 1.5


class WaitError(PlanError):
    """What was waited for failed, or did not happen in time."""


def poll(
    look: Callable[[], str | None],
    what: str,
    timeout: float,
    *,
    advice: str = "",
    longest: float = LONGEST_INTERVAL,
) -> None:
    """Look until C(look) gives None; the status that it gives otherwise tells the user what was still the case.

    Where C(what) is empty, the status says that too. The pause between two looks grows up to C(longest) seconds.

    Raises:
        WaitError: C(timeout) seconds went by.
    """
    deadline = time.monotonic() + timeout
    interval = FIRST_INTERVAL
    with _progress.waiting() as tell:
        while (status := look()) is not None:
            tell(f"{what} is {status}" if what else status)
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitError(f"{what} is still {status} after {timeout:g} s. A new run goes on from there.{advice}")
            time.sleep(min(interval, left))
            interval = min(interval * INTERVAL_GROWTH, longest)
