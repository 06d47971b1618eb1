# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""How kinds are served, and those that the collection itself reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Resource:
    """How a kind is served: C(plural) is its name in paths."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> str:
        """The kind as the ApplySet standard and kubectl write it: C(Deployment.apps), C(ConfigMap)."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of the collection or, with a name, of the object. No namespace means all of them."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", True)
DAEMON_SETS = Resource("apps", "v1", "DaemonSet", "daemonsets", True)
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases", True)
NODES = Resource("", "v1", "Node", "nodes", False)
PODS = Resource("", "v1", "Pod", "pods", True)
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False)
SECRETS = Resource("", "v1", "Secret", "secrets", True)
SERVICES = Resource("", "v1", "Service", "services", True)
