# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS over a real control plane: who gets in, and the Nodes of node groups, seen through kubectl."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.eks_account import REGION, Account, refusal
from tests.support.eks_admin import Admin, connect, is_ready
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until

#: A cluster on a busy machine of two cores gets this long (seconds) for what takes a second or two when it is idle.
SLOW = 60.0
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.command("up")
    yield running
    running.command("down")


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> Account:
    """An account with an ACTIVE cluster of version 1.34."""
    sandbox.control("POST", "settings", {"cluster": 0.2, "node_group": 0.2, "node": 0.2, "gpu": 0.5, "update": 0.2})
    made = Account(lambda service, region: connect(sandbox, service, region))
    made.create_cluster()
    wait_until(lambda: made.cluster()["status"] == "ACTIVE")
    return made


@pytest.fixture(scope="module")
def admin(sandbox: Sandbox, account: Account) -> Admin:  # noqa: ARG001 - the cluster must be there first
    return Admin(sandbox)


@pytest.fixture
def group(account: Account) -> Iterator[Account]:
    """The account with a node group of three nodes, general, which is gone after the test."""
    account.create_group(labels={"role": "general"})
    wait_until(lambda: account.group()["status"] == "ACTIVE", limit=SLOW)
    yield account
    wait_until(lambda: account.group()["status"] != "UPDATING", limit=SLOW)
    remove_group(account, "general")


def remove_group(account: Account, name: str) -> None:
    account.eks.delete_nodegroup(clusterName="prod", nodegroupName=name)
    wait_until(lambda: name not in account.eks.list_nodegroups(clusterName="prod")["nodegroups"], limit=SLOW)


class Caller:
    """kubectl as an AWS principal, by C(aws eks get-token), as a user's kubeconfig has it."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, *token_arguments: str, cluster: str = "prod", **keys: str
    ) -> None:
        found = connect(sandbox, "eks", REGION).describe_cluster(name="prod")["cluster"]
        exec_arguments = ["--region", REGION, "eks", "get-token", "--cluster-name", cluster, *token_arguments]
        environment = {name: value for name, value in sandbox.environment.items() if not name.startswith("AWS_")}
        connection = sandbox.connection
        self._environment = {
            **environment,
            "AWS_ENDPOINT_URL": connection["endpoint_url"],
            "AWS_ACCESS_KEY_ID": keys.get("key", connection["access_key_id"]),
            "AWS_SECRET_ACCESS_KEY": keys.get("secret", connection["secret_access_key"]),
        }
        self._kubeconfig = folder / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [
                {
                    "name": "x",
                    "cluster": {
                        "server": found["endpoint"],
                        "certificate-authority-data": found["certificateAuthority"]["data"],
                    },
                }
            ],
            "users": [
                {
                    "name": "x",
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": exec_arguments,
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
        }
        self._kubeconfig.write_text(yaml.safe_dump(content))

    def __call__(self, *arguments: str) -> str:
        """ "ok", or the word by which kubectl reports the refusal."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(self._kubeconfig), *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for word in ("Unauthorized", "Forbidden", "forbidden"):
            if word in done.stderr:
                return word.capitalize()
        assert done.returncode == 0, done.stderr
        return "ok"


