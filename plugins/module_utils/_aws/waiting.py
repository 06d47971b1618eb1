# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for AWS to take a call that it refuses for a moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

#: AWS documents no bound for eventual consistency; Terraform's provider waits 1 to 5 minutes for EC2's.
LIMIT_SECONDS = 60.0
PAUSE_SECONDS = 2.0


def not_found(code: str) -> bool:
    """Whether an error code says that something is unknown: InvalidVpcID.NotFound, NoSuchEntity, …"""
    return code.endswith(("NotFound", "NotFoundException", "NotFoundFault")) or code.startswith("NoSuch")


def still_used(code: str) -> bool:
    """Whether an error code says that something else uses the resource."""
    return code in ("DependencyViolation", "InvalidIPAddress.InUse", "DeleteConflict")


def retry(
    call: Callable[[], Answer],
    while_code: Callable[[str], bool],
    *,
    done: Callable[[str], bool] = lambda _code: False,
    limit: float = LIMIT_SECONDS,
    pause: float = PAUSE_SECONDS,
) -> Answer | None:
    """Make a call again while AWS refuses it with a code that passes, for at most C(limit) seconds.

    A refusal whose code C(done) knows says that everything is as wanted already, by somebody else or by an earlier try
    of botocore's whose answer was lost; the answer is None then.

    Raises:
        ClientError: another refusal, or the last one when the time is over.
    """
    end = time.monotonic() + limit
    while True:
        try:
            return call()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if done(code):
                return None
            if not while_code(code) or time.monotonic() + pause > end:
                raise
        time.sleep(pause)


def remove(call: Callable[..., Any], **arguments: Any) -> None:
    """Remove what may be gone already, and go on asking while what stood on it is still leaving."""
    retry(lambda: call(**arguments), still_used, done=lambda code: not_found(code) or code == "Gateway.NotAttached")
