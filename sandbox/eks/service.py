# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All of the emulated EKS in one process: records, API, token webhook and, with a control plane, the bridge."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.eks.api import EksApi
from sandbox.eks.bridge import Bridge, ObservedNodes
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.failures import Failures
from sandbox.eks.gpu_board import GpuBoard, Replacements
from sandbox.eks.identity import Webhook
from sandbox.eks.settings import Settings
from sandbox.eks.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Eks:
    """Give C(api.wsgi_app) the requests that are signed for C(eks), and C(own) the paths that it names.

    C(host) is the address and port under which the process answers, as in the URL of its STS. C(account_changed) is
    called after moto's records were changed from here, so that they are written.
    """

    def __init__(
        self,
        records: Path | None,
        host: str,
        *,
        control_plane: ControlPlane | None = None,
        account_changed: Callable[[], None] = lambda: None,
    ) -> None:
        store = Store(records)
        failures = Failures()
        self.settings = Settings()
        self._gpus = GpuBoard(store.changed.set)
        observed = ObservedNodes() if control_plane is not None else None
        self.api = EksApi(
            store,
            self.settings,
            control_plane=control_plane,
            nodes=observed,
            failures=failures,
            account_changed=account_changed,
        )
        self.own: dict[str, WSGIApplication] = {
            "/_sandbox/authenticate": Webhook(store, host, time.time).wsgi_app,
            "/_sandbox/eks/failures": failures.wsgi_app,
            "/_sandbox/eks/gpus": self._gpus.wsgi_app,
            "/_sandbox/eks/replacements": Replacements(self.api).wsgi_app,
        }
        self._control_plane = control_plane
        self._bridge = Bridge(self.api, control_plane, observed, self._gpus) if control_plane and observed else None

    def start(self) -> None:
        """Start the bridge, where there is a control plane."""
        if self._bridge is not None:
            self._bridge.start()

    def stop(self) -> None:
        """End the bridge after the round that it is in."""
        if self._bridge is not None and self._bridge.is_alive():
            self._bridge.stop()
            self._bridge.join()

    def reset(self) -> None:
        """Forget every cluster. The control plane is made empty before this returns."""
        had_cluster = self.api.forget_everything()
        self._gpus.clear()
        if had_cluster and self._control_plane is not None and self._control_plane.recreate is not None:
            self._control_plane.recreate()
