# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real control plane behind the one emulated cluster: where it is, and how it is made empty again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


class ControlPlaneMissingError(Exception):
    """There is no control plane at the moment."""


@dataclass(frozen=True)
class ControlPlane:
    """A Kubernetes API server on this machine, found through the admin's kubeconfig each time it is asked for.

    The certificates in the kubeconfig are files, as kwokctl writes them. C(recreate) replaces the control plane by an
    empty one under the same address; without it a deleted cluster's objects other than its Nodes stay.
    """

    admin_kubeconfig: Path
    recreate: Callable[[], None] | None = None

    @property
    def pod_logs(self) -> Path:
        """The folder of the simulated pods' logs; it goes with the control plane."""
        return self.admin_kubeconfig.parent / "pod-logs"

    @property
    def server(self) -> str:
        return str(self._cluster()["server"])

    @property
    def certificate_authority(self) -> str:
        """The CA's certificate as DescribeCluster gives it: the PEM file in base64."""
        try:
            return base64.b64encode(Path(self._cluster()["certificate-authority"]).read_bytes()).decode()
        except OSError as error:
            raise ControlPlaneMissingError(f"the control plane has no CA certificate ({error})") from error

    def _cluster(self) -> dict[str, Any]:
        try:
            cluster: dict[str, Any] = self.read()["clusters"][0]["cluster"]
        except (KeyError, IndexError, TypeError) as error:
            raise ControlPlaneMissingError(f"{self.admin_kubeconfig} is not a kubeconfig ({error!r})") from error
        return cluster

    def read(self) -> Any:
        """The kubeconfig.

        Raises:
            ControlPlaneMissingError: there is none that can be read.
        """
        try:
            return _parse(self.admin_kubeconfig, self.admin_kubeconfig.stat().st_mtime_ns)
        except (OSError, yaml.YAMLError) as error:
            raise ControlPlaneMissingError(f"there is no control plane ({error})") from error


@lru_cache(maxsize=4)
def _parse(path: Path, modified: int) -> Any:  # noqa: ARG001 - a changed file is another one to the cache
    """The content of a kubeconfig. Every DescribeCluster asks for it, and parsing takes longer than all the rest."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
