# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Waiting for AWS to take a call that it refuses for a moment."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError, poll

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

#: AWS documents no bound for eventual consistency; Terraform's provider waits 1 to 5 minutes for EC2's.
LIMIT_SECONDS = 60.0
#: The longest pause between two tries.
LONGEST_PAUSE = 5.0


def not_found(code: str) -> bool:
    """Whether an error code says that something is unknown: InvalidVpcID.NotFound, NoSuchEntity, …"""
    return code.endswith(("NotFound", "NotFoundException", "NotFoundFault")) or code.startswith("NoSuch")


def still_used(code: str) -> bool:
    """Whether an error code says that something else uses the resource."""
    return code in ("DependencyViolation", "InvalidIPAddress.InUse", "DeleteConflict")


def retry(
    call: Callable[[], Any],
    while_code: Callable[[str], bool],
    *,
    saying: str = "",
    done: Callable[[str], bool] = lambda _code: False,
    what: str = "a call of AWS",
    limit: float = LIMIT_SECONDS,
) -> Any:
    """Make a call again while AWS refuses it with a code that passes, for at most C(limit) seconds.

    With C(saying), a pattern, the refusal's words must match too. C(done) knows the codes that say that all is as
    wanted already, by somebody else or by an earlier try of botocore's whose answer was lost; the answer is None then.

    Raises:
        ClientError: another refusal, or the last one when the time is over.
    """
    answer, refusal = None, None

    def look() -> str | None:
        nonlocal answer, refusal
        try:
            answer = call()
        except ClientError as error:
            details = error.response.get("Error", {})
            code = details.get("Code", "")
            if done(code):
                return None
            if not while_code(code) or not re.search(saying, details.get("Message", "")):
                raise
            refusal = error
            return f"refused for the moment with {code}"
        return None

    try:
        poll(look, what, limit, longest=LONGEST_PAUSE)
    except WaitError as error:
        raise refusal or error from None
    return answer


def unless_gone(call: Callable[[], Any]) -> Any:
    """What a call answers; None where what it asks for is unknown."""
    return retry(call, lambda _code: False, done=not_found)


def unless_denied(call: Callable[[], Any]) -> Any:
    """What a call answers; None where the caller may not ask. So is asked of what nobody wants here: that it may not
    even be looked at says that it is not ours.
    """
    return retry(call, lambda _code: False, done=lambda code: code in ("AccessDenied", "AccessDeniedException"))


def remove(call: Callable[..., Any], **arguments: Any) -> None:
    """Remove what may be gone already, and go on asking while what stood on it is still leaving."""
    retry(lambda: call(**arguments), still_used, done=lambda code: not_found(code) or code == "Gateway.NotAttached")
