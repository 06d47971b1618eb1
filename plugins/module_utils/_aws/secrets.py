# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Secrets of Secrets Manager, with values that AWS makes up and that no run reads again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.policies import as_written
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list, to_tag_list

#: The tag that says which generation of its value a secret has.
GENERATION_TAG = "entasis.io/generation"


class Secrets(Domain):
    kind = "secret"
    option = "secrets"
    service = "secretsmanager"
    creates = ("CreateSecret",)
    born = {"policy": {}}

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            # A secret that waits for its deletion takes no other change.
            "pending_deletion": False,
            "description": options["description"],
            "kms_key": self.kms_key(options),
            "policy": options["policy"],
            "generation": options["generation"],
        }

    def observe(self) -> Iterator[Resource]:
        listed = read_all(self.client, "list_secrets", "SecretList", IncludePlannedDeletion=True)
        wanted = {one.name: one.fields for one in self._wanted}
        for secret in listed:
            name, tags = secret["Name"], from_tag_list(secret.get("Tags"))
            leaving = "DeletedDate" in secret
            if name not in wanted and (leaving or not self.owns(Resource(name, {}, tags))):
                continue
            fields = {
                "pending_deletion": leaving,
                "description": secret.get("Description", ""),
                "kms_key": secret.get("KmsKeyId", ""),
                "policy": self._policy(name, wanted.get(name, {}).get("policy")),
                "generation": int(tags.get(GENERATION_TAG, "1")),
            }
            yield Resource(name, fields, tags, secret["ARN"])

    def _policy(self, name: str, wanted: Mapping[str, Any] | None) -> Any:
        """The policy of a secret, where somebody asked for one."""
        if wanted is None:
            return None
        found = self.client.get_resource_policy(SecretId=name).get("ResourcePolicy")
        return as_written(json.loads(found), wanted) if found else {}

    def create(self, wanted: Resource) -> str:
        tags = {**wanted.tags, GENERATION_TAG: str(wanted.fields["generation"])}
        key = wanted.fields["kms_key"]
        made = self.client.create_secret(
            Name=wanted.name,
            Description=wanted.fields["description"],
            SecretString=self._value(wanted.name),
            Tags=to_tag_list(tags),
            **({"KmsKeyId": key} if key else {}),
        )
        return str(made["ARN"])

    def _value(self, name: str) -> str:
        """A new value, alone or as a part of the content that the options give."""
        options = next(one for one in self.options["secrets"] if one["name"] == name)
        made = self.client.get_random_password(
            PasswordLength=options["length"],
            ExcludeCharacters=options["exclude_characters"],
            ExcludePunctuation=not options["punctuation"],
        )
        value = str(made["RandomPassword"])
        return json.dumps({**options["content"], options["key"]: value}) if options["content"] else value

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        secret, fields = {"SecretId": there.id}, wanted.fields
        if part == "pending deletion":
            self.client.restore_secret(**secret)
        elif part == "description":
            self.client.update_secret(**secret, Description=fields["description"])
        elif part == "kms key":
            self.client.update_secret(**secret, KmsKeyId=fields["kms_key"] or "alias/aws/secretsmanager")
        elif part == "generation":
            self.client.put_secret_value(**secret, SecretString=self._value(there.name))
            self.tag(there, {GENERATION_TAG: str(fields["generation"])})
        elif fields["policy"]:
            policy = json.dumps(fields["policy"])
            self.client.put_resource_policy(**secret, ResourcePolicy=policy, BlockPublicPolicy=True)
        else:
            self.client.delete_resource_policy(**secret)

    def delete(self, there: Resource) -> None:
        self.client.delete_secret(SecretId=there.id, RecoveryWindowInDays=self.options["recovery_window_days"])

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.tag_resource(SecretId=there.id, Tags=to_tag_list(tags))
