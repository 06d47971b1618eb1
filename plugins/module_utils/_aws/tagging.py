# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Tags of what is there: whether they mark a resource as ours, and what is to change about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)
from ansible_collections.entasis.engine.plugins.module_utils._ownership import (
    NAME_TAG,
    PLATFORM_TAG,
    ROLE_TAG,
    is_owned,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, update

#: AWS's lists of key and value pairs as dicts, and back.
from_tag_list = boto3_tag_list_to_ansible_dict
to_tag_list = ansible_dict_to_boto3_tag_list


def belongs(tags: Mapping[str, str], platform: str, role: str, *, inside: bool) -> bool:
    """Whether a role of the platform made a resource with these tags.

    Inside something that the platform owns, the tag of the role alone is enough: the platform's tag may have been lost.
    """
    if PLATFORM_TAG not in tags:
        return inside and tags.get(ROLE_TAG) == role
    return is_owned(tags, platform) and tags.get(ROLE_TAG, role) == role


def has_mark(tags: Mapping[str, str], platform: str, role: str, name: str) -> bool:
    """Whether at least one of our three tags is left on a resource, and none names another platform."""
    if tags.get(PLATFORM_TAG, platform) != platform:
        return False
    return PLATFORM_TAG in tags or tags.get(ROLE_TAG) == role or tags.get(NAME_TAG) == name


def tag_changes(kind: str, name: str, there: Mapping[str, str], tags: Mapping[str, str]) -> list[Change]:
    """The change that puts our tags right; tags that are not among ours are left alone and not shown."""
    differing = {key: value for key, value in tags.items() if there.get(key) != value}
    if not differing:
        return []
    before = {"tags": {key: there[key] for key in differing if key in there}}
    return update(kind, name, before, {"tags": differing}, part="tags")
