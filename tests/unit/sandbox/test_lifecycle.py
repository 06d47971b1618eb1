# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a start writes and decides, without a process of the sandbox."""

from __future__ import annotations

import configparser
import json
import shutil
import stat
from pathlib import Path

import pytest

from sandbox import cli, control_plane, lifecycle, ports
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.ports import Ports
from sandbox.state import Run, locked, make_home, write_private


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ports.SETTING, raising=False)
    monkeypatch.delenv("ENTASIS_SANDBOX_HOME", raising=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_control_plane_listens_on_loopback_only(layout: Layout) -> None:
    configuration = control_plane.kwokctl_configuration(layout, Ports.from_base(6000), Path("/tools"))
    options = configuration["options"]
    assert options["bindAddress"] == "127.0.0.1"
    assert {value for key, value in options.items() if key.endswith("Port")} == set(range(6001, 6007))
    assert all(value.startswith("/tools/") for key, value in options.items() if key.endswith("Binary"))


def test_the_api_server_asks_the_sandbox_about_tokens_and_knows_nobody_else(layout: Layout) -> None:
    webhook = control_plane.token_webhook(Ports.from_base(6000))
    assert webhook["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:6000/_sandbox/authenticate"
    patches = control_plane.kwokctl_configuration(layout, Ports.from_base(6000), Path("/tools"))["componentsPatches"]
    (arguments,) = [patch["extraArgs"] for patch in patches if patch["name"] == "kube-apiserver"]
    given = {argument["key"]: argument["value"] for argument in arguments}
    assert given["authentication-token-webhook-config-file"] == str(layout.token_webhook)
    assert given["anonymous-auth"] == "false"


def test_the_connection_says_how_to_reach_the_sandbox_to_its_owner_only(layout: Layout) -> None:
    make_home(layout)
    lifecycle._write_connection(layout, Run(6000, kubernetes=True, tools="/tools"))
    connection = json.loads(layout.connection.read_text())
    assert connection["endpoint_url"] == "http://127.0.0.1:6000"
    assert connection["kubernetes"] == {
        "server": "https://127.0.0.1:6001",
        "ca_file": str(layout.ca_certificate),
        "admin_kubeconfig": str(layout.admin_kubeconfig),
    }
    credentials = configparser.ConfigParser()
    credentials.read(layout.aws_credentials)
    assert dict(credentials["entasis-sandbox"]) == {
        "aws_access_key_id": connection["access_key_id"],
        "aws_secret_access_key": connection["secret_access_key"],
    }
    config = configparser.ConfigParser()
    config.read(layout.aws_config)
    assert config["profile entasis-sandbox"]["endpoint_url"] == connection["endpoint_url"]
    assert mode(layout.home) == 0o700
    for path in (layout.connection, layout.access_key, layout.aws_config, layout.aws_credentials):
        assert mode(path) == 0o600, path
    # The access key outlives the account.
    lifecycle._forget(layout)
    assert not layout.connection.exists()
    lifecycle._write_connection(layout, Run(6000, kubernetes=True, tools="/tools"))
    assert json.loads(layout.connection.read_text()) == connection


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"base_port": 1}', '{"unknown": 1}'])
def test_a_damaged_record_of_the_last_start_counts_as_none(layout: Layout, damage: str) -> None:
    make_home(layout)
    layout.run.write_text(damage)
    assert Run.read(layout) is None


@pytest.mark.parametrize(
    ("kubernetes", "port", "problem"),
    [
        (False, "", r"started with Kubernetes; .*sandbox down. first, which forgets"),
        (True, "7000", f"has port 6000, and {ports.SETTING} asks for 7000; run .*down"),
    ],
)
def test_another_kind_of_sandbox_is_not_turned_into_this_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, kubernetes: bool, port: str, problem: str
) -> None:
    monkeypatch.setenv(ports.SETTING, port)
    with pytest.raises(SandboxError, match=problem):
        lifecycle._check_same(layout, Run(6000, kubernetes=True, tools="/tools", ready_seconds=4.0), kubernetes)


def test_a_damaged_control_plane_is_not_made_anew_by_itself(layout: Layout) -> None:
    make_home(layout)
    write_private(layout.pids / "etcd.json", {"pid": 1, "command": [shutil.which("true") or "", "etcd"]})
    with pytest.raises(SandboxError, match=r"is damaged and cannot be started again \(kube-apiserver, .*sandbox down"):
        control_plane.repair(layout, Ports.from_base(6000), Path("/tools"))


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxError, match=r"cannot be made \(.*\); set ENTASIS_SANDBOX_HOME"):
        make_home(Layout(tmp_path / "file" / "home"))


def test_a_second_command_waits_for_the_first(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.state.LOCK_SECONDS", 0.2)
    with locked(layout), pytest.raises(SandboxError, match="Another command has worked on the sandbox"):
        locked(layout).__enter__()
    with locked(layout):
        pass


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("status", 1, "does not run; `python -m sandbox up` starts it"),
        ("status --json", 1, '"healthy": false'),
        ("down", 0, "nothing runs"),
    ],
)
def test_a_sandbox_that_was_never_started_is_one_sentence_and_nothing_is_made(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    code: int,
    says: str,
) -> None:
    monkeypatch.setenv("ENTASIS_SANDBOX_HOME", str(layout.home))
    assert cli.main(command.split()) == code
    assert says in capsys.readouterr().out
    assert not layout.home.exists()
