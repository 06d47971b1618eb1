# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job: from an empty account to running services, again without a change, and back from drift.

The tests of this file tell one story in their order, on one account.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.document import DEVIATIONS, differing
from tests.support.platform import PLATFORM, Run, Sandbox


@pytest.fixture(scope="module")
def checked(sandbox: Sandbox) -> Run:
    """--check on an empty account."""
    return sandbox.site("--check", "--diff")


@pytest.fixture(scope="module")
def created(sandbox: Sandbox, checked: Run) -> Run:
    """The first real run, after the check."""
    assert checked.code == 0, checked.output
    return sandbox.site()


def test_check_on_an_empty_account_lists_what_the_real_run_then_creates(checked: Run, created: Run) -> None:
    assert checked.code == 0, checked.output
    assert created.code == 0, created.output
    assert checked.changes == created.changes
    assert checked.changed_tasks == created.changed_tasks
    assert len(checked.changes) > 30


def test_the_document_runs(sandbox: Sandbox, created: Run) -> None:
    assert created.code == 0, created.output
    assert "monitoring_sg" in created.messages
    nodes = sandbox.kubernetes("get", "nodes")["items"]
    ready = [n for n in nodes if any(c["type"] == "Ready" and c["status"] == "True" for c in n["status"]["conditions"])]
    roles = Counter(n["metadata"]["labels"]["role"] for n in ready)
    assert roles == {"general": 3, "ai-inference": 2, "data-processing": 2}
    types = {
        n["metadata"]["labels"]["role"]: n["metadata"]["labels"]["node.kubernetes.io/instance-type"] for n in nodes
    }
    assert types == {"general": "c5.2xlarge", "ai-inference": "g4dn.xlarge", "data-processing": "r5.2xlarge"}
    assert sum(int(n["status"]["allocatable"].get("nvidia.com/gpu", 0)) for n in nodes) == 2
    gpu = [n for n in nodes if n["metadata"]["labels"]["role"] == "ai-inference"]
    assert {n["metadata"]["labels"]["nvidia.com/gpu.present"] for n in gpu} == {"true"}
    assert all({"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in n["spec"]["taints"] for n in gpu)

    pods = sandbox.kubernetes("get", "pods", "--all-namespaces", "-l", "app=trading-api")["items"]
    assert [p["status"]["phase"] for p in pods] == ["Running"] * 3
    groups = {
        name: sandbox.aws("eks").describe_nodegroup(clusterName=PLATFORM, nodegroupName=name)["nodegroup"]
        for name in sandbox.aws("eks").list_nodegroups(clusterName=PLATFORM)["nodegroups"]
    }
    sizes = {name: (g["scalingConfig"]["minSize"], g["scalingConfig"]["maxSize"]) for name, g in groups.items()}
    assert sizes == {"general": (3, 10), "ai-inference": (2, 5), "data-processing": (2, 8)}


@pytest.mark.usefixtures("created")
def test_each_field_of_the_documents_manifests_runs_or_is_an_explained_deviation(sandbox: Sandbox) -> None:
    names = ["deployment/trading-api", "hpa/trading-api-hpa", "networkpolicy/api-network-policy"]
    running = {found["kind"]: found for found in sandbox.kubernetes("get", "-n", "trading", *names)["items"]}
    assert differing(running) == DEVIATIONS


def _change(sandbox: Sandbox, pool: str, **changes: Any) -> None:
    """Change a node group as somebody else would, and wait until EKS is done with it."""
    eks = sandbox.aws("eks")
    eks.update_nodegroup_config(clusterName=PLATFORM, nodegroupName=pool, **changes)
    eks.get_waiter("nodegroup_active").wait(
        clusterName=PLATFORM, nodegroupName=pool, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


@pytest.mark.usefixtures("created")
def test_a_second_run_changes_nothing_and_leaves_what_the_autoscaler_set(sandbox: Sandbox) -> None:
    _change(sandbox, "general", scalingConfig={"desiredSize": 4})
    again = sandbox.site()
    assert again.code == 0, again.output
    assert (again.changed, again.changed_tasks, again.changes) == (0, [], [])
    general = sandbox.aws("eks").describe_nodegroup(clusterName=PLATFORM, nodegroupName="general")["nodegroup"]
    assert general["scalingConfig"]["desiredSize"] == 4


@pytest.mark.usefixtures("created")
def test_drift_is_seen_named_and_mended(sandbox: Sandbox) -> None:
    ec2, eks = sandbox.aws("ec2"), sandbox.aws("eks")
    mine = [{"Name": "tag:entasis.io/platform", "Values": [PLATFORM]}]
    [application] = ec2.describe_security_groups(
        Filters=[*mine, {"Name": "group-name", "Values": [f"{PLATFORM}-application"]}]
    )["SecurityGroups"]
    removed = [p for p in application["IpPermissions"] if p["FromPort"] == 8080]
    ec2.revoke_security_group_ingress(GroupId=application["GroupId"], IpPermissions=removed)
    _change(sandbox, "general", labels={"addOrUpdateLabels": {"role": "drifted"}})
    _change(sandbox, "data-processing", scalingConfig={"minSize": 0, "maxSize": 9, "desiredSize": 1})
    subnet = sorted(ec2.describe_subnets(Filters=mine)["Subnets"], key=lambda s: s["CidrBlock"])[0]
    ec2.delete_tags(
        Resources=[subnet["SubnetId"]],
        Tags=[{"Key": "kubernetes.io/role/elb"}, {"Key": "kubernetes.io/role/internal-elb"}],
    )
    subnet_name = next(t["Value"] for t in subnet["Tags"] if t["Key"] == "Name")

    seen = sandbox.site("--check", "--diff")
    assert seen.code == 0, seen.output
    touched = {(kind, name.partition(" ")[0]) for _action, kind, name in seen.changes}
    assert len(touched) == 4, seen.changes
    assert {"general", "data-processing"} <= {name for _kind, name in touched}
    diffs = str([result.get("diff") for result in seen.results if result.get("changed")])
    for named in (f"subnet/{subnet_name}", "drifted", "8080", "application", "data-processing"):
        assert named in diffs

    mended = sandbox.site()
    assert mended.code == 0, mended.output
    assert mended.changes == seen.changes

    [healed] = ec2.describe_security_groups(GroupIds=[application["GroupId"]])["SecurityGroups"]
    assert [p for p in healed["IpPermissions"] if p["FromPort"] == 8080]
    general = eks.describe_nodegroup(clusterName=PLATFORM, nodegroupName="general")["nodegroup"]
    assert general["labels"]["role"] == "general"
    scaling = eks.describe_nodegroup(clusterName=PLATFORM, nodegroupName="data-processing")["nodegroup"][
        "scalingConfig"
    ]
    assert scaling == {"minSize": 2, "maxSize": 8, "desiredSize": 2}
    tags = {t["Key"] for t in ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]["Tags"]}
    assert {t["Key"] for t in subnet["Tags"]} <= tags

    again = sandbox.site("--check", "--diff")
    assert again.code == 0, again.output
    assert (again.changed, again.changed_tasks, again.changes) == (0, [], [])
