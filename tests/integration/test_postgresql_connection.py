# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection of the data modules: by either driver, with TLS, and through a real Kubernetes API server."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import port_forward
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.port_forward import PortForward
from ansible_collections.entasis.engine.plugins.module_utils._postgresql import connection, drivers
from ansible_collections.entasis.engine.plugins.module_utils._postgresql.connection import (
    Connection,
    DatabaseError,
    NoDatabaseError,
    connect,
)

from tests.support.control_plane import ControlPlane
from tests.support.control_plane import connect as connect_to
from tests.support.postgresql import Server
from tests.support.tls import Authority, TlsFront
from tests.support.waiting import wait_until

#: The longest name that CloudNativePG's certificates have for a service, inside the cluster.
SERVICE_NAME = "timescaledb-rw.data.svc"
#: What a client sends first that wants TLS.
SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        with running.connect() as session:
            session.execute("CREATE ROLE reader NOLOGIN")
            session.execute(f"CREATE ROLE outsider LOGIN PASSWORD '{SECRET}'")
            session.execute("CREATE TABLE kept (number int)")
        yield running


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG") or "KUBECONFIG" in name]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["psycopg", "psycopg2"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "psycopg2":
        monkeypatch.setattr(drivers, "PSYCOPG_IMPORT_ERROR", ImportError("No module named 'psycopg'"))
    return str(request.param)


def a_module(*, check: bool = False, **options: Any) -> AnsibleModule:
    """A module whose only options are those of the connection."""
    with patch_module_args({**options, "_ansible_check_mode": check}):
        return AnsibleModule(connection.CONNECTION_ARGUMENTS, supports_check_mode=True)


def login(server: Server, **options: Any) -> dict[str, Any]:
    """The options that let the superuser in."""
    return {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
        "login_db": "postgres",
        **options,
    }


@contextlib.contextmanager
def session(server: Server, **options: Any) -> Iterator[Connection]:
    with connect(a_module(**login(server, **options))) as connection:
        yield connection


def refusal(options: dict[str, Any], *, check: bool = False) -> DatabaseError:
    """What is raised where the connection cannot be made."""
    with pytest.raises(DatabaseError) as raised, connect(a_module(check=check, **options)):
        pass
    return raised.value


def one(connection: Connection, sql: str, *parameters: Any) -> Any:
    """The one value of an answer."""
    [row] = connection.execute(sql, parameters or None)
    [value] = row.values()
    return value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'{\"days\": [1]}'::jsonb", {"days": [1]}),
        ("array['a', null]::text[]", ["a", None]),
        ("null::text", None),
    ],
)
def test_the_drivers_read_the_same(server: Server, driver: str, expression: str, value: Any) -> None:
    with session(server) as connection:
        assert connection.driver.split()[0] == driver
        assert one(connection, f"SELECT {expression}") == value


@pytest.mark.usefixtures("driver")
def test_parameters_and_statements_without_a_result(server: Server) -> None:
    with session(server) as connection:
        assert connection.execute("CREATE TEMPORARY TABLE numbers (number int, name text)") == []
        rows = connection.execute(
            "INSERT INTO numbers SELECT * FROM unnest(%s::int[], %s::text[]) RETURNING name, number",
            [[1, 2], ["'; --", "100%"]],
        )
        assert rows == [{"name": "'; --", "number": 1}, {"name": "100%", "number": 2}]
        assert connection.execute("SELECT name FROM numbers WHERE number = %(number)s", {"number": 2}) == [
            {"name": "100%"}
        ]
        assert one(connection, "SELECT count(*) FROM numbers WHERE name LIKE '100%'") == 1


