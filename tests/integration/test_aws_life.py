# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of what has a planner of its own, judged by boto3: a row of LIVES says all that a module has of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import (
    cluster_options,
    clusters,
    make_cluster,
    make_key,
    make_parents,
    node_groups,
    node_pool,
    pool_options,
    settled_update,
    theirs,
)
from tests.support.modules import Modules, Outcome
from tests.support.network import (
    EVERYWHERE,
    PLATFORM,
    TAGS,
    ids_by_name,
    make_vpc,
    network_options,
    picture,
    whole_network,
    writes,
)
from tests.support.security_groups import group_options, group_picture, whole_groups

Ids = Mapping[str, str]
Step = tuple[str, str, str]


@dataclass(frozen=True)
class Drift:
    """What somebody changes by hand, with a client and the ids of all that is there, and the changes that mend it."""

    put_in: Callable[[Any, Ids], Any]
    steps: set[Step]
    #: An operation of the mending run whose answer is lost.
    lost: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Life:
    module: str
    service: str
    options: Mapping[str, Any]
    #: Everything of the kind that the account has, by names, and what of it there is to be.
    picture: Callable[[AwsServer], dict[str, Any]]
    whole: Mapping[str, Mapping[str, Any]]
    drifts: Mapping[str, Drift]
    #: The calls after which a creation is killed, and after which a removal is, again and again.
    killed: Sequence[int]
    killed_removal: int
    #: Makes what has to be there first, and how its absence is told.
    parents: Callable[[AwsServer], Any] = lambda _server: None
    missing: Sequence[str] = ()
    #: Makes what is not ours and looks like it.
    theirs: Callable[[AwsServer], Any] = lambda _server: None
    #: Options that leave something out, what is then listed, and what is gone once it is purged.
    less: Mapping[str, Any] = field(default_factory=dict)
    unlisted: Sequence[str] = ()
    gone: Sequence[str] = ()

    @property
    def absent(self) -> dict[str, Any]:
        return {"platform": PLATFORM, "role": self.options["role"], "state": "absent"}


def _steps(*written: str) -> set[Step]:
    """Changes as C(action kind name)."""
    return {(action, kind, name) for each in written for action, kind, name in [each.split(" ", 2)]}


def _retag(ec2: Any, ids: Ids, resources: Sequence[str], name: str | None, *lost: str) -> None:
    there = [ids[resource] for resource in resources]
    if lost:
        ec2.delete_tags(Resources=there, Tags=[{"Key": key} for key in lost])
    if name:
        ec2.create_tags(Resources=there, Tags=[{"Key": "Name", "Value": name}])


def _table(ids: Ids, name: str) -> dict[str, str]:
    return {"RouteTableId": ids[f"route-table/demo-{name}"]}


def _association(ec2: Any, ids: Ids, name: str) -> str:
    table = ec2.describe_route_tables(RouteTableIds=[ids[f"route-table/demo-{name}"]])["RouteTables"][0]
    return str(table["Associations"][0]["RouteTableAssociationId"])


def _lose_tags(ec2: Any, ids: Ids) -> None:
    _retag(
        ec2, ids, ["vpc/demo", "natgateway/demo-nat-c", "route-table/demo-private-c", "subnet/demo-public-a"], "mine"
    )
    _retag(ec2, ids, ["internet-gateway/demo"], None, "Name")
    _retag(ec2, ids, ["vpc-endpoint/demo-s3"], None, "entasis.io/role")
    _retag(ec2, ids, ["elastic-ip/demo-nat-a"], None, "Name", "entasis.io/platform", "entasis.io/role", "team")


