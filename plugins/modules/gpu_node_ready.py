#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Copyright (c) 2026, Entasis Engine contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until GPU nodes can take GPU work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_node_ready
short_description: Wait until GPU nodes can take GPU work, or report why they cannot
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - A node is Ready minutes before its GPUs can be asked for, and may stay so with a GPU missing. This module looks at
    each node in layers, from its membership of the pool over kubelet, driver, device plugin, number and kind of GPUs,
    partitions (MIG), and health conditions, to a pod that really allocates and uses the GPUs.
  - Each thing that is missing is a reason with a code, such as V(PLUGIN_POD_MISSING), V(ALL_UNHEALTHY) or
    V(COUNT_BELOW_TYPE), a message and a hint. C(docs/codes.md) lists all of them. A failure names the most frequent
    reasons first.
  - Follows the nodes with one list, in pages, and one watch, and the device plugin's pods with another of each. Only
    what changes is looked at again. Nodes may come, go, and be replaced while it waits.
  - Fails before the time is over where waiting cannot help, see O(fail_fast_reasons).
  - While it waits, where it stands is shown on the screen, with a local connection.
  - In check mode, and with O(state=report), it looks once and never fails because of what it sees.
  - Changes nothing, but for what O(smoke), O(release_taint) and O(condition) ask for.
extends_documentation_fragment:
  - entasis.engine.kubernetes
  - entasis.engine.progress
attributes:
  check_mode:
    description:
      - Looks once and reports; never waits and never fails because of what it sees. Makes no pod and writes nothing.
      - Says from which nodes the taint would be lifted, and to which the condition would be written.
    support: full
  diff_mode:
    description: There is nothing to show besides the names in RV(taint_released) and RV(condition_written).
    support: none
  idempotent:
    description: A second run lifts no taint and writes no condition again.
    support: full
