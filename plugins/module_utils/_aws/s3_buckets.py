# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""S3 buckets: private, encrypted, reached by TLS alone, and never removed with what is in them by accident."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import s3_lifecycle
from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Plan, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.policies import as_written
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list, to_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import unless_denied
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM, PlanError

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_OWNERSHIP = "BucketOwnerEnforced"
#: What S3 answers where a bucket has none of something.
_NONE = (
    "NoSuchTagSet",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


class S3Buckets(Domain):
    kind = "s3_bucket"
    option = "buckets"
    service = "s3"
    creates = ("CreateBucket",)
    fixed = ("object_lock",)
    # S3 blocks public access to every new bucket by itself.
    born = {"policy": None, "kms_key": "", "versioning": False, "object_lock_retention": {}, "lifecycle": []}

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        lock = options["object_lock"]
        return {
            "object_lock": lock is not None,
            "public_access_blocked": True,
            "ownership": _OWNERSHIP,
            "policy": self._policy(self.full_name(options["name"]), options["policy_statements"]),
            "kms_key": self.kms_key(options),
            "versioning": options["versioning"] or lock is not None,
            "object_lock_retention": dict(lock) if lock and lock["days"] else {},
            "lifecycle": s3_lifecycle.desired(options["lifecycle"]),
        }

    def full_name(self, name: str) -> str:
        if "{account}" in name:
            name = name.replace("{account}", self.account_number)
        return name.replace("{region}", self.module.region or "")

    def _arn(self, name: str) -> str:
        return f"arn:{self.partition}:s3:::{name}"

    def _policy(self, name: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
        """Nobody comes without TLS, whatever else is allowed."""
        resource = [self._arn(name), f"{self._arn(name)}/*"]
        tls = {
            "Sid": "DenyWithoutTLS",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": resource,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        own = [{"Resource": resource, **statement} for statement in statements]
        return {"Version": "2012-10-17", "Statement": [tls, *own]}

    def observe(self) -> Iterator[Resource]:
        """S3 lists buckets without their tags, so those that left the options are looked for by the platform's name."""
        ours = f"{self.options['platform']}-"
        listed = read_all(self.client, "list_buckets", "Buckets", BucketRegion=self.module.region)
        names = [one["Name"] for one in listed if one["Name"] in self.names or one["Name"].startswith(ours)]
        wanted = {one.name: one.fields for one in self._wanted}
        with ThreadPoolExecutor(PARALLELISM) as pool:
            for found in pool.map(lambda name: self._read(name, wanted.get(name, {})), names):
                if found:
                    yield found

    def _read(self, name: str, wanted: Mapping[str, Any]) -> Resource | None:
        ask = partial(self._ask, "get_bucket_tagging", name)
        tags = from_tag_list(((ask() if wanted else unless_denied(ask)) or {}).get("TagSet"))
        if not wanted and not self.owns(Resource(name, {}, tags)):
            return None
        encryption = self._ask("get_bucket_encryption", name).get("ServerSideEncryptionConfiguration", {})
        defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in encryption.get("Rules", ())]
        blocks = self._ask("get_public_access_block", name).get("PublicAccessBlockConfiguration", {})
        controls = self._ask("get_bucket_ownership_controls", name).get("OwnershipControls", {})
        lock = self._ask("get_object_lock_configuration", name).get("ObjectLockConfiguration", {})
        policy = json.loads(self._ask("get_bucket_policy", name).get("Policy", "null"))
        fields = {
            "object_lock": lock.get("ObjectLockEnabled") == "Enabled",
            "public_access_blocked": all(blocks.get(block) for block in _BLOCKS),
            "ownership": next((rule["ObjectOwnership"] for rule in controls.get("Rules", ())), "ObjectWriter"),
            "policy": as_written(policy, wanted.get("policy")) if policy else None,
            "kms_key": next((default.get("KMSMasterKeyID", "") for default in defaults), ""),
            "versioning": self._ask("get_bucket_versioning", name).get("Status") == "Enabled",
            "object_lock_retention": _retention(lock.get("Rule", {}).get("DefaultRetention", {})),
            "lifecycle": s3_lifecycle.observed(
                self._ask("get_bucket_lifecycle_configuration", name).get("Rules", ()), wanted.get("lifecycle", ())
            ),
        }
        return Resource(name, fields, tags, self._arn(name))

    def _ask(self, operation: str, name: str) -> dict[str, Any]:
        """What a bucket has of something; empty where it has none."""
        try:
            found: dict[str, Any] = getattr(self.client, operation)(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NONE:
                raise
            return {}
        return found

    def plan(self) -> Plan:
        """What the options want; a bucket that still has objects goes only where it is named for that.

        Raises:
            PlanError: with every bucket that would be removed with its objects.
        """
        planned = super().plan()
        named = {self.full_name(name) for name in self.options["delete_objects"]}
        leaving = [change.name for change in planned.changes if change.action == "delete" and change.name not in named]
        full = [name for name in leaving if next(self._versions(name), None)]
        if full:
            raise PlanError(
                [
                    f"bucket {name} has objects and would be removed with them. Move them elsewhere, or name the "
                    "bucket in delete_objects too"
                    for name in full
                ]
            )
        return planned

    def _versions(self, name: str) -> Iterator[list[dict[str, str]]]:
        """All versions of all objects, and what marks them as deleted, by at most a thousand."""
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=name):
            versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if versions:
                yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]

    def create(self, wanted: Resource) -> str:
        # S3 wants no name of this region, its first.
        region = self.module.region
        where = {} if region == "us-east-1" else {"LocationConstraint": region}
        self.client.create_bucket(
            Bucket=wanted.name,
            CreateBucketConfiguration={**where, "Tags": to_tag_list(wanted.tags)},
            ObjectOwnership=_OWNERSHIP,
            ObjectLockEnabledForBucket=wanted.fields["object_lock"],
        )
        return self._arn(wanted.name)

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        s3, bucket, fields = self.client, {"Bucket": there.name}, wanted.fields
        if part == "public access blocked":
            s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=dict.fromkeys(_BLOCKS, True))
        elif part == "ownership":
            s3.put_bucket_ownership_controls(
                **bucket, OwnershipControls={"Rules": [{"ObjectOwnership": fields["ownership"]}]}
            )
        elif part == "policy":
            s3.put_bucket_policy(**bucket, Policy=json.dumps(fields["policy"]))
        elif part == "kms key":
            s3.put_bucket_encryption(**bucket, ServerSideEncryptionConfiguration=_encryption(fields["kms_key"]))
        elif part == "versioning":
            status = "Enabled" if fields["versioning"] else "Suspended"
            s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": status})
        elif part == "object lock retention":
            s3.put_object_lock_configuration(**bucket, ObjectLockConfiguration=_lock(fields["object_lock_retention"]))
        elif fields["lifecycle"]:
            rules = s3_lifecycle.request(fields["lifecycle"])
            s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": rules})
        else:
            s3.delete_bucket_lifecycle(**bucket)

    def delete(self, there: Resource) -> None:
        if there.name in {self.full_name(name) for name in self.options["delete_objects"]}:
            for versions in self._versions(there.name):
                self.client.delete_objects(Bucket=there.name, Delete={"Objects": versions, "Quiet": True})
        self.client.delete_bucket(Bucket=there.name)

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        """S3 replaces all tags of a bucket at once: those of others are written again."""
        self.client.put_bucket_tagging(Bucket=there.name, Tagging={"TagSet": to_tag_list({**there.tags, **tags})})


def _retention(found: Mapping[str, Any]) -> dict[str, Any]:
    """The default retention of an object, as the option says it: S3 takes years too."""
    if not found:
        return {}
    return {"mode": found["Mode"], "days": found.get("Days") or found["Years"] * 365}


def _lock(retention: Mapping[str, Any]) -> dict[str, Any]:
    default = {"Rule": {"DefaultRetention": {"Mode": retention["mode"], "Days": retention["days"]}}}
    return {"ObjectLockEnabled": "Enabled", **(default if retention else {})}


def _encryption(key: str) -> dict[str, Any]:
    # A key of the bucket spares most of the calls of KMS, which cost money.
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bool(key)}]}
