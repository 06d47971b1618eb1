# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The labels, amounts and times of a node that the rules read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._quantities import whole

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
#: The label with a Karpenter pool's name, of releases since 0.32 and before.
KARPENTER_POOLS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
#: Where the name of a node's pool is, by who made the node: EKS, Karpenter or EKS Auto Mode.
POOLS = ("eks.amazonaws.com/nodegroup", *KARPENTER_POOLS)
KARPENTER_INITIALIZED = "karpenter.sh/initialized"
KARPENTER_GPU_COUNT = "karpenter.k8s.aws/instance-gpu-count"

PRESENT = "nvidia.com/gpu.present"
COUNT = "nvidia.com/gpu.count"
#: How many pods share one GPU, as GPU feature discovery reports it where sharing is on.
REPLICAS = "nvidia.com/gpu.replicas"
PRODUCT = "nvidia.com/gpu.product"
#: When GPU feature discovery last looked; it is there even where it saw no driver.
DISCOVERED = "nvidia.com/gfd.timestamp"
DRIVER = "nvidia.com/cuda.driver-version.full"
CUDA = "nvidia.com/cuda.runtime-version.full"
#: The names that GPU feature discovery gave before, in parts.
DRIVER_PARTS = ("nvidia.com/cuda.driver.major", "nvidia.com/cuda.driver.minor", "nvidia.com/cuda.driver.rev")
CUDA_PARTS = ("nvidia.com/cuda.runtime.major", "nvidia.com/cuda.runtime.minor")
DRIVER_UPGRADE = "nvidia.com/gpu-driver-upgrade-state"
MIG_CONFIG = "nvidia.com/mig.config"
MIG_STATE = "nvidia.com/mig.config.state"
MIG_STRATEGY = "nvidia.com/mig.strategy"


def of(node: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an object."""
    return node["metadata"].get("labels") or {}


def amount(amounts: Mapping[str, Any] | None, resource: str) -> int | None:
    """How many of an extended resource, or None where it is not known."""
    given = (amounts or {}).get(resource)
    return None if given is None else whole(given)


def number(text: str | None) -> int | None:
    """A label's value as a whole number above 0, or None where it is none."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def first(node_labels: Mapping[str, str], whole: str, parts: tuple[str, ...]) -> str:
    """The version in one label, or joined from the parts that older releases gave; empty where there is none."""
    if whole in node_labels:
        return node_labels[whole]
    return ".".join(node_labels[part] for part in parts if node_labels.get(part))


def version(text: str) -> tuple[int, ...]:
    """The numbers of a version, such as (570, 86, 15) of C(570.86.15), without what follows them, such as C(-open).

    Empty where the text does not begin with a number.
    """
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def older(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a version is below another; C(12.0) and C(12) are the same."""
    longest = max(len(found), len(wanted))
    return found + (0,) * (longest - len(found)) < wanted + (0,) * (longest - len(wanted))


def seconds(timestamp: str | None) -> float | None:
    """A time of the API in seconds since 1970, or None where there is none."""
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp() if timestamp else None
