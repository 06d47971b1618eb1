# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The calls that make the changes of a network plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.creating import create_once, stop_blind_retries
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.observe import CALLS
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.plan import Plan
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import to_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import not_found, remove, retry
from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG, PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Handler, HandlerError
from ansible_collections.entasis.engine.plugins.module_utils._waiting import poll

#: Seconds that a NAT gateway may take to come or to go. It takes AWS one to two minutes; 10 minutes is the patience of
#: botocore's own waiters, which look too seldom to be used here.
_NAT_LIMIT = 600.0


class NetworkApply:
    """Applies the changes of one plan. What it makes is in C(ids) and C(public_ips) afterwards."""

    def __init__(self, ec2: Any, plan: Plan) -> None:
        self._ec2 = ec2
        self._plan = plan
        self.ids = dict(plan.ids)
        self.public_ips = dict(plan.public_ips)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        operations = self._ec2.meta.method_to_api_mapping
        stop_blind_retries(self._ec2, [operations[kind.create] for kind in _KINDS.values() if not kind.has_token])
        made = ("vpc", "internet_gateway", "subnet", "elastic_ip", "route_table", "vpc_endpoint")
        return {
            **{(kind, "create"): self._create for kind in made},
            **{(kind, "update"): self._tag for kind in made},
            ("vpc", "delete"): self._delete(self._ec2.delete_vpc, "VpcId"),
            ("vpc_attributes", "update"): self._update_vpc_attributes,
            ("internet_gateway", "delete"): self._delete_internet_gateway,
            ("internet_gateway_attachment", "create"): self._attach_internet_gateway,
            ("subnet", "delete"): self._delete(self._ec2.delete_subnet, "SubnetId"),
            ("subnet_attributes", "update"): self._update_subnet_attributes,
            ("elastic_ip", "delete"): self._delete(self._ec2.release_address, "AllocationId"),
            ("nat_gateway", "create"): self._create_nat_gateway,
            ("nat_gateway", "update"): self._update_nat_gateway,
            ("nat_gateway", "delete"): self._delete_nat_gateway,
            ("route_table", "delete"): self._delete_route_table,
            ("route", "create"): self._create_route,
            ("route", "update"): self._update_route,
            ("route", "delete"): self._delete_route,
            ("route_table_association", "create"): self._create_association,
            ("route_table_association", "update"): self._update_association,
            ("vpc_endpoint", "update"): self._update_endpoint,
            ("vpc_endpoint", "delete"): self._delete_endpoint,
        }

    def _tag(self, change: Change) -> None:
        self._ec2.create_tags(Resources=[self.ids[change.resource]], Tags=to_tag_list(_after(change)["tags"]))

    def _delete(self, call: Callable[..., Any], parameter: str) -> Handler:
        """A handler that deletes by id."""

        def handle(change: Change) -> None:
            remove(call, **{parameter: self.ids[change.resource]})

        return handle

    def _create(self, change: Change) -> None:
        """Make a resource with its tags. Where the answer may be lost, it is looked for by them."""
        kind, after = _KINDS[change.kind], _after(change)
        operation, key, _parse = CALLS[change.kind]
        filters = [{"Name": f"tag:{tag}", "Values": [after["tags"][tag]]} for tag in (PLATFORM_TAG, ROLE_TAG, NAME_TAG)]
        tagged = [{"ResourceType": kind.resource_type, "Tags": to_tag_list(after["tags"])}]
        call, arguments = getattr(self._ec2, kind.create), {**kind.fixed, **self._arguments(after)}

        def make() -> Any:
            answer = self._modify(call, **arguments, TagSpecifications=tagged)
            return answer.get(kind.answer, answer)

        made = (
            make()
            if kind.has_token
            else create_once(make, lambda: read_all(self._ec2, operation, key, Filters=filters))
        )
        self.ids[change.resource] = made[kind.identity]
        if "PublicIp" in made:
            self.public_ips[change.name] = made["PublicIp"]

    def _arguments(self, after: Mapping[str, Any]) -> dict[str, Any]:
        """What the change says of a new resource, as AWS takes it: with ids for the names of others."""
        return {
            _PARAMETERS[key]: [self.ids[each] for each in value]
            if isinstance(value, list)
            else self.ids.get(value, value)
            for key, value in after.items()
            if key != "tags"
        }

    def _update_vpc_attributes(self, change: Change) -> None:
        # One attribute a call, as the API has it; host names need DNS support first.
        for attribute in sorted(_after(change), reverse=True):
            self._modify(
                self._ec2.modify_vpc_attribute,
                VpcId=self.ids[f"vpc/{change.name}"],
                **{attribute[0].upper() + attribute[1:]: {"Value": _after(change)[attribute]}},
            )

    def _attach_internet_gateway(self, change: Change) -> None:
        gateway, vpc = self.ids[f"internet_gateway/{change.name}"], self.ids[_after(change)["vpc"]]

        def attached(code: str) -> bool:
            return code == "Resource.AlreadyAssociated" and any(
                attachment["VpcId"] == vpc
                for found in read_all(
                    self._ec2, "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[gateway]
                )
                for attachment in found["Attachments"]
            )

        attach = self._ec2.attach_internet_gateway
        retry(lambda: attach(InternetGatewayId=gateway, VpcId=vpc), not_found, done=attached)

    def _delete_internet_gateway(self, change: Change) -> None:
        gateway = self.ids[change.resource]
        attached = self._plan.attachments.get(change.name)
        if attached:
            remove(self._ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=attached)
        remove(self._ec2.delete_internet_gateway, InternetGatewayId=gateway)

    def _update_subnet_attributes(self, change: Change) -> None:
        self._modify(
            self._ec2.modify_subnet_attribute,
            SubnetId=self.ids[f"subnet/{change.name}"],
            MapPublicIpOnLaunch={"Value": _after(change)["map_public_ip_on_launch"]},
        )

    def _create_nat_gateway(self, change: Change) -> None:
        self._create(change)
        self._wait_for_nat_gateway(self.ids[change.resource], "available")

    def _update_nat_gateway(self, change: Change) -> None:
        if "tags" in _after(change):
            self._tag(change)
        else:
            self._wait_for_nat_gateway(self.ids[change.resource], "available")

    def _delete_nat_gateway(self, change: Change) -> None:
        gateway = self.ids[change.resource]
        if (change.before or {}).get("state") != "deleting":
            remove(self._ec2.delete_nat_gateway, NatGatewayId=gateway)
        # The address and the subnet are held until the gateway is gone.
        self._wait_for_nat_gateway(gateway, "deleted")

    def _wait_for_nat_gateway(self, gateway: str, state: str) -> None:
        def look() -> str | None:
            # A gateway that was just made may not be listed yet, one that is long gone is not any more.
            found = self._ec2.describe_nat_gateways(Filter=[{"Name": "nat-gateway-id", "Values": [gateway]}])
            if not found["NatGateways"]:
                return None if state == "deleted" else "not listed"
            seen = found["NatGateways"][0]
            if seen["State"] == state:
                return None
            if seen["State"] == "failed" and state != "deleted":
                raise HandlerError(f"NAT gateway {gateway} failed: {seen.get('FailureMessage', 'AWS gives no reason')}")
            if seen["State"] in ("deleting", "deleted") and state != "deleted":
                raise HandlerError(f"NAT gateway {gateway} was deleted by somebody else. A new run makes another one")
            return str(seen["State"])

        poll(look, f"NAT gateway {gateway}", _NAT_LIMIT)

    def _delete_route_table(self, change: Change) -> None:
        for association in self._plan.leftover_associations.get(change.name, ()):
            remove(self._ec2.disassociate_route_table, AssociationId=association)
        remove(self._ec2.delete_route_table, RouteTableId=self.ids[change.resource])

    def _route(self, described: Mapping[str, Any], *, with_target: bool) -> dict[str, str]:
        arguments = {
            "RouteTableId": self.ids[described["route_table"]],
            _destination_parameter(described["destination"]): described["destination"],
        }
        if with_target:
            target = described["target"]
            parameter = "NatGatewayId" if target.startswith("nat_gateway/") else "GatewayId"
            arguments[parameter] = self.ids[target]
        return arguments

    def _create_route(self, change: Change) -> None:
        arguments = self._route(_after(change), with_target=True)
        there = "RouteAlreadyExists"
        if not retry(lambda: self._ec2.create_route(**arguments), not_found, done=lambda code: code == there):
            self._modify(self._ec2.replace_route, **arguments)

    def _update_route(self, change: Change) -> None:
        self._modify(self._ec2.replace_route, **self._route(_after(change), with_target=True))

    def _delete_route(self, change: Change) -> None:
        remove(self._ec2.delete_route, **self._route(change.before or {}, with_target=False))

    def _create_association(self, change: Change) -> None:
        after = _after(change)
        table, subnet = self.ids[after["route_table"]], self.ids[after["subnet"]]
        associate = self._ec2.associate_route_table
        done = self._is_associated(table, subnet)
        retry(lambda: associate(RouteTableId=table, SubnetId=subnet), not_found, done=done)

    def _update_association(self, change: Change) -> None:
        table, association = self.ids[_after(change)["route_table"]], self._plan.associations[change.name]
        done = self._is_associated(table, self.ids[f"subnet/{change.name}"])
        move = self._ec2.replace_route_table_association
        retry(lambda: move(AssociationId=association, RouteTableId=table), not_found, done=done)

    def _is_associated(self, table: str, subnet: str) -> Callable[[str], bool]:
        """Whether a refusal is because the subnet has this route table already."""
        filters = [
            {"Name": "route-table-id", "Values": [table]},
            {"Name": "association.subnet-id", "Values": [subnet]},
        ]
        codes = ("Resource.AlreadyAssociated", "InvalidAssociationID.NotFound")
        return lambda code: (
            code in codes and bool(read_all(self._ec2, "describe_route_tables", "RouteTables", Filters=filters))
        )

    def _update_endpoint(self, change: Change) -> None:
        after, before = _after(change), change.before or {}
        if "tags" in after:
            self._tag(change)
            return
        added = [self.ids[table] for table in after["route_tables"] if table not in before["route_tables"]]
        # A table that is not ours is known by its id only.
        removed = [self.ids.get(table, table) for table in before["route_tables"] if table not in after["route_tables"]]
        self._modify(
            self._ec2.modify_vpc_endpoint,
            VpcEndpointId=self.ids[change.resource],
            **({"AddRouteTableIds": added} if added else {}),
            **({"RemoveRouteTableIds": removed} if removed else {}),
        )

    def _delete_endpoint(self, change: Change) -> None:
        answer = self._ec2.delete_vpc_endpoints(VpcEndpointIds=[self.ids[change.resource]])
        # The call answers 200 and lists what it could not delete.
        for failed in answer.get("Unsuccessful", ()):
            error = failed["Error"]
            if not_found(error.get("Code", "")):
                continue
            raise HandlerError(f"DeleteVpcEndpoints answered {error.get('Code')}: {error.get('Message')}")

    @staticmethod
    def _modify(call: Callable[..., Any], **arguments: Any) -> Any:
        """Call with ids that may be a moment old: AWS may not know them everywhere yet."""
        return retry(lambda: call(**arguments), not_found)


