# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""aws_network against the emulated AWS, judged by boto3."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.aws_server import REGION, AwsServer
from tests.support.modules import Modules, Outcome, finish
from tests.support.network import PLATFORM, TAGS, ids_by_name, network_options, picture, writes
from tests.support.waiting import wait_until

RunModule = Callable[..., Outcome]
EVERYWHERE = "0.0.0.0/0"


def present(run_module: RunModule, **changed: Any) -> Outcome:
    outcome = run_module("aws_network", network_options(**changed))
    assert not outcome.failed, outcome.message
    return outcome


def steps(outcome: Outcome) -> set[tuple[str, str, str]]:
    return {(change["action"], change["kind"], change["name"]) for change in outcome.result["changes"]}


@pytest.fixture
def made(run_module: RunModule, ec2: Any) -> dict[str, str]:
    """The ids of a network that is there."""
    present(run_module)
    return ids_by_name(ec2)


def whole_network() -> dict[str, Any]:
    """What boto3 is to see of the network of C(network_options())."""
    cidrs = {
        "public-a": "10.20.0.0/24",
        "public-c": "10.20.1.0/24",
        "private-a": "10.20.16.0/20",
        "private-c": "10.20.32.0/20",
    }

    def tags(name: str) -> dict[str, str]:
        return {**TAGS, "team": "data", "Name": name}

    local = {"10.20.0.0/16": ("local", "active")}
    seen: dict[str, Any] = {
        "vpc demo": {
            "tags": tags("demo"),
            "cidr": "10.20.0.0/16",
            "enableDnsSupport": True,
            "enableDnsHostnames": True,
        },
        "igw demo": {"tags": tags("demo"), "vpcs": ["vpc demo"]},
        "table demo-public": {
            "tags": tags("demo-public"),
            "subnets": ["subnet demo-public-a", "subnet demo-public-c"],
            "routes": {**local, EVERYWHERE: ("igw demo", "active")},
        },
        "endpoint demo-s3": {
            "tags": tags("demo-s3"),
            "service": f"com.amazonaws.{REGION}.s3",
            "tables": ["table demo-private-a", "table demo-private-c"],
        },
    }
    for name, cidr in cidrs.items():
        seen[f"subnet demo-{name}"] = {
            "tags": tags(f"demo-{name}"),
            "CidrBlock": cidr,
            "AvailabilityZone": f"{REGION}{name[-1]}",
            "MapPublicIpOnLaunch": name.startswith("public"),
            "vpc": "vpc demo",
        }
    for zone in "ac":
        seen[f"eip demo-nat-{zone}"] = {"tags": tags(f"demo-nat-{zone}")}
        seen[f"nat demo-nat-{zone}"] = {
            "tags": tags(f"demo-nat-{zone}"),
            "state": "available",
            "subnet": f"subnet demo-public-{zone}",
            "addresses": [f"eip demo-nat-{zone}"],
        }
        seen[f"table demo-private-{zone}"] = {
            "tags": tags(f"demo-private-{zone}"),
            "subnets": [f"subnet demo-private-{zone}"],
            "routes": {
                **local,
                "prefix list": ("endpoint demo-s3", "active"),
                EVERYWHERE: (f"nat demo-nat-{zone}", "active"),
            },
        }
    return seen


def test_the_network_is_made_as_asked_and_a_second_run_changes_nothing(modules: Modules, ec2: Any) -> None:
    done = modules.quartet("aws_network", **network_options())
    assert picture(ec2) == whole_network()
    ids = ids_by_name(ec2)
    assert done.result["vpc_id"] == ids["vpc/demo"]
    assert done.result["subnet_ids"]["demo-private-c"] == ids["subnet/demo-private-c"]
    addresses = {item["AllocationId"]: item["PublicIp"] for item in ec2.describe_addresses()["Addresses"]}
    assert set(done.result["public_ips"].values()) == set(addresses.values())


