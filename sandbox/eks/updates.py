# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The updates of a cluster (configuration, version, encryption), and what DescribeUpdate shows of any update."""

from __future__ import annotations

from typing import Any

from sandbox.eks import access_entries, versions
from sandbox.eks.call import Call, page, start_update
from sandbox.eks.clusters import (
    check_access_cidrs,
    check_security_groups,
    check_subnets,
    encryption_view,
    logging_view,
    zones_of,
)
from sandbox.eks.model import Parameters, invalid, not_found, refused
from sandbox.eks.store import Cluster, View

_ENDPOINT = ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
_PLACES = ("subnetIds", "securityGroupIds")


def update_cluster_config(call: Call, parameters: Parameters) -> View:
    """Each call changes one kind of thing; fields of that kind that the call leaves out stay as they are."""
    cluster = call.cluster(parameters["name"])
    network = parameters.get("resourcesVpcConfig", {})
    given = network.keys() | parameters.keys() - {"name", "clientRequestToken", "resourcesVpcConfig"}
    if unsupported := sorted(given - {key for keys in _CONFIGURATIONS for key in keys}):
        raise refused(f"The emulated EKS does not change {', '.join(unsupported)}.")
    asked = [change for keys, change in _CONFIGURATIONS.items() if given & set(keys)]
    if not asked:
        raise invalid("No changes needed: the request names nothing to change.")
    # EKS takes subnets and security groups in one call or not: nobody has said, and nobody is to rely on it.
    if len(asked) > 1 or set(_PLACES) <= given:
        raise invalid("Only one type of update can be allowed.")
    return asked[0](call, cluster, parameters)


