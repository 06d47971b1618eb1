# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""IAM roles: who may assume them, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.policies import as_written
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list, to_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import remove, unless_gone
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM, HandlerError


class IamRoles(Domain):
    kind = "iam_role"
    option = "roles"
    service = "iam"
    creates = ("CreateRole",)
    fixed = ("path",)
    born = {"policies": [], "inline_policies": {}, "instance_profile": False}
    shared = ("policies", "inline_policies")
    worldwide = True

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        boundary = options["permissions_boundary"]
        return {
            **{key: value for key, value in options.items() if key not in ("name", "tags")},
            "permissions_boundary": self._arn(boundary) if boundary else "",
            "policies": sorted({self._arn(policy) for policy in options["policies"]}),
        }

    def _arn(self, policy: str) -> str:
        """A policy by its ARN, or one of AWS's own by its name."""
        if policy.startswith("arn:"):
            return policy
        return f"arn:{self.partition}:iam::aws:policy/{policy}"

    def observe(self) -> Iterator[Resource]:
        """IAM finds no role by its tags, so those that left the options are looked for by the platform's name."""
        ours = f"{self.options['platform']}-"
        listed = {role["RoleName"] for role in read_all(self.client, "list_roles", "Roles")}
        names = [name for name in listed if name in self.names or name.startswith(ours)]
        wanted = {one.name: one.fields for one in self._wanted}
        with ThreadPoolExecutor(PARALLELISM) as pool:
            found = pool.map(lambda name: unless_gone(lambda: self._read(name, wanted.get(name, {}))), sorted(names))
            yield from filter(None, found)

    def _read(self, name: str, wanted: Mapping[str, Any]) -> Resource | None:
        """The role, with its policies in the words of C(wanted) where they say the same; None where it is not ours."""
        iam, one = self.client, {"RoleName": name}
        role = iam.get_role(**one)["Role"]
        tags = from_tag_list(role.get("Tags"))
        if not wanted and not self.owns(Resource(name, {}, tags)):
            return None
        attached = read_all(iam, "list_attached_role_policies", "AttachedPolicies", **one)
        inline = sorted(map(str, read_all(iam, "list_role_policies", "PolicyNames", **one)))
        documents = {policy: iam.get_role_policy(**one, PolicyName=policy)["PolicyDocument"] for policy in inline}
        profiles = read_all(iam, "list_instance_profiles_for_role", "InstanceProfiles", **one)
        written = wanted.get("inline_policies", {})
        fields = {
            "path": role["Path"],
            "description": role.get("Description", ""),
            "assume_role_policy": as_written(role["AssumeRolePolicyDocument"], wanted.get("assume_role_policy")),
            "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            "policies": sorted(policy["PolicyArn"] for policy in attached),
            "inline_policies": {policy: as_written(documents[policy], written.get(policy)) for policy in inline},
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
        if part == "assume role policy":
            iam.update_assume_role_policy(**role, PolicyDocument=json.dumps(fields["assume_role_policy"]))
        elif part == "description":
            iam.update_role(**role, Description=fields["description"])
        elif part == "permissions boundary" and fields["permissions_boundary"]:
            iam.put_role_permissions_boundary(**role, PermissionsBoundary=fields["permissions_boundary"])
        elif part == "permissions boundary":
            remove(iam.delete_role_permissions_boundary, **role)
        elif part == "policies":
            before, after = set(there.fields["policies"]), set(fields["policies"])
            for policy in after - before:
                iam.attach_role_policy(**role, PolicyArn=policy)
            for policy in before - after:
                remove(iam.detach_role_policy, **role, PolicyArn=policy)
        elif part == "inline policies":
            written, documents = there.fields["inline_policies"], fields["inline_policies"]
            for name in [name for name in documents if documents[name] != written.get(name)]:
                iam.put_role_policy(**role, PolicyName=name, PolicyDocument=json.dumps(documents[name]))
            for name in written.keys() - documents.keys():
                remove(iam.delete_role_policy, **role, PolicyName=name)
        elif fields["instance_profile"]:
            self._make_profile(wanted)
        else:
            remove(iam.remove_role_from_instance_profile, **role, InstanceProfileName=there.name)
            remove(iam.delete_instance_profile, InstanceProfileName=there.name)

    def _make_profile(self, wanted: Resource) -> None:
        """The instance profile has the name and the tags of its role."""
        iam, profile = self.client, {"InstanceProfileName": wanted.name}
        try:
            iam.create_instance_profile(**profile, Path=wanted.fields["path"], Tags=to_tag_list(wanted.tags))
        except iam.exceptions.EntityAlreadyExistsException as error:
            found = iam.get_instance_profile(**profile)["InstanceProfile"]
            if not self.owns(Resource(wanted.name, {}, from_tag_list(found.get("Tags")))):
                raise HandlerError(
                    f"an instance profile {wanted.name} exists and is not ours: it is left alone. Remove it, give it "
                    "the tags of the role, or use another name for the role"
                ) from error
        iam.add_role_to_instance_profile(**profile, RoleName=wanted.name)

    def delete(self, there: Resource) -> None:
        bare = replace(there, fields={**there.fields, **self.born})
        for part in self.differing(there, bare):
            self.update(there, part, bare)
        remove(self.client.delete_role, RoleName=there.name)

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.tag_role(RoleName=there.name, Tags=to_tag_list(tags))
