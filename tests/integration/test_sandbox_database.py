# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's database from outside: by SQL, through the cluster, by its processes, and after every way to die."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sandbox import control_plane, making
from sandbox.database import installation
from sandbox.layout import Layout
from tests.support import platform
from tests.support.eks_account import Account
from tests.support.eks_admin import Admin, connect
from tests.support.sandbox import PROJECT, Sandbox, listeners
from tests.support.waiting import wait_until

#: Seconds for what takes a second or two on an idle machine: a port-forward, a cluster, a node group.
LIMIT = 30.0
#: Seconds until a due policy has run: TimescaleDB looks after a second or so, and later where a worker was killed.
POLICY_LIMIT = 120.0
SHARED_MEMORY = Path("/proc/sysvipc/shm")
#: Bits of a process's capabilities: to read and search everything, and to write too.
READING, WRITING = 1 << 2, 1 << 1

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data"}}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "timescaledb-rw", "namespace": "data"},
    "spec": {"selector": {"app": "timescaledb"}, "ports": [{"port": 5432}]},
}


def add_namespace(sandbox: Sandbox) -> None:
    """The namespace, once pods can be created in it."""
    sandbox.kubectl("apply", "--server-side", "-f", "-", content=NAMESPACE)
    sandbox.kubectl("wait", "serviceaccount/default", "--namespace=data", "--for=create", "--timeout=30s")


def node(name: str) -> dict[str, Any]:
    capacity = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def pod(name: str, on: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "data", "labels": {"app": "timescaledb"}},
        "spec": {"nodeName": on, "containers": [{"name": "main", "image": "example"}]},
    }


def dsn(sandbox: Sandbox, **instead: Any) -> str:
    """The superuser's connection string, as connection.json has it."""
    known = sandbox.connection()["database"]
    names = {"host": "host", "port": "port", "database": "dbname", "user": "user", "password": "password"}
    return psycopg.conninfo.make_conninfo(**{names[key]: known[key] for key in names} | instead)


def query(sandbox: Sandbox, statement: str, **instead: Any) -> list[Any]:
    """The first row of an answer."""
    with psycopg.connect(dsn(sandbox, **instead), autocommit=True, connect_timeout=10) as connection:
        cursor = connection.execute(statement)
        return list(cursor.fetchone() or ()) if cursor.description else []


def processes_of(sandbox: Sandbox) -> dict[int, str]:
    """The server's processes with their titles: the postmaster, and every child of it."""
    postmaster = sandbox.pids()["postgresql"]
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit():
                parent = int(re.findall(r"^PPid:\s+(\d+)$", (folder / "status").read_text(), re.MULTILINE)[0])
                if postmaster in (int(folder.name), parent):
                    found[int(folder.name)] = title_of(int(folder.name))
    return found


