# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real control plane behind the one emulated cluster: where it is, and how it is made empty again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ControlPlane:
    """A Kubernetes API server on this machine.

    C(recreate), where given, replaces the control plane by an empty one under the same address.
    """

    server: str
    ca_file: Path
    admin_kubeconfig: Path
    recreate: Callable[[], None] | None = None

    @classmethod
    def from_connection(cls, path: Path, recreate: Callable[[], None] | None = None) -> ControlPlane | None:
        """The control plane that connection.json names; None where it names none."""
        kubernetes = json.loads(path.read_text(encoding="utf-8")).get("kubernetes")
        if not kubernetes:
            return None
        return cls(kubernetes["server"], Path(kubernetes["ca_file"]), Path(kubernetes["admin_kubeconfig"]), recreate)

    def certificate_authority(self) -> str:
        """The CA's certificate as DescribeCluster gives it: the PEM file in base64."""
        return base64.b64encode(self.ca_file.read_bytes()).decode()
