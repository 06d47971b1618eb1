# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every domain of AWS does the same way, on a domain whose account is a dict: any set becomes any other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.creating import LostAnswerError
from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource, plan_set
from ansible_collections.entasis.engine.plugins.module_utils._aws.iam_roles import IamRoles
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError, apply
from hypothesis import given, settings
from hypothesis import strategies as st

Account = dict[str, Resource]
PLATFORM, ROLE, NAME = "entasis.io/platform", "entasis.io/role", "Name"


class Shelf(Domain):
    kind = "shelf"
    option = "shelves"
    service = "iam"
    creates = ("CreateShelf",)
    fixed = ("zone",)
    born = {"members": [], "words": {}}
    shared = ("members", "words")

    def __init__(self, account: Account, wanted: Mapping[str, Mapping[str, Any]] | None, **options: Any) -> None:
        given = {"platform": "demo", "role": "one", "tags": {"team": "data"}, "purge": False, **options}
        given["state"] = "absent" if wanted is None else "present"
        given["shelves"] = [{"name": name, "tags": {}, **fields} for name, fields in (wanted or {}).items()]
        module = SimpleNamespace(params=given, check_mode=False, region="r1", client=MagicMock())
        super().__init__(module)
        self.account = account
        self.lost = False

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"zone": "a", **{key: options[key] for key in ("size", "members", "words")}}

    def observe(self) -> Iterator[Resource]:
        yield from list(self.account.values())

    def create(self, wanted: Resource) -> str:
        assert wanted.name not in self.account
        self.account[wanted.name] = replace(wanted, id=f"id-{wanted.name}", fields={**wanted.fields, **self.born})
        if self.lost:
            raise LostAnswerError("the line broke")
        return f"id-{wanted.name}"

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        live = self.account[there.name]
        self.account[there.name] = replace(live, fields={**live.fields, part: wanted.fields[part]})

    def delete(self, there: Resource) -> None:
        del self.account[there.name]

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        live = self.account[there.name]
        self.account[there.name] = replace(live, tags={**live.tags, **tags})


def run(shelf: Shelf, seed: int = 0) -> list[str]:
    """Apply the plan with its changes in any order; gives what is unlisted."""
    planned = shelf.plan()
    changes = random.Random(seed).sample(list(planned.changes), len(planned.changes))
    apply(changes, shelf.handlers(), parallelism=1)
    return list(planned.unlisted or ())


_SHELVES = st.dictionaries(
    st.sampled_from("abcde"),
    st.fixed_dictionaries(
        {
            "size": st.none() | st.integers(1, 3),
            "members": st.lists(st.sampled_from("xyz"), unique=True).map(sorted),
            "words": st.dictionaries(st.sampled_from("uvw"), st.integers(1, 2)),
        }
    ),
)
_THEIRS = {
    "theirs": Resource("theirs", {"zone": "b"}, {NAME: "theirs"}, "id-theirs"),
    "two": Resource("two", {"zone": "b"}, {PLATFORM: "demo", ROLE: "two"}, "id-two"),
    "other": Resource("other", {"zone": "b"}, {PLATFORM: "other", ROLE: "one"}, "id-other"),
}


def _is_as_wanted(live: Resource, fields: Mapping[str, Any], *, exactly: bool) -> bool:
    size, members, words = live.fields["size"], live.fields["members"], live.fields["words"]
    if exactly and (members, words) != (fields["members"], fields["words"]):
        return False
    tags = {PLATFORM: "demo", ROLE: "one", NAME: live.name, "team": "data"}
    return (
        fields["size"] in (None, size)
        and set(fields["members"]) <= set(members)
        and fields["words"].items() <= words.items()
        and tags.items() <= live.tags.items()
    )


@given(_SHELVES, _SHELVES, st.booleans(), st.integers())
@settings(max_examples=150)
def test_any_set_becomes_any_other_and_then_none(
    first: dict[str, Any], second: dict[str, Any], purge: bool, seed: int
) -> None:
    account: Account = dict(_THEIRS)
    run(Shelf(account, first), seed)
    for name in first:
        account[name] = replace(account[name], tags={**account[name].tags, "Name": "edited", "extra": "stays"})
    unlisted = run(Shelf(account, second, purge=purge), seed)

    assert all(_is_as_wanted(account[name], fields, exactly=purge) for name, fields in second.items())
    assert all(account[name].tags["extra"] == "stays" for name in first if name in account)
    left = [f"shelf/{name} (id-{name})" for name in sorted(first.keys() - second.keys())]
    assert [one for one in unlisted if "(" in one] == ([] if purge else left)
    assert account.keys() - _THEIRS.keys() == second.keys() | (set() if purge else first.keys())
    again = Shelf(account, second, purge=purge).plan()
    assert (again.changes, again.unlisted) == ([], unlisted)
    run(Shelf(account, None), seed)
    assert account == _THEIRS


