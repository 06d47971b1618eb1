#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_addons
version_added: 0.1.0
short_description: Reconcile the add-ons of an EKS cluster
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of EKS add-ons what the options say - their versions, and what they are told.
  - An add-on takes over what EKS installed by itself, C(vpc-cni), C(kube-proxy) and C(coredns), and what others changed
    of it. EKS updates none of them with the cluster.
  - Several tasks may call the module for one cluster, each with a role of its own, so that some add-ons are there
    before the nodes and others after them.
options:
  addons:
    description: The add-ons. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the add-on, as EKS has it.
        type: str
        required: true
      version:
        description:
          - Version of the add-on, as EKS has it, or a word for one. V(newest) is the newest that runs on the cluster's
            version, V(default) the one that EKS takes by itself; with either, a run upgrades the add-on when EKS offers
            another.
          - V(compatible) is the version that is there while it runs on the cluster's version, and otherwise, as for a
            new one, V(default). So an add-on follows its cluster, and nothing else moves it.
        type: str
        default: compatible
      configuration:
        description: What the add-on is told, by the schema that C(aws eks describe-addon-configuration) shows.
        type: dict
        default: {}
      adopt:
        description:
          - Whether an add-on that no platform has tagged becomes ours. Otherwise it is an error, and left alone.
        type: bool
        default: true
      tags:
        description: Tags of this add-on, besides those of O(tags).
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
- name: Reconcile the add-ons that nodes need from the start
  entasis.engine.eks_addons:
    platform: entasis
    role: eks_cluster
    region: ap-northeast-2
    addons:
      - name: vpc-cni
        version: newest
        configuration:
          enableNetworkPolicy: "true"
      - name: kube-proxy
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(version and
      configuration) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: addon, name: vpc-cni}]
ids:
  description: ARN of each add-on, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {}
unlisted:
  description: Add-ons of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.addons import Addons
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(Addons, DOCUMENTATION, required_if=[("state", "present", ["addons"])])


if __name__ == "__main__":
    main()
