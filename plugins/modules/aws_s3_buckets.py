#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_s3_buckets
version_added: 0.1.0
short_description: Reconcile the S3 buckets of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes a set of S3 buckets what the options say - encryption, versions, locks, and what becomes of objects with time.
  - Every bucket is private. Public access is blocked, access lists are off, and a policy denies all calls without TLS.
  - A bucket with objects is never removed, unless O(delete_objects) names it too.
options:
  buckets:
    description: The buckets. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the bucket, with C({account}) and C({region}) where the number of the account and the region are to
            stand, since a bucket's name is unique in the world.
          - Begin it with the value of O(platform) and a hyphen, since a bucket that has left O(buckets) is only found
            by that.
        type: str
        required: true
      versioning:
        description: Whether the bucket keeps the earlier versions of an object.
        type: bool
        default: true
      kms_key:
        description:
          - KMS key that encrypts new objects, by its id, its ARN or its alias (C(alias/name)). Without it, S3's own
            keys do.
        type: str
      policy_statements:
        description:
          - Statements of the bucket's policy, besides the one that denies calls without TLS. One without a C(Resource)
            is about the bucket and its objects.
        type: list
        elements: dict
        default: []
      lifecycle:
        description: What becomes of objects with time.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the rule.
            type: str
            required: true
          prefix:
            description: The rule is for objects whose names begin with this.
            type: str
            default: ""
          expire_days:
            description: Remove an object so many days after it was made.
            type: int
          expire_noncurrent_days:
            description: Remove a version so many days after another took its place.
            type: int
          transition_days:
            description: Move an object to O(buckets[].lifecycle[].storage_class) so many days after it was made.
            type: int
          storage_class:
            description: Where O(buckets[].lifecycle[].transition_days) moves objects to.
            type: str
            choices: [STANDARD_IA, INTELLIGENT_TIERING, ONEZONE_IA, GLACIER_IR, GLACIER, DEEP_ARCHIVE]
            default: STANDARD_IA
          abort_upload_days:
            description: Give up an upload in parts that has not ended after so many days.
            type: int
      object_lock:
        description:
          - Locks objects against removal and change. S3 takes it when the bucket is made, and the bucket then keeps
            versions.
        type: dict
        suboptions:
          mode:
            description:
              - V(GOVERNANCE) lets who has the permission remove an object before its time; V(COMPLIANCE) lets nobody,
                not even the account's root.
            type: str
            choices: [GOVERNANCE, COMPLIANCE]
            default: GOVERNANCE
          days:
            description: For how many days a new object is locked; V(0) for those objects alone that are written so.
            type: int
            default: 0
      tags:
        description: Tags of this bucket, besides those of O(tags).
        type: dict
        default: {}
  delete_objects:
    description:
      - Names of the buckets that may be removed with all their objects, written as in O(buckets). This cannot be taken
        back. It removes nothing by itself; the bucket has to leave O(buckets) with O(purge), or O(state=absent).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.aws
  - entasis.engine.aws.set
"""

EXAMPLES = r"""
- name: Reconcile the bucket of the backups
  entasis.engine.aws_s3_buckets:
    platform: entasis
    role: data_stores
    region: ap-northeast-2
    buckets:
      - name: entasis-backups-{account}-{region}
        kms_key: alias/entasis-data
        lifecycle:
          - name: old versions
            expire_noncurrent_days: 30
            abort_upload_days: 7
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part is that of an update, V(public access
      blocked),
      V(ownership), V(policy), V(kms key), V(versioning), V(object lock retention), V(lifecycle) or V(tags).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, kind: s3_bucket, name: entasis-backups-123456789012-ap-northeast-2}]
ids:
  description: ARN of each bucket, by its full name; V((known after apply\)) in check mode where there is none yet.
  returned: success
  type: dict
  sample:
    entasis-backups-123456789012-ap-northeast-2: "arn:aws:s3:::entasis-backups-123456789012-ap-northeast-2"
unlisted:
  description: Buckets of ours that the options do not name and that stay without O(purge).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run
from ansible_collections.entasis.engine.plugins.module_utils._aws.s3_buckets import S3Buckets


def main() -> None:
    run(S3Buckets, DOCUMENTATION, required_if=[("state", "present", ["buckets"])])


if __name__ == "__main__":
    main()