def user_of(account: Account, name: str) -> tuple[str, dict[str, str]]:
    """A new IAM user: its ARN and its keys."""
    arn = account.iam.create_user(UserName=name)["User"]["Arn"]
    key = account.iam.create_access_key(UserName=name)["AccessKey"]
    return arn, {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def test_the_creator_gets_in_and_a_stranger_does_not(sandbox: Sandbox, account: Account, tmp_path: Path) -> None:
    assert Caller(sandbox, tmp_path)("get", "nodes") == "ok"
    _arn, stranger = user_of(account, "stranger")
    assert Caller(sandbox, tmp_path, **stranger)("get", "nodes") == "Unauthorized"
    unknown = {"key": "AKIAUNKNOWNUNKNOWN00", "secret": "x" * 40}
    assert Caller(sandbox, tmp_path, **unknown)("get", "nodes") == "Unauthorized"


def test_a_forged_token_or_one_for_another_cluster_is_refused(
    sandbox: Sandbox, account: Account, tmp_path: Path
) -> None:
    assert account.cluster()["status"] == "ACTIVE"
    assert Caller(sandbox, tmp_path, secret="forged" * 7)("get", "nodes") == "Unauthorized"
    assert Caller(sandbox, tmp_path, cluster="other")("get", "nodes") == "Unauthorized"


def test_an_entry_alone_gives_no_rights_and_the_view_policy_only_views(
    sandbox: Sandbox, account: Account, tmp_path: Path
) -> None:
    arn, keys = user_of(account, "viewer")
    place = {"clusterName": "prod", "principalArn": arn}
    account.eks.create_access_entry(**place)
    viewer = Caller(sandbox, tmp_path, **keys)
    assert viewer("get", "pods") == "Forbidden"
    account.eks.associate_access_policy(**place, policyArn=VIEW, accessScope={"type": "cluster"})
    wait_until(lambda: viewer("get", "pods", "--all-namespaces") == "ok")
    assert viewer("create", "configmap", "x") == "Forbidden"
    assert viewer("get", "secrets") == "Forbidden"
    account.eks.disassociate_access_policy(**place, policyArn=VIEW)
    wait_until(lambda: viewer("get", "pods") == "Forbidden")
    account.eks.delete_access_entry(**place)
    wait_until(lambda: viewer("get", "pods") == "Unauthorized")


def test_a_policy_for_a_namespace_ends_at_its_border(
    sandbox: Sandbox, account: Account, admin: Admin, tmp_path: Path
) -> None:
    role = account.role("editor", "ec2.amazonaws.com")
    place = {"clusterName": "prod", "principalArn": role}
    edit = VIEW.replace("View", "Edit")
    account.eks.create_access_entry(**place)
    scope = {"type": "namespace", "namespaces": ["trading"]}
    account.eks.associate_access_policy(**place, policyArn=edit, accessScope=scope)
    # The namespace may come after the policy.
    admin.run("create", "namespace", "trading")
    editor = Caller(sandbox, tmp_path, "--role-arn", role)
    wait_until(lambda: editor("get", "configmaps", "-n", "trading") == "ok")
    assert editor("create", "configmap", "mine", "-n", "trading") == "ok"
    assert editor("get", "configmaps", "-n", "default") == "Forbidden"
    account.eks.delete_access_entry(**place)
    wait_until(lambda: not admin.items("rolebindings", "-n", "trading"))


def test_the_groups_of_an_entry_count(sandbox: Sandbox, account: Account, admin: Admin, tmp_path: Path) -> None:
    arn, keys = user_of(account, "grouped")
    account.eks.create_access_entry(clusterName="prod", principalArn=arn, kubernetesGroups=["watchers"])
    admin.run("create", "clusterrolebinding", "watchers", "--clusterrole=view", "--group=watchers")
    assert Caller(sandbox, tmp_path, **keys)("get", "pods") == "ok"


@pytest.mark.usefixtures("group")
def test_a_node_group_becomes_ready_nodes_as_eks_makes_them(admin: Admin) -> None:
    nodes = admin.nodes("general")
    assert [is_ready(node) for node in nodes] == [True] * 3
    assert sorted(Counter(n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in nodes).values()) == [1, 2]
    for node in nodes:
        labels, status = node["metadata"]["labels"], node["status"]
        zone = labels["topology.kubernetes.io/zone"]
        address = next(a["address"] for a in status["addresses"] if a["type"] == "InternalIP")
        assert node["metadata"]["name"] == f"ip-{address.replace('.', '-')}.{REGION}.compute.internal"
        assert address.startswith("10.0.0." if zone.endswith("a") else "10.0.1.")
        assert node["spec"]["providerID"].startswith(f"aws:///{zone}/i-")
        assert labels["role"] == "general"
        assert labels["eks.amazonaws.com/capacityType"] == "ON_DEMAND"
        assert labels["eks.amazonaws.com/nodegroup-image"].startswith("ami-")
        assert labels["node.kubernetes.io/instance-type"] == "c5.2xlarge"
        assert labels["topology.kubernetes.io/region"] == REGION
        assert (labels["kubernetes.io/arch"], labels["kubernetes.io/os"]) == ("amd64", "linux")
        assert (status["capacity"]["cpu"], status["capacity"]["pods"]) == ("8", "58")
        assert status["allocatable"]["cpu"] == "7910m"
        assert status["nodeInfo"]["kubeletVersion"].startswith("v1.34.")
        assert status["nodeInfo"]["osImage"].startswith("Amazon Linux 2023")
        assert "nvidia.com/gpu" not in status["capacity"]


def test_labels_and_taints_follow_and_leave_others_alone(group: Account, admin: Admin) -> None:
    admin.run("label", "nodes", "--all", "theirs=kept")
    admin.run("taint", "nodes", "--all", "theirs=kept:PreferNoSchedule")
    taint = {"key": "dedicated", "value": "x", "effect": "NO_SCHEDULE"}
    group.update_group(
        labels={"addOrUpdateLabels": {"role": "changed", "tier": "1"}}, taints={"addOrUpdateTaints": [taint]}
    )
    expected = [("dedicated", "x", "NoSchedule"), ("theirs", "kept", "PreferNoSchedule")]
    wait_until(lambda: all(taints_of(node) == expected for node in admin.nodes("general")))
    for node in admin.nodes("general"):
        labels = node["metadata"]["labels"]
        assert (labels["role"], labels["tier"], labels["theirs"]) == ("changed", "1", "kept")
    group.update_group(labels={"removeLabels": ["tier"]}, taints={"removeTaints": [taint]})
    wait_until(lambda: all(taints_of(node) == expected[1:] for node in admin.nodes("general")))
    labels = [node["metadata"]["labels"] for node in admin.nodes("general")]
    assert [("tier" in found, found["theirs"]) for found in labels] == [(False, "kept")] * 3


def taints_of(node: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((t["key"], t.get("value", ""), t["effect"]) for t in node["spec"].get("taints", []))


def deployment(replicas: int, **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "api"}},
        "spec": {"containers": [{"name": "api", "image": "api:1"}], **spec},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "api"}}, "template": template},
    }