def test_what_others_added_to_one_of_ours_is_told_and_goes_only_with_purge() -> None:
    wanted = {"a": {"size": 1, "members": ["x"], "words": {"u": 1}}}
    account: Account = {}
    run(Shelf(account, wanted))
    account["a"] = replace(account["a"], fields={**account["a"].fields, "members": ["x", "y"], "words": {"v": 2}})
    assert run(Shelf(account, wanted)) == ["shelf/a members: y", "shelf/a words: v"]
    assert account["a"].fields["members"] == ["x", "y"]
    assert account["a"].fields["words"] == {"u": 1, "v": 2}
    assert run(Shelf(account, wanted, purge=True)) == []
    assert (account["a"].fields["members"], account["a"].fields["words"]) == (["x"], {"u": 1})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("lost", [False, True])
def test_a_new_one_is_whole_at_once_even_where_the_answer_was_lost(lost: bool) -> None:
    shelf = Shelf({}, {"a": {"size": 1, "members": ["x"], "words": {}}})
    shelf.lost = lost
    run(shelf)
    assert shelf.account["a"].fields == {"zone": "a", "size": 1, "members": ["x"], "words": {}}
    assert shelf.report() == {"ids": {"a": "id-a"}}


def test_every_reason_why_a_set_cannot_be_reached_is_told_at_once() -> None:
    there = {"zone": "b", "size": 1, "members": [], "words": {}}
    account = {**_THEIRS, "a": Resource("a", there, {PLATFORM: "demo", ROLE: "one"}, "id-a")}
    wanted = {name: {"size": 1, "members": [], "words": {}} for name in ("a", "theirs", "two", "other")}
    with pytest.raises(PlanError) as refused:
        Shelf(account, wanted).plan()
    assert [problem.split(".")[0] for problem in refused.value.problems] == [
        "zone of shelf a is b and AWS cannot make it a",
        *(f"shelf {name} (id-{name}) exists and is not ours: it is left alone" for name in ("theirs", "two", "other")),
    ]
    assert "the tags entasis.io/platform=demo entasis.io/role=one; if not" in refused.value.problems[1]


def test_what_is_there_twice_is_told_and_not_chosen_from() -> None:
    twice = [Resource("a", {}, {PLATFORM: "demo"}, identity) for identity in ("id-2", "id-1")]
    with pytest.raises(PlanError, match="shelf a is there 2 times: id-1, id-2"):
        plan_set("shelf", [], twice, owns=lambda _one: True)


def test_a_domain_may_take_over_what_no_platform_has() -> None:
    wanted = [Resource(name, {}, {PLATFORM: "demo", NAME: name}, adopt=True) for name in ("theirs", "other")]
    with pytest.raises(PlanError) as refused:
        plan_set("shelf", wanted, _THEIRS.values(), owns=lambda _one: False)
    assert [problem.split(" (")[0] for problem in refused.value.problems] == ["shelf other"]
    planned = plan_set("shelf", wanted[:1], _THEIRS.values(), owns=lambda _one: False)
    assert [(change.action, change.name, change.part) for change in planned.changes] == [("update", "theirs", "tags")]


def test_fields_that_one_call_changes_are_one_part() -> None:
    there, wanted = (Resource("a", {"size": size, "words": size, "zone": "a"}) for size in (1, 2))
    [change] = plan_set("shelf", [wanted], [there], owns=lambda _one: True, parts={"all": ("size", "words")}).changes
    assert (change.part, change.after) == ("all", {"size": 2, "words": 2})


def test_a_worldwide_kind_is_told_apart_by_the_region_of_its_platform() -> None:
    class Worldwide(Shelf):
        worldwide = True

    account: Account = {}
    run(Worldwide(account, {"a": {"size": 1, "members": [], "words": {}}}))
    assert account["a"].tags["entasis.io/region"] == "r1"
    elsewhere = Worldwide(account, None)
    elsewhere.module.region = "r2"
    run(elsewhere)
    assert list(account) == ["a"]


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("ap-northeast-2", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
    ],
)
def test_aws_own_policies_are_those_of_the_regions_partition(region: str, partition: str) -> None:
    role = {"policies": ["A"], "permissions_boundary": "arn:aws:iam::1:policy/b"}
    fields = IamRoles(SimpleNamespace(params={}, check_mode=False, region=region, client=MagicMock())).fields(role)
    assert fields["policies"] == [f"arn:{partition}:iam::aws:policy/A"]
    assert fields["permissions_boundary"] == "arn:aws:iam::1:policy/b"
