# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the data stores: how the database is reached, and how long its data are kept."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import (
    Plan,
    kubeconfig,
    options,
    plain,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def data_stores_plan(platform: Platform) -> Plan:
    return {
        "region": platform.region,
        "account": platform.account,
        "kubeconfig": kubeconfig(platform),
        "timescaledb": plain(platform.timescaledb),
        "retention": [options(policy) for policy in platform.retention],
    }
