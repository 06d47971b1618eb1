# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""KMS keys: the key, the alias by which it is known, its rotation and its policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.policies import as_written
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import unless_denied
from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM

_ALIAS = "alias/"


class KmsKeys(Domain):
    kind = "kms_key"
    option = "keys"
    service = "kms"
    creates = ("CreateKey",)
    fixed = ("multi_region",)
    born = {"alias": False, "rotation_days": 0}

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            # A key that waits for its deletion takes no other change, and one that was kept from it is disabled.
            "pending_deletion": False,
            "enabled": True,
            "alias": True,
            "description": options["description"],
            "rotation_days": options["rotation_days"],
            "policy": self._policy(options["policy_statements"]),
            "multi_region": options["multi_region"],
        }

    def _policy(self, statements: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """KMS's own default, by which the IAM policies of the account say who may use the key, and what is asked for
        besides. Without the first nobody of the account could manage the key again.
        """
        root = self.arn("root", service="iam", region=False)
        account = {"Sid": "Account", "Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": root}}
        whole = [{"Resource": "*", **statement} for statement in (account, *statements)]
        return {"Version": "2012-10-17", "Statement": whole}

    def observe(self) -> Iterator[Resource]:
        """KMS finds no key by its tags: those that left the options are looked for by the platform's name, and among
        the keys without an alias, which a run that was killed may have left.
        """
        ours = f"{self.options['platform']}-"
        aliases: dict[str, list[str]] = {}
        for alias in read_all(self.client, "list_aliases", "Aliases"):
            aliases.setdefault(alias.get("TargetKeyId", ""), []).append(alias["AliasName"].removeprefix(_ALIAS))
        candidates = [
            (key["KeyId"], names)
            for key in read_all(self.client, "list_keys", "Keys")
            if not (names := aliases.get(key["KeyId"], []))
            or any(name in self.names or name.startswith(ours) for name in names)
        ]
        wanted = {one.name: one.fields for one in self._wanted}
        with ThreadPoolExecutor(PARALLELISM) as pool:
            for found in pool.map(lambda one: self._read(one[0], one[1], wanted), candidates):
                if found:
                    yield found

    def _read(self, key: str, aliases: Sequence[str], wanted: Mapping[str, Mapping[str, Any]]) -> Resource | None:
        """A key under its name, unless it is nobody's business here, or on its way out and not wanted back."""
        named = [name for name in aliases if name in wanted]
        ask = partial(read_all, self.client, "list_resource_tags", "Tags", KeyId=key)
        listed = ask() if named else unless_denied(ask)
        tags = {tag["TagKey"]: tag["TagValue"] for tag in listed or ()}
        tagged = tags.get(NAME_TAG, "")
        owned = self.owns(Resource("", {}, tags))
        name = tagged if owned and (tagged in aliases or not named) else next(iter(named), "")
        if not name:
            return None
        metadata = self.client.describe_key(KeyId=key)["KeyMetadata"]
        leaving = metadata["KeyState"] == "PendingDeletion"
        if leaving and name not in wanted:
            return None
        rotation = self.client.get_key_rotation_status(KeyId=key)
        policy = json.loads(self.client.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        fields = {
            "pending_deletion": leaving,
            "enabled": metadata["KeyState"] == "Enabled",
            "alias": name in aliases,
            "description": metadata["Description"],
            "rotation_days": rotation["RotationPeriodInDays"] if rotation["KeyRotationEnabled"] else 0,
            "policy": as_written(policy, wanted.get(name, {}).get("policy")),
            "multi_region": metadata.get("MultiRegion", False),
        }
        return Resource(name, fields, tags, metadata["Arn"])

    def create(self, wanted: Resource) -> str:
        made = self.client.create_key(
            Description=wanted.fields["description"],
            Policy=json.dumps(wanted.fields["policy"]),
            MultiRegion=wanted.fields["multi_region"],
            Tags=_tag_list(wanted.tags),
        )
        return str(made["KeyMetadata"]["Arn"])

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        key, fields = {"KeyId": _key_id(there)}, wanted.fields
        if part == "pending deletion":
            self.client.cancel_key_deletion(**key)
        elif part == "enabled":
            self.client.enable_key(**key)
        elif part == "alias":
            self.client.create_alias(AliasName=f"{_ALIAS}{wanted.name}", TargetKeyId=_key_id(there))
        elif part == "description":
            self.client.update_key_description(**key, Description=fields["description"])
        elif part == "policy":
            self.client.put_key_policy(**key, PolicyName="default", Policy=json.dumps(fields["policy"]))
        elif fields["rotation_days"]:
            self.client.enable_key_rotation(**key, RotationPeriodInDays=fields["rotation_days"])
        else:
            self.client.disable_key_rotation(**key)

    def delete(self, there: Resource) -> None:
        """The alias stays until the key is gone, so that a run that wants the key again finds and keeps it."""
        window = self.options["deletion_window_days"]
        self.client.schedule_key_deletion(KeyId=_key_id(there), PendingWindowInDays=window)

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.tag_resource(KeyId=_key_id(there), Tags=_tag_list(tags))


def _key_id(key: Resource) -> str:
    return key.id.rpartition("/")[2]


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
