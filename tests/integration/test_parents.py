# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules behind the network know its parts by what nobody edits: check says what the run after a repair says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import PLATFORM, cluster_options, make_cluster, make_parents, node_pool, pool_options
from tests.support.modules import Modules

SUBNETS = ["10.0.0.0/24", "10.0.1.0/24"]
BEHIND: dict[str, dict[str, Any]] = {
    "aws_security_groups": {"platform": PLATFORM, "role": "vpc", "groups": [{"name": "nodes", "description": "Nodes"}]},
    "eks_cluster": cluster_options(subnets=SUBNETS, security_groups=["nodes"]),
    "eks_node_pools": pool_options(node_pool(subnets=SUBNETS)),
}


@pytest.fixture
def platform(account: AwsServer, modules: Modules) -> dict[str, str]:
    """The ids of a network that has all that stands on it."""
    account.control("POST", "settings", {"cluster": 0.0, "update": 0.0, "node_group": 0.0, "node": 0.0})
    ids = make_parents(account)
    make_cluster(account, ids)
    for module, options in BEHIND.items():
        outcome = modules.run(module, **options)
        assert not outcome.failed, outcome.message
    return ids


@pytest.mark.parametrize("key", ["Name", "entasis.io/role"])
@pytest.mark.parametrize("parents", [["demo"], ["demo-private-a", "demo-private-b"], ["nodes"]])
def test_an_edited_tag_of_a_parent_changes_nothing_behind_it(
    modules: Modules, ec2: Any, platform: dict[str, str], parents: list[str], key: str
) -> None:
    ec2.create_tags(Resources=[platform[name] for name in parents], Tags=[{"Key": key, "Value": "mine"}])
    for module, options in BEHIND.items():
        if parents == ["nodes"] and module == "aws_security_groups":
            continue  # It repairs the tag.
        foreseen = modules.run(module, check=True, **options)
        assert not foreseen.failed, foreseen.message
        assert foreseen.changes == [], module
