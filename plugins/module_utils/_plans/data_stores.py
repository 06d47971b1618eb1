# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the data stores: how the database is reached, and how long its data are kept."""

from __future__ import annotations

from dataclasses import asdict

from ansible_collections.entasis.engine.plugins.module_utils._plans.aws import Plan, common, kubeconfig
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.retention import RetentionPolicy


def data_stores_plan(platform: Platform) -> Plan:
    """The database and its retention policies."""
    return {
        **common(platform),
        "kubeconfig": kubeconfig(platform),
        "timescaledb": asdict(platform.timescaledb),
        "retention": [_policy(policy) for policy in platform.retention],
    }


def _policy(policy: RetentionPolicy) -> Plan:
    """The options of the module that are written; the others are left as they are."""
    return {key: value for key, value in asdict(policy).items() if value is not None}
