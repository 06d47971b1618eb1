# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""helm_releases with ten releases that need nothing of each other, against the slowest of them alone.

Each stand-in chart has a StatefulSet whose pods follow one another, each once the one before has been ready for some
seconds; those seconds are the real controller's, so that a release takes its time without keeping a processor busy.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox.charts import build
from sandbox.charts.table import Chart, Workload
from tests.support.control_plane import ControlPlane
from tests.support.platform import Sandbox

RELEASES = 10
WAVE_BAR = 1.5
#: Pods of each release. The last one is begun after (PODS - 1) times the seconds below.
PODS = 3
#: Seconds that the pods of the slowest release must be ready for; the others' are fewer.
SLOWEST = 10


def benchmarks(_sandbox: Sandbox) -> list[tuple[str, float, float]]:
    chart = Chart("slow", "1.0.0", "example.org/slow", "v1", (Workload("StatefulSet", ("main",)),))
    with tempfile.TemporaryDirectory(prefix="entasis-bench-") as home, ControlPlane(Path(home) / "kwok") as cluster:
        build(Path(home) / "charts", [chart])
        cluster.add_node("node-1")

        def seconds(namespace: str, waits: range) -> float:
            releases: list[dict[str, Any]] = [
                {
                    "name": f"slow-{wait}",
                    "namespace": namespace,
                    "chart": chart.name,
                    "version": chart.version,
                    "values": {"replicas": PODS, "minReadySeconds": wait},
                }
                for wait in waits
            ]
            start = time.monotonic()
            outcome = cluster.run("helm_releases", platform=namespace, mirror=f"{home}/charts", releases=releases)
            if outcome.failed or len(outcome.changes) != len(releases):
                raise RuntimeError(outcome.message)
            return time.monotonic() - start

        alone = seconds("alone", range(SLOWEST, SLOWEST + 1))
        wave = seconds("wave", range(SLOWEST - RELEASES + 1, SLOWEST + 1))
    print(f"  the slowest release alone {alone:.1f} s, {RELEASES} releases {wave:.1f} s")
    return [(f"{RELEASES} Helm releases at once, to the slowest alone", wave / alone, WAVE_BAR)]
