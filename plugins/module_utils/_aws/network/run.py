# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of the module aws_network: what it reads, plans, applies and returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import (
    AwsModule,
    client,
    refuse_blocked_removal,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.apply import NetworkApply
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.desired import absent, desired_network
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.observe import (
    Observed,
    foreign_groups,
    observe,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.network.plan import Plan, plan, unowned_subnets
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import KNOWN_AFTER_APPLY, Handler


class AwsNetwork:
    def __init__(self, module: AwsModule) -> None:
        self._module = module
        self._ec2 = client(module, "ec2")

    def plan(self) -> Plan:
        options = self._module.params
        name = options["name"] or options["platform"]
        self._desired = (
            desired_network(options, name, self._module.region or "")
            if options["state"] == "present"
            else absent(options["platform"], options["role"], name)
        )
        observed = observe(self._ec2, self._desired.platform)
        self._plan = plan(self._desired, observed, purge=options["purge"])
        self._apply = NetworkApply(self._ec2, self._plan)
        self._refuse_blocked_removal(observed)
        return self._plan

    def _refuse_blocked_removal(self, observed: Observed) -> None:
        """Before anything is removed: what is still in the VPC or the subnets that go, besides gateways that go too."""
        ids = self._plan.ids
        going = {c.resource: ids[c.resource] for c in self._plan.changes if c.action == "delete" and c.resource in ids}
        vpcs, subnets = (
            [identifier for resource, identifier in going.items() if resource.startswith(kind)]
            for kind in ("vpc/", "subnet/")
        )
        gateways = (gateway for gateway in observed.of("nat_gateway") if gateway.id in going.values())
        interfaces = frozenset[str]().union(*(gateway.interface_ids for gateway in gateways))
        if vpcs:
            blockers = [*unowned_subnets(observed, self._plan), *foreign_groups(self._ec2, vpcs[0])]
            blockers += lookups.interfaces(self._ec2, "vpc-id", vpcs, besides=interfaces)
            refuse_blocked_removal(self._module, f"VPC {self._desired.name}", blockers)
        elif subnets:
            names = [resource.removeprefix("subnet/") for resource in going if resource.startswith("subnet/")]
            blockers = lookups.interfaces(self._ec2, "subnet-id", subnets, besides=interfaces)
            refuse_blocked_removal(self._module, f"subnet {', '.join(names)}", blockers)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return self._apply.handlers()

    def report(self) -> Mapping[str, Any]:
        """The module's own return values, from what was observed and what was made since."""
        report: dict[str, Any] = {}
        if self._desired.present:
            ids = self._apply.ids
            report["vpc_id"] = ids.get(f"vpc/{self._desired.name}", KNOWN_AFTER_APPLY)
            report["subnet_ids"] = {
                name: ids.get(f"subnet/{name}", KNOWN_AFTER_APPLY) for name in self._desired.of("subnet")
            }
            report["public_ips"] = {
                name: self._apply.public_ips.get(name, KNOWN_AFTER_APPLY) for name in self._desired.of("elastic_ip")
            }
        return report
