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
        *comparison.resources(),
        *comparison.attachments(),
        *comparison.vpc_attributes(),
        *comparison.routes(),
        *comparison.associations(),
        *comparison.endpoint_tables(),
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
        public_ips={name: address.public_ip for name, address in found.of("elastic_ip").items()},
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
        for subnet in observed.of("subnet")
        if subnet.id not in ours
    )


def _fixed_problems(desired: wanted.Network, observed: seen.Observed, found: Matches) -> list[str]:
    """What differs and cannot be changed, and what of others is in the way."""
    problems: list[str] = []
    vpc = found.of("vpc").get(desired.name)
    if not desired.present or vpc is None:
        return problems
    cidr = desired.of("vpc")[desired.name].fields["cidr"]
    if vpc.cidr != cidr:
        problems.append(
            f"VPC {desired.name} ({vpc.id}) has the addresses {vpc.cidr}, not {cidr}, and AWS cannot change "
            f"them. Write cidr: {vpc.cidr}, or build a new platform beside this one"
        )
    taken = {subnet.id: name for name, subnet in found.of("subnet").items()}
    for name, subnet in desired.of("subnet").items():
        there, (cidr, zone) = found.of("subnet").get(name), (subnet.fields[key] for key in ("cidr", "zone"))
        if there is not None and (there.cidr, there.zone) != (cidr, zone):
            problems.append(
                f"subnet {name} ({there.id}) is {there.cidr} in {there.zone}, not {cidr} in {zone}, and AWS cannot "
                "change that. Write what is there, or give the new subnet another name and addresses"
            )
        problems += [
            f"subnet {name} cannot have {cidr}: {other.id} in the same VPC has {other.cidr}"
            + (
                f" and is {taken[other.id]}. Give {name} other addresses"
                if other.id in taken
                else f". If it is the platform's, give it the tags {PLATFORM_TAG}={desired.platform}, "
                f"{ROLE_TAG}={desired.role} and Name={name}; if not, give {name} other addresses"
            )
            for other in observed.of("subnet")
            if there is None and other.cidr and ipaddress.ip_network(cidr).overlaps(ipaddress.ip_network(other.cidr))
        ]
    for name in desired.of("internet_gateway"):
        gateway = found.of("internet_gateway").get(name)
        other = next((g for g in observed.of("internet_gateway") if g.vpc_id == vpc.id and g is not gateway), None)
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
    zones = {subnet.id: subnet.zone for subnet in observed.of("subnet")}
    for name, nat in desired.of("nat_gateway").items():
        there = found.of("nat_gateway").get(name)
        zone = desired.of("subnet")[nat.fields["subnet"].removeprefix("subnet/")].fields["zone"]
        if there is not None and zones.get(there.subnet_id, zone) != zone:
            problems.append(
                f"NAT gateway {name} ({there.id}) is in {zones[there.subnet_id]}, not in {zone}, and AWS "
                "cannot move it. Delete it, and the next run makes it in the right zone"
            )
    return problems


def _zone_problems(desired: wanted.Network, zones: Mapping[str, str], found: Matches) -> list[str]:
    """What speaks against the zones of the subnets that are to be made. Which letter is which place differs by account.

    Private subnets are those of the control plane.
    """
    fit = ", ".join(sorted(zone for zone in zones if zones[zone] not in _WITHOUT_CONTROL_PLANE))
    problems = []
    for name, subnet in desired.of("subnet").items():
        zone = subnet.fields["zone"]
        place = zones.get(zone)
        if name in found.of("subnet"):
            continue
        if place is None:
            problems.append(f"subnet {name}: this account has no zone {zone}. Write one of: {fit}")
        elif name not in desired.public and place in _WITHOUT_CONTROL_PLANE:
            problems.append(
                f"subnet {name}: {zone} is {place} in this account, where EKS takes no control plane. "
                f"Write one of: {fit}"
            )
    return problems


