# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection's modules support."""

from __future__ import annotations


class ModuleDocFragment:
    # A module that reconciles: the same planner in check mode and in a real run.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Plans the changes and reports them without applying any. Works on an empty account.
    support: full
  diff_mode:
    description: Shows what each changed resource was and what it becomes.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""
