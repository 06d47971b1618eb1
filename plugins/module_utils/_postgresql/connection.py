# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The one connection of a data module to its database, by the options that community.postgresql has.

    with connect(module, settings={"lock_timeout": "5s"}) as database:
        with database.transaction():
            rows = database.execute("SELECT relname FROM pg_class WHERE oid = %s::regclass", ["metrics.ticks"])

With kube_port_forward the connection goes through the API server of the cluster that the database runs in.
"""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import module as kubernetes
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError, NoClusterError
from ansible_collections.entasis.engine.plugins.module_utils._postgresql import drivers

if TYPE_CHECKING:
    from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.port_forward import PortForward

#: Seconds until a server that does not answer is given up, where connect_params does not say otherwise.
CONNECT_TIMEOUT = 10

#: The options of the doc fragment entasis.engine.postgresql.
CONNECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "login_user": {"type": "str", "default": "postgres", "fallback": (env_fallback, ["PGUSER"])},
    "login_password": {"type": "str", "default": "", "no_log": True, "fallback": (env_fallback, ["PGPASSWORD"])},
    "login_host": {"type": "str", "default": ""},
    "login_unix_socket": {"type": "str", "default": ""},
    "login_port": {"type": "int", "default": 5432, "fallback": (env_fallback, ["PGPORT"])},
    "login_db": {"type": "str", "required": True, "fallback": (env_fallback, ["PGDATABASE"])},
    "ssl_mode": {
        "type": "str",
        "default": "prefer",
        "choices": ["allow", "disable", "prefer", "require", "verify-ca", "verify-full"],
    },
    "ca_cert": {"type": "path", "aliases": ["ssl_rootcert"]},
    "ssl_cert": {"type": "path"},
    "ssl_key": {"type": "path"},
    "connect_params": {"type": "dict", "default": {}},
    "session_role": {"type": "str"},
    "kube_port_forward": {
        "type": "dict",
        "options": {
            "namespace": {"type": "str", "required": True},
            "service": {"type": "str"},
            "pod": {"type": "str"},
            "port": {"type": "str", "default": "5432"},
            **kubernetes.CONNECTION_ARGUMENTS,
        },
        "mutually_exclusive": [["service", "pod"], *kubernetes.CONNECTION_ALTERNATIVES],
        "required_one_of": [["service", "pod"]],
    },
}

#: What libpq calls the options.
_LIBPQ_NAMES = {
    "login_user": "user",
    "login_password": "password",
    "login_host": "host",
    "login_port": "port",
    "login_db": "dbname",
    "ssl_mode": "sslmode",
    "ca_cert": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
}

#: Parameters of libpq whose values are shown nowhere.
_SECRET_PARAMETERS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")

#: What to do, by a piece of what libpq or the server says.
_HINTS = (
    ("password authentication failed", "Check login_user and login_password."),
    ("no password supplied", "Set login_password."),
    ("Peer authentication failed", "Run the task as the system user of that name (become_user), or set login_host."),
    ("no pg_hba.conf entry", "Let this user in from here in the server's pg_hba.conf."),
    ("does not match host name", "Set login_host to a name that the server's certificate has."),
    ("certificate verify failed", "Set ca_cert to the certificate of the authority that signed the server's."),
    ("root certificate file", "Set ca_cert to the certificate of the authority that signed the server's."),
    ("does not support SSL", "Turn TLS on in the server, or choose another ssl_mode."),
    ("failed to resolve host", "Check login_host. A name inside a cluster is reached by kube_port_forward."),
    ("could not translate host name", "Check login_host. A name inside a cluster is reached by kube_port_forward."),
    ("Connection refused", "Check login_host and login_port, and that the server runs and listens there."),
    ("No such file or directory", "Check login_unix_socket, and that the server runs; set login_host for TCP."),
    ("timeout expired", "Check login_host and login_port, and what may stand between, such as a security group."),
    ("too many clients", "Wait, or raise max_connections."),
    ("is starting up", "Run the task again in a moment."),
    ("is shutting down", "Run the task again once the server is back."),
    ("invalid connection option", "Correct connect_params; it takes the parameters of libpq."),
    ("does not exist", "Make it first, or correct the option."),
)


class DatabaseError(Exception):
    """The database could not be reached, or refused a statement. The text says what, where, why and what to do.

    C(message) is the server's own text alone. C(sqlstate) is its code of five characters, or None where no server
    answered or let us in.
    """

    def __init__(self, text: str, *, message: str = "", sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.message = message or text
        self.sqlstate = sqlstate


class NoDatabaseError(DatabaseError):
    """Check mode only: what the database runs in is not made yet. A module then plans everything as created."""


class Connection:
    """One session. Each statement commits by itself, unless it stands in a C(transaction)."""

    def __init__(self, driver: drivers.Driver, session: Any, where: str, forward: PortForward | None = None) -> None:
        #: The driver and its version: C(psycopg 3.3.9), C(psycopg2 2.9.13).
        self.driver = driver.name
        #: The database as messages name it.
        self.where = where
        self._session = session
        self._errors = driver.errors
        self._forward = forward
        self._depth = 0

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one statement; return its rows, none where it has no result.

        Placeholders are C(%s) and C(%(name)s); a literal C(%) is doubled where there are parameters. A list becomes an
        array and needs a cast where nothing else says its type: C(unnest(%s::text[])). JSON is passed as text.

        Moments and intervals are best read as texts: Python has no infinite ones, and no months.

        Raises:
            DatabaseError: the server refused, or is gone.
        """
        try:
            with self._session.cursor() as cursor:
                cursor.execute(sql, parameters)
                if cursor.description is None:
                    return []
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except self._errors as error:
            raise _explain(error, f"{self.where} refused a statement", self._forward) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements inside, or none of them. Inside another transaction: a savepoint."""
        name = f"entasis_{self._depth}"
        begin, commit, rollback = (
            (f"SAVEPOINT {name}", f"RELEASE SAVEPOINT {name}", f"ROLLBACK TO SAVEPOINT {name}")
            if self._depth
            else ("BEGIN", "COMMIT", "ROLLBACK")
        )
        self.execute(begin)
        self._depth += 1
        try:
            yield
        except BaseException:
            # Where the connection broke, the server has rolled back already.
            with contextlib.suppress(DatabaseError):
                self.execute(rollback)
            raise
        else:
            self.execute(commit)
        finally:
            self._depth -= 1

    def close(self) -> None:
        with contextlib.suppress(self._errors):
            self._session.close()


@contextlib.contextmanager
def connect(module: AnsibleModule, *, settings: Mapping[str, str] | None = None) -> Iterator[Connection]:
    """The session that the module's options describe, for the time of the C(with) block.

    C(settings) are parameters of the session, such as C(statement_timeout).

    Raises:
        NoDatabaseError: check mode, and what the database runs in is not made yet.
        DatabaseError: the database cannot be reached, or the session cannot be set up.
    """
    _refuse_bad_options(module)
    given = module.params["connect_params"]
    module.no_log_values.update(str(given[name]) for name in _SECRET_PARAMETERS if given.get(name))
    with _forward(module) as forward:
        connection = _open(module, forward)
        try:
            _set_up(connection, settings or {}, module.params["session_role"])
            yield connection
        finally:
            connection.close()


def _refuse_bad_options(module: AnsibleModule) -> None:
    options = module.params
    problems = []
    if "password" in options["connect_params"]:
        problems.append(
            "connect_params holds a password, and Ansible writes that option to the log of the module's host. Set "
            "login_password instead."
        )
    if options["kube_port_forward"]:
        problems += [
            f"{name} leads past kube_port_forward. Remove one of the two."
            for name, value in (
                ("login_unix_socket", options["login_unix_socket"]),
                *((f"connect_params.{name}", options["connect_params"].get(name)) for name in ("hostaddr", "port")),
            )
            if value
        ]
    if problems:
        raise DatabaseError(" ".join(problems))


def _forward(module: AnsibleModule) -> contextlib.AbstractContextManager[PortForward | None]:
    """The port-forward that the options ask for, or none."""
    options = module.params["kube_port_forward"]
    if not options:
        return contextlib.nullcontext()
    # Who does not go through a cluster does not wait for the imports of its client.
    from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import port_forward

    if not port_forward.is_possible():
        module.fail_json(msg=missing_required_lib("kubernetes"))
    try:
        client = kubernetes.open_client(module, options)
        destination = port_forward.find(
            client, options["namespace"], service=options["service"], pod=options["pod"], port=options["port"]
        )
    except (NoClusterError, port_forward.MissingTargetError) as error:
        if not module.check_mode:
            raise DatabaseError(f"cannot reach the database through the Kubernetes API: {error}") from error
        if isinstance(error, NoClusterError) and not error.expected:
            module.warn(f"planned as if there were no cluster yet: {error}")
        raise NoDatabaseError(f"the database is not there yet: {error}") from error
    except KubernetesError as error:
        raise DatabaseError(f"cannot reach the database through the Kubernetes API: {error}") from error
    return port_forward.PortForward(client, destination)


def _open(module: AnsibleModule, forward: PortForward | None) -> Connection:
    try:
        driver = drivers.installed()
    except ImportError:
        module.fail_json(msg=missing_required_lib("psycopg"), exception=traceback.format_exc())
    parameters = _libpq_parameters(module, forward)
    where = _where(parameters, forward)
    try:
        return Connection(driver, driver.open(parameters), where, forward)
    except driver.errors as error:
        raise _explain(error, f"cannot connect to {where}", forward) from error


def _libpq_parameters(module: AnsibleModule, forward: PortForward | None) -> dict[str, Any]:
    options = module.params
    parameters = {name: options[option] for option, name in _LIBPQ_NAMES.items() if options[option] not in ("", None)}
    if options["login_unix_socket"] and options["login_host"] in ("", "localhost"):
        parameters["host"] = options["login_unix_socket"]
    if forward is not None:
        # The certificate is verified for the name of the service, whatever the address.
        target = options["kube_port_forward"]
        parameters.setdefault("host", f"{target['service'] or target['pod']}.{target['namespace']}.svc")
        parameters.update(hostaddr=forward.address, port=forward.port)
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "client_encoding": "UTF8",
        "fallback_application_name": f"entasis.engine {module._name}",
        **parameters,
        **options["connect_params"],
    }


def _where(parameters: Mapping[str, Any], forward: PortForward | None) -> str:
    host = str(parameters.get("host") or parameters.get("hostaddr") or "the local socket")
    if forward is not None:
        server = f"{host} ({forward.destination}, through the Kubernetes API)"
    else:
        server = host if host.startswith(("/", "the ")) else f"{host}:{parameters['port']}"
    return f'PostgreSQL at {server}, database "{parameters["dbname"]}", user "{parameters["user"]}"'


def _set_up(connection: Connection, settings: Mapping[str, str], role: str | None) -> None:
    """One query for all settings. Moments and intervals are texts of one style, whatever the server's or the role's."""
    values = {"datestyle": "ISO", "intervalstyle": "postgres", **settings, **({"role": role} if role else {})}
    calls = ", ".join(["set_config(%s, %s, false)"] * len(values))
    try:
        connection.execute(f"SELECT {calls}", [text for pair in values.items() for text in pair])
    except DatabaseError as error:
        if role and error.sqlstate in ("22023", "42501"):
            text = f'{connection.where} does not let the user become session_role "{role}": {error.message}.'
            raise DatabaseError(
                f"{text} Make the role, and grant it to the user.", message=error.message, sqlstate=error.sqlstate
            ) from error
        raise


def _explain(error: Any, what: str, forward: PortForward | None) -> DatabaseError:
    """What the driver raised, as our own."""
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if sqlstate is None:
        if forward is not None and forward.failure:
            return DatabaseError(f"{what}: {forward.failure}", message=forward.failure)
        message = _last_words(str(error))
        todo = next((todo for piece, todo in _HINTS if piece in message), "")
        return DatabaseError(f"{what}: {message}. {todo}".rstrip(), message=message)
    told = error.diag
    message, detail, hint = (
        " ".join((text or "").split()).rstrip(".")
        for text in (told.message_primary, told.message_detail, told.message_hint)
    )
    sentences = [f"{what}: {message} ({sqlstate}).", *(f"{text}." for text in (detail, hint) if text)]
    return DatabaseError(" ".join(sentences), message=message, sqlstate=sqlstate)


def _last_words(text: str) -> str:
    """The reason alone, of the last attempt: libpq repeats for each what it tried to reach."""
    reason = re.split(r"FATAL: +|(?:connection to server .*?|Connection) failed: ", " ".join(text.split()))[-1]
    return reason.partition(" Is the server running")[0].rstrip(".")
