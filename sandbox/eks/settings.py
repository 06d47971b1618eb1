# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The delays of the emulated EKS. They are far shorter than AWS's, and long enough that every state is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Settings:
    """Seconds that things take. Without a control plane these alone decide when a state ends."""

    #: A cluster's CREATING and DELETING.
    cluster: float = 2.0
    #: The shortest CREATING and DELETING of a node group, and both of an add-on.
    node_group: float = 1.0
    #: From the launch of an instance to its Ready node.
    node: float = 0.5
    #: From the device plugin's Running pod to the node's nvidia.com/gpu.
    gpu: float = 1.0
    #: The shortest UPDATING.
    update: float = 1.0
    #: How long pods may resist their eviction. EKS waits 15 minutes.
    eviction: float = 60.0

    def change(self, values: Mapping[str, Any]) -> None:
        """Set what is named, leave the rest.

        Raises:
            ValueError: an unknown name, or a value that is not a number of seconds. Nothing has been changed.
        """
        names = [setting.name for setting in fields(self)]
        problems = [f"unknown setting {name!r}; there are {', '.join(names)}" for name in values if name not in names]
        problems += [
            f"{name}: {value!r} is not a number of seconds from 0 on"
            for name, value in values.items()
            if name in names and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        for name, value in values.items():
            setattr(self, name, float(value))
