# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of gpu_node_ready by which it proves nodes, lifts their startup taint and hands the verdict on."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
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