@pytest.mark.usefixtures("driver")
def test_the_server_sees_who_comes(server: Server) -> None:
    with session(server, session_role="reader", connect_params={"keepalives_idle": 30}) as connection:
        assert one(connection, "SELECT current_user::text") == "reader"
        assert one(connection, "SELECT session_user::text") == "postgres"
        name = one(connection, "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert name.startswith("entasis.engine ")


@pytest.mark.usefixtures("driver")
def test_settings_of_the_session_even_where_the_role_has_others(server: Server) -> None:
    with server.connect() as superuser:
        superuser.execute("ALTER ROLE outsider SET intervalstyle = 'iso_8601'")
        superuser.execute("ALTER ROLE outsider SET datestyle = 'SQL, DMY'")
    module = a_module(**login(server, login_user="outsider", login_password=SECRET))
    with connect(module, settings={"statement_timeout": "7s"}) as connection:
        assert one(connection, "SELECT '1 month'::interval::text") == "1 mon"
        assert one(connection, "SELECT '2026-11-23'::date::text") == "2026-11-23"
        assert one(connection, "SHOW statement_timeout") == "7s"


@pytest.mark.usefixtures("driver")
def test_a_transaction_is_all_or_nothing(server: Server) -> None:
    with session(server) as connection, session(server) as other:
        with contextlib.suppress(KeyError), connection.transaction():
            connection.execute("INSERT INTO kept VALUES (1)")
            raise KeyError
        with connection.transaction():
            connection.execute("INSERT INTO kept VALUES (2)")
            with contextlib.suppress(DatabaseError), connection.transaction():
                connection.execute("INSERT INTO kept VALUES (3)")
                connection.execute("SELECT 1 / 0")
            connection.execute("INSERT INTO kept VALUES (4)")
            assert other.execute("SELECT number FROM kept") == []
        assert other.execute("SELECT number FROM kept ORDER BY 1") == [{"number": 2}, {"number": 4}]
        connection.execute("TRUNCATE kept")
        assert other.execute("SELECT number FROM kept") == []


@pytest.mark.usefixtures("driver")
def test_a_refused_statement_tells_all_that_the_server_said(server: Server) -> None:
    with session(server) as connection, pytest.raises(DatabaseError) as raised:
        connection.execute("DO $$ BEGIN RAISE 'not so' USING DETAIL = 'It is odd', HINT = 'Do it'; END $$")
    assert (raised.value.sqlstate, raised.value.message) == ("P0001", "not so")
    assert str(raised.value) == (
        f'PostgreSQL at 127.0.0.1:{server.port}, database "postgres", user "postgres" refused a statement: '
        "not so (P0001). It is odd. Do it."
    )


@pytest.mark.usefixtures("driver")
def test_a_connection_that_broke_is_reported(server: Server) -> None:
    with server.connect() as superuser, session(server) as connection:
        number = one(connection, "SELECT pg_backend_pid()")
        superuser.execute("SELECT pg_terminate_backend(%s)", [number])
        with pytest.raises(DatabaseError, match="refused a statement"):
            connection.execute("SELECT 1")
        with pytest.raises(DatabaseError), connection.transaction():
            pytest.fail("the server is gone")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"login_port": 1}, ["127.0.0.1:1", "Connection refused", "Check login_host and login_port"]),
        ({"login_db": "absent"}, ['database "absent" does not exist', "Make it first"]),
        ({"login_password": "wrong"}, ["password authentication failed", "Check login_user and login_password."]),
        ({"login_password": ""}, ["no password supplied", "Set login_password."]),
        ({"login_host": "db.invalid"}, ["db.invalid", "kube_port_forward"]),
        ({"login_host": "", "login_unix_socket": "/nowhere"}, ["at /nowhere", "Check login_unix_socket"]),
        ({"ssl_mode": "verify-full", "ca_cert": "/nowhere"}, ["does not support SSL", "choose another ssl_mode"]),
        ({"connect_params": {"keepalive": 1}}, ['invalid connection option "keepalive"', "Correct connect_params"]),
        ({"connect_params": {"password": SECRET}}, ["connect_params holds a password", "Set login_password"]),
        ({"session_role": "absent"}, ['session_role "absent"', "does not exist", "grant it to the user"]),
        (
            {"login_user": "outsider", "login_password": SECRET, "session_role": "reader"},
            ['session_role "reader"', "permission denied", "grant it to the user"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.usefixtures("driver")
def test_errors_say_where_why_and_what_to_do(server: Server, options: dict[str, Any], parts: list[str]) -> None:
    message = str(refusal(login(server, **options)))
    for part in parts:
        assert part in message
    assert server.password not in message
    assert SECRET not in message


@pytest.mark.usefixtures("driver")
def test_user_password_port_and_database_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("USER", "outsider"),
        ("PASSWORD", SECRET),
        ("PORT", str(server.port)),
        ("DATABASE", "postgres"),
    ):
        monkeypatch.setenv(f"PG{name}", value)
    with connect(a_module(login_host=server.host)) as connection:
        assert one(connection, "SELECT current_user::text") == "outsider"


def test_no_secret_in_the_result(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    options = login(server, connect_params={"sslpassword": SECRET}, session_role="absent")
    module = a_module(**options)
    with pytest.raises(DatabaseError) as raised, connect(module):
        pass
    with patch_module_args({}), pytest.raises(SystemExit):
        module.fail_json(msg=f"{raised.value} {SECRET} {server.password}")
    output = capsys.readouterr().out
    assert "does not exist" in output
    assert SECRET not in output
    assert server.password not in output


def test_without_a_driver_the_missing_library_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PSYCOPG_IMPORT_ERROR", "PSYCOPG2_IMPORT_ERROR"):
        monkeypatch.setattr(drivers, name, ImportError("No module named 'psycopg'"))
    with patch_module_args({}), pytest.raises(SystemExit), session(server):
        pass
    assert "Failed to import the required Python library (psycopg)" in json.loads(capsys.readouterr().out)["msg"]


@dataclass(frozen=True)
class Protected:
    """The server behind TLS."""

    front: TlsFront
    authority: Authority
    other_authority: Authority


@pytest.fixture(scope="module")
def protected(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority(folder), Authority(folder, "other-authority")
    certificate = authority.sign("server", ["timescaledb-rw", SERVICE_NAME])
    with TlsFront(certificate, (server.host, server.port)) as front:
        yield Protected(front, authority, other)


@pytest.mark.usefixtures("driver")
def test_the_certificate_is_verified_for_the_name(server: Server, protected: Protected) -> None:
    options = login(server, login_port=protected.front.port, ssl_mode="verify-full")
    trusted = str(protected.authority.certificate)
    stranger = str(protected.other_authority.certificate)
    # libpq connects to hostaddr and verifies host.
    named = {**options, "login_host": SERVICE_NAME, "connect_params": {"hostaddr": server.host}}
    with connect(a_module(**named, ca_cert=trusted)) as connection:
        assert one(connection, "SELECT 1") == 1
    message = str(refusal({**named, "login_host": "db.invalid", "ca_cert": trusted}))
    assert 'does not match host name "db.invalid"' in message
    assert "Set login_host to a name that the server's certificate has." in message
    message = str(refusal({**named, "ca_cert": stranger}))
    assert "certificate verify failed" in message
    assert "Set ca_cert" in message


@pytest.mark.usefixtures("driver")
def test_a_client_shows_its_certificate(server: Server, protected: Protected, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.sign("postgres")
    pair = protected.authority.sign("server", [SERVICE_NAME])
    with TlsFront(pair, (server.host, server.port), clients=authority.certificate) as front:
        options = login(server, login_port=front.port, ssl_mode="require")
        shown = {**options, "ssl_cert": str(client.certificate), "ssl_key": str(client.key)}
        with connect(a_module(**shown)) as connection:
            assert one(connection, "SELECT 1") == 1
        refusal(options)


@pytest.fixture(scope="module")
def cluster(server: Server, protected: Protected, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real API server. Its simulated pods' port 5432 is the server behind TLS; behind 5433 nothing listens."""
    home = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(home, kwok_kinds=["ClusterPortForward"]) as running:
        running.add_node("node-1")
        running.add_namespace("data")
        forwards = [
            {"ports": [inside], "target": {"address": "127.0.0.1", "port": outside}}
            for inside, outside in ((5432, protected.front.port), (5433, 1), (5434, server.port))
        ]
        running.kubectl(
            "create",
            "--filename",
            "-",
            manifest={
                "apiVersion": "kwok.x-k8s.io/v1alpha1",
                "kind": "ClusterPortForward",
                "metadata": {"name": "database"},
                "spec": {"forwards": forwards},
            },
        )
        add_pod(running, "timescaledb-1", "primary", "node-1")
        add_pod(running, "timescaledb-2", "primary", None)
        add_pod(running, "waiting-1", "waiting", None)
        add_service(running, "timescaledb-rw", {"role": "primary"})
        add_service(running, "waiting", {"role": "waiting"})
        add_service(running, "empty", {"role": "absent"})
        add_service(running, "outside", None)
        running.kubectl("wait", "pod/timescaledb-1", "--namespace", "data", "--for=condition=Ready", "--timeout=60s")
        # kwok knows a new ClusterPortForward a moment later.
        refused = forwarded(server, running, port="refused")
        wait_until(lambda: "connection refused" in str(refusal(refused)), "kwok forwards")
        yield running


def add_pod(cluster: ControlPlane, name: str, role: str, node: str | None) -> None:
    """A simulated pod; it is never started without a node of its own."""
    container = {"name": "postgres", "image": "postgresql:18", "ports": [{"name": "sql", "containerPort": 5432}]}
    place = {"nodeName": node} if node else {"nodeSelector": {"absent": "true"}}
    metadata = {"name": name, "namespace": "data", "labels": {"role": role}}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **place}}
    cluster.kubectl("create", "--filename", "-", manifest=manifest)


def add_service(cluster: ControlPlane, name: str, selector: dict[str, str] | None) -> None:
    ports = [
        {"name": "postgres", "port": 5432, "targetPort": "sql"},
        {"name": "refused", "port": 5433},
        {"name": "plain", "port": 6432, "targetPort": 5434},
        {"name": "unnamed", "port": 7000, "targetPort": "absent"},
    ]
    spec = {"ports": ports, **({"selector": selector} if selector else {})}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "data"}, "spec": spec}
    cluster.kubectl("create", "--filename", "-", manifest=manifest)


def through(cluster: ControlPlane, **options: Any) -> dict[str, Any]:
    """The option kube_port_forward."""
    target = {} if "pod" in options else {"service": "timescaledb-rw"}
    return {"namespace": "data", "kubeconfig": str(cluster.kubeconfig), **target, **options}


def forwarded(server: Server, cluster: ControlPlane, **target: Any) -> dict[str, Any]:
    """The options that let the superuser in through the cluster."""
    return {**login(server, login_host=""), "kube_port_forward": through(cluster, **target)}


@pytest.mark.usefixtures("driver")
def test_through_the_cluster_with_the_certificate_of_the_service(
    server: Server, cluster: ControlPlane, protected: Protected
) -> None:
    options = forwarded(server, cluster)
    options.update(ssl_mode="verify-full", ca_cert=str(protected.authority.certificate))
    with connect(a_module(**options)) as connection:
        assert one(connection, "SELECT current_user::text") == "postgres"
        assert protected.front.names[-1] == SERVICE_NAME
        assert f"{SERVICE_NAME} (port 5432 of pod data/timescaledb-1, through the Kubernetes API)" in connection.where
    with connect(a_module(**{**options, "login_host": "timescaledb-rw"})):
        assert protected.front.names[-1] == "timescaledb-rw"
    assert "does not match host name" in str(refusal({**options, "login_host": "other"}))


@pytest.mark.parametrize(
    "target", [{"port": "plain"}, {"port": "6432"}, {"pod": "timescaledb-1", "port": "5434"}], ids=str
)
def test_a_port_by_name_or_number_of_a_service_or_a_pod(
    server: Server, cluster: ControlPlane, target: dict[str, str]
) -> None:
    with connect(a_module(**forwarded(server, cluster, **target))) as connection:
        assert one(connection, "SHOW port") == str(server.port)


def test_much_both_ways_and_long_silence(
    server: Server, cluster: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_forward, "KEEPALIVE", 0.1)
    with connect(a_module(**forwarded(server, cluster, port="plain"))) as connection:
        text = "0123456789" * 500_000
        assert one(connection, "SELECT %s || 'end'", text) == text + "end"
        # Longer than all signs of life that may stay unanswered.
        assert one(connection, "SELECT pg_sleep(1)::text") == ""
        assert one(connection, "SELECT 1") == 1


@pytest.mark.parametrize("unread", [True, False], ids=["resets", "closes"])
def test_a_user_who_leaves_is_no_failure_of_the_forward(cluster: ControlPlane, unread: bool) -> None:
    """As a driver leaves that does not trust the certificate: told as a failure, it would hide the driver's reason."""
    client = connect_to(cluster.kubeconfig)
    destination = port_forward.find(client, "data", service="timescaledb-rw", port="plain")
    with (
        PortForward(client, destination) as forward,
        socket.create_connection((forward.address, forward.port)) as user,
    ):
        user.sendall(SSL_REQUEST)
        assert user.recv(1, socket.MSG_PEEK if unread else 0) == b"N"
    assert forward.failure is None


def test_nothing_is_left_of_a_forward(server: Server, cluster: ControlPlane) -> None:
    before = set(threading.enumerate())
    with connect(a_module(**forwarded(server, cluster, port="plain"))) as connection:
        number = one(connection, "SELECT pg_backend_pid()")
        assert connection._forward is not None
        port = connection._forward.port
        with socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert set(threading.enumerate()) == before
    with server.connect() as superuser:
        left = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: superuser.execute(left, [number]).fetchone() is None, "the session ends")


