# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L8: whether the GPUs are partitioned as asked (MIG)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import MIG_PREFIX, Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers.amount import partitioned
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason

Object = Mapping[str, Any]


def partitions(node: Object, config: Config) -> list[Reason]:
    """What is wrong with the partitions, their numbers aside."""
    of = labels.of(node)
    found = []
    asked, state = of.get(labels.MIG_CONFIG), of.get(labels.MIG_STATE)
    if state == "failed":
        found.append(reason("MIG_FAILED", f"the configuration {asked or '(no label)'} failed"))
    elif (asked or state) and state != "success":
        found.append(reason("MIG_PENDING", f"the configuration {asked or '(no label)'} is {state or 'not begun'}"))
    product = of.get(labels.PRODUCT, "")
    if product.endswith("-MIG-INVALID"):
        found.append(reason("MIG_INVALID", f"the GPU is {product}"))
    strategy = of.get(labels.MIG_STRATEGY, "none")
    if config.mig_strategy is not None and strategy != config.mig_strategy:
        found.append(reason("MIG_STRATEGY_MISMATCH", f"the strategy is {strategy}, not {config.mig_strategy}"))
    return found + _profiles(node, product, config)


def _profiles(node: Object, product: str, config: Config) -> list[Reason]:
    wanted = sorted(config.mig_profiles)
    if not wanted:
        return []
    capacity = (node.get("status") or {}).get("capacity") or {}
    if partitioned(labels.of(node)):
        there = [product.split("-MIG-")[1].removesuffix("-SHARED")]
    else:
        there = [
            key[len(MIG_PREFIX) :].removesuffix(".shared")
            for key in sorted(capacity)
            if key.startswith(MIG_PREFIX) and labels.amount(capacity, key)
        ]
    # Nothing at all is not a wrong profile: the layers below say what is missing.
    if not there or there == ["INVALID"] or set(there) == set(wanted):
        return []
    return [reason("MIG_PROFILE_MISMATCH", f"the profiles are {', '.join(there)}, not {', '.join(wanted)}")]
