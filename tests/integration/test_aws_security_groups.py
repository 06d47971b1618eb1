# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""aws_security_groups against the emulated AWS, judged by boto3."""

from __future__ import annotations

import importlib
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.support.aws_server import REGION, AwsServer
from tests.support.modules import Modules, Outcome
from tests.support.network import PLATFORM, TAGS, tags_of, writes

RunModule = Callable[..., Outcome]
ANYWHERE = [("-1", None, None, "0.0.0.0/0", "")]


def options(**changed: Any) -> dict[str, Any]:
    """Three groups in a circle, with every kind of source."""
    return {
        "platform": PLATFORM,
        "role": "vpc",
        "tags": {"team": "data"},
        "groups": [
            {
                "name": "frontend",
                "inbound": [
                    {"from_port": 443, "cidr_ipv4": "0.0.0.0/0", "description": "Everyone"},
                    {"from_port": 443, "cidr_ipv6": "2001:DB8:0:0::/32"},
                    {"protocol": "icmp", "cidr_ipv4": "10.0.0.0/8"},
                ],
            },
            {
                "name": "application",
                "inbound": [
                    {"from_port": 8080, "group": "frontend", "description": "Requests"},
                    {"from_port": 9000, "to_port": 9010, "group": "monitoring"},
                    {"protocol": "-1", "group": "application"},
                ],
                "outbound": [],
            },
            {
                "name": "monitoring",
                "inbound": [{"protocol": "udp", "from_port": 8125, "group": "application"}],
                "outbound": [
                    {"from_port": 443, "prefix_list": f"com.amazonaws.{REGION}.s3"},
                    {"protocol": "-1", "group": "application"},
                ],
            },
        ],
        **changed,
    }


def rules_of(permissions: list[dict[str, Any]], names: dict[str, str]) -> list[tuple[Any, ...]]:
    found = []
    for permission in permissions:
        start = (permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
        for key, field in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId"),
            ("PrefixListIds", "PrefixListId"),
        ):
            found += [
                (*start, names.get(item[field], item[field]), item.get("Description", ""))
                for item in permission.get(key, ())
            ]
    return sorted(found, key=str)


def picture(ec2: Any) -> dict[str, Any]:
    """Every group but the default ones, by name: tags, description, rules in and out."""
    groups = [group for group in ec2.describe_security_groups()["SecurityGroups"] if group["GroupName"] != "default"]
    names = {group["GroupId"]: group["GroupName"] for group in groups}
    lists = ec2.describe_managed_prefix_lists()["PrefixLists"]
    names |= {item["PrefixListId"]: item["PrefixListName"] for item in lists}
    return {
        group["GroupName"]: {
            "tags": tags_of(group),
            "description": group["Description"],
            "in": rules_of(group["IpPermissions"], names),
            "out": rules_of(group["IpPermissionsEgress"], names),
        }
        for group in groups
    }


def whole_picture() -> dict[str, Any]:
    def group(name: str, inbound: list[Any], outbound: list[Any]) -> dict[str, Any]:
        return {
            "tags": {**TAGS, "team": "data", "Name": f"demo-{name}"},
            "description": f"{name} of platform demo",
            "in": sorted(inbound, key=str),
            "out": sorted(outbound, key=str),
        }

    return {
        "demo-frontend": group(
            "frontend",
            [
                ("tcp", 443, 443, "0.0.0.0/0", "Everyone"),
                ("tcp", 443, 443, "2001:db8::/32", ""),
                ("icmp", -1, -1, "10.0.0.0/8", ""),
            ],
            ANYWHERE,
        ),
        "demo-application": group(
            "application",
            [
                ("tcp", 8080, 8080, "demo-frontend", "Requests"),
                ("tcp", 9000, 9010, "demo-monitoring", ""),
                ("-1", None, None, "demo-application", ""),
            ],
            [],
        ),
        "demo-monitoring": group(
            "monitoring",
            [("udp", 8125, 8125, "demo-application", "")],
            [
                ("tcp", 443, 443, f"com.amazonaws.{REGION}.s3", ""),
                ("-1", None, None, "demo-application", ""),
            ],
        ),
    }


@pytest.fixture
def vpc(ec2: Any) -> str:
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, "Name": PLATFORM}.items()]
    made = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    return str(made["Vpc"]["VpcId"])


