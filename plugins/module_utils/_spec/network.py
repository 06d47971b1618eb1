# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(network): the VPC and its subnets."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import (
    LARGEST_PREFIX,
    NO_DEFAULT_ZONES,
    SMALLEST_PREFIX,
    LayoutError,
    Subnet,
    default_zones,
    known_regions,
    layout,
    overlaps,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    RefusedValueError,
    Value,
    boolean,
    integer,
    list_of,
    one_of,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

_cidr = values.network(LARGEST_PREFIX, SMALLEST_PREFIX)
_prefix = integer(LARGEST_PREFIX, SMALLEST_PREFIX)


@dataclass(frozen=True)
class Network:
    """The VPC. C(subnets) is complete: what the spec does not write is laid out by network_layout.py."""

    cidr: str
    zones: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    nat_gateways: str
    gateway_endpoints: tuple[str, ...]

    @property
    def private_subnets(self) -> tuple[Subnet, ...]:
        return tuple(subnet for subnet in self.subnets if not subnet.public)


@dataclass(frozen=True)
class WrittenSubnet:
    """A subnet as the spec writes it."""

    name: str | None = key(
        values.tag_value, "Name tag.", None, shown="`<name>-public-<letter>` or `<name>-private-<letter>`"
    )
    cidr: str = key(_cidr, "A part of the VPC's network, apart from the other subnets.")
    zone: str = key(text, "Availability zone.")
    public: bool = key(boolean, "Whether its route leads to the internet gateway, instead of a NAT gateway.", False)


@dataclass(frozen=True)
class WrittenNetwork:
    """The network as the spec writes it."""

    cidr: str = key(_cidr, "Network of the VPC.", "10.0.0.0/16")
    zones: tuple[str, ...] = key(
        list_of(text, least=2, unique=True),
        "Availability zones by their full names. us-east-1 and us-west-1 have no default: which of their zones an "
        "account has, or which take an EKS cluster, differs by account.",
        (),
        shown="the region's first three",
    )
    nat_gateways: str = key(
        one_of("none", "single", "per_zone"),
        "`per_zone`, `single` (cheaper; a zone's failure cuts off the others) or `none` (the nodes need another way "
        "out).",
        "per_zone",
    )
    gateway_endpoints: tuple[str, ...] = key(
        list_of(one_of("s3"), unique=True), "Gateway endpoints, which cost nothing and spare the NAT gateways.", ("s3",)
    )
    private_subnet_prefix: int | None = key(
        _prefix, "Prefix length of each private subnet.", None, shown="an equal share of the VPC"
    )
    public_subnet_prefix: int | None = key(
        _prefix, "Prefix length of each public subnet.", None, shown="24, or what the VPC leaves"
    )
    subnets: tuple[WrittenSubnet, ...] = key(
        list_of(section(WrittenSubnet), least=1),
        "The subnets one by one, instead of zones and prefixes.",
        (),
        shown="laid out as above",
    )


@section(WrittenNetwork).then
def network(value: Value, written: WrittenNetwork) -> Network:
    """The parser of C(network); without a region (it was refused) the zones are not checked."""
    platform, region = value.known["name"] or "platform", value.known["region"]
    subnets = _written_subnets(value, written, platform) if written.subnets else None
    zones = written.zones or tuple(dict.fromkeys(subnet.zone for subnet in subnets or ()))
    if region is not None:
        zones = zones or default_zones(region)
        _check_zones(value, written, region)
    if not zones:
        raise _unsure(value.child("zones"), region) if region else RefusedValueError
    if subnets is None:
        subnets = _laid_out(value, written, platform, zones)
    return Network(written.cidr, zones, subnets, written.nat_gateways, written.gateway_endpoints)


def _unsure(value: Value, region: str) -> RefusedValueError:
    if region in NO_DEFAULT_ZONES:
        return value.refuse(f"which zones of {region} an account can use differs; write two or three of yours")
    near = ", ".join(difflib.get_close_matches(region, known_regions(), n=3, cutoff=0.6))
    instead = f"write them, or another region ({near})" if near else "write them, or another region"
    return value.refuse(f"the zones of '{region}' are not known; {instead}")


def _check_zones(value: Value, written: WrittenNetwork, region: str) -> None:
    """By their form alone: which letters an account has, only AWS knows."""
    named = [(value.child("zones").child(index), zone) for index, zone in enumerate(written.zones)]
    for index, subnet in enumerate(written.subnets):
        place = value.child("subnets").child(index).child("zone")
        named.append((place, subnet.zone))
        if written.zones and subnet.zone not in written.zones:
            place.problem(f"'{subnet.zone}' is not among zones; write one of: {', '.join(written.zones)}")
    wrong = False
    for place, zone in named:
        if not re.fullmatch(rf"{re.escape(region)}[a-z]", zone):
            place.problem(f"'{zone}' is not a zone of {region}; write {region}a or another of its zones")
            wrong = True
    if wrong:
        raise RefusedValueError


def _laid_out(value: Value, written: WrittenNetwork, platform: str, zones: tuple[str, ...]) -> tuple[Subnet, ...]:
    try:
        return layout(
            platform,
            written.cidr,
            zones,
            private_prefix=written.private_subnet_prefix,
            public_prefix=written.public_subnet_prefix,
        )
    except LayoutError as error:
        raise value.child("cidr").refuse(str(error)) from None


def _written_subnets(value: Value, written: WrittenNetwork, platform: str) -> tuple[Subnet, ...]:
    """The subnets that the spec writes itself, and every problem between them."""
    vpc = IPv4Network(written.cidr)
    subnets: dict[str, Subnet] = {}
    wrong = False
    for prefix in ("private_subnet_prefix", "public_subnet_prefix"):
        if getattr(written, prefix) is not None:
            value.child(prefix).problem("says nothing where subnets are written; remove one of the two")
            wrong = True
    for index, entry in enumerate(written.subnets):
        place = value.child("subnets").child(index)
        name = entry.name or f"{platform}-{'public' if entry.public else 'private'}-{entry.zone[-1:]}"
        if name in subnets:
            place.problem(f"the name {name} is another subnet's; write a name: of its own")
            wrong = True
        if not IPv4Network(entry.cidr).subnet_of(vpc):
            place.child("cidr").problem(f"{entry.cidr} is not inside the VPC's {vpc}; write a part of {vpc}")
            wrong = True
        subnets[name] = Subnet(name, entry.cidr, entry.zone, entry.public)
    for one, other in overlaps({name: subnet.cidr for name, subnet in subnets.items()}):
        value.child("subnets").problem(
            f"{subnets[other].cidr} of {other} overlaps {subnets[one].cidr} of {one}; write networks that lie apart"
        )
        wrong = True
    private = {subnet.zone for subnet in subnets.values() if not subnet.public}
    public = {subnet.zone for subnet in subnets.values() if subnet.public}
    if len(private) < 2:
        value.child("subnets").problem("EKS needs private subnets in two zones; write one in each of two zones")
        wrong = True
    without = sorted(private - public) if written.nat_gateways == "per_zone" else []
    if without or (written.nat_gateways == "single" and not public):
        where = f"in {', '.join(without)}" if without else "in one zone"
        value.child("subnets").problem(
            f"nat_gateways: {written.nat_gateways} needs a public subnet {where}; write it, or another nat_gateways"
        )
        wrong = True
    if wrong:
        raise RefusedValueError
    return tuple(subnets.values())
