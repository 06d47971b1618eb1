# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudWatch log groups: moto has no class of theirs, and no key that comes or goes later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse

from sandbox.aws.corrections.correction import corrects


@corrects(LogsResponse, "create_log_group")
def _create_log_group(original: Callable[[LogsResponse], str], self: LogsResponse) -> str:
    answer = original(self)
    self.logs_backend.groups[self._get_param("logGroupName")].log_class = self._get_param("logGroupClass")
    return answer


@corrects(LogGroup, "to_describe_dict")
def _to_describe_dict(original: Callable[[LogGroup], dict[str, Any]], self: LogGroup) -> dict[str, Any]:
    return {**original(self), "logGroupClass": getattr(self, "log_class", None) or "STANDARD"}


def _set_key(self: LogsResponse) -> str:
    group = self.logs_backend._find_log_group(log_group_name=self._get_param("logGroupName"))
    group.kms_key_id = self._get_param("kmsKeyId")
    return json.dumps({})


for _operation in ("associate_kms_key", "disassociate_kms_key"):
    setattr(LogsResponse, _operation, _set_key)
