# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-in charts for the sandbox: the upstream names, versions and workloads, simulated by one generic chart.

C(table) says what each chart has, C(generic) holds the templates that all of them share, C(archive) packs the two.
Nothing of the upstream charts is in here; real platforms install those.
"""

from __future__ import annotations

from sandbox.charts.archive import build

__all__ = ["build"]