def title_of(pid: int) -> str:
    """What the process table shows of a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def status_of(pid: int, field: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{field}:"))


def kill_postmaster(sandbox: Sandbox) -> int:
    """Kill it as the kernel does when memory runs out; return its pid when it is gone."""
    postmaster = sandbox.pids()["postgresql"]
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: postmaster not in sandbox.processes(), "the postmaster is gone")
    return postmaster


def shared_memory() -> list[list[str]]:
    """The key and the id of each shared memory segment of this machine."""
    return [line.split()[:2] for line in SHARED_MEMORY.read_text().splitlines()[1:]]


def node_of_a_group(sandbox: Sandbox) -> str:
    """A Node that the sandbox made for an instance: its own address leads nowhere on this machine."""
    running = platform.Sandbox(sandbox.home)
    running.control("POST", "settings", {"cluster": 0.2, "node_group": 0.2, "node": 0.2})
    made = Account(lambda service, region: connect(running, service, region))
    made.create_cluster()
    wait_until(lambda: made.cluster()["status"] == "ACTIVE", limit=LIMIT)
    made.create_group()
    wait_until(lambda: made.group()["status"] == "ACTIVE", limit=LIMIT)
    return str(Admin(running).nodes("general")[0]["metadata"]["name"])


@contextlib.contextmanager
def port_forward(sandbox: Sandbox, target: str, port: int = 5432) -> Iterator[int]:
    """The local port of a C(kubectl port-forward)."""
    command = sandbox.kubectl_command("--namespace", "data", "port-forward", target, f":{port}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    # A kubectl that says nothing is ended, so that the line below comes to its end.
    limit = threading.Timer(LIMIT, process.kill)
    limit.start()
    try:
        local = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert local, f"kubectl did not forward a port of {target}"
        yield int(local.group(1))
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the tests that leave it running."""
    sandbox = Sandbox(tmp_path_factory.mktemp("database") / "home")
    sandbox.run("up")
    add_namespace(sandbox)
    yield sandbox
    sandbox.run("down")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own, not started yet."""
    sandbox = Sandbox(tmp_path / "home")
    yield sandbox
    sandbox.run("down")


def test_the_connection_leads_to_the_platforms_database(started: Sandbox) -> None:
    known = started.connection()["database"]
    version, database, zone, superuser = query(
        started,
        "SELECT split_part(current_setting('server_version'), ' ', 1), current_database(), current_setting('timezone'),"
        " rolsuper FROM pg_roles WHERE rolname = current_user",
    )
    assert (version, database, zone, superuser) == (known["version"], "entasis", "UTC", True)
    assert (started.home / "connection.json").stat().st_mode & 0o777 == 0o600


def test_timescaledb_is_the_extension_where_the_server_has_it_and_the_stand_in_where_not(started: Sandbox) -> None:
    (available,) = query(started, "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'")
    (installed,) = query(started, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    kind = "extension" if available else "stand-in"
    assert started.connection()["database"]["timescaledb"] == kind
    if kind == "extension":
        assert installed == 1


def test_a_due_policy_runs_by_itself_also_after_the_database_was_killed(started: Sandbox) -> None:
    def only_what_it_keeps() -> bool:
        return query(started, f"SELECT count(*) <= 7 FROM {table}") == [True]

    for table in ("before_kill", "after_kill"):
        with psycopg.connect(dsn(started), autocommit=True) as connection:
            connection.execute(f"CREATE TABLE {table} (at timestamptz NOT NULL)")
            connection.execute("SELECT create_hypertable(%s, 'at', chunk_time_interval => interval '1 day')", [table])
            connection.execute(
                f"INSERT INTO {table} SELECT now() - n * INTERVAL '1 day' FROM generate_series(0, 20) AS n"
            )
            connection.execute("SELECT add_retention_policy(%s, INTERVAL '5 days')", [table])
        wait_until(only_what_it_keeps, "the policy has dropped what is older than it keeps", POLICY_LIMIT)
        if table == "before_kill":
            kill_postmaster(started)
            started.run("up")


def test_nobody_gets_in_without_the_password(started: Sandbox) -> None:
    for wrong in ("", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(started, "SELECT 1", password=wrong)


def test_the_password_stands_in_no_command_line_and_no_log(started: Sandbox) -> None:
    password = started.connection()["database"]["password"]
    assert len(password) >= 20
    assert not [command for command in started.processes().values() if password in command]
    said = "".join(file.read_text(errors="replace") for file in started.home.glob("**/*.log"))
    assert "ready to accept connections" in said
    assert password not in said


def test_it_listens_on_loopback_and_on_no_socket_file(started: Sandbox) -> None:
    port = started.connection()["database"]["port"]
    assert listeners(port) == ["0100007F"]
    assert f".s.PGSQL.{port}" not in Path("/proc/net/unix").read_text()


def test_its_files_are_in_the_state_folder_only(started: Sandbox) -> None:
    folder, tablespaces, memory = query(
        started,
        "SELECT current_setting('data_directory'), count(*), current_setting('dynamic_shared_memory_type')"
        " FROM pg_tablespace WHERE oid >= 16384",
    )
    assert Path(folder).is_relative_to(started.home)
    assert tablespaces == 0
    assert memory == "mmap", "the other kinds have files in /dev/shm, or keys that a kill leaves"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account run the server")
def test_for_root_it_runs_as_nobody_with_no_more_than_leave_to_get_to_its_files(started: Sandbox) -> None:
    processes = processes_of(started)
    assert len(processes) > 3
    for pid, title in processes.items():
        assert "0" not in status_of(pid, "Uid"), title
        assert int(status_of(pid, "CapEff")[0], 16) in (READING, WRITING), title
        assert int(status_of(pid, "CapPrm")[0], 16) in (READING, WRITING), title


def test_a_port_forward_to_a_simulated_pod_reaches_it(started: Sandbox) -> None:
    instance = node_of_a_group(started)
    for content in (node("plain"), pod("timescaledb-1", "plain"), pod("timescaledb-2", instance), SERVICE):
        started.kubectl("apply", "--server-side", "-f", "-", content=content)
    wait = ["--for=condition=Ready", "pod", "--all", "--namespace=data", "--timeout=30s"]
    assert started.kubectl("wait", *wait).count("condition met") == 2
    port = started.connection()["database"]["port"]
    for target in ("pod/timescaledb-1", "pod/timescaledb-2", "service/timescaledb-rw"):
        with port_forward(started, target) as local:
            assert query(started, "SELECT inet_server_port()", port=local) == [port], target
            assert query(started, "SELECT length(repeat('x', 5000000))", port=local) == [5_000_000]
    with port_forward(started, "pod/timescaledb-1", 5433) as local, pytest.raises(psycopg.OperationalError):
        query(started, "SELECT 1", port=local)


def test_a_new_control_plane_forwards_to_the_same_database(started: Sandbox) -> None:
    query(started, "CREATE TABLE kept_by_itself ()")
    control_plane.recreate(Layout(started.home))
    add_namespace(started)
    for content in (node("anew"), pod("timescaledb-1", "anew")):
        started.kubectl("apply", "--server-side", "-f", "-", content=content)
    started.kubectl("wait", "--for=condition=Ready", "pod/timescaledb-1", "--namespace=data", "--timeout=30s")
    with port_forward(started, "pod/timescaledb-1") as local:
        assert query(started, "SELECT count(*) FROM kept_by_itself", port=local) == [0]


def test_a_killed_one_comes_back_with_what_was_committed(started: Sandbox) -> None:
    query(started, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n")
    with contextlib.closing(psycopg.connect(dsn(started))) as connection:
        connection.execute("DELETE FROM committed")
        kill_postmaster(started)
    assert "started again: postgresql" in started.run("up")
    assert query(started, "SELECT count(*) FROM committed") == [1000]


def test_children_that_outlive_a_killed_one_are_ended(started: Sandbox) -> None:
    connection = psycopg.connect(dsn(started), autocommit=True)
    backend = connection.info.backend_pid
    loop = threading.Thread(target=_run_for_ever, args=(connection,))
    loop.start()
    wait_until(lambda: title_of(backend).endswith(" DO"), "it works")
    kill_postmaster(started)
    assert title_of(backend).endswith(" DO"), "a working child does not notice that its parent is gone"
    started.run("up")
    assert title_of(backend) == ""
    loop.join(timeout=30)
    assert query(started, "SELECT 1") == [1]


def _run_for_ever(connection: psycopg.Connection[Any]) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute("DO 'BEGIN LOOP END LOOP; END'")


def test_a_stranger_with_the_killed_ones_pid_is_left_alone(started: Sandbox) -> None:
    kill_postmaster(started)
    file = started.home / "database" / "data" / "postmaster.pid"
    owner = file.stat()
    command = ["sleep", "300"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", *command]
    with subprocess.Popen(command) as stranger:
        try:
            content = file.read_text().splitlines(keepends=True)
            file.write_text("".join([f"{stranger.pid}\n", *content[1:]]))
            assert "started again: postgresql" in started.run("up")
            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert query(started, "SELECT 1") == [1]


def test_what_is_kept_is_there_at_the_next_start(fresh: Sandbox) -> None:
    fresh.run("up")
    query(fresh, "CREATE TABLE kept AS SELECT 7 AS n")
    before = fresh.connection()
    # A client that stays must not hold up the end.
    with psycopg.connect(dsn(fresh)):
        fresh.run("down", "--keep")
    assert fresh.processes() == {}
    fresh.run("up")
    assert fresh.connection() == before
    assert query(fresh, "SELECT n FROM kept") == [7]


@pytest.mark.parametrize("how", ["it runs", "it was killed"])
def test_an_end_leaves_nothing_of_it(fresh: Sandbox, how: str) -> None:
    fresh.run("up")
    # PostgreSQL writes there the key and the id of its shared memory, which outlives a killed server.
    segment = (fresh.home / "database" / "data" / "postmaster.pid").read_text().splitlines()[6].split()
    assert segment in shared_memory()
    processes = processes_of(fresh)
    if how == "it was killed":
        kill_postmaster(fresh)
    fresh.run("down")
    assert not [title for pid, title in processes.items() if title_of(pid) == title]
    assert segment not in shared_memory()
    assert not (fresh.home / "database").exists()


def test_a_start_that_is_killed_while_the_database_is_made_leaves_nothing_of_it(fresh: Sandbox) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "up"], env=fresh.environment, cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    wait_until((fresh.home / "database" / "data" / "base").exists, "initdb is at work")
    start.kill()
    start.wait()
    # The key of PostgreSQL's shared memory.
    key = str((fresh.home / "database" / "data").stat().st_ino)
    fresh.run("down")
    assert fresh.processes() == {}
    assert key not in {segment[0] for segment in shared_memory()}
    assert not (fresh.home / "database").exists()


def test_damage_is_one_clear_sentence_and_changes_nothing(fresh: Sandbox) -> None:
    fresh.run("up")
    kill_postmaster(fresh)
    (fresh.home / "database" / "data" / "PG_VERSION").unlink()
    said = fresh.run("up", code=1)
    assert said.count("[sandbox]") == said.count("[sandbox] The database in ") == 1
    assert f"The database in {fresh.home / 'database'} is damaged" in said
    assert "`python -m sandbox down`" in said
    assert (fresh.home / "database" / "data" / "base").is_dir()
    fresh.run("down")
    fresh.run("up")
    assert query(fresh, "SELECT 1") == [1]


def test_a_server_that_is_not_there_is_one_clear_sentence(fresh: Sandbox, tmp_path: Path) -> None:
    said = fresh.run("up", code=1, ENTASIS_POSTGRESQL=str(tmp_path))
    assert (
        said.splitlines()[-1]
        == f"[sandbox] ENTASIS_POSTGRESQL is {str(tmp_path)!r}, and there is no bin/postgres in it."
    )
    assert fresh.processes() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever runs the tests is an ordinary user already")
def test_an_ordinary_user_has_the_whole_sandbox_too(tmp_path: Path) -> None:
    folder = tmp_path / "users"
    folder.mkdir(mode=0o700)
    # The account that can get to the checkout and to its Python, which may be below a folder of root's alone.
    found = installation.find(folder)
    os.chown(folder, *found.account.owner)
    sandbox = Sandbox(folder / "home", prefix=found.account.prefix)
    sandbox.environment |= {
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(making.cache_folder().parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        sandbox.run("up")
        assert sandbox.status()["healthy"]
        owners = {status_of(pid, "Uid")[0] for pid in sandbox.pids().values()}
        assert owners == {str(found.account.owner[0])}
        assert query(sandbox, "SELECT current_database()") == ["entasis"]
        kill_postmaster(sandbox)
        assert "started again: postgresql" in sandbox.run("up")
        assert query(sandbox, "SELECT 1") == [1]
    finally:
        sandbox.run("down")
    assert sandbox.processes() == {}
    assert not (sandbox.home / "database").exists()