def _endpoint_access(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    asked = parameters["resourcesVpcConfig"]
    present = cluster.view["resourcesVpcConfig"]
    after = present | {key: asked[key] for key in _ENDPOINT if key in asked}
    check_access_cidrs(after["publicAccessCidrs"])
    if not after["endpointPublicAccess"] and not after["endpointPrivateAccess"]:
        raise invalid("Private and public endpoint access cannot both be false.")
    if not after["endpointPublicAccess"]:
        after["publicAccessCidrs"] = []
    elif not after["publicAccessCidrs"]:
        after["publicAccessCidrs"] = ["0.0.0.0/0"]
    if all(_same(after[key], present[key]) for key in _ENDPOINT):
        raise invalid(
            "Cluster is already at the desired configuration with endpointPrivateAccess: "
            f"{_lower(after['endpointPrivateAccess'])} , endpointPublicAccess: "
            f"{_lower(after['endpointPublicAccess'])}, and Public Endpoint Restrictions: "
            f"[{', '.join(after['publicAccessCidrs'])}]"
        )
    return start_update(call, cluster, cluster, "EndpointAccessUpdate", {"resourcesVpcConfig": after})


def _vpc_config(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    present = cluster.view["resourcesVpcConfig"]
    asked = {key: list(value) for key, value in parameters["resourcesVpcConfig"].items() if key in _PLACES}
    after = present | asked
    vpc_id = check_subnets(call, after["subnetIds"])
    if vpc_id != present["vpcId"]:
        raise invalid("Provided subnets belong to another VPC than the cluster's.")
    if sorted(cluster.zones) != (zones := zones_of(call, after["subnetIds"])):
        raise invalid(
            f"Provided subnets must be in the same set of AZs as at creation, {', '.join(sorted(cluster.zones))}; they "
            f"are in {', '.join(zones)}."
        )
    check_security_groups(call, after["securityGroupIds"], vpc_id)
    if all(_same(after[key], present[key]) for key in _PLACES):
        raise invalid("No changes needed: the cluster has these subnets and groups.")
    return start_update(call, cluster, cluster, "VpcConfigUpdate", {"resourcesVpcConfig": after})


def _logging(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    after = logging_view(parameters["logging"], cluster.view["logging"])
    if after == cluster.view["logging"]:
        raise invalid("No changes needed for the logging config provided")
    return start_update(call, cluster, cluster, "LoggingUpdate", {"logging": after})


def _access_config(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    present = cluster.view["accessConfig"]["authenticationMode"]
    asked = parameters["accessConfig"].get("authenticationMode", present)
    # AWS knows no way back: from the ConfigMap to both, from both to the API alone.
    if (present, asked) not in (("CONFIG_MAP", "API_AND_CONFIG_MAP"), ("API_AND_CONFIG_MAP", "API")):
        raise invalid(f"Unsupported authentication mode update from {present} to {asked}")
    after = cluster.view["accessConfig"] | {"authenticationMode": asked}
    answer = start_update(call, cluster, cluster, "AccessConfigUpdate", {"accessConfig": after})
    if present == "CONFIG_MAP" and after["bootstrapClusterCreatorAdminPermissions"]:
        access_entries.admit_creator(call, cluster)
    return answer


def _upgrade_policy(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    asked = parameters["upgradePolicy"].get("supportType")
    if asked == cluster.view["upgradePolicy"]["supportType"]:
        raise invalid(f"No changes needed: the cluster's support type is {asked}.")
    return start_update(call, cluster, cluster, "UpgradePolicyUpdate", {"upgradePolicy": {"supportType": asked}})


def _deletion_protection(call: Call, cluster: Cluster, parameters: Parameters) -> View:
    asked = parameters["deletionProtection"]
    if asked == cluster.view["deletionProtection"]:
        raise invalid(f"No changes needed: deletionProtection is {_lower(asked)}.")
    return start_update(call, cluster, cluster, "DeletionProtectionUpdate", {"deletionProtection": asked})


_CONFIGURATIONS = {
    _ENDPOINT: _endpoint_access,
    _PLACES: _vpc_config,
    ("logging",): _logging,
    ("accessConfig",): _access_config,
    ("upgradePolicy",): _upgrade_policy,
    ("deletionProtection",): _deletion_protection,
}


def update_cluster_version(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["name"])
    present, asked = cluster.view["version"], parameters["version"]
    version = versions.find(asked)
    if version is None:
        raise invalid(f"unsupported Kubernetes version {asked}")
    if asked == present:
        raise invalid(f"Cluster is already at the desired version: {asked}")
    if versions.minor_number(asked) != versions.minor_number(present) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {present} to {asked}")
    oldest = versions.minor_number(asked) - versions.KUBELET_SKEW
    behind = sorted(
        name
        for name, group in cluster.node_groups.items()
        if min(versions.minor_number(v) for v in [group.view["version"], *(i.version for i in group.instances)])
        < oldest
    )
    if behind:
        raise refused(
            f"Kubelet version skew: nodegroups [{', '.join(behind)}] are more than {versions.KUBELET_SKEW} minor "
            f"versions behind {asked}. Update them first."
        )
    changes = {"version": asked, "platformVersion": version.platform}
    return start_update(call, cluster, cluster, "VersionUpdate", changes)


def associate_encryption_config(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["clusterName"])
    if cluster.view["encryptionConfig"]:
        raise invalid("Encryption is already enabled in the cluster")
    after = encryption_view(call, parameters["encryptionConfig"])
    return start_update(call, cluster, cluster, "AssociateEncryptionConfig", {"encryptionConfig": after})


def describe_update(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["name"])
    update = cluster.updates.get(parameters["updateId"])
    owner = (parameters.get("nodegroupName", ""), parameters.get("addonName", ""))
    if update is None or (update.node_group, update.addon) != owner:
        raise not_found(f"No update found for ID: {parameters['updateId']}")
    return {"update": update.view}


def list_updates(call: Call, parameters: Parameters) -> View:
    """The updates of the cluster itself."""
    updates = call.cluster(parameters["name"]).updates.items()
    return page([key for key, update in updates if not update.node_group + update.addon], parameters, "updateIds")


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same; the order of a list means nothing in EKS."""
    return bool(sorted(one) == sorted(other) if isinstance(one, list) else one == other)


def _lower(value: bool) -> str:
    return "true" if value else "false"
