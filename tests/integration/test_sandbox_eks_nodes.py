# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS over a real control plane: who gets in, and the Nodes of node groups, seen through kubectl."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.eks_account import Account, refusal
from tests.support.eks_admin import Admin, Caller, connect, is_ready
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until

#: A cluster on a busy machine of two cores gets this long (seconds) for what takes a second or two when it is idle.
SLOW = 60.0
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS{}Policy"
GPU = "nvidia.com/gpu"


@pytest.fixture
def group(owner: Account) -> Iterator[Account]:
    """The account with a node group of three nodes, general, which is gone after the test."""
    owner.create_group(labels={"role": "general"})
    settled(owner)
    yield owner
    settled(owner)
    remove_group(owner, "general")


def settled(account: Account, name: str = "general") -> None:
    wait_until(lambda: account.group(name)["status"] == "ACTIVE", limit=SLOW)


def remove_group(account: Account, name: str) -> None:
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName=name)
    wait_until(lambda: name not in account.eks.list_nodegroups(clusterName="prod")["nodegroups"], limit=SLOW)


def scale(account: Account, desired: int) -> None:
    scaling = {"minSize": 1, "desiredSize": desired}
    account.eks.update_nodegroup_config(clusterName="prod", nodegroupName="general", scalingConfig=scaling)
    settled(account)


def test_rights_are_those_of_the_access_entry_and_its_policies(sandbox: Sandbox, owner: Account) -> None:
    assert Caller(sandbox)("get", "nodes") == "ok"
    assert Caller(sandbox, AWS_SECRET_ACCESS_KEY="forged" * 7)("get", "nodes") == "Unauthorized"
    place = {"clusterName": "prod", "principalArn": owner.iam.create_user(UserName="viewer")["User"]["Arn"]}
    key = owner.iam.create_access_key(UserName="viewer")["AccessKey"]
    viewer = Caller(sandbox, AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    owner.eks.create_access_entry(**place)
    assert viewer("get", "pods") == "forbidden"
    view = POLICY.format("View")
    owner.eks.associate_access_policy(**place, policyArn=view, accessScope={"type": "cluster"})
    wait_until(lambda: viewer("get", "pods", "--all-namespaces") == "ok")
    assert viewer("create", "configmap", "x") == "forbidden"
    # Two tokens of the same second are one, which the API server remembers for a moment.
    owner.eks.disassociate_access_policy(**place, policyArn=view)
    wait_until(lambda: viewer("get", "pods") == "forbidden")
    owner.eks.delete_access_entry(**place)
    wait_until(lambda: viewer("get", "pods") == "Unauthorized")


def test_a_policy_for_a_namespace_ends_at_its_border(sandbox: Sandbox, owner: Account, admin: Admin) -> None:
    role = owner.role("editor", "ec2.amazonaws.com")
    place = {"clusterName": "prod", "principalArn": role}
    owner.eks.create_access_entry(**place)
    scope = {"type": "namespace", "namespaces": ["trading"]}
    owner.eks.associate_access_policy(**place, policyArn=POLICY.format("Edit"), accessScope=scope)
    # The namespace may come after the policy.
    admin.run("create", "namespace", "trading")
    editor = Caller(sandbox, "--role-arn", role)
    wait_until(lambda: editor("create", "configmap", "mine", "-n", "trading") == "ok")
    assert editor("get", "configmaps", "-n", "default") == "forbidden"
    owner.eks.delete_access_entry(**place)
    wait_until(lambda: not admin.items("rolebindings", "-n", "trading"))


def taints_of(node: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((t["key"], t.get("value", ""), t["effect"]) for t in node["spec"].get("taints", []))


def test_nodes_are_as_their_group_says_and_keep_what_others_put_there(group: Account, admin: Admin) -> None:
    nodes = admin.nodes("general")
    assert [is_ready(node) for node in nodes] == [True] * 3
    assert sorted(Counter(n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in nodes).values()) == [1, 2]
    admin.run("label", "nodes", "--all", "theirs=kept")
    admin.run("taint", "nodes", "--all", "theirs=kept:PreferNoSchedule")
    taint = {"key": "dedicated", "value": "x", "effect": "NO_SCHEDULE"}
    group.update_group(
        labels={"addOrUpdateLabels": {"role": "changed", "tier": "1"}}, taints={"addOrUpdateTaints": [taint]}
    )
    expected = [("dedicated", "x", "NoSchedule"), ("theirs", "kept", "PreferNoSchedule")]
    wait_until(lambda: all(taints_of(node) == expected for node in admin.nodes("general")))
    assert labels_of(admin, "role", "tier", "theirs") == [("changed", "1", "kept")] * 3
    group.update_group(labels={"removeLabels": ["tier"]}, taints={"removeTaints": [taint]})
    wait_until(lambda: all(taints_of(node) == expected[1:] for node in admin.nodes("general")))
    assert labels_of(admin, "role", "tier", "theirs") == [("changed", None, "kept")] * 3


def labels_of(admin: Admin, *names: str) -> list[tuple[str | None, ...]]:
    found = [node["metadata"]["labels"] for node in admin.nodes("general")]
    return [tuple(labels.get(name) for name in names) for labels in found]


def run_pods(admin: Admin, replicas: int) -> None:
    """A Deployment, api, with so many pods that run."""
    labels = {"app": "api"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "api", "image": "api:1"}]}}
    admin.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "api", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    wait_until(lambda: len(places_of(admin)) == replicas, limit=SLOW)


