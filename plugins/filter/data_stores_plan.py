# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that makes the plan of role data_stores from a platform's spec."""

from __future__ import annotations

DOCUMENTATION = r"""
name: data_stores_plan
short_description: Makes the plan of the platform's data stores
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - Makes what the role P(entasis.engine.data_stores#role) is given from a platform's spec.
  - The whole spec is parsed, not only what this plan needs, so that every playbook refuses a bad spec before any API
    call.
  - The same spec always gives the same plan. Nothing is read besides the spec.
options:
  _input:
    description:
      - The spec, usually the variable C(entasis_platform).
      - Its keys are described in C(docs/spec.md) of the collection.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the plan of the platform's data stores
  ansible.builtin.debug:
    msg: "{{ entasis_platform | entasis.engine.data_stores_plan }}"
  vars:
    entasis_platform:
      name: entasis
      region: ap-northeast-2
"""

RETURN = r"""
_value:
  description:
    - Beside what every plan says (C(platform), C(region), C(purge), C(tags), C(notices)), it holds C(kubeconfig),
      C(timescaledb) and C(retention).
    - Plain data, described key by key by the role's argument specification.
  type: dict
"""

from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._plans.data_stores import data_stores_plan
from ansible_collections.entasis.engine.plugins.plugin_utils._plan_filter import plan_filter


class FilterModule:
    """Ansible's table of the filters in this file."""

    def filters(self) -> dict[str, Any]:
        return {"data_stores_plan": plan_filter(data_stores_plan)}
