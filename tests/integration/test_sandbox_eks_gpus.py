# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's simulated GPUs, seen through kubectl: late, partly, unhealthy, gone; replaced nodes; smoke pods."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.eks_account import Account
from tests.support.eks_admin import Admin, connect
from tests.support.modules import finish, start
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until

GPU = "nvidia.com/gpu"
STARTUP = "example.com/gpu-starting"
POOL_TAINTS = [
    {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
    {"key": STARTUP, "value": "true", "effect": "NO_SCHEDULE"},
]
#: What takes a second or two gets this long (seconds) on a busy machine.
SLOW = 60.0


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.command("up")
    yield running
    running.command("down")


@pytest.fixture(scope="module")
def admin(sandbox: Sandbox) -> Admin:
    """kubectl on a cluster with the device plugin and one node of four GPUs, in the group C(ai)."""
    delays = {"cluster": 0.2, "node_group": 0.2, "node": 0.2, "gpu": 0.2, "update": 0.2}
    sandbox.control("POST", "settings", delays)
    account = Account(lambda service, region: connect(sandbox, service, region))
    account.create_cluster()
    wait_until(lambda: account.cluster()["status"] == "ACTIVE")
    kubectl = Admin(sandbox)
    kubectl.apply(device_plugin())
    account.create_group(
        "ai",
        instanceTypes=["g4dn.12xlarge"],
        amiType="AL2023_x86_64_NVIDIA",
        taints=POOL_TAINTS,
        scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1},
    )
    wait_until(lambda: account.group("ai")["status"] == "ACTIVE", limit=SLOW)
    return kubectl


def device_plugin() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "plugin", "image": "plugin:1"}],
                },
            },
        },
    }


@pytest.fixture(autouse=True)
def sound(sandbox: Sandbox, admin: Admin) -> Iterator[None]:
    """Each test begins and ends with four sound GPUs."""
    wait_until(lambda: gpus(admin) == ("4", "4"), limit=SLOW)
    yield
    sandbox.control("DELETE", "eks/gpus")
    wait_until(lambda: gpus(admin) == ("4", "4"), limit=SLOW)


def node(admin: Admin) -> dict[str, Any]:
    return admin.nodes("ai")[0]


def gpus(admin: Admin) -> tuple[str | None, str | None]:
    found = admin.nodes("ai")
    status = found[0]["status"] if found else {"capacity": {}, "allocatable": {}}
    return status["capacity"].get(GPU), status["allocatable"].get(GPU)


def replace(sandbox: Sandbox, admin: Admin) -> None:
    """Let another instance take the node's place."""
    before = node(admin)["metadata"]
    sandbox.control("POST", "eks/replacements", {"node": before["name"]})
    wait_until(
        lambda: [found["metadata"]["uid"] for found in admin.nodes("ai")] not in ([], [before["uid"]]), limit=SLOW
    )


def taints(admin: Admin) -> set[str]:
    return {taint["key"] for found in admin.nodes("ai") for taint in found["spec"].get("taints", ())}


@pytest.mark.parametrize(
    ("conduct", "advertised"),
    [
        ({"capacity": 3}, ("3", "3")),
        ({"allocatable": 3}, ("4", "3")),
        ({"allocatable": 0}, ("4", "0")),
        ({"capacity": 0}, ("0", "0")),
    ],
)
def test_gpus_are_missing_unhealthy_or_gone(
    sandbox: Sandbox, admin: Admin, conduct: dict[str, int], advertised: tuple[str, str]
) -> None:
    sandbox.control("POST", "eks/gpus", {"node": node(admin)["metadata"]["name"], **conduct})
    wait_until(lambda: gpus(admin) == advertised, limit=SLOW)


def test_the_conduct_of_every_node_gives_way_to_that_of_one(sandbox: Sandbox, admin: Admin) -> None:
    sandbox.control("POST", "eks/gpus", {"capacity": 1})
    wait_until(lambda: gpus(admin) == ("1", "1"), limit=SLOW)
    sandbox.control("POST", "eks/gpus", {"node": node(admin)["metadata"]["name"], "capacity": 2})
    wait_until(lambda: gpus(admin) == ("2", "2"), limit=SLOW)


def test_a_replaced_node_has_its_name_its_taints_and_late_gpus(sandbox: Sandbox, admin: Admin) -> None:
    before = node(admin)
    name = before["metadata"]["name"]
    admin.run("taint", "node", name, f"{STARTUP}-")
    sandbox.control("POST", "eks/gpus", {"node": name, "delay": 3600})
    replace(sandbox, admin)
    after = node(admin)
    assert after["metadata"]["name"] == name
    assert after["spec"]["providerID"] != before["spec"]["providerID"]
    assert STARTUP in taints(admin)
    wait_until(lambda: admin.ready("ai") == 1, limit=SLOW)
    assert gpus(admin) == (None, None)
    sandbox.control("POST", "eks/gpus", {"node": name, "delay": 0})
    wait_until(lambda: gpus(admin) == ("4", "4"), limit=SLOW)


