# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(timescaledb): how the platform's database is reached through the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import integer, one_of
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section

#: Of these libpq says that they verify the server's certificate.
_VERIFYING = ("verify-ca", "verify-full")


@dataclass(frozen=True)
class Timescaledb:
    """The defaults are the names that CloudNativePG gives a cluster C(timescaledb)."""

    namespace: str = key(values.dns_label, "Namespace of the service and of the Secret.", "data")
    service: str = key(values.service_name, "Service that leads to the primary.", "timescaledb-rw")
    port: int = key(integer(1, 65535), "Port of the service.", 5432)
    database: str = key(values.line, "Name of the database.", "entasis")
    user: str | None = key(
        values.line,
        "User to log in as; it has to own the relations of `retention`, or be a member of their owner.",
        None,
        shown="what the Secret says",
    )
    secret: str = key(
        values.subdomain(),
        "Secret with the keys `username` and `password`. It is not read where the variable "
        "`data_stores_timescaledb_password` is given, from a vault.",
        "timescaledb-app",
    )
    ssl_mode: str = key(
        one_of("disable", "allow", "prefer", "require", *_VERIFYING),
        "As libpq has them. The certificate is verified for `<service>.<namespace>.svc`.",
        "prefer",
    )
    ca_cert: str | None = key(
        values.line,
        "File with the certificate of the authority that signed the server's. Needed for the two modes that verify.",
        None,
    )
    engine: str = key(
        one_of("auto", "policy", "scheduled"),
        "`policy` (TimescaleDB's own jobs drop), `scheduled` (the playbook drops, run by a schedule) or `auto`: "
        "policies where the edition has them.",
        "auto",
    )


def _authority(taken: Section, parsed: Timescaledb) -> Timescaledb:
    if parsed.ssl_mode in _VERIFYING and not taken.has("ca_cert"):
        instead = f"write the path of the authority's certificate, or an ssl_mode other than {parsed.ssl_mode}"
        taken.refuse("ca_cert", f"is missing; {instead}")
    return parsed


timescaledb = section(Timescaledb, _authority)
