# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the AWS modules share, see module_utils/_aws/run.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  platform:
    description:
      - Name of the platform that the resources belong to.
      - Everything made carries it in the tag C(entasis.io/platform); nothing without that tag is changed or deleted.
    type: str
    required: true
  role:
    description:
      - Name of the role that the resources belong to, in the tag C(entasis.io/role) of everything made.
      - Only resources of this platform and this role are ever removed. Several tasks may call the module for one
        platform, each with a role of its own.
    type: str
    required: true
  account:
    description:
      - Number of the AWS account that the resources are in. In any other, the module fails before it reads anything.
    type: str
  state:
    description:
      - V(present) makes the resources what the options say.
      - V(absent) removes what the platform and the role own of this kind of resource.
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

    SET = r"""
options:
  purge:
    description:
      - Whether to remove what the platform and the role own and the options do not name any more.
      - Otherwise it is left alone and listed in RV(unlisted).
    type: bool
    default: false
"""

    CLUSTER = r"""
options:
  cluster:
    description:
      - Name of the cluster. The default is the value of O(platform).
      - It must carry the platform's tag. In check mode it may be missing.
    type: str
"""
