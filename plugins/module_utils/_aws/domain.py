# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A set of AWS resources of one kind: what a domain says of itself, and what is the same for every domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._aws.creating import create_once, stop_blind_retries
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup, find, keys
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import AwsModule, client
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import not_found, retry
from ansible_collections.entasis.engine.plugins.module_utils._ownership import (
    PLATFORM_TAG,
    REGION_TAG,
    ROLE_TAG,
    ownership_tags,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    KNOWN_AFTER_APPLY,
    Change,
    Handler,
    PlanError,
    create,
    delete,
    update,
)

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.session import Session


@dataclass(frozen=True)
class Resource:
    """A resource, wanted or there. Its C(fields) are what the diff shows; None stands for what is not managed."""

    name: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    #: What has to be made first, as kind/name.
    needs: tuple[str, ...] = ()
    #: Whether one of this name that no platform has tagged becomes ours.
    adopt: bool = False


@dataclass(frozen=True)
class Plan(_reconcile.Plan):
    #: The resources that the changes make, by name: with what others added and nobody asked to remove.
    targets: Mapping[str, Resource] = field(default_factory=dict)


def plan_set(
    kind: str,
    desired: Iterable[Resource],
    observed: Iterable[Resource],
    *,
    owns: Callable[[Resource], bool],
    marks: str = "",
    fixed: Sequence[str] = (),
    parts: Mapping[str, Sequence[str]] | None = None,
    shared: Sequence[str] = (),
    purge: bool = False,
    against: Sequence[str] = (),
) -> Plan:
    """What makes the observed resources the desired ones: created, tagged, updated part by part, and purged. Pure.

    Raises:
        PlanError: with every resource that is not ours, every difference that AWS cannot change, and what else speaks
            C(against) the set.
    """
    listed = sorted(observed, key=lambda one: (one.name, one.id))
    there = {one.name: one for one in listed}
    problems = [
        f"{kind} {name} is there {count} times: {', '.join(one.id for one in listed if one.name == name)}. Remove "
        "those that are not in use"
        for name, count in Counter(one.name for one in listed).items()
        if count > 1
    ]
    changes: list[Change] = []
    unlisted: list[str] = []
    targets: dict[str, Resource] = {}
    for one in desired:
        found = there.get(one.name)
        if one.name in targets:
            problems.append(f"{kind} {one.name} is in the options more than once. Remove all but one")
        targets[one.name] = one
        if found is None:
            changes.append(create(kind, one.name, {**_managed(one, one.fields), "tags": one.tags}, needs=one.needs))
            continue
        if not owns(found) and not (one.adopt and PLATFORM_TAG not in found.tags):
            problems.append(
                f"{kind} {one.name} ({found.id}) exists and is not ours: it is left alone. If it is to be, give it the "
                f"tags {marks}; if not, use another name"
            )
            continue
        problems += [
            f"{key} of {kind} {one.name} is {found.fields[key]} and AWS cannot make it {one.fields[key]}. Set it back, "
            "or use another name"
            for key in _managed(one, fixed)
            if one.fields[key] != found.fields[key]
        ]
        if not purge:
            one, additions = _with_additions(one, found, shared)
            targets[one.name] = one
            unlisted += [f"{kind}/{one.name} {addition}" for addition in additions]
        for part, fields in _parts(one, parts, fixed).items():
            changes += update(kind, one.name, found.fields, _managed(one, fields), needs=one.needs, part=part)
        changes += tag_changes(kind, one.name, found.tags, one.tags)
    left = [one for one in there.values() if one.name not in targets and owns(one)]
    if purge:
        changes += [delete(kind, one.name, {**one.fields, "tags": dict(one.tags)}) for one in left]
    else:
        unlisted += [f"{kind}/{one.name} ({one.id})" for one in left]
    if problems or against:
        raise PlanError([*problems, *against])
    return Plan(changes, unlisted, targets=targets)


def _managed(one: Resource, keys: Iterable[str]) -> dict[str, Any]:
    return {key: one.fields[key] for key in keys if one.fields[key] is not None}


def _with_additions(one: Resource, found: Resource, shared: Iterable[str]) -> tuple[Resource, list[str]]:
    """A desired resource that keeps what others added to its shared lists and mappings; and what that is."""
    fields, told = dict(one.fields), []
    for key in _managed(one, shared):
        added = [member for member in found.fields[key] if member not in fields[key]]
        told += [f"{key}: {member}" for member in added]
        if isinstance(fields[key], Mapping):
            fields[key] = {**{member: found.fields[key][member] for member in added}, **fields[key]}
        else:
            fields[key] = sorted([*fields[key], *added])
    return replace(one, fields=fields), told


