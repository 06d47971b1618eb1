# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the spec takes at its borders runs to the end of site.yml, also where it was killed on the way.

First the longest names, then nothing of them.
The tests of this file tell one story in their order, on a sandbox of their own.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.borders import LONGEST, NOTHING
from tests.support.platform import Sandbox

NAME = LONGEST["name"]
[POOL] = LONGEST["node_pools"]
[SERVICE] = LONGEST["services"]
[GROUP] = LONGEST["security_groups"]

Inventory = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("borders"))
    running.command("up")
    yield running
    running.command("down")


def _services(sandbox: Sandbox) -> list[str]:
    found = sandbox.kubernetes("--context", NAME, "get", "deployments,services,networkpolicies", "-A", "-l", "app")
    return sorted(item["kind"] for item in found["items"])


def _owned(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    owner = {"Key": "entasis.io/platform", "Value": NAME}
    return [item for item in items if owner in item.get("Tags", ())]


def _network(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """Every resource of ours in EC2, by its kind."""
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
    return {kind: _owned(items) for kind, items in kinds.items()}


def _kill_when(
    sandbox: Sandbox, inventory: Path, condition: Callable[[], bool], *, whole_group: bool, limit: float = 120
) -> None:
    """Run site.yml until the condition holds, then kill -9 it: alone, as an operator would, or with its children."""
    process = sandbox.start_site(inventory=inventory)
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


def test_killed_in_each_layer_the_next_run_goes_on_and_makes_nothing_twice(
    sandbox: Sandbox, inventory_of: Inventory
) -> None:
    inventory = inventory_of(lambda platform: platform.update(LONGEST))
    ec2, eks = sandbox.aws("ec2"), sandbox.aws("eks")

    def cluster() -> str:
        return eks.describe_cluster(name=NAME)["cluster"]["status"] if NAME in eks.list_clusters()["clusters"] else ""

    sandbox.control("POST", "settings", {"cluster": 6, "node_group": 6})
    for condition, whole_group in (
        (lambda: len(_owned(ec2.describe_subnets()["Subnets"])) >= 2, True),
        (lambda: bool(_owned(ec2.describe_security_groups()["SecurityGroups"])), True),
        (lambda: cluster() == "CREATING", False),
        (lambda: bool(cluster() and eks.list_nodegroups(clusterName=NAME)["nodegroups"]), True),
    ):
        _kill_when(sandbox, inventory, condition, whole_group=whole_group)
    sandbox.control("POST", "settings", {"cluster": 1, "node_group": 1})

    finished = sandbox.site(inventory=inventory)
    assert finished.code == 0, finished.output
    names = Counter(
        f"{kind} {tag['Value']}"
        for kind, items in _network(sandbox).items()
        for item in items
        for tag in item["Tags"]
        if tag["Key"] == "Name"
    )
    assert set(names.values()) == {1}, names
    again = sandbox.site("--check", inventory=inventory)
    assert (again.code, again.changed) == (0, 0), again.output


def test_the_longest_names_are_there(sandbox: Sandbox) -> None:
    assert sandbox.aws("eks").list_nodegroups(clusterName=NAME)["nodegroups"] == [POOL["name"]]
    assert _services(sandbox) == ["Deployment", "NetworkPolicy", "Service"]
    pods = sandbox.kubernetes("--context", NAME, "get", "pods", "-n", SERVICE["namespace"])["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
    [group] = _network(sandbox)["security group"]
    assert group["GroupName"].endswith(GROUP)
    assert LONGEST["tags"].items() <= {tag["Key"]: tag["Value"] for tag in group["Tags"]}.items()


def test_nothing_of_it(sandbox: Sandbox, inventory_of: Inventory) -> None:
    """Empty lists and mappings remove what they named before, and a second run has nothing left to do."""
    nothing = {**NOTHING, "name": NAME, "node_pools": LONGEST["node_pools"], "purge": True}
    inventory = inventory_of(lambda platform: platform.update(nothing))
    run = sandbox.site(inventory=inventory)
    assert run.code == 0, run.output
    assert _services(sandbox) == []
    assert _network(sandbox)["security group"] == []
    again = sandbox.site(inventory=inventory)
    assert (again.code, again.changed) == (0, 0), again.output
