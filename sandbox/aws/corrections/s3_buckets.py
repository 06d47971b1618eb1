# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3 buckets.

moto drops the tags that a bucket is made with, lets the public to a new one, and denies all calls where a policy denies
those without TLS: the emulator is reached by plain HTTP on the loopback interface, which stands for AWS's TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xmltodict
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response

from sandbox.aws.corrections.correction import corrects


def know_buckets() -> None:
    """Let moto know again whose each bucket is. It keeps that beside the accounts, since no two may use one name."""
    s3_backends.bucket_accounts = {
        name: (partition, account)
        for account, partitions in s3_backends.items()
        for partition, backend in partitions.items()
        for name in backend.buckets
    }


@corrects(S3Backend, "create_bucket")
def _create_bucket(original: Callable[..., FakeBucket], self: S3Backend, *arguments: Any, **named: Any) -> FakeBucket:
    bucket = original(self, *arguments, **named)
    bucket.public_access_block = PublicAccessBlock(*["true"] * 4)
    return bucket


@corrects(S3Response, "_bucket_response_put")
def _put(original: Callable[..., Any], self: S3Response, request: Any, bucket: str, querystring: dict[str, Any]) -> Any:
    answer = original(self, request, bucket, querystring)
    if not querystring and self.body:
        wanted = xmltodict.parse(self.body, force_list=("Tag",)).get("CreateBucketConfiguration", {})
        tags = (wanted.get("Tags") or {}).get("Tag", ())
        self.backend.put_bucket_tagging(bucket, {tag["Key"]: tag["Value"] or "" for tag in tags})
    return answer


@corrects(IAMPolicyStatement, "is_action_permitted")
def _is_action_permitted(
    original: Callable[..., PermissionResult], self: IAMPolicyStatement, *arguments: Any, **named: Any
) -> PermissionResult:
    without_tls = self._statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
    return PermissionResult.NEUTRAL if without_tls else original(self, *arguments, **named)
