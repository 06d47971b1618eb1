# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L2, L3 and L7: the card, its driver, and what GPU it is.

All of it is read from labels, which GPU feature discovery takes away for a while when it restarts, and which survive it
when it is removed. So they prove nothing alone: a missing label counts only where something was asked that it answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers import dra
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import pod_ready

Object = Mapping[str, Any]

#: States of an upgrade in which no upgrade is under way.
_UPGRADE_AT_REST = ("", "unknown", "upgrade-done")


@dataclass(frozen=True)
class Identity:
    """What GPU and driver a node has, empty where not known. C(cuda) is the newest version that the driver supports."""

    product: str
    driver: str
    cuda: str


def identity(node: Object, devices: Sequence[Object] = ()) -> Identity:
    """From the labels, or, where they do not tell, from the devices that the DRA driver published."""
    of = labels.of(node)
    return Identity(
        product=of.get(labels.PRODUCT) or dra.common(devices, "productName"),
        driver=labels.first(of, labels.DRIVER, labels.DRIVER_PARTS) or dra.common(devices, "driverVersion"),
        cuda=labels.first(of, labels.CUDA, labels.CUDA_PARTS) or dra.common(devices, "cudaDriverVersion"),
    )


def hardware(node: Object) -> list[Reason]:
    """Whether the scan of the PCI bus found a card. An absent label says nothing: not every image sets it."""
    if labels.of(node).get(labels.PRESENT) == "false":
        return [reason("HARDWARE_NOT_FOUND", f"the label {labels.PRESENT} is false")]
    return []


def driver(node: Object, context: Context, config: Config, identity: Identity) -> list[Reason]:
    """What is wrong with the driver."""
    of = labels.of(node)
    found = []
    upgrade = of.get(labels.DRIVER_UPGRADE, "")
    if upgrade == "upgrade-failed":
        found.append(reason("DRIVER_UPGRADE_FAILED", "the GPU operator gave up the driver's upgrade"))
    elif upgrade not in _UPGRADE_AT_REST:
        found.append(reason("DRIVER_UPGRADING", f"the driver's upgrade is at {upgrade}"))
    waiting = [pod["metadata"]["name"] for pod in context.driver_pods if not pod_ready(pod)]
    if waiting:
        found.append(reason("DRIVER_POD_NOT_READY", f"the driver's pod {waiting[0]} is not ready"))
    return found + _versions(of, config, identity)


def product(config: Config, identity: Identity) -> list[Reason]:
    """Whether it is the GPU that is expected."""
    if config.expected_product is None:
        return []
    found = identity.product
    if not found:
        return [reason("PRODUCT_UNKNOWN", f"the label {labels.PRODUCT} is missing")]
    # Sharing and partitions add to the name; what is asked for may or may not name them.
    plain = found.split("-MIG-")[0].removesuffix("-SHARED")
    if not any(config.expected_product.matches(name) for name in (found, plain)):
        return [reason("PRODUCT_MISMATCH", f"the GPU is {found}, not {config.expected_product.text}")]
    return []


def _versions(of: Mapping[str, str], config: Config, identity: Identity) -> list[Reason]:
    wanted = (
        ("driver", "DRIVER_TOO_OLD", identity.driver, config.min_driver_version),
        ("CUDA version", "CUDA_TOO_OLD", identity.cuda, config.min_cuda_version),
    )
    unknown = [what for what, _code, found, least in wanted if least and not labels.version(found)]
    if unknown:
        return [reason("DRIVER_LABELS_MISSING", f"no label tells the {' and the '.join(unknown)}")]
    if labels.DISCOVERED in of and not identity.driver:
        return [reason("DRIVER_LABELS_MISSING", "GPU feature discovery has looked at the node and saw no driver")]
    return [
        reason(code, f"the {what} is {found}, at least {'.'.join(map(str, least))} is asked for")
        for what, code, found, least in wanted
        if least and labels.older(labels.version(found), least)
    ]
