# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which of the observed resources are the platform's, and under which name. Pure.

A resource carries three marks: the tags of platform, role and name. Someone may have removed or changed some of them by
hand, so a resource inside our VPC that still has a mark is recognised by what else tells it apart (a subnet by its
addresses, a NAT gateway by its elastic IP), and gets its tags back. Nothing without a mark is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import several_vpcs
from ansible_collections.entasis.engine.plugins.module_utils._aws.network import desired as wanted
from ansible_collections.entasis.engine.plugins.module_utils._aws.network import observe as seen
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, has_mark
from ansible_collections.entasis.engine.plugins.module_utils._ownership import (
    NAME_TAG,
    PLATFORM_TAG,
    ROLE_TAG,
    is_owned,
)

#: States of an endpoint that AWS is deleting.
_GOING = ("deleting", "deleted")


@dataclass
class Matches:
    """The platform's resources, those that are not desired, and what makes planning impossible."""

    #: What is there and desired, by kind and name.
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Gateways that AWS is still deleting, by name: they hold their address until they are gone.
    leaving_nat_gateways: dict[str, seen.NatGateway] = field(default_factory=dict)
    #: Ours and not desired, as (kind, name, resource).
    leftovers: list[tuple[str, str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Any]:
        return self.resources.get(kind, {})


def match(desired: wanted.Network, observed: seen.Observed) -> Matches:
    """Give each of the platform's resources its name."""
    found = Matches()
    vpc = _match_vpc(desired, observed, found)

    def attached(gateway: seen.InternetGateway) -> bool:
        return vpc is not None and gateway.vpc_id == vpc.id

    def fields(kind: str, name: str) -> Mapping[str, Any]:
        return desired.of(kind)[name].fields

    def matched(kind: str, observed: Sequence[Any], is_it: Callable[[str, Any], bool], **how: Any) -> None:
        found.resources[kind] = _match(kind, observed, desired, found, is_it=is_it, **how)

    matched(
        "internet_gateway", observed.of("internet_gateway"), lambda _name, gateway: attached(gateway), inside=attached
    )
    matched(
        "subnet",
        observed.of("subnet"),
        lambda name, subnet: subnet.cidr == fields("subnet", name)["cidr"],
        fixed=True,
    )
    _match_nat_gateways(desired, observed, found)
    tables = {subnet.id: desired.tables[name] for name, subnet in found.of("subnet").items()}
    matched(
        "route_table",
        observed.of("route_table"),
        lambda name, table: name in {tables.get(subnet) for subnet in table.associations},
    )
    matched(
        "vpc_endpoint",
        [one for one in observed.of("vpc_endpoint") if one.type == "Gateway" and one.state not in _GOING],
        lambda name, endpoint: endpoint.service == fields("vpc_endpoint", name)["service"],
    )
    return found


def _match_vpc(desired: wanted.Network, observed: seen.Observed, found: Matches) -> seen.Vpc | None:
    ours = [vpc for vpc in observed.of("vpc") if is_owned(vpc.tags, desired.platform)]
    if len(ours) > 1:
        found.problems.append(several_vpcs(desired.platform, [vpc.id for vpc in ours]))
        return None
    if ours and ours[0].tags.get(ROLE_TAG, desired.role) != desired.role:
        if desired.present:
            found.problems.append(
                f"{ours[0].id}, the VPC of platform {desired.platform}, has the tag {ROLE_TAG}="
                f"{ours[0].tags[ROLE_TAG]}. If it is to be kept by this role, change that to {desired.role}; if not, "
                "use another platform: each has one VPC"
            )
        return None
    if ours:
        name = desired.name if desired.present else ours[0].tags.get(NAME_TAG, desired.name)
        found.resources["vpc"] = {name: ours[0]}
        return found.of("vpc")[name]
    untagged = sorted(
        vpc.id
        for vpc in observed.of("vpc")
        if PLATFORM_TAG not in vpc.tags
        and (vpc.tags.get(NAME_TAG), vpc.tags.get(ROLE_TAG)) == (desired.name, desired.role)
    )
    if untagged:
        found.problems.append(
            f"{', '.join(untagged)} is named {desired.name} like the VPC of platform {desired.platform} and has lost "
            f"the tag {PLATFORM_TAG}. If it is the platform's, give it the tag {PLATFORM_TAG}={desired.platform}; "
            "if not, give it another name"
        )
    return None


def _match_nat_gateways(desired: wanted.Network, observed: seen.Observed, found: Matches) -> None:
    """Match NAT gateways and their addresses: each tells the other apart, and is a mark of the other."""
    addresses_by_name: dict[str, set[str]] = {}
    for address in observed.of("elastic_ip"):
        if belongs(address.tags, desired.platform, desired.role, inside=False) and NAME_TAG in address.tags:
            addresses_by_name.setdefault(address.tags[NAME_TAG], set()).add(address.id)
    found.resources["nat_gateway"] = _match(
        "nat_gateway",
        [gateway for gateway in observed.of("nat_gateway") if gateway.state != "deleting"],
        desired,
        found,
        is_it=lambda name, gateway: not gateway.allocation_ids.isdisjoint(addresses_by_name.get(name, ())),
        needs_mark=False,
    )
    there = [
        *found.of("nat_gateway").items(),
        *((name, one) for kind, name, one in found.leftovers if kind == "nat_gateway"),
    ]
    in_use = {name: gateway.allocation_ids for name, gateway in there}
    held = frozenset[str]().union(*in_use.values())
    found.resources["elastic_ip"] = _match(
        "elastic_ip",
        observed.of("elastic_ip"),
        desired,
        found,
        inside=lambda address: address.id in held,
        is_it=lambda name, address: address.id in in_use.get(name, ()),
        needs_mark=False,
    )
    for gateway in observed.of("nat_gateway"):
        if gateway.state != "deleting":
            continue
        held_by_it = (name for name, address in found.of("elastic_ip").items() if address.id in gateway.allocation_ids)
        name = next(held_by_it, None)
        if name is None and belongs(gateway.tags, desired.platform, desired.role, inside=True):
            name = _free_name(gateway.tags.get(NAME_TAG, ""), gateway.id, found.leaving_nat_gateways)
        if name is not None:
            found.leaving_nat_gateways[name] = gateway


def _match(
    kind: str,
    observed: Sequence[Any],
    network: wanted.Network,
    found: Matches,
    *,
    is_it: Callable[[str, Any], bool],
    inside: Callable[[Any], bool] = lambda _resource: True,
    fixed: bool = False,
    needs_mark: bool = True,
) -> dict[str, Any]:
    """Match one kind, by tags and by C(is_it), which tells a resource apart by something else than its tags.

    With C(fixed), what C(is_it) looks at cannot change, so it counts more than a tag that anyone can edit.
    """
    desired = network.of(kind)
    ours = [r for r in observed if belongs(r.tags, network.platform, network.role, inside=inside(r))]
    matched: dict[str, Any] = {}

    def take(candidates: Callable[[str], list[Any]]) -> None:
        taken = {r.id for r in matched.values()}
        for name in desired:
            free = [r for r in candidates(name) if r.id not in taken] if name not in matched else []
            if len(free) > 1:
                found.problems.append(
                    f"{kind} {name} is there {len(free)} times: {', '.join(sorted(r.id for r in free))}. "
                    "Remove the one that is not in use"
                )
            if free:
                matched[name] = free[0]
                taken.add(free[0].id)

    def named(name: str) -> list[Any]:
        return [r for r in ours if r.tags.get(NAME_TAG) == name]

    def recognised(name: str) -> list[Any]:
        return [
            r
            for r in observed
            if inside(r)
            and is_it(name, r)
            and (not needs_mark or has_mark(r.tags, network.platform, network.role, name))
        ]

    take(lambda name: [r for r in named(name) if is_it(name, r)])
    for candidates in (recognised, named) if fixed else (named, recognised):
        take(candidates)
    names = set(desired)
    identified = {r.id for r in matched.values()}
    for resource in ours:
        if resource.id not in identified:
            name = _free_name(resource.tags.get(NAME_TAG, ""), resource.id, names)
            names.add(name)
            found.leftovers.append((kind, name, resource))
    return matched


def _free_name(name: str, resource_id: str, taken: Iterable[str]) -> str:
    return name if name and name not in taken else resource_id
