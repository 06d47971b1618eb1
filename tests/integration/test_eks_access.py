# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets into a cluster, and which pods have which IAM role: what is about these modules alone.

Their life is a row of the table of test_aws_domains.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws_server import REGION, AwsServer
from tests.support.control_plane import finish
from tests.support.eks import make_cluster, make_parents, make_role
from tests.support.eks_account import Account
from tests.support.eks_admin import Caller
from tests.support.modules import Modules, start
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until

_OWNER: dict[str, Any] = {"platform": "demo", "role": "life"}
_ADMIN = {"policy": "AmazonEKSClusterAdminPolicy"}
_CREATOR = "arn:aws:iam::123456789012:user/platform"
_ROLE = "arn:aws:iam::{account}:role/operators"


@pytest.fixture
def cluster(account: AwsServer) -> AwsServer:
    """An empty account with the platform's cluster, which the caller made."""
    account.control("POST", "settings", {"cluster": 0.0, "update": 0.1})
    make_cluster(account, make_parents(account))
    make_role(account.client("iam"), "operators", "ec2")
    return account


def _entry(name: str, *policies: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"name": name, "policies": list(policies), **options}


def _admins(account: AwsServer) -> set[str]:
    eks = account.client("eks")
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    return set(eks.list_access_entries(clusterName="demo", associatedPolicyArn=policy)["accessEntries"])


def test_the_creator_is_never_the_only_way_in_and_never_locked_out(cluster: AwsServer, modules: Modules) -> None:
    both = [_entry(_ROLE, _ADMIN), _entry(_CREATOR, _ADMIN)]
    made = modules.quartet("eks_access_entries", **_OWNER, entries=both)
    assert made.changes == [
        ("create", "arn:aws:iam::123456789012:role/operators"),
        ("update", f"{_CREATOR} tags"),
    ]
    before = _admins(cluster)
    assert before == {_CREATOR, "arn:aws:iam::123456789012:role/operators"}
    for entries in (
        [_entry(_ROLE, _ADMIN)],
        [_entry(_ROLE, _ADMIN), _entry(_CREATOR, {"policy": "AmazonEKSViewPolicy"})],
    ):
        for check in (True, False):
            refused = modules.run("eks_access_entries", check=check, **_OWNER, entries=entries, purge=True)
            assert (
                f"take AmazonEKSClusterAdminPolicy of the cluster away from {_CREATOR}, who runs it" in refused.message
            )
    refused = modules.run("eks_access_entries", **_OWNER, state="absent")
    assert "who runs it" in refused.message
    assert _admins(cluster) == before


def test_policies_are_for_the_cluster_or_for_namespaces(cluster: AwsServer, modules: Modules) -> None:
    def scopes() -> dict[str, Any]:
        principal = "arn:aws:iam::123456789012:role/operators"
        eks = cluster.client("eks")
        listed = eks.list_associated_access_policies(clusterName="demo", principalArn=principal)
        return {
            policy["policyArn"].rpartition("/")[2]: policy["accessScope"]["namespaces"]
            for policy in listed["associatedAccessPolicies"]
        }

    def run(*policies: dict[str, Any]) -> list[tuple[str, str]]:
        return modules.quartet("eks_access_entries", **_OWNER, entries=[_entry(_ROLE, *policies)]).changes

    view, edit = {"policy": "AmazonEKSViewPolicy"}, {"policy": "AmazonEKSEditPolicy", "namespaces": ["b", "a"]}
    run(view, edit)
    assert scopes() == {"AmazonEKSViewPolicy": [], "AmazonEKSEditPolicy": ["a", "b"]}
    assert run({**view, "namespaces": ["a"]}) == [("update", "arn:aws:iam::123456789012:role/operators policies")]
    assert scopes() == {"AmazonEKSViewPolicy": ["a"]}


def test_what_is_missing_is_named_before_anything_is_made(modules: Modules) -> None:
    one = {"namespace": "data", "service_account": "backup", "iam_role": "demo-backup"}
    for module, options in (
        ("eks_access_entries", {"entries": [_entry(_CREATOR, _ADMIN)]}),
        ("eks_pod_identities", {"associations": [one]}),
    ):
        assert modules.run(module, check=True, **_OWNER, **options).changed
    assert "the EKS cluster 'demo' does not exist" in modules.run("eks_access_entries", **_OWNER, entries=[]).message
    missing = modules.run("eks_pod_identities", **_OWNER, associations=[one])
    assert "IAM role 'demo-backup' does not exist" in missing.message


def test_a_second_operator_gets_in_a_viewer_changes_nothing_and_a_stranger_gets_nowhere(
    sandbox: Sandbox, owner: Account
) -> None:
    people, arns = {}, {}
    for name in ("second", "watcher", "nobody"):
        arns[name] = owner.iam.create_user(UserName=name)["User"]["Arn"]
        key = owner.iam.create_access_key(UserName=name)["AccessKey"]
        people[name] = Caller(
            sandbox, AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"]
        )
    owner.eks.tag_resource(resourceArn=owner.cluster()["arn"], tags={"entasis.io/platform": "prod"})
    given = {
        "platform": "prod",
        "role": "eks_cluster",
        "region": REGION,
        "entries": [_entry(arns["second"], _ADMIN), _entry(arns["watcher"], {"policy": "AmazonEKSViewPolicy"})],
    }
    made = finish(start("eks_access_entries", given, sandbox.environment_of_keys))
    assert not made.failed, made.message
    wait_until(lambda: people["second"]("create", "namespace", "second") == "ok")
    wait_until(lambda: people["watcher"]("get", "pods", "-n", "second") == "ok")
    assert people["watcher"]("create", "configmap", "mine", "-n", "second") == "forbidden"
    assert people["watcher"]("get", "secrets", "-n", "second") == "forbidden"
    assert people["nobody"]("get", "pods", "-n", "second") == "Unauthorized"