def test_check_mode_on_an_empty_account_writes_nothing(run_module: RunModule, account: AwsServer, ec2: Any) -> None:
    outcome = run_module("aws_network", network_options(), check=True)
    assert not outcome.failed, outcome.message
    assert outcome.changed
    assert outcome.result["vpc_id"] == "(known after apply)"
    assert writes(account) == []
    assert picture(ec2) == {}


def test_a_run_with_nothing_to_do_writes_nothing(run_module: RunModule, account: AwsServer, made: Any) -> None:  # noqa: ARG001 - the network must be there
    account.control("DELETE", "calls")
    assert not present(run_module).changed
    assert writes(account) == []


@pytest.mark.parametrize(
    ("nat_gateways", "gateways"), [("none", {}), ("single", {"a": "a", "c": "a"}), ("per_zone", {"a": "a", "c": "c"})]
)
def test_private_subnets_leave_by_the_gateway_that_the_option_gives_them(
    run_module: RunModule, ec2: Any, nat_gateways: str, gateways: dict[str, str]
) -> None:
    present(run_module, nat_gateways=nat_gateways)
    seen = picture(ec2)
    assert {name.removeprefix("nat demo-nat-") for name in seen if name.startswith("nat ")} == set(gateways.values())
    assert sum(name.startswith("eip ") for name in seen) == len(set(gateways.values()))
    for zone in "ac":
        routes = seen[f"table demo-private-{zone}"]["routes"]
        expected = (f"nat demo-nat-{gateways[zone]}", "active") if gateways else None
        assert routes.get(EVERYWHERE) == expected


def _remove_route(ec2: Any, ids: dict[str, str]) -> None:
    ec2.delete_route(RouteTableId=ids["route-table/demo-private-a"], DestinationCidrBlock=EVERYWHERE)


def _turn_route(ec2: Any, ids: dict[str, str]) -> None:
    ec2.replace_route(
        RouteTableId=ids["route-table/demo-private-a"],
        DestinationCidrBlock=EVERYWHERE,
        GatewayId=ids["internet-gateway/demo"],
    )


def _add_route(ec2: Any, ids: dict[str, str]) -> None:
    ec2.create_route(
        RouteTableId=ids["route-table/demo-public"],
        DestinationCidrBlock="192.0.2.0/24",
        GatewayId=ids["internet-gateway/demo"],
    )


def _delete_tag(key: str, resource: str) -> Callable[[Any, dict[str, str]], None]:
    def drift(ec2: Any, ids: dict[str, str]) -> None:
        ec2.delete_tags(Resources=[ids[resource]], Tags=[{"Key": key}])

    return drift


def _change_tags(resource: str, **tags: str) -> Callable[[Any, dict[str, str]], None]:
    def drift(ec2: Any, ids: dict[str, str]) -> None:
        ec2.create_tags(Resources=[ids[resource]], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])

    return drift


def _keep_only_name(ec2: Any, ids: dict[str, str]) -> None:
    keys = ["entasis.io/platform", "entasis.io/role", "team"]
    ec2.delete_tags(Resources=[ids["subnet/demo-private-a"]], Tags=[{"Key": key} for key in keys])


def _lose_tags(ec2: Any, ids: dict[str, str]) -> None:
    for resource in ("vpc/demo", "natgateway/demo-nat-c", "route-table/demo-private-c"):
        ec2.create_tags(Resources=[ids[resource]], Tags=[{"Key": "Name", "Value": "mine"}])
    _delete_tag("Name", "internet-gateway/demo")(ec2, ids)
    _delete_tag("entasis.io/role", "vpc-endpoint/demo-s3")(ec2, ids)
    for key in ("Name", "entasis.io/platform", "entasis.io/role", "team"):
        _delete_tag(key, "elastic-ip/demo-nat-a")(ec2, ids)


