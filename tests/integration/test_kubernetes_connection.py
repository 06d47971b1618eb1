# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of Kubernetes by the name of an EKS cluster: a real API server that asks a simulated EKS who comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import kinds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.eks_connection import EksConnection

from tests.support.aws_server import REGION, AwsServer
from tests.support.control_plane import Outcome, config_map, finish, namespace
from tests.support.control_plane import connect as connect_by_file
from tests.support.eks import PLATFORM, make_cluster, make_parents
from tests.support.eks_account import Account
from tests.support.eks_admin import Admin
from tests.support.modules import Answer, Modules, start
from tests.support.platform import Sandbox

CLUSTER = "prod"


class Caller:
    """k8s_objects, as the principal that made the cluster or by other keys, without any kubeconfig or AWS CLI."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.home = home
        self.environment = {
            **sandbox.environment_of_keys,
            "HOME": str(home),
            "PATH": str(home / "no-such-folder"),
            "KUBECONFIG": str(home / "not-this-one"),
        }

    def run(self, *manifests: dict[str, Any], check: bool = False, **options: Any) -> Outcome:
        given = {"name": "by-name", "namespace": "by-name", "objects": list(manifests), **options}
        where = {"cluster": CLUSTER, "region": REGION, "_ansible_check_mode": check}
        return finish(start("k8s_objects", {**where, **given}, self.environment))


@pytest.fixture
def caller(sandbox: Sandbox, owner: Account, tmp_path: Path) -> Caller:  # noqa: ARG001 - the cluster must be there
    return Caller(sandbox, tmp_path)


def test_by_name_without_a_kubeconfig_and_without_the_aws_cli(caller: Caller, admin: Admin) -> None:
    manifests = [namespace("by-name"), config_map("settings", a="1")]
    planned = caller.run(*manifests, check=True)
    made = caller.run(*manifests)
    assert not made.failed, made.message
    assert made.changes == planned.changes
    assert json.loads(admin.run("get", "configmap", "settings", "-n", "by-name", "-o", "json"))["data"] == {"a": "1"}
    assert caller.run(*manifests).changes == []
    assert list(caller.home.iterdir()) == []


def test_two_ways_at_once_are_refused(caller: Caller) -> None:
    refused = caller.run(config_map("a"), kubeconfig="/some/where")
    assert "mutually exclusive: cluster|kubeconfig" in refused.message


def test_a_cluster_that_is_not_there_yet(modules: Modules, account: AwsServer) -> None:
    def run(cluster: str, *, check: bool) -> Answer:
        manifests = [namespace("by-name"), config_map("a")]
        options = {"name": "by-name", "namespace": "by-name", "objects": manifests, "cluster": cluster}
        return finish(modules.start("k8s_objects", check=check, **options))

    parents = make_parents(account)
    account.control("POST", "settings", {"cluster": 60.0})
    make_cluster(account, parents, wait=False)
    for name, state in (("absent", "does not exist"), (PLATFORM, "is CREATING")):
        planned = run(name, check=True)
        assert not planned.failed, planned.message
        assert not planned.result.get("warnings")
        assert [change["action"] for change in planned.result["changes"]] == ["create"] * 3
        assert f"the EKS cluster {name} in {REGION} {state}. Make it with eks_cluster" in run(name, check=False).message


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials were found"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Could not connect to the endpoint URL"),
    ],
)
def test_aws_that_cannot_be_asked(account: AwsServer, environment: dict[str, str | None], message: str) -> None:
    options = {"name": "a", "namespace": "a", "objects": [namespace("a")], "cluster": PLATFORM}
    # Without the host's own files and addresses, in which there may be other credentials.
    modules = Modules(account, HOME="/nonexistent", AWS_EC2_METADATA_DISABLED="true", **environment)
    refused = finish(modules.start("k8s_objects", check=True, **options))
    assert refused.failed
    assert f"cannot look up the EKS cluster '{PLATFORM}'" in refused.message
    assert message in refused.message


def test_another_account_is_refused_before_the_cluster_is_asked(caller: Caller, admin: Admin) -> None:
    manifests = [namespace("other-account")]
    for options in ({}, {"cluster": "absent"}):
        for check in (True, False):
            refused = caller.run(*manifests, check=check, account="999999999999", **options)
            assert refused.failed
            assert "the account is to be 999999999999, and the credentials in use for the EKS" in refused.message
    assert "other-account" not in admin.run("get", "namespaces")
    assert not caller.run(*manifests, check=True, account="123456789012").failed


def test_a_principal_without_an_access_entry(caller: Caller, owner: Account) -> None:
    owner.iam.create_user(UserName="stranger")
    key = owner.iam.create_access_key(UserName="stranger")["AccessKey"]
    caller.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    refused = caller.run(namespace("by-name"), check=True)
    assert refused.failed
    assert "the API server does not know the caller" in refused.message
    assert "access entry" in refused.message


def test_a_kubeconfig_for_programs_is_private_and_goes(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, caller.environment[name])
    client = Client(lambda: EksConnection(CLUSTER, REGION, profile=None, endpoint_url=None))
    with client.connection.kubeconfig(str(tmp_path)) as (path, context):
        assert path is not None
        assert context == CLUSTER
        written = [*tmp_path.rglob("*")]
        assert {file.stat().st_mode & 0o077 for file in written} == {0}
        assert "Bearer" not in Path(path).read_text()
        from_file = connect_by_file(Path(path))
        assert from_file.get(kinds.Resource("", "v1", "Namespace", "namespaces", False), "", "default")
    assert [*tmp_path.iterdir()] == []