def _after(change: Change) -> Mapping[str, Any]:
    return change.after or {}


@dataclass(frozen=True)
class _Kind:
    """How a kind of resource is made."""

    create: str
    #: Where the answer has it, and in that its id.
    answer: str
    identity: str
    resource_type: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    #: Whether botocore sends an idempotency token, so that a creation can be repeated.
    has_token: bool = False


_KINDS = {
    "vpc": _Kind("create_vpc", "Vpc", "VpcId", "vpc"),
    "internet_gateway": _Kind("create_internet_gateway", "InternetGateway", "InternetGatewayId", "internet-gateway"),
    "subnet": _Kind("create_subnet", "Subnet", "SubnetId", "subnet"),
    "elastic_ip": _Kind("allocate_address", "", "AllocationId", "elastic-ip", {"Domain": "vpc"}),
    "nat_gateway": _Kind("create_nat_gateway", "NatGateway", "NatGatewayId", "natgateway", has_token=True),
    "route_table": _Kind("create_route_table", "RouteTable", "RouteTableId", "route-table", has_token=True),
    "vpc_endpoint": _Kind(
        "create_vpc_endpoint", "VpcEndpoint", "VpcEndpointId", "vpc-endpoint", {"VpcEndpointType": "Gateway"}
    ),
}
#: What the plan calls the arguments of a creation, and AWS.
_PARAMETERS = {
    "cidr": "CidrBlock",
    "vpc": "VpcId",
    "zone": "AvailabilityZone",
    "subnet": "SubnetId",
    "elastic_ip": "AllocationId",
    "service": "ServiceName",
    "route_tables": "RouteTableIds",
}


def _destination_parameter(destination: str) -> str:
    if destination.startswith("pl-"):
        return "DestinationPrefixListId"
    return "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
