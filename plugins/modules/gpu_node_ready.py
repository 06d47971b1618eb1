#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Copyright (c) 2026, Entasis Engine contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until GPU nodes can take GPU work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_node_ready
short_description: Wait until GPU nodes offer the GPUs that their instance type has
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - A node is Ready minutes before its GPUs can be asked for. This module waits until each node is Ready, takes pods,
    carries no taint that says it is still starting, and offers as many healthy GPUs as its instance type has.
  - Follows the nodes with one list and one watch, so nodes may come and go while it waits.
  - Each thing that is missing is a reason with a code, such as V(PLUGIN_POD_MISSING), V(ALL_UNHEALTHY) or
    V(COUNT_BELOW_TYPE), a message and a hint. A failure names the most frequent reasons first.
  - In check mode it looks once and reports; it neither waits nor fails because of what it sees.
  - What it does not look at yet is the driver, MIG, health conditions of agents, and whether a pod really gets a GPU.
extends_documentation_fragment:
  - entasis.engine.attributes.observer
  - entasis.engine.kubernetes
options:
  label_selector:
    description: Which nodes, as a label selector, such as C(eks.amazonaws.com/nodegroup=ai-inference).
    type: str
    required: true
  expected_count:
    description:
      - At least as many nodes have to be ready. Others may still be starting.
      - Without it every node that the selector finds has to be ready, and there must be at least one.
      - V(0) is the only number that is satisfied by no node at all.
    type: int
  expected_gpus:
    description:
      - GPUs of each node.
      - V(auto) takes the number from the node's instance type, times the label C(nvidia.com/gpu.replicas) where GPUs
        are shared. For a type that is not known any number above 0 is taken, with a warning.
    type: str
    default: auto
  gpu_resource:
    description: Name of the resource that stands for a GPU.
    type: str
    default: nvidia.com/gpu
  timeout:
    description: The longest wait, in seconds.
    type: int
    default: 900
  stable_for:
    description: How long the nodes have to stay ready before they count, in seconds.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Wait for the GPUs of the inference pool
  entasis.engine.gpu_node_ready:
    label_selector: eks.amazonaws.com/nodegroup=ai-inference
    expected_count: 2

- name: Look at the GPU nodes without waiting
  entasis.engine.gpu_node_ready:
    label_selector: nvidia.com/gpu.present=true
  check_mode: true
  register: gpu_nodes
"""

RETURN = r"""
ready:
  description: Whether the nodes are ready.
  returned: always
  type: bool
total:
  description: How many nodes the selector finds.
  returned: always
  type: int
ready_count:
  description: How many of them are ready.
  returned: always
  type: int
gpus:
  description: Sums over the nodes. C(missing) is what is expected and not allocatable.
  returned: always
  type: dict
  sample: {"expected": 2, "capacity": 2, "allocatable": 2, "missing": 0}
nodes:
  description: Each node, in the order of the names.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    pool:
      description: Name of the EKS node group, empty where the label is missing.
      type: str
    instance_type:
      description: Instance type, empty where the label is missing.
      type: str
    zone:
      description: Availability zone, empty where the label is missing.
      type: str
    ready:
      description: Whether nothing is missing.
      type: bool
    capacity:
      description: GPUs that the kubelet knows; null where the node does not know the resource.
      type: int
    allocatable:
      description: GPUs that are healthy; null where the node does not know the resource.
      type: int
    expected:
      description: GPUs that are expected; null where the instance type is not known.
      type: int
    plugin_pod:
      description: The device plugin's pod on the node; looked up only where a node is not ready.
      type: str
    reasons:
      description: What is missing, each with code, layer, message and hint.
      type: list
      elements: dict
summary:
  description: For each reason its code, how many nodes have it, a message, a hint and a node as an example.
  returned: always
  type: dict
  sample: {"PLUGIN_POD_MISSING": {"nodes": 2, "message": "…", "hint": "…", "example": "ip-10-0-1-7"}}
failure_kind:
  description: Why the wait ended in vain.
  returned: failure
  type: str
  choices: [timeout, no_nodes, forbidden, unreachable]
waited:
  description: How long it took, in seconds.
  returned: always
  type: float
watch:
  description: How often the nodes were listed, and how many changes were seen.
  returned: always
  type: dict
  sample: {"lists": 1, "events": 14}
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.entasis.engine.plugins.module_utils._gpu import verdict as verdicts
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.decision import Patience
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Goal
from ansible_collections.entasis.engine.plugins.module_utils._gpu.watch import Selection, Watched, Watcher
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    ApiError,
    KubernetesError,
    NoClusterError,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.module import CONNECTION_ARGUMENTS, connect


def run(module: AnsibleModule) -> None:
    """Look once or wait; ends the module.

    Raises:
        KubernetesError: the cluster cannot be used.
    """
    options = module.params
    config = Config(options["gpu_resource"], _expected_gpus(module))
    goal = Goal(expected_count=options["expected_count"])
    client = connect(module)
    if client is None:
        module.exit_json(changed=False, ready=goal.needed(0) == 0, total=0, ready_count=0, nodes=[], summary={})
        return
    with Watcher(client, Selection(options["label_selector"]), config, goal) as watcher:
        if module.check_mode:
            watched = watcher.look(60.0)
        else:
            watched = watcher.wait(Patience(options["timeout"], options["stable_for"]))
    for warning in [*watcher.warnings, *verdicts.warnings(watcher.observed.counts)]:
        module.warn(warning)
    values = report(watcher, watched)
    if watched.failure is None or module.check_mode:
        module.exit_json(**values)
    told = str(watched.problem) if watched.problem else verdicts.describe(watched.verdict, watcher.observed.counts)
    module.fail_json(msg=f"after {watched.seconds:.0f} s: {told}", failure_kind=watched.failure, **values)


def report(watcher: Watcher, watched: Watched) -> dict[str, Any]:
    """What the module returns, whether the nodes are ready or not."""
    verdict, counts = watched.verdict, watcher.observed.counts
    return {
        "changed": False,
        "ready": verdict.ready,
        "total": verdict.total,
        "ready_count": verdict.ready_count,
        "gpus": {
            "expected": counts.expected,
            "capacity": counts.capacity,
            "allocatable": counts.allocatable,
            "missing": max(0, counts.expected - counts.allocatable),
        },
        "nodes": [{**dataclasses.asdict(node), "ready": node.ready} for node in counts.nodes()],
        "summary": verdicts.summary(verdict, counts),
        "waited": round(watched.seconds, 1),
        "watch": {"lists": watcher.followers.counts.lists, "events": watcher.followers.counts.events},
    }


def _expected_gpus(module: AnsibleModule) -> Any:
    """The option expected_gpus as a number, or auto."""
    given = module.params["expected_gpus"]
    if given == "auto":
        return given
    if not given.isdecimal() or int(given) < 1:
        module.fail_json(msg=f"expected_gpus is '{given}'. Write auto, or a whole number of at least 1.")
    return int(given)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_ARGUMENTS,
            "label_selector": {"type": "str", "required": True},
            "expected_count": {"type": "int"},
            "expected_gpus": {"type": "str", "default": "auto"},
            "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
            "timeout": {"type": "int", "default": 900},
            "stable_for": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except NoClusterError as error:
        module.fail_json(msg=str(error), failure_kind="unreachable")
    except ApiError as error:
        module.fail_json(msg=str(error), failure_kind="forbidden" if error.status in (401, 403) else "unreachable")
    except KubernetesError as error:
        module.fail_json(msg=str(error), failure_kind="unreachable")


if __name__ == "__main__":
    main()
