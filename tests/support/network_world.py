# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network in memory: the changes of a plan applied to plain data in any order that it allows, with AWS's refusals.

It shares nothing with the module but the changes themselves and the shape of what is observed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.network import observe as seen
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.observe import CALLS, Observed
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.plan import Plan
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change


class World:
    """One region of an account."""

    def __init__(self) -> None:
        #: By kind and id.
        self.shelves: dict[str, dict[str, Any]] = {kind: {} for kind in CALLS}
        self.attributes: dict[str, dict[str, bool]] = {}
        self.zones = {f"ap-northeast-2{letter}": f"apne2-az{number}" for number, letter in enumerate("abcd", 1)}
        self._numbers = itertools.count(1)

    def all(self, kind: str) -> list[Any]:
        return list(self.shelves[kind].values())

    def named(self, kind: str, name: str) -> Any:
        """The resource with a Name tag."""
        [found] = (resource for resource in self.all(kind) if resource.tags["Name"] == name)
        return found

    def change(self, kind: str, identity: str, **fields: Any) -> None:
        self.shelves[kind][identity] = replace(self.shelves[kind][identity], **fields)

    def observe(self, platform: str) -> Observed:
        """What the module would read."""
        ours = [vpc.id for vpc in self.all("vpc") if vpc.tags.get("entasis.io/platform") == platform]
        read = CALLS if len(ours) == 1 else ("vpc", "internet_gateway", "elastic_ip")
        attributes = self.attributes[ours[0]] if len(ours) == 1 else {}
        return Observed({kind: tuple(self.all(kind)) for kind in read}, self.zones, attributes)

    def apply(self, plan: Plan, chance: random.Random, *, stop_after: int | None = None) -> None:
        """Apply a plan one change after the other, in an order drawn from those that its needs allow."""
        ids = dict(plan.ids)
        left = list(range(len(plan.changes)))
        for done in range(len(plan.changes)):
            if done == stop_after:
                return
            free = [index for index in left if not _waits_for(plan.changes, index, left)]
            assert free, "the changes need each other in a circle"
            index = chance.choice(free)
            left.remove(index)
            self._make(plan, plan.changes[index], ids)

    def _make(self, plan: Plan, change: Change, ids: dict[str, str]) -> None:
        if change.kind in _NEW and change.action == "create":
            self._create(change, ids)
        elif change.kind in _NEW and "tags" in (change.after or {}):
            self.tag(ids[change.resource], (change.after or {})["tags"])
        elif change.kind in _NEW and change.action == "delete":
            _IN_USE.get(change.kind, lambda _world, _plan, _change, _gone: None)(
                self, plan, change, ids[change.resource]
            )
            del self.shelves[change.kind][ids[change.resource]]
        else:
            _HANDLERS[change.kind](self, plan, change, ids)

    def _create(self, change: Change, ids: dict[str, str]) -> None:
        after = dict(change.after or {})
        tags = dict(after.pop("tags"))
        fields = {
            key: frozenset(ids[each] for each in value) if isinstance(value, list) else ids.get(value, value)
            for key, value in after.items()
        }
        made = ids[change.resource] = f"{change.kind}-{next(self._numbers)}"
        self.shelves[change.kind][made] = _NEW[change.kind](self, made, tags, **fields)

    def tag(self, identity: str, tags: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
        [kind] = (kind for kind, shelf in self.shelves.items() if identity in shelf)
        kept = {key: value for key, value in self.tags(identity).items() if key not in without}
        self.change(kind, identity, tags={**kept, **tags})

    def tags(self, identity: str) -> Mapping[str, str]:
        found: Mapping[str, str] = next(shelf[identity].tags for shelf in self.shelves.values() if identity in shelf)
        return found


def _waits_for(changes: Sequence[Change], index: int, left: Sequence[int]) -> bool:
    """Whether a change of what this one needs, or an earlier one of the same resource, is still to come."""
    change = changes[index]
    return any(
        (other < index if changes[other].resource == change.resource else changes[other].resource in change.needs)
        for other in left
        if other != index
    )


Tags = dict[str, str]
Ids = Mapping[str, str]


def _new_vpc(world: World, made: str, tags: Tags, cidr: str) -> seen.Vpc:
    world.attributes[made] = {"enableDnsSupport": True, "enableDnsHostnames": False}
    return seen.Vpc(made, tags, cidr)


def _new_subnet(world: World, made: str, tags: Tags, vpc: str, cidr: str, zone: str) -> seen.Subnet:
    assert vpc in world.shelves["vpc"]
    assert all(cidr != other.cidr for other in world.all("subnet")), "the addresses are taken"
    return seen.Subnet(made, tags, cidr, zone, False)


def _new_nat_gateway(world: World, made: str, tags: Tags, subnet: str, elastic_ip: str) -> seen.NatGateway:
    assert elastic_ip in world.shelves["elastic_ip"]
    assert all(elastic_ip not in gateway.allocation_ids for gateway in world.all("nat_gateway")), "it is in use"
    assert any(gateway.vpc_id for gateway in world.all("internet_gateway")), "the VPC has no internet gateway"
    assert subnet in world.shelves["subnet"]
    return seen.NatGateway(made, tags, "available", subnet, frozenset({elastic_ip}))


def _new_table(world: World, made: str, tags: Tags, vpc: str) -> seen.RouteTable:
    assert vpc in world.shelves["vpc"]
    return seen.RouteTable(made, tags, {}, {})


def _new_endpoint(
    world: World, made: str, tags: Tags, vpc: str, service: str, route_tables: frozenset[str]
) -> seen.Endpoint:
    assert vpc in world.shelves["vpc"]
    assert route_tables <= set(world.shelves["route_table"])
    return seen.Endpoint(made, tags, service, "Gateway", route_tables)


#: What is made of the arguments of a creation, with AWS's refusals.
_NEW: dict[str, Callable[..., seen.Resource]] = {
    "vpc": _new_vpc,
    "internet_gateway": lambda _world, made, tags: seen.InternetGateway(made, tags, None),
    "elastic_ip": lambda world, made, tags: seen.ElasticIp(made, tags, f"192.0.2.{len(world.all('elastic_ip'))}"),
    "subnet": _new_subnet,
    "nat_gateway": _new_nat_gateway,
    "route_table": _new_table,
    "vpc_endpoint": _new_endpoint,
}


def _vpc_in_use(world: World, _plan: Plan, _change: Change, vpc: str) -> None:
    attached = [gateway for gateway in world.all("internet_gateway") if gateway.vpc_id == vpc]
    inside = [one for kind in ("subnet", "nat_gateway", "route_table", "vpc_endpoint") for one in world.all(kind)]
    assert [*attached, *inside] == [], "the VPC is in use"


def _gateway_in_use(world: World, _plan: Plan, _change: Change, _gateway: str) -> None:
    assert not world.all("nat_gateway"), "the VPC has public addresses"


def _address_in_use(world: World, _plan: Plan, _change: Change, gone: str) -> None:
    assert all(gone not in gateway.allocation_ids for gateway in world.all("nat_gateway")), "the address is in use"


def _subnet_in_use(world: World, _plan: Plan, _change: Change, gone: str) -> None:
    assert all(gateway.subnet_id != gone for gateway in world.all("nat_gateway")), "a NAT gateway is in the subnet"
    for table in world.all("route_table"):
        left = {subnet: association for subnet, association in table.associations.items() if subnet != gone}
        world.change("route_table", table.id, associations=left)


def _table_in_use(world: World, plan: Plan, change: Change, gone: str) -> None:
    released = set(plan.leftover_associations.get(change.name, ()))
    assert set(world.shelves["route_table"][gone].associations.values()) <= released, "subnets use the route table"
    assert all(gone not in endpoint.route_table_ids for endpoint in world.all("vpc_endpoint")), "an endpoint uses it"


#: What AWS looks at before it removes something.
_IN_USE: dict[str, Callable[[World, Plan, Change, str], None]] = {
    "vpc": _vpc_in_use,
    "internet_gateway": _gateway_in_use,
    "elastic_ip": _address_in_use,
    "subnet": _subnet_in_use,
    "route_table": _table_in_use,
}


def _attach(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    vpc = ids[(change.after or {})["vpc"]]
    assert vpc in world.shelves["vpc"]
    assert all(other.vpc_id != vpc for other in world.all("internet_gateway")), "the VPC has an internet gateway"
    world.change("internet_gateway", ids[f"internet_gateway/{change.name}"], vpc_id=vpc)


def _change_route(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    described = change.after or change.before or {}
    table, destination = world.shelves["route_table"][ids[described["route_table"]]], described["destination"]
    there = destination in table.routes
    assert there is (change.action != "create"), "the route is there" if there else "the route is not there"
    routes = {to: target for to, target in table.routes.items() if to != destination}
    if change.after:
        target = routes[destination] = ids[described["target"]]
        attached = [gateway.id for gateway in world.all("internet_gateway") if gateway.vpc_id]
        assert target in [*attached, *world.shelves["nat_gateway"]], "no such target"
    world.change("route_table", table.id, routes=routes)


def _associate(world: World, plan: Plan, change: Change, ids: Ids) -> None:
    subnet, new = ids[f"subnet/{change.name}"], ids[(change.after or {})["route_table"]]
    assert subnet in world.shelves["subnet"]
    current = [table for table in world.all("route_table") if subnet in table.associations]
    assert bool(current) is (change.action == "update"), "the subnet has a table" if current else "it has none"
    for table in current:
        assert table.associations[subnet] == plan.associations[change.name], "another association"
        left = {other: association for other, association in table.associations.items() if other != subnet}
        world.change("route_table", table.id, associations=left)
    there = world.shelves["route_table"][new].associations
    world.change("route_table", new, associations={**there, subnet: f"{change.name} to {new}"})


def _change_endpoint(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    tables = frozenset(ids[table] for table in (change.after or {})["route_tables"])
    assert tables <= set(world.shelves["route_table"])
    world.change("vpc_endpoint", ids[change.resource], route_table_ids=tables)


#: What changes besides the resources themselves and their tags.
_HANDLERS: dict[str, Callable[[World, Plan, Change, Ids], None]] = {
    "vpc_attributes": lambda world, _plan, change, ids: world.attributes[ids[f"vpc/{change.name}"]].update(
        change.after or {}
    ),
    "subnet_attributes": lambda world, _plan, change, ids: world.change(
        "subnet", ids[f"subnet/{change.name}"], **(change.after or {})
    ),
    "nat_gateway": lambda world, _plan, change, ids: world.change(
        "nat_gateway", ids[change.resource], state="available"
    ),
    "internet_gateway_attachment": _attach,
    "route": _change_route,
    "route_table_association": _associate,
    "vpc_endpoint": _change_endpoint,
}
