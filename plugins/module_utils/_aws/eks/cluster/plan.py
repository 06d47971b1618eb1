# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The EKS cluster as plain data: what it is, what it should be, the changes between the two, the requests to AWS."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import belongs, tag_changes
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG, ownership_tags
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    Change,
    PlanError,
    create,
    delete,
    update,
)

KIND = "eks_cluster"
#: The Kubernetes version of a new cluster whose version is not given.
DEFAULT_VERSION = "1.36"
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
#: The ways to let callers in, in the order in which AWS lets a cluster move; it never moves back.
AUTHENTICATION_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")

#: The options that are compared as they are.
_TAKEN_OVER = (
    "version",
    "iam_role",
    "endpoint_private_access",
    "endpoint_public_access",
    "authentication_mode",
    "creator_admin",
    "encryption_key",
    "service_cidr",
    "deletion_protection",
    "upgrade_policy",
)
#: What one update of EKS's changes, and what that change is called.
_PARTS = {
    "deletion protection": ("deletion_protection",),
    "upgrade policy": ("upgrade_policy",),
    "logging": ("logging",),
    "endpoint access": ("endpoint_private_access", "endpoint_public_access", "public_access_cidrs"),
    "subnets": ("subnets",),
    "security groups": ("security_groups",),
    "encryption": ("encryption_key",),
}


