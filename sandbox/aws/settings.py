# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The delays of the emulated AWS API, apart from those of EKS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """Seconds that things take. AWS takes one to two minutes for a NAT gateway."""

    #: A NAT gateway's pending, and its deleting.
    nat_gateway: float = 0.5


#: The settings of this process: the corrections of moto are functions inside moto, and read them here.
SETTINGS = Settings()