def running_pods(admin: Admin) -> list[dict[str, Any]]:
    return [p for p in admin.items("pods", "-n", "default", "-l", "app=api") if p["status"]["phase"] == "Running"]


def test_scaling_moves_pods_off_the_nodes_that_go(group: Account, admin: Admin) -> None:
    admin.apply(deployment(6))
    wait_until(lambda: len(running_pods(admin)) == 6, limit=SLOW)
    group.eks.update_nodegroup_config(
        clusterName="prod", nodegroupName="general", scalingConfig={"minSize": 1, "desiredSize": 5}
    )
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    assert admin.ready("general") == 5
    group.eks.update_nodegroup_config(clusterName="prod", nodegroupName="general", scalingConfig={"desiredSize": 1})
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    left = admin.nodes("general")
    assert len(left) == 1
    wait_until(lambda: len(running_pods(admin)) == 6, limit=SLOW)
    assert {pod["spec"]["nodeName"] for pod in running_pods(admin)} == {left[0]["metadata"]["name"]}
    admin.run("delete", "deployment", "api")


def test_a_node_deleted_by_hand_comes_back(group: Account, admin: Admin) -> None:
    name = admin.nodes("general")[0]["metadata"]["name"]
    uid = admin.nodes("general")[0]["metadata"]["uid"]
    admin.run("delete", "node", name)
    wait_until(lambda: admin.ready("general") == 3, limit=SLOW)
    assert uid not in {node["metadata"]["uid"] for node in admin.nodes("general")}
    assert group.group()["status"] == "ACTIVE"


class Watch(threading.Thread):
    """Watches the nodes of a group and keeps what was seen at each moment: (nodes, serving nodes)."""

    def __init__(self, admin: Admin, group: str) -> None:
        super().__init__(daemon=True)
        self._admin, self._group = admin, group
        self._end = threading.Event()
        self.moments: list[tuple[int, int]] = []

    def run(self) -> None:
        while not self._end.is_set():
            nodes = self._admin.nodes(self._group)
            serving = [n for n in nodes if is_ready(n) and not n["spec"].get("unschedulable")]
            self.moments.append((len(nodes), len(serving)))

    def stop(self) -> list[tuple[int, int]]:
        self._end.set()
        self.join()
        return self.moments


def test_a_version_update_replaces_nodes_one_at_a_time(group: Account, admin: Admin) -> None:
    admin.apply(deployment(4))
    wait_until(lambda: len(running_pods(admin)) == 4, limit=SLOW)
    old = {node["metadata"]["uid"] for node in admin.nodes("general")}
    group.eks.update_cluster_version(name="prod", version="1.35")
    wait_until(lambda: group.cluster()["status"] == "ACTIVE")
    watch = Watch(admin, "general")
    watch.start()
    begun = group.eks.update_nodegroup_version(clusterName="prod", nodegroupName="general")["update"]
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    moments = watch.stop()
    described = group.eks.describe_update(name="prod", nodegroupName="general", updateId=begun["id"])["update"]
    assert described["status"] == "Successful"
    assert group.group()["version"] == "1.35"
    nodes = admin.nodes("general")
    assert {n["status"]["nodeInfo"]["kubeletVersion"].rpartition(".")[0] for n in nodes} == {"v1.35"}
    assert not old & {node["metadata"]["uid"] for node in nodes}
    assert len(moments) > 5
    assert min(serving for _nodes, serving in moments) >= 3
    assert max(nodes - serving for nodes, serving in moments) <= 1
    wait_until(lambda: len(running_pods(admin)) == 4, limit=SLOW)
    admin.run("delete", "deployment", "api")