def _map_public_ip(ec2: Any, ids: dict[str, str]) -> None:
    ec2.modify_subnet_attribute(SubnetId=ids["subnet/demo-private-c"], MapPublicIpOnLaunch={"Value": True})


def _move_association(ec2: Any, ids: dict[str, str]) -> None:
    table = ec2.describe_route_tables(RouteTableIds=[ids["route-table/demo-private-a"]])["RouteTables"][0]
    association = table["Associations"][0]["RouteTableAssociationId"]
    ec2.replace_route_table_association(AssociationId=association, RouteTableId=ids["route-table/demo-public"])


def _remove_association(ec2: Any, ids: dict[str, str]) -> None:
    table = ec2.describe_route_tables(RouteTableIds=[ids["route-table/demo-private-c"]])["RouteTables"][0]
    ec2.disassociate_route_table(AssociationId=table["Associations"][0]["RouteTableAssociationId"])


def _change_endpoint(ec2: Any, ids: dict[str, str]) -> None:
    ec2.modify_vpc_endpoint(
        VpcEndpointId=ids["vpc-endpoint/demo-s3"],
        AddRouteTableIds=[ids["route-table/demo-public"]],
        RemoveRouteTableIds=[ids["route-table/demo-private-c"]],
    )


def _host_names_off(ec2: Any, ids: dict[str, str]) -> None:
    ec2.modify_vpc_attribute(VpcId=ids["vpc/demo"], EnableDnsHostnames={"Value": False})


def _delete_endpoint(ec2: Any, ids: dict[str, str]) -> None:
    ec2.delete_vpc_endpoints(VpcEndpointIds=[ids["vpc-endpoint/demo-s3"]])


def _delete_nat_gateway(ec2: Any, ids: dict[str, str]) -> None:
    """Deleted and gone: its route leads nowhere, its address is kept."""
    ec2.delete_nat_gateway(NatGatewayId=ids["natgateway/demo-nat-c"])
    _wait_for_nat_gateway(ec2, ids["natgateway/demo-nat-c"])


def _delete_nat_gateway_just_now(ec2: Any, ids: dict[str, str]) -> None:
    """Still being deleted when the module comes, and so still on its address."""
    ec2.delete_nat_gateway(NatGatewayId=ids["natgateway/demo-nat-c"])


def _delete_nat_gateway_and_address(ec2: Any, ids: dict[str, str]) -> None:
    _delete_nat_gateway(ec2, ids)
    ec2.release_address(AllocationId=ids["elastic-ip/demo-nat-c"])


def _detach_internet_gateway(ec2: Any, ids: dict[str, str]) -> None:
    for zone in "ac":
        ec2.delete_nat_gateway(NatGatewayId=ids[f"natgateway/demo-nat-{zone}"])
    for zone in "ac":
        _wait_for_nat_gateway(ec2, ids[f"natgateway/demo-nat-{zone}"])
    ec2.detach_internet_gateway(InternetGatewayId=ids["internet-gateway/demo"], VpcId=ids["vpc/demo"])


def _wait_for_nat_gateway(ec2: Any, gateway: str) -> None:
    end = time.monotonic() + 10
    while ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"] != "deleted":
        assert time.monotonic() < end
        time.sleep(0.02)


