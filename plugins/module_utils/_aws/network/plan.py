# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The planner of the network: what is to change so that the observed network becomes the desired one. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._aws.network import desired as wanted
from ansible_collections.entasis.engine.plugins.module_utils._aws.network import observe as seen
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.matching import Matches, match
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    Change,
    PlanError,
    create,
    delete,
    update,
)

#: What AWS gives a new VPC, and what ours needs: EKS nodes register by the DNS names of the VPC.
_NEW_VPC_ATTRIBUTES = {"enableDnsSupport": True, "enableDnsHostnames": False}
_VPC_ATTRIBUTES = {"enableDnsSupport": True, "enableDnsHostnames": True}


#: The places in which EKS takes no subnet for a control plane.
#: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_WITHOUT_CONTROL_PLANE = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})


@dataclass(frozen=True)
class Plan(_reconcile.Plan):
    #: The id of each resource that is there, by kind/name.
    ids: Mapping[str, str] = field(default_factory=dict)
    #: The addresses that the platform's NAT gateways are seen under, by the gateway's name.
    public_ips: Mapping[str, str] = field(default_factory=dict)
    #: The association of each subnet that has one, by the subnet's name.
    associations: Mapping[str, str] = field(default_factory=dict)
    #: The associations that a route table which is not desired still has, by the table's name.
    leftover_associations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The VPC that an internet gateway which is not desired is attached to, by the gateway's name.
    attachments: Mapping[str, str] = field(default_factory=dict)


def plan(desired: wanted.Network, observed: seen.Observed, *, purge: bool = False) -> Plan:
    """Plan the changes that make the observed network the desired one.

    With C(purge), or where the desired network is empty, what is ours and not desired is removed.

    Raises:
        PlanError: with every reason why the desired network cannot be reached.
    """
    found = match(desired, observed)
    problems = [
        *found.problems,
        *_fixed_problems(desired, observed, found),
        *_zone_problems(desired, observed.zones, found),
    ]
    if problems:
        raise PlanError(problems)
    comparison = _Comparison(desired, observed, found)
    changes = [
        *comparison.vpc(),
        *comparison.elastic_ips(),
        *comparison.internet_gateways(),
        *comparison.subnets(),
        *comparison.route_tables(),
        *comparison.nat_gateways(),
        *comparison.vpc_attributes(),
        *comparison.routes(),
        *comparison.associations(),
        *comparison.endpoints(),
        *comparison.subnet_attributes(),
    ]
    removing = purge or not desired.present
    if removing:
        changes += comparison.removals(changes)
    moved = {comparison.ids.get(f"subnet/{c.name}") for c in changes if c.kind == "route_table_association"}
    return Plan(
        changes=tuple(changes),
        unlisted=()
        if removing
        else tuple(f"{kind}/{name} ({resource.id})" for kind, name, resource in found.leftovers),
        ids=comparison.ids,
        public_ips={name: address.public_ip for name, address in found.elastic_ips.items()},
        associations=comparison.association_ids,
        leftover_associations={
            name: tuple(association for subnet, association in table.associations.items() if subnet not in moved)
            for kind, name, table in found.leftovers
            if kind == "route_table"
        },
        attachments={
            name: gateway.vpc_id
            for kind, name, gateway in found.leftovers
            if kind == "internet_gateway" and gateway.vpc_id
        },
    )


def unowned_subnets(observed: seen.Observed, planned: Plan) -> list[str]:
    """The subnets in the platform's VPC that are not the platform's, and so stop the removal of the VPC."""
    ours = set(planned.ids.values())
    return sorted(
        f"subnet {subnet.id} ({subnet.cidr or 'no IPv4 addresses'})"
        for subnet in observed.subnets
        if subnet.id not in ours
    )


