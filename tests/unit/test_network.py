# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of networks, by plain data: every plan leads to what is desired, in every order, from every state."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.desired import (
    Network,
    absent,
    desired_network,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.observe import observe
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.plan import (
    Plan,
    plan,
    unowned_subnets,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.network_world import World

REGION = "ap-northeast-2"
PLATFORM = "demo"
MARKS = ("entasis.io/platform", "entasis.io/role", "Name")


def subnet(kind: str, letter: str, **changed: Any) -> dict[str, Any]:
    number = "abcd".index(letter) + (0 if kind == "public" else 16)
    return {
        "name": f"demo-{kind}-{letter}",
        "cidr": f"10.20.{number}.0/24",
        "zone": f"{REGION}{letter}",
        "public": kind == "public",
        **changed,
    }


def network(public: str = "ac", private: str = "ac", nat_gateways: str = "per_zone", **changed: Any) -> Network:
    options = {
        "platform": PLATFORM,
        "role": "vpc",
        "name": PLATFORM,
        "region": REGION,
        "cidr": "10.20.0.0/16",
        "subnets": [
            *(subnet("public", zone) for zone in public),
            *(subnet("private", zone) for zone in private),
        ],
        "nat_gateways": nat_gateways,
        "gateway_endpoints": ["s3"],
        "tags": {"team": "data"},
    }
    return desired_network(**{**options, **changed})


def made(desired: Network, seed: int = 0) -> World:
    world = World()
    world.apply(plan(desired, world.observe(PLATFORM)), random.Random(seed))
    return world


def again(desired: Network, world: World, *, purge: bool = False) -> Plan:
    return plan(desired, world.observe(PLATFORM), purge=purge)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Any network that the options can describe, over four zones."""
    nat_gateways = draw(st.sampled_from(["none", "single", "per_zone"]))
    public = draw(st.sets(st.sampled_from("abcd")))
    private = draw(st.sets(st.sampled_from("abcd")))
    if nat_gateways == "per_zone":
        public |= private
    elif nat_gateways == "single" and private:
        public |= {min(private)}
    return network(
        "".join(sorted(public)),
        "".join(sorted(private)),
        nat_gateways,
        gateway_endpoints=draw(st.sampled_from([[], ["s3"], ["s3", "dynamodb"]])),
        tags=draw(st.dictionaries(st.sampled_from(["team", "cost"]), st.sampled_from(["x", "y"]))),
    )


def _pick(world: World, chance: random.Random, *shelves: str) -> str | None:
    ids = [identity for shelf in shelves for identity in getattr(world, shelf)]
    return chance.choice(ids) if ids else None


def _lose_a_mark(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "gateways", "subnets", "nats", "tables", "endpoints", "addresses")
    # With two of its three marks lost, a resource may not be ours to anyone any more, which is a case of its own.
    if picked and all(mark in world.tags(picked) for mark in MARKS):
        world.tag(picked, {}, without=[chance.choice(MARKS)])


def _rename(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "vpcs", "gateways", "subnets", "nats", "tables", "endpoints", "addresses")
    if picked:
        world.tag(picked, {"Name": "mine", "team": "theirs", "theirs": "stays"})


def _delete_nat(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "nats")
    if picked:
        del world.nats[picked]


def _begin_to_delete_nat(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "nats")
    if picked:
        world.nats[picked] = replace(world.nats[picked], state="deleting")


def _leave_nat_pending(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "nats")
    if picked:
        world.nats[picked] = replace(world.nats[picked], state="pending")


def _delete_endpoint(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "endpoints")
    if picked:
        del world.endpoints[picked]


def _change_routes(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "tables")
    target = _pick(world, chance, "gateways", "nats")
    if picked and target:
        routes = chance.choice([{}, {"0.0.0.0/0": target}, {"0.0.0.0/0": "nat-gone", "192.0.2.0/24": target}])
        world.tables[picked] = replace(world.tables[picked], routes=routes)


def _move_association(world: World, chance: random.Random) -> None:
    picked, other = _pick(world, chance, "tables"), _pick(world, chance, "tables")
    if picked and other:
        moved = dict(world.tables[picked].associations)
        world.tables[picked] = replace(world.tables[picked], associations={})
        if chance.random() < 0.5:
            there = world.tables[other].associations
            world.tables[other] = replace(world.tables[other], associations={**there, **moved})


def _change_attributes(world: World, chance: random.Random) -> None:
    for attributes in world.attributes.values():
        attributes["enableDnsHostnames"] = chance.random() < 0.5
    for identity, there in world.subnets.items():
        world.subnets[identity] = replace(there, map_public_ip_on_launch=chance.random() < 0.5)


def _change_endpoint(world: World, chance: random.Random) -> None:
    picked, table = _pick(world, chance, "endpoints"), _pick(world, chance, "tables")
    if picked and table:
        world.endpoints[picked] = replace(world.endpoints[picked], route_table_ids=frozenset({table}))


def _detach(world: World, _chance: random.Random) -> None:
    if not world.nats:
        for identity, gateway in world.gateways.items():
            world.gateways[identity] = replace(gateway, vpc_id=None)


DRIFTS: tuple[Callable[[World, random.Random], None], ...] = (
    _lose_a_mark,
    _rename,
    _delete_nat,
    _begin_to_delete_nat,
    _leave_nat_pending,
    _delete_endpoint,
    _change_routes,
    _move_association,
    _change_attributes,
    _change_endpoint,
    _detach,
)


@given(networks(), st.integers())
@settings(deadline=None, max_examples=80)
def test_from_nothing_the_plan_leads_to_the_network_in_any_order(desired: Network, seed: int) -> None:
    world = made(desired, seed)
    after = again(desired, world)
    assert after.changes == ()
    assert after.unlisted == ()


@given(networks(), networks(), st.integers())
@settings(deadline=None, max_examples=80)
def test_from_any_network_to_any_other_with_purge(first: Network, second: Network, seed: int) -> None:
    world, chance = made(first, seed), random.Random(seed)
    world.apply(again(second, world, purge=True), chance)
    after = again(second, world)
    assert after.changes == ()
    assert after.unlisted == ()


@given(networks(), networks(), st.integers())
@settings(deadline=None, max_examples=80)
def test_without_purge_nothing_is_removed_but_routes(first: Network, second: Network, seed: int) -> None:
    world, chance = made(first, seed), random.Random(seed)
    planned = again(second, world)
    assert {change.kind for change in planned.changes if change.action == "delete"} <= {"route"}
    world.apply(planned, chance)
    assert again(second, world).changes == ()


@given(networks(), st.lists(st.sampled_from(DRIFTS), min_size=1, max_size=4), st.integers())
@settings(deadline=None, max_examples=150)
def test_any_drift_is_mended(desired: Network, drifts: list[Callable[..., None]], seed: int) -> None:
    world, chance = made(desired, seed), random.Random(seed)
    before = counts(world)
    for drift in drifts:
        drift(world, chance)
    world.apply(again(desired, world), chance)
    after = again(desired, world)
    assert after.changes == ()
    if all(drift in (_change_routes, _change_attributes, _change_endpoint, _detach) for drift in drifts):
        assert counts(world) == before


@given(networks(), st.integers(0, 60), st.integers())
@settings(deadline=None, max_examples=80)
def test_a_run_that_was_cut_short_is_gone_on_with_and_nothing_is_made_twice(
    desired: Network, stop_after: int, seed: int
) -> None:
    world, chance = World(), random.Random(seed)
    world.apply(plan(desired, world.observe(PLATFORM)), chance, stop_after=stop_after)
    world.apply(again(desired, world), chance)
    assert again(desired, world).changes == ()
    assert again(desired, world).unlisted == ()
    assert counts(world) == counts(made(desired))


@given(networks(), st.integers(0, 60), st.integers())
@settings(deadline=None, max_examples=80)
def test_absent_removes_everything_in_any_order_even_when_cut_short(
    desired: Network, stop_after: int, seed: int
) -> None:
    world, chance = made(desired, seed), random.Random(seed)
    nothing = absent(PLATFORM, "vpc", PLATFORM)
    world.apply(again(nothing, world), chance, stop_after=stop_after)
    world.apply(again(nothing, world), chance)
    assert counts(world) == [0] * 7
    assert again(nothing, world).changes == ()


def counts(world: World) -> list[int]:
    return [len(shelf) for shelf in world.shelves]


@given(networks(), st.integers())
@settings(deadline=None, max_examples=40)
def test_what_another_platform_has_in_the_region_is_never_in_a_plan(desired: Network, seed: int) -> None:
    world = made(desired, seed)
    other = desired_network(
        platform="other",
        role="vpc",
        name="other",
        region=REGION,
        cidr="10.20.0.0/16",
        subnets=[subnet("public", "a"), subnet("private", "a")],
    )
    assert {change.action for change in plan(other, world.observe("other"), purge=True).changes} == {"create", "update"}
    for platform, role in (("other", "vpc"), (PLATFORM, "backups")):
        assert plan(absent(platform, role, platform), world.observe(platform)).changes == ()


class _Ec2:
    """An EC2 client that answers each describing call with what it was given, without pages."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def can_paginate(self, _operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **_arguments: self._answers.get(operation, defaultdict(list))


def test_what_others_may_have_in_our_vpc_is_read_and_kept_apart() -> None:
    """A regional NAT gateway, a VPC Lattice endpoint, an IPv6-only subnet, a firewall's route."""
    tags = [{"Key": key, "Value": value} for key, value in network().vpc[PLATFORM].items()]
    firewall = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vpce-firewall", "Origin": "CreateRoute"}
    storage = {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-s3", "Origin": "CreateRoute"}
    named = [*tags[:-1], {"Key": "Name", "Value": "demo-public"}]
    table = {"RouteTableId": "rtb-1", "Tags": named, "Routes": [firewall, storage]}
    on = {"Value": True}
    observed = observe(
        _Ec2(
            describe_vpcs={"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.20.0.0/16", "Tags": tags}]},
            describe_availability_zones={"AvailabilityZones": [{"ZoneName": f"{REGION}a", "ZoneId": "apne2-az1"}]},
            describe_vpc_attribute={"EnableDnsSupport": on, "EnableDnsHostnames": on},
            describe_subnets={
                "Subnets": [{"SubnetId": "subnet-6", "AvailabilityZone": f"{REGION}a", "MapPublicIpOnLaunch": False}]
            },
            describe_nat_gateways={
                "NatGateways": [{"NatGatewayId": "nat-1", "State": "available", "AvailabilityMode": "regional"}]
            },
            describe_vpc_endpoints={
                "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcEndpointType": "Resource", "State": "Available"}]
            },
            describe_route_tables={"RouteTables": [table]},
        ),
        PLATFORM,
    )
    planned = plan(network(public="a", private="a"), observed)
    assert {change.action for change in planned.changes if change.kind == "subnet"} == {"create"}
    [route] = [change for change in planned.changes if change.name == "demo-public 0.0.0.0/0"]
    assert (route.action, (route.before or {})["target"]) == ("update", "vpce-firewall")
    assert unowned_subnets(observed, planned) == ["subnet subnet-6 (no IPv4 addresses)"]


