# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in a new account: one IAM user with the one known access key."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

from moto.iam.models import iam_backends

from sandbox.layout import AWS_ACCOUNT_ID, AWS_REGION, AWS_USER


@dataclass(frozen=True)
class AccessKey:
    """The one known access key, and whose it is."""

    access_key_id: str
    secret_access_key: str
    account_id: str = AWS_ACCOUNT_ID
    user_name: str = AWS_USER

    @classmethod
    def read_or_make(cls, path: Path) -> AccessKey:
        """The access key of a sandbox's state folder; a new one where the file is absent.

        Raises:
            ValueError: the file is not an access key.
        """
        if not path.exists():
            upper = string.ascii_uppercase + string.digits
            key = cls("AKIA" + _random(upper, 16), _random(string.ascii_letters + string.digits, 40))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(json.dumps(asdict(key), indent=2) + "\n", encoding="utf-8")
            return key
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} does not hold an access key: {error}") from None


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _index in range(length))


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
