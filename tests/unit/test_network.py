# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of networks, by plain data: every plan leads to what is desired, in every order, from every state."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

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
EVERYWHERE = "0.0.0.0/0"
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


SUBNETS = [subnet(kind, letter) for kind in ("public", "private") for letter in "ac"]


def network(public: str = "ac", private: str = "ac", nat_gateways: str = "per_zone", **changed: Any) -> Network:
    options = {
        "platform": PLATFORM,
        "role": "vpc",
        "cidr": "10.20.0.0/16",
        "subnets": [
            *(subnet("public", zone) for zone in public),
            *(subnet("private", zone) for zone in private),
        ],
        "nat_gateways": nat_gateways,
        "gateway_endpoints": ["s3"],
        "tags": {"team": "data"},
    }
    return desired_network({**options, **changed}, str(changed.get("platform", PLATFORM)), REGION)


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


Drift = Callable[[World, random.Random], None]
TAGGED = ("internet_gateway", "subnet", "nat_gateway", "route_table", "vpc_endpoint", "elastic_ip")


def _pick(world: World, chance: random.Random, *kinds: str) -> Any:
    there = [one for kind in kinds for one in world.all(kind)]
    return chance.choice(there) if there else None


def _lose_a_mark(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, *TAGGED)
    # With two of its three marks lost, a resource may not be ours to anyone any more, which is a case of its own.
    if picked and all(mark in picked.tags for mark in MARKS):
        world.tag(picked.id, {}, without=[chance.choice(MARKS)])


def _rename(world: World, chance: random.Random) -> None:
    picked = _pick(world, chance, "vpc", *TAGGED)
    if picked:
        world.tag(picked.id, {"Name": "mine", "team": "theirs", "theirs": "stays"})


def _delete(kind: str) -> Drift:
    def drift(world: World, chance: random.Random) -> None:
        picked = _pick(world, chance, kind)
        if picked:
            del world.shelves[kind][picked.id]

    return drift


def _change(kind: str, **drawn: Callable[[World, random.Random], Any]) -> Drift:
    """One resource of a kind, or all where there is nothing to choose, gets other fields."""

    def drift(world: World, chance: random.Random) -> None:
        picked = _pick(world, chance, kind)
        if picked:
            world.change(kind, picked.id, **{name: draw(world, chance) for name, draw in drawn.items()})

    return drift


def _routes(world: World, chance: random.Random) -> dict[str, str]:
    target = _pick(world, chance, "internet_gateway", "nat_gateway", "vpc").id
    return chance.choice([{}, {EVERYWHERE: target}, {EVERYWHERE: "nat-gone", "192.0.2.0/24": target}])


def _move_association(world: World, chance: random.Random) -> None:
    picked, other = _pick(world, chance, "route_table"), _pick(world, chance, "route_table")
    if picked:
        moved = dict(picked.associations)
        world.change("route_table", picked.id, associations={})
        if chance.random() < 0.5:
            there = world.shelves["route_table"][other.id].associations
            world.change("route_table", other.id, associations={**there, **moved})


def _change_attributes(world: World, chance: random.Random) -> None:
    for attributes in world.attributes.values():
        attributes["enableDnsHostnames"] = chance.random() < 0.5


def _detach(world: World, _chance: random.Random) -> None:
    for gateway in world.all("internet_gateway") if not world.all("nat_gateway") else ():
        world.change("internet_gateway", gateway.id, vpc_id=None)


#: Those that need nothing to be made again, and those that may.
CHANGED: tuple[Drift, ...] = (
    _change("route_table", routes=_routes),
    _change("subnet", map_public_ip_on_launch=lambda _world, chance: chance.random() < 0.5),
    _change(
        "vpc_endpoint", route_table_ids=lambda world, _chance: frozenset(one.id for one in world.all("route_table")[:1])
    ),
    _change_attributes,
    _detach,
)
DRIFTS: tuple[Drift, ...] = (
    *CHANGED,
    _lose_a_mark,
    _rename,
    _delete("nat_gateway"),
    _change("nat_gateway", state=lambda _world, _chance: "deleting"),
    _change("nat_gateway", state=lambda _world, _chance: "pending"),
    _delete("vpc_endpoint"),
    _move_association,
)


