# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The access entries of a cluster: which IAM principals get in, and what they may do there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Plan, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.domain import EksDomain
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import retry
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

#: Who has this for the whole cluster may do everything there.
ADMIN = "AmazonEKSClusterAdminPolicy"

#: What each principal may do: its policies, each with the namespaces that it is for. No namespace stands for all.
Access = Mapping[str, Mapping[str, Any]]


class AccessEntries(EksDomain):
    kind = "access_entry"
    option = "entries"
    creates = ("CreateAccessEntry",)
    fixed = ("type",)
    born = {"policies": {}}

    def full_name(self, name: str) -> str:
        return name.replace("{account}", self.account_number) if "{account}" in name else name

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        standard = options["type"] == "STANDARD"
        return {
            "type": options["type"],
            "groups": sorted(options["groups"]) if standard else None,
            "policies": {one["policy"]: sorted(one["namespaces"]) for one in options["policies"]},
        }

    def identifiers(self) -> Iterable[str]:
        return map(str, read_all(self.client, "list_access_entries", "accessEntries", clusterName=self.cluster))

    def read(self, identifier: str) -> Resource:
        one = {"clusterName": self.cluster, "principalArn": identifier}
        entry = self.client.describe_access_entry(**one)["accessEntry"]
        listed = read_all(self.client, "list_associated_access_policies", "associatedAccessPolicies", **one)
        fields = {
            "type": entry["type"],
            "groups": sorted(entry["kubernetesGroups"]),
            "policies": {
                policy["policyArn"].rpartition("/")[2]: sorted(policy["accessScope"]["namespaces"]) for policy in listed
            },
        }
        return Resource(identifier, fields, entry["tags"], entry["accessEntryArn"])

    def plan(self) -> Plan:
        """What the options want, unless it would lock people out.

        Raises:
            PlanError: who runs this, or everybody, would no more be an administrator of the cluster.
        """
        planned = super().plan()
        before = {name: one.fields for name, one in self.there.items()}
        if planned.changes and (problem := locked_out(self._caller(), before, _after(before, planned))):
            raise PlanError(problem)
        return planned

    def _caller(self) -> str:
        return str(client(self.module, "sts").get_caller_identity()["Arn"])

    def create(self, wanted: Resource) -> str:
        groups = wanted.fields["groups"]
        made = retry(
            lambda: self.client.create_access_entry(
                clusterName=self.cluster,
                principalArn=wanted.name,
                type=wanted.fields["type"],
                tags=dict(wanted.tags),
                **({"kubernetesGroups": groups} if groups else {}),
            ),
            # A role that was made a moment ago is not a principal yet.
            lambda code: code == "InvalidParameterException",
            saying="principal",
        )
        return str(made["accessEntry"]["accessEntryArn"])

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        one = {"clusterName": self.cluster, "principalArn": there.name}
        if part == "groups":
            self.client.update_access_entry(**one, kubernetesGroups=wanted.fields["groups"])
            return
        before, after = there.fields["policies"], wanted.fields["policies"]
        for policy in [policy for policy in after if before.get(policy) != after[policy]]:
            namespaces = after[policy]
            scope = {"type": "namespace", "namespaces": namespaces} if namespaces else {"type": "cluster"}
            self.client.associate_access_policy(**one, policyArn=self._policy(policy), accessScope=scope)
        for policy in before.keys() - after.keys():
            self.client.disassociate_access_policy(**one, policyArn=self._policy(policy))

    def _policy(self, name: str) -> str:
        return f"arn:{self.partition}:eks::aws:cluster-access-policy/{name}"

    def delete(self, there: Resource) -> None:
        self.client.delete_access_entry(clusterName=self.cluster, principalArn=there.name)


def _after(before: Access, planned: Plan) -> Access:
    gone = {change.name for change in planned.changes if change.action == "delete"}
    kept = {name: fields for name, fields in before.items() if name not in gone}
    return {**kept, **{name: one.fields for name, one in planned.targets.items()}}


def locked_out(caller: str, before: Access, after: Access) -> str:
    """Who would lose the cluster by a change of its entries: the caller, or everybody; empty if nobody would. Pure.

    C(caller) is the ARN by which STS knows it: that of a user, or of the session of a role.
    """
    for name in _admins(before):
        if name not in _admins(after) and _is_principal(caller, name):
            return (
                f"this run would take {ADMIN} of the cluster away from {name}, who runs it. Keep that principal among "
                "the entries with this policy, or let another administrator run this"
            )
    if _admins(before) and not _admins(after):
        return f"nobody would have {ADMIN} of the cluster after this run. Give it to one of the entries"
    return ""


def _admins(access: Access) -> list[str]:
    return [name for name, fields in access.items() if fields["policies"].get(ADMIN) == []]


def _is_principal(caller: str, principal: str) -> bool:
    if ":assumed-role/" not in caller:
        return caller == principal
    account, role = caller.split(":")[4], caller.split("/")[1]
    return principal.split(":")[4] == account and ":role/" in principal and principal.rpartition("/")[2] == role