DRIFTS = {
    "a route removed": (_remove_route, {("create", "route", f"demo-private-a {EVERYWHERE}")}),
    "a route elsewhere": (_turn_route, {("update", "route", f"demo-private-a {EVERYWHERE}")}),
    "a route added": (_add_route, {("delete", "route", "demo-public 192.0.2.0/24")}),
    "a subnet's tag deleted": (_delete_tag("team", "subnet/demo-private-a"), {("update", "subnet", "demo-private-a")}),
    "a subnet's name deleted": (_delete_tag("Name", "subnet/demo-public-c"), {("update", "subnet", "demo-public-c")}),
    "a subnet's platform deleted": (
        _delete_tag("entasis.io/platform", "subnet/demo-public-c"),
        {("update", "subnet", "demo-public-c")},
    ),
    "a subnet's tags deleted but for its name": (_keep_only_name, {("update", "subnet", "demo-private-a")}),
    "a subnet renamed": (
        _change_tags("subnet/demo-private-a", Name="mine", team="other"),
        {("update", "subnet", "demo-private-a")},
    ),
    "tags lost and changed on every kind of resource": (
        _lose_tags,
        {
            ("update", "vpc", "demo"),
            ("update", "internet_gateway", "demo"),
            ("update", "elastic_ip", "demo-nat-a"),
            ("update", "nat_gateway", "demo-nat-c"),
            ("update", "route_table", "demo-private-c"),
            ("update", "vpc_endpoint", "demo-s3"),
        },
    ),
    "public addresses on": (_map_public_ip, {("update", "subnet_attributes", "demo-private-c")}),
    "an association moved": (_move_association, {("update", "route_table_association", "demo-private-a")}),
    "an association removed": (_remove_association, {("create", "route_table_association", "demo-private-c")}),
    "an endpoint's tables changed": (_change_endpoint, {("update", "vpc_endpoint", "demo-s3")}),
    "host names off": (_host_names_off, {("update", "vpc_attributes", "demo")}),
    "an endpoint deleted": (_delete_endpoint, {("create", "vpc_endpoint", "demo-s3")}),
    "a NAT gateway deleted": (
        _delete_nat_gateway,
        {("create", "nat_gateway", "demo-nat-c"), ("update", "route", f"demo-private-c {EVERYWHERE}")},
    ),
    "a NAT gateway being deleted": (
        _delete_nat_gateway_just_now,
        {
            ("delete", "nat_gateway", "demo-nat-c"),
            ("create", "nat_gateway", "demo-nat-c"),
            ("update", "route", f"demo-private-c {EVERYWHERE}"),
        },
    ),
    "a NAT gateway and its address deleted": (
        _delete_nat_gateway_and_address,
        {
            ("create", "elastic_ip", "demo-nat-c"),
            ("create", "nat_gateway", "demo-nat-c"),
            ("update", "route", f"demo-private-c {EVERYWHERE}"),
        },
    ),
    "the internet gateway detached": (
        _detach_internet_gateway,
        {
            ("create", "internet_gateway_attachment", "demo"),
            *(("create", "nat_gateway", f"demo-nat-{zone}") for zone in "ac"),
            *(("update", "route", f"demo-private-{zone} {EVERYWHERE}") for zone in "ac"),
        },
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_seen_named_and_mended_and_nothing_else_changes(
    run_module: RunModule, account: AwsServer, ec2: Any, made: dict[str, str], drift: str
) -> None:
    put_in, expected = DRIFTS[drift]
    before = picture(ec2)
    if drift == "a NAT gateway being deleted":
        # Longer than a run in check mode and the beginning of the next one take on a busy machine.
        account.control("POST", "settings", {"nat_gateway": 15.0})
    put_in(ec2, made)
    broken = picture(ec2)
    assert broken != before

    account.control("DELETE", "calls")
    foreseen = run_module("aws_network", network_options(), check=True)
    assert not foreseen.failed, foreseen.message
    assert steps(foreseen) == expected
    assert writes(account) == []
    assert {label.split(" (")[0] for part in foreseen.result["diff"].values() for label in part} == {
        f"{kind}/{name}" for _action, kind, name in expected
    }

    done = present(run_module)
    assert done.result["changes"] == foreseen.result["changes"]
    assert picture(ec2) == before


def test_tags_of_others_stay(run_module: RunModule, ec2: Any, made: dict[str, str]) -> None:
    everything = sorted(made.values())
    ec2.create_tags(Resources=everything, Tags=[{"Key": "kubernetes.io/role/elb", "Value": "1"}])
    assert not present(run_module).changed
    present(run_module, tags={"team": "other"})
    for name, shown in picture(ec2).items():
        assert shown["tags"]["kubernetes.io/role/elb"] == "1", name
        assert shown["tags"]["team"] == "other", name


def test_what_is_not_the_platforms_is_never_touched(run_module: RunModule, ec2: Any) -> None:
    present(run_module, platform="other")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["other"]}])["Vpcs"][0]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.200.0/24")
    ec2.allocate_address(Domain="vpc")
    ec2.create_internet_gateway()
    before = picture(ec2)
    present(run_module)
    outcome = run_module("aws_network", {"platform": PLATFORM, "role": "vpc", "state": "absent"})
    assert not outcome.failed, outcome.message
    assert picture(ec2) == before


