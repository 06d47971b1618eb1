# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Which zones a region has, how a VPC is cut into subnets, and whether its subnets hold the nodes. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

#: AWS takes subnets from /16 to /28, and keeps the first four addresses and the last of each for itself.
LARGEST_PREFIX = 16
SMALLEST_PREFIX = 28
RESERVED_ADDRESSES = 5

#: The letters of each region's zones, as AWS publishes them. An account may have others: an older one has more.
_ZONE_LETTERS = {
    "af-south-1": "abc",
    "ap-east-1": "abc",
    "ap-east-2": "abc",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-south-2": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ap-southeast-3": "abc",
    "ap-southeast-4": "abc",
    "ap-southeast-5": "abc",
    "ap-southeast-7": "abc",
    "ca-central-1": "abd",
    "ca-west-1": "abc",
    "eu-central-1": "abc",
    "eu-central-2": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-south-2": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "il-central-1": "abc",
    "me-central-1": "abc",
    "me-south-1": "abc",
    "mx-central-1": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdef",
    "us-east-2": "abc",
    "us-gov-east-1": "abc",
    "us-gov-west-1": "abc",
    "us-west-1": "abc",
    "us-west-2": "abcd",
}


@dataclass(frozen=True)
class Subnet:
    """One subnet. C(zone) is the availability zone's full name."""

    name: str
    cidr: str
    zone: str
    public: bool


def known_regions() -> tuple[str, ...]:
    """The regions whose zones are known."""
    return tuple(_ZONE_LETTERS)


#: Where one of the places takes no EKS control plane or is not every account's, and its letter differs by account.
NO_DEFAULT_ZONES = ("us-east-1", "us-west-1")


def default_zones(region: str) -> tuple[str, ...]:
    """The zones that a platform uses where its spec names none: the first three. Empty where no three are sure."""
    letters = "" if region in NO_DEFAULT_ZONES else _ZONE_LETTERS.get(region, "")
    return tuple(f"{region}{letter}" for letter in letters[:3])


class LayoutError(Exception):
    """The subnets do not fit. The message says the figures and what to write."""


def layout(
    platform: str,
    cidr: str,
    zones: Sequence[str],
    *,
    private_prefix: int | None = None,
    public_prefix: int | None = None,
) -> tuple[Subnet, ...]:
    """A public and a private subnet in each zone.

    Private subnets are cut from the start of the VPC upwards and public ones from its end downwards, in the order of
    the zones, so that a zone that is added later moves no subnet of the others (as long as the prefixes stay).

    The default private prefix leaves each zone the same share of the VPC and one share for all public subnets. The
    default public prefix is /24, or smaller where that share is.

    Raises:
        LayoutError: the subnets do not fit into the VPC.
    """
    vpc = IPv4Network(cidr)
    private = private_prefix or _default_private_prefix(vpc, len(zones))
    public = public_prefix or min(SMALLEST_PREFIX, max(24, private + _bits(len(zones))))
    _check_fit(vpc, len(zones), private, public)
    start, end = int(vpc.network_address), int(vpc.broadcast_address) + 1
    subnets = []
    for index, zone in enumerate(zones):
        private_start = start + index * _size(private)
        public_start = end - (index + 1) * _size(public)
        subnets += [
            Subnet(f"{platform}-public-{zone[-1]}", str(IPv4Network((public_start, public))), zone, public=True),
            Subnet(f"{platform}-private-{zone[-1]}", str(IPv4Network((private_start, private))), zone, public=False),
        ]
    return tuple(sorted(subnets, key=lambda subnet: not subnet.public))


def _default_private_prefix(vpc: IPv4Network, zones: int) -> int:
    return min(SMALLEST_PREFIX, vpc.prefixlen + _bits(zones + 1))


def _check_fit(vpc: IPv4Network, zones: int, private: int, public: int) -> None:
    needed = zones * (_size(private) + _size(public))
    if needed <= vpc.num_addresses:
        return
    enough = 32 - _bits(needed)
    instead = f"write a /{enough} or larger" if enough >= LARGEST_PREFIX else "write smaller subnets or fewer zones"
    raise LayoutError(
        f"{vpc} has {vpc.num_addresses} addresses and {zones} zones with a private /{private} and a public /{public} "
        f"each need {needed}; {instead}"
    )


def overlaps(cidrs: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pairs of names whose networks overlap, in the order of their addresses."""
    networks = sorted((IPv4Network(cidr), name) for name, cidr in cidrs.items())
    found = []
    for index, (network, name) in enumerate(networks):
        for other, other_name in networks[index + 1 :]:
            if not network.overlaps(other):
                break
            found.append((name, other_name))
    return found


@dataclass(frozen=True)
class Demand:
    """The most addresses that a node pool takes, and the subnets that it takes them from."""

    pool: str
    addresses: int
    subnets: frozenset[str]


@dataclass(frozen=True)
class Shortage:
    """Subnets that cannot hold the pools which run in them alone. C(prefix) is the one of each subnet that would do."""

    pools: tuple[str, ...]
    subnets: tuple[str, ...]
    needed: int
    usable: int
    prefix: int


def usable_addresses(cidr: str) -> int:
    """The addresses of a subnet that nodes can take."""
    return IPv4Network(cidr).num_addresses - RESERVED_ADDRESSES


def shortages(demands: Iterable[Demand], cidrs: Mapping[str, str]) -> list[Shortage]:
    """Where the pools' demands exceed the usable addresses of their subnets (C(cidrs), by name).

    Looks at each set of subnets that a pool uses, and at all of them together: the pools that run in these subnets
    alone must fit into them.
    """
    all_demands = list(demands)
    union = frozenset(name for demand in all_demands for name in demand.subnets)
    sets = {demand.subnets for demand in all_demands} | {union}
    found = []
    for subnets in sorted(sets - {frozenset()}, key=lambda names: (len(names), sorted(names))):
        inside = [demand for demand in all_demands if demand.subnets <= subnets]
        needed = sum(demand.addresses for demand in inside)
        usable = sum(usable_addresses(cidrs[name]) for name in subnets)
        if needed > usable:
            prefix = 32 - _bits(math.ceil(needed / len(subnets)) + RESERVED_ADDRESSES)
            pools = tuple(demand.pool for demand in inside)
            found.append(Shortage(pools, tuple(sorted(subnets)), needed, usable, prefix))
    return found


def vpc_prefix_for(private_prefix: int, zones: int) -> int:
    """The prefix of the smallest VPC whose default layout has private subnets of this prefix."""
    return private_prefix - _bits(zones + 1)


def _bits(count: int) -> int:
    """The bits that tell C(count) things apart."""
    return max(0, (count - 1).bit_length())


def _size(prefix: int) -> int:
    return 1 << (32 - prefix)
