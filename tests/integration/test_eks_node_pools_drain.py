# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The replacement of a node pool over a real control plane: what happens to the pods of the old nodes."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.aws_server import REGION
from tests.support.eks_account import Account
from tests.support.eks_admin import Admin, connect
from tests.support.modules import Outcome, Process, finish, start
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until

CLUSTER = "prod"
#: What takes a second or two when the machine is idle gets this long (seconds).
SLOW = 90.0
REPLICAS = 4


class Pools:
    """The module for a cluster of ours with one pool, and the pods on its nodes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        # EKS ends what is still on the nodes of a deleted group after a second.
        sandbox.control("POST", "settings", {"eviction": 1})
        self.account = Account(lambda service, region: connect(sandbox, service, region))
        ours = {"Key": "entasis.io/platform", "Value": CLUSTER}
        self.account.ec2.create_tags(Resources=[self.account.vpc, *self.account.subnets], Tags=[ours])
        for index, subnet in enumerate(self.account.subnets):
            name = {"Key": "Name", "Value": f"private-{index}"}
            self.account.ec2.create_tags(Resources=[subnet], Tags=[name])
        self.account.create_cluster(tags={"entasis.io/platform": CLUSTER, "entasis.io/role": "eks_cluster"})
        wait_until(lambda: self.account.cluster()["status"] == "ACTIVE")
        self.admin = Admin(sandbox)

    def start(self, **pool: Any) -> Process:
        wanted = {
            "name": "general",
            "instance_types": ["c5.2xlarge"],
            "min_size": 2,
            "max_size": 2,
            "subnets": ["private-0", "private-1"],
            "iam_role": self.account.node_role.rpartition("/")[2],
            **pool,
        }
        options = {
            "platform": CLUSTER,
            "role": "eks_node_pools",
            "region": REGION,
            "node_pools": [wanted],
            "wait_timeout": 5,
        }
        return start("eks_node_pools", options, self._sandbox.environment_of_keys)

    def run(self, **pool: Any) -> Outcome:
        return Outcome(finish(self.start(**pool), SLOW).result)

    def disk_sizes(self) -> list[int]:
        names = self.account.eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]
        return sorted(self.account.group(name)["diskSize"] for name in names)

    def ready(self) -> int:
        """How many pods of the application serve."""
        (found,) = self.admin.items("deployments", "-l", "app=api")
        return int(found["status"].get("readyReplicas", 0))

    def allow(self, most: int) -> None:
        """Set how many pods may be missing."""
        self.admin.apply(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "api", "namespace": "default"},
                "spec": {"maxUnavailable": most, "selector": {"matchLabels": {"app": "api"}}},
            }
        )


def deployment() -> dict[str, Any]:
    labels = {"app": "api"}
    container = {"name": "api", "image": "registry.invalid/api:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "default", "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def test_the_pods_of_a_replaced_group_move_within_their_budget_or_it_stays(sandbox: Sandbox) -> None:
    pools = Pools(sandbox)
    made = pools.run(disk_size=20)
    assert not made.failed, made.message
    pools.admin.apply(deployment())
    wait_until(lambda: pools.ready() == REPLICAS, limit=SLOW)

    pools.allow(0)
    stuck = pools.run(disk_size=100, replacement="drain")
    assert stuck.failed
    assert "disruption budget" in stuck.message
    assert pools.disk_sizes() == [20, 100]
    assert pools.ready() == REPLICAS

    pools.allow(1)
    called_off = pools.run(disk_size=20, replacement="drain")
    assert not called_off.failed, called_off.message
    assert pools.disk_sizes() == [20]
    assert not any(node["spec"].get("unschedulable") for node in pools.admin.items("nodes"))
    wait_until(lambda: pools.ready() == REPLICAS, limit=SLOW)

    fewest, over = [REPLICAS], threading.Event()

    def watch() -> None:
        while not over.is_set():
            fewest.append(pools.ready())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        moved = pools.run(disk_size=100, replacement="drain")
    finally:
        over.set()
        watching.join()
    assert not moved.failed, moved.message
    assert moved.changes == [("replace", "general")]
    assert pools.disk_sizes() == [100]
    assert min(fewest) >= REPLICAS - 1
    wait_until(lambda: pools.ready() == REPLICAS, limit=SLOW)

    # What makes the difference: EKS itself does not keep to the budget.
    pools.allow(0)
    lost = pools.run(disk_size=50, replacement="delete")
    assert not lost.failed, lost.message
    assert pools.disk_sizes() == [50]
