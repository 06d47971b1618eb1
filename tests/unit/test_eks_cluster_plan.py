# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.cluster.plan import (
    DEFAULT_VERSION,
    comparable,
    create_request,
    desired_state,
    observed_state,
    plan,
    update_request,
)
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import arguments
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, PlanError
from ansible_collections.entasis.engine.plugins.modules.eks_cluster import DOCUMENTATION
from hypothesis import given
from hypothesis import strategies as st

PLATFORM = "demo"
KEY = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
OTHER_KEY = "arn:aws:kms:ap-northeast-2:123456789012:key/2"
#: A key of the account of AWS that keeps it, which nobody else sees.
AWS_OWNED = "arn:aws:kms:ap-northeast-2:999999999999:key/3"
PARENTS = {
    "vpc": Lookup("VPC", ("demo",), {"demo": "vpc-1"}, ""),
    "subnets": Lookup("subnet", ("a", "b", "c"), {"a": "subnet-a", "b": "subnet-b", "c": "subnet-c"}, ""),
    "security_groups": Lookup("security group", ("nodes",), {"nodes": "sg-1"}, ""),
    "encryption_key": Lookup("KMS key", ("key",), {"key": KEY}, ""),
    "iam_role": Lookup("IAM role", ("cluster",), {"cluster": "arn:aws:iam::123456789012:role/cluster"}, ""),
}


CIDRS = ["192.0.2.0/24", "198.51.100.0/24"]
ZONES = {"a": "zone-a", "b": "zone-b", "c": "zone-a", "d": "zone-d", "subnet-e": "zone-b"}


def options(**changed: Any) -> dict[str, Any]:
    return {
        **{key: each.get("default") for key, each in arguments(DOCUMENTATION).items()},
        "name": "demo",
        "version": "1.36",
        "role": "eks_cluster",
        "iam_role": "cluster",
        "subnets": ["a", "b"],
        "security_groups": ["nodes"],
        "logging": ["api", "audit"],
        "tags": {"team": "data"},
        **changed,
    }


def desired(**changed: Any) -> dict[str, Any]:
    return desired_state(PLATFORM, options(**changed))