@pytest.fixture
def made(run_module: RunModule, vpc: str) -> dict[str, str]:  # noqa: ARG001 - the groups need the VPC
    """The ids of the groups of C(options()), by their short names."""
    return dict(present(run_module).result["group_ids"])


def present(run_module: RunModule, **changed: Any) -> Outcome:
    outcome = run_module("aws_security_groups", options(**changed))
    assert not outcome.failed, outcome.message
    return outcome


def steps(outcome: Outcome) -> set[tuple[str, str, str]]:
    return {(change["action"], change["kind"], change["name"]) for change in outcome.result["changes"]}


def test_groups_are_made_as_asked_and_a_second_run_changes_nothing(modules: Modules, ec2: Any, vpc: str) -> None:
    done = modules.quartet("aws_security_groups", **options())
    assert picture(ec2) == whole_picture()
    groups = ec2.describe_security_groups(GroupIds=list(done.result["group_ids"].values()))["SecurityGroups"]
    assert {group["VpcId"] for group in groups} == {vpc}


def test_check_mode_on_an_empty_account_lists_what_the_real_run_does_later(
    run_module: RunModule, account: AwsServer, ec2: Any
) -> None:
    foreseen = run_module("aws_security_groups", options(), check=True)
    assert not foreseen.failed, foreseen.message
    assert writes(account) == []
    assert foreseen.result["group_ids"]["frontend"] == "(known after apply)"
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, "Name": PLATFORM}.items()]
    ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    done = present(run_module)
    assert done.result["changes"] == foreseen.result["changes"]


def test_a_run_without_the_vpc_says_what_to_do(run_module: RunModule, account: AwsServer) -> None:
    outcome = run_module("aws_security_groups", options())
    assert outcome.failed
    assert outcome.message == ("platform demo has no VPC in this region. Make it first with aws_network")
    assert writes(account) == []


def test_a_run_with_nothing_to_do_writes_nothing(run_module: RunModule, account: AwsServer, made: Any) -> None:  # noqa: ARG001 - the groups must be there
    account.control("DELETE", "calls")
    assert not present(run_module).changed
    assert writes(account) == []


def _tcp(port: int, **source: str) -> dict[str, Any]:
    (key, value), *rest = source.items()
    description = dict(rest).get("description")
    kind, field = {"cidr": ("IpRanges", "CidrIp"), "group": ("UserIdGroupPairs", "GroupId")}[key]
    item = {field: value, **({"Description": description} if description else {})}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, kind: [item]}


def _remove_rule(ec2: Any, ids: dict[str, str]) -> None:
    ec2.revoke_security_group_ingress(GroupId=ids["application"], IpPermissions=[_tcp(8080, group=ids["frontend"])])


def _add_rule(ec2: Any, ids: dict[str, str]) -> None:
    ec2.authorize_security_group_ingress(GroupId=ids["frontend"], IpPermissions=[_tcp(22, cidr="0.0.0.0/0")])


def _open_outbound(ec2: Any, ids: dict[str, str]) -> None:
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_egress(GroupId=ids["application"], IpPermissions=everything)


def _describe(ec2: Any, ids: dict[str, str]) -> None:
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=ids["frontend"], IpPermissions=[_tcp(443, cidr="0.0.0.0/0", description="Nobody")]
    )


def _lose_tags(ec2: Any, ids: dict[str, str]) -> None:
    keys = ["entasis.io/platform", "entasis.io/role", "team"]
    ec2.delete_tags(Resources=[ids["monitoring"]], Tags=[{"Key": key} for key in keys])


