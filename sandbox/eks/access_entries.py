# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on access entries and on the access policies associated with them."""

from __future__ import annotations

import uuid

from sandbox.eks import account
from sandbox.eks.call import Call, check_tags, page, repeats, request_of
from sandbox.eks.model import Parameters, in_use, invalid, not_found, refused
from sandbox.eks.store import AccessEntry, Cluster, Request, View

_POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"
ADMIN_POLICY = f"{_POLICY_PREFIX}AmazonEKSClusterAdminPolicy"
#: The access policies that the bridge simulates by RBAC.
POLICIES = {
    f"{_POLICY_PREFIX}{name}": name
    for name in (
        "AmazonEKSAdminPolicy",
        "AmazonEKSAdminViewPolicy",
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSViewPolicy",
    )
}
_NODE_TYPES = ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "EC2")
_RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")


def create_access_entry(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    principal = parameters["principalArn"]
    existing = cluster.access_entries.get(principal)
    if existing is not None:
        if repeats(existing.request, parameters):
            return {"accessEntry": existing.view}
        raise in_use("The specified access entry resource is already in use on this cluster.")
    if not account.principal_exists(principal):
        raise invalid("The specified principalArn is invalid: invalid principal.")
    kind = parameters.get("type", "STANDARD")
    if kind not in ("STANDARD", *_NODE_TYPES):
        raise invalid(f"The access entry type {kind} is not supported.")
    if kind != "STANDARD" and ("kubernetesGroups" in parameters or "username" in parameters):
        raise invalid(f"An access entry of the type {kind} takes no username and no groups.")
    check_tags(parameters.get("tags", {}))
    _check_names(parameters)
    entry = _entry(call, cluster, principal, kind, request_of(parameters))
    entry.view["tags"] = dict(parameters.get("tags", {}))
    if kind == "STANDARD":
        entry.view["kubernetesGroups"] = list(parameters.get("kubernetesGroups", []))
        entry.view["username"] = parameters.get("username", entry.view["username"])
    cluster.access_entries[principal] = entry
    return {"accessEntry": entry.view}


def describe_access_entry(call: Call, parameters: Parameters) -> View:
    return {"accessEntry": _found(_cluster(call, parameters), parameters).view}


def list_access_entries(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    policy = parameters.get("associatedPolicyArn")
    found = [arn for arn, entry in sorted(cluster.access_entries.items()) if not policy or policy in entry.policies]
    return page(found, parameters, "accessEntries")


def update_access_entry(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    entry = _found(cluster, parameters)
    if entry.view["type"] != "STANDARD":
        raise invalid(f"An access entry of the type {entry.view['type']} cannot be changed.")
    _check_names(parameters)
    for key in ("kubernetesGroups", "username"):
        if key in parameters:
            entry.view[key] = parameters[key]
    entry.view["modifiedAt"] = call.now
    return {"accessEntry": entry.view}


def delete_access_entry(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    _found(cluster, parameters)
    del cluster.access_entries[parameters["principalArn"]]
    return {}


def associate_access_policy(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    entry = _found(cluster, parameters)
    policy, scope = parameters["policyArn"], dict(parameters["accessScope"])
    if policy not in POLICIES:
        raise not_found(f"The specified policyArn could not be found: {policy}")
    if entry.view["type"] != "STANDARD":
        raise refused(f"Access policies cannot be associated with an entry of the type {entry.view['type']}.")
    if scope.get("type") == "namespace" and not scope.get("namespaces"):
        raise invalid("An access scope of the type namespace needs namespaces.")
    if scope.get("type") == "cluster" and scope.get("namespaces"):
        raise invalid("An access scope of the type cluster takes no namespaces.")
    before = entry.policies.get(policy)
    entry.policies[policy] = {
        "policyArn": policy,
        "accessScope": {"type": scope.get("type", "cluster"), "namespaces": list(scope.get("namespaces", []))},
        "associatedAt": before["associatedAt"] if before else call.now,
        "modifiedAt": call.now,
    }
    return {
        "clusterName": cluster.name,
        "principalArn": parameters["principalArn"],
        "associatedAccessPolicy": entry.policies[policy],
    }


def disassociate_access_policy(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    entry = _found(cluster, parameters)
    if parameters["policyArn"] not in entry.policies:
        raise not_found(f"The specified policyArn is not associated with the access entry: {parameters['policyArn']}")
    del entry.policies[parameters["policyArn"]]
    return {}


def list_associated_access_policies(call: Call, parameters: Parameters) -> View:
    cluster = _cluster(call, parameters)
    entry = _found(cluster, parameters)
    answer = page(list(entry.policies.values()), parameters, "associatedAccessPolicies")
    return {"clusterName": cluster.name, "principalArn": parameters["principalArn"], **answer}


def admit_creator(call: Call, cluster: Cluster) -> None:
    """Give the cluster's creator the entry that EKS makes for it."""
    if cluster.creator in cluster.access_entries:
        return
    entry = _entry(call, cluster, cluster.creator, "STANDARD", Request())
    entry.policies[ADMIN_POLICY] = {
        "policyArn": ADMIN_POLICY,
        "accessScope": {"type": "cluster", "namespaces": []},
        "associatedAt": call.now,
        "modifiedAt": call.now,
    }
    cluster.access_entries[cluster.creator] = entry


def admit_nodes(call: Call, cluster: Cluster, role: str) -> None:
    """Give a node group's role the entry that EKS makes for it."""
    if cluster.view["accessConfig"]["authenticationMode"] != "CONFIG_MAP" and role not in cluster.access_entries:
        cluster.access_entries[role] = _entry(call, cluster, role, "EC2_LINUX", Request())


def _cluster(call: Call, parameters: Parameters) -> Cluster:
    cluster = call.cluster(parameters["clusterName"])
    if cluster.view["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise refused(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation."
        )
    if cluster.status in ("CREATING", "DELETING", "FAILED"):
        raise refused(f"Cluster '{cluster.name}' is not in ACTIVE status")
    return cluster


def _found(cluster: Cluster, parameters: Parameters) -> AccessEntry:
    entry = cluster.access_entries.get(parameters["principalArn"])
    if entry is None:
        raise not_found(
            "The specified principalArn could not be found. You can view your available access entries with "
            "'list-access-entries'."
        )
    return entry


def _entry(call: Call, cluster: Cluster, principal: str, kind: str, request: Request) -> AccessEntry:
    owner, _slash, path = principal.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    number = principal.split(":")[4]
    username = principal
    if kind != "STANDARD":
        username = "system:node:{{EC2PrivateDNSName}}"
    elif owner == "role":
        username = f"arn:{account.PARTITION}:sts::{number}:assumed-role/{name}/{{{{SessionName}}}}"
    return AccessEntry(
        {
            "clusterName": cluster.name,
            "principalArn": principal,
            "kubernetesGroups": [] if kind == "STANDARD" else ["system:nodes"],
            "accessEntryArn": call.arn(f"access-entry/{cluster.name}/{owner}/{number}/{name}/{uuid.uuid4()}"),
            "createdAt": call.now,
            "modifiedAt": call.now,
            "tags": {},
            "username": username,
            "type": kind,
        },
        request,
    )


def _check_names(parameters: Parameters) -> None:
    names = [*parameters.get("kubernetesGroups", []), *([parameters["username"]] if "username" in parameters else [])]
    if bad := [name for name in names if name.startswith(_RESERVED)]:
        raise invalid(
            f"The kubernetes group or username {bad[0]} is invalid, it cannot start with one of "
            f"[{', '.join(_RESERVED)}]"
        )
