# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What every plan filter does the same way: parse the whole spec, make one plan, translate the refusal for Ansible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import SpecError
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform, parse_platform


def plan_filter(plan: Callable[[Platform], dict[str, Any]]) -> Callable[[object], dict[str, Any]]:
    """The Ansible filter that turns a spec into this plan."""

    def run(spec: object) -> dict[str, Any]:
        if not isinstance(spec, Mapping):
            raise AnsibleFilterError(
                f"the spec of a platform is a mapping, not {type(spec).__name__}; give this filter entasis_platform, "
                "which group_vars/all/platform.yml of the inventory defines"
            )
        try:
            return plan(parse_platform(spec))
        except SpecError as error:
            raise AnsibleFilterError(str(error)) from None

    return run
