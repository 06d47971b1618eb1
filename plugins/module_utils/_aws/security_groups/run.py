# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of the module aws_security_groups: what it reads, plans, applies and returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.creating import create_once, stop_blind_retries
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import (
    AwsModule,
    client,
    refuse_blocked_removal,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.desired import (
    absent,
    desired_groups,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.plan import (
    INBOUND,
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
from ansible_collections.entasis.engine.plugins.module_utils._aws.waiting import not_found, retry, still_used
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    KNOWN_AFTER_APPLY,
    Change,
    Handler,
    PlanError,
)

_NO_SUCH_RULE = "InvalidPermission.NotFound"


class AwsSecurityGroups:
    def __init__(self, module: AwsModule) -> None:
        self._module = module
        self._platform: str = module.params["platform"]
        self._ec2 = client(module, "ec2")

    def plan(self) -> Plan:
        options = self._module.params
        self._desired = (
            desired_groups(self._platform, options["role"], groups=options["groups"], tags=options["tags"])
            if options["state"] == "present"
            else absent(self._platform, options["role"])
        )
        vpc, observed = observe(self._ec2, self._platform, self._desired.prefix_lists)
        if vpc is None and self._desired.groups and not self._module.check_mode:
            raise PlanError(f"platform {self._platform} has no VPC in this region. Make it first with aws_network")
        self._plan = plan(self._desired, observed, purge=options["purge"])
        self._apply = SecurityGroupsApply(self._ec2, vpc or "", self._plan)
        going = {change.name: self._plan.ids[change.name] for change in self._plan.changes if change.action == "delete"}
        if going:
            blockers = foreign_references(observed, self._plan)
            blockers += lookups.interfaces(self._ec2, "group-id", going.values())
            refuse_blocked_removal(self._module, f"security group {', '.join(going)}", blockers)
        return self._plan

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return self._apply.handlers()

    def report(self) -> Mapping[str, Any]:
        """The module's own return values, from what was observed and what was made since."""
        return {
            "group_ids": {
                name.removeprefix(f"{self._platform}-"): self._apply.ids.get(name, KNOWN_AFTER_APPLY)
                for name in self._desired.groups
            },
        }


def observe(ec2: Any, platform: str, prefix_lists: frozenset[str]) -> tuple[str | None, Observed]:
    """The id of the platform's VPC, and every security group in it; two rounds of calls.

    Raises:
        PlanError: the platform has more than one VPC.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        lists = pool.submit(_prefix_list_ids, ec2, prefix_lists)
        vpc = lookups.platform_vpc(ec2, platform)
        inside = [_filter("vpc-id", vpc)] if vpc else []
        found = read_all(ec2, "describe_security_groups", "SecurityGroups", Filters=inside) if vpc else []
        return vpc, Observed(tuple(_group(item) for item in found), lists.result())


def _prefix_list_ids(ec2: Any, names: frozenset[str]) -> dict[str, str]:
    if not names:
        return {}
    filters = [{"Name": "prefix-list-name", "Values": sorted(names)}]
    found = read_all(ec2, "describe_managed_prefix_lists", "PrefixLists", Filters=filters)
    return {item["PrefixListName"]: item["PrefixListId"] for item in found}


def _group(item: Mapping[str, Any]) -> ObservedGroup:
    return ObservedGroup(
        item["GroupId"],
        item["GroupName"],
        item["Description"],
        from_tag_list(item.get("Tags")),
        from_permissions(item.get("IpPermissions", ()), item["OwnerId"]),
        from_permissions(item.get("IpPermissionsEgress", ()), item["OwnerId"]),
    )


class SecurityGroupsApply:
    """Applies the changes of one plan. The ids of all groups are in C(ids) afterwards."""

    def __init__(self, ec2: Any, vpc: str, plan: Plan) -> None:
        self._ec2 = ec2
        self._vpc = vpc
        self._plan = plan
        self.ids = dict(plan.ids)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        stop_blind_retries(self._ec2, ("CreateSecurityGroup",))
        return {
            ("security_group", "create"): self._create,
            ("security_group", "update"): self._tag,
            ("security_group", "delete"): self._delete,
            (INBOUND, "update"): self._change_inbound,
            (OUTBOUND, "update"): self._change_outbound,
        }

    def _create(self, change: Change) -> None:
        after = change.after or {}
        named = [_filter("vpc-id", self._vpc), _filter("group-name", change.name)]
        made = create_once(
            lambda: self._ec2.create_security_group(
                GroupName=change.name,
                Description=after["description"],
                VpcId=self._vpc,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": to_tag_list(after["tags"])}],
            ),
            lambda: read_all(self._ec2, "describe_security_groups", "SecurityGroups", Filters=named),
        )
        self.ids[change.name] = made["GroupId"]

    def _tag(self, change: Change) -> None:
        tags = (change.after or {})["tags"]
        self._ec2.create_tags(Resources=[self.ids[change.name]], Tags=to_tag_list(tags))

    def _delete(self, change: Change) -> None:
        retry(lambda: self._ec2.delete_security_group(GroupId=self.ids[change.name]), still_used, done=not_found)

    def _change_inbound(self, change: Change) -> None:
        self._change_rules(
            change,
            authorize=self._ec2.authorize_security_group_ingress,
            describe=self._ec2.update_security_group_rule_descriptions_ingress,
            revoke=self._ec2.revoke_security_group_ingress,
        )

    def _change_outbound(self, change: Change) -> None:
        self._change_rules(
            change,
            authorize=self._ec2.authorize_security_group_egress,
            describe=self._ec2.update_security_group_rule_descriptions_egress,
            revoke=self._ec2.revoke_security_group_egress,
        )

    def _change_rules(
        self,
        change: Change,
        *,
        authorize: Callable[..., Any],
        describe: Callable[..., Any],
        revoke: Callable[..., Any],
    ) -> None:
        """New rules first, so that what both sets allow stays allowed all the time."""
        before, after = self._plan.rules[change.resource]
        steps: list[tuple[Callable[..., Any], Rules, str]] = [
            (authorize, {rule: after[rule] for rule in after if rule not in before}, "InvalidPermission.Duplicate"),
            (describe, {rule: after[rule] for rule in after if before.get(rule, after[rule]) != after[rule]}, ""),
            (revoke, {rule: "" for rule in before if rule not in after}, _NO_SUCH_RULE),
        ]
        for call, rules, done in steps:
            if rules:
                self._call(call, self.ids[change.name], to_permissions(rules, self.ids), done)

    @staticmethod
    def _call(call: Callable[..., Any], group: str, permissions: list[dict[str, Any]], done: str) -> None:
        """All permissions in one call; one by one where AWS refuses them because one of them is as wanted already."""

        def attempt(some: list[dict[str, Any]]) -> Any:
            return retry(
                lambda: call(GroupId=group, IpPermissions=some),
                lambda code: not_found(code) and code != _NO_SUCH_RULE,
                done=lambda code: code == done,
            )

        if attempt(permissions) is None and len(permissions) > 1:
            for permission in permissions:
                attempt([permission])


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}