class _Comparison:
    """One comparison of a desired network with what was found of it; each method plans one kind of change."""

    def __init__(self, desired: wanted.Network, observed: seen.Observed, found: Matches) -> None:
        self._desired = desired
        self._observed = observed
        self._found = found
        self._vpc = f"vpc/{desired.name}"
        #: AWS refuses a route to the internet gateway before that gateway is attached.
        self._attachments = tuple(f"internet_gateway_attachment/{name}" for name in desired.of("internet_gateway"))
        self._there = {
            f"{kind}/{name}": resource.id for kind, named in found.resources.items() for name, resource in named.items()
        } | {f"{kind}/{name}": resource.id for kind, name, resource in found.leftovers}
        self._names = {resource_id: resource for resource, resource_id in self._there.items()}
        leaving = {f"nat_gateway/{name}": gateway.id for name, gateway in found.leaving_nat_gateways.items()}
        self.ids = {**leaving, **self._there}
        self._tables_of_subnets = {
            subnet: (table.id, association)
            for table in observed.of("route_table")
            for subnet, association in table.associations.items()
        }
        self.association_ids = {
            name: self._tables_of_subnets[subnet.id][1]
            for name, subnet in found.of("subnet").items()
            if subnet.id in self._tables_of_subnets
        }

    def _name(self, resource_id: str) -> str:
        """A resource as the diff names it: ours by kind and name, others by their id."""
        return self._names.get(resource_id, resource_id)

    def resources(self) -> list[Change]:
        """The resources themselves: made where they are not there, with their tags put right where they are."""
        changes: list[Change] = []
        for kind, named in self._desired.resources.items():
            for name, one in named.items():
                there = self._found.of(kind).get(name)
                if kind == "nat_gateway":
                    changes += self._nat_gateway_states(name, there)
                if there is None:
                    changes.append(create(kind, name, {**one.fields, "tags": one.tags}, needs=one.needs))
                else:
                    changes += tag_changes(kind, name, there.tags, one.tags)
        return changes

    def _nat_gateway_states(self, name: str, there: seen.NatGateway | None) -> list[Change]:
        """What is waited for: a gateway that comes up, or the end of one that goes before another has its address."""
        if there is not None:
            return update("nat_gateway", name, {"state": there.state}, {"state": "available"}, part="state")
        leaving = self._found.leaving_nat_gateways.get(name)
        return [delete("nat_gateway", name, {"state": leaving.state})] if leaving else []

    def attachments(self) -> list[Change]:
        return [
            create(
                "internet_gateway_attachment",
                name,
                {"vpc": self._vpc},
                needs=(f"internet_gateway/{name}", self._vpc),
            )
            for name in self._desired.of("internet_gateway")
            if name not in self._found.of("internet_gateway") or self._found.of("internet_gateway")[name].vpc_id is None
        ]

    def vpc_attributes(self) -> list[Change]:
        before = self._observed.vpc_attributes if self._found.of("vpc") else _NEW_VPC_ATTRIBUTES
        return [
            change
            for name in self._desired.of("vpc")
            for change in update("vpc_attributes", name, before, _VPC_ATTRIBUTES, needs=[self._vpc])
        ]

    def subnet_attributes(self) -> list[Change]:
        changes = []
        for name in self._desired.of("subnet"):
            there = self._found.of("subnet").get(name)
            before = {"map_public_ip_on_launch": there is not None and there.map_public_ip_on_launch}
            after = {"map_public_ip_on_launch": name in self._desired.public}
            changes += update("subnet_attributes", name, before, after, needs=[f"subnet/{name}"])
        return changes

    def routes(self) -> list[Change]:
        changes = []
        for name, routes in self._desired.routes.items():
            resource, table = f"route_table/{name}", self._found.of("route_table").get(name)
            there = table.routes if table else {}
            for destination in sorted({*there, *routes}):
                label, where = f"{name} {destination}", {"route_table": resource, "destination": destination}
                before = {**where, "target": self._name(there.get(destination, ""))}
                if destination not in routes:
                    changes.append(delete("route", label, before))
                    continue
                target = routes[destination]
                after, needs = {**where, "target": target}, (resource, target, *self._attachments)
                if destination not in there:
                    changes.append(create("route", label, after, needs=needs))
                elif there[destination] != self._there.get(target):
                    changes.append(Change("update", "route", label, before, after, needs))
        return changes

    def associations(self) -> list[Change]:
        changes = []
        for name, table in self._desired.tables.items():
            resource, subnet = f"route_table/{table}", f"subnet/{name}"
            current, _association = self._tables_of_subnets.get(self.ids.get(subnet, ""), (None, ""))
            after, needs = {"route_table": resource}, (resource, subnet)
            if current is None:
                changes.append(create("route_table_association", name, {**after, "subnet": subnet}, needs=needs))
            elif current != self.ids.get(resource):
                before = {"route_table": self._name(current)}
                changes += update("route_table_association", name, before, after, needs=needs)
        return changes

    def endpoint_tables(self) -> list[Change]:
        changes = []
        for name, there in self._found.of("vpc_endpoint").items():
            tables = self._desired.of("vpc_endpoint")[name].fields["route_tables"]
            before = {"route_tables": sorted(self._name(table) for table in there.route_table_ids)}
            changes += update("vpc_endpoint", name, before, {"route_tables": tables}, needs=tables, part="route tables")
        return changes

    def removals(self, changes: Iterable[Change]) -> list[Change]:
        """The removal of the leftovers, each after what stands on it."""
        leftovers = list(self._found.leftovers)
        taken = {(kind, name) for kind, name, _resource in leftovers}
        leaving = [
            ("nat_gateway", name, gateway)
            for name, gateway in self._found.leaving_nat_gateways.items()
            if name not in self._desired.of("nat_gateway") and ("nat_gateway", name) not in taken
        ]
        if not self._desired.present:
            leftovers += [("vpc", name, vpc) for name, vpc in self._found.of("vpc").items()]
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
