# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The Helm charts that the platform installs itself, each pinned to one version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """A chart, where it comes from, and the release and namespace that it is installed as."""

    name: str
    repository: str
    version: str
    app_version: str
    namespace: str


METRICS_SERVER = Chart(
    name="metrics-server",
    repository="https://kubernetes-sigs.github.io/metrics-server/",
    version="3.13.1",
    app_version="0.8.1",
    namespace="kube-system",
)

#: Amazon Linux 2023's NVIDIA AMI brings the driver and the container toolkit, but not the device plugin.
NVIDIA_DEVICE_PLUGIN = Chart(
    name="nvidia-device-plugin",
    repository="https://nvidia.github.io/k8s-device-plugin",
    version="0.19.3",
    app_version="0.19.3",
    namespace="nvidia",
)

#: By the name of the chart, which is the name of the release too.
CHARTS = {chart.name: chart for chart in (METRICS_SERVER, NVIDIA_DEVICE_PLUGIN)}
