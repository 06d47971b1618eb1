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
from sandbox.layout import PROJECT, Layout
from sandbox.ports import Ports
from sandbox.state import Run, locked, make_home, read_json, write_private


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ports.SETTING, raising=False)
    monkeypatch.delenv("ENTASIS_SANDBOX_HOME", raising=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_folder_is_in_the_checkout_unless_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Layout.from_environment().home == PROJECT / ".cache" / "sandbox"
    monkeypatch.setenv("ENTASIS_SANDBOX_HOME", str(tmp_path / "own"))
    assert Layout.from_environment().home == tmp_path / "own"


def test_every_path_of_a_sandbox_is_in_its_state_folder(layout: Layout) -> None:
    paths = [
        getattr(layout, name) for name, value in vars(Layout).items() if isinstance(value, property) and name != "home"
    ]
    assert len(paths) > 10
    assert all(path.is_relative_to(layout.home) for path in paths)


def test_the_control_plane_listens_on_loopback_only(layout: Layout) -> None:
    configuration = control_plane.kwokctl_configuration(layout, Ports(6000), Path("/tools"))
    options = configuration["options"]
    assert options["bindAddress"] == "127.0.0.1"
    assert {value for key, value in options.items() if key.endswith("Port")} == set(range(6001, 6007))
    assert all(value.startswith("/tools/") for key, value in options.items() if key.endswith("Binary"))


def test_the_api_server_asks_the_sandbox_about_tokens_and_knows_nobody_else(layout: Layout) -> None:
    webhook = control_plane.token_webhook(Ports(6000))
    assert webhook["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:6000/_sandbox/authenticate"
    patches = control_plane.kwokctl_configuration(layout, Ports(6000), Path("/tools"))["componentsPatches"]
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


def test_the_access_key_stays_the_same(layout: Layout) -> None:
    make_home(layout)
    lifecycle._write_connection(layout, Run(6000, kubernetes=False, tools=""))
    first = json.loads(layout.connection.read_text())
    lifecycle._forget(layout)
    assert not layout.connection.exists()
    lifecycle._write_connection(layout, Run(6000, kubernetes=False, tools=""))
    assert json.loads(layout.connection.read_text()) == first
    assert first["kubernetes"] is None


def test_a_private_file_is_replaced_in_one_step_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_private(path, {"a": 1})
    path.chmod(0o644)
    write_private(path, {"a": 2})
    assert (read_json(path), mode(path), [entry.name for entry in path.parent.iterdir()]) == (
        {"a": 2},
        0o600,
        ["file.json"],
    )


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"base_port": 1}', '{"unknown": 1}'])
def test_a_damaged_record_of_the_last_start_counts_as_none(layout: Layout, damage: str) -> None:
    make_home(layout)
    layout.run.write_text(damage)
    assert Run.read(layout) is None


def test_another_kind_of_sandbox_is_not_turned_into_this_one(layout: Layout) -> None:
    run = Run(6000, kubernetes=True, tools="/tools", ready_seconds=4.0)
    with pytest.raises(SandboxError, match=r"started with Kubernetes; .*sandbox down. first, which forgets"):
        lifecycle._check_same(layout, run, kubernetes=False)


def test_a_running_sandbox_does_not_move_to_another_port(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.SETTING, "7000")
    run = Run(6000, kubernetes=True, tools="/tools", ready_seconds=4.0)
    with pytest.raises(SandboxError, match=f"has port 6000, and {ports.SETTING} asks for 7000; run .*down"):
        lifecycle._check_same(layout, run, kubernetes=True)


def test_a_damaged_control_plane_is_not_made_anew_by_itself(layout: Layout) -> None:
    make_home(layout)
    write_private(layout.pids / "etcd.json", {"pid": 1, "command": [shutil.which("true") or "", "etcd"]})
    with pytest.raises(SandboxError, match=r"is damaged and cannot be started again \(kube-apiserver, .*sandbox down"):
        control_plane.repair(layout, Ports(6000), Path("/tools"))


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


def test_status_of_nothing_says_how_to_start(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENTASIS_SANDBOX_HOME", str(layout.home))
    assert cli.main(["status"]) == 1
    assert "does not run; `python -m sandbox up` starts it" in capsys.readouterr().out
    assert cli.main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_down_of_nothing_makes_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENTASIS_SANDBOX_HOME", str(layout.home))
    assert cli.main(["down"]) == 0
    assert "nothing runs" in capsys.readouterr().out
    assert not layout.home.exists()