@pytest.mark.parametrize(
    ("target", "planned", "parts"),
    [
        ({"port": "refused"}, False, ["port 5433 of pod data/timescaledb-1", "connection refused", "runs and listens"]),
        ({"service": "absent"}, True, ["there is no service data/absent", "Deploy it first"]),
        ({"pod": "absent"}, True, ["there is no pod data/absent", "Deploy it first"]),
        ({"namespace": "absent"}, True, ["there is no service absent/timescaledb-rw"]),
        ({"port": "sql"}, False, ["has no port sql; it has: postgres (5432), refused (5433)"]),
        ({"port": "unnamed"}, False, ["pod data/timescaledb-1 has no port absent; it has: sql (5432)"]),
        ({"service": "waiting"}, False, ["no pod of service data/waiting is ready: waiting-1 (Pending)"]),
        ({"service": "empty"}, False, ["no pod of service data/empty is ready: it has no pods"]),
        ({"service": "outside"}, False, ["service data/outside selects no pods. Name a pod"]),
        ({"pod": "waiting-1"}, False, ["pod data/waiting-1 is not ready (Pending)"]),
        ({"context": "absent"}, True, ["has no context 'absent'"]),
        ({"kubeconfig": "/nowhere"}, True, ["there is no kubeconfig file /nowhere"]),
    ],
    ids=str,
)
def test_errors_of_the_cluster(
    server: Server, cluster: ControlPlane, target: dict[str, str], planned: bool, parts: list[str]
) -> None:
    """C(planned): in check mode it is told apart, as what is not made yet."""
    options = forwarded(server, cluster, **target)
    error = refusal(options)
    message = str(error)
    for part in parts:
        assert part in message
    assert server.password not in message
    assert not isinstance(error, NoDatabaseError)
    assert isinstance(refusal(options, check=True), NoDatabaseError) is planned


