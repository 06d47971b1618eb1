# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which account an access key belongs to.

To find it, moto makes the IAM backend of every AWS partition (China, GovCloud, …) in every account, each with its 1,582
managed policies: 0.7 s and tens of megabytes for the first call of an account. Only the ones in use can hold a key.
"""

from __future__ import annotations

from collections.abc import Callable

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam import models

from sandbox.aws.corrections.correction import corrects


@corrects(models, "get_account_id_from")
def _account_of(_original: Callable[[str], str], access_key: str) -> str:
    for account, partitions in list(models.iam_backends.items()):
        if any(access_key in iam.access_keys for iam in list(partitions.values())):
            return account
    return DEFAULT_ACCOUNT_ID
