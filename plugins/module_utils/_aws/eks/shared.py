# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the EKS modules share: waits, calls that are refused for a moment, and the words for what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from ansible.module_utils.common.warnings import warn
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import retry
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, is_owned
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError
from ansible_collections.entasis.engine.plugins.module_utils._waiting import (
    WaitError,
    poll,
)

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

#: Seconds in which a new IAM role becomes visible to EKS. AWS gives no figure; Terraform's provider waits as long.
ROLE_PROPAGATION = 120.0
#: Seconds in which something new may still be unknown to the server that answers.
VISIBILITY = 60.0
#: What EKS says of node groups for which it has no usable role of its own yet.
SERVICE_LINKED_ROLE = "service-linked role"
#: What to do about a wait that was too short.
LONGER = " Give it a longer wait_timeout (in the spec eks_cluster.wait_timeout) if that is too short."

#: The states of a resource in which EKS takes no other operation on it. Every other one is an end.
UNDER_WAY = ("CREATING", "UPDATING", "PENDING", "DELETING")
#: The ends in which a resource is of no use. DEGRADED is none of them: what is there works on, and its issues are told.
FAILED = ("FAILED", "CREATE_FAILED", "DELETE_FAILED")

#: Gives a resource as EKS describes it, or None.
Describe = Callable[[], "dict[str, Any] | None"]


def found(call: Callable[[], Answer]) -> Answer | None:
    """What a describing call answers, or None where EKS knows no such thing, which it says in two ways."""
    try:
        return call()
    except ClientError as error:
        details = error.response["Error"]
        if details["Code"] == "ResourceNotFoundException" or (
            details["Code"] == "ClientException" and details.get("Message", "").startswith("No cluster found")
        ):
            return None
        raise


def describe_cluster(client: Any, name: str) -> dict[str, Any] | None:
    """The cluster as DescribeCluster answers, or None."""
    return found(lambda: client.describe_cluster(name=name)["cluster"])


def settled(describe: Describe, what: str, timeout: float) -> dict[str, Any] | None:
    """The resource once nothing is under way on it; None once it is gone. What is wrong with it then is warned of.

    Raises:
        WaitError: C(timeout) seconds went by.
    """
    latest: dict[str, Any] | None = None

    def look() -> str | None:
        nonlocal latest
        latest = _certain(describe)
        return latest["status"] if latest and latest.get("status") in UNDER_WAY else None

    poll(look, what, timeout, advice=LONGER)
    if latest and latest.get("status") == "DEGRADED":
        warn(f"{what} is DEGRADED: {' '.join(health_issues(latest)) or 'AWS gave no reason.'}")
    return latest


def _certain(describe: Describe) -> dict[str, Any] | None:
    """What is there; None only if EKS says so three times in a row, since one of its servers may know it still."""
    return next((described for _look in range(3) if (described := describe())), None)


def wait_until_made(describe: Describe, what: str, timeout: float) -> None:
    """Wait for the end of a creation that EKS has accepted.

    Raises:
        WaitError: the creation failed, or C(timeout) seconds went by.
    """
    unseen = _unseen(what)
    poll(lambda: None if describe() else unseen(), what, timeout, advice=LONGER)
    made = settled(describe, what, timeout)
    if made is None:
        raise WaitError(f"{what} was deleted while it was made. Run again.")
    if made.get("status") in FAILED:
        reason = " ".join(health_issues(made)) or "AWS gave no reason."
        raise WaitError(f"{what} is {made['status']}: {reason} Mend the cause, then run again.")


def _unseen(what: str) -> Callable[[], str]:
    """Gives the status of something new that EKS does not know yet, which is an error after a minute."""
    end = time.monotonic() + VISIBILITY

    def status() -> str:
        if time.monotonic() > end:
            raise WaitError(f"EKS accepted {what} and knows nothing of it {VISIBILITY:g} s later. Run again.")
        return "not visible yet"

    return status


def wait_until_gone(describe: Describe, what: str, timeout: float) -> None:
    """Wait for the end of a deletion that EKS has accepted.

    Raises:
        WaitError: the deletion failed, or C(timeout) seconds went by.
    """
    begun = False

    def look() -> str | None:
        nonlocal begun
        described = _certain(describe)
        if described is None:
            return None
        status: str = described.get("status", "not gone")
        # Until the deletion is seen, the state is the one before it.
        if status == "DELETE_FAILED" or (begun and status != "DELETING"):
            reason = " ".join(health_issues(described)) or "AWS gave no reason."
            raise WaitError(f"{what} was not deleted and is {status}: {reason} Mend the cause, then run again.")
        begun = status == "DELETING"
        return status

    poll(look, what, timeout, advice=LONGER)


def wait_for_update(client: Any, what: str, timeout: float, *, describe: Describe, **arguments: Any) -> None:
    """Wait until an update is done and what it changes (C(describe)) takes the next operation.

    The update's own result decides, whatever else is wrong. C(arguments) are those of DescribeUpdate.

    Raises:
        WaitError: the update ended as Failed or Cancelled, or C(timeout) seconds went by.
    """
    unseen = _unseen(f"the update of {what}")

    def look() -> str | None:
        update = found(lambda: client.describe_update(**arguments)["update"])
        if update is None:
            return unseen()
        status: str = update.get("status", "InProgress")
        if status in ("Failed", "Cancelled"):
            errors = [
                _issue(error.get("errorCode"), error.get("errorMessage"), error.get("resourceIds"))
                for error in update.get("errors", [])
            ]
            raise WaitError(f"the update of {what} ended as {status}: {' '.join(errors) or 'AWS gave no error.'}")
        return None if status == "Successful" else status

    poll(look, f"the update of {what}", timeout, advice=LONGER)
    settled(describe, what, timeout)