def test_no_way_past_the_forward(server: Server, cluster: ControlPlane) -> None:
    options = forwarded(server, cluster)
    options.update(login_unix_socket="/run/postgresql", connect_params={"hostaddr": "10.0.0.1", "port": 6432})
    message = str(refusal(options))
    for name in ("login_unix_socket", "connect_params.hostaddr", "connect_params.port"):
        assert f"{name} leads past kube_port_forward" in message


def account_kubeconfig(cluster: ControlPlane, account: str, folder: Path) -> Path:
    """A kubeconfig whose exec plugin gives out tokens of a service account, and counts how often it ran."""
    plugin = folder / "token.py"
    kubectl = ["kubectl", "--kubeconfig", str(cluster.kubeconfig), "create", "token", account, "--namespace", "data"]
    plugin.write_text(
        "import datetime, json, pathlib, subprocess\n"
        f"with pathlib.Path({str(folder / 'runs')!r}).open('a') as runs: runs.write('.')\n"
        f"token = subprocess.run({kubectl!r}, check=True, capture_output=True, text=True).stdout.strip()\n"
        "end = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)\n"
        "status = {'token': token, 'expirationTimestamp': end.strftime('%Y-%m-%dT%H:%M:%SZ')}\n"
        "version = 'client.authentication.k8s.io/v1'\n"
        "print(json.dumps({'apiVersion': version, 'kind': 'ExecCredential', 'status': status}))\n"
    )
    configuration = yaml.safe_load(cluster.kubeconfig.read_text())
    plugin_call = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(plugin)],
        "interactiveMode": "Never",
        "env": [{"name": "PATH", "value": os.environ["PATH"]}],
    }
    for user in configuration["users"]:
        user["user"] = {"exec": plugin_call}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(configuration))
    return path


