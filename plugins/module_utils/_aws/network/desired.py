# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The desired network: the module's options, checked and spelled out resource by resource. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._ownership import ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

EVERYWHERE = "0.0.0.0/0"

#: The prefix lengths that AWS allows for a VPC and for a subnet.
#: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
_SHORTEST_PREFIX, _LONGEST_PREFIX = 16, 28


@dataclass(frozen=True)
class Subnet:
    cidr: str
    zone: str
    public: bool
    tags: Mapping[str, str]


@dataclass(frozen=True)
class NatGateway:
    #: The subnet that a new gateway goes to.
    subnet: str
    #: Every public subnet of the zone: a gateway that is in any of them is where it belongs.
    subnets: frozenset[str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RouteTable:
    #: Destination CIDR to target, a resource such as nat_gateway/exchange-nat-a.
    routes: Mapping[str, str]
    subnets: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Endpoint:
    service: str
    route_tables: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Network:
    """Every resource that is to exist, by name. The empty network is what state=absent desires."""

    platform: str
    role: str
    name: str
    cidr: str = ""
    vpc: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    internet_gateways: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    #: Elastic IP addresses, by the name of the NAT gateway that uses each.
    elastic_ips: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nat_gateways: Mapping[str, NatGateway] = field(default_factory=dict)
    route_tables: Mapping[str, RouteTable] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        return bool(self.vpc)


def absent(platform: str, role: str, name: str) -> Network:
    """The network of which nothing is to exist."""
    return Network(platform, role, name)


def desired_network(
    *,
    platform: str,
    role: str,
    name: str,
    region: str,
    cidr: str,
    subnets: Sequence[Mapping[str, Any]],
    nat_gateways: str = "single",
    gateway_endpoints: Sequence[str] = (),
    tags: Mapping[str, Any] | None = None,
) -> Network:
    """The network that the options of aws_network describe.

    Raises:
        PlanError: with every problem of the options.
    """
    problems = [*_address_problems(cidr, subnets), *_subnet_problems(region, subnets)]
    public = [subnet for subnet in subnets if subnet["public"]]
    private = [subnet for subnet in subnets if not subnet["public"]]
    public_zones, private_zones = _zones(public), _zones(private)
    problems += _zone_problems(sorted({*public_zones, *private_zones}))
    nat_zones: list[str] = []
    if private and nat_gateways != "none":
        problems += _nat_problems(nat_gateways, public_zones, private_zones)
        nat_zones = public_zones[:1] if nat_gateways == "single" else private_zones
    if problems:
        raise PlanError(problems)

    def own(resource: str, extra: Mapping[str, Any] | None = None) -> dict[str, str]:
        given = {str(key): str(value) for key, value in {**(tags or {}), **(extra or {})}.items()}
        return ownership_tags(platform, role, resource, given)

    nat_names = {zone: f"{name}-nat-{zone[-1]}" for zone in nat_zones}
    tables: dict[str, RouteTable] = {}
    if public:
        table = f"{name}-public"
        tables[table] = RouteTable(
            {EVERYWHERE: f"internet_gateway/{name}"}, tuple(subnet["name"] for subnet in public), own(table)
        )
    for zone in private_zones:
        table = f"{name}-private-{zone[-1]}"
        nat = nat_names.get(zone) or next(iter(nat_names.values()), None)
        tables[table] = RouteTable(
            {EVERYWHERE: f"nat_gateway/{nat}"} if nat else {},
            tuple(subnet["name"] for subnet in private if subnet["zone"] == zone),
            own(table),
        )
    return Network(
        platform=platform,
        role=role,
        name=name,
        cidr=str(ipaddress.IPv4Network(cidr)),
        vpc={name: own(name)},
        internet_gateways={name: own(name)} if public else {},
        subnets={
            subnet["name"]: Subnet(
                str(ipaddress.IPv4Network(subnet["cidr"])),
                subnet["zone"],
                subnet["public"],
                own(subnet["name"], subnet.get("tags")),
            )
            for subnet in subnets
        },
        elastic_ips={nat: own(nat) for nat in nat_names.values()},
        nat_gateways={
            nat: NatGateway(
                next(subnet["name"] for subnet in public if subnet["zone"] == zone),
                frozenset(subnet["name"] for subnet in public if subnet["zone"] == zone),
                own(nat),
            )
            for zone, nat in nat_names.items()
        },
        route_tables=tables,
        endpoints={
            f"{name}-{service}": Endpoint(
                f"com.amazonaws.{region}.{service}",
                tuple(f"{name}-private-{zone[-1]}" for zone in private_zones),
                own(f"{name}-{service}"),
            )
            for service in gateway_endpoints
        },
    )


def _zones(subnets: Iterable[Mapping[str, Any]]) -> list[str]:
    """The zones of the subnets, each once, in the order of the subnets."""
    return list(dict.fromkeys(subnet["zone"] for subnet in subnets))


def _address_problems(cidr: str, subnets: Sequence[Mapping[str, Any]]) -> list[str]:
    problems: list[str] = []
    network = _parse("cidr", cidr, problems)
    seen: list[tuple[str, ipaddress.IPv4Network]] = []
    for index, subnet in enumerate(subnets):
        path = f"subnets[{index}].cidr"
        block = _parse(path, subnet["cidr"], problems)
        if block is None:
            continue
        if network is not None and not block.subnet_of(network):
            problems.append(f"{path}: {block} of {subnet['name']} is not inside the network's {network}")
        problems.extend(
            f"{path}: {block} of {subnet['name']} overlaps {other} of {name}; give it addresses of its own"
            for name, other in seen
            if block.overlaps(other)
        )
        seen.append((subnet["name"], block))
    return problems


def _parse(path: str, text: str, problems: list[str]) -> ipaddress.IPv4Network | None:
    try:
        block = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        problems.append(f"{path}: {text!r} is not an IPv4 network; write it as 10.0.0.0/16")
        return None
    if str(block) != text:
        problems.append(f"{path}: {text} is not written as a network; write {block}")
    if not _SHORTEST_PREFIX <= block.prefixlen <= _LONGEST_PREFIX:
        problems.append(
            f"{path}: AWS allows prefixes from /{_SHORTEST_PREFIX} to /{_LONGEST_PREFIX}, not /{block.prefixlen}"
        )
    return block


def _subnet_problems(region: str, subnets: Sequence[Mapping[str, Any]]) -> list[str]:
    problems = []
    names: dict[str, int] = {}
    for index, subnet in enumerate(subnets):
        if subnet["name"] in names:
            problems.append(
                f"subnets[{index}].name: {subnet['name']} is the name of subnets[{names[subnet['name']]}] too; "
                "give each subnet its own"
            )
        names.setdefault(subnet["name"], index)
        if not subnet["zone"].startswith(region) or subnet["zone"] == region:
            problems.append(
                f"subnets[{index}].zone: {subnet['zone']} is not a zone of the region {region}; write {region}a"
            )
    return problems


def _zone_problems(zones: Sequence[str]) -> list[str]:
    by_letter: dict[str, str] = {}
    problems = []
    for zone in zones:
        other = by_letter.setdefault(zone[-1:], zone)
        if other != zone:
            problems.append(
                f"subnets: the zones {other} and {zone} end in the same letter, by which their route tables and NAT "
                "gateways are named; use one of them"
            )
    return problems


def _nat_problems(nat_gateways: str, public_zones: Sequence[str], private_zones: Sequence[str]) -> list[str]:
    if not public_zones:
        problem = (
            f"nat_gateways: {nat_gateways} needs a public subnet for the gateway and there is none; "
            "add one, or write nat_gateways: none"
        )
        return [problem]
    if nat_gateways == "single":
        return []
    return [
        f"nat_gateways: per_zone needs a public subnet in {zone}, which has only private ones; "
        "add one, or write nat_gateways: single"
        for zone in private_zones
        if zone not in public_zones
    ]