def test_fewer_gateways_are_listed_and_removed_only_when_asked_for(
    run_module: RunModule, ec2: Any, made: dict[str, str]
) -> None:
    kept = present(run_module, nat_gateways="single")
    assert [entry.split(" ")[0] for entry in kept.result["unlisted"]] == [
        "nat_gateway/demo-nat-c",
        "elastic_ip/demo-nat-c",
    ]
    assert "demo-nat-c" in str(kept.result["warnings"])
    seen = picture(ec2)
    assert "nat demo-nat-c" in seen
    assert "eip demo-nat-c" in seen
    assert seen["table demo-private-c"]["routes"][EVERYWHERE] == ("nat demo-nat-a", "active")

    present(run_module, nat_gateways="single", purge=True)
    seen = picture(ec2)
    assert "nat demo-nat-c" not in seen
    assert "eip demo-nat-c" not in seen
    assert ids_by_name(ec2)["natgateway/demo-nat-a"] == made["natgateway/demo-nat-a"]
    assert not present(run_module, nat_gateways="single", purge=True).changed


def test_a_zone_that_is_taken_out_goes_only_when_asked_for(run_module: RunModule, ec2: Any, made: Any) -> None:  # noqa: ARG001 - the network must be there
    one_zone = [subnet for subnet in network_options()["subnets"] if subnet["zone"].endswith("a")]
    before = picture(ec2)
    kept = present(run_module, subnets=one_zone)
    assert {entry.split(" ")[0] for entry in kept.result["unlisted"]} == {
        "subnet/demo-public-c",
        "subnet/demo-private-c",
        "nat_gateway/demo-nat-c",
        "elastic_ip/demo-nat-c",
        "route_table/demo-private-c",
    }
    assert {name for name in before if name.endswith("-c")} <= set(picture(ec2))
    present(run_module, subnets=one_zone, purge=True)
    assert [name for name in picture(ec2) if name.endswith("-c")] == []
    assert not present(run_module, subnets=one_zone, purge=True).changed


def test_absent_removes_everything_and_a_second_run_changes_nothing(modules: Modules, ec2: Any, made: Any) -> None:  # noqa: ARG001 - the network must be there
    modules.quartet("aws_network", platform=PLATFORM, role="vpc", state="absent")
    assert picture(ec2) == {}


