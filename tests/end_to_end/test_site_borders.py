# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the spec takes at its borders runs to the end of site.yml: the longest names, then nothing of them.

The tests of this file tell one story in their order, on a sandbox of their own.
"""

from __future__ import annotations

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


def _groups(sandbox: Sandbox) -> list[dict[str, Any]]:
    mine = [{"Name": "tag:entasis.io/platform", "Values": [NAME]}]
    return sandbox.aws("ec2").describe_security_groups(Filters=mine)["SecurityGroups"]


def test_the_longest_names(sandbox: Sandbox, inventory_of: Inventory) -> None:
    run = sandbox.site(inventory=inventory_of(lambda platform: platform.update(LONGEST)))
    assert run.code == 0, run.output
    assert sandbox.aws("eks").list_nodegroups(clusterName=NAME)["nodegroups"] == [POOL["name"]]
    assert _services(sandbox) == ["Deployment", "NetworkPolicy", "Service"]
    pods = sandbox.kubernetes("--context", NAME, "get", "pods", "-n", SERVICE["namespace"])["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
    [group] = _groups(sandbox)
    assert group["GroupName"].endswith(GROUP)
    assert LONGEST["tags"].items() <= {tag["Key"]: tag["Value"] for tag in group["Tags"]}.items()


def test_nothing_of_it(sandbox: Sandbox, inventory_of: Inventory) -> None:
    """Empty lists and mappings remove what they named before, and a second run has nothing left to do."""
    nothing = {**NOTHING, "name": NAME, "node_pools": LONGEST["node_pools"], "purge": True}
    inventory = inventory_of(lambda platform: platform.update(nothing))
    run = sandbox.site(inventory=inventory)
    assert run.code == 0, run.output
    assert _services(sandbox) == []
    assert _groups(sandbox) == []
    again = sandbox.site(inventory=inventory)
    assert (again.code, again.changed) == (0, 0), again.output