NETWORK = Life(
    module="aws_network",
    service="ec2",
    options=network_options(),
    picture=lambda server: picture(server.client("ec2")),
    whole=whole_network(),
    drifts={
        "a route elsewhere": Drift(
            lambda ec2, ids: ec2.replace_route(
                **_table(ids, "private-a"), DestinationCidrBlock=EVERYWHERE, GatewayId=ids["internet-gateway/demo"]
            ),
            _steps(f"update route demo-private-a {EVERYWHERE}"),
            lost="ReplaceRoute",
        ),
        "a route added": Drift(
            lambda ec2, ids: ec2.create_route(
                **_table(ids, "public"), DestinationCidrBlock="192.0.2.0/24", GatewayId=ids["internet-gateway/demo"]
            ),
            _steps("delete route demo-public 192.0.2.0/24"),
            lost="DeleteRoute",
        ),
        "tags lost and changed on every kind of resource": Drift(
            _lose_tags,
            _steps(
                "update vpc demo",
                "update internet_gateway demo",
                "update elastic_ip demo-nat-a",
                "update nat_gateway demo-nat-c",
                "update route_table demo-private-c",
                "update subnet demo-public-a",
                "update vpc_endpoint demo-s3",
            ),
        ),
        "attributes changed": Drift(
            lambda ec2, ids: (
                ec2.modify_subnet_attribute(SubnetId=ids["subnet/demo-private-c"], MapPublicIpOnLaunch={"Value": True}),
                ec2.modify_vpc_attribute(VpcId=ids["vpc/demo"], EnableDnsHostnames={"Value": False}),
            ),
            _steps("update subnet_attributes demo-private-c", "update vpc_attributes demo"),
        ),
        "an association moved": Drift(
            lambda ec2, ids: ec2.replace_route_table_association(
                AssociationId=_association(ec2, ids, "private-a"), **_table(ids, "public")
            ),
            _steps("update route_table_association demo-private-a"),
            lost="ReplaceRouteTableAssociation",
        ),
        "an endpoint's tables changed": Drift(
            lambda ec2, ids: ec2.modify_vpc_endpoint(
                VpcEndpointId=ids["vpc-endpoint/demo-s3"],
                AddRouteTableIds=[ids["route-table/demo-public"]],
                RemoveRouteTableIds=[ids["route-table/demo-private-c"]],
            ),
            _steps("update vpc_endpoint demo-s3"),
        ),
        # Still being deleted when the module comes, and so still on its address.
        "a NAT gateway being deleted": Drift(
            lambda ec2, ids: ec2.delete_nat_gateway(NatGatewayId=ids["natgateway/demo-nat-c"]),
            _steps(
                "delete nat_gateway demo-nat-c",
                "create nat_gateway demo-nat-c",
                f"update route demo-private-c {EVERYWHERE}",
            ),
            # Longer than a run in check mode and the beginning of the next one take on a busy machine.
            settings={"nat_gateway": 10.0},
        ),
    },
    killed=(6, 14, 22, 28),
    killed_removal=16,
    theirs=lambda server: (
        server.client("ec2").create_subnet(VpcId=make_vpc(server, "other"), CidrBlock="10.20.200.0/24"),
        server.client("ec2").allocate_address(Domain="vpc"),
        server.client("ec2").create_internet_gateway(),
    ),
    less={"subnets": network_options()["subnets"][::2]},
    unlisted=[
        "subnet/demo-public-c",
        "subnet/demo-private-c",
        "nat_gateway/demo-nat-c",
        "elastic_ip/demo-nat-c",
        "route_table/demo-private-c",
    ],
    gone=[name for name in whole_network() if name.endswith("-c")],
)


def _group(ids: Ids, name: str) -> dict[str, str]:
    return {"GroupId": ids[f"security-group/demo-{name}"]}


def _tcp(port: int, **sides: Any) -> dict[str, Any]:
    return {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sides}]}


def _groups_of_others(server: AwsServer) -> None:
    ec2 = server.client("ec2")
    for name, platform in (("theirs", []), ("demo-other", [{"Key": "entasis.io/platform", "Value": "other"}])):
        made = ec2.create_security_group(VpcId=ids_by_name(ec2)["vpc/demo"], GroupName=name, Description="Theirs")
        ec2.create_tags(Resources=[made["GroupId"]], Tags=[{"Key": "Name", "Value": "theirs"}, *platform])


