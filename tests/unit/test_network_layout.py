# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The subnet arithmetic: zones, layout, overlaps, and room for the nodes."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import (
    Demand,
    LayoutError,
    Shortage,
    default_zones,
    layout,
    overlaps,
    shortages,
    usable_addresses,
    vpc_prefix_for,
)
from hypothesis import given
from hypothesis import strategies as st

ZONES = ("ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c")


def _cidrs(cidr: str, zones: tuple[str, ...], **prefixes: int) -> dict[str, str]:
    return {subnet.name: subnet.cidr for subnet in layout("p", cidr, zones, **prefixes)}


def test_three_zones_of_a_16() -> None:
    assert _cidrs("10.0.0.0/16", ZONES) == {
        "p-public-a": "10.0.255.0/24",
        "p-public-b": "10.0.254.0/24",
        "p-public-c": "10.0.253.0/24",
        "p-private-a": "10.0.0.0/18",
        "p-private-b": "10.0.64.0/18",
        "p-private-c": "10.0.128.0/18",
    }


def test_prefixes_of_ones_own() -> None:
    assert _cidrs("10.0.0.0/20", ZONES[:2], private_prefix=22, public_prefix=26) == {
        "p-public-a": "10.0.15.192/26",
        "p-public-b": "10.0.15.128/26",
        "p-private-a": "10.0.0.0/22",
        "p-private-b": "10.0.4.0/22",
    }


def test_a_zone_added_later_moves_no_subnet() -> None:
    two = _cidrs("10.0.0.0/16", ZONES[:2], private_prefix=18)
    three = _cidrs("10.0.0.0/16", ZONES, private_prefix=18)
    assert two.items() <= three.items()


@st.composite
def _layouts(draw: st.DrawFn) -> tuple[str, tuple[str, ...], int | None, int | None]:
    prefix = draw(st.integers(16, 28))
    address = draw(st.integers(0, 2**prefix - 1)) << (32 - prefix)
    zones = tuple(f"us-east-1{letter}" for letter in "abcdef"[: draw(st.integers(1, 6))])
    own = st.none() | st.integers(16, 28)
    return str(IPv4Network((address, prefix))), zones, draw(own), draw(own)


@given(_layouts())
def test_subnets_never_overlap_lie_inside_the_vpc_and_serve_every_zone(
    case: tuple[str, tuple[str, ...], int | None, int | None],
) -> None:
    cidr, zones, private, public = case
    if private and public and len(zones) * (2 ** (32 - private) + 2 ** (32 - public)) > IPv4Network(cidr).num_addresses:
        with pytest.raises(LayoutError):
            layout("p", cidr, zones, private_prefix=private, public_prefix=public)
        return
    try:
        subnets = layout("p", cidr, zones, private_prefix=private, public_prefix=public)
    except LayoutError:
        # One of the prefixes is a default, and the VPC leaves no room for it beside the other.
        if private and public:
            raise
        return
    assert all(IPv4Network(subnet.cidr).subnet_of(IPv4Network(cidr)) for subnet in subnets)
    assert overlaps({subnet.name: subnet.cidr for subnet in subnets}) == []
    assert [subnet.zone for subnet in subnets if subnet.public] == list(zones)
    assert [subnet.zone for subnet in subnets if not subnet.public] == list(zones)
    assert all(16 <= IPv4Network(subnet.cidr).prefixlen <= 28 for subnet in subnets)


@pytest.mark.parametrize("zones", range(2, 7))
@pytest.mark.parametrize("prefix", range(16, 24))
def test_the_default_layout_fits_every_vpc_down_to_a_23(prefix: int, zones: int) -> None:
    names = tuple(f"us-east-1{letter}" for letter in "abcdef"[:zones])
    assert len(layout("p", f"10.0.0.0/{prefix}", names)) == 2 * zones


@pytest.mark.parametrize(
    ("region", "letters"),
    [
        ("ap-northeast-2", "abc"),
        ("ap-northeast-1", "acd"),
        ("ca-central-1", "abd"),
        ("us-east-1", ""),
        ("us-west-1", ""),
        ("xx-nowhere-9", ""),
    ],
)
def test_default_zones(region: str, letters: str) -> None:
    assert default_zones(region) == tuple(f"{region}{letter}" for letter in letters)


@given(st.dictionaries(st.text(max_size=2), st.tuples(st.integers(0, 63), st.integers(26, 28)), max_size=8))
def test_overlaps_is_what_comparing_all_pairs_finds(blocks: dict[str, tuple[int, int]]) -> None:
    cidrs = {name: str(IPv4Network((start << 4, prefix), strict=False)) for name, (start, prefix) in blocks.items()}
    found = {frozenset(pair) for pair in overlaps(cidrs)}
    assert found == {
        frozenset((one, other))
        for one in cidrs
        for other in cidrs
        if one < other and IPv4Network(cidrs[one]).overlaps(IPv4Network(cidrs[other]))
    }


def test_a_pool_in_one_small_subnet_is_short_even_where_others_have_room() -> None:
    cidrs = {"a": "10.0.0.0/24", "b": "10.0.64.0/18"}
    demands = [Demand("small", 300, frozenset({"a"})), Demand("large", 300, frozenset({"a", "b"}))]
    assert shortages(demands, cidrs) == [Shortage(("small",), ("a",), needed=300, usable=251, prefix=23)]


def test_pools_that_share_subnets_are_counted_together() -> None:
    cidrs = {"a": "10.0.0.0/24", "b": "10.0.1.0/24"}
    both = frozenset({"a", "b"})
    assert shortages([Demand("one", 300, both), Demand("two", 300, both)], cidrs) == [
        Shortage(("one", "two"), ("a", "b"), needed=600, usable=502, prefix=23)
    ]


@given(st.lists(st.integers(0, 20000), max_size=4), st.integers(18, 28), st.integers(1, 4))
def test_the_prefix_of_a_shortage_would_do(demands: list[int], prefix: int, subnets: int) -> None:
    cidrs = {f"s{index}": str(IPv4Network(((10 << 24) + (index << 16), prefix))) for index in range(subnets)}
    wanted = [Demand(f"p{index}", addresses, frozenset(cidrs)) for index, addresses in enumerate(demands)]
    found = shortages(wanted, cidrs)
    assert bool(found) == (sum(demands) > sum(map(usable_addresses, cidrs.values())))
    for shortage in found:
        assert subnets * (2 ** (32 - shortage.prefix) - 5) >= shortage.needed
        assert subnets * (2 ** (32 - shortage.prefix - 1) - 5) < shortage.needed


def test_the_vpc_for_a_private_prefix_is_the_one_whose_default_layout_has_it() -> None:
    for zones in (2, 3, 4):
        prefix = vpc_prefix_for(20, zones)
        names = tuple(f"us-west-2{letter}" for letter in "abcd"[:zones])
        private = {s.cidr.rpartition("/")[2] for s in layout("p", f"10.0.0.0/{prefix}", names) if not s.public}
        assert private == {"20"}
