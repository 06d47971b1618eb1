# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""eks_kubeconfig against the emulated EKS, judged by the file and by the AWS CLI that it names."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.aws_server import REGION, AwsServer
from tests.support.eks import PLATFORM, make_cluster, make_parents
from tests.support.modules import Modules

THEIRS = """\
apiVersion: v1
kind: Config
clusters:
- name: minikube
  cluster: {server: "https://192.0.2.1:8443"}
users:
- name: minikube
  user: {token: s3cret}
contexts:
- name: minikube
  context: {cluster: minikube, user: minikube}
current-context: minikube
"""


@pytest.fixture
def server(account: AwsServer) -> AwsServer:
    """A server whose account has the platform's cluster."""
    make_cluster(account, make_parents(account))
    return account


@pytest.fixture
def modules(server: AwsServer, tmp_path: Path) -> Modules:
    """The modules in a home of their own, with a profile instead of keys in the environment."""
    key = server.access_key
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "config").write_text(f"[profile sandbox]\nregion = {REGION}\n", encoding="utf-8")
    (folder / "credentials").write_text(
        f"[sandbox]\naws_access_key_id = {key['access_key_id']}\naws_secret_access_key = {key['secret_access_key']}\n",
        encoding="utf-8",
    )
    return Modules(
        server,
        HOME=str(tmp_path),
        AWS_ACCESS_KEY_ID=None,
        AWS_SECRET_ACCESS_KEY=None,
        AWS_PROFILE="sandbox",
        AWS_CONFIG_FILE="~/aws/config",
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "credentials"),
        AWS_CA_BUNDLE="~/aws/ca.pem",
    )


def entry(path: Path, section: str, name: str = PLATFORM) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    (found,) = (each for each in config[section] if each["name"] == name)
    return dict(found[section.rstrip("s")])


def test_a_new_file_says_what_aws_says_and_goes_when_nothing_else_is_in_it(
    modules: Modules, server: AwsServer, tmp_path: Path
) -> None:
    outcome = modules.quartet("eks_kubeconfig", cluster=PLATFORM, path="~/.kube/config")
    path = tmp_path / ".kube" / "config"
    assert outcome.result["path"] == str(path)
    described = server.client("eks").describe_cluster(name=PLATFORM)["cluster"]
    assert entry(path, "clusters") == {
        "server": described["endpoint"],
        "certificate-authority-data": described["certificateAuthority"]["data"],
    }
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["current-context"] == PLATFORM
    token = entry(path, "users")["exec"]
    assert os.path.isabs(token["command"])
    assert {each["name"]: each["value"] for each in token["env"]} == {
        "AWS_PROFILE": "sandbox",
        "AWS_CONFIG_FILE": str(tmp_path / "aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws" / "credentials"),
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_CA_BUNDLE": str(tmp_path / "aws" / "ca.pem"),
    }
    written = path.read_text(encoding="utf-8")
    assert [key for key in server.access_key.values() if key in written] == []
    modules.quartet("eks_kubeconfig", cluster=PLATFORM, path=str(path), state="absent")
    assert not path.exists()


def test_the_command_of_the_file_gives_a_token(server: AwsServer, tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert not Modules(server).run("eks_kubeconfig", cluster=PLATFORM, path=str(path)).failed
    user = entry(path, "users")["exec"]
    environment = {**server.environment, **{each["name"]: each["value"] for each in user["env"]}}
    answer = subprocess.run(
        [user["command"], *user["args"]], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    credential = json.loads(answer.stdout)
    assert credential["apiVersion"] == user["apiVersion"]
    assert credential["status"]["token"].startswith("k8s-aws-v1.")


def test_a_key_that_kubectl_would_never_see_is_refused(server: AwsServer, tmp_path: Path) -> None:
    key: dict[str, Any] = {
        "access_key": server.access_key["access_key_id"],
        "secret_key": server.access_key["secret_access_key"],
    }
    options: dict[str, Any] = {"cluster": PLATFORM, "path": str(tmp_path / "config")}
    outcome = Modules(server, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None).run(
        "eks_kubeconfig", **options, **key
    )
    assert outcome.failed
    assert outcome.message.startswith("access_key, secret_key: a key given as an option never reaches kubectl")
    assert not Modules(server).run("eks_kubeconfig", **options, **key).failed, "the environment has the same key"


def test_other_contexts_stay_and_are_never_shown(modules: Modules, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(THEIRS, encoding="utf-8")
    outcome = modules.quartet("eks_kubeconfig", cluster=PLATFORM, path=str(path), context="work")
    assert "s3cret" not in json.dumps(outcome.result)
    assert entry(path, "users", "minikube") == {"token": "s3cret"}
    assert entry(path, "contexts", "work") == {"cluster": "work", "user": "work"}
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["current-context"] == "minikube"
    removal = {"cluster": PLATFORM, "path": str(path), "context": "work", "state": "absent"}
    assert modules.quartet("eks_kubeconfig", **removal).changes == [("delete", "work")]
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == yaml.safe_load(THEIRS)


def test_drift_is_named_and_mended(modules: Modules, tmp_path: Path) -> None:
    path = tmp_path / "config"
    options: dict[str, Any] = {"cluster": PLATFORM, "path": str(path)}
    assert not modules.run("eks_kubeconfig", **options).failed
    before = path.read_text(encoding="utf-8")
    server_url = entry(path, "clusters")["server"]
    path.write_text(before.replace(server_url, "https://192.0.2.9"), encoding="utf-8")
    path.chmod(0o644)
    outcome = modules.quartet("eks_kubeconfig", **options)
    assert outcome.result["diff"] == {
        "before": {
            "kubeconfig_context/demo": {"server": "https://192.0.2.9"},
            "kubeconfig_context/demo (file mode)": {"mode": "0644"},
        },
        "after": {
            "kubeconfig_context/demo": {"server": server_url},
            "kubeconfig_context/demo (file mode)": {"mode": "0600"},
        },
    }
    assert path.read_text(encoding="utf-8") == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("missing_cluster", "planned"), [("plan", [("create", "missing")]), ("ignore", [])])
def test_check_mode_without_a_cluster_plans_the_context_but_for_a_mere_user(
    modules: Modules, tmp_path: Path, missing_cluster: str, planned: list[tuple[str, str]]
) -> None:
    path = tmp_path / "config"
    options: dict[str, Any] = {"cluster": "missing", "path": str(path), "missing_cluster": missing_cluster}
    outcome = modules.run("eks_kubeconfig", check=True, **options)
    assert (outcome.failed, outcome.changes) == (False, planned)
    assert [shown["server"] for shown in outcome.result["diff"]["after"].values()] == ["(known after apply)"] * len(
        planned
    )
    refused = modules.run("eks_kubeconfig", **options)
    assert refused.failed
    assert "the EKS cluster 'missing' does not exist" in refused.message
    assert not path.exists()
