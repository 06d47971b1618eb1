# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that makes a role's plan from a platform's spec."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan
short_description: Makes a role's plan from a platform's spec
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - Makes what a role of this collection is given from a platform's spec.
  - The whole spec is parsed, not only what this plan needs, so that every playbook refuses a bad spec before any API
    call.
  - The same spec always gives the same plan. Nothing is read besides the spec.
positional: role
options:
  _input:
    description:
      - The spec, usually the variable C(entasis_platform).
      - Its keys are described in C(docs/spec.md) of the collection.
    type: dict
    required: true
  role:
    description: Name of the role, without that of the collection.
    type: str
    required: true
    choices: [data_stores, eks_cluster, eks_node_pools, helm_releases, services, vpc]
"""

EXAMPLES = r"""
- name: Show the plan of the network and its security groups
  ansible.builtin.debug:
    msg: "{{ entasis_platform | entasis.engine.plan('vpc') }}"
  vars:
    entasis_platform:
      name: entasis
      region: ap-northeast-2
"""

RETURN = r"""
_value:
  description: Plain data, described key by key by the role's argument specification.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.entasis.engine.plugins.module_utils._plans.data_stores import data_stores_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.eks_cluster import eks_cluster_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.eks_node_pools import eks_node_pools_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.helm_releases import helm_releases_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.identity import identity_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.services import services_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.vpc import vpc_plan
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import SpecError
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import parse_platform

PLANS = {
    "data_stores": data_stores_plan,
    "eks_cluster": eks_cluster_plan,
    "eks_node_pools": eks_node_pools_plan,
    "helm_releases": helm_releases_plan,
    "identity": identity_plan,
    "services": services_plan,
    "vpc": vpc_plan,
}


def plan(spec: object, role: str) -> dict[str, Any]:
    """The plan of a role.

    Raises:
        AnsibleFilterError: the spec has problems, or there is no such role.
    """
    if not isinstance(role, str) or role not in PLANS:
        raise AnsibleFilterError(f"there is no plan for a role {role!r}; the roles are {', '.join(PLANS)}")
    if not isinstance(spec, Mapping):
        raise AnsibleFilterError(
            f"the spec of a platform is a mapping, not {type(spec).__name__}; give this filter entasis_platform, "
            "which group_vars/all/platform.yml of the inventory defines"
        )
    try:
        return PLANS[role](parse_platform(spec))
    except SpecError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's table of the filters in this file."""

    def filters(self) -> dict[str, Any]:
        return {"plan": plan}
