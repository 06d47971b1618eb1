# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parser of C(eks_cluster)."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import Cluster
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    Section,
    Value,
    boolean,
    list_of,
    one_of,
    section_of,
    text,
)

DEFAULT_VERSION = "1.36"
_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
#: Where EKS takes the network of its services from.
_PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def cluster(groups: frozenset[str]) -> Parser[Cluster]:
    """The parser of C(eks_cluster); C(groups) are the security groups that the spec defines."""

    def build(section: Section) -> Cluster:
        return Cluster(
            version=section.take("version", _version, DEFAULT_VERSION),
            endpoint_private_access=section.take("endpoint_private_access", boolean, True),
            endpoint_public_access=section.take("endpoint_public_access", boolean, True),
            public_access_cidrs=section.take(
                "public_access_cidrs", list_of(values.ipv4_network, least=1, unique=True), ("0.0.0.0/0",)
            ),
            logging=section.take(
                "logging", list_of(one_of(*_LOG_TYPES), unique=True), ("api", "audit", "authenticator")
            ),
            authentication_mode=section.take("authentication_mode", one_of("API", "API_AND_CONFIG_MAP"), "API"),
            creator_admin=section.take("creator_admin", boolean, True),
            encryption_key=section.take("encryption_key", _key, None),
            service_cidr=section.take("service_cidr", _service_cidr, None),
            deletion_protection=section.take("deletion_protection", boolean, False),
            security_groups=section.take(
                "security_groups", list_of(values.reference(groups, "security group"), unique=True), ()
            ),
        )

    return section_of(build, _check_endpoints)


def _check_endpoints(value: Value, parsed: Cluster) -> None:
    if not parsed.endpoint_private_access and not parsed.endpoint_public_access:
        value.problem(
            "endpoint_private_access and endpoint_public_access are both false, so that nothing reaches the cluster; "
            "write true for one of the two"
        )


def _version(value: Value) -> str:
    instead = f'write major.minor in quotes, such as "{DEFAULT_VERSION}"'
    if isinstance(value.data, (int, float)):
        raise value.refuse(f"a number, which loses a trailing zero, where a text is expected; {instead}")
    word = text(value)
    if not re.fullmatch(r"1\.[1-9][0-9]", word):
        raise value.refuse(f"'{word}' is not a version of Kubernetes on EKS; {instead}")
    return word


def _key(value: Value) -> str:
    word = text(value)
    if not re.fullmatch(r"arn:aws[a-z-]*:kms:[^\s]+|alias/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36}", word):
        raise value.refuse(f"'{word}' is not a KMS key; write its alias (alias/…), its id or its ARN")
    return word


def _service_cidr(value: Value) -> str:
    word = values.network(12, 24)(value)
    if not any(IPv4Network(word).subnet_of(block) for block in _PRIVATE):
        raise value.refuse(f"{word} is not private; write a part of {', '.join(map(str, _PRIVATE))}")
    return word