GROUPS = Life(
    module="aws_security_groups",
    service="ec2",
    options=group_options(),
    picture=lambda server: group_picture(server.client("ec2")),
    whole=whole_groups(),
    parents=make_vpc,
    missing=["VPC 'demo'"],
    drifts={
        "a rule removed": Drift(
            lambda ec2, ids: ec2.revoke_security_group_ingress(
                **_group(ids, "application"), **_tcp(8080, UserIdGroupPairs=[_group(ids, "frontend")])
            ),
            _steps("update inbound_rules demo-application"),
        ),
        "a rule added": Drift(
            lambda ec2, ids: ec2.authorize_security_group_ingress(
                **_group(ids, "frontend"), **_tcp(22, IpRanges=[{"CidrIp": EVERYWHERE}])
            ),
            _steps("update inbound_rules demo-frontend"),
            lost="RevokeSecurityGroupIngress",
        ),
        "descriptions changed and added": Drift(
            lambda ec2, ids: ec2.update_security_group_rule_descriptions_ingress(
                **_group(ids, "frontend"),
                **_tcp(
                    443,
                    IpRanges=[{"CidrIp": EVERYWHERE, "Description": "Nobody"}],
                    Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32", "Description": "Nobody"}],
                ),
            ),
            _steps("update inbound_rules demo-frontend"),
        ),
        "tags lost": Drift(
            lambda ec2, ids: _retag(
                ec2, ids, ["security-group/demo-monitoring"], None, "entasis.io/platform", "entasis.io/role", "team"
            ),
            _steps("update security_group demo-monitoring"),
        ),
    },
    killed=(5, 8, 11),
    killed_removal=6,
    theirs=_groups_of_others,
    # application is in a circle with monitoring, which stays.
    less={"groups": [{"name": "frontend"}, {"name": "monitoring"}]},
    unlisted=["security_group/demo-application"],
    gone=["demo-application"],
)


def _configure(eks: Any, **changed: Any) -> None:
    settled_update(eks, eks.update_cluster_config(name=PLATFORM, **changed), name=PLATFORM)


CLUSTER = Life(
    module="eks_cluster",
    service="eks",
    options=cluster_options(
        security_groups=["nodes"],
        public_access_cidrs=["192.0.2.0/24", "198.51.100.0/24"],
        logging=["audit", "api"],
        encryption_key="alias/demo",
        service_cidr="172.21.0.0/16",
        tags={"team": "data"},
    ),
    picture=clusters,
    whole={
        PLATFORM: {
            "status": "ACTIVE",
            "version": "1.35",
            "deletionProtection": False,
            "upgradePolicy": {"supportType": "EXTENDED"},
            "tags": {**TAGS, "entasis.io/role": "eks_cluster", "Name": PLATFORM, "team": "data"},
            "endpointPrivateAccess": True,
            "endpointPublicAccess": True,
            "role": "demo-eks-cluster",
            "vpc": "demo",
            "subnets": {"demo-private-a", "demo-private-b"},
            "groups": {"demo-nodes"},
            "cidrs": {"192.0.2.0/24", "198.51.100.0/24"},
            "logs": {"audit", "api"},
            "authentication": "API",
            "keys": ["alias/demo"],
            "services": "172.21.0.0/16",
        }
    },
    parents=lambda server: {**make_parents(server), "key": make_key(server)},
    missing=[
        "VPC 'demo'",
        "subnet 'demo-private-a'",
        "subnet 'demo-private-b'",
        "security group 'nodes'",
        "IAM role 'demo-eks-cluster'",
        "KMS key 'alias/demo'",
    ],
    drifts={
        "logs off": Drift(
            lambda eks, _ids: _configure(eks, logging={"clusterLogging": [{"types": ["audit"], "enabled": False}]}),
            _steps("update eks_cluster demo"),
        ),
        "the private endpoint off": Drift(
            lambda eks, _ids: _configure(eks, resourcesVpcConfig={"endpointPrivateAccess": False}),
            _steps("update eks_cluster demo"),
        ),
        "a tag lost": Drift(
            lambda eks, _ids: eks.untag_resource(
                resourceArn=eks.describe_cluster(name=PLATFORM)["cluster"]["arn"], tagKeys=["Name"]
            ),
            _steps("update eks_cluster demo"),
        ),
    },
    killed=(10,),
    killed_removal=3,
)

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
_GENERAL = {"clusterName": PLATFORM, "nodegroupName": "general"}


