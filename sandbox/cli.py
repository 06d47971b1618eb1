# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's command line: up, down, status and tools."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from sandbox import lifecycle, toolchain
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.lifecycle import Part
from sandbox.state import Run

MEBIBYTE = 1024**2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what it was asked for."""
    options = _parser().parse_args(arguments)
    layout = Layout.from_environment()
    try:
        if options.command == "up":
            lifecycle.up(layout, options.kubernetes, _say)
        elif options.command == "down":
            lifecycle.down(layout, options.keep, _say)
        elif options.command == "status":
            return _status(layout, options.json)
        else:
            print(toolchain.prepare())
    except SandboxError as error:
        print(f"[sandbox] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("[sandbox] interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The platform's sandbox on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what does not run, and wait until all of it is healthy")
    up.add_argument(
        "--no-kubernetes", dest="kubernetes", action="store_false", help="the AWS API only, without a control plane"
    )
    down = commands.add_parser("down", help="end every process, and forget the account and the control plane")
    down.add_argument("--keep", action="store_true", help="keep the account and the control plane for the next start")
    status = commands.add_parser("status", help="show what runs; exit code 0 only when all of it is healthy")
    status.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("tools", help="find, download or build the tools, and print their folder")
    return parser


def _status(layout: Layout, as_json: bool) -> int:
    run, parts = lifecycle.status(layout)
    healthy = run is not None and all(part.state == "healthy" for part in parts)
    if as_json:
        content = {
            "home": str(layout.home),
            "healthy": healthy,
            "ready_seconds": run.ready_seconds if run else None,
            "resident_bytes": sum(part.resident_bytes for part in parts),
            "parts": [asdict(part) for part in parts],
        }
        print(json.dumps(content, indent=2))
    elif run is None:
        print(f"The sandbox in {layout.home} does not run; `python -m sandbox up` starts it.")
    else:
        print("\n".join(_table(layout, run, parts)))
    return 0 if healthy else 1


def _table(layout: Layout, run: Run, parts: list[Part]) -> list[str]:
    lines = [f"{'part':<25}{'state':<15}{'port':>6}{'pid':>9}{'memory':>11}"]
    for part in parts:
        memory = f"{part.resident_bytes / MEBIBYTE:.0f} MiB" if part.pid else "-"
        lines.append(f"{part.name:<25}{part.state:<15}{part.port:>6}{part.pid or '-':>9}{memory:>11}")
    total = sum(part.resident_bytes for part in parts) / MEBIBYTE
    took = f"; the start took {run.ready_seconds} s" if run.ready_seconds is not None else ""
    return [*lines, f"{total:.0f} MiB resident in all{took}; state folder {layout.home}"]


def _say(text: str) -> None:
    print(f"[sandbox] {text}", flush=True)
