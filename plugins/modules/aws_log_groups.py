#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_log_groups
version_added: 0.1.0
short_description: Reconcile the CloudWatch log groups of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of CloudWatch log groups what the options say - how long they keep what is written to them, and the KMS
    key that encrypts it.
  - Made before what writes to them, they spare a service from making them itself, without a limit of time or a key.
  - A removed group is gone with all that was written to it.
options:
  log_groups:
    description: The log groups. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the group. A group that has left O(log_groups) is only found while its name has the value of
            O(platform) in it.
        type: str
        required: true
      retention_days:
        description:
          - For how many days the group keeps what is written to it; V(0) for ever. A smaller number drops what is older
            at once.
        type: int
        choices:
          [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
        default: 90
      kms_key:
        description:
          - KMS key that encrypts what is written, by its id, its ARN or its alias (C(alias/name)). Its policy has to
            let CloudWatch Logs use it. Without it, a key of AWS's does.
        type: str
      log_class:
        description: Class of the group. CloudWatch never changes it.
        type: str
        choices: [STANDARD, INFREQUENT_ACCESS]
        default: STANDARD
      adopt:
        description:
          - Whether a group of this name that no platform has tagged becomes ours, such as one that a service has made.
            Otherwise it is an error, and left alone.
        type: bool
        default: false
      tags:
        description: Tags of this group, besides those of O(tags).
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
- name: Reconcile the log group of the cluster's control plane
  entasis.engine.aws_log_groups:
    platform: entasis
    role: identity
    region: ap-northeast-2
    log_groups:
      - name: /aws/eks/entasis/cluster
        retention_days: 90
        kms_key: alias/entasis-data
        adopt: true
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(retention days),
      V(kms key) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: log_group, name: /aws/eks/entasis/cluster, part: retention days}]
ids:
  description: ARN of each group, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {/aws/eks/entasis/cluster: "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/eks/entasis/cluster"}
unlisted:
  description: Groups of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.log_groups import LogGroups
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(LogGroups, DOCUMENTATION, required_if=[("state", "present", ["log_groups"])])


if __name__ == "__main__":
    main()
