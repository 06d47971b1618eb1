# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(eks_cluster)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.addons import Addon, addons
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Value,
    boolean,
    expected,
    integer,
    list_of,
    one_of,
    pattern,
    reads,
    text,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

#: Where EKS takes the network of its services from.
_PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
#: From these no caller comes to a public endpoint: private, shared, loopback, link-local, multicast and reserved.
_NEVER_PUBLIC = (
    *_PRIVATE,
    *map(IPv4Network, ("100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
)
ANYWHERE = "0.0.0.0/0"
#: How many groups of its own EKS takes for the control plane's interfaces.
_MOST_GROUPS = 5


@reads("text", type="string", pattern=r"^1\.[1-9][0-9]$")
def _version(value: Value) -> str:
    instead = 'write major.minor in quotes, such as "1.36"'
    if isinstance(value.data, (int, float)):
        raise value.refuse(f"a number, which loses a trailing zero, where a text is expected; {instead}")
    word = text(value)
    if not re.fullmatch(r"1\.[1-9][0-9]", word):
        raise value.refuse(f"'{word}' is not a version of Kubernetes on EKS; {instead}")
    return word


_key = pattern(
    r"arn:aws[a-z-]*:kms:[^\s]+|alias/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36}",
    "a KMS key; write its alias (alias/…), its id or its ARN",
    longest=2048,
).called("text")


#: A role is written as IAM knows it: sts:…:assumed-role is one of its sessions, and no principal of an access entry.
_principal = pattern(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]+",
    "the ARN of an IAM role or user; write it as IAM shows it, such as arn:aws:iam::123456789012:role/operators",
    longest=2048,
).called("ARN of an IAM role or user")


@values.network(12, 24).then
def _service_cidr(value: Value, word: str) -> str:
    if not any(IPv4Network(word).subnet_of(block) for block in _PRIVATE):
        raise value.refuse(f"{word} is not private; write a part of {', '.join(map(str, _PRIVATE))}")
    return word


@values.ipv4_network.then
def _public_network(value: Value, word: str) -> str:
    for block in _NEVER_PUBLIC:
        if IPv4Network(word).subnet_of(block):
            raise value.refuse(
                f"{word} lies in {block}, from which nothing comes over the internet; write the public addresses "
                "of the callers"
            )
    return word


#: What CloudWatch Logs takes.
_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _retention_days(value: Value, days: int) -> int:
    if days not in _RETENTION_DAYS:
        longer = next(choice for choice in _RETENTION_DAYS if choice > days)
        raise value.refuse(f"CloudWatch keeps logs for fixed numbers of days, and {days} is none; write {longer}")
    return days


@text.then
def _group(value: Value, word: str) -> str:
    """The name of a security group of the spec."""
    groups = value.known["referable groups"]
    if word not in groups:
        raise value.refuse(f"there is no security group '{word}'; {expected(word, sorted(groups), 'write one of')}")
    return word


@dataclass(frozen=True)
class Cluster:
    """The EKS cluster. C(security_groups) are names of the spec's groups."""

    version: str | None = key(
        _version,
        "Kubernetes version, in quotes. Upgrades go one minor version at a time. Left out, nothing is ever upgraded.",
        None,
        shown="the newest known for a new cluster, else the cluster's own",
    )
    endpoint_private_access: bool = key(
        boolean,
        "Whether the API server is reached from inside the VPC. Without it the nodes come by the public endpoint, "
        "which then has to be open to everybody.",
        True,
    )
    endpoint_public_access: bool = key(
        boolean, "Whether it is reached from the internet, by `public_access_cidrs`.", True
    )
    public_access_cidrs: tuple[str, ...] = key(
        list_of(_public_network, least=1, most=40, unique=True),
        "Public addresses that reach the public endpoint; private ones never come there and are refused. Every run "
        "says so while it is everybody.",
        (ANYWHERE,),
    )
    private_access_cidrs: tuple[str, ...] = key(
        list_of(values.ipv4_network, most=60, unique=True),
        "Networks from which the private endpoint is reached, such as those of a VPN or of an office that is joined to "
        "the VPC. The platform gives the control plane a security group `control-plane` that lets them in on port 443. "
        "Without it only the cluster's own nodes get there.",
        (),
    )
    logging: tuple[str, ...] = key(
        list_of(one_of("api", "audit", "authenticator", "controllerManager", "scheduler"), unique=True),
        "Logs that the control plane writes.",
        ("api", "audit", "authenticator"),
    )
    log_retention_days: int = key(
        integer(1, 3653).then(_retention_days), "For how many days CloudWatch keeps these logs.", 90
    )
    admins: tuple[str, ...] = key(
        list_of(_principal, unique=True),
        "ARNs of the IAM roles and users that are administrators of the cluster, besides its creator.",
        (),
    )
    viewers: tuple[str, ...] = key(
        list_of(_principal, unique=True),
        "ARNs of those that see what is in the namespaces of the cluster but for Secrets, and change nothing.",
        (),
    )
    authentication_mode: str = key(one_of("API", "API_AND_CONFIG_MAP"), "`API` means access entries alone.", "API")
    creator_admin: bool = key(
        boolean, "Whether the creator is an administrator of the cluster. Cannot be changed later.", True
    )
    encryption_key: str | None = key(
        _key,
        "KMS key that encrypts Secrets before they are written: alias, id or ARN. Cannot be changed later.",
        None,
        shown="the platform's own, `alias/<name>-data`",
    )
    upgrade_policy: str = key(
        one_of("STANDARD", "EXTENDED"),
        "What becomes of the cluster when the standard support of its version ends, 14 months after EKS has it. With "
        "`STANDARD` EKS then upgrades it; with `EXTENDED` it stays for a year, and its hours cost six times as much.",
        "STANDARD",
    )
    service_cidr: str | None = key(
        _service_cidr,
        "Network of the cluster's Services: private, apart from the VPC. Cannot be changed later.",
        None,
        shown="EKS's choice",
    )
    deletion_protection: bool | None = key(
        boolean, "Whether AWS refuses to delete the cluster.", None, shown="left as it is"
    )
    addons: Mapping[str, Addon] = key(
        addons,
        "Add-ons of EKS by name, see [eks_cluster.addons](#eks_clusteraddonsname). Every cluster gets vpc-cni, which "
        "keeps network policies, kube-proxy, coredns, eks-pod-identity-agent, aws-ebs-csi-driver, snapshot-controller "
        "and eks-node-monitoring-agent.",
        written={},
    )
    wait_timeout: int = key(
        integer(60, 86400),
        "Seconds that a run waits for the cluster, and for each batch of nodes that is made, replaced or drained. AWS "
        "goes on after that, and the next run takes it up.",
        1800,
    )
    security_groups: tuple[str, ...] = key(
        list_of(_group, most=_MOST_GROUPS, unique=True),
        "Names of the spec's groups for the control plane's interfaces, besides the one that EKS makes.",
        (),
    )


@section(Cluster).then
def cluster(value: Value, parsed: Cluster) -> Cluster:
    """The parser of C(eks_cluster)."""
    if not parsed.creator_admin and not parsed.admins:
        value.child("creator_admin").problem(
            "false leaves the cluster without an administrator, since admins names none; write true, or admins"
        )
    if parsed.private_access_cidrs and not parsed.endpoint_private_access:
        value.child("private_access_cidrs").problem(
            "there is no private endpoint to reach, since endpoint_private_access is false; write true, or leave the "
            "networks out"
        )
    if parsed.private_access_cidrs and len(parsed.security_groups) == _MOST_GROUPS:
        value.child("security_groups").problem(
            f"EKS takes {_MOST_GROUPS} groups, and private_access_cidrs adds one of its own; write one less"
        )
    for both in sorted({*parsed.admins} & {*parsed.viewers}):
        value.child("viewers").problem(f"{both} is among the admins too; write it in one of the two")
    if parsed.endpoint_private_access:
        return parsed
    if not parsed.endpoint_public_access:
        value.problem(
            "endpoint_private_access and endpoint_public_access are both false, so that nothing reaches the cluster; "
            "write true for one of the two"
        )
    elif ANYWHERE not in parsed.public_access_cidrs:
        value.child("endpoint_private_access").problem(
            "false sends the nodes to the public endpoint, and public_access_cidrs keeps them out, so that none joins; "
            "write true"
        )
    return parsed
