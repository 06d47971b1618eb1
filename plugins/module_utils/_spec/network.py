# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of C(network)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import (
    Network,
    Subnet,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.network_layout import (
    LARGEST_PREFIX,
    SMALLEST_PREFIX,
    LayoutError,
    default_zones,
    layout,
    overlaps,
    zones_of,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedError,
    Section,
    Value,
    boolean,
    integer,
    list_of,
    one_of,
    section_of,
    text,
)


@dataclass(frozen=True)
class _WrittenSubnet:
    name: str | None
    cidr: str
    zone: str
    public: bool


@dataclass(frozen=True)
class _WrittenNetwork:
    cidr: str
    zones: tuple[str, ...]
    nat_gateways: str
    gateway_endpoints: tuple[str, ...]
    private_subnet_prefix: int | None
    public_subnet_prefix: int | None
    subnets: tuple[_WrittenSubnet, ...]


def _written_subnet(section: Section) -> _WrittenSubnet:
    return _WrittenSubnet(
        name=section.take("name", values.line, None),
        cidr=section.take("cidr", values.network(LARGEST_PREFIX, SMALLEST_PREFIX)),
        zone=section.take("zone", text),
        public=section.take("public", boolean, False),
    )


def _written_network(section: Section) -> _WrittenNetwork:
    prefix = integer(LARGEST_PREFIX, SMALLEST_PREFIX)
    return _WrittenNetwork(
        cidr=section.take("cidr", values.network(LARGEST_PREFIX, SMALLEST_PREFIX), "10.0.0.0/16"),
        zones=section.take("zones", list_of(text, least=2, unique=True), ()),
        nat_gateways=section.take("nat_gateways", one_of("none", "single", "per_zone"), "per_zone"),
        gateway_endpoints=section.take("gateway_endpoints", list_of(one_of("s3"), unique=True), ("s3",)),
        private_subnet_prefix=section.take("private_subnet_prefix", prefix, None),
        public_subnet_prefix=section.take("public_subnet_prefix", prefix, None),
        subnets=section.take("subnets", list_of(section_of(_written_subnet), least=1), ()),
    )


def network(platform: str, region: str | None) -> Parser[Network]:
    """The parser of C(network); without a region (it was refused) the zones are not checked."""

    def parser(value: Value) -> Network:
        written = section_of(_written_network)(value)
        subnets = _written_subnets(value, written, platform) if written.subnets else None
        zones = written.zones or tuple(dict.fromkeys(subnet.zone for subnet in subnets or ()))
        if region is not None:
            zones = zones or default_zones(region)
            _check_zones(value, written, region)
        if not zones:
            raise RefusedError  # the region was refused and has its own problem
        if subnets is None:
            subnets = _laid_out(value, written, platform, zones)
        return Network(written.cidr, zones, subnets, written.nat_gateways, written.gateway_endpoints)

    return parser


def _check_zones(value: Value, written: _WrittenNetwork, region: str) -> None:
    known = zones_of(region)
    named = [(value.child("zones", None).child(index, zone), zone) for index, zone in enumerate(written.zones)]
    for index, subnet in enumerate(written.subnets):
        place = value.child("subnets", None).child(index, None).child("zone", subnet.zone)
        named.append((place, subnet.zone))
        if written.zones and subnet.zone not in written.zones:
            place.problem(f"'{subnet.zone}' is not among zones; write one of: {', '.join(written.zones)}")
    wrong = False
    for place, zone in named:
        if known and zone not in known:
            place.problem(f"'{zone}' is not a zone of {region}; write one of: {', '.join(known)}")
            wrong = True
        elif not re.fullmatch(rf"{re.escape(region)}[a-z]", zone):
            place.problem(f"'{zone}' is not a zone of {region}; write {region}a or another of its zones")
            wrong = True
    if wrong:
        raise RefusedError


def _laid_out(value: Value, written: _WrittenNetwork, platform: str, zones: tuple[str, ...]) -> tuple[Subnet, ...]:
    try:
        return layout(
            platform,
            written.cidr,
            zones,
            private_prefix=written.private_subnet_prefix,
            public_prefix=written.public_subnet_prefix,
        )
    except LayoutError as error:
        raise value.child("cidr", None).refuse(str(error)) from None


def _written_subnets(value: Value, written: _WrittenNetwork, platform: str) -> tuple[Subnet, ...]:
    """The subnets that the spec writes itself, and every problem between them."""
    vpc = IPv4Network(written.cidr)
    subnets: dict[str, Subnet] = {}
    wrong = False
    for key in ("private_subnet_prefix", "public_subnet_prefix"):
        if getattr(written, key) is not None:
            value.child(key, None).problem("says nothing where subnets are written; remove one of the two")
            wrong = True
    for index, entry in enumerate(written.subnets):
        place = value.child("subnets", None).child(index, None)
        name = entry.name or f"{platform}-{'public' if entry.public else 'private'}-{entry.zone[-1:]}"
        if name in subnets:
            place.problem(f"the name {name} is another subnet's; write a name: of its own")
            wrong = True
        if not IPv4Network(entry.cidr).subnet_of(vpc):
            place.child("cidr", None).problem(f"{entry.cidr} is not inside the VPC's {vpc}; write a part of {vpc}")
            wrong = True
        subnets[name] = Subnet(name, entry.cidr, entry.zone, entry.public)
    for one, other in overlaps({name: subnet.cidr for name, subnet in subnets.items()}):
        value.child("subnets", None).problem(
            f"{subnets[other].cidr} of {other} overlaps {subnets[one].cidr} of {one}; write networks that lie apart"
        )
        wrong = True
    private = {subnet.zone for subnet in subnets.values() if not subnet.public}
    public = {subnet.zone for subnet in subnets.values() if subnet.public}
    if len(private) < 2:
        value.child("subnets", None).problem("EKS needs private subnets in two zones; write one in each of two zones")
        wrong = True
    without = sorted(private - public) if written.nat_gateways == "per_zone" else []
    if without or (written.nat_gateways == "single" and not public):
        where = f"in {', '.join(without)}" if without else "in one zone"
        value.child("subnets", None).problem(
            f"nat_gateways: {written.nat_gateways} needs a public subnet {where}; write it, or another nat_gateways"
        )
        wrong = True
    if wrong:
        raise RefusedError
    return tuple(subnets.values())
