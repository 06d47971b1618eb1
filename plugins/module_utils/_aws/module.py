# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What every AWS module of the collection does the same way: clients, and the words for errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

# AnsibleAWSModule.warn repeats each warning in the result, which ansible-core deprecates.
from ansible.module_utils.common.warnings import warn
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import HandlerError, PlanError

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
except ImportError:  # AnsibleAWSModule reports the missing library to the user
    pass

#: More than this many things in the way are not read by anyone; the rest is counted.
_BLOCKERS_SHOWN = 10


class AwsModule(Protocol):
    """What is used of AnsibleAWSModule."""

    params: dict[str, Any]
    check_mode: bool
    region: str | None

    def client(self, service: str, **options: Any) -> Any: ...
    def fail_json(self, **result: Any) -> NoReturn: ...
    def exit_json(self, **result: Any) -> NoReturn: ...


def client(module: AwsModule, service: str) -> Any:
    """A boto3 client with botocore's own retries: adaptive mode slows down when AWS throttles, instead of failing.

    What the user writes in the option aws_config counts more than this.
    """
    retries = {"mode": "adaptive", "total_max_attempts": 10}
    # The default of a minute, ten times, would be ten minutes of silence where no packet gets through.
    return module.client(service, config=Config(retries=retries, max_pool_connections=20, connect_timeout=10))


def refuse_blocked_removal(module: AwsModule, what: str, blockers: Sequence[str]) -> None:
    """Stop a removal that AWS would refuse half-way because of what others still have there; in check mode only warn,
    since what another layer is to remove first is still there.

    Raises:
        PlanError: something is in the way, and this is a real run.
    """
    if not blockers:
        return
    shown = ", ".join(blockers[:_BLOCKERS_SHOWN])
    more = f" and {len(blockers) - _BLOCKERS_SHOWN} more" if len(blockers) > _BLOCKERS_SHOWN else ""
    message = f"{what} cannot be removed while this is there: {shown}{more}. Remove that first"
    if not module.check_mode:
        raise PlanError(message)
    warn(message)


def explain(error: BaseException) -> str:
    """One or two sentences: which call failed, what AWS said, and what to do where that is known."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        code = details.get("Code", "Unknown")
        text = f"{error.operation_name} answered {code}: {details.get('Message', '').strip().rstrip('.')}."
        return f"{text} {_ADVICE[code]}" if code in _ADVICE else text
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if isinstance(error, NoRegionError):
        return "no region was given. Set the option region."
    if isinstance(error, (BotoCoreError, TimeoutError, HandlerError, PlanError)):
        return f"{str(error).strip().rstrip('.')}."
    return f"{type(error).__name__}: {error}."


_ADVICE = {
    "AccessDenied": "Give the caller the missing permission.",
    "AccessDeniedException": "Give the caller the missing permission.",
    "UnauthorizedOperation": "Give the caller the missing permission.",
    "ExpiredToken": "Renew the AWS credentials.",
    "ExpiredTokenException": "Renew the AWS credentials.",
    "InvalidClientTokenId": "Check the AWS credentials.",
    "DependencyViolation": "Find what still uses it, and remove that first.",
    "AuthFailure": "Check the AWS credentials.",
    "VpcLimitExceeded": "Ask AWS for a higher quota of VPCs in this region, or remove one.",
    "AddressLimitExceeded": "Ask AWS for a higher quota of elastic IP addresses, or use nat_gateways: single.",
    "NatGatewayLimitExceeded": "Ask AWS for a higher quota of NAT gateways, or use nat_gateways: single.",
    "ResourceLimitExceededException": "Ask AWS for a higher quota in this region, or remove what is not used.",
}
