# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""From the names that cross layers to the ids that AWS wants: parents are found by name and ownership tag.

A parent is recognised as by the module that makes it: a check in which its tags are still to be repaired says what the
run after the repair says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import LONGEST_PAUSE, unless_gone
from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG, PLATFORM_TAG, is_owned
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import KNOWN_AFTER_APPLY, PlanError
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError, poll


def read_all(client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of a describing call, page after page where the call has pages."""
    if not client.can_paginate(operation):
        return list(getattr(client, operation)(**arguments)[key])
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]


#: Seconds in which AWS shows everywhere what was just made. It gives no figure; a mistyped name costs the user as long.
PATIENCE = 10.0


@dataclass(frozen=True)
class Lookup:
    """What one look-up found: the id of each name that exists. Names without an id are the missing ones."""

    kind: str
    names: tuple[str, ...]
    ids: Mapping[str, str]
    #: Who makes what is missing, for the error message.
    made_by: str

    def id_of(self, name: str) -> str:
        """The id of a name, or the placeholder of one that is not there yet."""
        return self.ids.get(name, KNOWN_AFTER_APPLY)

    def ids_of(self, names: Iterable[str]) -> list[str]:
        return [self.id_of(name) for name in names]

    def name_of(self, identifier: str) -> str:
        """The name of an id; an id that belongs to none of the names is shown as it is."""
        return next((name for name, known in self.ids.items() if known == identifier), identifier)

    def names_of(self, identifiers: Iterable[str]) -> list[str]:
        return sorted(self.name_of(identifier) for identifier in identifiers)

    def problems(self) -> list[str]:
        """One sentence for each name that does not exist."""
        return [
            f"{self.kind} '{name}' does not exist. {self.made_by}"
            for name in dict.fromkeys(self.names)
            if name not in self.ids
        ]


def find(look: Callable[[], Mapping[str, Lookup]], *, required: bool) -> Mapping[str, Lookup]:
    """What C(look) finds. Where all is C(required), it looks again for a while for what is missing: AWS may not show
    yet what another module made a moment ago.

    Raises:
        PlanError: with every parent that is missing.
    """
    found: Mapping[str, Lookup] = {}
    problems: list[str] = []

    def missing() -> str | None:
        nonlocal found, problems
        found = look()
        problems = [problem for lookup in found.values() for problem in lookup.problems()] if required else []
        return "not shown by AWS yet" if problems else None

    try:
        poll(missing, "what another layer made", PATIENCE, longest=LONGEST_PAUSE)
    except WaitError:
        raise PlanError(problems) from None
    return found


def platform_vpc(ec2: Any, platform: str) -> str | None:
    """The id of the platform's VPC, as every module knows it: by the platform's tag alone, since names are edited.

    Raises:
        PlanError: the platform has several.
    """
    found = read_all(ec2, "describe_vpcs", "Vpcs", Filters=[_filter(f"tag:{PLATFORM_TAG}", [platform])])
    if len(found) > 1:
        raise PlanError(several_vpcs(platform, [vpc["VpcId"] for vpc in found]))
    return found[0]["VpcId"] if found else None


def several_vpcs(platform: str, ids: Collection[str]) -> str:
    """What is wrong with a platform that has more than one VPC."""
    return (
        f"platform {platform} has {len(ids)} VPCs: {', '.join(sorted(ids))}. "
        f"Remove the tag {PLATFORM_TAG} from the one that is not in use"
    )


def vpcs(ec2: Any, platform: str) -> Lookup:
    """The platform's VPC, under the platform's name."""
    vpc = platform_vpc(ec2, platform)
    return Lookup("VPC", (platform,), {platform: vpc} if vpc else {}, _by_module("aws_network", platform))


def subnets(ec2: Any, platform: str, names: Sequence[str]) -> Lookup:
    """The subnets of the platform's VPC, each by its IPv4 addresses, which never change, or by its Name tag."""
    pairs = []
    for subnet in _inside(ec2, platform, "describe_subnets", "Subnets") if names else ():
        tags = from_tag_list(subnet.get("Tags"))
        keys = {subnet.get("CidrBlock"), tags.get(NAME_TAG) if is_owned(tags, platform) else None}
        pairs += [(name, subnet["SubnetId"]) for name in dict.fromkeys(names) if name in keys]
    return _lookup("subnet", names, pairs, _by_module("aws_network", platform))


def security_groups(ec2: Any, platform: str, groups: Sequence[str]) -> Lookup:
    """The groups of the platform's VPC by the names that aws_security_groups gives them (C(frontend), not an id)."""
    full_names = {f"{platform}-{group}": group for group in groups}
    found = _inside(ec2, platform, "describe_security_groups", "SecurityGroups") if groups else []
    pairs = [(full_names[item["GroupName"]], item["GroupId"]) for item in found if item["GroupName"] in full_names]
    return _lookup("security group", groups, pairs, _by_module("aws_security_groups", platform))


def _inside(ec2: Any, platform: str, operation: str, key: str) -> list[dict[str, Any]]:
    """What is in the platform's VPC, but for what carries another platform's tag. A tag of ours may have been lost."""
    vpc = platform_vpc(ec2, platform)
    found = read_all(ec2, operation, key, Filters=[_filter("vpc-id", [vpc])]) if vpc else []
    return [item for item in found if from_tag_list(item.get("Tags")).get(PLATFORM_TAG, platform) == platform]


def _by_module(module: str, platform: str) -> str:
    return f"Make it with {module}, platform {platform}."


def interfaces(ec2: Any, by: str, values: Iterable[str], *, besides: Collection[str] = ()) -> list[str]:
    """The network interfaces whose C(by) is one of the values (C(subnet-id), C(group-id)), as a message names them."""
    found = read_all(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=[_filter(by, sorted(values))])
    return [
        f"network interface {item['NetworkInterfaceId']} ({item.get('Description') or 'no description'})"
        for item in found
        if item["NetworkInterfaceId"] not in besides
    ]


def roles(iam: Any, names: Sequence[str]) -> Lookup:
    """The ARNs of IAM roles. A role's name is unique in an account, so it needs no tag to be found."""
    return _one_by_one("IAM role", names, lambda name: iam.get_role(RoleName=name)["Role"]["Arn"], "aws_iam_roles")


def keys(kms: Any, names: Sequence[str]) -> Lookup:
    """The ARNs of KMS keys, each named by its id, its ARN or its alias (C(alias/name))."""
    made_with = "aws_kms_keys; the playbook identity makes the platform's own"
    return _one_by_one("KMS key", names, lambda name: kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"], made_with)


def _one_by_one(kind: str, names: Sequence[str], arn_of: Callable[[str], str], made_with: str) -> Lookup:
    found = {name: unless_gone(lambda name=name: arn_of(name)) for name in dict.fromkeys(names)}  # type: ignore[misc]
    there = {name: arn for name, arn in found.items() if arn}
    return Lookup(kind, tuple(names), there, f"Make it before what uses it, such as with {made_with}.")


def _lookup(kind: str, names: Sequence[str], pairs: Sequence[tuple[str, str]], made_by: str) -> Lookup:
    ids: dict[str, str] = {}
    twice: dict[str, list[str]] = {}
    for name, identifier in pairs:
        if name in ids:
            twice.setdefault(name, [ids[name]]).append(identifier)
        ids[name] = identifier
    if twice:
        raise PlanError(
            [
                f"{kind} '{name}' is not one but several: {', '.join(sorted(found))}. Keep one, or rename the others."
                for name, found in sorted(twice.items())
            ]
        )
    return Lookup(kind, tuple(names), ids, made_by)


def _filter(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}
