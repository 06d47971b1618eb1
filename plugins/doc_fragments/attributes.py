# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection's modules support, and the options that its AWS modules share."""

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

    # The options of every AWS module that reconciles a set, see module_utils/_aws/module.py.
    SET = r"""
options:
  platform:
    description:
      - Name of the platform that the resources belong to.
      - Everything made carries it in the tag C(entasis.io/platform); nothing without that tag is changed or deleted.
    type: str
    required: true
  state:
    description:
      - V(present) makes the resources what the options say.
      - V(absent) removes what the platform owns of this kind of resource.
    type: str
    choices: [present, absent]
    default: present
  tags:
    description:
      - Tags for every resource, besides the three of ownership, which they cannot override.
      - Tags that others put on a resource are left alone.
    type: dict
    default: {}
"""