def test_needs_are_named_after_resources_of_the_plan_or_of_the_world() -> None:
    planned = plan(network(), World().observe(PLATFORM))
    resources = {change.resource for change in planned.changes}
    assert {need for change in planned.changes for need in change.needs} <= resources


def test_the_longest_chain_of_a_new_network_is_four_changes() -> None:
    """VPC, attachment or subnet, NAT gateway, route: nothing else stands between an empty account and a way out."""
    planned = plan(network(), World().observe(PLATFORM))
    by_resource = {change.resource: change for change in planned.changes}

    def depth(resource: str) -> int:
        return 1 + max((depth(need) for need in by_resource[resource].needs), default=0)

    assert max(depth(resource) for resource in by_resource) == 4


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"cidr": "10.20.0.0/8", "subnets": []},
            ["cidr: 10.20.0.0/8 is not written as a network; write 10.0.0.0/8", "cidr: AWS allows prefixes from /16"],
        ),
        ({"cidr": "everything"}, ["cidr: 'everything' is not an IPv4 network; write it as 10.0.0.0/16"]),
        (
            {"subnets": [subnet("public", "a", cidr="10.21.0.0/24")]},
            ["subnets[0].cidr: 10.21.0.0/24 of demo-public-a is not inside the network's 10.20.0.0/16"],
        ),
        (
            {"subnets": [subnet("public", "a"), subnet("public", "c", cidr="10.20.0.128/25")]},
            ["subnets[1].cidr: 10.20.0.128/25 of demo-public-c overlaps 10.20.0.0/24 of demo-public-a"],
        ),
        ({"subnets": [subnet("public", "a", zone="us-east-1a")]}, ["subnets[0].zone: us-east-1a is not a zone of"]),
        (
            {"subnets": [subnet("public", "a"), subnet("public", "c", name="demo-public-a")]},
            ["subnets[1].name: demo-public-a is the name of subnets[0] too"],
        ),
        (
            {"subnets": [subnet("public", "a"), subnet("private", "a"), subnet("private", "c")]},
            [f"nat_gateways: per_zone needs a public subnet in {REGION}c, which has only private ones"],
        ),
        (
            {"subnets": [subnet("private", "a")], "nat_gateways": "single"},
            ["nat_gateways: single needs a public subnet for the gateway and there is none"],
        ),
        (
            {"subnets": [subnet("public", "a"), subnet("public", "c", zone=f"{REGION}-wl1-a")]},
            [f"subnets: the zones {REGION}-wl1-a and {REGION}a end in the same letter"],
        ),
    ],
)
def test_bad_options_are_refused_with_what_to_write(changed: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(PlanError) as refused:
        network(**changed)
    problems = refused.value.problems
    assert len(problems) == len(expected), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, expected, strict=True)), problems