@given(networks(), networks(), st.booleans(), st.integers())
@settings(max_examples=150)
def test_from_nothing_to_any_network_and_to_any_other_in_any_order(
    first: Network, second: Network, purge: bool, seed: int
) -> None:
    world = made(first, seed)
    after = again(first, world)
    assert (after.changes, after.unlisted) == ((), ())
    planned = again(second, world, purge=purge)
    assert purge or {change.kind for change in planned.changes if change.action == "delete"} <= {"route"}
    world.apply(planned, random.Random(seed))
    after = again(second, world)
    assert after.changes == ()
    assert not purge or after.unlisted == ()


@given(networks(), st.lists(st.sampled_from(DRIFTS), min_size=1, max_size=4), st.integers())
@settings(max_examples=150)
def test_any_drift_is_mended(desired: Network, drifts: list[Callable[..., None]], seed: int) -> None:
    world, chance = made(desired, seed), random.Random(seed)
    before = counts(world)
    for drift in drifts:
        drift(world, chance)
    world.apply(again(desired, world), chance)
    after = again(desired, world)
    assert after.changes == ()
    if all(drift in CHANGED for drift in drifts):
        assert counts(world) == before


@given(networks(), st.integers(0, 60), st.integers())
@settings(max_examples=80)
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
@settings(max_examples=80)
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
    return [len(shelf) for shelf in world.shelves.values()]


@given(networks(), st.integers())
@settings(max_examples=40)
def test_what_another_platform_has_in_the_region_is_never_in_a_plan(desired: Network, seed: int) -> None:
    world = made(desired, seed)
    other = network("a", "a", platform="other")
    assert {change.action for change in plan(other, world.observe("other"), purge=True).changes} == {"create", "update"}
    for platform, role in (("other", "vpc"), (PLATFORM, "backups")):
        assert plan(absent(platform, role, platform), world.observe(platform)).changes == ()


