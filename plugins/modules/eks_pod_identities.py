#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_pod_identities
version_added: 0.1.0
short_description: Reconcile the pod identity associations of an EKS cluster
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of pod identity associations what the options say - which IAM role the pods of a service account have.
  - The pods get the role from the add-on C(eks-pod-identity-agent), which the cluster needs. Pods that run already get
    a change when they start anew.
options:
  associations:
    description: The associations. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      namespace:
        description: Namespace of the service account. It need not be there yet.
        type: str
        required: true
      service_account:
        description: Name of the service account. It need not be there yet.
        type: str
        required: true
      iam_role:
        description: Name of the IAM role, which C(pods.eks.amazonaws.com) may assume. In check mode it may be missing.
        type: str
        required: true
      tags:
        description: Tags of this association, besides those of O(tags).
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
- name: Reconcile the roles of service accounts
  entasis.engine.eks_pod_identities:
    platform: entasis
    role: identity
    region: ap-northeast-2
    associations:
      - namespace: kube-system
        service_account: ebs-csi-controller-sa
        iam_role: entasis-ap-northeast-2-ebs-csi
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made, each named after namespace and service account. The
      part is that of an update, V(iam role) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: pod_identity, name: kube-system/ebs-csi-controller-sa}]
ids:
  description: ARN of each association, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {}
unlisted:
  description: Associations of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.pod_identities import PodIdentities
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(PodIdentities, DOCUMENTATION, required_if=[("state", "present", ["associations"])])


if __name__ == "__main__":
    main()