def _scale(eks: Any, **changed: Any) -> None:
    settled_update(eks, eks.update_nodegroup_config(**_GENERAL, **changed), name=PLATFORM, nodegroupName="general")


def _pool_tags(name: str) -> dict[str, str]:
    return {**TAGS, "entasis.io/role": "eks_node_pools", "entasis.io/pool": name, "Name": name, "team": "data"}


POOLS = Life(
    module="eks_node_pools",
    service="eks",
    options=pool_options(
        node_pool("general", min_size=3, max_size=10),
        node_pool(
            "ai-inference",
            instance_types=["g4dn.xlarge"],
            ami_type="AL2023_x86_64_NVIDIA",
            disk_size=100,
            labels={"role": "ai-inference", "nvidia.com/gpu.present": "true"},
            taints=[{**GPU_TAINT, "effect": "NoSchedule"}],
        ),
        node_pool("data", instance_types=["r5.2xlarge"], max_unavailable=2, tags={"of": "data"}),
        tags={"team": "data"},
    ),
    picture=node_groups,
    whole={
        "general": {
            "status": "ACTIVE",
            "version": "1.35",
            "scalingConfig": {"minSize": 3, "maxSize": 10, "desiredSize": 3},
            "tags": _pool_tags("general"),
        },
        "ai-inference": {
            "instanceTypes": ["g4dn.xlarge"],
            "amiType": "AL2023_x86_64_NVIDIA",
            "diskSize": 100,
            "labels": {"role": "ai-inference", "nvidia.com/gpu.present": "true"},
            "taints": [GPU_TAINT],
        },
        "data": {
            "updateConfig": {"maxUnavailable": 2, "updateStrategy": "DEFAULT"},
            "tags": {**_pool_tags("data"), "of": "data"},
        },
    },
    parents=lambda server: make_cluster(server, make_parents(server)),
    missing=["subnet 'demo-private-a'", "subnet 'demo-private-b'", "IAM role 'demo-eks-node'"],
    drifts={
        "scaled": Drift(
            lambda eks, _ids: _scale(eks, scalingConfig={"minSize": 1, "maxSize": 9}),
            _steps("update node_group general"),
        ),
        "labels, taints and the update's own configuration changed": Drift(
            lambda eks, _ids: _scale(
                eks,
                labels={"addOrUpdateLabels": {"extra": "1"}, "removeLabels": ["role"]},
                taints={"addOrUpdateTaints": [{"key": "spot", "effect": "NO_EXECUTE"}]},
                updateConfig={"maxUnavailablePercentage": 50},
            ),
            _steps("update node_group general"),
        ),
        "tags lost": Drift(
            lambda eks, _ids: eks.untag_resource(
                resourceArn=eks.describe_nodegroup(**_GENERAL)["nodegroup"]["nodegroupArn"],
                tagKeys=["Name", "entasis.io/platform", "entasis.io/pool", "team"],
            ),
            _steps("update node_group general"),
        ),
    },
    killed=(9,),
    killed_removal=7,
    theirs=lambda server: theirs(server, "theirs"),
    less={"node_pools": [node_pool("general", min_size=3, max_size=10)]},
    unlisted=["data", "ai-inference"],
    gone=["data", "ai-inference"],
)

LIVES = [NETWORK, GROUPS, CLUSTER, POOLS]


@pytest.fixture(params=LIVES, ids=lambda life: life.module)
def life(request: pytest.FixtureRequest) -> Life:
    found: Life = request.param
    return found


@pytest.fixture
def parents(life: Life, account: AwsServer) -> None:
    life.parents(account)


def run(modules: Modules, life: Life, **changed: Any) -> Outcome:
    done = modules.run(life.module, **{**life.options, **changed})
    assert not done.failed, done.message
    return done


def steps(outcome: Outcome) -> set[Step]:
    return {(change["action"], change["kind"], change["name"]) for change in outcome.result["changes"]}