@pytest.mark.parametrize(
    ("leftover", "changed", "named"),
    [
        (
            "private-a",
            {"state": "absent"},
            ["VPC demo cannot be removed", "someone's node", "security group theirs", "10.20.200.0/24"],
        ),
        (
            "private-c",
            {**network_options(purge=True), "subnets": network_options()["subnets"][::2]},
            ["subnet demo-private-c, demo-public-c cannot be removed", "someone's node"],
        ),
    ],
    ids=["absent", "a zone less, with purge"],
)
def test_a_removal_is_refused_before_anything_goes_while_something_else_is_there(
    run_module: RunModule,
    account: AwsServer,
    ec2: Any,
    made: dict[str, str],
    leftover: str,
    changed: dict[str, Any],
    named: list[str],
) -> None:
    ec2.create_network_interface(SubnetId=made[f"subnet/demo-{leftover}"], Description="someone's node")
    ec2.create_security_group(VpcId=made["vpc/demo"], GroupName="theirs", Description="Theirs")
    ec2.create_subnet(VpcId=made["vpc/demo"], CidrBlock="10.20.200.0/24")
    before = picture(ec2)
    account.control("DELETE", "calls")
    options = {"platform": PLATFORM, "role": "vpc", **changed}

    refused = run_module("aws_network", options)
    assert refused.failed
    assert [part for part in named if part not in refused.message] == []
    assert writes(account) == []
    assert picture(ec2) == before

    foreseen = run_module("aws_network", options, check=True)
    assert not foreseen.failed, foreseen.message
    assert {"delete"} <= {action for action, _kind, _name in steps(foreseen)}
    assert "someone's node" in str(foreseen.result["warnings"])


def test_a_nat_gateway_that_somebody_deletes_while_it_comes_up_is_told_at_once(
    modules: Modules, account: AwsServer, ec2: Any
) -> None:
    account.control("POST", "settings", {"nat_gateway": 5.0})
    process = modules.start("aws_network", **network_options(nat_gateways="single"))
    wait_until(lambda: bool(ec2.describe_nat_gateways()["NatGateways"]))
    account.control("POST", "settings", {"nat_gateway": 0.1})
    [gateway] = ec2.describe_nat_gateways()["NatGateways"]
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    outcome = Outcome(finish(process).result)
    assert f"NAT gateway {gateway['NatGatewayId']} was deleted by somebody else" in outcome.message
    assert not modules.run("aws_network", **network_options(nat_gateways="single")).failed


def _refused(run_module: RunModule, **changed: Any) -> list[str]:
    outcome = run_module("aws_network", network_options(**changed))
    assert outcome.failed
    return list(outcome.result["problems"])


def test_what_cannot_change_is_refused_with_what_to_do(run_module: RunModule, ec2: Any, made: dict[str, str]) -> None:
    before = picture(ec2)
    assert _refused(
        run_module,
        cidr="10.0.0.0/16",
        subnets=[{"name": "demo-public-a", "cidr": "10.0.0.0/24", "zone": f"{REGION}c", "public": True}],
    ) == [
        (
            f"VPC demo ({made['vpc/demo']}) has the addresses 10.20.0.0/16, not 10.0.0.0/16, and AWS cannot change "
            "them. Write cidr: 10.20.0.0/16, or build a new platform beside this one"
        ),
        (
            f"subnet demo-public-a ({made['subnet/demo-public-a']}) is 10.20.0.0/24 in {REGION}a, not 10.0.0.0/24 in "
            f"{REGION}c, and AWS cannot change that. Write what is there, or give the new subnet another name and "
            "addresses"
        ),
    ]
    assert picture(ec2) == before


@pytest.mark.parametrize("check", [True, False])
def test_zones_that_the_account_or_eks_does_not_have_are_refused_before_anything_is_made(
    modules: Modules, account: AwsServer, check: bool
) -> None:
    """us-east-1e is use1-az3 in the emulated account."""
    subnets = [
        {"name": f"demo-{letter}", "cidr": f"10.20.{number}.0/24", "zone": f"us-east-1{letter}"}
        for number, letter in enumerate("aez")
    ]
    options = network_options(region="us-east-1", nat_gateways="none", subnets=subnets)
    refused = modules.run("aws_network", check=check, **options)
    fit = "Write one of: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f"
    assert refused.result["problems"] == [
        f"subnet demo-e: us-east-1e is use1-az3 in this account, where EKS takes no control plane. {fit}",
        f"subnet demo-z: this account has no zone us-east-1z. {fit}",
    ]
    assert writes(account) == []


