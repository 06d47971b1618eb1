# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""CloudWatch log groups: how long they keep what is written to them, and under which key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM


class LogGroups(Domain):
    kind = "log_group"
    option = "log_groups"
    service = "logs"
    creates = ("CreateLogGroup",)
    fixed = ("log_class",)
    born = {"retention_days": 0}

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "retention_days": options["retention_days"],
            "kms_key": self.kms_key(options),
            "log_class": options["log_class"],
        }

    def observe(self) -> Iterator[Resource]:
        """The API lists log groups without their tags, so those that left the options are looked for by the platform's
        name in theirs.
        """
        platform = self.options["platform"]
        groups = [
            group
            for group in read_all(self.client, "describe_log_groups", "logGroups")
            if group["logGroupName"] in self.names or platform in group["logGroupName"]
        ]
        with ThreadPoolExecutor(PARALLELISM) as pool:
            yield from pool.map(self._read, groups)

    def _read(self, group: Mapping[str, Any]) -> Resource:
        # CloudWatch shows an ARN that ends in :* for policies, and takes tags by the one without.
        arn = group["arn"].removesuffix(":*")
        fields = {
            "retention_days": group.get("retentionInDays", 0),
            "kms_key": group.get("kmsKeyId", ""),
            "log_class": group.get("logGroupClass", "STANDARD"),
        }
        tags = self.client.list_tags_for_resource(resourceArn=arn)["tags"]
        return Resource(group["logGroupName"], fields, tags, arn)

    def create(self, wanted: Resource) -> str:
        key = {"kmsKeyId": wanted.fields["kms_key"]} if wanted.fields["kms_key"] else {}
        self.client.create_log_group(
            logGroupName=wanted.name, logGroupClass=wanted.fields["log_class"], tags=dict(wanted.tags), **key
        )
        return self.arn(f"log-group:{wanted.name}")

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        group, fields = {"logGroupName": there.name}, wanted.fields
        if part == "retention days" and fields["retention_days"]:
            self.client.put_retention_policy(**group, retentionInDays=fields["retention_days"])
        elif part == "retention days":
            self.client.delete_retention_policy(**group)
        elif fields["kms_key"]:
            self.client.associate_kms_key(**group, kmsKeyId=fields["kms_key"])
        else:
            self.client.disassociate_kms_key(**group)

    def delete(self, there: Resource) -> None:
        self.client.delete_log_group(logGroupName=there.name)
