# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/codes.md from the tables of codes in the modules, so that it never says anything else than they do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import refusals

PAGE = Path(__file__).resolve().parents[1] / "docs" / "codes.md"

_HEAD = """\
# Codes

Every reason for which `gpu_node_ready` waits or fails, and every refusal of `timescaledb_retention`. This page is made
from the modules' own tables by `scripts/codes.py`; a change here is lost.
"""

_GPU = """\
## gpu_node_ready

A node is ready when no layer lacks anything. Reasons are in the result's `nodes[].reasons` and `summary_by_reason`.
[gpu_nodes.md](gpu_nodes.md) shows how the module is used.

Reasons marked **stays** do not go away by waiting: a node that has had one for `fail_fast_after` seconds is given up,
and the task fails once too few other nodes are left. `fail_fast_reasons` takes other codes. `ignore_reasons` leaves
reasons of L1 to L10 out.
"""

_RETENTION = """\
## timescaledb_retention

All refusals of a run are found before its first write and told in one message; nothing is changed then.
"""


def page() -> str:
    """The whole page."""
    layers: dict[str, list[reasons.Code]] = defaultdict(list)
    for row in reasons.CODES.values():
        layers[row.layer].append(row)
    gpu = [
        part
        for layer, about in reasons.LAYERS.items()
        for part in (
            f"### {layer}, {about}\n",
            _table(
                ("Code", "What is", "What to do"),
                (
                    (f"`{row.code}`", row.meaning + ("" if row.waiting_helps else " **stays**"), row.remedy)
                    for row in layers[layer]
                ),
            ),
        )
    ]
    retention = _table(
        ("Code", "What is", "How to mend or allow it"),
        ((f"`{row.code}`", f"{row.title}. {row.meaning}", row.remedy) for row in refusals.CODES.values()),
    )
    return "\n".join([_HEAD, _GPU, *gpu, _RETENTION, retention])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
