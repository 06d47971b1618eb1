# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress on the screen of a real ansible-playbook, while what it waits for is held up until the test lets it go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.aws_server import PROJECT, REGION, AwsServer
from tests.support.control_plane import ControlPlane, deployment, tool
from tests.support.eks import make_cluster, make_parents, node_pool, pool_options
from tests.support.waiting import wait_until

#: The longest that a playbook may run (seconds); a hang fails instead of hanging.
RUN_LIMIT = 60.0
#: Seconds between two lines in these tests. Users have 15.
INTERVAL = "0.3"
#: A time (seconds) that no test lives through.
NEVER = 3600.0


class Playbook:
    """One play that runs in a process of its own with these environment variables. Its screen is read while it runs."""

    def __init__(
        self,
        folder: Path,
        tasks: list[dict[str, Any]],
        variables: Mapping[str, str],
        *,
        hosts: str = "localhost",
        arguments: tuple[str, ...] = (),
        **play: Any,
    ) -> None:
        self.temporary = folder / "temporary"
        self.modules = folder / "modules"
        playbook = folder / "playbook.yml"
        content = {"hosts": "all", "connection": "local", "gather_facts": False, **play, "tasks": tasks}
        playbook.write_text(yaml.safe_dump([content]))
        # The folder of the modules is in the command line of every module that runs, see L(running_modules).
        extra = {"ansible_python_interpreter": sys.executable, "ansible_remote_tmp": str(self.modules)}
        self._process = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                str(playbook),
                "--inventory",
                f"{hosts},",
                "--extra-vars",
                yaml.safe_dump(extra, default_flow_style=True),
                *arguments,
            ],
            cwd=PROJECT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
                "ANSIBLE_LOCAL_TEMP": str(self.temporary),
                # Where a module that is killed leaves its unpacked code.
                "TMPDIR": str(folder),
                "PYTHONPATH": str(PROJECT / ".cache" / "collections"),
                "ENTASIS_PROGRESS_INTERVAL": INTERVAL,
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._guard = threading.Timer(RUN_LIMIT, self._process.kill)
        self._guard.start()
        self.shown: list[str] = []

    def read_until(self, *texts: str) -> str:
        """Read the screen up to the first line with all these texts, while the playbook runs."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.shown.append(line.rstrip("\n"))
            if all(text in line for text in texts):
                return self.shown[-1]
        raise AssertionError(f"ended without a line with {texts}: " + "\n".join(self.shown))

    def read_to_the_end(self) -> list[str]:
        assert self._process.stdout is not None
        self.shown += [line.rstrip("\n") for line in self._process.stdout]
        self.code = self._process.wait()
        return self.shown

    def progress(self, prefix: str) -> list[str]:
        return [line for line in self.shown if line.startswith(prefix)]

    def running_modules(self) -> list[str]:
        """The command lines of the modules that run, and of the shells around them."""
        listed = subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True)
        return [line for line in listed.stdout.splitlines() if f"{self.modules}/" in line]

    def workers(self) -> list[int]:
        """The processes of ansible-playbook that run the tasks."""
        listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = [[int(number) for number in line.split()] for line in listed.stdout.splitlines()]
        return [process for process, parent in pairs if parent == self._process.pid]

    def kill(self, how: signal.Signals, *processes: int) -> None:
        for process in processes or (self._process.pid,):
            os.kill(process, how)

    def kill_with_workers(self) -> None:
        self.kill(signal.SIGKILL, self._process.pid, *self.workers())

    def close(self) -> None:
        self._guard.cancel()
        self._process.kill()
        self.read_to_the_end()


Play = Callable[..., Playbook]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Playbook]]:
    """Starts a playbook, and ends it with the test."""
    started: list[Playbook] = []

    def start(tasks: list[dict[str, Any]], variables: Mapping[str, str], **options: Any) -> Playbook:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Playbook(folder, tasks, variables, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


class Nodes:
    """A cluster of the emulated AWS whose nodes come when the test says so."""

    def __init__(self, server: AwsServer) -> None:
        self.server = server
        server.control("POST", "settings", {"cluster": 0.0, "update": 0.0, "node_group": 0.0})
        make_cluster(server, make_parents(server))
        self.hold()

    def hold(self) -> None:
        self.server.control("POST", "settings", {"node": NEVER})

    def let_come(self) -> None:
        self.server.control("POST", "settings", {"node": 0.0})

    @property
    def states(self) -> dict[str, str]:
        eks = self.server.client("eks")
        names = eks.list_nodegroups(clusterName="demo")["nodegroups"]
        groups = [eks.describe_nodegroup(clusterName="demo", nodegroupName=name)["nodegroup"] for name in names]
        return {group["nodegroupName"]: group["status"] for group in groups}


@pytest.fixture
def nodes(account: AwsServer) -> Iterator[Nodes]:
    nodes = Nodes(account)
    yield nodes
    nodes.let_come()


def pools(*names: str, **task: Any) -> dict[str, Any]:
    """The task that makes these node pools."""
    options = pool_options(*(node_pool(name) for name in names), region=REGION)
    return {"name": "Make the node pools", "entasis.engine.eks_node_pools": options, **task}


def test_what_is_waited_for_is_shown_while_it_is_waited_for(play: Play, nodes: Nodes) -> None:
    playbook = play([pools("one", "two")], nodes.server.environment)
    first = playbook.read_until("'one' is CREATING", "'two' is CREATING")
    assert first.startswith("eks_node_pools: the node group")
    later = first
    # Both pools are told of by each other's wait too, so a line may come twice within its second.
    while later == first:
        later = playbook.read_until("is CREATING")
    assert nodes.states == {"one": "CREATING", "two": "CREATING"}
    nodes.let_come()
    shown = playbook.read_to_the_end()
    assert playbook.code == 0, shown
    assert nodes.states == {"one": "ACTIVE", "two": "ACTIVE"}
    assert shown.index("changed: [localhost]") > shown.index(later)
    assert not [line for line in shown[shown.index("changed: [localhost]") :] if "CREATING" in line]


def test_several_hosts_are_named_and_each_item_of_a_loop_is_shown(play: Play, nodes: Nodes) -> None:
    """The first item is there already, so that what is shown is the second."""
    nodes.let_come()
    play([pools("one")], nodes.server.environment).read_to_the_end()
    nodes.hold()
    task = pools("{{ item }}", loop=["one", "{{ inventory_hostname }}"])
    playbook = play([task], nodes.server.environment, hosts="first,second")
    playbook.read_until("eks_node_pools [first]: the node group ", "is CREATING")
    playbook.read_until("eks_node_pools [second]: the node group ", "is CREATING")
    assert "ok: [first] => (item=one)" in playbook.shown
    nodes.let_come()
    playbook.read_to_the_end()
    assert playbook.code == 0, playbook.shown
    assert nodes.states == dict.fromkeys(("one", "first", "second"), "ACTIVE")


HOW_MODULES_RUN: dict[str, dict[str, str]] = {
    "from a file": {"ANSIBLE_PIPELINING": "false"},
    "pipelined": {"ANSIBLE_PIPELINING": "true"},
}


@pytest.mark.parametrize("how", HOW_MODULES_RUN)
def test_the_environment_the_defaults_and_become_of_a_task_are_kept(
    play: Play, nodes: Nodes, tmp_path: Path, how: str
) -> None:
    """The region comes from the group's defaults, the account from the play's environment and the task's.

    The defaults of the other group, whose modules have the same action plugin, reach no module of this one.
    """
    become = tmp_path / "become"
    became = tmp_path / "became"
    become.write_text(f'#!/bin/sh\ntouch {became}\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n')
    become.chmod(0o755)
    given = nodes.server.environment
    keys = {name: given[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    task = pools("one", environment={"AWS_ENDPOINT_URL": given["AWS_ENDPOINT_URL"]}, become=True, register="made")
    del task["entasis.engine.eks_node_pools"]["region"]
    playbook = play(
        [task, {"ansible.builtin.debug": {"msg": "{{ made.keys() | sort | join(' ') }}"}}],
        {**HOW_MODULES_RUN[how], "AWS_REGION": "us-west-2", "ANSIBLE_BECOME_ALLOW_SAME_USER": "true"},
        environment=["{{ keys }}"],
        vars={"keys": keys, "ansible_become_exe": str(become), "ansible_become_user": "root"},
        module_defaults={
            "group/entasis.engine.aws": {"region": REGION},
            "group/entasis.engine.k8s": {"kubeconfig": "unknown to a module of AWS"},
        },
    )
    playbook.read_until("'one' is CREATING")
    nodes.let_come()
    playbook.read_until("msg: changed changes diff failed node_pools unlisted")
    playbook.read_to_the_end()
    assert playbook.code == 0, playbook.shown
    assert nodes.states == {"one": "ACTIVE"}
    assert became.exists()


def test_a_task_that_is_not_to_be_shown_shows_nothing_and_leaves_no_pipe(play: Play, nodes: Nodes) -> None:
    """The same wait of at least 3 s each time: ten intervals, in which only the first playbook shows lines.

    One of them makes the group. The others find it, and wait for each of its nodes.
    """
    failing = pools("one", ignore_errors=True)
    failing["entasis.engine.eks_node_pools"]["wait_timeout"] = 3
    find = {"paths": "{{ temporary }}", "recurse": True, "file_type": "any", "patterns": ["progress-*"]}
    tasks = [
        failing,
        {"ansible.builtin.find": find, "register": "found"},
        {"ansible.builtin.debug": {"msg": "examined some: {{ found.examined > 0 }}, found {{ found.matched }}"}},
    ]
    environment = nodes.server.environment
    shown = play(tasks, environment, vars={"temporary": "{{ lookup('env', 'ANSIBLE_LOCAL_TEMP') }}"})
    hidden = {
        "no_log": play([{**failing, "no_log": True}], environment),
        "interval 0": play([failing], {**environment, "ENTASIS_PROGRESS_INTERVAL": "0"}),
        "for machines": play([failing], {**environment, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}),
        "check mode": play([failing], environment, arguments=("--check",)),
    }
    shown.read_until("still CREATING after")
    assert shown.read_until("examined some: True, found 0")
    assert shown.progress("eks_node_pools: ")
    for name, playbook in hidden.items():
        lines = playbook.read_to_the_end()
        assert playbook.code == 0, (name, lines)
        assert not playbook.progress("eks_node_pools"), name


def test_an_interval_that_is_none_is_refused(play: Play, nodes: Nodes) -> None:
    playbook = play([pools("one")], {**nodes.server.environment, "ENTASIS_PROGRESS_INTERVAL": "often"})
    assert playbook.read_until("ENTASIS_PROGRESS_INTERVAL is 'often'")
    assert nodes.states == {}


KILLS: dict[str, Callable[[Playbook], object]] = {
    "Ctrl-C": lambda playbook: playbook.kill(signal.SIGINT),
    "SIGTERM": lambda playbook: playbook.kill(signal.SIGTERM),
    "kill -9": lambda playbook: playbook.kill(signal.SIGKILL),
    "kill -9 of its worker too": Playbook.kill_with_workers,
    "the task's own timeout": Playbook.read_to_the_end,
}


@pytest.mark.parametrize("how", KILLS)
def test_no_module_works_on_after_its_playbook(play: Play, nodes: Nodes, how: str) -> None:
    limit = {"timeout": 4} if how == "the task's own timeout" else {}
    playbook = play([pools("one", **limit)], nodes.server.environment)
    playbook.read_until("is CREATING")
    assert playbook.running_modules()
    KILLS[how](playbook)
    wait_until(lambda: not playbook.running_modules(), "the module has ended")
    assert nodes.states == {"one": "CREATING"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


def test_objects_and_releases_say_what_they_lack(play: Play, cluster: ControlPlane, tmp_path: Path) -> None:
    helm = tmp_path / "helm"
    held = tmp_path / "held"
    held.touch()
    helm.write_text(f"#!/bin/sh\nwhile [ -e {held} ]; do sleep 0.1; done\n")
    helm.chmod(0o755)
    objects = {
        "name": "demo",
        "namespace": "default",
        "objects": [deployment("api", replicas=2), deployment("worker")],
        "wait_timeout": 100,
    }
    # Without its definitions, a chart is helm's alone.
    chart = {"chart": "metrics", "version": "1.2.3", "skip_crds": True}
    release = {"name": "metrics", "namespace": "kube-system", **chart}
    tasks = [
        {"entasis.engine.k8s_objects": objects},
        {"entasis.engine.k8s_objects": {**objects, "objects": [deployment("worker")]}},
        {
            "entasis.engine.helm_releases": {
                "platform": "demo",
                "releases": [release],
                "mirror": "/charts",
                "helm_binary": str(helm),
            }
        },
        {
            "entasis.engine.gpu_node_ready": {"label_selector": "kubernetes.io/hostname=node-1", "timeout": 3},
            "ignore_errors": True,
        },
    ]
    environment = {
        "K8S_AUTH_KUBECONFIG": str(cluster.kubeconfig),
        "PATH": f"{Path(tool('kubectl')).parent}:{os.environ['PATH']}",
    }
    playbook = play(tasks, environment, module_defaults={"group/entasis.engine.k8s": {"context": "kwok-tests"}})
    line = playbook.read_until("k8s_objects: ", "available")
    assert "k8s_objects: 0/2 ready; Deployment.apps default/api: 0 of 2 are available, and 1 more, " in line
    cluster.add_node("node-1")
    playbook.read_until("changed: [localhost]")
    line = playbook.read_until("helm_releases: ")
    assert line.startswith("helm_releases: helm installs kube-system/metrics 1.2.3, ")
    held.unlink()
    assert "PLUGIN_POD_MISSING" in playbook.read_until("gpu_node_ready: 0/1 ready")
    playbook.read_to_the_end()
    assert playbook.code == 0, playbook.shown
