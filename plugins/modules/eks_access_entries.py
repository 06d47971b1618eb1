#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_access_entries
version_added: 0.1.0
short_description: Reconcile the access entries of an EKS cluster
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of access entries what the options say - which IAM principals get into a cluster, and what they may do.
  - A run that would take V(AmazonEKSClusterAdminPolicy) of the whole cluster away from who runs it, or from everybody,
    is refused, in check mode too.
  - The cluster must take access entries, which is O(entasis.engine.eks_cluster#module:authentication_mode=API) or
    V(API_AND_CONFIG_MAP).
options:
  entries:
    description: The entries. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - ARN of the IAM role or user, with C({account}) where the number of the account is to stand. A role is
            written as IAM knows it, never as C(assumed-role).
        type: str
        required: true
      type:
        description:
          - V(STANDARD) for people and machines; V(EC2_LINUX) for the role of nodes that join by themselves. EKS never
            changes it.
        type: str
        choices: [STANDARD, EC2_LINUX]
        default: STANDARD
      groups:
        description: Groups of Kubernetes that the principal is in, for rules of RBAC of your own.
        type: list
        elements: str
        default: []
      policies:
        description: Access policies of EKS that the principal has. Those that others gave it are taken away.
        type: list
        elements: dict
        default: []
        suboptions:
          policy:
            description: Name of the policy, such as V(AmazonEKSViewPolicy).
            type: str
            required: true
          namespaces:
            description: Namespaces that it is for; none for the whole cluster.
            type: list
            elements: str
            default: []
      adopt:
        description:
          - Whether an entry that no platform has tagged becomes ours, such as that of the principal that created the
            cluster, which EKS makes. Otherwise it is an error, and left alone.
        type: bool
        default: true
      tags:
        description: Tags of this entry, besides those of O(tags).
        type: dict
        default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.aws
  - entasis.engine.aws.set
  - entasis.engine.aws.cluster
"""

EXAMPLES = r"""
- name: Reconcile who gets into the cluster
  entasis.engine.eks_access_entries:
    platform: entasis
    role: eks_cluster
    region: ap-northeast-2
    entries:
      - name: arn:aws:iam::{account}:role/platform-admins
        policies:
          - policy: AmazonEKSClusterAdminPolicy
      - name: arn:aws:iam::{account}:role/analysts
        policies:
          - policy: AmazonEKSViewPolicy
            namespaces: [trading]
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(groups), V(policies)
      or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: access_entry, name: "arn:aws:iam::123456789012:role/platform-admins"}]
ids:
  description: ARN of each entry, by its principal; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {}
unlisted:
  description: Entries of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.access_entries import AccessEntries
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(AccessEntries, DOCUMENTATION, required_if=[("state", "present", ["entries"])])


if __name__ == "__main__":
    main()