def test_two_vpcs_of_one_platform_are_refused(run_module: RunModule, ec2: Any, made: dict[str, str]) -> None:
    tags = [{"Key": "entasis.io/platform", "Value": PLATFORM}]
    other = ec2.create_vpc(CidrBlock="10.99.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"][
        "VpcId"
    ]
    [problem] = _refused(run_module)
    assert problem.startswith("platform demo has 2 VPCs")
    assert other in problem
    assert made["vpc/demo"] in problem


def test_a_vpc_that_lost_its_platform_is_not_made_a_second_time(
    run_module: RunModule, ec2: Any, made: dict[str, str]
) -> None:
    ec2.delete_tags(Resources=[made["vpc/demo"]], Tags=[{"Key": "entasis.io/platform"}])
    [problem] = _refused(run_module)
    assert made["vpc/demo"] in problem
    assert "give it the tag entasis.io/platform=demo" in problem


def test_a_subnet_without_any_of_our_tags_is_not_taken(run_module: RunModule, ec2: Any, made: dict[str, str]) -> None:
    subnet = made["subnet/demo-private-a"]
    ec2.delete_tags(Resources=[subnet], Tags=[{"Key": key} for key in (*TAGS, "Name", "team")])
    [problem] = _refused(run_module)
    assert problem == (
        f"subnet demo-private-a cannot have 10.20.16.0/20: {subnet} in the same VPC has 10.20.16.0/20. If it is the "
        "platform's, give it the tags entasis.io/platform=demo, entasis.io/role=vpc and Name=demo-private-a; if not, "
        "give demo-private-a other addresses"
    )


def test_all_problems_of_the_options_are_told_at_once_and_nothing_is_called(
    run_module: RunModule, account: AwsServer
) -> None:
    account.control("DELETE", "calls")
    problems = _refused(
        run_module,
        cidr="10.20.0.7/16",
        subnets=[
            {"name": "demo-public-a", "cidr": "10.20.0.0/24", "zone": "us-east-1a", "public": True},
            {"name": "demo-public-a", "cidr": "10.20.0.0/25", "zone": f"{REGION}c"},
            {"name": "demo-private-c", "cidr": "10.99.0.0/30", "zone": f"{REGION}c"},
        ],
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "cidr",
        "subnets[1].cidr",
        "subnets[2].cidr",
        "subnets[2].cidr",
        "subnets[0].zone",
        "subnets[1].name",
        "nat_gateways",
    ]
    assert account.control("GET", "calls")["total"] == 0


def _kill_after(modules: Modules, server: AwsServer, calls: int, **options: Any) -> bool:
    """Start the module and kill it once the server has seen that many calls. False when it ended before."""
    server.control("DELETE", "calls")
    process = modules.start("aws_network", **options)
    while process.poll() is None:
        if server.control("GET", "calls")["total"] >= calls:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=10)
            return process.returncode == -signal.SIGKILL
        time.sleep(0.002)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, output + errors
    return False


# How many calls there are in all depends on how often the module asks whether a NAT gateway is available: over 30.
@pytest.mark.parametrize("calls", range(4, 30, 4))
def test_a_run_that_was_killed_is_gone_on_with_and_nothing_is_made_twice(
    modules: Modules, account: AwsServer, run_module: RunModule, ec2: Any, calls: int
) -> None:
    slow = {"service": "ec2", "kind": "latency", "seconds": 0.02}
    account.control("POST", "faults", slow)
    assert _kill_after(modules, account, calls, **network_options()), "the module made fewer calls than that"
    account.control("DELETE", "faults")
    present(run_module)
    assert picture(ec2) == whole_network()


def test_a_removal_that_is_killed_again_and_again_comes_to_its_end(
    modules: Modules,
    account: AwsServer,
    ec2: Any,
    made: Any,  # noqa: ARG001 - the network must be there
) -> None:
    account.control("POST", "faults", {"service": "ec2", "kind": "latency", "seconds": 0.02})
    kills = 0
    while _kill_after(modules, account, 16, platform=PLATFORM, role="vpc", state="absent"):
        kills += 1
        assert kills < 20, "the removal does not get further"
    assert kills >= 1
    assert picture(ec2) == {}


