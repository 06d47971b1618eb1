# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The forms of the single values of a spec, each a parser: names, networks, ports, labels, tags, quantities."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal

from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG, PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    Value,
    expected,
    mapping_of,
    text,
)

#: Kubernetes: a DNS label (RFC 1123), the form of a namespace's and a Service's name.
_LABEL_LENGTH = 63


def pattern(form: str, meaning: str, *, longest: int) -> Parser[str]:
    """A text of a form given as a regular expression; C(meaning) says it in words."""
    compiled = re.compile(form)

    def parser(value: Value) -> str:
        word = text(value)
        if len(word) > longest:
            raise value.refuse(f"'{word}' has {len(word)} characters; write at most {longest}")
        if not compiled.fullmatch(word):
            raise value.refuse(f"'{word}' is not {meaning}")
        return word

    return parser


def dns_label(longest: int = _LABEL_LENGTH) -> Parser[str]:
    """A name of lower-case letters, digits and hyphens that starts with a letter."""
    return pattern(
        r"[a-z]([a-z0-9-]*[a-z0-9])?",
        "a name; write lower-case letters, digits and hyphens, a letter first and no hyphen last",
        longest=longest,
    )


group_name: Parser[str] = pattern(
    r"[a-z]([a-z0-9_-]*[a-z0-9])?",
    "a name of a group; write lower-case letters, digits, '-' and '_', a letter first",
    longest=100,
)

region: Parser[str] = pattern(
    r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region; write it as AWS does, such as ap-northeast-2", longest=25
)

line: Parser[str] = pattern(r"[^\r\n]+", "one line of text; write one line that is not empty", longest=1024)


def network(shortest: int, longest: int) -> Parser[str]:
    """An IPv4 CIDR with a prefix between the two lengths."""

    def parser(value: Value) -> str:
        parsed = ipv4_network(value)
        prefix = ipaddress.IPv4Network(parsed).prefixlen
        instead = f"write a prefix from /{shortest} to /{longest}"
        if prefix < shortest:
            raise value.refuse(f"'{parsed}' is larger than a /{shortest}; {instead}")
        if prefix > longest:
            raise value.refuse(f"'{parsed}' is smaller than a /{longest}; {instead}")
        return parsed

    return parser


def ipv4_network(value: Value) -> str:
    """An IPv4 CIDR."""
    return _network(value, ipaddress.IPv4Network, "an IPv4 network; write it as address/prefix, such as 10.0.0.0/16")


def any_network(value: Value) -> str:
    """An IPv4 or IPv6 CIDR."""
    return _network(value, ipaddress.ip_network, "a network; write it as address/prefix, such as 10.0.0.0/16 or ::/0")


def _network(value: Value, make: Callable[..., ipaddress.IPv4Network | ipaddress.IPv6Network], meaning: str) -> str:
    word = text(value)
    try:
        if "/" not in word:
            raise ValueError
        loose = make(word, strict=False)
    except ValueError:
        raise value.refuse(f"'{word}' is not {meaning}") from None
    if str(loose) != word:
        raise value.refuse(f"'{word}' is not the network's own form; write {loose}")
    return word


def _port_number(value: Value, word: str) -> int:
    number = int(word)
    if number > 65535:
        raise value.refuse(f"{number} is more than 65535; write a port from 0 to 65535")
    return number


def ports(value: Value) -> tuple[int, int] | None:
    """A port, a range "from-to", or "all" (None)."""
    data = value.data
    if isinstance(data, int) and not isinstance(data, bool):
        if data < 0:
            raise value.refuse(f"{int(data)} is less than 0; write a port from 0 to 65535")
        number = _port_number(value, str(int(data)))
        return number, number
    form = 'write a port as a number, a range as "8000-8100", or all'
    if not isinstance(data, str):
        raise value.refuse(f"is not a port; {form}")
    word = str(data)
    if word == "all":
        return None
    if re.fullmatch(r"[0-9]{1,9}", word):
        raise value.refuse(f"a text where a number is expected; write {int(word)} without quotes")
    match = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", word)
    if match is None:
        raise value.refuse(f"'{word}' is not a port; {form}")
    first, last = _port_number(value, match[1]), _port_number(value, match[2])
    if first > last:
        raise value.refuse(f'the range starts after its end; write "{last}-{first}"')
    return first, last


_QUALIFIED = re.compile(
    r"(?:(?P<domain>[a-z0-9]([a-z0-9.-]*[a-z0-9])?)/)?(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")
#: EKS refuses node groups with labels of these domains, and of domains below them, or their nodes never join:
#: https://github.com/aws/containers-roadmap/issues/1451 and https://github.com/eksctl-io/eksctl/pull/6947
_RESERVED_DOMAINS = ("kubernetes.io", "k8s.io", "eks.amazonaws.com")


