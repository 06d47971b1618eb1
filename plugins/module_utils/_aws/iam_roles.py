# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""IAM roles: who may assume them, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list, to_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import remove
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM, HandlerError

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError
    from botocore.session import Session


class IamRoles(Domain):
    kind = "iam_role"
    service = "iam"
    creates = ("CreateRole",)
    fixed = ("path",)
    parts = {
        "trust": ("assume_role_policy",),
        "description": ("description",),
        "permissions boundary": ("permissions_boundary",),
        "policies": ("policies",),
        "inline policies": ("inline_policies",),
        "instance profile": ("instance_profile",),
    }
    born = {"policies": [], "inline_policies": {}, "instance_profile": False}
    shared = ("policies", "inline_policies")
    worldwide = True

    def desired(self) -> Iterator[Resource]:
        for role in self.options["roles"]:
            boundary = role["permissions_boundary"]
            fields = {
                **{key: role[key] for key in ("path", "description", "assume_role_policy", "instance_profile")},
                "permissions_boundary": self._arn(boundary) if boundary else "",
                "policies": sorted({self._arn(policy) for policy in role["policies"]}),
                "inline_policies": role["inline_policies"],
            }
            yield Resource(role["name"], fields, self.own(role["name"], role["tags"]))

    def _arn(self, policy: str) -> str:
        """A policy by its ARN, or one of AWS's own by its name."""
        if policy.startswith("arn:"):
            return policy
        return f"arn:{Session().get_partition_for_region(self.module.region)}:iam::aws:policy/{policy}"

    def observe(self) -> Iterator[Resource]:
        """IAM finds no role by its tags, so those that left the options are looked for by the platform's name."""
        ours = f"{self.options['platform']}-"
        listed = {role["RoleName"] for role in read_all(self.client, "list_roles", "Roles")}
        names = [name for name in listed if name in self.names or name.startswith(ours)]
        wanted = {one.name: one.fields for one in self._wanted}
        with ThreadPoolExecutor(PARALLELISM) as pool:
            for found in pool.map(lambda name: self._read(name, wanted.get(name, {})), sorted(names)):
                if found:
                    yield found

    def _read(self, name: str, wanted: Mapping[str, Any]) -> Resource | None:
        try:
            role = self.client.get_role(RoleName=name)["Role"]
            tags = from_tag_list(role.get("Tags"))
            if not wanted and not self.owns(Resource(name, {}, tags)):
                return None
            attached = read_all(self.client, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
            inline = {
                policy: self.client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in map(str, read_all(self.client, "list_role_policies", "PolicyNames", RoleName=name))
            }
            profiles = read_all(self.client, "list_instance_profiles_for_role", "InstanceProfiles", RoleName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return None
            raise
        written = wanted.get("inline_policies", {})
        fields = {
            "path": role["Path"],
            "description": role.get("Description", ""),
            "assume_role_policy": _as_written(role["AssumeRolePolicyDocument"], wanted.get("assume_role_policy")),
            "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            "policies": sorted(policy["PolicyArn"] for policy in attached),
            "inline_policies": {policy: _as_written(inline[policy], written.get(policy)) for policy in sorted(inline)},
            "instance_profile": name in [profile["InstanceProfileName"] for profile in profiles],
        }
        return Resource(name, fields, tags, role["Arn"])

    def create(self, wanted: Resource) -> str:
        boundary = wanted.fields["permissions_boundary"]
        made = self.client.create_role(
            RoleName=wanted.name,
            Path=wanted.fields["path"],
            Description=wanted.fields["description"],
            AssumeRolePolicyDocument=json.dumps(wanted.fields["assume_role_policy"]),
            Tags=to_tag_list(wanted.tags),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )
        return str(made["Role"]["Arn"])

    def update(self, there: Resource, part: str, wanted: Resource) -> None:
        iam, role, fields = self.client, {"RoleName": wanted.name}, wanted.fields
        if part == "trust":
            iam.update_assume_role_policy(**role, PolicyDocument=json.dumps(fields["assume_role_policy"]))
        elif part == "description":
            iam.update_role(**role, Description=fields["description"])
        elif part == "permissions boundary" and fields["permissions_boundary"]:
            iam.put_role_permissions_boundary(**role, PermissionsBoundary=fields["permissions_boundary"])
        elif part == "permissions boundary":
            remove(iam.delete_role_permissions_boundary, **role)
        elif part == "policies":
            for policy in [policy for policy in fields["policies"] if policy not in there.fields["policies"]]:
                iam.attach_role_policy(**role, PolicyArn=policy)
            self._drop(there, fields["policies"], there.fields["inline_policies"])
        elif part == "inline policies":
            for name, document in fields["inline_policies"].items():
                if document != there.fields["inline_policies"].get(name):
                    iam.put_role_policy(**role, PolicyName=name, PolicyDocument=json.dumps(document))
            self._drop(there, there.fields["policies"], fields["inline_policies"])
        elif fields["instance_profile"]:
            self._make_profile(wanted)
        else:
            self._remove_profile(there)

    def _drop(self, there: Resource, policies: Collection[str] = (), inline: Collection[str] = ()) -> None:
        """Take away the policies of a role but for these."""
        for policy in [policy for policy in there.fields["policies"] if policy not in policies]:
            remove(self.client.detach_role_policy, RoleName=there.name, PolicyArn=policy)
        for policy in [policy for policy in there.fields["inline_policies"] if policy not in inline]:
            remove(self.client.delete_role_policy, RoleName=there.name, PolicyName=policy)

    def _make_profile(self, wanted: Resource) -> None:
        """The instance profile has the name and the tags of its role."""
        iam, profile = self.client, {"InstanceProfileName": wanted.name}
        try:
            iam.create_instance_profile(**profile, Path=wanted.fields["path"], Tags=to_tag_list(wanted.tags))
        except ClientError as error:
            if error.response["Error"]["Code"] != "EntityAlreadyExists":
                raise
            found = iam.get_instance_profile(**profile)["InstanceProfile"]
            if not self.owns(Resource(wanted.name, {}, from_tag_list(found.get("Tags")))):
                raise HandlerError(
                    f"an instance profile {wanted.name} exists and is not ours: it is left alone. Remove it, give it "
                    "the tags of the role, or use another name for the role"
                ) from error
        iam.add_role_to_instance_profile(**profile, RoleName=wanted.name)

    def _remove_profile(self, there: Resource) -> None:
        profile = {"InstanceProfileName": there.name}
        remove(self.client.remove_role_from_instance_profile, **profile, RoleName=there.name)
        remove(self.client.delete_instance_profile, **profile)

    def delete(self, there: Resource) -> None:
        if there.fields["instance_profile"]:
            self._remove_profile(there)
        self._drop(there)
        remove(self.client.delete_role, RoleName=there.name)

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.tag_role(RoleName=there.name, Tags=to_tag_list(tags))


def _as_written(found: Any, wanted: Any) -> Any:
    """A policy in the user's own words where IAM says the same in others."""
    return found if wanted is None or compare_policies(found, wanted) else wanted
