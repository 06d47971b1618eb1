# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on managed node groups."""

from __future__ import annotations

import uuid

from sandbox.eks import access_entries, account, versions
from sandbox.eks.call import Call, check_tags, page, repeats, request_of, start_update
from sandbox.eks.model import Parameters, in_use, invalid, not_found, refused
from sandbox.eks.store import Cluster, NodeGroup, View

_RESERVED = ("kubernetes.io/", "k8s.io/", "eks.amazonaws.com/")
#: AL2 images end with this version.
_LAST_AL2 = 32
_DEFAULT_AMI = {"amd64": "AL2023_x86_64_STANDARD", "arm64": "AL2023_ARM_64_STANDARD"}


def create_nodegroup(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["clusterName"])
    name = parameters["nodegroupName"]
    existing = cluster.node_groups.get(name)
    if existing is not None:
        if repeats(existing.request, parameters):
            return {"nodegroup": existing.view}
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.name}")
    call.active_cluster(cluster.name)
    if not 1 <= len(name) <= 63:
        raise invalid("nodegroupName must have 1 to 63 characters")
    for unsupported in ("launchTemplate", "remoteAccess", "warmPoolConfig"):
        if unsupported in parameters:
            raise refused(f"The emulated EKS makes no node groups with {unsupported}.")
    check_tags(parameters.get("tags", {}))
    if problem := account.role_problem(parameters["nodeRole"], "ec2.amazonaws.com"):
        raise invalid(f"The role with name {parameters['nodeRole']} cannot be used: {problem}")
    subnets = _subnets(call, cluster, parameters["subnets"])
    types = _instance_types(parameters)
    _check_offerings(call.region, types, subnets)
    ami_type = _ami_type(parameters, types)
    version = str(parameters.get("version", cluster.view["version"]))
    _check_version(cluster, version, ami_type)
    if version != cluster.view["version"]:
        raise invalid(f"Requested Nodegroup version {version} is not the cluster's version {cluster.view['version']}")
    release = parameters.get("releaseVersion", versions.release_version(version))
    labels = dict(parameters.get("labels", {}))
    _check_labels(labels)
    taints = _taints(parameters.get("taints", []))
    scaling = _scaling(parameters.get("scalingConfig", {}), {"minSize": 2, "maxSize": 2, "desiredSize": 2})
    identifier = str(uuid.uuid4())
    view: View = {
        "nodegroupName": name,
        "nodegroupArn": call.arn(f"nodegroup/{cluster.name}/{name}/{identifier}"),
        "clusterName": cluster.name,
        "version": version,
        "releaseVersion": release,
        "createdAt": call.now,
        "modifiedAt": call.now,
        "status": "CREATING",
        "capacityType": parameters.get("capacityType", "ON_DEMAND"),
        "scalingConfig": scaling,
        "instanceTypes": [kind.name for kind in types],
        "subnets": list(parameters["subnets"]),
        "amiType": ami_type,
        "nodeRole": parameters["nodeRole"],
        "labels": labels,
        "taints": taints,
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{identifier}"}]},
        "diskSize": parameters.get("diskSize", 20),
        "health": {"issues": []},
        "updateConfig": _update_config(parameters.get("updateConfig", {})),
        "nodeRepairConfig": {"enabled": False} | parameters.get("nodeRepairConfig", {}),
        "tags": dict(parameters.get("tags", {})),
    }
    cluster.node_groups[name] = NodeGroup(
        view,
        request_of(parameters),
        due=call.now + call.settings.node_group,
        version=version,
        release_version=release,
        subnets={subnet.id: [subnet.zone, subnet.cidr] for subnet in subnets.values()},
        failure=call.failures.take("CreateNodegroup", name),
    )
    access_entries.admit_nodes(call, cluster, parameters["nodeRole"])
    return {"nodegroup": view}


def describe_nodegroup(call: Call, parameters: Parameters) -> View:
    return {"nodegroup": _group(call, parameters)[1].view}


def list_nodegroups(call: Call, parameters: Parameters) -> View:
    return page(sorted(call.cluster(parameters["clusterName"]).node_groups), parameters, "nodegroups")


def delete_nodegroup(call: Call, parameters: Parameters) -> View:
    group = _group(call, parameters)[1]
    if group.view["status"] in ("CREATING", "UPDATING"):
        raise in_use(f"Nodegroup {group.view['nodegroupName']} cannot be deleted while it is {group.view['status']}")
    if group.view["status"] != "DELETING":
        group.view["status"] = "DELETING"
        group.due = call.now + call.settings.node_group
    return {"nodegroup": group.view}


