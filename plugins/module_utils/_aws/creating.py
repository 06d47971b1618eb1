# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Creating what AWS has no idempotency token for: an answer that is lost must not leave a second one behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError, HTTPClientError

#: How often a call is made, with a pause of 1, 2, 4 and 8 seconds between.
ATTEMPTS = 5


def create_once(
    create: Callable[[], Mapping[str, Any]],
    find: Callable[[], Sequence[Mapping[str, Any]]],
    *,
    pause: float = 1.0,
) -> Mapping[str, Any]:
    """Create a resource, and after an error that leaves open whether it was made, look for it before trying again.

    C(create) makes one call without botocore's retries, which would create a second resource; C(find) looks for the
    first by its tags.

    Raises:
        ClientError, HTTPClientError: AWS refused, or still failed at the last attempt.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return create()
        except ClientError as error:
            # EC2 throttles with 503 too. It is one more read then.
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500 or attempt == ATTEMPTS:
                raise
        except HTTPClientError:
            if attempt == ATTEMPTS:
                raise
        time.sleep(pause)
        pause *= 2
        found = find()
        if found:
            return found[0]
    raise AssertionError("the last attempt returns or raises")
