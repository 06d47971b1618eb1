# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Specs at the borders of what a spec may say: nothing, the least, and the longest. Each is a good one."""

from __future__ import annotations

from typing import Any

LABEL = "l" * 63
POOL = {"instance_type": "c5.large", "min_size": 0, "max_size": 1}

#: What empty lists and mappings leave of a platform.
NOTHING: dict[str, Any] = {
    "tags": {},
    "security_groups": {},
    "helm_releases": [],
    "services": [],
    "retention": [],
    "prometheus": {},
    "encryption": [],
    "filebeat": {},
}

#: The longest names; the pool's is what a replacement of it leaves.
LONGEST: dict[str, Any] = {
    "name": f"p{'n' * 26}",
    "tags": {"k" * 128: "v" * 256, "Größe": "전체 1.5_:/=+-@"},
    "security_groups": {f"g{'r' * 99}": {"description": "d" * 255}},
    "node_pools": [
        {
            **POOL,
            "name": f"1_{'P' * 52}",
            "min_size": 1,
            "labels": {LABEL: LABEL},
            "taints": [
                {"key": LABEL, "value": LABEL, "effect": "PreferNoSchedule"},
                {"key": "startup-taint.cluster-autoscaler.kubernetes.io/x", "effect": "PreferNoSchedule"},
            ],
        }
    ],
    "services": [
        {
            "name": f"s{'v' * 49}",
            "namespace": f"1{'n' * 62}",
            "image": f"i:{'t' * 128}",
            "ports": {"http": 1, f"p{'o' * 14}": 65535},
            "environment": {"_": ""},
            "resources": {"requests": {"cpu": "1e-1", "memory": "129e6"}, "limits": {"cpu": "+1", "memory": "129M"}},
            "network_policy": {"name": "n" * 253, "clients": [{LABEL: LABEL}]},
            "node_selector": {LABEL: LABEL},
        }
    ],
}

BORDERS: dict[str, dict[str, Any]] = {
    "nothing": NOTHING,
    "no pools": {"node_pools": [], "services": []},
    "the least": {
        "network": {
            "cidr": "10.0.0.0/24",
            "zones": ["ap-northeast-2a", "ap-northeast-2c"],
            "nat_gateways": "none",
            "gateway_endpoints": [],
        },
        "eks_cluster": {"logging": []},
        "node_pools": [{**POOL, "name": "0", "update_strategy": "MINIMAL"}],
        "gpu_readiness": {"timeout": 1, "stable_for": 0},
        "services": [{"name": "s", "image": "i:1", "ports": {}, "network_policy": {"egress": []}}],
        "retention": [{"relation": "a.b", "drop_after": 1, "max_runtime": "0 minutes"}],
        "backup": {
            "retention": dict.fromkeys(("hourly", "daily", "weekly", "monthly"), 0),
            "storage": {"bucket": "abc"},
        },
    },
    "the longest": LONGEST,
}