def settled_cluster(
    module: Any, client: Any, described: Mapping[str, Any] | None, timeout: float
) -> dict[str, Any] | None:
    """The cluster once nothing is under way on it; in check mode as it is now, with a warning."""
    latest = dict(described) if described else None
    if latest is None or latest.get("status") not in UNDER_WAY:
        return latest
    name = latest["name"]
    what = f"the EKS cluster '{name}'"
    if module.check_mode:
        warn(f"{what} is {latest['status']}: a real run waits for that first, and may then plan other changes.")
        return latest
    return settled(lambda: describe_cluster(client, name), what, timeout)


def platform_cluster(module: Any, client: Any, name: str, timeout: float) -> dict[str, Any] | None:
    """The platform's cluster of this name once nothing is under way on it; None in check mode, and for a removal, where
    it is not there.

    Raises:
        PlanError: it is not the platform's, or is missing where something is to be made in it.
    """
    described = describe_cluster(client, name)
    platform = module.params["platform"]
    if described and not is_owned(described["tags"], platform):
        raise PlanError(
            f"the EKS cluster '{name}' does not carry the tag {PLATFORM_TAG}={platform}: it is not ours and "
            "is left alone. Set the option cluster to this platform's cluster."
        )
    cluster = settled_cluster(module, client, described, timeout)
    if cluster is None and module.params["state"] == "present" and not module.check_mode:
        raise PlanError(f"the EKS cluster '{name}' does not exist. Make it with eks_cluster.")
    return cluster


def health_issues(described: Mapping[str, Any]) -> list[str]:
    """The health issues of a cluster or node group, each with its code, AWS's words, the resources and what to do."""
    issues = described.get("health", {}).get("issues", [])
    return [_issue(issue.get("code"), issue.get("message"), issue.get("resourceIds")) for issue in issues]


def _issue(code: str | None, message: str | None, resources: Iterable[str] | None) -> str:
    where = f" ({', '.join(resources)})" if resources else ""
    told = _ADVICE.get(code or "")
    if SERVICE_LINKED_ROLE in (message or ""):
        told = "EKS makes that role with the first node group of an account: run again when it is some minutes old."
    advice = f" {told}" if told else ""
    return f"{code or 'Unknown'}: {(message or 'no message').strip().rstrip('.')}{where}.{advice}"


_ADVICE = {
    "AccessDenied": "See that the node role has an access entry, or a line in aws-auth, on the cluster.",
    "AmiIdNotFound": "AWS offers no image of this AMI type for this version: choose another AMI type or version.",
    "AsgInstanceLaunchFailures": "Try other instance types, or subnets in other zones.",
    "AutoScalingGroupNotFound": "Its Auto Scaling group was deleted: delete the node group and run again.",
    "ClusterUnreachable": "Open the private endpoint, or let the nodes reach the public one.",
    "Ec2InstanceTypeDoesNotExist": "Choose an instance type that this region offers.",
    "Ec2SecurityGroupNotFound": "Its security group was deleted: delete the node group and run again.",
    "Ec2SubnetInvalidConfiguration": "Turn on public IPv4 addresses in a public subnet, or use private subnets.",
    "Ec2SubnetNotFound": "A subnet was deleted: run the network layer, then replace the node group.",
    "IamInstanceProfileNotFound": "Its instance profile was deleted: delete the node group and run again.",
    "IamNodeRoleNotFound": "Make the node role again under the same name.",
    "IamRoleNotFound": "Make the cluster's role again under the same name.",
    "InstanceLimitExceeded": "Ask AWS for a higher quota of this instance family.",
    "InsufficientFreeAddresses": "Free addresses in the subnets, or add larger subnets.",
    "IpNotAvailable": "Free addresses in the subnets, or add larger subnets.",
    "KmsKeyDisabled": "Enable the KMS key.",
    "KmsKeyMarkedForDeletion": "Cancel the deletion of the KMS key now: without it the cluster cannot be recovered.",
    "NodeCreationFailure": "The nodes did not join: check the node role, the subnets' routes and the security groups.",
    "PodEvictionFailure": "A PodDisruptionBudget keeps pods on the old nodes: loosen it, then run again.",
}


def apply_tags(client: Any, arn: str, change: Change) -> None:
    """Set the tags of a change that L(tagging.tag_changes) planned."""
    client.tag_resource(resourceArn=arn, tags=(change.after or {})["tags"])


def when_free(call: Callable[[], Any], what: str, timeout: float) -> Any:
    """Make a call that EKS refuses while another operation is in progress, which a state of ACTIVE does not rule out:
    AWS's own patches do not show, and a new state takes a moment to.

    Raises:
        ClientError: another refusal, or still this one after C(timeout) seconds.
    """
    busy = "ResourceInUseException"
    return retry(call, lambda code: code == busy, saying="in progress", what=f"a change of {what}", limit=timeout)


def create_with_new_role(call: Callable[[], Any]) -> Any:
    """Make a create call whose role may be seconds old: EKS refuses a role that IAM has not spread yet.

    Raises:
        ClientError: another refusal, or still this one after two minutes.
    """
    refusals = ("InvalidParameterException", "InvalidRequestException")
    return retry(
        call, lambda code: code in refusals, saying=_ROLE_UNSEEN, what="a role that EKS uses", limit=ROLE_PROPAGATION
    )


_ROLE_UNSEEN = r"(?is)(?=.*role).*(assume|trust|polic|not exist|not be found|params)"