def _fixed_problems(desired: wanted.Network, observed: seen.Observed, found: Matches) -> list[str]:
    """What differs and cannot be changed, and what of others is in the way."""
    problems: list[str] = []
    vpc = found.vpc.get(desired.name)
    if not desired.present or vpc is None:
        return problems
    if vpc.cidr != desired.cidr:
        problems.append(
            f"VPC {desired.name} ({vpc.id}) has the addresses {vpc.cidr}, not {desired.cidr}, and AWS cannot change "
            f"them. Write cidr: {vpc.cidr}, or build a new platform beside this one"
        )
    for name, subnet in desired.subnets.items():
        there = found.subnets.get(name)
        if there is not None and (there.cidr, there.zone) != (subnet.cidr, subnet.zone):
            problems.append(
                f"subnet {name} ({there.id}) is {there.cidr} in {there.zone}, not {subnet.cidr} in {subnet.zone}, and "
                f"AWS cannot change that. Write what is there, or give the new subnet another name and addresses"
            )
    taken = {subnet.id: name for name, subnet in found.subnets.items()}
    for name, wanted_subnet in desired.subnets.items():
        if name in found.subnets:
            continue
        block = ipaddress.IPv4Network(wanted_subnet.cidr)
        problems += [
            f"subnet {name} cannot have {wanted_subnet.cidr}: {other.id} in the same VPC has {other.cidr}"
            + (
                f" and is {taken[other.id]}. Give {name} other addresses"
                if other.id in taken
                else f". If it is the platform's, give it the tags {PLATFORM_TAG}={desired.platform}, "
                f"{ROLE_TAG}={desired.role} and Name={name}; if not, give {name} other addresses"
            )
            for other in observed.subnets
            if other.cidr and block.overlaps(ipaddress.IPv4Network(other.cidr))
        ]
    for name in desired.internet_gateways:
        gateway = found.internet_gateways.get(name)
        other = next((g for g in observed.internet_gateways if g.vpc_id == vpc.id and g is not gateway), None)
        if other is not None:
            problems.append(
                f"internet gateway {other.id} is attached to VPC {desired.name} and is not the platform's. If it is to "
                f"be, give it the tags {PLATFORM_TAG}={desired.platform} and Name={name}; if not, detach it"
            )
        if gateway is not None and gateway.vpc_id not in (None, vpc.id):
            problems.append(
                f"internet gateway {name} ({gateway.id}) is attached to {gateway.vpc_id}, not to VPC {desired.name}. "
                "Detach it there"
            )
    zones = {subnet.id: subnet.zone for subnet in observed.subnets}
    for name, nat in desired.nat_gateways.items():
        there_nat = found.nat_gateways.get(name)
        zone = desired.subnets[nat.subnet].zone
        if there_nat is not None and zones.get(there_nat.subnet_id, zone) != zone:
            problems.append(
                f"NAT gateway {name} ({there_nat.id}) is in {zones[there_nat.subnet_id]}, not in {zone}, and AWS "
                "cannot move it. Delete it, and the next run makes it in the right zone"
            )
    return problems


def _zone_problems(desired: wanted.Network, zones: Mapping[str, str], found: Matches) -> list[str]:
    """What speaks against the zones of the subnets that are to be made. Which letter is which place differs by account.

    Private subnets are those of the control plane.
    """
    fit = ", ".join(sorted(zone for zone in zones if zones[zone] not in _WITHOUT_CONTROL_PLANE))
    problems = []
    for name, subnet in desired.subnets.items():
        place = zones.get(subnet.zone)
        if name in found.subnets:
            continue
        if place is None:
            problems.append(f"subnet {name}: this account has no zone {subnet.zone}. Write one of: {fit}")
        elif not subnet.public and place in _WITHOUT_CONTROL_PLANE:
            problems.append(
                f"subnet {name}: {subnet.zone} is {place} in this account, where EKS takes no control plane. "
                f"Write one of: {fit}"
            )
    return problems


