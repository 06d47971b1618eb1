# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""L4: the device plugin's pod on the node, and agents that the node's taints keep away.

Bottlerocket and EKS Auto Mode have the plugin in their image, so a missing pod alone proves nothing: it counts where a
DaemonSet of the plugin selects the node, or where the node does not offer the resource and nothing else says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config, Context
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason, reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import (
    matches,
    pod_labels,
    pod_ready,
    repelling,
    selects,
)

Object = Mapping[str, Any]

#: A network agent or the like, without which a node does not become ready.
_CRITICAL = "system-node-critical"

#: How many DaemonSets a reason names.
_NAMED = 3


def plugin_pod(context: Context) -> Object | None:
    """The plugin's pod of the node; a ready one where an update has left two."""
    return next((pod for pod in context.plugin_pods if pod_ready(pod)), next(iter(context.plugin_pods), None))


def device_plugin(node: Object, context: Context, config: Config, *, registered: bool) -> list[Reason]:
    """What is wrong with the plugin. C(registered) is whether the node knows the resource."""
    if config.device_plugin.mode == "skip":
        return []
    selecting = [one for one in context.daemon_sets or () if is_plugin(one, config) and selects(one, node)]
    unexplained = not registered and not _built_in(node)
    if not (config.device_plugin.mode == "required" or selecting or unexplained):
        return []
    pod = plugin_pod(context)
    if pod is not None:
        if pod_ready(pod):
            return []
        return [reason("PLUGIN_POD_NOT_READY", f"the device plugin's pod {pod['metadata']['name']} is not ready")]
    kept_away = [(one, taints) for one in selecting if (taints := repelling(one, node))]
    if kept_away and len(kept_away) == len(selecting):
        one, taints = kept_away[0]
        return [reason("PLUGIN_REPELLED", f"the DaemonSet {_name(one)} does not tolerate {', '.join(taints)}")]
    if not context.pods_read:
        return []
    return [reason("PLUGIN_POD_MISSING", "no pod of the device plugin is on the node")]


def repelled_agents(node: Object, context: Context, config: Config) -> list[Reason]:
    """The DaemonSets without which the node may never become ready, and which do not tolerate it."""
    found = []
    for one in context.daemon_sets or ():
        pod = one["spec"]["template"]["spec"]
        if not (pod.get("hostNetwork") or pod.get("priorityClassName") == _CRITICAL) or is_plugin(one, config):
            continue
        taints = repelling(one, node)
        if taints and selects(one, node):
            found.append(f"{_name(one)} does not tolerate {', '.join(taints)}")
    return [reason("AGENT_REPELLED", f"the DaemonSet {'; '.join(sorted(found)[:_NAMED])}")] if found else []


def is_plugin(daemon_set: Object, config: Config) -> bool:
    """Whether a DaemonSet is the device plugin's."""
    if config.device_plugin.namespace not in ("", daemon_set["metadata"]["namespace"]):
        return False
    return any(matches(selector, pod_labels(daemon_set)) for selector in config.device_plugin.selectors)


def _built_in(node: Object) -> bool:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    auto_mode = labels.of(node).get("eks.amazonaws.com/compute-type") == "auto"
    return auto_mode or str(info.get("osImage", "")).startswith("Bottlerocket")


def _name(daemon_set: Object) -> str:
    return f"{daemon_set['metadata']['namespace']}/{daemon_set['metadata']['name']}"
