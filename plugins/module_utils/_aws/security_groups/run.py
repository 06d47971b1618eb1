# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of the module aws_security_groups: what it reads, plans, applies and returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import refuse_blocked_removal
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.desired import (
    absent,
    desired_groups,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.plan import (
    INBOUND,
    KIND,
    OUTBOUND,
    Observed,
    ObservedGroup,
    Plan,
    foreign_references,
    plan,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.rules import (
    Rules,
    from_permissions,
    to_permissions,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.tagging import from_tag_list, to_tag_list
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import not_found, remove, retry
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    KNOWN_AFTER_APPLY,
    Change,
    Handler,
)

_NO_SUCH_RULE = "InvalidPermission.NotFound"


class AwsSecurityGroups(Domain):
    kind = KIND
    service = "ec2"
    creates = ("CreateSecurityGroup",)

    def plan(self) -> Plan:
        platform, options = self.options["platform"], self.options
        self._desired = (
            desired_groups(platform, options["role"], groups=options["groups"], tags=options["tags"])
            if options["state"] == "present"
            else absent(platform, options["role"])
        )
        needed = bool(self._desired.groups) and not self.module.check_mode
        parents = lookups.find(lambda: {"vpc": lookups.vpcs(self.client, platform)}, required=needed)
        self._vpc = parents["vpc"].ids.get(platform, "")
        observed = observe(self.client, self._vpc, self._desired.prefix_lists)
        self._plan = self._groups = plan(self._desired, observed, purge=options["purge"])
        self.there = {one.name: one for one in map(_resource, observed.groups)}
        self.ids = dict(self._groups.ids)
        going = {change.name: self.ids[change.name] for change in self._groups.changes if change.action == "delete"}
        if going:
            blockers = foreign_references(observed, self._groups)
            blockers += lookups.interfaces(self.client, "group-id", going.values())
            refuse_blocked_removal(self.module, f"security group {', '.join(going)}", blockers)
        return self._groups

    def observe(self) -> list[Resource]:
        return [_resource(group) for group in observe(self.client, self._vpc, ()).groups]

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            **super().handlers(),
            (INBOUND, "update"): partial(self._change_rules, "ingress"),
            (OUTBOUND, "update"): partial(self._change_rules, "egress"),
        }

    def create(self, wanted: Resource) -> str:
        made = self.client.create_security_group(
            GroupName=wanted.name,
            Description=wanted.fields["description"],
            VpcId=self._vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": to_tag_list(wanted.tags)}],
        )
        return str(made["GroupId"])

    def tag(self, there: Resource, tags: Mapping[str, str]) -> None:
        self.client.create_tags(Resources=[there.id], Tags=to_tag_list(tags))

    def delete(self, there: Resource) -> None:
        remove(self.client.delete_security_group, GroupId=there.id)

    def _change_rules(self, direction: str, change: Change) -> None:
        """New rules first, so that what both sets allow stays allowed all the time."""
        before, after = self._groups.rules[change.resource]
        steps: list[tuple[str, Rules, str]] = [
            (
                f"authorize_security_group_{direction}",
                {rule: after[rule] for rule in after if rule not in before},
                "InvalidPermission.Duplicate",
            ),
            (
                f"update_security_group_rule_descriptions_{direction}",
                {rule: after[rule] for rule in after if before.get(rule, after[rule]) != after[rule]},
                "",
            ),
            (f"revoke_security_group_{direction}", {rule: "" for rule in before if rule not in after}, _NO_SUCH_RULE),
        ]
        for operation, rules, done in steps:
            if rules:
                call = partial(getattr(self.client, operation), GroupId=self.ids[change.name])
                self._call(call, to_permissions(rules, self.ids), done)

    @staticmethod
    def _call(call: Callable[..., Any], permissions: list[dict[str, Any]], done: str) -> None:
        """All permissions in one call; one by one where AWS refuses them because one of them is as wanted already."""

        def attempt(some: list[dict[str, Any]]) -> Any:
            return retry(
                lambda: call(IpPermissions=some),
                lambda code: not_found(code) and code != _NO_SUCH_RULE,
                done=lambda code: code == done,
            )

        if attempt(permissions) is None and len(permissions) > 1:
            for permission in permissions:
                attempt([permission])

    def report(self) -> Mapping[str, Any]:
        """The module's own return values, from what was observed and what was made since."""
        prefix = f"{self.options['platform']}-"
        ids = {name: self.ids.get(name, KNOWN_AFTER_APPLY) for name in self._desired.groups}
        return {"group_ids": {name.removeprefix(prefix): identity for name, identity in ids.items()}}


def _resource(group: ObservedGroup) -> Resource:
    return Resource(group.name, {"description": group.description}, group.tags, group.id)


def observe(ec2: Any, vpc: str, prefix_lists: Collection[str]) -> Observed:
    """Every security group in a VPC, and the prefix lists of these names."""

    def read(operation: str, key: str, filtered_by: str, values: Collection[str]) -> list[dict[str, Any]]:
        return read_all(ec2, operation, key, Filters=[_filter(filtered_by, *sorted(values))]) if any(values) else []

    with ThreadPoolExecutor(max_workers=2) as pool:
        groups = pool.submit(read, "describe_security_groups", "SecurityGroups", "vpc-id", [vpc])
        lists = read("describe_managed_prefix_lists", "PrefixLists", "prefix-list-name", prefix_lists)
        ids = {item["PrefixListName"]: item["PrefixListId"] for item in lists}
        return Observed(tuple(_group(item) for item in groups.result()), ids)


def _group(item: Mapping[str, Any]) -> ObservedGroup:
    return ObservedGroup(
        item["GroupId"],
        item["GroupName"],
        item["Description"],
        from_tag_list(item.get("Tags")),
        from_permissions(item.get("IpPermissions", ()), item["OwnerId"]),
        from_permissions(item.get("IpPermissionsEgress", ()), item["OwnerId"]),
    )


def _filter(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}