class _Comparison:
    """One comparison of a desired network with what was found of it; each method plans one kind of resource."""

    def __init__(self, desired: wanted.Network, observed: seen.Observed, found: Matches) -> None:
        self._desired = desired
        self._observed = observed
        self._found = found
        self._vpc_needs = (f"vpc/{desired.name}",) if desired.present else ()
        #: AWS refuses a NAT gateway, and a route to the internet gateway, before that gateway is attached.
        self._attachments = tuple(f"internet_gateway_attachment/{name}" for name in desired.internet_gateways)
        self.ids: dict[str, str] = {}
        for kind, resources in (
            ("vpc", found.vpc),
            ("internet_gateway", found.internet_gateways),
            ("subnet", found.subnets),
            ("elastic_ip", found.elastic_ips),
            ("nat_gateway", found.nat_gateways),
            ("route_table", found.route_tables),
            ("vpc_endpoint", found.endpoints),
        ):
            self.ids |= {f"{kind}/{name}": resource.id for name, resource in resources.items()}
        self.ids |= {f"{kind}/{name}": resource.id for kind, name, resource in found.leftovers}
        self._there = dict(self.ids)
        self._names = {resource_id: resource for resource, resource_id in self._there.items()}
        for name, gateway in found.leaving_nat_gateways.items():
            self.ids.setdefault(f"nat_gateway/{name}", gateway.id)
        self._tables_of_subnets = {
            subnet: (table.id, association)
            for table in observed.route_tables
            for subnet, association in table.associations.items()
        }
        self.association_ids = {
            name: self._tables_of_subnets[subnet.id][1]
            for name, subnet in found.subnets.items()
            if subnet.id in self._tables_of_subnets
        }

    def _name(self, resource_id: str | None) -> str | None:
        """A resource as the diff names it: ours by kind and name, others by their id."""
        return None if resource_id is None else self._names.get(resource_id, resource_id)

    def vpc(self) -> list[Change]:
        changes = []
        for name, tags in self._desired.vpc.items():
            if name in self._found.vpc:
                changes += tag_changes("vpc", name, self._found.vpc[name].tags, tags)
            else:
                changes.append(create("vpc", name, {"cidr": self._desired.cidr, "tags": tags}))
        return changes

    def vpc_attributes(self) -> list[Change]:
        before = self._observed.vpc_attributes if self._found.vpc else _NEW_VPC_ATTRIBUTES
        return [
            change
            for name in self._desired.vpc
            for change in update("vpc_attributes", name, before, _VPC_ATTRIBUTES, needs=self._vpc_needs)
        ]

    def internet_gateways(self) -> list[Change]:
        changes = []
        for name, tags in self._desired.internet_gateways.items():
            there = self._found.internet_gateways.get(name)
            if there is None:
                changes.append(create("internet_gateway", name, {"tags": tags}))
            else:
                changes += tag_changes("internet_gateway", name, there.tags, tags)
            if there is None or there.vpc_id is None:
                changes.append(
                    create(
                        "internet_gateway_attachment",
                        name,
                        {"vpc": f"vpc/{self._desired.name}"},
                        needs=(f"internet_gateway/{name}", *self._vpc_needs),
                    )
                )
        return changes

    def subnets(self) -> list[Change]:
        changes = []
        for name, subnet in self._desired.subnets.items():
            if name in self._found.subnets:
                changes += tag_changes("subnet", name, self._found.subnets[name].tags, subnet.tags)
            else:
                after = {
                    "vpc": f"vpc/{self._desired.name}",
                    "cidr": subnet.cidr,
                    "zone": subnet.zone,
                    "tags": subnet.tags,
                }
                changes.append(create("subnet", name, after, needs=self._vpc_needs))
        return changes

    def subnet_attributes(self) -> list[Change]:
        changes = []
        for name, subnet in self._desired.subnets.items():
            there = self._found.subnets.get(name)
            changes += update(
                "subnet_attributes",
                name,
                {"map_public_ip_on_launch": there is not None and there.map_public_ip_on_launch},
                {"map_public_ip_on_launch": subnet.public},
                needs=(f"subnet/{name}",),
            )
        return changes

    def elastic_ips(self) -> list[Change]:
        changes = []
        for name, tags in self._desired.elastic_ips.items():
            if name in self._found.elastic_ips:
                changes += tag_changes("elastic_ip", name, self._found.elastic_ips[name].tags, tags)
            else:
                changes.append(create("elastic_ip", name, {"tags": tags}))
        return changes

    def nat_gateways(self) -> list[Change]:
        changes = []
        for name, gateway in self._desired.nat_gateways.items():
            there = self._found.nat_gateways.get(name)
            if there is not None:
                if there.state != "available":
                    changes += update("nat_gateway", name, {"state": there.state}, {"state": "available"}, part="state")
                changes += tag_changes("nat_gateway", name, there.tags, gateway.tags)
                continue
            leaving = self._found.leaving_nat_gateways.get(name)
            if leaving is not None:
                changes.append(delete("nat_gateway", name, {"state": leaving.state}))
            subnet, address = f"subnet/{gateway.subnet}", f"elastic_ip/{name}"
            after = {"subnet": subnet, "elastic_ip": address, "tags": gateway.tags}
            changes.append(create("nat_gateway", name, after, needs=(subnet, address, *self._attachments)))
        return changes

    def route_tables(self) -> list[Change]:
        changes = []
        for name, table in self._desired.route_tables.items():
            if name in self._found.route_tables:
                changes += tag_changes("route_table", name, self._found.route_tables[name].tags, table.tags)
            else:
                after = {"vpc": f"vpc/{self._desired.name}", "tags": table.tags}
                changes.append(create("route_table", name, after, needs=self._vpc_needs))
        return changes

    def routes(self) -> list[Change]:
        changes = []
        for name, table in self._desired.route_tables.items():
            resource = f"route_table/{name}"
            there = self._found.route_tables[name].routes if name in self._found.route_tables else {}
            for destination in sorted({*there, *table.routes}):
                label = f"{name} {destination}"
                where = {"route_table": resource, "destination": destination}
                if destination not in table.routes:
                    changes.append(delete("route", label, {**where, "target": self._name(there[destination])}))
                    continue
                target = table.routes[destination]
                needs = (resource, target, *self._attachments)
                if destination not in there:
                    changes.append(create("route", label, {**where, "target": target}, needs=needs))
                elif there[destination] != self._there.get(target):
                    before = {**where, "target": self._name(there[destination])}
                    changes.append(Change("update", "route", label, before, {**where, "target": target}, needs))
        return changes

    def associations(self) -> list[Change]:
        changes = []
        for name, table in self._desired.route_tables.items():
            resource = f"route_table/{name}"
            for subnet in table.subnets:
                subnet_id = self.ids.get(f"subnet/{subnet}", "")
                current, _association = self._tables_of_subnets.get(subnet_id, (None, ""))
                needs = (resource, f"subnet/{subnet}")
                after = {"route_table": resource}
                if current is None:
                    changes.append(
                        create("route_table_association", subnet, {**after, "subnet": needs[1]}, needs=needs)
                    )
                elif current != self.ids.get(resource):
                    before = {"route_table": self._name(current)}
                    changes += update("route_table_association", subnet, before, after, needs=needs)
        return changes

    def endpoints(self) -> list[Change]:
        changes = []
        for name, endpoint in self._desired.endpoints.items():
            there = self._found.endpoints.get(name)
            tables = sorted(f"route_table/{table}" for table in endpoint.route_tables)
            if there is None:
                after = {
                    "vpc": f"vpc/{self._desired.name}",
                    "service": endpoint.service,
                    "route_tables": tables,
                    "tags": endpoint.tags,
                }
                changes.append(create("vpc_endpoint", name, after, needs=(*self._vpc_needs, *tables)))
                continue
            before = {"route_tables": sorted(self._names.get(table, table) for table in there.route_table_ids)}
            changes += update("vpc_endpoint", name, before, {"route_tables": tables}, needs=tables, part="route tables")
            changes += tag_changes("vpc_endpoint", name, there.tags, endpoint.tags)
        return changes

    def removals(self, changes: Iterable[Change]) -> list[Change]:
        """The removal of the leftovers, each after what stands on it."""
        leftovers = list(self._found.leftovers)
        taken = {(kind, name) for kind, name, _resource in leftovers}
        leaving = [
            ("nat_gateway", name, gateway)
            for name, gateway in self._found.leaving_nat_gateways.items()
            if name not in self._desired.nat_gateways and ("nat_gateway", name) not in taken
        ]
        if not self._desired.present:
            leftovers += [("vpc", name, vpc) for name, vpc in self._found.vpc.items()]
        gone = {
            kind: [f"{k}/{name}" for k, name, _resource in [*leftovers, *leaving] if k == kind]
            for kind in ("vpc_endpoint", "nat_gateway", "elastic_ip", "route_table", "subnet", "internet_gateway")
        }
        # A gateway or table goes when nothing uses it any more.
        rerouted = [c.resource for c in changes if c.kind in ("route", "route_table_association", "vpc_endpoint")]
        needs: dict[str, list[str]] = {
            "vpc_endpoint": [],
            "nat_gateway": rerouted,
            "elastic_ip": gone["nat_gateway"],
            "route_table": [*gone["vpc_endpoint"], *rerouted],
            "subnet": [*gone["nat_gateway"], *gone["route_table"]],
            "internet_gateway": [*gone["nat_gateway"], *gone["elastic_ip"], *rerouted],
            "vpc": [resource for resources in gone.values() for resource in resources],
        }
        return [
            delete(kind, name, _shown(resource), needs=needs[kind])
            for kind, name, resource in sorted(
                [*leaving, *leftovers], key=lambda item: (list(needs).index(item[0]), item[1])
            )
        ]


def _shown(resource: Any) -> dict[str, Any]:
    """What the diff shows of a resource that goes."""
    shown = {"id": resource.id, "tags": dict(resource.tags)}
    for name in ("cidr", "zone", "public_ip", "service", "state"):
        if hasattr(resource, name):
            shown[name] = getattr(resource, name)
    return shown
