# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run every benchmark and hold its figure against its bar: `make bench`.

A benchmark is a function C(benchmarks(sandbox)) of a file bench_*.py here that returns (name, figure, bar) for each
thing it measured; a figure above its bar is short. Bars are on ratios of two things measured side by side in one run,
and on counts and sizes; seconds differ between machines, so that they are only shown (None).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.support.platform import PROJECT, Sandbox


def main() -> int:
    folder = Path(__file__).parent
    names = sorted(path.stem for path in folder.glob("bench_*.py"))
    results = []
    with tempfile.TemporaryDirectory(prefix="entasis-bench-") as home:
        sandbox = Sandbox(Path(home))
        sandbox.command("up")
        try:
            for name in names:
                print(f"measuring {name.removeprefix('bench_')} ...", flush=True)
                module = importlib.import_module(f"tests.benchmarks.{name}")
                for what, figure, limit in module.benchmarks(sandbox):
                    verdict = "shown" if limit is None else "ok" if figure <= limit else "short"
                    results.append({"name": what, "figure": round(figure, 2), "bar": limit, "verdict": verdict})
                    told = "" if limit is None else f"   at most {limit:g}   {verdict}"
                    print(f"{what:<70} {figure:8.2f}{told}", flush=True)
        finally:
            sandbox.command("down")
    load = os.getloadavg()[0]
    target = PROJECT / ".cache" / "bench.json"
    target.write_text(json.dumps({"load_average": load, "benchmarks": results}, indent=2) + "\n")
    print(f"written to {target.relative_to(PROJECT)}; load average at the end {load:.1f}")
    return int(any(result["verdict"] == "short" for result in results))


if __name__ == "__main__":
    sys.exit(main())
