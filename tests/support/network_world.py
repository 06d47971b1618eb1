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
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.plan import Plan
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change


class World:
    """One region of an account."""

    def __init__(self) -> None:
        self.vpcs: dict[str, seen.Vpc] = {}
        self.attributes: dict[str, dict[str, bool]] = {}
        self.gateways: dict[str, seen.InternetGateway] = {}
        self.addresses: dict[str, seen.ElasticIp] = {}
        self.subnets: dict[str, seen.Subnet] = {}
        self.nats: dict[str, seen.NatGateway] = {}
        self.tables: dict[str, seen.RouteTable] = {}
        self.endpoints: dict[str, seen.Endpoint] = {}
        self.zones = {f"ap-northeast-2{letter}": f"apne2-az{number}" for number, letter in enumerate("abcd", 1)}
        self._numbers = itertools.count(1)

    @property
    def shelves(self) -> tuple[dict[str, Any], ...]:
        return (
            self.vpcs,
            self.gateways,
            self.addresses,
            self.subnets,
            self.nats,
            self.tables,
            self.endpoints,
        )

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def observe(self, platform: str) -> seen.Observed:
        """What the module would read. There is only one VPC in this region."""
        region = seen.Observed(
            vpcs=tuple(self.vpcs.values()),
            internet_gateways=tuple(self.gateways.values()),
            elastic_ips=tuple(self.addresses.values()),
            zones=self.zones,
        )
        ours = [vpc.id for vpc in self.vpcs.values() if vpc.tags.get("entasis.io/platform") == platform]
        if len(ours) != 1:
            return region
        return replace(
            region,
            vpc_attributes=self.attributes[ours[0]],
            subnets=tuple(self.subnets.values()),
            nat_gateways=tuple(self.nats.values()),
            route_tables=tuple(self.tables.values()),
            endpoints=tuple(self.endpoints.values()),
        )

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
            _HANDLERS[plan.changes[index].kind, plan.changes[index].action](self, plan, plan.changes[index], ids)

    def tags(self, resource_id: str) -> Mapping[str, str]:
        found: Mapping[str, str] = next(shelf[resource_id].tags for shelf in self.shelves if resource_id in shelf)
        return found

    def tag(self, resource_id: str, tags: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
        for shelf in self.shelves:
            if resource_id in shelf:
                kept = {key: value for key, value in shelf[resource_id].tags.items() if key not in without}
                shelf[resource_id] = replace(shelf[resource_id], tags={**kept, **tags})
                return
        raise AssertionError(f"{resource_id} is not there")


def _waits_for(changes: Sequence[Change], index: int, left: Sequence[int]) -> bool:
    """Whether a change of what this one needs, or an earlier one of the same resource, is still to come."""
    change = changes[index]
    return any(
        (other < index if changes[other].resource == change.resource else changes[other].resource in change.needs)
        for other in left
        if other != index
    )


Ids = dict[str, str]


def _create_vpc(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    made = ids[change.resource] = world.new_id("vpc")
    world.vpcs[made] = seen.Vpc(made, dict(after["tags"]), after["cidr"])
    world.attributes[made] = {"enableDnsSupport": True, "enableDnsHostnames": False}


def _delete_vpc(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    attached = [gateway for gateway in world.gateways.values() if gateway.vpc_id == ids[change.resource]]
    assert [*world.subnets, *world.nats, *world.tables, *world.endpoints, *attached] == [], "the VPC is in use"
    del world.vpcs[ids[change.resource]]


def _update_vpc_attributes(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    world.attributes[ids[f"vpc/{change.name}"]].update(change.after or {})


def _create_internet_gateway(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    made = ids[change.resource] = world.new_id("igw")
    world.gateways[made] = seen.InternetGateway(made, dict((change.after or {})["tags"]), None)


def _attach(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    gateway, vpc = ids[f"internet_gateway/{change.name}"], ids[(change.after or {})["vpc"]]
    assert vpc in world.vpcs
    assert all(other.vpc_id != vpc for other in world.gateways.values()), "the VPC has an internet gateway"
    world.gateways[gateway] = replace(world.gateways[gateway], vpc_id=vpc)


def _delete_internet_gateway(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    assert not world.nats, "the VPC has public addresses"
    del world.gateways[ids[change.resource]]


def _create_subnet(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    assert ids[after["vpc"]] in world.vpcs
    assert all(after["cidr"] != other.cidr for other in world.subnets.values()), "the addresses are taken"
    made = ids[change.resource] = world.new_id("subnet")
    world.subnets[made] = seen.Subnet(made, dict(after["tags"]), after["cidr"], after["zone"], False)


def _delete_subnet(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    gone = ids[change.resource]
    assert all(gateway.subnet_id != gone for gateway in world.nats.values()), "a NAT gateway is in the subnet"
    del world.subnets[gone]
    for table in list(world.tables.values()):
        left = {subnet: association for subnet, association in table.associations.items() if subnet != gone}
        world.tables[table.id] = replace(table, associations=left)


def _update_subnet_attributes(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    subnet = ids[f"subnet/{change.name}"]
    world.subnets[subnet] = replace(world.subnets[subnet], **(change.after or {}))


def _create_address(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    made = ids[change.resource] = world.new_id("eipalloc")
    world.addresses[made] = seen.ElasticIp(made, dict((change.after or {})["tags"]), f"192.0.2.{len(world.addresses)}")


def _release_address(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    gone = ids[change.resource]
    assert all(gone not in gateway.allocation_ids for gateway in world.nats.values()), "the address is in use"
    del world.addresses[gone]


def _create_nat_gateway(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    address = ids[after["elastic_ip"]]
    assert address in world.addresses
    assert all(address not in gateway.allocation_ids for gateway in world.nats.values()), "the address is in use"
    assert any(gateway.vpc_id for gateway in world.gateways.values()), "the VPC has no internet gateway"
    assert ids[after["subnet"]] in world.subnets
    made = ids[change.resource] = world.new_id("nat")
    tags = dict(after["tags"])
    world.nats[made] = seen.NatGateway(made, tags, "available", ids[after["subnet"]], frozenset({address}))


def _update_nat_gateway(world: World, plan: Plan, change: Change, ids: Ids) -> None:
    if "tags" in (change.after or {}):
        _tag(world, plan, change, ids)
    else:
        gateway = ids[change.resource]
        world.nats[gateway] = replace(world.nats[gateway], state="available")


def _delete_nat_gateway(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    del world.nats[ids[change.resource]]


def _create_table(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    assert ids[after["vpc"]] in world.vpcs
    made = ids[change.resource] = world.new_id("rtb")
    world.tables[made] = seen.RouteTable(made, dict(after["tags"]), {}, {})


def _delete_table(world: World, plan: Plan, change: Change, ids: Ids) -> None:
    gone = world.tables[ids[change.resource]]
    released = set(plan.leftover_associations.get(change.name, ()))
    assert set(gone.associations.values()) <= released, "subnets use the route table"
    assert all(gone.id not in endpoint.route_table_ids for endpoint in world.endpoints.values()), "an endpoint uses it"
    del world.tables[gone.id]


def _set_route(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    table, target = world.tables[ids[after["route_table"]]], ids[after["target"]]
    there = after["destination"] in table.routes
    assert there is (change.action == "update"), "the route is there" if there else "the route is not there"
    assert target in world.nats or any(target == g.id and g.vpc_id for g in world.gateways.values()), "no such target"
    world.tables[table.id] = replace(table, routes={**table.routes, after["destination"]: target})


def _delete_route(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    before = change.before or {}
    table = world.tables[ids[before["route_table"]]]
    left = {destination: target for destination, target in table.routes.items() if destination != before["destination"]}
    assert left != table.routes, "the route is not there"
    world.tables[table.id] = replace(table, routes=left)


def _associate(world: World, plan: Plan, change: Change, ids: Ids) -> None:
    subnet, new = ids[f"subnet/{change.name}"], ids[(change.after or {})["route_table"]]
    assert subnet in world.subnets
    current = [table for table in world.tables.values() if subnet in table.associations]
    assert bool(current) is (change.action == "update"), "the subnet has a table" if current else "it has none"
    for table in current:
        assert table.associations[subnet] == plan.associations[change.name], "another association"
        left = {other: association for other, association in table.associations.items() if other != subnet}
        world.tables[table.id] = replace(table, associations=left)
    table = world.tables[new]
    world.tables[new] = replace(table, associations={**table.associations, subnet: world.new_id("rtbassoc")})


def _create_endpoint(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    made = ids[change.resource] = world.new_id("vpce")
    tables = frozenset(ids[table] for table in after["route_tables"])
    assert tables <= set(world.tables)
    world.endpoints[made] = seen.Endpoint(made, dict(after["tags"]), after["service"], "Gateway", tables)


def _update_endpoint(world: World, plan: Plan, change: Change, ids: Ids) -> None:
    after = change.after or {}
    if "tags" in after:
        _tag(world, plan, change, ids)
        return
    tables = frozenset(ids[table] for table in after["route_tables"])
    assert tables <= set(world.tables)
    endpoint = world.endpoints[ids[change.resource]]
    world.endpoints[endpoint.id] = replace(endpoint, route_table_ids=tables)


def _delete_endpoint(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    del world.endpoints[ids[change.resource]]


def _tag(world: World, _plan: Plan, change: Change, ids: Ids) -> None:
    world.tag(ids[change.resource], (change.after or {})["tags"])


_HANDLERS: dict[tuple[str, str], Callable[[World, Plan, Change, Ids], None]] = {
    ("vpc", "create"): _create_vpc,
    ("vpc", "update"): _tag,
    ("vpc", "delete"): _delete_vpc,
    ("vpc_attributes", "update"): _update_vpc_attributes,
    ("internet_gateway", "create"): _create_internet_gateway,
    ("internet_gateway", "update"): _tag,
    ("internet_gateway", "delete"): _delete_internet_gateway,
    ("internet_gateway_attachment", "create"): _attach,
    ("subnet", "create"): _create_subnet,
    ("subnet", "update"): _tag,
    ("subnet", "delete"): _delete_subnet,
    ("subnet_attributes", "update"): _update_subnet_attributes,
    ("elastic_ip", "create"): _create_address,
    ("elastic_ip", "update"): _tag,
    ("elastic_ip", "delete"): _release_address,
    ("nat_gateway", "create"): _create_nat_gateway,
    ("nat_gateway", "update"): _update_nat_gateway,
    ("nat_gateway", "delete"): _delete_nat_gateway,
    ("route_table", "create"): _create_table,
    ("route_table", "update"): _tag,
    ("route_table", "delete"): _delete_table,
    ("route", "create"): _set_route,
    ("route", "update"): _set_route,
    ("route", "delete"): _delete_route,
    ("route_table_association", "create"): _associate,
    ("route_table_association", "update"): _associate,
    ("vpc_endpoint", "create"): _create_endpoint,
    ("vpc_endpoint", "update"): _update_endpoint,
    ("vpc_endpoint", "delete"): _delete_endpoint,
}