def places_of(admin: Admin) -> list[str]:
    """The nodes of the pods that run."""
    pods = admin.items("pods", "-n", "default", "-l", "app=api")
    return [pod["spec"]["nodeName"] for pod in pods if pod["status"]["phase"] == "Running"]


def test_scaling_moves_pods_off_the_nodes_that_go(group: Account, admin: Admin) -> None:
    run_pods(admin, 6)
    scale(group, 5)
    assert admin.ready("general") == 5
    scale(group, 1)
    (left,) = admin.nodes("general")
    wait_until(lambda: places_of(admin) == [left["metadata"]["name"]] * 6, limit=SLOW)
    admin.run("delete", "deployment", "api")


def test_a_version_update_replaces_every_node_within_the_disruption_budget_or_fails(
    sandbox: Sandbox, group: Account, admin: Admin
) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "api", "namespace": "default"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "api"}}},
    }

    def updated() -> dict[str, Any]:
        begun = group.eks.update_nodegroup_version(clusterName="prod", nodegroupName="general")["update"]
        settled(group)
        described = group.eks.describe_update(name="prod", nodegroupName="general", updateId=begun["id"])
        return dict(described["update"])

    admin.apply(budget)
    run_pods(admin, 3)
    old = {node["metadata"]["uid"] for node in admin.nodes("general")}
    group.eks.update_cluster_version(name="prod", version="1.35")
    wait_until(lambda: group.cluster()["status"] == "ACTIVE")
    sandbox.control("POST", "settings", {"eviction": 1})
    failed = updated()
    assert (failed["status"], failed["errors"][0]["errorCode"]) == ("Failed", "PodEvictionFailure")
    wait_until(
        lambda: admin.ready("general") == 3 and not any(n["spec"].get("unschedulable") for n in admin.nodes("general"))
    )
    sandbox.control("POST", "settings", {"eviction": 60})
    admin.run("delete", "pdb", "api")
    assert updated()["status"] == "Successful"
    nodes = admin.nodes("general")
    assert {node["status"]["nodeInfo"]["kubeletVersion"].rpartition(".")[0] for node in nodes} == {"v1.35"}
    assert not old & {node["metadata"]["uid"] for node in nodes}
    wait_until(lambda: len(places_of(admin)) == 3, limit=SLOW)
    admin.run("delete", "deployment", "api")


def test_gpus_come_with_the_device_plugin_behave_as_asked_and_go_with_it(
    sandbox: Sandbox, owner: Account, admin: Admin
) -> None:
    """How late they come, replaced nodes and smoke pods: see the molecule scenario of gpu_node_ready."""
    owner.create_group(
        "ai",
        instanceTypes=["g4dn.12xlarge"],
        amiType="AL2023_x86_64_NVIDIA",
        taints=[{"key": GPU, "value": "true", "effect": "NO_SCHEDULE"}],
        scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1},
    )
    settled(owner, "ai")
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    pod = {"tolerations": [{"operator": "Exists"}], "containers": [{"name": "plugin", "image": "plugin:1"}]}
    plugin = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "plugin", "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }

    def advertised() -> tuple[str | None, str | None]:
        status = admin.nodes("ai")[0]["status"]
        return status["capacity"].get(GPU), status["allocatable"].get(GPU)

    assert advertised() == (None, None)
    admin.apply(plugin)
    wait_until(lambda: advertised() == ("4", "4"), limit=SLOW)
    sandbox.control("POST", "eks/gpus", {"capacity": 3, "allocatable": 2})
    wait_until(lambda: advertised() == ("3", "2"), limit=SLOW)
    sandbox.control("DELETE", "eks/gpus")
    wait_until(lambda: advertised() == ("4", "4"), limit=SLOW)
    admin.run("delete", "daemonset", "plugin", "-n", "kube-system")
    wait_until(lambda: advertised() == ("0", "0"), limit=SLOW)
    remove_group(owner, "ai")
    assert admin.nodes("ai") == []


def test_nodes_outlive_a_killed_server_and_api_server_and_come_back_when_they_are_deleted(
    sandbox: Sandbox, group: Account, admin: Admin
) -> None:
    gone, *kept = [node["metadata"] for node in admin.nodes("general")]
    admin.run("delete", "node", gone["name"])
    for part in ("aws-api", "kube-apiserver"):
        os.kill(json.loads((sandbox.home / "pids" / f"{part}.json").read_text())["pid"], signal.SIGKILL)
    sandbox.command("up")
    scale(group, 4)
    after = {node["metadata"]["uid"] for node in admin.nodes("general")}
    assert {node["uid"] for node in kept} < after
    assert (len(after), gone["uid"] in after) == (4, False)


def test_the_next_cluster_finds_an_empty_control_plane(sandbox: Sandbox, owner: Account, admin: Admin) -> None:
    code, message = refusal(owner.create_cluster, name="second")
    assert (code, "prod" in message) == ("ResourceLimitExceededException", True)
    admin.run("create", "configmap", "left-over")
    owner.eks.delete_cluster(name="prod")
    wait_until(lambda: not owner.eks.list_clusters()["clusters"], limit=SLOW)
    virginia = Account(lambda service, region: connect(sandbox, service, region), "us-east-1")
    virginia.create_cluster()
    wait_until(lambda: virginia.cluster()["status"] == "ACTIVE")
    assert virginia.cluster()["endpoint"] == sandbox.connection["kubernetes"]["server"]
    assert "left-over" not in [found["metadata"]["name"] for found in admin.items("configmaps", "-n", "default")]
    virginia.create_group()
    settled(virginia)
    assert all(node["metadata"]["name"].endswith(".ec2.internal") for node in admin.nodes("general"))
