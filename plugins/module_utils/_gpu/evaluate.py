# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Whether a GPU node can take GPU work: all layers of one node, as a pure function of what the API gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers import (
    amount,
    conditions,
    device_plugin,
    dra,
    driver,
    kubelet,
    mig,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.layers.amount import Offer
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import ORDER, Reason, reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import pod_ready

Object = Mapping[str, Any]


@dataclass(frozen=True)
class NodeReport:
    """One node. C(capacity), C(allocatable) and C(expected) are GPUs, or what stands for them: None is not known.

    C(excluded) nodes, which are being removed, are no part of the set: they neither count as ready nor as missing.
    C(ignored) are the reasons that the task chose not to count. C(recheck_at) is when (seconds since 1970) the report
    changes without any news, by time alone: the node has to be evaluated again then.
    """

    name: str
    uid: str = ""
    pool: str = ""
    instance_type: str = ""
    reasons: tuple[Reason, ...] = ()
    ignored: tuple[Reason, ...] = ()
    excluded: bool = False
    mode: str = "device_plugin"
    capacity: int | None = None
    allocatable: int | None = None
    expected: int | None = None
    #: Where the expected amount is from; empty where it is not known although it was to be found.
    expected_from: str = ""
    product: str = ""
    driver: str = ""
    cuda: str = ""
    plugin_pod: str = ""
    recheck_at: float | None = None

    @property
    def ready(self) -> bool:
        return not self.reasons


def evaluate(node: Object, context: Context, config: Config) -> NodeReport:
    """The report on one node, its reasons from the ground up.

    It needs no other node: what it must know of them is in C(context). Where time alone will change the report, the
    report says when (C(recheck_at)).
    """
    metadata, of = node["metadata"], labels.of(node)
    found = kubelet.kubelet(node, context, config)
    if any(one.code == "NOT_READY" for one in found):
        found += device_plugin.repelled_agents(node, context, config)
    uses_dra = dra.used(node, context, config)
    devices = dra.devices(context) if uses_dra else dra.Devices((), ())
    if uses_dra:
        offers = [dra.offer(node, devices, config)]
        found += dra.published(devices)
    else:
        offers = amount.offers(node, config)
    identity = driver.identity(node, devices.devices)
    found += driver.hardware(node)
    found += driver.driver(node, context, config, identity)
    found += driver.product(config, identity)
    found += mig.partitions(node, config)
    if offers[0].expected == 0:
        found.append(reason("TYPE_WITHOUT_GPU", f"{offers[0].expected_from} has no GPU"))
    else:
        found += _offered(node, offers, context, config, uses_dra=uses_dra)
    unhealthy, recheck_at = conditions.health(node, context.now, config.conditions)
    found += unhealthy
    found.sort(key=lambda one: ORDER[one.layer])
    pod = device_plugin.plugin_pod(context)
    return NodeReport(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        pool=next((of[key] for key in labels.POOLS if key in of), ""),
        instance_type=of.get(labels.INSTANCE_TYPE, ""),
        reasons=tuple(one for one in found if one.code not in config.ignore_reasons),
        ignored=tuple(one for one in found if one.code in config.ignore_reasons),
        excluded=bool(metadata.get("deletionTimestamp")),
        mode="dra" if uses_dra else "device_plugin",
        capacity=_sum(one.capacity for one in offers),
        allocatable=_sum(one.allocatable for one in offers),
        expected=_sum(one.expected for one in offers),
        expected_from=offers[0].expected_from,
        product=identity.product,
        driver=identity.driver,
        cuda=identity.cuda,
        plugin_pod=pod["metadata"]["name"] if pod else "",
        recheck_at=recheck_at,
    )


def _offered(node: Object, offers: list[Offer], context: Context, config: Config, *, uses_dra: bool) -> list[Reason]:
    """L4 to L6."""
    found: list[Reason] = []
    if uses_dra:
        # A pool that says nothing is told of by dra.published.
        offers = [one for one in offers if one.capacity]
    else:
        found += device_plugin.device_plugin(node, context, config, registered=amount.registered(offers))
    explained = bool(found)
    pod = device_plugin.plugin_pod(context)
    for one in offers:
        found += amount.advertised(one, plugin_ready=pod is not None and pod_ready(pod), explained=explained)
        found += amount.amount(one)
    return found


def _sum(amounts: Iterable[int | None]) -> int | None:
    """The sum, or None where nothing is known."""
    known = [one for one in amounts if one is not None]
    return sum(known) if known else None
