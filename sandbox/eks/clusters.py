# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on clusters, but for their updates."""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any

from sandbox.eks import access_entries, account, versions
from sandbox.eks.call import Call, check_tags, page, repeats, request_of
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.model import EksError, Parameters, in_use, invalid, refused
from sandbox.eks.progress import status_view
from sandbox.eks.store import Cluster, View

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def create_cluster(call: Call, parameters: Parameters) -> View:
    name = parameters["name"]
    existing = call.clusters.get(name)
    if existing is not None:
        if repeats(existing.request, parameters):
            return {"cluster": status_view(existing)}
        raise in_use(f"Cluster already exists with name: {name}")
    if call.control_plane is not None and call.everywhere:
        other = call.everywhere[0]
        raise EksError(
            "ResourceLimitExceededException",
            f"The sandbox has one control plane, and cluster {other.name} of account {other.account} in {other.region} "
            "has it. Delete that cluster first.",
        )
    version = parameters.get("version", versions.DEFAULT)
    known = versions.find(version)
    if known is None:
        raise invalid(f"unsupported Kubernetes version {version}")
    check_tags(parameters.get("tags", {}))
    check_role(parameters["roleArn"])
    network = _network(call, parameters["resourcesVpcConfig"])
    access = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True} | parameters.get(
        "accessConfig", {}
    )
    view: View = {
        "name": name,
        "arn": call.arn(f"cluster/{name}"),
        "createdAt": call.now,
        "version": version,
        "roleArn": parameters["roleArn"],
        "resourcesVpcConfig": network,
        "kubernetesNetworkConfig": _kubernetes_network(parameters.get("kubernetesNetworkConfig", {})),
        "logging": logging_view(parameters.get("logging", {})),
        "status": "CREATING",
        "platformVersion": known.platform,
        "tags": dict(parameters.get("tags", {})),
        "encryptionConfig": encryption_view(call, parameters.get("encryptionConfig", [])),
        "health": {"issues": []},
        "accessConfig": access,
        "upgradePolicy": {"supportType": parameters.get("upgradePolicy", {}).get("supportType", "EXTENDED")},
        "deletionProtection": bool(parameters.get("deletionProtection", False)),
        **_endpoint(call),
    }
    if "clientRequestToken" in parameters:
        view["clientRequestToken"] = parameters["clientRequestToken"]
    account.publish_parameters(call.caller.account, call.region, versions.ami_parameters())
    group = account.create_cluster_security_group(call.caller.account, call.region, name, network["vpcId"])
    network["clusterSecurityGroupId"] = group
    cluster = Cluster(
        call.caller.account,
        call.region,
        view,
        request_of(parameters),
        call.caller.principal,
        call.now + call.settings.cluster,
        security_group=group,
        zones=zones_of(call, network["subnetIds"]),
        failure=call.failures.take("CreateCluster", name),
    )
    call.clusters[name] = cluster
    if access["bootstrapClusterCreatorAdminPermissions"] and access["authenticationMode"] != "CONFIG_MAP":
        access_entries.admit_creator(call, cluster)
    return {"cluster": status_view(cluster)}


def describe_cluster(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["name"])
    if call.control_plane is not None and cluster.status != "DELETING":
        # A repaired control plane may have another certificate than the one that the cluster began with.
        cluster.view.update(_control_plane_view(call.control_plane))
    return {"cluster": status_view(cluster)}


def list_clusters(call: Call, parameters: Parameters) -> View:
    return page(sorted(call.clusters), parameters, "clusters")


def delete_cluster(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["name"])
    name = cluster.name
    if cluster.node_groups:
        raise in_use("Cluster has nodegroups attached")
    if cluster.view["deletionProtection"]:
        raise refused(f"Cluster {name} has deletion protection enabled. Disable it before you delete the cluster.")
    if cluster.status in ("CREATING", "UPDATING"):
        raise in_use(f"Cluster {name} cannot be deleted while it is {cluster.status}.")
    if cluster.status != "DELETING":
        cluster.view["status"] = "DELETING"
        cluster.due = call.now + call.settings.cluster
    return {"cluster": status_view(cluster)}


def check_role(arn: str) -> None:
    if problem := account.role_problem(arn, "eks.amazonaws.com"):
        raise invalid(
            f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not "
            f"correct ({problem})"
        )


