#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_node_pools
version_added: 0.1.0
short_description: Reconcile the node pools of an EKS cluster
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes the managed node groups of a cluster what the pools say, all pools in one run and independent pools at the
    same time.
  - A pool is recognised by the tag C(entasis.io/pool) of its node group, which has the pool's name.
  - What EKS cannot change on a node group - instance types, AMI type, capacity type, disk size, subnets and IAM role -
    is refused unless O(node_pools[].replacement) says how. A second group, named after the pool and eight hexadecimal
    digits, is then made with as many nodes as the first has; once it is active the first one's nodes are emptied and
    the group is removed. Pools are replaced one after another.
  - The number of nodes is left to an autoscaler where O(node_pools[].desired_size) does not set it.
  - New groups need zones that offer their instance types, which is looked up in check mode too.
  - A group that AWS could not make is removed and made again. A group without the platform's tag is never touched.
  - An operation that is under way, of an interrupted run or of somebody else, is waited for first.
options:
  node_pools:
    description: The pools. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the pool, at most 54 letters, digits, hyphens and underscores.
        type: str
        required: true
      instance_types:
        description: Instance types. For V(ON_DEMAND) EKS tries them in this order; another order alone is no change.
        type: list
        elements: str
        required: true
      min_size:
        description: Fewest nodes.
        type: int
        required: true
      max_size:
        description: Most nodes.
        type: int
        required: true
      desired_size:
        description:
          - Nodes that each run sets.
          - Without it a new group starts with O(node_pools[].min_size), and later the number is changed only where it
            lies outside O(node_pools[].min_size) and O(node_pools[].max_size).
        type: int
      labels:
        description: Labels of the nodes. Exact - a label that is not named is removed.
        type: dict
        default: {}
      taints:
        description: Taints of the nodes. Exact - a taint that is not named is removed.
        type: list
        elements: dict
        default: []
        suboptions:
          key:
            description: Key.
            type: str
            required: true
          value:
            description: Value.
            type: str
            default: ""
          effect:
            description: Effect, as Kubernetes spells it.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
      ami_type:
        description: AMI type of EKS. Nodes with NVIDIA GPUs need one of the NVIDIA types.
        type: str
        choices:
          - AL2023_x86_64_STANDARD
          - AL2023_ARM_64_STANDARD
          - AL2023_x86_64_NVIDIA
          - AL2023_ARM_64_NVIDIA
          - AL2023_x86_64_NEURON
          - BOTTLEROCKET_x86_64
          - BOTTLEROCKET_ARM_64
          - BOTTLEROCKET_x86_64_NVIDIA
          - BOTTLEROCKET_ARM_64_NVIDIA
        default: AL2023_x86_64_STANDARD
      capacity_type:
        description: How the instances are bought.
        type: str
        choices: [ON_DEMAND, SPOT]
        default: ON_DEMAND
      disk_size:
        description: Size of the root volume in GiB. EKS's own default is 20.
        type: int
        default: 20
      subnets:
        description: Subnets of the platform's VPC, each as its IPv4 addresses, which never change, or as its Name tag.
        type: list
        elements: str
        required: true
      exact_subnets:
        description:
          - Whether the group must be in all of O(node_pools[].subnets) and no others.
          - Otherwise a new group takes those whose zones offer all its instance types, with a warning where that leaves
            some out, and a group that is there keeps its own as long as they are among O(node_pools[].subnets).
        type: bool
        default: true
      iam_role:
        description: Name of the nodes' IAM role.
        type: str
        required: true
      max_unavailable:
        description: Most nodes that an update, or the emptying of a replaced group, takes at the same time, 1 to 100.
        type: int
        default: 1
      update_strategy:
        description:
          - V(DEFAULT) adds nodes before it takes others away, two for each zone or O(node_pools[].max_unavailable) if
            that is more. V(MINIMAL) takes nodes away first, which needs neither their quota nor their addresses twice.
        type: str
        choices: [DEFAULT, MINIMAL]
        default: DEFAULT
      version:
        description:
          - Kubernetes version, as V(1.36). The default is the cluster's, which the group then follows.
          - A version below the group's is refused, since EKS cannot roll a group back, and so is one below the
            cluster's for a new group.
        type: str
      ami_release:
        description:
          - V(latest) replaces the nodes as soon as AWS has published a newer release of their AMI. V(keep) only warns
            of it. Either way a new version brings its newest release.
          - Needs the permission C(ssm:GetParameters); without it there is a warning.
        type: str
        choices: [keep, latest]
        default: keep
      replacement:
        description:
          - What becomes of a group that differs in what EKS cannot change.
          - V(refuse) fails and says what differs.
          - V(drain) makes the second group, cordons the nodes of the first, evicts their pods by
            O(node_pools[].max_unavailable) nodes at a time within their PodDisruptionBudgets, and then deletes the
            group. It needs access to the Kubernetes API of the cluster, by C(profile) and C(endpoint_url) or by the
            environment. Where an eviction stays forbidden the run fails, and the next one goes on from there.
          - V(delete) makes the second group and deletes the first. EKS drains all its nodes at once and ends what has
            not left within minutes, whatever a PodDisruptionBudget says.
        type: str
        choices: [refuse, drain, delete]
        default: refuse
      tags:
        description: Tags of this pool's group, besides those of O(tags).
        type: dict
        default: {}
  wait:
    description:
      - Whether to wait until a new group is active and until a deleted one is gone. Updates, and the new group of a
        replacement, are always waited for.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for one operation on one group. What takes longer goes on at AWS, and a new run goes on from
        there.
      - An update that replaces nodes may take as long for each O(node_pools[].max_unavailable) of them, and the
        emptying of a replaced group as long for each pod.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.progress
  - entasis.engine.aws
  - entasis.engine.aws.set
  - entasis.engine.aws.cluster
