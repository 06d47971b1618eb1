# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The figures of pods and nodes that kubectl top and the autoscalers read."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._releases.release import Release

METRICS_SERVER = Release(
    name="metrics-server",
    repository="https://kubernetes-sigs.github.io/metrics-server/",
    version="3.13.1",
    namespace="kube-system",
    # Two replicas, so that the autoscalers keep their figures while a node is replaced.
    values=lambda _platform: {"replicas": 2, "podDisruptionBudget": {"enabled": True, "minAvailable": 1}},
)
