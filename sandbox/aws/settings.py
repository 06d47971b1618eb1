# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The delays of the emulated AWS. They are far shorter than AWS's, and long enough that every state is seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """Seconds that things take. Without a control plane these alone decide when a state ends."""

    #: A NAT gateway's pending, and its deleting.
    nat_gateway: float = 0.5
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


#: The settings of this process: the corrections of moto are functions inside moto, and read them here.
SETTINGS = Settings()
