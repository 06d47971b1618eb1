# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Quantities as Kubernetes writes them: 1, 500m, 2Gi, 129e6. The API server itself turns 4000 into 4k."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_FORM = re.compile(
    r"\+?(?P<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)"
    r"([eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<unit>n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?"
)
_UNITS = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_UNITS.update({unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)})
_UNITS.update({f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)})


def is_quantity(text: str) -> bool:
    """Whether a text is a quantity that is not negative."""
    return _FORM.fullmatch(text) is not None


def amount(quantity: int | str) -> Decimal:
    """What a quantity stands for.

    Raises:
        ValueError: it is none.
    """
    match = _FORM.fullmatch(str(quantity))
    if match is None:
        raise ValueError(f"not a quantity: {quantity}")
    return Decimal(match["number"]).scaleb(int(match["exponent"] or 0)) * _UNITS[match["unit"] or ""]


def whole(quantity: int | str) -> int:
    """A quantity as a whole number, rounded up, as Kubernetes reads the amounts of extended resources.

    Raises:
        ValueError: it is none.
    """
    return math.ceil(amount(quantity))
