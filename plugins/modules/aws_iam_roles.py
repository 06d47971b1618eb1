#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_iam_roles
version_added: 0.1.0
short_description: Reconcile the IAM roles of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of IAM roles what the options say - who may assume them, their policies, their permissions boundary and
    their instance profile.
  - IAM knows no regions, so every role carries the tag C(entasis.io/region) too. Platforms of one name in two regions
    have roles of their own.
  - A role of a wanted name that is not ours is an error, and never touched.
  - Policies that others attached to one of our roles, or wrote into it, are left alone and listed in RV(unlisted);
    O(purge) removes them.
options:
  roles:
    description: The roles. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the role, at most 64 characters. Begin it with the value of O(platform) and a hyphen, since a role
            that has left O(roles) is only found by that.
        type: str
        required: true
      assume_role_policy:
        description: The trust policy, which says who may assume the role.
        type: dict
        required: true
      description:
        description: What the role is for.
        type: str
        default: ""
      policies:
        description: Managed policies, each by its ARN, or one of AWS's own by its name, as V(AmazonEKSClusterPolicy).
        type: list
        elements: str
        default: []
      inline_policies:
        description: Policies that are a part of the role, by their names.
        type: dict
        default: {}
      permissions_boundary:
        description: The managed policy beyond which the role may do nothing. Without it, the role is to have none.
        type: str
      instance_profile:
        description: Whether the role has an instance profile of its name, by which EC2 instances get it.
        type: bool
        default: false
      path:
        description: Path of the role. IAM never changes it.
        type: str
        default: /
      tags:
        description: Tags of this role, besides those of O(tags).
        type: dict
        default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.aws
  - entasis.engine.aws.set
"""

EXAMPLES = r"""
- name: Reconcile the role of the cluster's nodes
  entasis.engine.aws_iam_roles:
    platform: entasis
    role: eks_node_pools
    region: ap-northeast-2
    roles:
      - name: entasis-ap-northeast-2-eks-node
        assume_role_policy:
          Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: ec2.amazonaws.com}}
        policies: [AmazonEKSWorkerNodePolicy, AmazonEC2ContainerRegistryPullOnly, AmazonEKS_CNI_Policy]
"""

RETURN = r"""
changes:
  description: The changes that were made, or in check mode would be made. An update's part is the option that differs.
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: iam_role, name: entasis-ap-northeast-2-eks-node, part: policies}]
ids:
  description: ARN of each role, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {entasis-ap-northeast-2-eks-node: "arn:aws:iam::123456789012:role/entasis-ap-northeast-2-eks-node"}
unlisted:
  description: Roles of ours, and policies of our roles, that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: ["iam_role/entasis-ap-northeast-2-eks-node policies: arn:aws:iam::123456789012:policy/audit"]
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.iam_roles import IamRoles
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(IamRoles, DOCUMENTATION, required_if=[("state", "present", ["roles"])])


if __name__ == "__main__":
    main()