def test_what_others_may_have_in_our_vpc_is_read_and_kept_apart() -> None:
    """A regional NAT gateway, a VPC Lattice endpoint, an IPv6-only subnet, a firewall's route."""
    tags = [{"Key": key, "Value": value} for key, value in network().of("vpc")[PLATFORM].tags.items()]
    firewall = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vpce-firewall", "Origin": "CreateRoute"}
    storage = {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-s3", "Origin": "CreateRoute"}
    named = [*tags[:-1], {"Key": "Name", "Value": "demo-public"}]
    table = {"RouteTableId": "rtb-1", "Tags": named, "Routes": [firewall, storage]}
    on = {"Value": True}
    answers: dict[str, Any] = {
        "describe_internet_gateways.return_value": {"InternetGateways": []},
        "describe_addresses.return_value": {"Addresses": []},
        "describe_vpcs.return_value": {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.20.0.0/16", "Tags": tags}]},
        "describe_availability_zones.return_value": {
            "AvailabilityZones": [{"ZoneName": f"{REGION}a", "ZoneId": "apne2-az1"}]
        },
        "describe_vpc_attribute.return_value": {"EnableDnsSupport": on, "EnableDnsHostnames": on},
        "describe_subnets.return_value": {
            "Subnets": [{"SubnetId": "subnet-6", "AvailabilityZone": f"{REGION}a", "MapPublicIpOnLaunch": False}]
        },
        "describe_nat_gateways.return_value": {
            "NatGateways": [{"NatGatewayId": "nat-1", "State": "available", "AvailabilityMode": "regional"}]
        },
        "describe_vpc_endpoints.return_value": {
            "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcEndpointType": "Resource", "State": "Available"}]
        },
        "describe_route_tables.return_value": {"RouteTables": [table]},
    }
    ec2 = MagicMock(can_paginate=lambda _operation: False, **answers)
    observed = observe(ec2, PLATFORM)
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
    ("options", "more", "expected"),
    [
        (
            {"cidr": "10.20.0.0/8"},
            {},
            ["cidr: 10.20.0.0/8 is not written as a network; write 10.0.0.0/8", "cidr: AWS al"],
        ),
        ({"cidr": "everything"}, {}, ["cidr: 'everything' is not an IPv4 network; write it as 10.0.0.0/16"]),
        (
            {},
            {"cidr": "10.21.0.0/24"},
            ["subnets[2].cidr: 10.21.0.0/24 of demo-more is not inside the network's 10.20.0"],
        ),
        (
            {},
            {"cidr": "10.20.0.128/25"},
            ["subnets[2].cidr: 10.20.0.128/25 of demo-more overlaps 10.20.0.0/24 of demo-p"],
        ),
        ({}, {"zone": "us-east-1c"}, ["subnets[2].zone: us-east-1c is not a zone of"]),
        ({}, {"name": "demo-public-a"}, ["subnets[2].name: demo-public-a is the name of subnets[0] too"]),
        ({}, {"public": False}, [f"nat_gateways: per_zone needs a public subnet in {REGION}c, which has only private"]),
        ({}, {"zone": f"{REGION}-wl1-a"}, [f"subnets: the zones {REGION}-wl1-a and {REGION}a end in the same letter"]),
        (
            {"subnets": [subnet("private", "a")]},
            {},
            ["nat_gateways: per_zone needs a public subnet for the gateway and"],
        ),
    ],
)
def test_bad_options_are_refused_with_what_to_write(
    options: dict[str, Any], more: dict[str, Any], expected: list[str]
) -> None:
    subnets = [subnet("public", "a"), subnet("private", "a"), subnet("public", "c", **{"name": "demo-more", **more})]
    with pytest.raises(PlanError) as refused:
        network(**{"subnets": subnets, **options})
    problems = refused.value.problems
    assert [start for start, told in zip(expected, problems, strict=True) if not told.startswith(start)] == [], problems


@pytest.mark.parametrize(
    ("nat_gateways", "gateways"), [("none", [None, None]), ("single", ["a", "a"]), ("per_zone", ["a", "c"])]
)
def test_private_subnets_leave_by_the_gateway_that_the_option_gives_them(
    nat_gateways: str, gateways: list[str | None]
) -> None:
    routes = network(nat_gateways=nat_gateways).routes
    expected = [{EVERYWHERE: f"nat_gateway/demo-nat-{zone}"} if zone else {} for zone in gateways]
    assert [routes[f"demo-private-{zone}"] for zone in "ac"] == expected


def _swap_names(world: World) -> None:
    first, second = (world.named("subnet", f"demo-private-{zone}").id for zone in "ac")
    world.tag(first, {"Name": "demo-private-c"})
    world.tag(second, {"Name": "demo-private-a"})


def _lose(kind: str, name: str, *lost: str) -> Callable[[World], None]:
    return lambda world: world.tag(world.named(kind, name).id, {}, without=lost)


@pytest.mark.parametrize(
    ("drift", "changed", "labels"),
    [
        (
            lambda _world: None,
            {"subnets": [*SUBNETS[:2], subnet("private", "a", name="demo-apps-a"), SUBNETS[3]]},
            {"subnet/demo-apps-a (tags)"},
        ),
        (_swap_names, {}, {"subnet/demo-private-a (tags)", "subnet/demo-private-c (tags)"}),
        (_lose("subnet", "demo-private-a", *MARKS[:2], "team"), {}, {"subnet/demo-private-a (tags)"}),
    ],
    ids=["another name in the options", "swapped names", "nothing left but the name"],
)
def test_a_subnet_is_known_by_its_addresses_and_gets_its_tags_back(
    drift: Callable[[World], None], changed: dict[str, Any], labels: set[str]
) -> None:
    world = made(network())
    drift(world)
    assert {change.label for change in again(network(**changed), world).changes} == labels