options:
  label_selector:
    description:
      - Which nodes, as a label selector, such as C(eks.amazonaws.com/nodegroup=ai-inference).
      - Exactly one of O(label_selector), O(node_pool) and O(nodes) is needed.
    type: str
  node_pool:
    description: Which nodes, by the pool that they belong to.
    type: dict
    suboptions:
      type:
        description:
          - V(nodegroup) is a managed node group of EKS.
          - V(karpenter) is a node pool of Karpenter, which EKS Auto Mode uses too.
        type: str
        choices: [nodegroup, karpenter]
        default: nodegroup
      name:
        description: Name of the pool.
        type: str
        required: true
  nodes:
    description: Which nodes, by their names. One that is not there is a reason (V(NODE_MISSING)).
    type: list
    elements: str
  expected_count:
    description:
      - How many nodes are to be there and, without O(min_ready), ready. Others may still be starting.
      - Without it, all nodes that are found count, and there must be at least one.
      - V(0) is satisfied by no node at all.
    type: int
  min_ready:
    description:
      - How many nodes are enough, as a number, or as a percentage such as V(95%), which is rounded up.
      - The percentage is of O(expected_count), or of the nodes that are found where these are more.
      - Without it all have to be ready.
    type: str
  allow_empty:
    description: Whether no node at all is fine, as in a pool that may be scaled to zero.
    type: bool
    default: false
  expected_gpus:
    description:
      - GPUs of each node.
      - V(auto) takes the number from the node's instance type, or from Karpenter's label, times the replicas where GPUs
        are shared. For a type that is not known any number above 0 is taken, with a warning.
      - V(skip) takes any number above 0.
    type: str
    default: auto
  gpu_resource:
    description: Name of the resource that stands for a GPU.
    type: str
    default: nvidia.com/gpu
  expected_product:
    description:
      - Name of the GPU as in the label C(nvidia.com/gpu.product), such as V(NVIDIA-L4). Upper and lower case are alike.
      - After C(~) a regular expression, such as V(~NVIDIA-A100.*).
    type: str
  min_driver_version:
    description: The lowest version of the driver, such as V(570.86). Needs the labels of GPU feature discovery.
    type: str
  min_cuda_version:
    description: The lowest CUDA version that the driver has to support, such as V(12.8). Needs the same labels.
    type: str
  mig_strategy:
    description: How the device plugin has to offer partitions.
    type: str
    choices: [none, single, mixed]
  mig_profiles:
    description: Partitions of each node, by profile, such as C(1g.5gb); null is any number above 0.
    type: dict
  mode:
    description:
      - Where GPUs are looked for. V(device_plugin) is the node's resource; V(dra) is the ResourceSlices of the driver
        C(gpu.nvidia.com).
      - V(auto) takes the ResourceSlices of nodes that do not offer the resource, where a DaemonSet of the DRA driver
        C(nvidia-dra-driver-gpu) is there.
    type: str
    choices: [auto, device_plugin, dra]
    default: auto
  expected_taints:
    description:
      - Taints that each node has to carry, as C(kubectl taint) writes them, such as V(nvidia.com/gpu:NoSchedule).
        Without its taint a GPU node fills with pods that need no GPU.
      - A key that ends with C(*) stands for all that begin so; this holds for the two options below too.
    type: list
    elements: str
    default: []
  ignore_taints:
    description: Taints that do not matter, though Kubernetes or a known agent sets them on nodes that are not usable.
    type: list
    elements: str
    default: []
  startup_taints:
    description: Further taints that say that a node is still starting.
    type: list
    elements: str
    default: []
  device_plugin:
    description: Whether and where the pods of the NVIDIA device plugin are looked at.
    type: dict
    suboptions:
      mode:
        description:
          - V(auto) needs a pod where a DaemonSet of the plugin selects the node, or nothing else explains why the node
            offers no GPU. Bottlerocket and EKS Auto Mode have the plugin in their image.
          - V(required) needs a pod on every node. V(skip) looks at none.
        type: str
        choices: [auto, required, skip]
        default: auto
      namespace:
        description: Its namespace. Without it, the DaemonSets of all namespaces are looked at.
        type: str
      selectors:
        description:
          - Labels of its pods, each C(key=value), of which a pod has one. The default is those of the Helm chart, the
            GPU operator and the plain manifest.
          - With one selector and O(device_plugin.namespace) the pods are found without a list of DaemonSets.
        type: list
        elements: str
        default:
          - app.kubernetes.io/name=nvidia-device-plugin
          - app=nvidia-device-plugin-daemonset
          - name=nvidia-device-plugin-ds
  conditions:
    description:
      - Which conditions of a node count besides C(Ready) and those of the agents that are known, as far as they are
        there. These are the node monitoring agent of EKS, the node problem detector and NVSentinel.
    type: dict
    suboptions:
      require:
        description: Conditions that have to be there with a status.
        type: list
        elements: dict
        default: []
        suboptions: &rule
          type:
            description: Type of the condition.
            type: str
            required: true
          status:
            description: The status.
            type: str
            choices: ["True", "False", "Unknown"]
            default: "True"
      forbid:
        description: Conditions that must not have a status.
        type: list
        elements: dict
        default: []
        suboptions: *rule
      ignore:
        description: Types of conditions that never count.
        type: list
        elements: str
        default: []
      min_age:
        description:
          - How long a required condition must have been good, in seconds, before it means something, because agents set
            all to good when they start.
        type: int
        default: 60
  ignore_reasons:
    description: Codes of reasons that do not count. They are still reported, in RV(nodes[].ignored).
    type: list
    elements: str
    default: []
  lease_max_age:
    description:
      - Before nodes count as ready, their leases are read once. One that was not renewed for so many seconds means that
        the kubelet is silent, which the cluster itself notices only later.
      - V(0) does not look at them. Nor are they looked at of more than 500 nodes, or without the right to list leases
        in C(kube-node-lease).
    type: int
    default: 50
  state:
    description: V(ready) waits until enough nodes are ready. V(report) looks once.
    type: str
    choices: [ready, report]
    default: ready
  timeout:
    description: The longest wait, in seconds. What is reached at its very end is reached.
    type: int
    default: 900
  stable_for:
    description:
      - How long a node has to stay ready before it counts, in seconds.
      - For a node that the first look finds ready, the time since its condition C(Ready) and that of the plugin's pod
        on it last changed counts too, so that nothing is waited for where all has been well for long.
    type: int
    default: 30
  fail_fast_reasons:
    description:
      - Codes that end the wait where so many nodes have had them for O(fail_fast_after) seconds that enough can no
        longer become ready.
      - Without it, the codes that C(docs/codes.md) marks as those that waiting does not mend. An empty list always
        waits.
    type: list
    elements: str
  fail_fast_after:
    description: How long a node may have such a reason, in seconds.
    type: int
    default: 60
  smoke:
    description:
      - Proves nodes that look ready by a pod on each of them that takes its GPUs, lists them with C(nvidia-smi -L), and
        adds vectors on each. A node that fails is not ready, with a code that starts with V(SMOKE_).
      - A pod reaches its node through the scheduler, so it waits where the GPUs are in use, and never runs on a
        cordoned node. It tolerates the taints that its node has. It never pushes other pods off a node.
      - Pods are made once enough nodes are ready. Where that does not come to pass, they are made at the end of the
        wait, for the nodes that O(release_taint) can be lifted from.
      - The pods have no owner. They are removed at the end of the run, also of one that is interrupted. What a run
        leaves that was killed outright, the next run for the same nodes removes.
      - Needs the rights to create, get, list and delete C(pods), and to get C(pods/log), in the one namespace. Without
        O(smoke.priority_class) it needs to list C(priorityclasses) as well.
      - What it runs has not been verified on real GPUs.
    type: dict
    suboptions:
      mode:
        description:
          - V(none) proves no node, V(all) every node that is ready otherwise, V(sample:3) three of them at random.
          - V(missing_only) leaves out the nodes that have passed before. It needs O(release_taint), which such nodes no
            longer have, or O(condition), whose reason is C(GPUsProved) for them; with both, both have to say so.
        type: str
        default: none
      image:
        description:
          - Image with C(sh) and NVIDIA's sample C(vectorAdd), on the path or in C(/cuda-samples). The container toolkit
            of the node adds C(nvidia-smi).
          - Has to end in a digest (C(@sha256:…)), so that what runs on the GPUs is the same each time.
          - Required where O(smoke.mode) is not V(none).
        type: str
      allow_tag:
        description: Takes an image without a digest.
        type: bool
        default: false
      command:
        description:
          - What the pod runs in place of the script that this module has for it.
          - It has to print what C(nvidia-smi -L) prints, and to end with an exit code other than 0 where a GPU fails.
        type: list
        elements: str
      gpus:
        description:
          - How many GPUs a pod takes. V(all) are those that the node offers.
          - Where GPUs are shared by time slicing or MPS, a pod takes one in every case.
        type: str
        choices: [all, "1"]
        default: all
      namespace:
        description: Namespace of the pods. It has to exist.
        type: str
        default: default
      service_account:
        description: Service account of the pods. No token of it is mounted.
        type: str
      runtime_class:
        description: Runtime class of the pods, such as V(nvidia).
        type: str
      priority_class:
        description:
          - Priority class of the pods. Its C(preemptionPolicy) should be C(Never).
          - Where the scheduler would be free to end other pods for the sake of a smoke pod, no pod is made, and the
            nodes have the reason V(SMOKE_MAY_PREEMPT).
        type: str
      pull_secrets:
        description: Names of the secrets to pull the image with.
        type: list
        elements: str
      resources:
        description:
          - Requests and limits of the pod besides GPUs, as in a container.
          - It asks for 100m of CPU and 256Mi of memory where this says nothing else.
        type: dict
      parallelism:
        description: How many nodes are proved at the same time.
        type: int
        default: 50
      timeout:
        description: The longest that the test of one node may take, with all of its pods, in seconds.
        type: int
        default: 300
      busy:
        description:
          - What to do with a node that has no room for the pod, mostly because its GPUs are in use.
          - V(skip) leaves it ready and unproved, V(wait) waits up to O(smoke.timeout), V(fail) does not.
        type: str
        choices: [skip, fail, wait]
        default: skip
      cleanup:
        description:
          - V(always) removes every pod at the end.
          - V(on_success) leaves those that failed, for a look at them. The next run for the same nodes removes them.
        type: str
        choices: [always, on_success]
        default: always
  release_taint:
    description:
      - Lifts this taint from each node that has been ready for O(stable_for) seconds and, with O(smoke), has proved
        itself, also where other nodes fail the task. A pool whose nodes start with the taint takes no pod before its
        GPUs work.
      - Without O(smoke) it is lifted from a node while others are still waited for; with it, once the smoke pods have
        run.
      - Only exactly this taint is lifted; taints that others put on or take off at the same time are kept.
      - The taint itself keeps no node from being ready. Needs the right to patch C(nodes).
    type: dict
    suboptions:
      key:
        description: Key of the taint, such as V(example.com/gpu-starting).
        type: str
        required: true
      value:
        description: Value of the taint.
        type: str
      effect:
        description: Effect of the taint.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
        default: NoSchedule
  condition:
    description:
      - Writes the verdict as a condition of this type to each node, such as V(example.com/GPUReady). Needs the right to
        patch C(nodes/status).
      - Its reason is the first code where it is C(False). Where it is C(True), it is C(GPUsProved) if a smoke pod has
        passed since it became so, in this run or an earlier one, else C(GPUsReady).
      - A condition that says the same already is not written again. Not written in check mode.
    type: str