def desired_state(platform: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The module's options as the planner compares them. None stands for what is left as it is.

    Raises:
        PlanError: the options contradict themselves or AWS's rules; lists every problem.
    """
    problems = []
    if options["version"] and not re.fullmatch(r"1\.\d+", options["version"]):
        problems.append(f"version '{options['version']}' is not a Kubernetes version of EKS: write it as '1.36'.")
    if len(set(options["subnets"])) < 2:
        problems.append("subnets holds fewer than two subnets: EKS wants two, in different zones.")
    if not (options["endpoint_private_access"] or options["endpoint_public_access"]):
        problems.append("endpoint_private_access and endpoint_public_access are both false: nothing could reach it.")
    cidrs = []
    for cidr in options["public_access_cidrs"]:
        try:
            cidrs.append(str(ipaddress.ip_network(cidr)))
        except ValueError as error:
            problems.append(f"public_access_cidrs: {error}.")
    if problems:
        raise PlanError(problems)
    return {
        **{field: options[field] for field in _TAKEN_OVER},
        **{field: sorted(set(options[field])) for field in ("subnets", "security_groups", "logging")},
        "vpc": platform,
        "public_access_cidrs": sorted(set(cidrs)) if options["endpoint_public_access"] else [],
        "tags": ownership_tags(platform, options["role"], options["name"], options["tags"]),
    }


def observed_state(described: Mapping[str, Any], parents: Mapping[str, Lookup]) -> dict[str, Any]:
    """What DescribeCluster answers, in the form of L(desired_state), with names for the ids that are ours.

    EKS promises no field of its answer: what is missing is None, or what EKS gives a cluster by default.
    """
    network = described.get("resourcesVpcConfig", {})
    public = network.get("endpointPublicAccess", True)
    return {
        "status": described.get("status"),
        "account": described.get("arn", "").split(":")[4:5],
        "health_issues": eks.health_issues(described),
        "version": described.get("version"),
        "iam_role": described.get("roleArn", "").rsplit("/", 1)[-1] or None,
        "vpc": _name(parents, "vpc", network.get("vpcId")),
        "subnets": _names(parents, "subnets", network.get("subnetIds", [])),
        "security_groups": _names(parents, "security_groups", network.get("securityGroupIds", [])),
        "endpoint_private_access": network.get("endpointPrivateAccess", False),
        "endpoint_public_access": public,
        "public_access_cidrs": sorted(network.get("publicAccessCidrs", [])) if public else [],
        "logging": sorted(
            kind
            for setup in described.get("logging", {}).get("clusterLogging", [])
            if setup.get("enabled")
            for kind in setup.get("types", [])
        ),
        "authentication_mode": described.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP"),
        "encryption_key": _name(
            parents,
            "encryption_key",
            next((entry.get("provider", {}).get("keyArn") for entry in described.get("encryptionConfig", [])), None),
        ),
        "service_cidr": described.get("kubernetesNetworkConfig", {}).get("serviceIpv4Cidr"),
        "deletion_protection": described.get("deletionProtection", False),
        "upgrade_policy": described.get("upgradePolicy", {}).get("supportType"),
        "tags": dict(described.get("tags", {})),
    }


def _name(parents: Mapping[str, Lookup], kind: str, identifier: str | None) -> str | None:
    return parents[kind].name_of(identifier) if identifier and kind in parents else identifier


def _names(parents: Mapping[str, Lookup], kind: str, identifiers: Sequence[str]) -> list[str]:
    return parents[kind].names_of(identifiers) if kind in parents else sorted(identifiers)


def comparable(
    desired: Mapping[str, Any], observed: Mapping[str, Any], parents: Mapping[str, Lookup], zones: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """What is desired of a cluster that exists, as far as it can be told and done, and what to say about the rest.

    - EKS keeps a control plane in the zones that it was made in: subnets of other zones are not given to it, and a zone
      that is not listed any more keeps its subnet. C(zones) are those of the subnets, by the names in both states.
    - In check mode a parent may be missing: an id without a name may be its, so that the two cannot be compared.
    """
    result, notes = dict(desired), []
    for field, kind in (("vpc", "vpc"), ("encryption_key", "encryption_key"), ("security_groups", "security_groups")):
        wanted, there = _listed(desired[field]), _listed(observed[field])
        missing = [name for name in wanted if kind in parents and name not in parents[kind].ids]
        if missing and any(name not in wanted for name in there):
            result[field] = None
            notes.append(
                f"{field} of the EKS cluster cannot be compared yet: {', '.join(missing)} was not found, and may be "
                f"what {', '.join(there)} is."
            )
    fixed = {zones[name] for name in observed["subnets"] if name in zones}
    if not fixed:
        return {**result, "subnets": None}, notes
    given = [name for name in desired["subnets"] if zones.get(name) in fixed]
    covered = {zones[name] for name in given}
    kept = [name for name in observed["subnets"] if zones.get(name) not in covered]
    result["subnets"] = sorted({*given, *kept})
    left = [name for name in desired["subnets"] if name not in given]
    where = f"EKS keeps a control plane in the zones that it was made in, {', '.join(sorted(fixed))}"
    if others := [f"{name} ({zones[name]})" for name in left if name in zones]:
        notes.append(f"not given to the control plane, though nodes may use them: {', '.join(others)}. {where}.")
    if unknown := [name for name in left if name not in zones]:
        notes.append(
            f"not found yet: {', '.join(unknown)}. The control plane takes a subnet in its zones alone. {where}."
        )
    if kept:
        notes.append(f"kept by the control plane, though not listed: {', '.join(kept)}. {where}; leave it its subnets.")
    return result, notes


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def plan(
    name: str, platform: str, role: str, desired: Mapping[str, Any] | None, observed: Mapping[str, Any] | None
) -> list[Change]:
    """The changes that make the cluster what it should be; C(desired) None means that it should not be.

    Raises:
        PlanError: the cluster is not ours, is protected, or differs in what cannot be changed.
    """
    if observed is None or observed["status"] == "DELETING":
        return [create(KIND, name, _shown(desired))] if desired else []
    if not belongs(observed["tags"], platform, role, inside=False):
        raise PlanError(
            f"an EKS cluster named '{name}' exists without the tags {PLATFORM_TAG}={platform} and {ROLE_TAG}={role}: "
            "it is not ours and is left alone. Choose another name; or, if it is this platform's, set those tags on it."
        )
    if desired is None:
        return _plan_removal(name, observed)
    if observed["status"] == "FAILED":
        raise PlanError(
            f"the EKS cluster '{name}' is FAILED: {' '.join(observed['health_issues']) or 'AWS gave no reason.'} "
            "It cannot be mended. Remove it with state: absent, then run again."
        )
    if problems := _unchangeable(name, desired, observed):
        raise PlanError(problems)
    changes = tag_changes(KIND, name, observed["tags"], desired["tags"])
    for part, fields in _PARTS.items():
        managed = {field: desired[field] for field in fields if desired[field] is not None}
        changes += update(KIND, name, observed, managed, part=part)
    modes = [each["authentication_mode"] for each in (observed, desired)]
    first, last = (AUTHENTICATION_MODES.index(mode) for mode in modes)
    changes += _steps(name, "authentication mode", AUTHENTICATION_MODES[first : last + 1])
    if None not in (desired["version"], observed["version"]):
        first, last = _minor(observed["version"]), _minor(desired["version"])
        changes += _steps(name, "version", [f"1.{minor}" for minor in range(first, last + 1)])
    return changes


def _steps(name: str, part: str, values: Sequence[str]) -> list[Change]:
    """What EKS changes one step at a time only."""
    field = part.replace(" ", "_")
    return [
        change
        for before, after in pairwise(values)
        for change in update(KIND, name, {field: before}, {field: after}, part=f"{part} {after}")
    ]


def _shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """A whole cluster as the diff shows it, without what is not managed."""
    hidden = ("status", "account", "health_issues")
    return {key: value for key, value in state.items() if key not in hidden and value is not None}


def _plan_removal(name: str, observed: Mapping[str, Any]) -> list[Change]:
    if observed["deletion_protection"]:
        raise PlanError(
            f"the EKS cluster '{name}' has deletion protection and is not removed. To remove it, first run with "
            "state: present and deletion_protection: false."
        )
    return [delete(KIND, name, _shown(observed))]


def _unchangeable(name: str, desired: Mapping[str, Any], observed: Mapping[str, Any]) -> list[str]:
    """One sentence for each difference that EKS cannot change on an existing cluster."""
    problems = [
        f"{field} of the EKS cluster '{name}' is {observed[field]} and cannot become {desired[field]}: EKS fixes it at "
        f"creation. Set {field} back, or make a cluster of another name and move to it."
        for field in ("iam_role", "vpc", "service_cidr")
        if None not in (desired[field], observed[field]) and desired[field] != observed[field]
    ]
    key, wanted_key = observed["encryption_key"], desired["encryption_key"]
    # A key of another account is AWS's own, where EKS shows it; that one gives way to the first key of the user's.
    if key and wanted_key not in (None, key) and key.split(":")[4:5] == observed["account"]:
        problems.append(
            f"encryption_key of the EKS cluster '{name}' is {key} and cannot become {wanted_key}: EKS never changes "
            "the key that encrypts the secrets. Set encryption_key to it; to use another key, make another cluster."
        )
    mode, wanted_mode = observed["authentication_mode"], desired["authentication_mode"]
    if AUTHENTICATION_MODES.index(wanted_mode) < AUTHENTICATION_MODES.index(mode):
        problems.append(
            f"authentication_mode of the EKS cluster '{name}' is {mode} and cannot go back to {wanted_mode}: EKS only "
            f"moves towards API. Set it to {mode}."
        )
    if None not in (desired["version"], observed["version"]) and _minor(desired["version"]) < _minor(
        observed["version"]
    ):
        problems.append(
            f"version of the EKS cluster '{name}' is {observed['version']} and cannot go back to {desired['version']}: "
            f"the collection never downgrades a control plane. Set version to {observed['version']} or a later one."
        )
    return problems


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def create_request(name: str, desired: Mapping[str, Any], parents: Mapping[str, Lookup]) -> dict[str, Any]:
    """The arguments of CreateCluster: everything in the one call, so that no half-made cluster of ours can exist."""
    request: dict[str, Any] = {
        "name": name,
        "version": desired["version"] or DEFAULT_VERSION,
        "roleArn": parents["iam_role"].id_of(desired["iam_role"]),
        "resourcesVpcConfig": {
            "subnetIds": parents["subnets"].ids_of(desired["subnets"]),
            "securityGroupIds": parents["security_groups"].ids_of(desired["security_groups"]),
            **_endpoint_request(desired),
        },
        "accessConfig": {
            "authenticationMode": desired["authentication_mode"],
            "bootstrapClusterCreatorAdminPermissions": desired["creator_admin"],
        },
        "logging": _logging_request(desired["logging"]),
        "tags": dict(desired["tags"]),
    }
    if desired["encryption_key"]:
        request["encryptionConfig"] = _encryption_request(parents["encryption_key"].id_of(desired["encryption_key"]))
    if desired["service_cidr"]:
        request["kubernetesNetworkConfig"] = {"serviceIpv4Cidr": desired["service_cidr"]}
    if desired["deletion_protection"] is not None:
        request["deletionProtection"] = desired["deletion_protection"]
    if desired["upgrade_policy"]:
        request["upgradePolicy"] = {"supportType": desired["upgrade_policy"]}
    return request


def update_request(
    change: Change, name: str, desired: Mapping[str, Any], parents: Mapping[str, Lookup]
) -> tuple[str, dict[str, Any]]:
    """The call that makes one planned update, and its arguments. EKS takes one kind of update a call."""
    after = change.after or {}
    if "version" in after:
        return "update_cluster_version", {"name": name, "version": after["version"]}
    if "encryption_key" in after:
        encryption = _encryption_request(parents["encryption_key"].id_of(after["encryption_key"]))
        return "associate_encryption_config", {"clusterName": name, "encryptionConfig": encryption}
    config: dict[str, Any]
    if "authentication_mode" in after:
        config = {"accessConfig": {"authenticationMode": after["authentication_mode"]}}
    elif "deletion_protection" in after:
        config = {"deletionProtection": after["deletion_protection"]}
    elif "upgrade_policy" in after:
        config = {"upgradePolicy": {"supportType": after["upgrade_policy"]}}
    elif "logging" in after:
        config = {"logging": _logging_request(after["logging"])}
    elif "subnets" in after:
        config = {"resourcesVpcConfig": {"subnetIds": _ids(parents["subnets"], after["subnets"])}}
    elif "security_groups" in after:
        groups = _ids(parents["security_groups"], after["security_groups"])
        config = {"resourcesVpcConfig": {"securityGroupIds": groups}}
    else:
        config = {"resourcesVpcConfig": _endpoint_request(desired)}
    return "update_cluster_config", {"name": name, **config}


def _ids(lookup: Lookup, names: Sequence[str]) -> list[str]:
    """The ids of names; what has no name is an id already."""
    return [lookup.ids.get(name, name) for name in names]


def _endpoint_request(desired: Mapping[str, Any]) -> dict[str, Any]:
    request = {
        "endpointPrivateAccess": desired["endpoint_private_access"],
        "endpointPublicAccess": desired["endpoint_public_access"],
    }
    if desired["endpoint_public_access"]:
        request["publicAccessCidrs"] = desired["public_access_cidrs"]
    return request


def _logging_request(enabled: Sequence[str]) -> dict[str, Any]:
    disabled = [kind for kind in LOG_TYPES if kind not in enabled]
    setups = [{"types": list(enabled), "enabled": True}, {"types": disabled, "enabled": False}]
    return {"clusterLogging": [setup for setup in setups if setup["types"]]}


def _encryption_request(key: str) -> list[dict[str, Any]]:
    return [{"resources": ["secrets"], "provider": {"keyArn": key}}]