def test_a_disruption_budget_stops_a_version_update_unless_forced(
    sandbox: Sandbox, group: Account, admin: Admin
) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "api", "namespace": "default"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "api"}}},
    }
    admin.apply(deployment(3), budget)
    wait_until(lambda: len(running_pods(admin)) == 3, limit=SLOW)
    sandbox.control("POST", "settings", {"eviction": 1})
    release = group.group()["releaseVersion"].partition("-")[0] + "-20261120"
    update = {"clusterName": "prod", "nodegroupName": "general", "releaseVersion": release}
    begun = group.eks.update_nodegroup_version(**update)["update"]
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    described = group.eks.describe_update(name="prod", nodegroupName="general", updateId=begun["id"])["update"]
    assert described["status"] == "Failed"
    assert described["errors"][0]["errorCode"] == "PodEvictionFailure"
    wait_until(
        lambda: admin.ready("general") == 3 and not any(n["spec"].get("unschedulable") for n in admin.nodes("general"))
    )
    begun = group.eks.update_nodegroup_version(**update, force=True)["update"]
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    described = group.eks.describe_update(name="prod", nodegroupName="general", updateId=begun["id"])["update"]
    assert described["status"] == "Successful"
    assert group.group()["releaseVersion"] == release
    admin.run("delete", "deployment,pdb", "api")
    sandbox.control("POST", "settings", {"eviction": 60})


def test_gpus_come_with_the_device_plugin_and_go_with_it(account: Account, admin: Admin) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
    account.create_group(
        "ai-inference",
        instanceTypes=["g4dn.12xlarge"],
        amiType="AL2023_x86_64_NVIDIA",
        taints=[taint],
        scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1},
    )
    wait_until(lambda: account.group("ai-inference")["status"] == "ACTIVE", limit=SLOW)

    def gpus() -> tuple[str | None, str | None]:
        status = admin.nodes("ai-inference")[0]["status"]
        return status["capacity"].get("nvidia.com/gpu"), status["allocatable"].get("nvidia.com/gpu")

    assert gpus() == (None, None)
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    plugin = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"tolerations": [toleration], "containers": [{"name": "plugin", "image": "plugin:1"}]},
            },
        },
    }
    admin.apply(plugin)
    wait_until(lambda: gpus() == ("4", "4"), limit=SLOW)
    admin.run("delete", "daemonset", "nvidia-device-plugin", "-n", "kube-system")
    wait_until(lambda: gpus() == ("0", "0"), limit=SLOW)
    remove_group(account, "ai-inference")
    assert admin.nodes("ai-inference") == []


def test_a_killed_server_adopts_the_nodes_that_are_there(sandbox: Sandbox, group: Account, admin: Admin) -> None:
    before = {node["metadata"]["uid"] for node in admin.nodes("general")}
    kill(sandbox, "aws-api")
    sandbox.command("up")
    group.eks.update_nodegroup_config(clusterName="prod", nodegroupName="general", scalingConfig={"desiredSize": 4})
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    after = {node["metadata"]["uid"] for node in admin.nodes("general")}
    assert before < after
    assert len(after) == 4


def test_a_killed_api_server_is_waited_for(sandbox: Sandbox, group: Account, admin: Admin) -> None:
    kill(sandbox, "kube-apiserver")
    group.eks.update_nodegroup_config(clusterName="prod", nodegroupName="general", scalingConfig={"desiredSize": 4})
    sandbox.command("up")
    wait_until(lambda: group.group()["status"] == "ACTIVE", limit=SLOW)
    assert admin.ready("general") == 4


def kill(sandbox: Sandbox, part: str) -> None:
    """End a process of the sandbox without warning, by the pid that the sandbox wrote down."""
    pid = json.loads((sandbox.home / "pids" / f"{part}.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)


def test_the_next_cluster_finds_an_empty_control_plane(sandbox: Sandbox, account: Account, admin: Admin) -> None:
    code, message = refusal(account.create_cluster, name="second")
    assert (code, "prod" in message) == ("ResourceLimitExceededException", True)
    admin.run("create", "configmap", "left-over")
    account.eks.delete_cluster(name="prod")
    wait_until(lambda: not account.eks.list_clusters()["clusters"], limit=SLOW)
    virginia = Account(lambda service, region: connect(sandbox, service, region), "us-east-1")
    virginia.create_cluster()
    wait_until(lambda: virginia.cluster()["status"] == "ACTIVE")
    assert virginia.cluster()["endpoint"] == sandbox.connection["kubernetes"]["server"]
    names = [found["metadata"]["name"] for found in admin.items("configmaps", "-n", "default")]
    assert "left-over" not in names
    assert admin.items("nodes") == []
    virginia.create_group()
    wait_until(lambda: virginia.group()["status"] == "ACTIVE", limit=SLOW)
    nodes = admin.nodes("general")
    assert {node["metadata"]["labels"]["topology.kubernetes.io/region"] for node in nodes} == {"us-east-1"}
    assert all(node["metadata"]["name"].endswith(".ec2.internal") for node in nodes)
