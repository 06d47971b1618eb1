# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed in the middle of any layer, the next run goes on and makes nothing twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.platform import PLATFORM, Sandbox


@pytest.fixture(scope="module")
def empty_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("interrupted"))
    running.command("up")
    yield running
    running.command("down")


def _kill_when(sandbox: Sandbox, condition: Callable[[], bool], *, whole_group: bool, limit: float = 120) -> None:
    """Run site.yml until the condition holds, then kill -9 it: alone, as an operator would, or with its children."""
    process = sandbox.start_site()
    end = time.monotonic() + limit
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.05)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait(timeout=30)


def _owned(items: list[dict[str, Any]]) -> list[str]:
    named = []
    for item in items:
        tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
        if tags.get("entasis.io/platform") == PLATFORM:
            named.append(tags["Name"])
    return named


def _names(sandbox: Sandbox) -> Counter[str]:
    """Every resource of ours in the account, counted by kind and name."""
    ec2 = sandbox.aws("ec2")
    kinds = {
        "vpc": ec2.describe_vpcs()["Vpcs"],
        "subnet": ec2.describe_subnets()["Subnets"],
        "internet gateway": ec2.describe_internet_gateways()["InternetGateways"],
        "route table": ec2.describe_route_tables()["RouteTables"],
        "address": ec2.describe_addresses()["Addresses"],
        "NAT gateway": [n for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"],
        "endpoint": ec2.describe_vpc_endpoints()["VpcEndpoints"],
        "security group": ec2.describe_security_groups()["SecurityGroups"],
    }
    return Counter(f"{kind} {name}" for kind, items in kinds.items() for name in _owned(items))


def test_killed_in_each_layer_the_next_run_converges(empty_sandbox: Sandbox) -> None:
    sandbox = empty_sandbox
    ec2, eks = sandbox.aws("ec2"), sandbox.aws("eks")
    sandbox.control("POST", "settings", {"cluster": 6, "node_group": 6})

    def subnets() -> int:
        return len(_owned(ec2.describe_subnets()["Subnets"]))

    def status_of_cluster() -> str:
        names = eks.list_clusters()["clusters"]
        return eks.describe_cluster(name=PLATFORM)["cluster"]["status"] if PLATFORM in names else ""

    def node_groups() -> list[str]:
        return eks.list_nodegroups(clusterName=PLATFORM)["nodegroups"] if status_of_cluster() else []

    _kill_when(sandbox, lambda: subnets() >= 2, whole_group=True)
    _kill_when(sandbox, lambda: bool(_owned(ec2.describe_security_groups()["SecurityGroups"])), whole_group=True)
    _kill_when(sandbox, lambda: status_of_cluster() == "CREATING", whole_group=False)
    _kill_when(sandbox, lambda: bool(node_groups()), whole_group=True)
    sandbox.control("POST", "settings", {"cluster": 1, "node_group": 1})

    finished = sandbox.site()
    assert finished.code == 0, finished.output
    assert set(_names(sandbox).values()) == {1}, _names(sandbox)
    assert sorted(eks.list_nodegroups(clusterName=PLATFORM)["nodegroups"]) == [
        "ai-inference",
        "data-processing",
        "general",
    ]
    again = sandbox.site("--check")
    assert (again.code, again.changed) == (0, 0), again.output