DRIFTS: dict[str, tuple[Callable[[Any, dict[str, str]], None], set[tuple[str, str, str]], str]] = {
    "a rule removed": (
        _remove_rule,
        {("update", "inbound_rules", "demo-application")},
        "tcp 8080 group demo-frontend (Requests)",
    ),
    "a rule added": (_add_rule, {("update", "inbound_rules", "demo-frontend")}, "tcp 22 0.0.0.0/0"),
    "everything let out": (
        _open_outbound,
        {("update", "outbound_rules", "demo-application")},
        "every protocol 0.0.0.0/0",
    ),
    "a description changed": (_describe, {("update", "inbound_rules", "demo-frontend")}, "Nobody"),
    "tags lost": (_lose_tags, {("update", "security_group", "demo-monitoring")}, "entasis.io/platform"),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_seen_named_and_mended_and_nothing_else_changes(
    run_module: RunModule, account: AwsServer, ec2: Any, made: dict[str, str], drift: str
) -> None:
    put_in, expected, named = DRIFTS[drift]
    put_in(ec2, made)
    assert picture(ec2) != whole_picture()
    account.control("DELETE", "calls")
    foreseen = run_module("aws_security_groups", options(), check=True)
    assert steps(foreseen) == expected
    assert named in str(foreseen.result["diff"])
    assert writes(account) == []
    done = present(run_module)
    assert done.result["changes"] == foreseen.result["changes"]
    assert done.result["group_ids"] == made
    assert picture(ec2) == whole_picture()


def test_a_description_is_changed_and_taken_away_in_place(
    run_module: RunModule,
    account: AwsServer,
    ec2: Any,
    made: Any,  # noqa: ARG001 - the groups must be there
) -> None:
    for description in ("Everyone, for now", None):
        rule = {"from_port": 443, "cidr_ipv4": "0.0.0.0/0", "description": description}
        account.control("DELETE", "calls")
        present(run_module, groups=[{"name": "frontend", "inbound": [rule]}, *options()["groups"][1:]])
        rules = picture(ec2)["demo-frontend"]["in"]
        assert ("tcp", 443, 443, "0.0.0.0/0", description or "") in rules
        assert "AuthorizeSecurityGroupIngress" not in writes(account)


def test_groups_that_left_the_set_stay_until_purge_and_their_references_go_first(
    run_module: RunModule,
    ec2: Any,
    made: Any,  # noqa: ARG001 - the groups must be there
) -> None:
    """application is in a circle with monitoring, which stays."""
    rest = [{"name": "frontend"}, {"name": "monitoring"}]
    kept = present(run_module, groups=rest)
    assert [entry.split(" ")[0] for entry in kept.result["unlisted"]] == ["security_group/demo-application"]
    assert "demo-application" in str(kept.result["warnings"])
    assert set(picture(ec2)) == {"demo-frontend", "demo-application", "demo-monitoring"}
    present(run_module, groups=rest, purge=True)
    assert set(picture(ec2)) == {"demo-frontend", "demo-monitoring"}
    assert not present(run_module, groups=rest, purge=True).changed


def test_absent_removes_a_circle_of_groups_and_leaves_what_is_not_ours(
    modules: Modules,
    ec2: Any,
    vpc: str,
    made: Any,  # noqa: ARG001 - the groups must be there
) -> None:
    ec2.create_security_group(VpcId=vpc, GroupName="theirs", Description="Theirs")
    other = [{"Key": "entasis.io/platform", "Value": "other"}]
    ec2.create_security_group(
        VpcId=vpc,
        GroupName="demo-other",
        Description="Of another platform",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": other}],
    )
    modules.quartet("aws_security_groups", platform=PLATFORM, role="vpc", state="absent")
    assert set(picture(ec2)) == {"theirs", "demo-other"}


def test_removal_is_refused_before_anything_changes_while_a_group_is_in_use(
    run_module: RunModule, account: AwsServer, ec2: Any, vpc: str, made: dict[str, str]
) -> None:
    theirs = ec2.create_security_group(VpcId=vpc, GroupName="theirs", Description="Theirs")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=[_tcp(22, group=made["frontend"])])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[made["application"]], Description="a load balancer")
    before = picture(ec2)
    account.control("DELETE", "calls")
    absent = {"platform": PLATFORM, "role": "vpc", "state": "absent"}
    refused = run_module("aws_security_groups", absent)
    assert refused.failed
    assert "a load balancer" in refused.message
    assert f"a rule of security group theirs ({theirs}), which refers to demo-frontend" in refused.message
    assert writes(account) == []
    assert picture(ec2) == before
    foreseen = run_module("aws_security_groups", absent, check=True)
    assert not foreseen.failed, foreseen.message
    assert "a load balancer" in str(foreseen.result["warnings"])


