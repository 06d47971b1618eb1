#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_secrets
version_added: 0.1.0
short_description: Reconcile the secrets of a platform in Secrets Manager
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of secrets of Secrets Manager what the options say. AWS makes up the value of a new one.
  - A value is made once, and again for each new O(secrets[].generation). It is never read, compared, shown or returned,
    and is no option of the module.
  - A secret is never removed at once. AWS deletes it after O(recovery_window_days) days; until then a run that names it
    again restores it with its value.
options:
  secrets:
    description: The secrets. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the secret.
        type: str
        required: true
      description:
        description: What the secret is for.
        type: str
        default: ""
      generation:
        description:
          - Counts the values of the secret. With another number than before, the secret gets a new value; the value
            before it stays in the secret as its version C(AWSPREVIOUS).
        type: int
        default: 1
      length:
        description: How many characters a value has, at most 4096.
        type: int
        default: 32
      punctuation:
        description: Whether a value may have characters besides letters and digits.
        type: bool
        default: false
      exclude_characters:
        description: Characters that a value does not have.
        type: str
        default: ""
      content:
        description:
          - What stands in the secret beside its value, none of it secret, such as the name of a user. The secret is a
            JSON object then. It takes effect with the value, when that is made.
        type: dict
        default: {}
      key:
        description: Under which key the value stands, where O(secrets[].content) is given.
        type: str
        default: password
      kms_key:
        description:
          - KMS key that encrypts the secret, by its id, its ARN or its alias (C(alias/name)). Without it, AWS's own key
            for secrets of the account does.
        type: str
      policy:
        description: Policy of the secret; an empty one removes what is there. Without it, the policy is left alone.
        type: dict
      tags:
        description: Tags of this secret, besides those of O(tags).
        type: dict
        default: {}
  recovery_window_days:
    description: After how many days AWS deletes a secret that is removed, 7 to 30.
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
- name: Reconcile the secret of the cache's user
  entasis.engine.aws_secrets:
    platform: entasis
    role: data_stores
    region: ap-northeast-2
    secrets:
      - name: entasis/cache
        description: User of the cache
        kms_key: alias/entasis-data
        content:
          username: entasis
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(pending
      deletion) for a secret that was to be deleted and is restored, V(generation) for one that gets a new value,
      V(description), V(kms key), V(policy) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: secret, name: entasis/cache}]
ids:
  description: ARN of each secret, by name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample: {entasis/cache: "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:entasis/cache-a1b2c3"}
unlisted:
  description: Secrets of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run
from ansible_collections.entasis.engine.plugins.module_utils._aws.secrets import Secrets


def main() -> None:
    run(Secrets, DOCUMENTATION, required_if=[("state", "present", ["secrets"])])


if __name__ == "__main__":
    main()
