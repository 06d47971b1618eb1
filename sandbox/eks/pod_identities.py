# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on pod identity associations. They are records: no pod gets credentials from them."""

from __future__ import annotations

import secrets
import string

from sandbox.eks import account
from sandbox.eks.call import Call, check_tags, page, repeats, request_of
from sandbox.eks.model import Parameters, in_use, invalid, not_found
from sandbox.eks.store import Cluster, PodIdentity, View

_SUMMARY = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")
_OPTIONAL = ("disableSessionTags", "targetRoleArn", "policy")


def create_pod_identity_association(call: Call, parameters: Parameters) -> View:
    cluster = call.active_cluster(parameters["clusterName"])
    place = (parameters["namespace"], parameters["serviceAccount"])
    for existing in cluster.pod_identities.values():
        if (existing.view["namespace"], existing.view["serviceAccount"]) == place:
            if repeats(existing.request, parameters):
                return {"association": existing.view}
            raise in_use(f"Association already exists: {existing.view['associationId']}")
    _check_role(parameters["roleArn"])
    check_tags(parameters.get("tags", {}))
    identifier = "a-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _index in range(17))
    view: View = {
        "clusterName": cluster.name,
        "namespace": place[0],
        "serviceAccount": place[1],
        "roleArn": parameters["roleArn"],
        "associationArn": call.arn(f"podidentityassociation/{cluster.name}/{identifier}"),
        "associationId": identifier,
        "tags": dict(parameters.get("tags", {})),
        "createdAt": call.now,
        "modifiedAt": call.now,
        "disableSessionTags": False,
        **{key: parameters[key] for key in _OPTIONAL if key in parameters},
    }
    cluster.pod_identities[identifier] = PodIdentity(view, request_of(parameters))
    return {"association": view}


def describe_pod_identity_association(call: Call, parameters: Parameters) -> View:
    return {"association": _found(call, parameters)[1].view}


def list_pod_identity_associations(call: Call, parameters: Parameters) -> View:
    found = [
        {key: identity.view[key] for key in _SUMMARY}
        for identity in call.cluster(parameters["clusterName"]).pod_identities.values()
        if all(identity.view[key] == parameters.get(key, identity.view[key]) for key in ("namespace", "serviceAccount"))
    ]
    return page(found, parameters, "associations")


def update_pod_identity_association(call: Call, parameters: Parameters) -> View:
    identity = _found(call, parameters)[1]
    if "roleArn" in parameters:
        _check_role(parameters["roleArn"])
    identity.view.update({key: parameters[key] for key in ("roleArn", *_OPTIONAL) if key in parameters})
    identity.view["modifiedAt"] = call.now
    return {"association": identity.view}


def delete_pod_identity_association(call: Call, parameters: Parameters) -> View:
    cluster, identity = _found(call, parameters)
    del cluster.pod_identities[identity.view["associationId"]]
    return {"association": identity.view}


def _check_role(arn: str) -> None:
    if problem := account.role_problem(arn, "pods.eks.amazonaws.com"):
        raise invalid(f"Trust policy of role {arn} is not valid for pod identities: {problem}")


def _found(call: Call, parameters: Parameters) -> tuple[Cluster, PodIdentity]:
    cluster = call.cluster(parameters["clusterName"])
    identifier = parameters["associationId"]
    if identifier not in cluster.pod_identities:
        raise not_found(f"No pod identity association found for associationId: {identifier}")
    return cluster, cluster.pod_identities[identifier]
