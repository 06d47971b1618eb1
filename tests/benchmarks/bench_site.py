# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole of site.yml on a platform that is as specified: nothing to do, and how long it takes to know that."""

from __future__ import annotations

import statistics
import time

from tests.support.platform import Sandbox

RUNS = 3
BAR_SECONDS = 20


def benchmarks(sandbox: Sandbox) -> list[tuple[str, float, float]]:
    first = sandbox.site()
    if first.code:
        raise RuntimeError(first.output)
    took = []
    for _run in range(RUNS):
        start = time.monotonic()
        again = sandbox.site()
        took.append(time.monotonic() - start)
        if again.code or again.changed:
            raise RuntimeError(f"not a no-op: {again.changed_tasks}\n{again.output}")
    return [("site.yml with nothing to do, seconds of wall time, median of 3", statistics.median(took), BAR_SECONDS)]
