# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The tags by which the collection knows what it made. Nothing without them is ever changed or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PLATFORM_TAG = "entasis.io/platform"
ROLE_TAG = "entasis.io/role"
NAME_TAG = "Name"


def ownership_tags(platform: str, role: str, name: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags of a resource that a role makes; the user's extra tags never override the three of ours."""
    return {**(extra or {}), PLATFORM_TAG: platform, ROLE_TAG: role, NAME_TAG: name}


def is_owned(tags: Mapping[str, str], platform: str) -> bool:
    """Whether a resource with these tags belongs to the platform."""
    return tags.get(PLATFORM_TAG) == platform


def from_tag_list(
    tags: Iterable[Mapping[str, str]] | None, *, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """AWS's list of key and value pairs as a dict. Some services spell the fields in lower case."""
    return {tag[key]: tag[value] for tag in tags or ()}


def to_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """A dict of tags as AWS's list of key and value pairs, in the order of the keys."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def belongs(tags: Mapping[str, str], platform: str, role: str, *, inside: bool) -> bool:
    """Whether a role of the platform made a resource with these tags.

    Inside something that the platform owns, the tag of the role alone is enough: the platform's tag may have been lost.
    """
    if PLATFORM_TAG not in tags:
        return inside and tags.get(ROLE_TAG) == role
    return is_owned(tags, platform) and tags.get(ROLE_TAG, role) == role
