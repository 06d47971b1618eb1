# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The EKS cluster at AWS: observe it, have its changes planned, apply them, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.cluster.plan import (
    KIND,
    comparable,
    create_request,
    desired_state,
    observed_state,
    plan,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client
from ansible_collections.entasis.engine.plugins.module_utils._ownership import is_owned
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import KNOWN_AFTER_APPLY, Change, Handler, Plan
from ansible_collections.entasis.engine.plugins.module_utils._waiting import WaitError

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError


class EksCluster:
    """One run of the module eks_cluster: observes, plans by eks_cluster_plan, applies."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._options = {**module.params, "name": module.params["name"] or module.params["platform"]}
        self._platform: str = module.params["platform"]
        self._name: str = self._options["name"]
        self._timeout: int = module.params["wait_timeout"]
        self._eks = client(module, "eks")
        self._parents: Mapping[str, Lookup] = {}
        self._desired: dict[str, Any] | None = None
        self._described: dict[str, Any] | None = None
        self._changed = False

    def plan(self) -> Plan:
        options = self._options
        if options["state"] == "present":
            self._desired = desired_state(self._platform, options)
            self._parents = self._find_parents()
        self._described = self._describe()
        if self._described and is_owned(self._described.get("tags", {}), self._platform):
            self._described = eks.settled_cluster(self._module, self._eks, self._described, self._timeout)
        observed = observed_state(self._described, self._parents) if self._described else None
        notes: list[str] = []
        if self._desired and observed and observed["status"] != "DELETING":
            zones = self._zones(observed["subnets"])
            self._desired, notes = comparable(self._desired, observed, self._parents, zones)
        changes = plan(self._name, self._platform, options["role"], self._desired, observed)
        self._changed = bool(changes)
        return Plan(changes, warnings=notes)

    def _find_parents(self) -> Mapping[str, Lookup]:
        return lookups.find(self._look_up_parents, required=not self._module.check_mode)

    def _look_up_parents(self) -> dict[str, Lookup]:
        options = self._options
        ec2 = client(self._module, "ec2")
        found = {
            "vpc": lookups.vpcs(ec2, self._platform),
            "subnets": lookups.subnets(ec2, self._platform, options["subnets"]),
            "security_groups": lookups.security_groups(ec2, self._platform, options["security_groups"]),
            "iam_role": lookups.roles(client(self._module, "iam"), [options["iam_role"]]),
        }
        if options["encryption_key"]:
            found["encryption_key"] = lookups.keys(client(self._module, "kms"), [options["encryption_key"]])
        return found

    def _zones(self, observed: Sequence[str]) -> dict[str, str]:
        """The zones of the subnets listed and of the control plane's, by name, or by id where there is none."""
        names = {self._parents["subnets"].ids.get(name, name): name for name in [*self._options["subnets"], *observed]}
        filters = [{"Name": "subnet-id", "Values": sorted(names)}]
        found = lookups.read_all(client(self._module, "ec2"), "describe_subnets", "Subnets", Filters=filters)
        return {names[subnet["SubnetId"]]: subnet["AvailabilityZone"] for subnet in found}

    def _describe(self) -> dict[str, Any] | None:
        return eks.describe_cluster(self._eks, self._name)

    @property
    def _what(self) -> str:
        return f"the EKS cluster '{self._name}'"

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {(KIND, "create"): self._create, (KIND, "update"): self._update, (KIND, "delete"): self._delete}

    def _create(self, _change: Change) -> None:
        request = create_request(self._name, self._desired or {}, self._parents)
        eks.create_with_new_role(lambda: self._eks.create_cluster(**request))
        if self._options["wait"]:
            eks.wait_until_made(self._describe, self._what, self._timeout)

    def _update(self, change: Change) -> None:
        if change.part == "tags":
            eks.apply_tags(self._eks, (self._described or {})["arn"], change)
            return
        operation, arguments = update_request(change, self._name, self._desired or {}, self._parents)
        call = getattr(self._eks, operation)
        started = eks.when_free(lambda: call(**arguments)["update"], self._what, self._timeout)
        what = f"{self._what} ({change.part})"
        names = {"name": self._name, "updateId": started["id"]}
        eks.wait_for_update(self._eks, what, self._timeout, describe=self._describe, **names)

    def _delete(self, _change: Change) -> None:
        try:
            eks.when_free(lambda: self._eks.delete_cluster(name=self._name), self._what, self._timeout)
        except ClientError as error:
            in_use = error.response["Error"]["Code"] == "ResourceInUseException"
            groups = self._eks.list_nodegroups(clusterName=self._name)["nodegroups"] if in_use else []
            if not groups:
                raise
            raise WaitError(
                f"AWS refuses: {error.response['Error'].get('Message')}. Its node groups are: {', '.join(groups)}. "
                "Remove them first, with eks_node_pools state: absent."
            ) from error
        if self._options["wait"]:
            eks.wait_until_gone(self._describe, self._what, self._timeout)

    def report(self) -> dict[str, Any]:
        """The module's return values: the cluster as it is now, or as far as it is known in check mode."""
        if self._options["state"] == "absent":
            return {"cluster": None}
        if self._changed and not self._module.check_mode:
            self._described = self._describe()
        return {"cluster": _summary(self._name, self._described)}


def _summary(name: str, described: Mapping[str, Any] | None) -> dict[str, Any]:
    found = described or {}
    network = found.get("resourcesVpcConfig", {})
    return {
        "name": name,
        "arn": found.get("arn", KNOWN_AFTER_APPLY),
        "status": found.get("status", KNOWN_AFTER_APPLY),
        "version": found.get("version", KNOWN_AFTER_APPLY),
        "platform_version": found.get("platformVersion", KNOWN_AFTER_APPLY),
        "endpoint": found.get("endpoint", KNOWN_AFTER_APPLY),
        "certificate_authority": found.get("certificateAuthority", {}).get("data", KNOWN_AFTER_APPLY),
        "oidc_issuer": found.get("identity", {}).get("oidc", {}).get("issuer", KNOWN_AFTER_APPLY),
        "vpc_id": network.get("vpcId", KNOWN_AFTER_APPLY),
        "cluster_security_group_id": network.get("clusterSecurityGroupId", KNOWN_AFTER_APPLY),
        "health_issues": eks.health_issues(found),
        "tags": dict(found.get("tags", {})),
    }