def update_nodegroup_config(call: Call, parameters: Parameters) -> View:
    cluster, group = _group(call, parameters)
    if "warmPoolConfig" in parameters:
        raise refused("The emulated EKS makes no node groups with warmPoolConfig.")
    after: View = {}
    if "labels" in parameters:
        after["labels"] = _changed_labels(group.view["labels"], parameters["labels"])
    if "taints" in parameters:
        after["taints"] = _changed_taints(group.view["taints"], parameters["taints"])
    if "scalingConfig" in parameters:
        after["scalingConfig"] = _scaling(parameters["scalingConfig"], group.view["scalingConfig"])
    if "updateConfig" in parameters:
        after["updateConfig"] = _update_config(parameters["updateConfig"])
    if "nodeRepairConfig" in parameters:
        after["nodeRepairConfig"] = group.view["nodeRepairConfig"] | parameters["nodeRepairConfig"]
    if not after:
        raise invalid("No changes needed: the request names nothing to change.")
    answer = start_update(call, cluster, group, "ConfigUpdate", after)
    # The nodes follow the new configuration from now on, and the update ends when they have.
    group.view.update(after)
    return answer


def update_nodegroup_version(call: Call, parameters: Parameters) -> View:
    cluster, group = _group(call, parameters)
    for unsupported in ("launchTemplate", "force"):
        if parameters.get(unsupported):
            raise refused(f"The emulated EKS updates no node groups with {unsupported}.")
    call.active_cluster(cluster.name)
    asked = parameters.get("version", cluster.view["version"] if "releaseVersion" not in parameters else None)
    version = asked or str(parameters["releaseVersion"]).rpartition("-")[0].rpartition(".")[0]
    _check_version(cluster, version, group.view["amiType"])
    if versions.minor_number(version) < versions.minor_number(group.view["version"]):
        raise invalid(f"Nodegroup Kubernetes version cannot be downgraded from {group.view['version']} to {version}")
    release = parameters.get("releaseVersion", versions.release_version(version))
    answer = start_update(call, cluster, group, "VersionUpdate", {"version": version, "releaseVersion": release})
    group.version, group.release_version = version, release
    return answer


def _group(call: Call, parameters: Parameters) -> tuple[Cluster, NodeGroup]:
    cluster = call.cluster(parameters["clusterName"])
    name = parameters["nodegroupName"]
    if name not in cluster.node_groups:
        raise not_found(f"No node group found for name: {name}.")
    return cluster, cluster.node_groups[name]


def _subnets(call: Call, cluster: Cluster, ids: list[str]) -> dict[str, account.Subnet]:
    found = account.subnets(call.caller.account, call.region, ids)
    if not ids:
        raise invalid("Subnets are required")
    if missing := sorted(set(ids) - found.keys()):
        raise invalid(f"The subnet ID '{missing[0]}' does not exist")
    foreign = sorted(s.id for s in found.values() if s.vpc_id != cluster.view["resourcesVpcConfig"]["vpcId"])
    if foreign:
        raise invalid(f"Subnets [{', '.join(foreign)}] are not in the cluster's VPC")
    return found


def _instance_types(parameters: Parameters) -> list[account.InstanceType]:
    names = parameters.get("instanceTypes") or [
        "t4g.medium" if "ARM_64" in parameters.get("amiType", "") else "t3.medium"
    ]
    found = [account.instance_type(name) for name in names]
    if unknown := [name for name, kind in zip(names, found, strict=True) if kind is None]:
        raise invalid(f"The following supplied instance types do not exist: [{', '.join(unknown)}]")
    types = [kind for kind in found if kind is not None]
    if len({kind.architecture for kind in types}) > 1:
        raise invalid(f"Instance types [{', '.join(names)}] have different architectures")
    return types


def _check_offerings(region: str, types: list[account.InstanceType], subnets: dict[str, account.Subnet]) -> None:
    for zone in sorted({subnet.zone for subnet in subnets.values()}):
        for kind in types:
            if not account.is_offered(region, zone, kind.name):
                raise refused(
                    f"Your requested instance type ({kind.name}) is not supported in your requested Availability Zone "
                    f"({zone}). Please retry your request by not specifying an Availability Zone or choosing another."
                )