def test_a_group_of_our_name_that_is_not_ours_is_not_taken(run_module: RunModule, ec2: Any, vpc: str) -> None:
    theirs = ec2.create_security_group(VpcId=vpc, GroupName="demo-frontend", Description="Theirs")["GroupId"]
    before = picture(ec2)
    outcome = run_module("aws_security_groups", options())
    assert outcome.failed
    assert outcome.message.startswith(f"security group demo-frontend ({theirs}) is not the platform's.")
    assert picture(ec2) == before


def test_what_cannot_be_reached_is_told_at_once(run_module: RunModule, made: dict[str, str]) -> None:
    groups = [
        {
            "name": "frontend",
            "description": "Another one",
            "outbound": [{"from_port": 443, "prefix_list": "com.amazonaws.nowhere.s3"}],
        }
    ]
    outcome = run_module("aws_security_groups", options(groups=groups))
    assert outcome.result["problems"] == [
        (
            f"security group demo-frontend ({made['frontend']}) has the description 'frontend of platform demo', not "
            "'Another one', and AWS cannot change it. Write the description that is there, or use another name"
        ),
        (
            "there is no prefix list com.amazonaws.nowhere.s3. Write its id, or the name of one of AWS's own, as "
            "com.amazonaws.<region>.s3"
        ),
    ]


@pytest.mark.parametrize("calls", [3, 5, 7, 9, 11])
def test_a_run_that_was_killed_is_gone_on_with(
    modules: Modules, account: AwsServer, run_module: RunModule, ec2: Any, vpc: str, calls: int
) -> None:
    assert vpc
    account.control("POST", "faults", {"service": "ec2", "kind": "latency", "seconds": 0.02})
    account.control("DELETE", "calls")
    process = modules.start("aws_security_groups", **options())
    while account.control("GET", "calls")["total"] < calls:
        assert process.poll() is None, "the module made fewer calls than that"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    account.control("DELETE", "faults")
    present(run_module)
    assert picture(ec2) == whole_picture()


def _lose_each_answer(server: AwsServer, *operations: str) -> None:
    for operation in operations:
        server.control("POST", "faults", {"service": "ec2", "operation": operation, "kind": "lost_answer", "count": 1})


def test_lost_answers_make_nothing_twice_and_fail_nothing(
    run_module: RunModule, account: AwsServer, ec2: Any, vpc: str
) -> None:
    assert vpc
    making = [f"AuthorizeSecurityGroup{direction}" for direction in ("Ingress", "Egress")]
    _lose_each_answer(account, "CreateSecurityGroup", *making, "RevokeSecurityGroupEgress")
    made = present(run_module).result["group_ids"]
    assert account.control("GET", "faults") == []
    assert picture(ec2) == whole_picture()
    _add_rule(ec2, made)
    _lose_each_answer(account, "RevokeSecurityGroupIngress")
    present(run_module)
    assert picture(ec2) == whole_picture()
    _lose_each_answer(account, "DeleteSecurityGroup")
    outcome = run_module("aws_security_groups", {"platform": PLATFORM, "role": "vpc", "state": "absent"})
    assert not outcome.failed, outcome.message
    assert account.control("GET", "faults") == []
    assert picture(ec2) == {}


def test_throttling_is_waited_out(run_module: RunModule, account: AwsServer, ec2: Any, vpc: str) -> None:
    assert vpc
    account.control("POST", "faults", {"service": "ec2", "kind": "throttle", "count": 3})
    present(run_module)
    assert account.control("GET", "faults") == []
    assert picture(ec2) == whole_picture()


def test_the_examples_of_the_network_modules_run(modules: Modules, ec2: Any) -> None:
    """In the order in which a user would: networks, groups, and then both removed."""

    def examples(module: str) -> list[dict[str, Any]]:
        imported = importlib.import_module(f"ansible_collections.entasis.engine.plugins.modules.{module}")
        return [task[f"entasis.engine.{module}"] for task in yaml.safe_load(imported.EXAMPLES)]

    *networks, no_network = examples("aws_network")
    *groups, no_groups = examples("aws_security_groups")
    for module, options in [
        *(("aws_network", example) for example in networks),
        *(("aws_security_groups", example) for example in groups),
        ("aws_security_groups", no_groups),
        ("aws_network", no_network),
    ]:
        outcome = modules.run(module, **options)
        assert not outcome.failed, outcome.message
        assert outcome.changed, options
    assert picture(ec2) == {}
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