"""

EXAMPLES = r"""
- name: Wait for the GPUs of the inference pool
  entasis.engine.gpu_node_ready:
    node_pool:
      name: ai-inference
    expected_count: 2

- name: Be content with 95 % of a large pool, each node ready for a minute
  entasis.engine.gpu_node_ready:
    label_selector: nvidia.com/gpu.present=true
    min_ready: 95%
    stable_for: 60
    timeout: 1800

- name: Look at the GPU nodes without waiting
  entasis.engine.gpu_node_ready:
    label_selector: nvidia.com/gpu.present=true
    state: report
    allow_empty: true
  register: gpu_nodes

- name: Let pods onto a new node only after a pod has used its GPUs
  entasis.engine.gpu_node_ready:
    node_pool:
      type: karpenter
      name: training
    smoke:
      mode: missing_only
      image: nvcr.io/nvidia/k8s/cuda-sample@sha256:{{ cuda_sample_digest }}
    release_taint:
      key: entasis.io/gpu-not-ready
    vars:
      cuda_sample_digest: "{{ '0' * 64 }}"
"""

RETURN = r"""
changed:
  description:
    - Whether a taint was lifted or a condition written; in check mode whether one would be.
    - Smoke pods that were made and removed do not count.
  returned: always
  type: bool
ready:
  description: Whether enough nodes are ready.
  returned: always
  type: bool
