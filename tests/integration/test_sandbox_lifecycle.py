# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox from outside: started, killed in every part, repaired and ended, judged by its processes and ports."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.sandbox import COMMAND_LIMIT, PROJECT, Sandbox, listeners
from tests.support.waiting import wait_until

PARTS = (
    "aws-api",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok-controller",
    "postgresql",
)
#: What the whole sandbox may take to start (seconds), and idle (bytes).
START_BAR = 15.0
MEMORY_BAR = 1.5 * 1024**3

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "lifecycle"},
    "status": {
        "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
        "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"},
    },
}

CALLER = "print(boto3.client('sts').get_caller_identity()['Arn'])"
VPCS = "print(len(boto3.client('ec2').describe_vpcs(Filters=[{'Name': 'cidr', 'Values': ['10.9.0.0/16']}])['Vpcs']))"
CREATE_VPC = "boto3.client('ec2').create_vpc(CidrBlock='10.9.0.0/16')"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the tests that leave it as they found it."""
    sandbox = Sandbox(tmp_path_factory.mktemp("lifecycle") / "home")
    sandbox.run("up")
    yield sandbox
    sandbox.run("down")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own, not started yet."""
    sandbox = Sandbox(tmp_path / "home")
    yield sandbox
    sandbox.run("down")


def schedules_and_runs(sandbox: Sandbox, name: str) -> bool:
    """Whether a new Deployment gets its pods: API server, controllers, scheduler and simulated nodes all take part."""
    sandbox.kubectl("apply", "--server-side", "-f", "-", content=NODE)
    sandbox.kubectl("create", "deployment", name, "--image=example", "--replicas=2")
    answer = sandbox.kubectl("wait", "--for=condition=Available", f"deployment/{name}", "--timeout=30s")
    sandbox.kubectl("delete", "deployment", name)
    return "condition met" in answer


def test_a_start_is_quick_and_small_and_every_part_is_healthy(started: Sandbox) -> None:
    status = started.status()
    assert [part["name"] for part in status["parts"]] == list(PARTS)
    assert {part["state"] for part in status["parts"]} == {"healthy"}
    assert 0 < status["ready_seconds"] <= START_BAR
    assert 100 * 1024**2 < status["resident_bytes"] <= MEMORY_BAR


def test_every_port_is_on_loopback(started: Sandbox) -> None:
    loopback = "0100007F"
    assert [listeners(port) for port in started.ports()] == [[loopback]] * 8


def test_the_written_profile_is_a_way_in_and_the_control_plane_runs_workloads(started: Sandbox) -> None:
    assert started.aws(CALLER) == "arn:aws:iam::123456789012:user/platform"
    assert schedules_and_runs(started, "first")


def test_nobody_gets_in_without_a_certificate_or_a_token(started: Sandbox) -> None:
    kubernetes = started.connection()["kubernetes"]
    context = ssl.create_default_context(cafile=kubernetes["ca_file"])
    address = kubernetes["server"].removeprefix("https://")
    connection = http.client.HTTPSConnection(address, timeout=10, context=context)
    connection.request("GET", "/api/v1/nodes")
    assert connection.getresponse().status == 401
    connection.close()


def test_no_secret_stands_in_a_command_line(started: Sandbox) -> None:
    secret = json.loads((started.home / "access-key.json").read_text())["secret_access_key"]
    assert len(secret) == 40
    assert not [command for command in started.processes().values() if secret in command]


def test_a_second_start_changes_nothing(started: Sandbox) -> None:
    before = started.pids()
    assert "already up" in started.run("up")
    assert started.pids() == before


@pytest.mark.parametrize("killed", [PARTS[::2], PARTS[1::2]], ids=", ".join)
def test_killed_parts_are_started_again_and_nothing_else(started: Sandbox, killed: tuple[str, ...]) -> None:
    before = started.pids()
    for part in killed:
        os.kill(before[part], signal.SIGKILL)
    gone = {before[part] for part in killed}
    wait_until(lambda: not gone & started.processes().keys(), "killed processes are gone from the process table")
    states = {row["name"]: row["state"] for row in started.status(code=1)["parts"]}
    assert {part for part in PARTS if states[part] == "not running"} == set(killed)
    assert f"started again: {', '.join(killed)}" in started.run("up")
    after = started.pids()
    assert {part for part in PARTS if after[part] != before[part]} == set(killed)
    assert schedules_and_runs(started, f"after-{killed[0]}")
    assert started.aws(CALLER).endswith("user/platform")


def test_all_killed_at_once_come_back_with_what_they_held(started: Sandbox) -> None:
    started.aws(CREATE_VPC)
    started.kubectl("create", "configmap", "kept")
    for pid in started.pids().values():
        os.kill(pid, signal.SIGKILL)
    started.run("up")
    assert started.aws(VPCS) == "1"
    assert "configmap/kept" in started.kubectl("get", "configmap", "kept", "--output=name")


def test_a_start_that_was_killed_half_way_is_begun_again_and_its_end_leaves_nothing(fresh: Sandbox) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "up"], env=fresh.environment, cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    wait_until((fresh.home / "control-plane" / "kwokctl.yaml").exists, "kwokctl is at work", COMMAND_LIMIT)
    start.kill()
    start.wait()
    fresh.run("up")
    assert fresh.status()["healthy"]
    assert len(fresh.processes()) == len(PARTS)
    end_leaves_nothing(fresh)
    assert sorted(path.name for path in fresh.home.iterdir()) == ["access-key.json", "charts", "lock", "logs"]


def end_leaves_nothing(sandbox: Sandbox, ports: Sequence[int] = ()) -> None:
    """End it, and see neither a process nor a port of it."""
    ports = ports or sandbox.ports()
    sandbox.run("down")
    assert sandbox.processes() == {}
    assert [listeners(port) for port in ports] == [[]] * 8


@pytest.mark.parametrize("damage", ["half of it is dead and its records are gone", "its folder is gone"])
def test_an_end_of_a_damaged_sandbox_leaves_nothing(fresh: Sandbox, damage: str) -> None:
    fresh.run("up")
    ports, pids = fresh.ports(), fresh.pids()
    if damage == "its folder is gone":
        shutil.rmtree(fresh.home)
    else:
        for part in PARTS[::2]:
            os.kill(pids[part], signal.SIGKILL)
        shutil.rmtree(fresh.home / "pids")
        (fresh.home / "run.json").unlink()
        (fresh.home / "connection.json").write_text("{")
    end_leaves_nothing(fresh, ports)


def test_a_busy_fixed_port_is_one_clear_sentence(fresh: Sandbox) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        port = busy.getsockname()[1]
        said = fresh.run("up", "--no-kubernetes", code=1, ENTASIS_SANDBOX_PORT=str(port))
    assert said.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is taken by another program" in said
    assert fresh.processes() == {}


def test_a_fixed_port_is_taken_and_an_end_forgets_the_account_unless_it_is_kept(fresh: Sandbox) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def up() -> str:
        return fresh.run("up", "--no-kubernetes", ENTASIS_SANDBOX_PORT=str(port))

    up()
    assert [part["port"] for part in fresh.status()["parts"]] == [port]
    assert "already up" in up()
    fresh.aws(CREATE_VPC)
    for end, left in ((("down", "--keep"), "1"), (("down",), "0")):
        fresh.run(*end)
        assert fresh.processes() == {}
        up()
        assert fresh.aws(VPCS) == left
