# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one known access key of a sandbox."""

from __future__ import annotations

import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.layout import AWS_ACCOUNT_ID, AWS_USER
from sandbox.state import read_json, write_private


@dataclass(frozen=True)
class AccessKey:
    """The one known access key, and whose it is."""

    access_key_id: str
    secret_access_key: str
    account_id: str = AWS_ACCOUNT_ID
    user_name: str = AWS_USER

    @classmethod
    def read_or_make(cls, path: Path) -> AccessKey:
        """The access key of a sandbox's state folder; a new one where there is none, or where its file is damaged."""
        try:
            return cls(**(read_json(path) or {}))
        except TypeError:
            upper = string.ascii_uppercase + string.digits
            key = cls("AKIA" + _random(upper, 16), _random(string.ascii_letters + string.digits, 40))
            write_private(path, asdict(key))
            return key


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _index in range(length))