ready_count:
  description: How many nodes are ready.
  returned: always
  type: int
total:
  description: How many nodes there are.
  returned: always
  type: int
needed:
  description: How many nodes have to be ready.
  returned: always
  type: int
gpus:
  description: Sums over the nodes. C(missing) is what is expected and not allocatable.
  returned: always
  type: dict
  sample: {"expected": 2, "capacity": 2, "allocatable": 2, "missing": 0}
summary_by_reason:
  description: For each reason its code, how many nodes have it, a message, a hint and a node as an example.
  returned: always
  type: dict
  sample: {"PLUGIN_POD_MISSING": {"nodes": 2, "message": "…", "hint": "…", "example": "ip-10-0-1-7"}}
nodes:
  description: The nodes, in the order of the names; at most 200, those that are not ready before the others.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    pool:
      description: Name of the node group or of Karpenter's node pool, empty where neither label is there.
      type: str
    instance_type:
      description: Instance type, empty where the label is missing.
      type: str
    ready:
      description: Whether nothing is missing.
      type: bool
    reasons:
      description: What is missing, each with code, layer, message and hint.
      type: list
      elements: dict
    ignored:
      description: Reasons that do not count, because of O(ignore_reasons).
      type: list
      elements: dict
    mode:
      description: Where its GPUs were looked for, V(device_plugin) or V(dra).
      type: str
    capacity:
      description: GPUs that the kubelet knows; null where the node does not know the resource.
      type: int
    allocatable:
      description: GPUs that are healthy; null where the node does not know the resource.
      type: int
    expected:
      description: GPUs that are expected; null where the instance type is not known.
      type: int
    expected_from:
      description: What the expected number is from.
      type: str
    product:
      description: Name of the GPU, empty where no label tells.
      type: str
    driver:
      description: Version of the driver, empty where no label tells.
      type: str
    cuda:
      description: CUDA version that the driver supports, empty where no label tells.
      type: str
    plugin_pod:
      description: The device plugin's pod on the node.
      type: str
    smoke:
      description:
        - What the smoke pod showed, null where there was none.
        - C(phase) is passed, failed, busy or skipped_check_mode. C(gpus_seen) and C(uuids_n) are the GPUs that it saw
          and the distinct ones of them, C(duration) seconds, C(log_tail) the end of its log, C(pods) how many pods were
          made, C(pod) the name of one that was left.
      type: dict
nodes_left_out:
  description: How many more nodes there are than RV(nodes) has.
  returned: always
  type: int
failure_kind:
  description:
    - Why the task failed. V(timeout) is over the time, V(impossible) what waiting or a smoke pod showed to be in vain,
      V(no_nodes) that no node was there.
    - V(forbidden) names in C(msg) the missing verb and resource. V(api_unreachable) is any other trouble with the API.
  returned: failure
  type: str
  choices: [timeout, impossible, no_nodes, forbidden, api_unreachable]
waited_s:
  description: How long it took, in seconds.
  returned: always
  type: float
smoke_pods_created:
  description: How many smoke pods were made.
  returned: always
  type: int
taint_released:
  description: Names of the nodes from which the taint was lifted or, in check mode, would be.
  returned: always
  type: list
  elements: str
