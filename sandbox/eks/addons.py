# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on add-ons. An add-on is a record with states: nothing of it runs in the cluster."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.eks import account, versions
from sandbox.eks.call import Call, check_tags, page, repeats, request_of, start_update
from sandbox.eks.model import Parameters, in_use, invalid, not_found
from sandbox.eks.store import Addon, Cluster, View


@dataclass(frozen=True)
class Offer:
    """An add-on that can be installed: its versions, newest first. The second is the default, as EKS mostly has it.

    C({patch}) in a version is the Kubernetes version's patch version.
    """

    kind: str
    namespace: str
    versions: tuple[str, str]
    needs_iam: bool = False


#: Names, kinds and namespaces as DescribeAddonVersions gives them; the version numbers are examples of their form.
OFFERS = {
    "vpc-cni": Offer("networking", "kube-system", ("v1.22.1-eksbuild.1", "v1.21.3-eksbuild.2"), needs_iam=True),
    "kube-proxy": Offer("networking", "kube-system", ("v{patch}-eksbuild.4", "v{patch}-eksbuild.2")),
    "coredns": Offer("networking", "kube-system", ("v1.14.2-eksbuild.3", "v1.13.2-eksbuild.1")),
    "aws-ebs-csi-driver": Offer("storage", "kube-system", ("v1.60.0-eksbuild.1", "v1.58.1-eksbuild.1"), needs_iam=True),
    "eks-pod-identity-agent": Offer("security", "kube-system", ("v1.3.14-eksbuild.1", "v1.3.10-eksbuild.2")),
    "eks-node-monitoring-agent": Offer("observability", "kube-system", ("v1.8.0-eksbuild.1", "v1.6.4-eksbuild.1")),
    "metrics-server": Offer("observability", "kube-system", ("v0.9.0-eksbuild.2", "v0.8.1-eksbuild.1")),
    "snapshot-controller": Offer("storage", "kube-system", ("v8.6.0-eksbuild.1", "v8.5.0-eksbuild.1")),
}


def create_addon(call: Call, parameters: Parameters) -> View:
    cluster = call.cluster(parameters["clusterName"])
    name = parameters["addonName"]
    existing = cluster.addons.get(name)
    if existing is not None:
        if repeats(existing.request, parameters):
            return {"addon": existing.view}
        raise in_use("Addon already exists.")
    call.active_cluster(cluster.name)
    if name not in OFFERS:
        raise invalid(f"Addon {name} specified is not supported")
    version = str(parameters.get("addonVersion", _versions(name, cluster.view["version"])[1]))
    _check(cluster, name, version, parameters)
    check_tags(parameters.get("tags", {}))
    view: View = {
        "addonName": name,
        "clusterName": cluster.name,
        "status": "CREATING",
        "addonVersion": version,
        "health": {"issues": []},
        "addonArn": call.arn(f"addon/{cluster.name}/{name}/{uuid.uuid4()}"),
        "createdAt": call.now,
        "modifiedAt": call.now,
        "tags": dict(parameters.get("tags", {})),
        "publisher": "eks",
        "owner": "aws",
        "namespaceConfig": {"namespace": OFFERS[name].namespace},
        **_configuration(parameters),
    }
    cluster.addons[name] = Addon(view, request_of(parameters), call.now + call.settings.node_group)
    return {"addon": view}


def describe_addon(call: Call, parameters: Parameters) -> View:
    return {"addon": _found(call, parameters)[1].view}


def list_addons(call: Call, parameters: Parameters) -> View:
    return page(sorted(call.cluster(parameters["clusterName"]).addons), parameters, "addons")


def update_addon(call: Call, parameters: Parameters) -> View:
    cluster, addon = _found(call, parameters)
    version = str(parameters.get("addonVersion", addon.view["addonVersion"]))
    _check(cluster, addon.view["addonName"], version, parameters)
    changes = {"addonVersion": version, **_configuration(parameters)}
    return start_update(call, cluster, addon, "AddonUpdate", changes)


def delete_addon(call: Call, parameters: Parameters) -> View:
    _cluster, addon = _found(call, parameters)
    if addon.view["status"] != "DELETING":
        addon.view["status"] = "DELETING"
        addon.due = call.now + call.settings.node_group
    return {"addon": addon.view}


def describe_addon_versions(call: Call, parameters: Parameters) -> View:  # noqa: ARG001 - every operation takes the call
    wanted = parameters.get("addonName")
    if wanted and wanted not in OFFERS:
        raise not_found(f"Addon {wanted} specified is not supported")
    found = []
    for name, offer in sorted(OFFERS.items()):
        entries = list(_version_views(name, parameters.get("kubernetesVersion")))
        if entries and wanted in (None, name):
            found.append(
                {
                    "addonName": name,
                    "type": offer.kind,
                    "addonVersions": entries,
                    "publisher": "eks",
                    "owner": "aws",
                    "defaultNamespace": offer.namespace,
                }
            )
    return page(found, parameters, "addons")


def _version_views(name: str, kubernetes: str | None) -> Iterator[View]:
    compatible: dict[str, list[View]] = {}
    for version in versions.VERSIONS:
        if kubernetes in (None, version.minor):
            for place, addon_version in enumerate(_versions(name, version.minor)):
                entry = {"clusterVersion": version.minor, "platformVersions": ["*"], "defaultVersion": place == 1}
                compatible.setdefault(addon_version, []).append(entry)
    for addon_version, compatibilities in compatible.items():
        yield {
            "addonVersion": addon_version,
            "architecture": ["amd64", "arm64"],
            "computeTypes": ["ec2"],
            "compatibilities": compatibilities,
            "requiresConfiguration": False,
            "requiresIamPermissions": OFFERS[name].needs_iam,
        }


def _versions(name: str, kubernetes: str) -> list[str]:
    known = versions.find(kubernetes)
    return [version.format(patch=known.patch if known else kubernetes) for version in OFFERS[name].versions]


def _check(cluster: Cluster, name: str, version: str, parameters: Parameters) -> None:
    if version not in _versions(name, cluster.view["version"]):
        raise invalid("Addon version specified is not supported")
    if values := parameters.get("configurationValues"):
        try:
            json.loads(values)
        except ValueError as error:
            raise invalid("ConfigurationValue provided in request is not supported: it is not JSON") from error
    if (role := parameters.get("serviceAccountRoleArn")) and not account.principal_exists(role):
        raise invalid(f"The role {role} does not exist")


def _configuration(parameters: Parameters) -> View:
    return {key: parameters[key] for key in ("configurationValues", "serviceAccountRoleArn") if key in parameters}


def _found(call: Call, parameters: Parameters) -> tuple[Cluster, Addon]:
    cluster = call.cluster(parameters["clusterName"])
    name = parameters["addonName"]
    if name not in cluster.addons:
        raise not_found(f"No addon: {name} found in cluster: {cluster.name}")
    return cluster, cluster.addons[name]
