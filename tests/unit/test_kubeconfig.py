# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.kubeconfig import aws_command, unreachable
from ansible_collections.entasis.engine.plugins.module_utils._kubeconfig import (
    Entries,
    entries_of,
    is_empty,
    merged,
    read,
    without,
    write,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError
from hypothesis import given
from hypothesis import strategies as st

#: A kubeconfig as other tools write it, with a secret and with a date that must stay as it is written.
THEIRS = """\
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- name: minikube
  cluster: {server: "https://192.0.2.1:8443", insecure-skip-tls-verify: true}
users:
- name: minikube
  user:
    token: s3cret
    auth-provider: {config: {expiry: 2026-11-22T00:00:00Z}}
contexts:
- name: minikube
  context: {cluster: minikube, user: minikube, namespace: default}
current-context: minikube
"""


def entries(server: str = "https://cluster.example") -> Entries:
    token = {"command": "/opt/bin/aws", "args": ["eks", "get-token"], "env": [{"name": "AWS_PROFILE", "value": "one"}]}
    return {
        "clusters": {"server": server, "certificate-authority-data": "Q0E="},
        "users": {"exec": token},
        "contexts": {"cluster": "demo", "user": "demo"},
    }


@pytest.fixture
def theirs(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "theirs"
    path.write_text(THEIRS, encoding="utf-8")
    return read(path)


NEW = """
apiVersion: v1
kind: Config
clusters:
- name: demo
  cluster: {server: "https://cluster.example", certificate-authority-data: Q0E=}
users:
- name: demo
  user: {exec: {command: /opt/bin/aws, args: [eks, get-token], env: [{name: AWS_PROFILE, value: one}]}}
contexts:
- name: demo
  context: {cluster: demo, user: demo}
current-context: demo
"""


def test_a_new_config_is_what_kubectl_reads() -> None:
    assert merged({}, "demo", entries()) == yaml.safe_load(NEW)


def test_a_merge_replaces_the_entries_in_place_and_each_once(theirs: dict[str, Any]) -> None:
    first = merged(theirs, "minikube", entries())
    twice = {**first, "users": first["users"] * 2}
    result = merged(twice, "minikube", entries("https://other.example"))
    assert [entry["name"] for entry in result["users"]] == ["minikube"]
    assert entries_of(result, "minikube")["clusters"]["server"] == "https://other.example"
    assert (result["current-context"], result["preferences"]) == ("minikube", {"colors": True})


def test_a_config_is_empty_without_its_only_context_and_not_with_anything_of_others(theirs: dict[str, Any]) -> None:
    left = without(merged({}, "demo", entries()), "demo")
    assert left["current-context"] == ""
    assert [is_empty(config) for config in (left, theirs, {"preferences": {"colors": True}})] == [True, False, False]


def test_a_file_is_written_for_its_owner_alone_with_its_folder(tmp_path: Path, theirs: dict[str, Any]) -> None:
    path = tmp_path / "new" / "config"
    write(path, theirs)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert read(path) == theirs
    assert "2026-11-22T00:00:00Z" in path.read_text(encoding="utf-8"), "the date of another context, as it was"
    assert [p.name for p in path.parent.iterdir()] == ["config"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", merged({}, "demo", entries()))
    assert (tmp_path / "link").is_symlink()
    assert entries_of(read(tmp_path / "real"), "demo") == entries()


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_file_without_content_is_an_empty_config(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text, encoding="utf-8")
    assert read(tmp_path / "config") == {}


@pytest.mark.parametrize(
    "text", ["- a list\n", "users: s3cret\n", "users: [s3cret]\n", "token: s3cret: x\n", "just s3cret\n"]
)
def test_what_is_no_kubeconfig_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match="is not a kubeconfig") as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="Is a directory"):
        read(tmp_path)


def program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_aws_cli_is_found_on_path_or_beside_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", program(tmp_path / "venv", "python"))
    with pytest.raises(PlanError, match="Install it"):
        aws_command()
    beside = program(tmp_path / "venv", "aws")
    assert aws_command() == beside
    on_path = program(tmp_path / "path", "aws")
    assert aws_command() == on_path


CERTIFICATE = {"certificateAuthority": {"data": "Q0E="}}


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({}, "does not exist. Make it"),
        ({"status": "CREATING", "certificateAuthority": {}}, "is CREATING and has no endpoint and no certificate"),
        ({"status": "ACTIVE", "endpoint": "https://x"}, "is ACTIVE and shows no certificate authority. Look"),
        ({"status": "FAILED", **CERTIFICATE}, "is FAILED and shows no endpoint. Look"),
        ({"endpoint": "https://x"}, "is in an unknown state and shows no certificate authority"),
        ({"status": "UPDATING", "endpoint": "https://x", **CERTIFICATE}, ""),
    ],
)
def test_why_a_cluster_cannot_be_called_is_said_as_it_is(described: dict[str, Any], why: str) -> None:
    assert unreachable(described).startswith(why)
    assert bool(unreachable(described)) == bool(why)


_NAMES = st.sampled_from(["demo", "one", "two"])
_CONFIGS = st.builds(
    lambda names, current: {
        **merged({}, "x", entries()),
        **{
            section: [{"name": name, key: {"of": name}} for name in names]
            for section, key in (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))
        },
        "current-context": current,
    },
    st.lists(_NAMES, unique=True),
    st.sampled_from(["", "one", "demo"]),
)


@given(config=_CONFIGS)
def test_a_second_merge_changes_nothing_and_others_are_never_touched(config: dict[str, Any]) -> None:
    once = merged(config, "demo", entries())
    assert merged(once, "demo", entries()) == once
    left = without(once, "demo")
    for name in ("one", "two"):
        assert entries_of(once, name) == entries_of(left, name) == entries_of(config, name)
    assert entries_of(left, "demo") == {}
    assert yaml.safe_load(yaml.safe_dump(once)) == once