def test_a_renamed_subnet_is_given_its_new_name() -> None:
    world = made(network())
    renamed = network(
        subnets=[
            subnet("public", "a"),
            subnet("public", "c"),
            subnet("private", "a", name="demo-apps-a"),
            subnet("private", "c"),
        ]
    )
    planned = again(renamed, world)
    assert [change.label for change in planned.changes] == ["subnet/demo-apps-a (tags)"]
    assert planned.changes[0].before == {"tags": {"Name": "demo-private-a"}}


def test_subnets_whose_names_were_swapped_are_told_apart_by_their_addresses() -> None:
    world = made(network())
    ids = {there.tags["Name"]: there.id for there in world.subnets.values()}
    world.tag(ids["demo-private-a"], {"Name": "demo-private-c"})
    world.tag(ids["demo-private-c"], {"Name": "demo-private-a"})
    assert {change.label for change in again(network(), world).changes} == {
        "subnet/demo-private-a (tags)",
        "subnet/demo-private-c (tags)",
    }


def _twin_gateway(world: World) -> None:
    [gateway] = world.gateways.values()
    world.gateways[gateway.id] = replace(gateway, vpc_id=None)
    world.gateways["igw-twin"] = replace(gateway, id="igw-twin", vpc_id=None)


def _foreign_gateway(world: World) -> None:
    [gateway] = world.gateways.values()
    world.gateways[gateway.id] = replace(gateway, tags={})