def check_subnets(call: Call, ids: list[str]) -> str:
    """The one VPC of the subnets, which are in at least two zones."""
    found = account.subnets(call.caller.account, call.region, ids)
    if missing := sorted(set(ids) - found.keys()):
        raise invalid(f"The subnet ID '{missing[0]}' does not exist")
    vpcs = {subnet.vpc_id for subnet in found.values()}
    if len(vpcs) > 1:
        raise invalid("Subnets specified must belong to the same VPC")
    if len({subnet.zone for subnet in found.values()}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    return vpcs.pop()


def zones_of(call: Call, ids: list[str]) -> list[str]:
    return sorted({subnet.zone for subnet in account.subnets(call.caller.account, call.region, ids).values()})


def check_security_groups(call: Call, ids: list[str], vpc_id: str) -> None:
    for group in ids:
        found = account.security_group_vpc(call.caller.account, call.region, group)
        if found is None:
            raise invalid(f"The security group '{group}' does not exist")
        if found != vpc_id:
            raise invalid(f"Security group {group} does not belong to the VPC {vpc_id} of the subnets")


def check_access_cidrs(cidrs: list[str]) -> None:
    for cidr in cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise invalid(f"The following CIDRs are invalid in publicAccessCidrs: [{cidr}]") from error


def _network(call: Call, asked: View) -> View:
    subnets = list(asked.get("subnetIds", []))
    if not subnets:
        raise invalid("Subnets specified must be in at least two different AZs")
    vpc_id = check_subnets(call, subnets)
    groups = list(asked.get("securityGroupIds", []))
    check_security_groups(call, groups, vpc_id)
    public = asked.get("endpointPublicAccess", True)
    private = asked.get("endpointPrivateAccess", False)
    if not public and not private:
        raise invalid("Private and public endpoint access cannot both be false.")
    cidrs = list(asked.get("publicAccessCidrs", []))
    check_access_cidrs(cidrs)
    return {
        "subnetIds": subnets,
        "securityGroupIds": groups,
        "vpcId": vpc_id,
        "endpointPublicAccess": public,
        "endpointPrivateAccess": private,
        "publicAccessCidrs": (cidrs or ["0.0.0.0/0"]) if public else [],
    }


def _kubernetes_network(asked: View) -> View:
    cidr = asked.get("serviceIpv4Cidr", "10.100.0.0/16")
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise invalid(f"serviceIpv4Cidr {cidr} is not a network") from error
    if not 12 <= network.prefixlen <= 24 or not network.is_private:
        raise invalid(f"serviceIpv4Cidr {cidr} must be a private network of /24 to /12")
    family = asked.get("ipFamily", "ipv4")
    if family != "ipv4":
        raise invalid("The emulated EKS makes clusters of the IP family ipv4 only.")
    return {"serviceIpv4Cidr": cidr, "ipFamily": family, "elasticLoadBalancing": {"enabled": False}}


def logging_view(asked: View, present: View | None = None) -> View:
    """The logs after a change of some of them, as EKS shows it: the types that are on, then those that are off."""
    enabled = {
        kind
        for setup in (present or {}).get("clusterLogging", [])
        if setup.get("enabled")
        for kind in setup.get("types", [])
    }
    for setup in asked.get("clusterLogging", []):
        kinds = set(setup.get("types", []))
        enabled = enabled | kinds if setup.get("enabled", False) else enabled - kinds
    setups = [
        {"types": [kind for kind in LOG_TYPES if (kind in enabled) == state], "enabled": state}
        for state in (True, False)
    ]
    return {"clusterLogging": [setup for setup in setups if setup["types"]]}


def encryption_view(call: Call, asked: list[View]) -> list[View]:
    for configuration in asked:
        key = configuration.get("provider", {}).get("keyArn", "")
        if configuration.get("resources") != ["secrets"]:
            raise invalid("encryptionConfig.resources must be [secrets]")
        if not account.key_exists(call.caller.account, call.region, key):
            raise invalid(f"The keyArn '{key}' in encryptionConfig provider does not exist")
    return [dict(configuration) for configuration in asked]


def _endpoint(call: Call) -> View:
    identifier = uuid.uuid4().hex.upper()
    issuer: dict[str, Any] = {
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{identifier}"}}
    }
    if call.control_plane is not None:
        return issuer | _control_plane_view(call.control_plane)
    # Nobody listens there: without a control plane a cluster is a record only.
    return {
        **issuer,
        "endpoint": f"https://{identifier}.gr7.{call.region}.eks.amazonaws.com",
        "certificateAuthority": {"data": "U0lNVUxBVEVE"},
    }


def _control_plane_view(control_plane: ControlPlane) -> View:
    authority = {"data": control_plane.certificate_authority}
    return {"endpoint": control_plane.server, "certificateAuthority": authority}