def test_throttling_is_waited_out(run_module: RunModule, account: AwsServer, ec2: Any) -> None:
    account.control("POST", "faults", {"service": "ec2", "kind": "throttle", "count": 6})
    present(run_module)
    assert account.control("GET", "faults") == []
    assert picture(ec2)["nat demo-nat-c"]["state"] == "available"
    assert not present(run_module).changed


MAKING = (
    "AllocateAddress",
    "AssociateRouteTable",
    "AttachInternetGateway",
    "CreateInternetGateway",
    "CreateNatGateway",
    "CreateRoute",
    "CreateRouteTable",
    "CreateSubnet",
    "CreateVpc",
    "CreateVpcEndpoint",
)
REMOVING = (
    "DeleteInternetGateway",
    "DeleteNatGateway",
    "DeleteRouteTable",
    "DeleteSubnet",
    "DeleteVpc",
    "DeleteVpcEndpoints",
    "DetachInternetGateway",
    "DisassociateRouteTable",
    "ReleaseAddress",
)


def _lose_each_answer(server: AwsServer, operations: tuple[str, ...]) -> None:
    for operation in operations:
        server.control("POST", "faults", {"service": "ec2", "operation": operation, "kind": "lost_answer", "count": 1})


def test_lost_answers_make_nothing_twice_and_fail_nothing(run_module: RunModule, account: AwsServer, ec2: Any) -> None:
    _lose_each_answer(account, MAKING)
    present(run_module)
    assert account.control("GET", "faults") == []
    assert picture(ec2) == whole_network()


@pytest.mark.parametrize(
    ("drift", "operation"),
    [(_add_route, "DeleteRoute"), (_turn_route, "ReplaceRoute"), (_move_association, "ReplaceRouteTableAssociation")],
)
def test_a_lost_answer_while_drift_is_mended_fails_nothing(
    run_module: RunModule, account: AwsServer, ec2: Any, made: dict[str, str], drift: Any, operation: str
) -> None:
    drift(ec2, made)
    _lose_each_answer(account, (operation,))
    present(run_module)
    assert account.control("GET", "faults") == []
    assert picture(ec2) == whole_network()


def test_lost_answers_of_a_removal_fail_nothing(run_module: RunModule, account: AwsServer, ec2: Any, made: Any) -> None:  # noqa: ARG001 - the network must be there
    _lose_each_answer(account, REMOVING)
    outcome = run_module("aws_network", {"platform": PLATFORM, "role": "vpc", "state": "absent"})
    assert not outcome.failed, outcome.message
    assert account.control("GET", "faults") == []
    assert picture(ec2) == {}


def test_a_failed_call_is_told_with_what_was_done_and_the_next_run_goes_on(
    run_module: RunModule, account: AwsServer, ec2: Any
) -> None:
    fault = {"service": "ec2", "operation": "AllocateAddress", "kind": "error", "code": "AddressLimitExceeded"}
    account.control("POST", "faults", {**fault, "message": "Too many addresses.", "status": 400})
    outcome = run_module("aws_network", network_options())
    assert outcome.failed
    assert (
        outcome.message.startswith(
            "cannot create elastic_ip/demo-nat-a: AllocateAddress answered AddressLimitExceeded: Too many addresses. "
            "Ask AWS for a higher quota of elastic IP addresses, or use nat_gateways: single."
        )
        or "elastic_ip/demo-nat-c" in outcome.message
    )
    left = {change["name"] for change in outcome.result["not_applied"]}
    assert {"demo-nat-a", f"demo-private-a {EVERYWHERE}"} <= left
    account.control("DELETE", "faults")
    present(run_module)
    assert picture(ec2)["nat demo-nat-a"]["state"] == "available"
