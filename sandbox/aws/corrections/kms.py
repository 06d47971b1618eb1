# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS keys.

moto breaks on a key's ARN where a key is enabled, disabled, or its deletion scheduled or cancelled; it answers the
scheduling with whatever the key was called, where AWS answers its ARN, and schedules a deletion twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from sandbox.aws.corrections.correction import corrects


@corrects(KmsBackend, "enable_key")
@corrects(KmsBackend, "disable_key")
@corrects(KmsBackend, "cancel_key_deletion")
@corrects(KmsBackend, "schedule_key_deletion")
def _by_key_id(original: Callable[..., Any], self: Any, key_id: str, *rest: Any, **named: Any) -> Any:
    return original(self, self.get_key_id(key_id), *rest, **named)


@corrects(KmsResponse, "schedule_key_deletion")
def _schedule(original: Callable[[Any], str], self: Any) -> str:
    key = self.kms_backend.keys.get(self.kms_backend.get_key_id(self._get_param("KeyId")))
    if key is not None and key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    answer = json.loads(original(self))
    return json.dumps({**answer, "KeyId": key.arn, "KeyState": key.key_state} if key else answer)