def test_a_lifted_startup_taint_stays_away(admin: Admin, sandbox: Sandbox) -> None:
    name = node(admin)["metadata"]["name"]
    assert {STARTUP, GPU} <= taints(admin)
    admin.run("taint", "node", name, f"{STARTUP}-")
    # By then the bridge has looked at the node again: it has changed its GPUs.
    sandbox.control("POST", "eks/gpus", {"node": name, "capacity": 1})
    wait_until(lambda: gpus(admin) == ("1", "1"), limit=SLOW)
    assert taints(admin) == {GPU}


def smoke_pod(name: str, amount: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app.kubernetes.io/name": "gpu-smoke"}},
        "spec": {
            "restartPolicy": "Never",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "smoke", "image": "smoke:1", "resources": {"limits": {GPU: str(amount)}}}],
        },
    }


def phase(admin: Admin, name: str) -> str:
    return next(pod["status"]["phase"] for pod in admin.items("pods") if pod["metadata"]["name"] == name)


def devices(admin: Admin, name: str) -> list[str]:
    """The UUIDs that the pod's log names."""
    log = admin.run("logs", name)
    assert "(simulated)" in log
    return [line.partition("UUID: ")[2].rstrip(")") for line in log.splitlines() if line.startswith("GPU ")]


def test_a_simulated_smoke_pod_sees_the_gpus_of_its_node_and_ends(sandbox: Sandbox, admin: Admin) -> None:
    admin.apply(smoke_pod("sees-all", 4))
    wait_until(lambda: phase(admin, "sees-all") == "Succeeded", limit=SLOW)
    wait_until(lambda: len(set(devices(admin, "sees-all"))) == 4, limit=SLOW)
    sandbox.control("POST", "eks/gpus", {"seen": 3, "exit_code": 1})
    admin.apply(smoke_pod("sees-three", 4))
    wait_until(lambda: phase(admin, "sees-three") == "Failed", limit=SLOW)
    wait_until(lambda: len(devices(admin, "sees-three")) == 3, limit=SLOW)
    admin.run("delete", "pod", "sees-all", "sees-three")
    wait_until(lambda: admin.items("logs.kwok.x-k8s.io", "--all-namespaces") == [], limit=SLOW)


def gpu_node_ready(sandbox: Sandbox, **options: Any) -> dict[str, Any]:
    """What the module says of the node, by the admin's kubeconfig."""
    smoke = {"mode": "all", "image": f"vectoradd@sha256:{'0' * 64}", "timeout": 60}
    arguments = {
        "kubeconfig": sandbox.connection["kubernetes"]["admin_kubeconfig"],
        "node_pool": {"name": "ai"},
        "stable_for": 0,
        "timeout": 60,
        "smoke": smoke,
        **options,
    }
    return finish(start("gpu_node_ready", arguments, sandbox.environment), limit=120).result


def test_gpu_node_ready_waits_for_simulated_gpus_proves_them_and_lets_pods_in(sandbox: Sandbox, admin: Admin) -> None:
    name = node(admin)["metadata"]["name"]
    startup = {"key": STARTUP, "value": "true", "effect": "NoSchedule"}
    replace(sandbox, admin)
    assert STARTUP in taints(admin)
    sandbox.control("POST", "eks/gpus", {"node": name, "seen": 3})
    failed = gpu_node_ready(sandbox, release_taint=startup)
    assert failed["failed"]
    assert "SMOKE_GPU_COUNT" in failed["summary_by_reason"]
    assert STARTUP in taints(admin)
    sandbox.control("DELETE", "eks/gpus")
    ready = gpu_node_ready(sandbox, release_taint=startup)
    assert "failed" not in ready, ready["msg"]
    assert ready["nodes"][0]["smoke"]["uuids_n"] == 4
    assert taints(admin) == {GPU}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("eks/gpus", {"gpus": 3}),
        ("eks/gpus", {"capacity": -1}),
        ("eks/gpus", {"capacity": 1.5}),
        ("eks/gpus", {"node": 7}),
        ("eks/gpus", []),
        ("eks/replacements", {"node": "nobody"}),
        ("eks/replacements", {}),
    ],
)
def test_a_wrong_request_is_refused(sandbox: Sandbox, path: str, body: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        sandbox.control("POST", path, body)
    assert refusal.value.code == 400
    assert sandbox.control("GET", "eks/gpus") == []
