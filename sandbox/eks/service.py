# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All of the emulated EKS in one process: records, API, token webhook and, with a control plane, the bridge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.eks.api import EksApi
from sandbox.eks.bridge import Bridge, ObservedNodes
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.failures import Failures
from sandbox.eks.gpu_board import GpuBoard
from sandbox.eks.identity import Webhook
from sandbox.eks.store import Store


class Eks:
    """Give C(api.wsgi_app) the requests that are signed for C(eks).

    C(account_changed) is called after moto's records were changed from here, so that they are written.
    """

    def __init__(
        self,
        records: Path,
        *,
        control_plane: ControlPlane | None,
        account_changed: Callable[[], None],
    ) -> None:
        store = Store(records)
        observed = ObservedNodes() if control_plane is not None else None
        self.failures = Failures()
        self.gpus = GpuBoard(store.changed.set)
        self.webhook = Webhook(store, time.time)
        self.api = EksApi(
            store,
            control_plane=control_plane,
            nodes=observed,
            failures=self.failures,
            account_changed=account_changed,
        )
        self._control_plane = control_plane
        self._bridge = Bridge(self.api, control_plane, observed, self.gpus) if control_plane and observed else None

    def start(self) -> None:
        """Start the bridge, where there is a control plane."""
        if self._bridge is not None:
            self._bridge.start()

    def stop(self) -> None:
        """End the bridge after the round that it is in."""
        if self._bridge is not None and self._bridge.is_alive():
            self._bridge.stop()
            self._bridge.join()

    def replace_node(self, content: Any) -> Mapping[str, str]:
        """Replace a node by a new instance under the old one's address, and so under its name: the ids of both.

        Raises:
            ValueError: no node is named, or there is none of this name.
        """
        if not isinstance(content, Mapping) or content.keys() != {"node"}:
            raise ValueError("a replacement is an object with the key node")
        before, after = self.api.replace_instance(str(content["node"]))
        return {"before": before, "after": after}

    def reset(self) -> None:
        """Forget every cluster. The control plane is made empty before this returns."""
        had_cluster = self.api.forget_everything()
        self.gpus.clear()
        if had_cluster and self._control_plane is not None and self._control_plane.recreate is not None:
            self._control_plane.recreate()
