#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_kms_keys
version_added: 0.1.0
short_description: Reconcile the KMS keys of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of symmetric KMS keys what the options say - the alias by which each is known, its rotation and its
    policy.
  - A key is never removed at once. KMS deletes it after O(deletion_window_days) days; until then a run that names the
    key again keeps it, enables it, and everything that was encrypted with it can be read.
  - A disabled key of the set is enabled.
options:
  keys:
    description: The keys. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the key's alias, without C(alias/). Begin it with the value of O(platform) and a hyphen, since a key
            that has left O(keys) is only found by that.
        type: str
        required: true
      description:
        description: What the key is for.
        type: str
        default: ""
      rotation_days:
        description: After how many days KMS makes new key material, 90 to 2560; V(0) for never.
        type: int
        default: 365
      policy_statements:
        description:
          - Statements of the key's policy, besides the one that lets the IAM policies of the account say who may use
            it. A service that uses the key in its own name needs one, such as C(logs.<region>.amazonaws.com).
        type: list
        elements: dict
        default: []
      multi_region:
        description: Whether the key can be replicated to other regions. KMS never changes it.
        type: bool
        default: false
      tags:
        description: Tags of this key, besides those of O(tags).
        type: dict
        default: {}
  deletion_window_days:
    description: After how many days KMS deletes a key that is removed, 7 to 30.
    type: int
    default: 30
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.aws
  - entasis.engine.aws.set
"""

EXAMPLES = r"""
- name: Reconcile the key of the platform's data
  entasis.engine.aws_kms_keys:
    platform: entasis
    role: identity
    region: ap-northeast-2
    keys:
      - name: entasis-data
        description: Buckets, volumes and Secrets of the platform
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(pending
      deletion) for a key that was to be deleted and is kept, V(enabled), V(alias), V(description), V(rotation days),
      V(policy) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: kms_key, name: entasis-data}]
ids:
  description: ARN of each key, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {entasis-data: "arn:aws:kms:ap-northeast-2:123456789012:key/0d990263-018e-4e65-a703-eff731de951e"}
unlisted:
  description: Keys of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.kms_keys import KmsKeys
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(KmsKeys, DOCUMENTATION, required_if=[("state", "present", ["keys"])])


if __name__ == "__main__":
    main()