def _twin_gateway(world: World) -> None:
    [gateway] = world.all("internet_gateway")
    world.change("internet_gateway", gateway.id, vpc_id=None)
    world.shelves["internet_gateway"]["igw-twin"] = replace(gateway, id="igw-twin", vpc_id=None)


def _nat_gateway_elsewhere(world: World) -> None:
    elsewhere = world.named("subnet", "demo-public-c").id
    world.change("nat_gateway", world.named("nat_gateway", "demo-nat-a").id, subnet_id=elsewhere)


def _second_vpc(world: World) -> None:
    world.shelves["vpc"]["vpc-9"] = replace(world.all("vpc")[0], id="vpc-9")


def _vpc_of_another_role(world: World) -> None:
    world.tag(world.all("vpc")[0].id, {"entasis.io/role": "bastion"})


def _odd_zones(world: World) -> None:
    world.zones = {f"{REGION}a": "apne2-az1", f"{REGION}b": "use1-az3"}


@pytest.mark.parametrize(
    ("drift", "changed", "problems"),
    [
        (_twin_gateway, {}, ["internet_gateway demo is there 2 times: igw-twin, internet_gateway-"]),
        (_lose("internet_gateway", "demo", *MARKS), {}, ["is attached to VPC demo and is not the platform's"]),
        (_nat_gateway_elsewhere, {}, [f") is in {REGION}c, not in {REGION}a, and AWS cannot move it"]),
        (_vpc_of_another_role, {}, ["the VPC of platform demo, has the tag entasis.io/role=bastion"]),
        (_second_vpc, {}, ["platform demo has 2 VPCs: vpc-"]),
        (_lose("vpc", "demo", MARKS[0]), {}, ["is named demo like the VPC of platform demo and has lost the tag"]),
        (
            _lose("subnet", "demo-private-a", *MARKS),
            {},
            ["subnet demo-private-a cannot have 10.20.16.0/24: subnet-"],
        ),
        (
            lambda _world: None,
            {"cidr": "10.0.0.0/16", "subnets": [subnet("public", "c", name="demo-public-a", cidr="10.0.0.0/24")]},
            [
                "has the addresses 10.20.0.0/16, not 10.0.0.0/16, and AWS cannot change them. Write cidr: 10.20.0.0/16",
                f") is 10.20.0.0/24 in {REGION}a, not 10.0.0.0/24 in {REGION}c, and AWS cannot change that",
            ],
        ),
        (
            _odd_zones,
            {"subnets": [*SUBNETS, subnet("public", "b"), subnet("private", "b")]},
            [f"subnet demo-private-b: {REGION}b is use1-az3 in this account, where EKS takes no control plane. Write"],
        ),
        (
            _odd_zones,
            {"subnets": [subnet("public", "d")]},
            [f"subnet demo-public-d: this account has no zone {REGION}d. Write one of: {REGION}a"],
        ),
    ],
)
def test_what_cannot_be_told_apart_or_mended_is_refused(
    drift: Callable[[World], None], changed: dict[str, Any], problems: list[str]
) -> None:
    world = made(network())
    drift(world)
    with pytest.raises(PlanError) as refused:
        again(network(**{"nat_gateways": "none", **changed} if changed else {}), world)
    told = refused.value.problems
    assert [words for words, problem in zip(problems, told, strict=True) if words not in problem] == [], told


def test_a_vpc_of_another_role_is_not_removed() -> None:
    world = made(network())
    _vpc_of_another_role(world)
    assert "vpc" not in {change.kind for change in again(absent(PLATFORM, "vpc", PLATFORM), world).changes}
