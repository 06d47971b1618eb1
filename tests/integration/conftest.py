# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every test of a module against the emulated AWS shares: one server, an empty account, the modules."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import postgresql
from tests.support.aws_server import AwsServer
from tests.support.eks_account import Account
from tests.support.eks_admin import Admin, connect
from tests.support.modules import Modules, Outcome
from tests.support.platform import Sandbox
from tests.support.waiting import wait_until


def pytest_report_header() -> str:
    """Say on which database the tests run: what they prove depends on it."""
    return postgresql.describe()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let what the tests start be interrupted: a shell's background processes ignore SIGINT, and their children too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """One server for the whole session. C(account) gives each test an empty account on it."""
    with AwsServer(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def account(aws_server: AwsServer) -> AwsServer:
    """The server with an empty account, no fault, no call counted, and all that takes AWS minutes in a moment."""
    aws_server.control("POST", "reset")
    aws_server.control("DELETE", "faults")
    quick = {"nat_gateway": 0.1, "cluster": 0.2, "update": 0.2, "node_group": 0.2, "node": 0.0}
    aws_server.control("POST", "settings", quick)
    aws_server.control("DELETE", "calls")
    return aws_server


@pytest.fixture
def aws(account: AwsServer) -> Callable[[str], Any]:
    """boto3 clients of the empty account, by service."""
    return account.client


@pytest.fixture
def ec2(aws: Callable[[str], Any]) -> Any:
    return aws("ec2")


@pytest.fixture
def modules(account: AwsServer) -> Modules:
    """The collection's modules against the empty account, each run a process of its own, as under Ansible."""
    return Modules(account)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A whole sandbox of the file's own, whose clusters and node groups come and go quickly."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.command("up")
    delays = {"cluster": 0.2, "node_group": 0.2, "node": 0.2, "gpu": 0.5, "update": 0.2}
    running.control("POST", "settings", delays)
    yield running
    running.command("down")


@pytest.fixture(scope="module")
def owner(sandbox: Sandbox) -> Account:
    """The sandbox's account, with the ACTIVE cluster prod of version 1.34."""
    made = Account(lambda service, region: connect(sandbox, service, region))
    made.create_cluster()
    wait_until(lambda: made.cluster()["status"] == "ACTIVE")
    return made


@pytest.fixture(scope="module")
def admin(sandbox: Sandbox, owner: Account) -> Admin:  # noqa: ARG001 - the cluster must be there first
    return Admin(sandbox)


@pytest.fixture
def run_module(modules: Modules) -> Callable[..., Outcome]:
    """C(run_module(name, params, check=False)): one module with its options as a dict."""

    def run(name: str, params: dict[str, Any], *, check: bool = False) -> Outcome:
        return modules.run(name, check=check, **params)

    return run