def _nat_gateway_elsewhere(world: World) -> None:
    ids = {there.tags["Name"]: there.id for there in world.subnets.values()}
    moved = next(there for there in world.nats.values() if there.tags["Name"] == "demo-nat-a")
    world.nats[moved.id] = replace(moved, subnet_id=ids["demo-public-c"])


def _vpc_of_another_role(world: World) -> None:
    [vpc] = world.vpcs
    world.tag(vpc, {"entasis.io/role": "bastion"})


@pytest.mark.parametrize(
    ("drift", "problem"),
    [
        (_twin_gateway, "internet_gateway demo is there 2 times: igw-[0-9]+, igw-twin"),
        (_foreign_gateway, "is attached to VPC demo and is not the platform's"),
        (_nat_gateway_elsewhere, f"NAT gateway demo-nat-a .* is in {REGION}c, not in {REGION}a"),
        (_vpc_of_another_role, "the VPC of platform demo, has the tag entasis.io/role=bastion"),
    ],
)
def test_what_cannot_be_told_apart_or_mended_is_refused(drift: Callable[[World], None], problem: str) -> None:
    world = made(network())
    drift(world)
    with pytest.raises(PlanError, match=problem):
        again(network(), world)


def test_a_vpc_of_another_role_is_not_removed() -> None:
    world = made(network())
    _vpc_of_another_role(world)
    assert "vpc" not in {change.kind for change in again(absent(PLATFORM, "vpc", PLATFORM), world).changes}
