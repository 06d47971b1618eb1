# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in a new account: one IAM user with the one known access key."""

from __future__ import annotations

from moto.iam.models import iam_backends

from sandbox.access_key import AccessKey
from sandbox.layout import AWS_REGION


def prepare(key: AccessKey) -> None:
    """Make the IAM user with exactly this access key, where the account does not have it."""
    iam = iam_backends[key.account_id]["aws"]
    if key.user_name not in iam.users:
        iam.create_user(region_name=AWS_REGION, user_name=key.user_name)
        iam.attach_user_policy("arn:aws:iam::aws:policy/AdministratorAccess", key.user_name)
    if key.access_key_id in iam.access_keys:
        return
    user = iam.get_user(key.user_name)
    for stale in [other.access_key_id for other in user.access_keys]:
        user.delete_access_key(stale)
        iam.access_keys.pop(stale, None)
    made = iam.create_access_key(key.user_name)
    del iam.access_keys[made.access_key_id]
    made.access_key_id = key.access_key_id
    made.secret_access_key = key.secret_access_key
    iam.access_keys[key.access_key_id] = made