def _ami_type(parameters: Parameters, types: list[account.InstanceType]) -> str:
    ami_type = str(parameters.get("amiType", ""))
    if not ami_type:
        standard = _DEFAULT_AMI[types[0].architecture]
        return standard.replace("STANDARD", "NVIDIA") if all(kind.gpus for kind in types) else standard
    if ami_type == "CUSTOM":
        raise invalid("amiType CUSTOM needs a launch template with an image")
    architecture = "arm64" if "ARM_64" in ami_type else "amd64"
    wrong = [kind.name for kind in types if kind.architecture != architecture]
    if "NVIDIA" in ami_type or ami_type.endswith("_GPU"):
        wrong += [kind.name for kind in types if not kind.gpus and kind.name not in wrong]
    if wrong:
        raise invalid(f"[{', '.join(wrong)}] is not a valid instance type for requested amiType {ami_type}")
    return ami_type


def _check_version(cluster: Cluster, version: str, ami_type: str) -> None:
    if versions.find(version) is None:
        raise invalid(f"Requested Nodegroup version {version} is not supported")
    node, plane = versions.minor_number(version), versions.minor_number(cluster.view["version"])
    if node > plane:
        raise invalid(
            f"Nodegroup Kubernetes version {version} must not be above the cluster's {cluster.view['version']}"
        )
    if node < plane - versions.KUBELET_SKEW:
        raise invalid(
            f"Nodegroup Kubernetes version {version} is more than {versions.KUBELET_SKEW} minor versions behind the "
            f"cluster's {cluster.view['version']}"
        )
    if ami_type.startswith("AL2_") and node > _LAST_AL2:
        raise invalid(f"AMI Type {ami_type} is only supported for kubernetes versions 1.{_LAST_AL2} or earlier")


def _check_labels(labels: dict[str, str]) -> None:
    if any(key.startswith(_RESERVED) for key in labels):
        raise invalid(f"Label cannot contain reserved prefixes [{', '.join(_RESERVED)}]")


def _changed_labels(present: View, asked: View) -> View:
    added, removed = asked.get("addOrUpdateLabels", {}), asked.get("removeLabels", [])
    _check_labels(added)
    if both := sorted(set(added) & set(removed)):
        raise invalid(f"Labels [{', '.join(both)}] are both to be added and removed")
    return {key: value for key, value in (present | added).items() if key not in removed}


def _taints(asked: list[View]) -> list[View]:
    taints: list[View] = []
    for taint in asked:
        if "key" not in taint or "effect" not in taint:
            raise invalid("A taint needs a key and an effect")
        taints.append({key: taint[key] for key in ("key", "value", "effect") if key in taint})
    if len({(taint["key"], taint["effect"]) for taint in taints}) < len(taints):
        raise invalid("Two taints have the same key and effect")
    if len(taints) > 50:
        raise invalid("A node group can have at most 50 taints")
    return taints


def _changed_taints(present: list[View], asked: View) -> list[View]:
    added = _taints(asked.get("addOrUpdateTaints", []))
    removed = _taints(asked.get("removeTaints", []))
    left = {(taint["key"], taint["effect"]): taint for taint in present}
    if absent := sorted(t["key"] for t in removed if (t["key"], t["effect"]) not in left):
        raise invalid(f"Taints [{', '.join(absent)}] to be removed are not there")
    for taint in removed:
        del left[taint["key"], taint["effect"]]
    for taint in added:
        left[taint["key"], taint["effect"]] = taint
    return list(left.values())


def _scaling(asked: View, present: View) -> View:
    after = present | asked
    low, desired, high = after["minSize"], after["desiredSize"], after["maxSize"]
    if low > high:
        raise invalid(f"Minimum capacity {low} can't be greater than maximum size {high}")
    if low > desired:
        raise invalid(f"Minimum capacity {low} can't be greater than desired size {desired}")
    if desired > high:
        raise invalid(f"Desired capacity {desired} can't be greater than maximum size {high}")
    return {"minSize": low, "maxSize": high, "desiredSize": desired}


def _update_config(asked: View) -> View:
    if "maxUnavailable" in asked and "maxUnavailablePercentage" in asked:
        raise invalid("Only one of maxUnavailable and maxUnavailablePercentage can be given")
    after = dict(asked)
    if "maxUnavailable" not in after and "maxUnavailablePercentage" not in after:
        after["maxUnavailable"] = 1
    if after.get("maxUnavailable", 1) > 100:
        raise invalid("maxUnavailable can be at most 100")
    return after
