# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L1: whether the kubelet of a node is there and takes pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context, TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import shown

Object = Mapping[str, Any]

#: What the condition Ready says already.
_SAME_AS_NOT_READY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

#: Taints that an agent takes away when its part of the start is done.
_STARTUP = tuple(
    TaintPattern(key)
    for key in (
        "karpenter.sh/unregistered",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.kubernetes.io/network-unavailable",
        "ebs.csi.aws.com/agent-not-ready",
        "efs.csi.aws.com/agent-not-ready",
        "node.cilium.io/agent-not-ready",
        "startup-taint.cluster-autoscaler.kubernetes.io/*",
        "ignore-taint.cluster-autoscaler.kubernetes.io/*",  # its older name
        "readiness.k8s.io/*",
        "nvsentinel.*",
    )
)

#: Taints of a node in trouble, or about to leave. A taint of the pool itself, such as nvidia.com/gpu, is no reason.
_TROUBLE = tuple(
    TaintPattern(key)
    for key in (
        *_SAME_AS_NOT_READY,
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/out-of-service",
        "node.cloudprovider.kubernetes.io/shutdown",
        "karpenter.sh/disrupted",
        "karpenter.sh/disruption",  # of Karpenter 0.32 to 0.37
        "ToBeDeletedByClusterAutoscaler",
        "aws-node-termination-handler/*",
    )
)


def kubelet(node: Object, context: Context, config: Config) -> list[Reason]:
    """What the node lacks to take pods."""
    found = []
    spec = node.get("spec") or {}
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        said = ready.get("message") or ready.get("reason") or "no status yet"
        found.append(reason("NOT_READY", f"the kubelet is not ready: {said}"))
    renewed = labels.seconds(((context.lease or {}).get("spec") or {}).get("renewTime"))
    if renewed is not None and context.now - renewed > config.lease_max_age:
        found.append(reason("LEASE_STALE", f"the kubelet has been silent for {context.now - renewed:.0f} s"))
    if spec.get("unschedulable"):
        found.append(reason("CORDONED", "the node takes no new pods"))
    found += _taints(spec.get("taints") or (), ready.get("status") == "True", config)
    of = labels.of(node)
    if any(key in of for key in labels.KARPENTER_POOLS) and of.get(labels.KARPENTER_INITIALIZED) != "true":
        found.append(reason("KARPENTER_NOT_INITIALIZED", "Karpenter has not finished the node"))
    return found


def condition(node: Object, name: str) -> Object:
    """The condition of this type, or an empty one."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return next((entry for entry in conditions if entry.get("type") == name), {})


def _taints(taints: tuple[Object, ...], ready: bool, config: Config) -> list[Reason]:
    found = []
    counted = [taint for taint in taints if not _any(config.ignore_taints, taint)]
    starting = [shown(taint) for taint in counted if _any((*_STARTUP, *config.startup_taints), taint)]
    trouble = [
        shown(taint) for taint in counted if _any(_TROUBLE, taint) and (ready or taint["key"] not in _SAME_AS_NOT_READY)
    ]
    if starting:
        found.append(reason("STARTUP_TAINT", f"the node carries {', '.join(sorted(starting))}"))
    if trouble:
        found.append(reason("TAINTED", f"the node carries {', '.join(sorted(trouble))}"))
    missing = [str(one) for one in config.expected_taints if not any(one.matches(taint) for taint in taints)]
    if missing:
        found.append(reason("EXPECTED_TAINT_MISSING", f"the node lacks the taint {', '.join(missing)}"))
    return found


def _any(patterns: tuple[TaintPattern, ...], taint: Object) -> bool:
    return any(pattern.matches(taint) for pattern in patterns)