"""

EXAMPLES = r"""
- name: Reconcile the node pools
  entasis.engine.eks_node_pools:
    platform: entasis
    role: eks_node_pools
    region: ap-northeast-2
    node_pools:
      - name: general
        instance_types: [c5.2xlarge]
        min_size: 3
        max_size: 10
        labels: {role: general}
        subnets: [entasis-private-a, entasis-private-c]
        iam_role: entasis-eks-node
      - name: ai-inference
        instance_types: [g4dn.xlarge]
        ami_type: AL2023_x86_64_NVIDIA
        min_size: 2
        max_size: 5
        disk_size: 100
        labels: {role: ai-inference}
        taints:
          - {key: nvidia.com/gpu, value: "true", effect: NoSchedule}
        subnets: [entasis-private-a, entasis-private-c]
        iam_role: entasis-eks-node

- name: Remove every node pool of the platform
  entasis.engine.eks_node_pools:
    platform: entasis
    role: eks_node_pools
    region: ap-northeast-2
    state: absent
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made, in their order. A V(replace) has the name of the old
      group. The part says what of the group changes; of a V(delete), V(failed) for a group that AWS could not make,
      V(left over) for one whose pool has another.
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: node_group, name: general, part: configuration}]
node_pools:
  description: The platform's node groups after the run; in check mode, as they are.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the pool., type: str}
    node_group: {description: Name of the node group., type: str}
    status: {description: "Status, as V(ACTIVE).", type: str}
    version: {description: Kubernetes version., type: str}
    release: {description: AMI release., type: str}
    min_size: {description: Fewest nodes., type: int}
    max_size: {description: Most nodes., type: int}
    desired_size: {description: Nodes that the group should have now., type: int}
    instance_types: {description: Instance types., type: list, elements: str}
    labels: {description: Labels of the nodes., type: dict}
    health_issues:
      description: What EKS says is wrong with the group, each with what to do.
      type: list
      elements: str
unlisted:
  description: Pools of the platform that are not declared and stay because O(purge=false).
  returned: success
  type: list
  elements: str
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.node_pools.run import EksNodePools
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(EksNodePools, DOCUMENTATION, required_if=[("state", "present", ["node_pools"])])


if __name__ == "__main__":
    main()
