# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Reading in bulk."""

from __future__ import annotations

from typing import Any


def read_all(client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of a describing call, page after page where the call has pages."""
    if not client.can_paginate(operation):
        return list(getattr(client, operation)(**arguments)[key])
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]