def test_with_the_credentials_of_an_exec_plugin_and_just_the_verbs_that_are_documented(
    server: Server, cluster: ControlPlane, tmp_path: Path
) -> None:
    cluster.kubectl("create", "serviceaccount", "operator", "--namespace", "data")

    def grant(name: str, *verbs_and_resources: str) -> None:
        cluster.kubectl("create", "role", name, "--namespace", "data", *verbs_and_resources)
        subject = ["--role", name, "--serviceaccount", "data:operator"]
        cluster.kubectl("create", "rolebinding", name, "--namespace", "data", *subject)

    kubeconfig = account_kubeconfig(cluster, "operator", tmp_path)
    options = forwarded(server, cluster, port="plain", kubeconfig=str(kubeconfig))
    message = str(refusal(options))
    assert 'cannot get resource "services"' in message
    assert "Give the caller this permission" in message
    grant("look-up", "--verb", "get", "--resource", "services")
    grant("look", "--verb", "list", "--resource", "pods")
    wait_until(lambda: "pods/portforward" in str(refusal(options)), "the roles count")
    for verb in ("get", "create"):
        message = str(refusal(options))
        assert "403 Forbidden" in message
        assert "needs the verbs get and create on pods/portforward in namespace data" in message
        grant(verb, "--verb", verb, "--resource", "pods/portforward")

    def works() -> bool:
        with contextlib.suppress(DatabaseError), connect(a_module(**options)) as connection:
            return bool(one(connection, "SELECT 1") == 1)
        return False

    wait_until(works, "the role counts")
    runs = len((tmp_path / "runs").read_text())
    assert works()
    # Its tokens have always expired: one for each request, and one for the websocket.
    assert len((tmp_path / "runs").read_text()) >= runs + 3
