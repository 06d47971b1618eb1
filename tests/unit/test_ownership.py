# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of ownership, and what they say about a resource."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import (
    belongs,
    has_mark,
    tag_changes,
)
from ansible_collections.entasis.engine.plugins.module_utils._ownership import is_owned, ownership_tags

PLATFORM, ROLE, NAME = "entasis.io/platform", "entasis.io/role", "Name"


def test_the_users_tags_never_override_the_three_of_ownership() -> None:
    mine = {PLATFORM: "theirs", ROLE: "theirs", NAME: "theirs", "team": "data"}
    assert ownership_tags("demo", "vpc", "demo-a", mine) == {
        PLATFORM: "demo",
        ROLE: "vpc",
        NAME: "demo-a",
        "team": "data",
    }


def test_only_the_platforms_tag_makes_an_owner() -> None:
    assert is_owned({PLATFORM: "demo"}, "demo")
    assert not is_owned({PLATFORM: "other"}, "demo")
    assert not is_owned({ROLE: "vpc", NAME: "demo"}, "demo")


@pytest.mark.parametrize(
    ("tags", "inside", "expected"),
    [
        ({PLATFORM: "demo", ROLE: "vpc"}, False, True),
        ({PLATFORM: "demo"}, False, True),
        ({PLATFORM: "demo", ROLE: "backups"}, True, False),
        ({PLATFORM: "other", ROLE: "vpc"}, True, False),
        ({ROLE: "vpc"}, True, True),
        ({ROLE: "vpc"}, False, False),
        ({NAME: "demo"}, True, False),
        ({}, True, False),
    ],
)
def test_what_a_role_made_is_known_by_its_tags(tags: dict[str, str], *, inside: bool, expected: bool) -> None:
    assert belongs(tags, "demo", "vpc", inside=inside) is expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({PLATFORM: "demo"}, True),
        ({ROLE: "vpc"}, True),
        ({NAME: "demo-a"}, True),
        ({NAME: "demo-b"}, False),
        ({ROLE: "backups"}, False),
        ({PLATFORM: "other", ROLE: "vpc", NAME: "demo-a"}, False),
        ({}, False),
    ],
)
def test_one_mark_is_enough_unless_another_platform_has_put_its_own(tags: dict[str, str], *, expected: bool) -> None:
    assert has_mark(tags, "demo", "vpc", "demo-a") is expected


def test_only_our_tags_are_put_right() -> None:
    there = {"team": "other", "theirs": "stays", NAME: "demo-a"}
    [change] = tag_changes("subnet", "demo-a", there, {"team": "data", NAME: "demo-a", ROLE: "vpc"})
    assert change.label == "subnet/demo-a (tags)"
    assert change.before == {"tags": {"team": "other"}}
    assert change.after == {"tags": {"team": "data", ROLE: "vpc"}}
    assert tag_changes("subnet", "demo-a", there, {NAME: "demo-a"}) == []