def described(**changed: Any) -> dict[str, Any]:
    """DescribeCluster's answer for a cluster that is just what C(desired()) asks for."""
    return {
        "name": "demo",
        "arn": "arn:aws:eks:ap-northeast-2:123456789012:cluster/demo",
        "status": "ACTIVE",
        "version": "1.36",
        "roleArn": "arn:aws:iam::123456789012:role/cluster",
        "resourcesVpcConfig": {
            "subnetIds": ["subnet-b", "subnet-a"],
            "securityGroupIds": ["sg-1"],
            "vpcId": "vpc-1",
            "endpointPublicAccess": True,
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "logging": {
            "clusterLogging": [
                {"types": ["audit", "api"], "enabled": True},
                {"types": ["authenticator", "controllerManager", "scheduler"], "enabled": False},
            ]
        },
        "accessConfig": {"authenticationMode": "API"},
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16"},
        "deletionProtection": False,
        "tags": {
            "team": "data",
            "entasis.io/platform": "demo",
            "entasis.io/role": "eks_cluster",
            "Name": "demo",
            "cost-center": "set by somebody else",
        },
        **changed,
    }


def encrypted(key: str) -> dict[str, Any]:
    return {"encryptionConfig": [{"provider": {"keyArn": key}}]}


def network(**changed: Any) -> dict[str, Any]:
    return {"resourcesVpcConfig": {**described()["resourcesVpcConfig"], **changed}}


def planned(wanted: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> list[Change]:
    observed = observed_state(found, PARENTS) if found else None
    if wanted and observed:
        wanted, _notes = comparable(wanted, observed, PARENTS, ZONES)
    return plan("demo", PLATFORM, "eks_cluster", wanted, observed)


def parts(changes: list[Change]) -> list[str]:
    return [change.part or change.action for change in changes]


@pytest.mark.parametrize(
    ("present", "status", "expected"),
    [
        (True, "ACTIVE", []),
        (True, None, ["create"]),
        (True, "DELETING", ["create"]),
        *((False, status, ["delete"]) for status in ("ACTIVE", "UPDATING", "FAILED", "CREATING")),
        (False, None, []),
        (False, "DELETING", []),
    ],
)
def test_a_cluster_is_there_in_the_end_or_not(present: bool, status: str | None, expected: list[str]) -> None:
    changes = planned(desired() if present else None, described(status=status) if status else None)
    assert parts(changes) == expected
    shown = {key: value for key, value in desired().items() if value is not None}
    assert all(change.after == shown for change in changes if change.action == "create")


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ({"version": "1.36"}, {"version": "1.35"}, ["version 1.36"]),
        ({"version": "1.36"}, {"version": "1.33"}, ["version 1.34", "version 1.35", "version 1.36"]),
        ({"version": "1.10"}, {"version": "1.9"}, ["version 1.10"]),
        ({"logging": []}, {}, ["logging"]),
        ({"logging": ["audit", "api"]}, {}, []),
        ({"logging": []}, {"logging": {}}, []),
        ({}, {"logging": {"clusterLogging": [{"types": ["api"], "enabled": True}]}}, ["logging"]),
        ({"endpoint_public_access": False}, {}, ["endpoint access"]),
        ({"endpoint_public_access": False}, network(endpointPublicAccess=False, publicAccessCidrs=[]), []),
        ({"endpoint_private_access": False}, {}, ["endpoint access"]),
        ({"public_access_cidrs": CIDRS}, {}, ["endpoint access"]),
        ({"public_access_cidrs": CIDRS}, network(publicAccessCidrs=CIDRS[::-1]), []),
        ({"subnets": ["b", "a"]}, {}, []),
        ({"subnets": ["a", "b", "c"]}, {}, ["subnets"]),
        ({"subnets": ["b", "c"]}, {}, ["subnets"]),
        ({"subnets": ["a", "b", "d"]}, {}, []),
        ({"subnets": ["a", "d"]}, {}, []),
        ({"security_groups": []}, {}, ["security groups"]),
        ({}, network(securityGroupIds=["sg-1", "sg-theirs"]), ["security groups"]),
        ({"subnets": ["c", "b"]}, network(subnetIds=["subnet-a", "subnet-e"]), ["subnets"]),
        ({"version": None}, {"version": "1.35"}, []),
        ({"version": None}, {"version": "1.99"}, []),
        (
            {},
            {"accessConfig": {"authenticationMode": "CONFIG_MAP"}},
            ["authentication mode API_AND_CONFIG_MAP", "authentication mode API"],
        ),
        ({}, {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}, ["authentication mode API"]),
        ({}, {"accessConfig": {"authenticationMode": "API"}}, []),
        ({"encryption_key": "key"}, {}, ["encryption"]),
        ({"encryption_key": "key"}, encrypted(KEY), []),
        ({"encryption_key": None}, encrypted(KEY), []),
        ({"encryption_key": None}, encrypted(AWS_OWNED), []),
        ({"encryption_key": "key"}, encrypted(AWS_OWNED), ["encryption"]),
        ({"deletion_protection": True}, {}, ["deletion protection"]),
        ({"deletion_protection": False}, {"deletionProtection": True}, ["deletion protection"]),
        ({"upgrade_policy": "STANDARD"}, {"upgradePolicy": {"supportType": "EXTENDED"}}, ["upgrade policy"]),
        ({"upgrade_policy": None}, {"upgradePolicy": {"supportType": "EXTENDED"}}, []),
        ({"deletion_protection": None}, {"deletionProtection": True}, []),
        ({"service_cidr": "172.20.0.0/16"}, {}, []),
        ({"tags": {"team": "trading"}}, {}, ["tags"]),
        ({"tags": {}}, {}, []),
        (
            {"version": "1.36", "logging": [], "tags": {"team": "trading"}},
            {"version": "1.35"},
            ["tags", "logging", "version 1.36"],
        ),
    ],
)
def test_each_difference_is_one_update(wanted: dict[str, Any], found: dict[str, Any], expected: list[str]) -> None:
    changes = planned(desired(**wanted), described(**found))
    assert parts(changes) == expected
    assert all(change.action == "update" for change in changes)


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        ({}, {"tags": {"Name": "demo"}}, "is not ours"),
        ({}, {"tags": {"entasis.io/platform": "other"}}, "is not ours"),
        (None, {"tags": {}}, "is not ours"),
        (None, {"deletionProtection": True}, "deletion_protection: false"),
        ({}, {"status": "FAILED"}, "state: absent"),
        ({"version": "1.35"}, {}, "never downgrades"),
        ({"iam_role": "other"}, {}, "iam_role of the EKS cluster 'demo' is cluster and cannot become other"),
        ({}, network(vpcId="vpc-theirs"), "vpc of the EKS cluster 'demo' is vpc-theirs and cannot become demo"),
        ({"service_cidr": "10.100.0.0/16"}, {}, "service_cidr of"),
        ({"encryption_key": "key"}, encrypted(OTHER_KEY), f"is {OTHER_KEY} and cannot become key"),
        ({"authentication_mode": "API_AND_CONFIG_MAP"}, {}, "only moves towards API"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(
    wanted: dict[str, Any] | None, found: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlanError) as refused:
        planned(None if wanted is None else desired(**wanted), described(**found))
    assert words in str(refused.value)


def test_every_unchangeable_difference_and_every_mistake_is_named_at_once() -> None:
    with pytest.raises(PlanError) as refused:
        planned(desired(iam_role="other", version="1.30", service_cidr="10.100.0.0/16"), described())
    assert len(refused.value.problems) == 3
    with pytest.raises(PlanError) as refused:
        desired(
            version="v1.36",
            subnets=["a", "a"],
            endpoint_public_access=False,
            endpoint_private_access=False,
            public_access_cidrs=["10.0.0.1/8", "nowhere"],
        )
    assert len(refused.value.problems) == 5


def test_a_create_says_what_a_cluster_does_not_show_and_leaves_out_what_is_not_asked_for() -> None:
    """The rest of it is seen on the cluster, see tests/integration/test_aws_life.py."""
    request = create_request("demo", desired(deletion_protection=True), PARENTS)
    assert request["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}
    assert request["deletionProtection"] is True
    private = create_request("demo", desired(version=None, endpoint_public_access=False), PARENTS)
    assert private["version"] == DEFAULT_VERSION
    assert "publicAccessCidrs" not in private["resourcesVpcConfig"]
    assert not private.keys() & {"encryptionConfig", "kubernetesNetworkConfig", "deletionProtection"}


def simulated(cluster: Mapping[str, Any], changes: list[Change], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster after EKS has carried out each request of a plan: what a call does not name stays."""
    result: dict[str, Any] = json.loads(json.dumps(cluster))
    for change in changes:
        if change.part == "tags":
            result["tags"].update((change.after or {})["tags"])
            continue
        operation, request = update_request(change, "demo", wanted, PARENTS)
        if operation == "update_cluster_version":
            assert int(request["version"][2:]) == int(result["version"][2:]) + 1
            result["version"] = request["version"]
        elif operation == "associate_encryption_config":
            result["encryptionConfig"] = request["encryptionConfig"]
        else:
            (subject,) = request.keys() - {"name"}
            merged = isinstance(request[subject], dict)
            result[subject] = {**result.get(subject, {}), **request[subject]} if merged else request[subject]
    return result


@given(
    wanted=st.fixed_dictionaries(
        {
            "version": st.sampled_from(["1.34", "1.35", "1.36"]),
            "subnets": st.sets(st.sampled_from(["a", "b", "c"]), min_size=2).map(list),
            "security_groups": st.sampled_from([[], ["nodes"]]),
            "endpoint_public_access": st.booleans(),
            "public_access_cidrs": st.sampled_from([["0.0.0.0/0"], CIDRS]),
            "logging": st.sets(st.sampled_from(["api", "audit", "scheduler"])).map(list),
            "authentication_mode": st.sampled_from(["API", "API_AND_CONFIG_MAP"]),
            "encryption_key": st.sampled_from([None, "key"]),
            "deletion_protection": st.sampled_from([None, True, False]),
            "tags": st.dictionaries(st.sampled_from(["team", "stage", "Name"]), st.sampled_from(["x", "y"])),
        }
    ),
    mode=st.sampled_from(["CONFIG_MAP", "API_AND_CONFIG_MAP"]),
    private=st.booleans(),
)
def test_a_plan_that_was_applied_leaves_nothing_to_plan(wanted: dict[str, Any], mode: str, private: bool) -> None:
    goal = desired(**wanted)
    start = described(
        version="1.33", accessConfig={"authenticationMode": mode}, **network(endpointPrivateAccess=private)
    )
    end = simulated(start, planned(goal, start), goal)
    assert planned(goal, end) == []


def without(described: Any, path: tuple[Any, ...]) -> Any:
    """DescribeCluster's answer without one of its fields."""
    result = json.loads(json.dumps(described))
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return result


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from fields(inner, (*path, key))


@pytest.mark.parametrize("path", [path for path in fields(described(**encrypted(KEY))) if path[0] != "tags"])
def test_no_field_of_ekss_answer_is_relied_on(path: tuple[Any, ...]) -> None:
    """botocore's model requires none of them; what EKS keeps to itself is no reason to refuse or to upgrade."""
    answer = without(described(**encrypted(KEY)), path)
    goal = desired(encryption_key="key", version="1.36", service_cidr="172.20.0.0/16")
    assert all(change.part.partition(" ")[0] != "version" for change in planned(goal, answer))
    assert [change.action for change in planned(None, answer)] == ["delete"]


@pytest.mark.parametrize(
    ("names", "wanted", "found", "note"),
    [
        ({"vpc": {}}, {}, {}, "vpc of the EKS cluster cannot be compared yet: demo was not found"),
        ({"subnets": {"a": "subnet-a"}}, {}, {}, "not found yet: b."),
        ({"security_groups": {}}, {}, {}, "security_groups of the EKS cluster cannot be compared yet: nodes was"),
        ({"encryption_key": {}}, {"encryption_key": "key"}, encrypted(KEY), "encryption_key of the EKS cluster cannot"),
    ],
)
def test_a_parent_whose_name_is_lost_is_not_taken_for_another_one(
    names: dict[str, dict[str, str]], wanted: dict[str, Any], found: dict[str, Any], note: str
) -> None:
    """In check mode another layer has not put the name back yet."""
    parents = {kind: replace(lookup, ids=names.get(kind, lookup.ids)) for kind, lookup in PARENTS.items()}
    observed = observed_state(described(**found), parents)
    zones = {**ZONES, "subnet-b": "zone-b"} if "subnets" not in names else {"a": "zone-a", "subnet-b": "zone-b"}
    goal, notes = comparable(desired(**wanted), observed, parents, zones)
    assert plan("demo", PLATFORM, "eks_cluster", goal, observed) == []
    assert any(each.startswith(note) for each in notes)


@pytest.mark.parametrize(
    ("wanted", "note"),
    [
        (["a", "b"], []),
        (["a", "b", "d"], ["not given to the control plane, though nodes may use them: d (zone-d)."]),
        (["a", "c"], ["kept by the control plane, though not listed: b."]),
    ],
)
def test_the_control_plane_keeps_its_zones_and_says_so(wanted: list[str], note: list[str]) -> None:
    goal, notes = comparable(desired(subnets=wanted), observed_state(described(), PARENTS), PARENTS, ZONES)
    assert {ZONES[name] for name in goal["subnets"]} == {"zone-a", "zone-b"}
    assert [each.partition(" EKS keeps")[0] for each in notes] == note
