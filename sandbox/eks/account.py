# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What EKS asks of the rest of the account: who calls, and whether roles, subnets, groups, keys and types exist.

The answers come from moto's backends in the same process, which are not made for threads: every function that asks them
holds the account's lock. This is the only file of the package that knows moto.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, wraps
from types import SimpleNamespace
from typing import ParamSpec, TypeVar

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from sandbox.aws.emulator import ACCOUNT_LOCK

PARTITION = "aws"
DEFAULT_ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Caller:
    """Who signed a request: C(principal) is the IAM user's or the assumed role's ARN, as an access entry names it."""

    account: str
    principal: str
    session: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""


@dataclass(frozen=True)
class Subnet:
    id: str
    vpc_id: str
    zone: str
    cidr: str


Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def _alone(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """The function, with the account held while it runs."""

    @wraps(function)
    def held(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        with ACCOUNT_LOCK:
            return function(*args, **kwargs)

    return held


@_alone
def known_caller(access_key_id: str) -> Caller | None:
    """The owner of an access key that IAM or STS gave out and that still counts; None for any other key."""
    for account, backends in list(sts_backends.items()):
        role = backends[PARTITION].get_assumed_role_from_access_key(access_key_id)
        if role is None:
            continue
        if _aware(role.expiration) <= datetime.now(UTC):
            return None
        owner = role.role_arn.split(":")[4] or account
        return Caller(
            owner, role.role_arn, role.session_name, access_key_id, role.secret_access_key, role.session_token
        )
    for account, backends in list(iam_backends.items()):
        key = backends[PARTITION].access_keys.get(access_key_id)
        if key is None or key.status != "Active":
            continue
        user = backends[PARTITION].get_user_from_access_key_id(access_key_id)
        if user is not None:
            return Caller(account, user.arn, "", access_key_id, key.secret_access_key)
    return None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def caller(access_key_id: str) -> Caller:
    """The owner of an access key; moto's own user of the default account for an unknown one, as moto has it."""
    default = f"arn:{PARTITION}:sts::{DEFAULT_ACCOUNT}:user/moto"
    return known_caller(access_key_id) or Caller(DEFAULT_ACCOUNT, default)


@_alone
def role_problem(arn: str, service: str) -> str:
    """Why a role cannot be used by an AWS service; empty where it can."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        return f"{arn} is not the ARN of an IAM role"
    roles = [role for role in iam_backends[parts[4]][PARTITION].roles.values() if role.arn == arn]
    if not roles:
        return "it does not exist"
    statements = json.loads(roles[0].assume_role_policy_document or "{}").get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in ([services] if isinstance(services, str) else services):
            return ""
    return f"its trust policy does not let {service} assume it"


@_alone
def principal_exists(arn: str) -> bool:
    """Whether an IAM user or role of this ARN exists."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "iam":
        return False
    backend = iam_backends[parts[4]][PARTITION]
    return any(owner.arn == arn for owner in [*backend.roles.values(), *backend.users.values()])


@_alone
def subnets(account: str, region: str, ids: Iterable[str]) -> dict[str, Subnet]:
    """The subnets of these ids that exist."""
    wanted = set(ids)
    return {
        subnet.id: Subnet(subnet.id, subnet.vpc_id, subnet.availability_zone, str(subnet.cidr_block))
        for zone in list(ec2_backends[account][region].subnets.values())
        for subnet in list(zone.values())
        if subnet.id in wanted
    }


@_alone
def security_group_vpc(account: str, region: str, group_id: str) -> str | None:
    """The VPC of a security group; None where the group does not exist."""
    group = ec2_backends[account][region].get_security_group_from_id(group_id)
    return group.vpc_id if group else None


@_alone
def create_cluster_security_group(account: str, region: str, cluster: str, vpc_id: str) -> str:
    """Make the group that EKS makes for each cluster, and return its id."""
    name = f"eks-cluster-sg-{cluster}-{random.randrange(10**9)}"  # noqa: S311 - a name, not a secret
    ec2 = ec2_backends[account][region]
    group = ec2.create_security_group(
        name,
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any "
        "managed workloads.",
        vpc_id=vpc_id,
        tags={"Name": name, "aws:eks:cluster-name": cluster, f"kubernetes.io/cluster/{cluster}": "owned"},
    )
    # Its members may talk to each other; the way out is open as in every new group.
    ec2.authorize_security_group_ingress(
        group.id, "-1", "-1", "-1", [], source_groups=[{"GroupId": group.id}], vpc_id=vpc_id
    )
    return str(group.id)


@_alone
def delete_security_group(account: str, region: str, group_id: str) -> None:
    """Delete a group; one that is gone already, or that others still refer to, stays as it is."""
    try:
        ec2_backends[account][region].delete_security_group(group_id=group_id)
    except EC2ClientError:
        return


@dataclass(frozen=True)
class Interface:
    """A network interface that EKS makes; C(instance_id) and C(address) are those of a node."""

    subnet_id: str
    group_ids: tuple[str, ...]
    description: str
    instance_id: str = ""
    address: str = ""


@_alone
def keep_interfaces(account: str, region: str, cluster: str, wanted: set[Interface]) -> None:
    """Make the interfaces of a cluster those that are wanted."""
    ec2 = ec2_backends[account][region]
    # moto keeps what it is given with the interface, also in the account's state on disk.
    there = {found.of_eks[1]: found.id for found in ec2.enis.values() if getattr(found, "of_eks", ("",))[0] == cluster}
    for interface in there.keys() - wanted:
        ec2.delete_network_interface(there[interface])
    known = {subnet_id for zone in ec2.subnets.values() for subnet_id in zone}
    for interface in wanted - there.keys():
        if interface.subnet_id not in known:  # the account was emptied under the cluster
            continue
        groups = [group for group in interface.group_ids if ec2.get_security_group_from_id(group)]
        made = ec2.create_network_interface(
            interface.subnet_id, interface.address, group_ids=groups, description=interface.description
        )
        made.of_eks = (cluster, interface)
        made.status, made.requester_managed = "in-use", not interface.instance_id
        if interface.instance_id:
            made.instance = SimpleNamespace(id=interface.instance_id, owner_id=account, security_groups=[])
            made.attachment_id, made.attach_time = f"eni-attach-{made.id[4:]}", datetime.now(UTC)
            made.delete_on_termination = True


@_alone
def key_exists(account: str, region: str, key: str) -> bool:
    """Whether a KMS key of this id or ARN exists."""
    from moto.kms.models import kms_backends  # its import costs a tenth of a second that most clusters never need

    return key.rpartition("/")[2] in kms_backends[account][region].keys


@_alone
def publish_parameters(account: str, region: str, parameters: Mapping[str, str]) -> None:
    """Put public parameters into Systems Manager, which nobody but AWS may do by its API."""
    from moto.ssm.models import Parameter, ssm_backends  # as above

    known = ssm_backends[account][region]._parameters
    for name, value in parameters.items():
        if name not in known:
            known[name].append(
                Parameter(account, name, value, "String", None, None, None, datetime.now(UTC), 1, "text")
            )


@dataclass(frozen=True)
class InstanceType:
    """What a Node of an EC2 instance type has. Figures from DescribeInstanceTypes, as moto ships them."""

    name: str
    cpus: int
    memory_mib: int
    network_interfaces: int
    addresses_per_interface: int
    architecture: str
    gpus: int
    gpu_name: str

    @property
    def pods(self) -> int:
        """How many pods the VPC CNI gives addresses to; 110 or 250 is the most that EKS configures."""
        by_addresses = self.network_interfaces * (self.addresses_per_interface - 1) + 2
        return min(by_addresses, 110 if self.cpus < 30 else 250)


def instance_type(name: str) -> InstanceType | None:
    """An EC2 instance type, or None for a name that EC2 does not know."""
    facts = INSTANCE_TYPES.get(name)
    if facts is None:
        return None
    gpus = [gpu for gpu in facts.get("GpuInfo", {}).get("Gpus", []) if gpu.get("Manufacturer") == "NVIDIA"]
    network = facts["NetworkInfo"]
    return InstanceType(
        name,
        int(facts["VCpuInfo"]["DefaultVCpus"]),
        int(facts["MemoryInfo"]["SizeInMiB"]),
        int(network["MaximumNetworkInterfaces"]),
        int(network["Ipv4AddressesPerInterface"]),
        "arm64" if "arm64" in facts["ProcessorInfo"]["SupportedArchitectures"] else "amd64",
        sum(int(gpu["Count"]) for gpu in gpus),
        str(gpus[0]["Name"]) if gpus else "",
    )


@cache
def _offered(region: str) -> frozenset[tuple[str, str]]:
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return frozenset((offering["Location"], offering["InstanceType"]) for offering in offerings)


def is_offered(region: str, zone: str, name: str) -> bool:
    """Whether a zone offers an instance type, as moto recorded it of DescribeInstanceTypeOfferings."""
    return (zone, name) in _offered(region)
