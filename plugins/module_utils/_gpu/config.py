# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What is expected of each GPU node, and what the rules look at besides the node itself.

What is around a node is small enough that a changed node is judged without the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Object = Mapping[str, Any]

#: How the device plugin's pods are labelled, by the way it was installed: Helm chart, GPU operator, plain manifest.
PLUGIN_SELECTORS = (
    "app.kubernetes.io/name=nvidia-device-plugin",
    "app=nvidia-device-plugin-daemonset",
    "name=nvidia-device-plugin-ds",
)

#: How the GPU operator labels its driver pods. Images of EKS carry the driver and have none.
DRIVER_SELECTOR = "app=nvidia-driver-daemonset"

GPU_RESOURCE = "nvidia.com/gpu"
MIG_PREFIX = "nvidia.com/mig-"

_TAINT = re.compile(r"(?P<key>[\w./-]+\*?)(=(?P<value>[\w.-]*))?(:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute))?")


@dataclass(frozen=True)
class TaintPattern:
    """A taint to look for. A part that is None matches any."""

    key: str
    value: str | None = None
    effect: str | None = None

    @classmethod
    def parse(cls, text: str) -> TaintPattern:
        """A taint as kubectl writes it: C(key), C(key=value), C(key:effect) or C(key=value:effect).

        Raises:
            ValueError: it is none.
        """
        match = _TAINT.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is no taint: write key, key=value, key:effect or key=value:effect")
        return cls(match["key"], match["value"], match["effect"])

    def matches(self, taint: Mapping[str, Any]) -> bool:
        """Whether this is the taint of a node. A key that ends with C(*) matches by its beginning."""
        key = str(taint.get("key", ""))
        same = key.startswith(self.key[:-1]) if self.key.endswith("*") else key == self.key
        return (
            same
            and (self.value is None or self.value == (taint.get("value") or ""))
            and (self.effect is None or self.effect == taint.get("effect"))
        )

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        return f"{self.key}{value}" + ("" if self.effect is None else f":{self.effect}")


@dataclass(frozen=True)
class ProductPattern:
    """Names of a GPU: one, whatever its case and with - for spaces as in labels, or after C(~) a regular expression."""

    text: str
    _expression: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> ProductPattern:
        """The pattern as it is written.

        Raises:
            ValueError: it is no regular expression.
        """
        try:
            expression = text[1:] if text.startswith("~") else re.escape(text.replace(" ", "-"))
            return cls(text, re.compile(expression, re.IGNORECASE))
        except re.error as error:
            raise ValueError(str(error)) from error

    def matches(self, name: str) -> bool:
        """Whether the whole name is one of them."""
        return self._expression.fullmatch(name) is not None


@dataclass(frozen=True)
class DevicePlugin:
    """Whether a pod of the device plugin has to be on the node, and how it is found.

    C(auto): only where a DaemonSet of the plugin selects the node, because some images have the plugin built in.
    C(required): always. C(skip): it is not looked at. An empty C(namespace) is every namespace.
    """

    mode: Literal["auto", "required", "skip"]
    namespace: str
    selectors: tuple[str, ...]


@dataclass(frozen=True)
class ConditionRule:
    """A condition's type and the status, True, False or Unknown, that it has to have (C(required)) or must not have."""

    type: str
    status: str
    required: bool

    def holds(self, status: str) -> bool:
        """Whether a condition of this status is as it should be."""
        return (status == self.status) == self.required


@dataclass(frozen=True)
class Conditions:
    """Which conditions of the node count besides Ready and those of the agents that are known, see conditions.py.

    C(ignore) are types that never count. C(min_age) are the seconds for which a condition must have been good before it
    means something.
    """

    rules: tuple[ConditionRule, ...]
    ignore: frozenset[str]
    min_age: float


@dataclass(frozen=True)
class Config:
    """What is expected of each node, see the options of gpu_node_ready.

    C(mig_profiles) are the instances of each profile that a node has, None for any number above 0. Versions are
    numbers in order of weight. C(lease_max_age) is in seconds: a kubelet renews its lease every 10 s.
    """

    gpu_resource: str
    expected_gpus: int | Literal["auto", "skip"]
    expected_product: ProductPattern | None
    min_driver_version: tuple[int, ...]
    min_cuda_version: tuple[int, ...]
    mig_strategy: Literal["none", "single", "mixed"] | None
    mig_profiles: Mapping[str, int | None]
    mode: Literal["device_plugin", "dra", "auto"]
    expected_taints: tuple[TaintPattern, ...]
    ignore_taints: tuple[TaintPattern, ...]
    startup_taints: tuple[TaintPattern, ...]
    device_plugin: DevicePlugin
    conditions: Conditions
    ignore_reasons: frozenset[str]
    lease_max_age: float


@dataclass(frozen=True)
class Context:
    """What is known around one node.

    C(now) is the cluster's wall clock in seconds since 1970. C(plugin_pods) and C(driver_pods) are those of this node
    only. C(daemon_sets) are all that were read, of any agent: the rules pick those that select the node; None where
    they were not read. C(resource_slices) are those of this node, of any driver; None where they were not read, as in
    a cluster without the API. C(lease) is the node's lease, None where it was not read. C(pods_read) is false where the
    device plugin's pods could not be read, so that their absence says nothing.
    """

    now: float
    plugin_pods: Sequence[Object] = ()
    pods_read: bool = True
    driver_pods: Sequence[Object] = ()
    daemon_sets: Sequence[Object] | None = None
    resource_slices: Sequence[Object] | None = None
    lease: Object | None = None