condition_written:
  description: Names of the nodes that got the condition or whose condition changed; in check mode, would.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import PLUGIN_SELECTORS
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import OptionsError, parse
from ansible_collections.entasis.engine.plugins.module_utils._gpu.run import Run
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.module import (
    CONNECTION_ALTERNATIVES,
    CONNECTION_ARGUMENTS,
    connect,
)

_STRINGS: dict[str, Any] = {"type": "list", "elements": "str"}
_LIST: dict[str, Any] = {**_STRINGS, "default": []}
_RULES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "type": {"type": "str", "required": True},
        "status": {"type": "str", "choices": ["True", "False", "Unknown"], "default": "True"},
    },
}
_NODE_POOL = {
    "type": {"type": "str", "choices": ["nodegroup", "karpenter"], "default": "nodegroup"},
    "name": {"type": "str", "required": True},
}
_DEVICE_PLUGIN = {
    "mode": {"type": "str", "choices": ["auto", "required", "skip"], "default": "auto"},
    "namespace": {"type": "str"},
    "selectors": {**_STRINGS, "default": [*PLUGIN_SELECTORS]},
}
_CONDITIONS = {
    "require": _RULES,
    "forbid": _RULES,
    "ignore": _LIST,
    "min_age": {"type": "int", "default": 60},
}
_SMOKE = {
    "mode": {"type": "str", "default": "none"},
    "image": {"type": "str"},
    "allow_tag": {"type": "bool", "default": False},
    "command": _STRINGS,
    "gpus": {"type": "str", "choices": ["all", "1"], "default": "all"},
    "namespace": {"type": "str", "default": "default"},
    "service_account": {"type": "str"},
    "runtime_class": {"type": "str"},
    "priority_class": {"type": "str"},
    "pull_secrets": {"type": "list", "elements": "str", "no_log": False},
    "resources": {"type": "dict"},
    "parallelism": {"type": "int", "default": 50},
    "timeout": {"type": "int", "default": 300},
    "busy": {"type": "str", "choices": ["skip", "fail", "wait"], "default": "skip"},
    "cleanup": {"type": "str", "choices": ["always", "on_success"], "default": "always"},
}
_RELEASE_TAINT = {
    "key": {"type": "str", "required": True, "no_log": False},
    "value": {"type": "str"},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"], "default": "NoSchedule"},
}
ARGUMENTS: dict[str, Any] = {
    **CONNECTION_ARGUMENTS,
    "label_selector": {"type": "str"},
    "node_pool": {"type": "dict", "options": _NODE_POOL},
    "nodes": _STRINGS,
    "expected_count": {"type": "int"},
    "min_ready": {"type": "str"},
    "allow_empty": {"type": "bool", "default": False},
    "expected_gpus": {"type": "str", "default": "auto"},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
    "expected_product": {"type": "str"},
    "min_driver_version": {"type": "str"},
    "min_cuda_version": {"type": "str"},
    "mig_strategy": {"type": "str", "choices": ["none", "single", "mixed"]},
    "mig_profiles": {"type": "dict"},
    "mode": {"type": "str", "choices": ["auto", "device_plugin", "dra"], "default": "auto"},
    "expected_taints": _LIST,
    "ignore_taints": _LIST,
    "startup_taints": _LIST,
    "device_plugin": {"type": "dict", "options": _DEVICE_PLUGIN, "apply_defaults": True},
    "conditions": {"type": "dict", "options": _CONDITIONS, "apply_defaults": True},
    "ignore_reasons": _LIST,
    "lease_max_age": {"type": "int", "default": 50},
    "state": {"type": "str", "choices": ["ready", "report"], "default": "ready"},
    "timeout": {"type": "int", "default": 900},
    "stable_for": {"type": "int", "default": 30},
    "fail_fast_reasons": _STRINGS,
    "fail_fast_after": {"type": "int", "default": 60},
    "smoke": {"type": "dict", "options": _SMOKE, "apply_defaults": True},
    "release_taint": {"type": "dict", "options": _RELEASE_TAINT},
    "condition": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_one_of=[("label_selector", "node_pool", "nodes")],
        mutually_exclusive=[("label_selector", "node_pool", "nodes"), *CONNECTION_ALTERNATIVES],
        supports_check_mode=True,
    )
    try:
        run = Run(parse(module.params), check_mode=module.check_mode)
    except OptionsError as error:
        module.fail_json(msg=str(error))
    try:
        client = connect(module)
        result = run.unseen() if client is None else run.on(client)
    except KubernetesError as error:
        result = run.unseen(error)
    for warning in run.warnings:
        module.warn(warning)
    if result.pop("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