def assert_whole(life: Life, account: AwsServer) -> None:
    seen = life.picture(account)
    assert seen.keys() == life.whole.keys()
    assert {name: {key: seen[name][key] for key in part} for name, part in life.whole.items()} == life.whole


def test_from_an_empty_account_to_what_is_asked_and_no_further(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    foreseen = modules.run(life.module, check=True, **life.options)
    assert not foreseen.failed, foreseen.message
    assert life is POOLS or "(known after apply)" in str(foreseen.result)
    if life.missing:
        refused = modules.run(life.module, **life.options)
        assert [problem.split(" does not exist")[0] for problem in refused.result["problems"]] == life.missing
    assert writes(account) == []
    life.parents(account)
    done = modules.quartet(life.module, **life.options)
    assert done.result["changes"] == foreseen.result["changes"]
    assert "(known after apply)" not in str(done.result)
    assert_whole(life, account)
    account.control("DELETE", "calls")
    assert not run(modules, life).changed
    assert writes(account) == []


@pytest.mark.usefixtures("parents")
def test_drift_is_seen_named_and_mended_and_nothing_else_changes(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    run(modules, life)
    client, ids = account.client(life.service), ids_by_name(account.client("ec2"))
    before = life.picture(account)
    for title, drift in life.drifts.items():
        account.control("POST", "settings", drift.settings)
        drift.put_in(client, ids)
        assert life.picture(account) != before, title
        account.control("DELETE", "calls")
        foreseen = modules.run(life.module, check=True, **life.options)
        assert not foreseen.failed, foreseen.message
        assert steps(foreseen) == drift.steps, title
        shown = {label.split(" (")[0] for side in foreseen.result["diff"].values() for label in side}
        assert shown == {f"{kind}/{name}" for _action, kind, name in drift.steps}, title
        assert writes(account) == []
        if drift.lost:
            lose_answers(account, life, drift.lost)
        assert run(modules, life).result["changes"] == foreseen.result["changes"], title
        assert account.control("GET", "faults") == []
        assert life.picture(account) == before, title


@pytest.mark.parametrize("life", [life for life in LIVES if life.less], ids=lambda life: life.module)
@pytest.mark.usefixtures("parents")
def test_what_left_the_options_is_listed_and_goes_only_with_purge(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    run(modules, life)
    kept = run(modules, life, **life.less)
    assert {entry.split(" ")[0] for entry in kept.result["unlisted"]} == set(life.unlisted)
    assert all(entry in str(kept.result["warnings"]) for entry in kept.result["unlisted"])
    assert life.picture(account).keys() == life.whole.keys()
    modules.quartet(life.module, **{**life.options, **life.less, "purge": True})
    assert life.picture(account).keys() == life.whole.keys() - set(life.gone)


def test_absent_removes_everything_of_ours_and_what_is_not_ours_is_never_touched(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    assert not modules.run(life.module, **life.absent).changed
    life.parents(account)
    life.theirs(account)
    before = life.picture(account)
    run(modules, life)
    modules.quartet(life.module, **life.absent)
    assert life.picture(account) == before


def lose_answers(account: AwsServer, life: Life, *operations: str) -> None:
    for operation in operations:
        fault = {"service": life.service, "operation": operation, "kind": "lost_answer", "count": 1}
        account.control("POST", "faults", fault)


@pytest.mark.usefixtures("parents")
def test_throttling_and_lost_answers_fail_nothing_and_make_nothing_twice(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    account.control("DELETE", "calls")
    run(modules, life)
    making = writes(account)
    account.control("DELETE", "calls")
    assert modules.run(life.module, **life.absent).changed
    removing = writes(account)
    lose_answers(account, life, *making)
    account.control("POST", "faults", {"service": life.service, "kind": "throttle", "count": 3})
    run(modules, life)
    assert account.control("GET", "faults") == []
    assert_whole(life, account)
    lose_answers(account, life, *removing)
    gone = modules.run(life.module, **life.absent)
    assert not gone.failed, gone.message
    assert account.control("GET", "faults") == []
    assert life.picture(account) == {}


def killed_after(modules: Modules, account: AwsServer, life: Life, calls: int, options: Mapping[str, Any]) -> bool:
    """Start the module and kill it once the server has seen that many calls. False when it ended before."""
    account.control("POST", "faults", {"service": "*", "kind": "latency", "seconds": 0.02})
    account.control("DELETE", "calls")
    process = modules.start(life.module, **options)
    while process.poll() is None and account.control("GET", "calls")["total"] < calls:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=10)
    account.control("DELETE", "faults")
    assert process.returncode in (0, -signal.SIGKILL), output + errors
    return process.returncode != 0


@pytest.mark.parametrize(
    ("life", "calls"),
    [pytest.param(life, calls, id=f"{life.module}-{calls}") for life in LIVES for calls in life.killed],
)
@pytest.mark.usefixtures("parents")
def test_a_run_that_was_killed_is_gone_on_with_and_nothing_is_made_twice(
    life: Life, modules: Modules, account: AwsServer, calls: int
) -> None:
    assert killed_after(modules, account, life, calls, life.options), "the module made fewer calls than that"
    run(modules, life)
    assert_whole(life, account)


@pytest.mark.usefixtures("parents")
def test_a_removal_that_is_killed_again_and_again_comes_to_its_end(
    life: Life, modules: Modules, account: AwsServer
) -> None:
    run(modules, life)
    kills = 0
    while killed_after(modules, account, life, life.killed_removal, life.absent):
        kills += 1
        assert kills < 20, "the removal does not get further"
    assert kills >= 1
    assert life.picture(account) == {}


def _in_use(ec2: Any, ids: Ids, subnet: str, **more: Any) -> None:
    """Somebody's node in a subnet of ours, with a group and a subnet of theirs beside it."""
    vpc = {"VpcId": ids["vpc/demo"]}
    ec2.create_network_interface(SubnetId=ids[subnet], Description="someone's node", **more)
    group = ec2.create_security_group(**vpc, GroupName="theirs", Description="Theirs")["GroupId"]
    ec2.create_subnet(**vpc, CidrBlock="10.20.200.0/24")
    if "security-group/demo-frontend" in ids:
        ec2.authorize_security_group_ingress(GroupId=group, **_tcp(22, UserIdGroupPairs=[_group(ids, "frontend")]))


@pytest.mark.parametrize(
    ("life", "changed", "named"),
    [
        (NETWORK, {"state": "absent"}, ["VPC demo cannot be removed", "security group theirs", "10.20.200.0/24"]),
        (
            NETWORK,
            {**NETWORK.less, "purge": True},
            ["subnet demo-private-c, demo-public-c cannot be removed"],
        ),
        (GROUPS, {"state": "absent"}, ["a rule of security group theirs (", "which refers to demo-frontend"]),
    ],
    ids=["the network", "a zone less, with purge", "the groups"],
)
@pytest.mark.usefixtures("parents")
def test_a_removal_is_refused_before_anything_goes_while_something_else_is_there(
    life: Life, modules: Modules, account: AwsServer, ec2: Any, changed: dict[str, Any], named: list[str]
) -> None:
    run(modules, life)
    if life is NETWORK:
        _in_use(ec2, ids_by_name(ec2), "subnet/demo-private-c")
    else:
        make_subnet = ec2.create_subnet(VpcId=ids_by_name(ec2)["vpc/demo"], CidrBlock="10.20.0.0/24")["Subnet"]
        ids = {**ids_by_name(ec2), "subnet": make_subnet["SubnetId"]}
        _in_use(ec2, ids, "subnet", Groups=[ids["security-group/demo-application"]])
    before = life.picture(account)
    account.control("DELETE", "calls")
    refused = modules.run(life.module, **{**life.options, **changed})
    assert refused.failed
    assert [words for words in ["someone's node", *named] if words not in refused.message] == []
    assert writes(account) == []
    assert life.picture(account) == before
    foreseen = modules.run(life.module, check=True, **{**life.options, **changed})
    assert "delete" in {action for action, _kind, _name in steps(foreseen)}
    assert "someone's node" in str(foreseen.result["warnings"])
