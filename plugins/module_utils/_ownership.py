# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The tags by which the collection knows what it made. Nothing without them is ever changed or deleted."""

from __future__ import annotations

from collections.abc import Mapping

PLATFORM_TAG = "entasis.io/platform"
ROLE_TAG = "entasis.io/role"
NAME_TAG = "Name"
#: Only on what lies in no region, so that platforms of one name in two regions do not take each other's for their own.
REGION_TAG = "entasis.io/region"


def ownership_tags(platform: str, role: str, name: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags of a resource that a role makes; the user's extra tags never override the three of ours."""
    return {**(extra or {}), PLATFORM_TAG: platform, ROLE_TAG: role, NAME_TAG: name}


def is_owned(tags: Mapping[str, str], platform: str) -> bool:
    """Whether a resource with these tags belongs to the platform."""
    return tags.get(PLATFORM_TAG) == platform
