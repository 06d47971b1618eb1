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
class Resource:
    """A resource that is to exist."""

    #: What its creation says besides the tags, with other resources as kind/name.
    fields: Mapping[str, Any]
    tags: Mapping[str, str]
    #: What has to be there first.
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """Every resource that is to exist. The empty network is what state=absent desires."""

    platform: str
    role: str
    name: str
    #: By kind and name. An elastic IP address has the name of the NAT gateway that uses it.
    resources: Mapping[str, Mapping[str, Resource]] = field(default_factory=dict)
    #: Of each route table: destination CIDR to target, a resource such as nat_gateway/exchange-nat-a.
    routes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: The route table of each subnet.
    tables: Mapping[str, str] = field(default_factory=dict)
    public: frozenset[str] = frozenset()

    @property
    def present(self) -> bool:
        return bool(self.resources)

    def of(self, kind: str) -> Mapping[str, Resource]:
        return self.resources.get(kind, {})


def absent(platform: str, role: str, name: str) -> Network:
    """The network of which nothing is to exist."""
    return Network(platform, role, name)


def desired_network(options: Mapping[str, Any], name: str, region: str) -> Network:
    """The network that the options of aws_network describe.

    Raises:
        PlanError: with every problem of the options.
    """
    platform, role, tags = options["platform"], options["role"], options["tags"]
    cidr, subnets, nat_gateways = options["cidr"], options["subnets"], options["nat_gateways"]
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

    vpc = f"vpc/{name}"

    def made(
        resource: str, fields: Mapping[str, Any] | None = None, *needs: str, tagged: Mapping[str, Any] | None = None
    ) -> Resource:
        given = {str(key): str(value) for key, value in {**tags, **(tagged or {})}.items()}
        return Resource(fields or {}, ownership_tags(platform, role, resource, given), needs)

    nat_names = {zone: f"{name}-nat-{zone[-1]}" for zone in nat_zones}
    gateways = {
        zone: {
            "subnet": f"subnet/{next(one['name'] for one in public if one['zone'] == zone)}",
            "elastic_ip": f"elastic_ip/{nat}",
        }
        for zone, nat in nat_names.items()
    }
    routes = {f"{name}-public": {EVERYWHERE: f"internet_gateway/{name}"}} if public else {}
    for zone in private_zones:
        nat = nat_names.get(zone) or next(iter(nat_names.values()), None)
        routes[f"{name}-private-{zone[-1]}"] = {EVERYWHERE: f"nat_gateway/{nat}"} if nat else {}
    private_tables = [f"route_table/{name}-private-{zone[-1]}" for zone in private_zones]
    # AWS refuses a NAT gateway before the internet gateway is attached.
    attachment = f"internet_gateway_attachment/{name}"
    return Network(
        platform,
        role,
        name,
        resources={
            "vpc": {name: made(name, {"cidr": str(ipaddress.IPv4Network(cidr))})},
            "elastic_ip": {nat: made(nat) for nat in nat_names.values()},
            "internet_gateway": {name: made(name)} if public else {},
            "subnet": {
                subnet["name"]: made(
                    subnet["name"],
                    {"vpc": vpc, "cidr": str(ipaddress.IPv4Network(subnet["cidr"])), "zone": subnet["zone"]},
                    vpc,
                    tagged=subnet.get("tags"),
                )
                for subnet in subnets
            },
            "route_table": {table: made(table, {"vpc": vpc}, vpc) for table in routes},
            "nat_gateway": {
                nat: made(nat, gateways[zone], *gateways[zone].values(), attachment) for zone, nat in nat_names.items()
            },
            "vpc_endpoint": {
                f"{name}-{service}": made(
                    f"{name}-{service}",
                    {
                        "vpc": vpc,
                        "service": f"com.amazonaws.{region}.{service}",
                        "route_tables": sorted(private_tables),
                    },
                    vpc,
                    *private_tables,
                )
                for service in options["gateway_endpoints"]
            },
        },
        routes=routes,
        tables={
            subnet["name"]: f"{name}-public" if subnet["public"] else f"{name}-private-{subnet['zone'][-1]}"
            for subnet in subnets
        },
        public=frozenset(subnet["name"] for subnet in public),
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
