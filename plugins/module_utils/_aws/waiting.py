# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for AWS: for a call that it refuses for a moment, and for a state that takes time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

#: AWS documents no bound for eventual consistency; Terraform's provider waits 1 to 5 minutes for EC2's.
LIMIT_SECONDS = 60.0
PAUSE_SECONDS = 2.0


def not_found(code: str) -> bool:
    """Whether an EC2 error code says that an id is unknown: InvalidVpcID.NotFound, InvalidGroup.NotFound, …"""
    return code.endswith(".NotFound")


def still_used(code: str) -> bool:
    """Whether an EC2 error code says that something else uses the resource."""
    return code in ("DependencyViolation", "InvalidIPAddress.InUse")


def retry(
    call: Callable[[], Answer],
    while_code: Callable[[str], bool],
    *,
    limit: float = LIMIT_SECONDS,
    pause: float = PAUSE_SECONDS,
) -> Answer:
    """Make a call again while AWS refuses it with a code that passes, for at most C(limit) seconds.

    Raises:
        ClientError: another refusal, or the last one when the time is over.
    """
    end = time.monotonic() + limit
    while True:
        try:
            return call()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if not while_code(code) or time.monotonic() + pause > end:
                raise
        time.sleep(pause)


def wait_until(reached: Callable[[], bool], what: str, *, limit: float, longest_pause: float = 10.0) -> None:
    """Look again and again, first after a fifth of a second and then ever less often, until C(reached) says so.

    Raises:
        TimeoutError: after C(limit) seconds; C(what) says what was waited for.
    """
    end = time.monotonic() + limit
    pause = 0.2
    while not reached():
        if time.monotonic() + pause > end:
            raise TimeoutError(f"{what} after {limit:.0f} seconds. Look for the reason in AWS, then run again")
        time.sleep(pause)
        pause = min(pause * 2, longest_pause)
