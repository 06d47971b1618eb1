# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS keys.

moto forgets the period of a rotation, and changes a key that waits for its deletion, which KMS refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from moto.core.exceptions import JsonRESTError
from moto.kms.responses import KmsResponse

from sandbox.aws.corrections.correction import corrects

#: The number of days after which KMS rotates a key when it is told none.
_DEFAULT_ROTATION_DAYS = 365


@corrects(KmsResponse, "enable_key")
@corrects(KmsResponse, "disable_key_rotation")
@corrects(KmsResponse, "update_key_description")
@corrects(KmsResponse, "put_key_policy")
@corrects(KmsResponse, "tag_resource")
def _unless_leaving(original: Callable[[KmsResponse], str], self: KmsResponse) -> str:
    _refuse_leaving(self)
    return original(self)


@corrects(KmsResponse, "enable_key_rotation")
def _enable_key_rotation(original: Callable[[KmsResponse], str], self: KmsResponse) -> str:
    _refuse_leaving(self)
    answer = original(self)
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    key.rotation_period_in_days = self._get_param("RotationPeriodInDays") or _DEFAULT_ROTATION_DAYS
    return answer


@corrects(KmsResponse, "get_key_rotation_status")
def _get_key_rotation_status(original: Callable[[KmsResponse], str], self: KmsResponse) -> str:
    answer = json.loads(original(self))
    if answer["KeyRotationEnabled"]:
        key = self.kms_backend.describe_key(self._get_param("KeyId"))
        answer["RotationPeriodInDays"] = key.rotation_period_in_days
    return json.dumps(answer)


def _refuse_leaving(self: KmsResponse) -> None:
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
