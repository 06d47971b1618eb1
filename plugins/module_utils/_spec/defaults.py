# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parts of the document that a spec has without writing them, in the spec's own form."""

from __future__ import annotations

from typing import Any

SECURITY_GROUPS: dict[str, Any] = {
    "frontend": {"inbound": [{"port": 80, "source": "0.0.0.0/0"}, {"port": 443, "source": "0.0.0.0/0"}]},
    "application": {"inbound": [{"port": 8080, "source": "frontend_sg"}, {"port": 9000, "source": "monitoring_sg"}]},
    "database": {"inbound": [{"port": 5432, "source": "application_sg"}, {"port": 6379, "source": "application_sg"}]},
}

#: The group that the document's block refers to and does not define. It exists where a rule refers to it.
MONITORING_GROUP = "monitoring"
#: The group that lets eks_cluster.private_access_cidrs in.
CONTROL_PLANE_GROUP = "control-plane"

NODE_POOLS: list[dict[str, Any]] = [
    {"name": "general", "instance_type": "c5.2xlarge", "min_size": 3, "max_size": 10, "labels": {"role": "general"}},
    {
        "name": "ai-inference",
        "instance_type": "g4dn.xlarge",
        "min_size": 2,
        "max_size": 5,
        "labels": {"role": "ai-inference"},
    },
    {
        "name": "data-processing",
        "instance_type": "r5.2xlarge",
        "min_size": 2,
        "max_size": 8,
        "labels": {"role": "data-processing"},
    },
]

SERVICES: list[dict[str, Any]] = [
    {
        "name": "trading-api",
        "image": "trading-api:1.0.0",
        "replicas": 3,
        "ports": {"http": 8080, "metrics": 9090},
        "resources": {"requests": {"cpu": 1, "memory": "2Gi"}, "limits": {"cpu": 2, "memory": "4Gi"}},
        "autoscaling": {"min_replicas": 3, "max_replicas": 10, "cpu_utilization": 70},
        "network_policy": {"name": "api-network-policy", "clients": [{"role": "frontend"}]},
    }
]

#: Exchange data, from what is large and soon worthless to what is small and asked for years later.
RETENTION: list[dict[str, Any]] = [
    {"relation": "market.order_book", "drop_after": "14 days"},
    {"relation": "market.trades", "drop_after": "90 days"},
    {"relation": "market.candles_1m", "drop_after": "1 year"},
    {"relation": "market.candles_1h", "drop_after": "5 years"},
    {"relation": "market.candles_1d", "drop_after": "10 years"},
    {"relation": "analysis.features", "drop_after": "180 days"},
    {"relation": "analysis.predictions", "drop_after": "1 year"},
]
