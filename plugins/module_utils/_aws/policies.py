# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""IAM's policy language, as resources carry it."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies


def as_written(found: Any, wanted: Any) -> Any:
    """A policy in the user's own words where AWS says the same in others."""
    return found if wanted is None or compare_policies(found, wanted) else wanted
