# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The Helm releases that the platform installs itself, each pinned to one version."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._releases.gpu import NVIDIA_DEVICE_PLUGIN
from ansible_collections.entasis.engine.plugins.module_utils._releases.metrics import METRICS_SERVER

#: By name.
RELEASES = {release.name: release for release in (METRICS_SERVER, NVIDIA_DEVICE_PLUGIN)}