def _parts(
    one: Resource, parts: Mapping[str, Sequence[str]] | None, fixed: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """What one change changes of a resource; where nothing else is said, each field that AWS can change is a part."""
    return parts or {key.replace("_", " "): (key,) for key in one.fields if key not in fixed}


class Domain:
    """One kind of resource. A domain says what it is, and has the methods that raise here; the rest is done here."""

    kind: ClassVar[str]
    #: The module's option that lists them.
    option: ClassVar[str]
    service: ClassVar[str]
    #: The operations that make one. botocore repeats none of them blindly: what a lost answer made is looked for first.
    creates: ClassVar[tuple[str, ...]]
    #: Fields that AWS never changes, and those that one method call changes, by what that change is called. By default
    #: each field that AWS can change is a part of its own.
    fixed: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: What a new one has of the fields that its creation cannot set. C(update) brings each of their parts at once.
    born: ClassVar[Mapping[str, Any]] = {}
    #: Lists and mappings of which others may have a share: what they added is only reported, and removed with purge.
    shared: ClassVar[tuple[str, ...]] = ()
    #: Whether all that is observed lies inside something of the platform's, such as its cluster.
    inside: ClassVar[bool] = False
    #: Whether the service knows no regions. Each of our resources then says in a tag to which region's platform it is.
    worldwide: ClassVar[bool] = False

    def __init__(self, module: AwsModule) -> None:
        self.module = module
        self.options = module.params
        self.client = client(module, self.service)
        self.ids: dict[str, str] = {}
        self._wanted: list[Resource] = []
        self.there: dict[str, Resource] = {}
        self._plan = Plan(())

    def desired(self) -> Iterable[Resource]:
        for one in self.options[self.option]:
            name = self.full_name(one["name"])
            tags = self.own(name, one.get("tags"))
            yield Resource(name, self.fields(one), tags, adopt=one.get("adopt", False))

    def full_name(self, name: str) -> str:
        """The name that AWS knows of what the options call so."""
        return name

    def fields(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of one of the option's list, which has a name and tags besides, and may have C(adopt)."""
        raise NotImplementedError

    def observe(self) -> Iterable[Resource]:
        """Those of the wanted names, C(self.names), and all others that are ours."""
        raise NotImplementedError

    def create(self, wanted: Resource) -> str:
        """Make it, with its tags in the same call, and wait for it; gives its id."""
        raise NotImplementedError

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        raise NotImplementedError

    def delete(self, there: Resource) -> None:
        raise NotImplementedError

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.tag_resource(resourceArn=there.id, tags=dict(tags))

    def extra(self) -> Mapping[str, Any]:
        """What the module returns besides the ids."""
        return {}

    @property
    def names(self) -> list[str]:
        return [one.name for one in self._wanted]

    def own(self, name: str, extra: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The tags of one of our resources."""
        given = {str(key): str(value) for key, value in {**self.options["tags"], **(extra or {})}.items()}
        where = {REGION_TAG: self.module.region or ""} if self.worldwide else {}
        return ownership_tags(self.options["platform"], self.options["role"], name, {**given, **where})

    def arn(self, resource: str, *, service: str = "", region: bool = True) -> str:
        """The ARN of a resource in the account of the credentials, of this service unless another is named."""
        where = self.module.region if region else ""
        return f"arn:{self.partition}:{service or self.service}:{where}:{self.account_number}:{resource}"

    @property
    def partition(self) -> str:
        """C(aws), or that of the regions in China or of the government of the USA."""
        return str(Session().get_partition_for_region(self.module.region))

    @cached_property
    def account_number(self) -> str:
        """The number of the account of the credentials."""
        return str(client(self.module, "sts").get_caller_identity()["Account"])

    @cached_property
    def kms_keys(self) -> Lookup:
        """The keys that the options name in C(kms_key).

        Raises:
            PlanError: one is not there, and this is a real run.
        """
        names = [one["kms_key"] for one in self.options[self.option] if one["kms_key"]]
        kms = client(self.module, "kms") if names else None
        return find(lambda: {"keys": keys(kms, names)}, required=not self.module.check_mode)["keys"]

    def kms_key(self, options: Mapping[str, Any]) -> str:
        """The ARN of the KMS key that one of the option's list names; empty where it names none."""
        return self.kms_keys.id_of(options["kms_key"]) if options["kms_key"] else ""

    def owns(self, there: Resource) -> bool:
        here = not self.worldwide or there.tags.get(REGION_TAG) == self.module.region
        return here and belongs(there.tags, self.options["platform"], self.options["role"], inside=self.inside)

    def plan(self) -> Plan:
        present = self.options["state"] == "present"
        self._wanted = list(self.desired()) if present else []
        observed = list(self.observe())
        self.there = {one.name: one for one in observed}
        self.ids = {name: one.id for name, one in self.there.items()}
        tags = self.own("")
        marked_by = (PLATFORM_TAG, ROLE_TAG, REGION_TAG) if self.worldwide else (PLATFORM_TAG, ROLE_TAG)
        self._plan = plan_set(
            self.kind,
            self._wanted,
            observed,
            owns=self.owns,
            marks=" ".join(f"{key}={tags[key]}" for key in marked_by),
            fixed=self.fixed,
            parts=self.parts,
            shared=self.shared,
            purge=self.options["purge"] or not present,
        )
        return self._plan

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        stop_blind_retries(self.client, self.creates)
        return {
            (self.kind, "create"): self._create,
            (self.kind, "update"): self._update,
            (self.kind, "delete"): lambda change: self.delete(self.there[change.name]),
        }

    def _create(self, change: Change) -> None:
        wanted = self._plan.targets[change.name]
        new = create_once(
            lambda: replace(wanted, id=self.create(wanted), fields={**wanted.fields, **self.born}),
            lambda: [one for one in self.observe() if one.name == wanted.name and self.owns(one)],
        )
        self.ids[wanted.name] = new.id
        for part in self.differing(new, wanted):
            # What is a moment old may not be known everywhere yet.
            retry(lambda part=part: self.update(new, part, wanted), not_found)  # type: ignore[misc]

    def _update(self, change: Change) -> None:
        there = self.there[change.name]
        if change.part == "tags":
            self.tag(there, (change.after or {})["tags"])
        else:
            self.update(there, change.part, self._plan.targets[change.name])

    def report(self) -> Mapping[str, Any]:
        return {"ids": {name: self.ids.get(name, KNOWN_AFTER_APPLY) for name in self.names}, **self.extra()}

    def differing(self, there: Resource, wanted: Resource) -> list[str]:
        """The parts in which what is there is not as wanted."""
        parts = _parts(wanted, self.parts, self.fixed)
        return [part for part, keys in parts.items() if update("", "", there.fields, _managed(wanted, keys))]
