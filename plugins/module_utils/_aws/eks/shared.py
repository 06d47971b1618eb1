# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the EKS modules share: waits, the words for what went wrong, tags, and tokens that make a call repeatable."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ansible.module_utils.common.warnings import warn
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change
from ansible_collections.entasis.engine.plugins.module_utils._waiting import (
    FIRST_INTERVAL,
    INTERVAL_GROWTH,
    LONGEST_INTERVAL,
    WaitError,
    poll,
)

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError, WaiterError

#: Seconds in which a new IAM role becomes visible to EKS. AWS gives no figure; it is usually below 15 s.
ROLE_PROPAGATION = 60.0


#: What to do about a wait that was too short.
LONGER = " Give it a longer wait_timeout if that is too short."


def wait_for(client: Any, waiter: str, what: str, timeout: float, **arguments: Any) -> None:
    """Wait with one of botocore's waiters, which knows what counts as success and as failure.

    The waiter is asked once at a time: its own delay is fixed (30 s for EKS), ours grows.

    Raises:
        WaitError: it failed, or C(timeout) seconds went by.
    """
    judge = client.get_waiter(waiter)

    def look() -> str | None:
        try:
            judge.wait(WaiterConfig={"Delay": 0, "MaxAttempts": 1}, **arguments)
        except WaiterError as error:
            answer = error.last_response
            described = answer.get("cluster") or answer.get("nodegroup") or {}
            status, issues = described.get("status", "not readable"), " ".join(health_issues(described))
            if "Max attempts exceeded" in str(error) and status != "DEGRADED":
                return f"{status} ({issues})" if issues else status
            reason = issues or answer.get("Error", {}).get("Message") or "AWS gave no reason."
            raise WaitError(f"{what} is {status}: {reason} Mend the cause, then run again.") from error
        return None

    poll(look, what, timeout, advice=LONGER)


def wait_for_update(client: Any, what: str, timeout: float, **arguments: Any) -> None:
    """Wait until an update of a cluster or of a node group is done. C(arguments) are those of DescribeUpdate.

    Raises:
        WaitError: the update ended as Failed or Cancelled, or C(timeout) seconds went by.
    """

    def look() -> str | None:
        found = client.describe_update(**arguments)["update"]
        if found["status"] in ("Failed", "Cancelled"):
            errors = [_issue(e.get("errorCode"), e.get("errorMessage"), e.get("resourceIds")) for e in found["errors"]]
            raise WaitError(
                f"the update of {what} ended as {found['status']}: {' '.join(errors) or 'AWS gave no error.'}"
            )
        return None if found["status"] == "Successful" else found["status"]

    poll(look, f"the update of {what}", timeout, advice=LONGER)


def describe_cluster(client: Any, name: str) -> dict[str, Any] | None:
    """The cluster as DescribeCluster answers, or None."""
    try:
        return client.describe_cluster(name=name)["cluster"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise


def settled_cluster(
    module: Any, client: Any, described: Mapping[str, Any] | None, timeout: float
) -> dict[str, Any] | None:
    """The cluster once nothing is under way on it; in check mode as it is now, with a warning."""
    latest = dict(described) if described else None
    if latest is None or latest["status"] not in _UNDER_WAY:
        return latest
    name = latest["name"]
    what = f"the EKS cluster '{name}'"
    if module.check_mode:
        warn(f"{what} is {latest['status']}: a real run waits for that first, and may then plan other changes.")
        return latest

    def look() -> str | None:
        nonlocal latest
        latest = describe_cluster(client, name)
        return latest["status"] if latest and latest["status"] in _UNDER_WAY else None

    poll(look, what, timeout, advice=LONGER)
    return latest


_UNDER_WAY = ("CREATING", "UPDATING", "PENDING", "DELETING")


def health_issues(described: Mapping[str, Any]) -> list[str]:
    """The health issues of a cluster or node group, each with its code, AWS's words, the resources and what to do."""
    issues = described.get("health", {}).get("issues", [])
    return [_issue(issue.get("code"), issue.get("message"), issue.get("resourceIds")) for issue in issues]


def _issue(code: str | None, message: str | None, resources: Iterable[str] | None) -> str:
    where = f" ({', '.join(resources)})" if resources else ""
    advice = f" {_ADVICE[code]}" if code in _ADVICE else ""
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


def entries(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    """A mapping as the diff shows it, one line an entry: {"label role": "general"}."""
    return {f"{prefix} {key}": values[key] for key in sorted(values)}


def changed_entries(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides cut down to the entries that were added, changed or removed."""
    return (
        {key: before[key] for key in before if key not in after or before[key] != after[key]},
        {key: after[key] for key in after if key not in before or before[key] != after[key]},
    )


def apply_tags(client: Any, arn: str, change: Change) -> None:
    """Set the tags of a change that L(tagging.tag_changes) planned."""
    client.tag_resource(resourceArn=arn, tags=(change.after or {})["tags"])


def request_token(*parts: Any) -> str:
    """A token that is the same for the same request: for AWS, a create that a second run repeats is one create."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def create_with_new_role(call: Callable[[], Any]) -> Any:
    """Run a create call whose role may be seconds old: EKS refuses a role that IAM has not spread yet.

    Raises:
        ClientError: the call failed for another reason, or the role was refused for a minute.
    """
    deadline = time.monotonic() + ROLE_PROPAGATION
    interval = FIRST_INTERVAL
    while True:
        try:
            return call()
        except ClientError as error:
            details = error.response["Error"]
            unseen = details["Code"] in _ROLE_REFUSALS and _ROLE_UNSEEN.search(details.get("Message", ""))
            if not unseen or time.monotonic() > deadline:
                raise
        time.sleep(interval)
        interval = min(interval * INTERVAL_GROWTH, LONGEST_INTERVAL)


_ROLE_REFUSALS = ("InvalidParameterException", "InvalidRequestException")
_ROLE_UNSEEN = re.compile(r"(?=.*role).*(assume|trust|polic|not exist|params)", re.IGNORECASE | re.DOTALL)
