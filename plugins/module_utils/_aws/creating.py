# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Creating what AWS has no idempotency token for: an answer that is lost must not leave a second one behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.entasis.engine.plugins.module_utils._reconcile import HandlerError

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import HTTPClientError

#: How often a call is made, with a pause of 1, 2, 4 and 8 seconds between.
ATTEMPTS = 5
#: Errors with a status of 500 or more that say that nothing was made.
_THROTTLED = ("RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "Throttling", "SlowDown")


Made = TypeVar("Made")


class LostAnswerError(HandlerError):
    """AWS failed in a way that leaves open whether it did what it was asked for."""


def stop_blind_retries(client: Any, operations: Iterable[str]) -> None:
    """Let the client's calls of these operations fail where botocore would repeat one that may have had its effect.

    Throttling is still waited out by botocore, since nothing is made then.
    """
    for operation in operations:
        client.meta.events.register_first(f"needs-retry.{client.meta.service_model.service_name}.{operation}", _stop)


def _stop(
    response: tuple[Any, Mapping[str, Any]] | None = None, caught_exception: Exception | None = None, **_event: Any
) -> None:
    if caught_exception is not None:
        raise caught_exception
    parsed = response[1] if response else {}
    error = parsed.get("Error", {})
    if parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500 and error.get("Code") not in _THROTTLED:
        raise LostAnswerError(f"AWS answered {error.get('Code')}: {error.get('Message')}")


def create_once(create: Callable[[], Made], find: Callable[[], Sequence[Made]]) -> Made:
    """Create a resource, and where the answer is lost, look for it before trying again.

    C(create) makes a call that is among those of L(stop_blind_retries); C(find) looks for its effect by the tags.

    Raises:
        ClientError: AWS refused.
        LostAnswerError, HTTPClientError: AWS still failed at the last attempt, and nothing is there.
    """
    for attempt in range(ATTEMPTS):
        try:
            return create()
        except (LostAnswerError, HTTPClientError):
            time.sleep(2**attempt)
            found = find()
            if found:
                return found[0]
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")