def label_key(value: Value) -> str:
    """The key of a Kubernetes label or taint."""
    word = text(value)
    match = _QUALIFIED.fullmatch(word)
    if match is None or len(match["name"]) > _LABEL_LENGTH or len(match["domain"] or "") > 253:
        raise value.refuse(
            f"'{word}' is not a key of a label; write letters, digits, '-', '_' and '.', at most {_LABEL_LENGTH}, "
            "after a domain and '/' if it has one"
        )
    return word


def node_label_key(value: Value) -> str:
    """The key of a label or taint that a node group may have."""
    word = label_key(value)
    domain, slash, _name = word.partition("/")
    for reserved in _RESERVED_DOMAINS:
        if slash and (domain == reserved or domain.endswith(f".{reserved}")):
            raise value.refuse(f"EKS keeps the domain {reserved} for itself; write a key without it, such as 'role'")
    if len(word) > _LABEL_LENGTH:
        raise value.refuse(f"'{word}' has {len(word)} characters; EKS takes at most {_LABEL_LENGTH}")
    return word


def label_value(value: Value) -> str:
    """The value of a Kubernetes label."""
    word = text(value)
    if len(word) > _LABEL_LENGTH or not _LABEL_VALUE.fullmatch(word):
        raise value.refuse(
            f"'{word}' is not a value of a label; write at most {_LABEL_LENGTH} letters, digits, '-', '_' and '.', "
            "a letter or digit first and last"
        )
    return word


def node_label_value(value: Value) -> str:
    """The value of a label that a node group may have: EKS takes no empty one."""
    word = label_value(value)
    if not word:
        raise value.refuse('is empty, which EKS does not take; write a value such as "true"')
    return word


def labels(value: Value) -> dict[str, str]:
    """Labels of a Kubernetes object."""
    return mapping_of(label_key, label_value)(value)


def node_labels(value: Value) -> dict[str, str]:
    """Labels of a node group."""
    return mapping_of(node_label_key, node_label_value)(value)


def _tag_key(value: Value) -> str:
    word = text(value)
    if word in (PLATFORM_TAG, ROLE_TAG, NAME_TAG):
        raise value.refuse("the platform sets this tag itself; remove it")
    if word.lower().startswith("aws:"):
        raise value.refuse("AWS keeps tags that start with 'aws:' for itself; write another key")
    if not 1 <= len(word) <= 128:
        raise value.refuse("is not a key of a tag; write 1 to 128 characters")
    return word


def _tag_value(value: Value) -> str:
    word = text(value)
    if len(word) > 256:
        raise value.refuse(f"has {len(word)} characters; write at most 256")
    return word


def tags(value: Value) -> dict[str, str]:
    """AWS tags of the user's own."""
    parsed = mapping_of(_tag_key, _tag_value)(value)
    if len(parsed) > 40:
        raise value.refuse(f"{len(parsed)} tags; write at most 40, AWS takes 50 and some are the platform's")
    return parsed


_QUANTITY = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?|\.[0-9]+)(?P<unit>m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_UNITS = {"": Decimal(1), "m": Decimal("0.001")}
_UNITS.update({unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)})
_UNITS.update({f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)})


def quantity(value: Value) -> int | str:
    """A Kubernetes quantity: a whole number, or a text such as 500m, 1.5 or 2Gi. The author's own form is kept."""
    data = value.data
    form = "write a Kubernetes quantity such as 1, 500m or 2Gi"
    if isinstance(data, int) and not isinstance(data, bool):
        if data < 0:
            raise value.refuse(f"{int(data)} is less than 0; {form}")
        return int(data)
    if isinstance(data, float):
        raise value.refuse(f'a number with a point; write "{data}" in quotes')
    if not isinstance(data, str) or len(data) > 30 or not _QUANTITY.fullmatch(data):
        shown = f"'{data}' " if isinstance(data, str) else ""
        raise value.refuse(f"{shown}is not a quantity; {form}")
    return str(data)


def amount(parsed: int | str) -> Decimal:
    """What a quantity that L(quantity) let through stands for."""
    match = _QUANTITY.fullmatch(str(parsed))
    if match is None:
        raise ValueError(f"not a quantity: {parsed}")
    return Decimal(match["number"]) * _UNITS[match["unit"] or ""]


def reference(names: frozenset[str], what: str) -> Parser[str]:
    """The name of something that the spec defines elsewhere."""

    def parser(value: Value) -> str:
        word = text(value)
        if word not in names:
            raise value.refuse(f"there is no {what} '{word}'; {expected(word, sorted(names), 'write one of')}")
        return word

    return parser
