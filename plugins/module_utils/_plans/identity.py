# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of what others lean on: the key of the platform's data, and the log group of the control plane."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan, data_key, layer
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def identity_plan(platform: Platform) -> Plan:
    key = data_key(platform)
    return {
        **layer(platform),
        "kms_keys": [
            {
                "name": key,
                "description": f"Data of platform {platform.name} at rest",
                "policy_statements": [_logs_use_it(platform)],
            }
        ],
        "log_groups": [
            {
                "name": f"/aws/eks/{platform.name}/cluster",
                "retention_days": platform.eks_cluster.log_retention_days,
                "kms_key": f"alias/{key}",
                # A cluster that was there before has made it by itself.
                "adopt": True,
            }
        ],
    }


def _logs_use_it(platform: Platform) -> Plan:
    """What CloudWatch Logs needs to encrypt this platform's groups, and no others."""
    groups = f"arn:*:logs:{platform.region}:*:log-group:/aws/eks/{platform.name}/*"
    return {
        "Sid": "Logs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{platform.region}.amazonaws.com"},
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }
