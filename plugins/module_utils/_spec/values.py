# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The forms of the single values of a spec, each a parser: names, networks, ports, labels, tags, quantities."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from ansible_collections.entasis.engine.plugins.module_utils._ownership import NAME_TAG, PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._quantities import is_quantity
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    Value,
    mapping_of,
    pattern,
    reads,
    text,
)

#: Kubernetes: the longest DNS label (RFC 1123), name part of a qualified name, and value of a label.
_LABEL_LENGTH = 63

_DNS_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"


def name(longest: int) -> Parser[str]:
    """A name of lower-case letters, digits and hyphens that starts with a letter."""
    return pattern(
        r"[a-z]([a-z0-9-]*[a-z0-9])?",
        "a name; write lower-case letters, digits and hyphens, a letter first and no hyphen last",
        longest=longest,
    ).called(f"name of at most {longest} characters")


#: Kubernetes: the name of a Service.
service_name: Parser[str] = name(_LABEL_LENGTH)

dns_label: Parser[str] = pattern(
    _DNS_LABEL, "a name; write lower-case letters, digits and hyphens, no hyphen first or last", longest=_LABEL_LENGTH
).called(f"name of at most {_LABEL_LENGTH} characters")


def subdomain(longest: int = 253) -> Parser[str]:
    """A DNS subdomain (RFC 1123), the form of most names in Kubernetes and of Helm releases."""
    return pattern(
        _SUBDOMAIN,
        "a name; write lower-case letters, digits, '-' and '.', a letter or digit first and last in each part",
        longest=longest,
    ).called(f"name of at most {longest} characters")


group_name: Parser[str] = pattern(
    r"[a-z]([a-z0-9_-]*[a-z0-9])?",
    "a name of a group; write lower-case letters, digits, '-' and '_', a letter first",
    longest=100,
)

region: Parser[str] = pattern(
    r"[a-z]{2,4}(-[a-z]+)+-[0-9]", "a region; write it as AWS does, such as ap-northeast-2", longest=25
).called("region")


@reads("text of 12 digits", type="string", pattern="^[0-9]{12}$")
def account(value: Value) -> str:
    """The number of an AWS account, as a text, because it may start with a zero."""
    if isinstance(value.data, int):
        raise value.refuse("a number, which loses zeros, where a text is expected; write the 12 digits in quotes")
    word = text(value)
    if not re.fullmatch(r"[0-9]{12}", word):
        raise value.refuse(f"'{word}' is not the number of an AWS account; write its 12 digits in quotes")
    return word


line: Parser[str] = pattern(r"[^\r\n]+", "one line of text; write one line that is not empty", longest=1024).called(
    "text"
)


def network(shortest: int, longest: int) -> Parser[str]:
    """An IPv4 CIDR with a prefix between the two lengths."""

    def read(value: Value, parsed: str) -> str:
        prefix = ipaddress.IPv4Network(parsed).prefixlen
        instead = f"write a prefix from /{shortest} to /{longest}"
        if prefix < shortest:
            raise value.refuse(f"'{parsed}' is larger than a /{shortest}; {instead}")
        if prefix > longest:
            raise value.refuse(f"'{parsed}' is smaller than a /{longest}; {instead}")
        return parsed

    return ipv4_network.then(read).called(f"IPv4 network, /{shortest} to /{longest}")


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


@reads("IPv4 network", type="string")
def ipv4_network(value: Value) -> str:
    """An IPv4 CIDR."""
    return _network(value, ipaddress.IPv4Network, "an IPv4 network; write it as address/prefix, such as 10.0.0.0/16")


@reads("IPv4 or IPv6 network", type="string")
def any_network(value: Value) -> str:
    """An IPv4 or IPv6 CIDR."""
    return _network(value, ipaddress.ip_network, "a network; write it as address/prefix, such as 10.0.0.0/16 or ::/0")


def _port_number(value: Value, word: str) -> int:
    number = int(word)
    if number > 65535:
        raise value.refuse(f"{number} is more than 65535; write a port from 0 to 65535")
    return number


@reads(
    "number, 0 to 65535, range or `all`",
    type=["integer", "string"],
    minimum=0,
    maximum=65535,
    pattern="^(all|[0-9]+-[0-9]+)$",
)
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


_LABEL_NAME = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_QUALIFIED = re.compile(rf"(?:(?P<domain>{_SUBDOMAIN})/)?(?P<name>{_LABEL_NAME})")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")
#: EKS refuses node groups with labels of these domains, and of domains below them, or their nodes never join:
#: https://github.com/aws/containers-roadmap/issues/1451 and https://github.com/eksctl-io/eksctl/pull/6947
_RESERVED_DOMAINS = ("kubernetes.io", "k8s.io", "eks.amazonaws.com")
#: Taints of these domains are those by which Kubernetes tells a node's own state: it takes away what it did not set.
_STATE_DOMAINS = ("node.kubernetes.io", "node.cloudprovider.kubernetes.io")


@text.then
def label_key(value: Value, word: str) -> str:
    """The key of a Kubernetes label, taint or resource."""
    match = _QUALIFIED.fullmatch(word)
    if match is None or len(match["name"]) > _LABEL_LENGTH or len(match["domain"] or "") > 253:
        raise value.refuse(
            f"'{word}' is not a key of a label; write letters, digits, '-', '_' and '.', at most {_LABEL_LENGTH}, "
            "after a DNS name and '/' if it has one"
        )
    return word


def _eks_length(value: Value, word: str) -> str:
    if len(word) > _LABEL_LENGTH:
        raise value.refuse(f"'{word}' has {len(word)} characters; EKS takes at most {_LABEL_LENGTH}, write fewer")
    return word


@label_key.then
def node_label_key(value: Value, word: str) -> str:
    """The key of a label that a node group may have."""
    domain, slash, _name = word.partition("/")
    for reserved in _RESERVED_DOMAINS:
        if slash and (domain == reserved or domain.endswith(f".{reserved}")):
            raise value.refuse(f"EKS keeps the domain {reserved} for itself; write a key without it, such as 'role'")
    return _eks_length(value, word)


@label_key.then
def taint_key(value: Value, word: str) -> str:
    """The key of a taint that a node group may have; startup taints of agents have domains of kubernetes.io too."""
    if word.partition("/")[0] in _STATE_DOMAINS:
        raise value.refuse(
            f"'{word}' is how Kubernetes tells a node's own state, and it would take the taint away; write another key"
        )
    return _eks_length(value, word)


@text.then
def label_value(value: Value, word: str) -> str:
    """The value of a Kubernetes label."""
    if len(word) > _LABEL_LENGTH or not _LABEL_VALUE.fullmatch(word):
        raise value.refuse(
            f"'{word}' is not a value of a label; write at most {_LABEL_LENGTH} letters, digits, '-', '_' and '.', "
            "a letter or digit first and last"
        )
    return word


@label_value.then
def _node_label_value(value: Value, word: str) -> str:
    if not word:
        raise value.refuse('is empty, which EKS does not take; write a value such as "true"')
    return word


#: Labels of a Kubernetes object, and those of a node group: EKS takes no empty one.
labels = mapping_of(label_key, label_value)
node_labels = mapping_of(node_label_key, _node_label_value)

_OWN_TAGS = {tag.casefold() for tag in (PLATFORM_TAG, ROLE_TAG, NAME_TAG)}


def _refuse_characters(value: Value, word: str, what: str) -> None:
    """IAM takes the fewest characters of all services: letters, digits and spaces of any script, and these signs."""
    unknown = (sign for sign in word if unicodedata.category(sign)[0] not in "LZN" and sign not in "_.:/=+-@")
    if wrong := dict.fromkeys(unknown):
        signs = " ".join(sign if sign.isprintable() else ascii(sign) for sign in wrong)
        raise value.refuse(f"AWS takes no {signs} in the {what} of a tag; write letters, digits, spaces and _.:/=+-@")


@text.then
def _tag_key(value: Value, word: str) -> str:
    if word.casefold() in _OWN_TAGS:
        raise value.refuse("the platform sets this tag itself; remove it")
    if word.lower().startswith("aws:"):
        raise value.refuse("AWS keeps tags that start with 'aws:' for itself; write another key")
    if not 1 <= len(word) <= 128:
        raise value.refuse("is not a key of a tag; write 1 to 128 characters")
    _refuse_characters(value, word, "key")
    return word


@text.then
def _tag_value(value: Value, word: str) -> str:
    if len(word) > 256:
        raise value.refuse(f"has {len(word)} characters; write at most 256")
    _refuse_characters(value, word, "value")
    return word


#: AWS takes 50 tags, and some are the platform's.
MOST_TAGS = 40


tag_value = _tag_value.called("text of at most 256 characters", maxLength=256)
_tags = mapping_of(_tag_key, tag_value.called("text"), most=MOST_TAGS)


def _read_tags(value: Value) -> dict[str, str]:
    first: dict[str, str] = {}
    for key in filter(lambda key: isinstance(key, str), value.data if isinstance(value.data, Mapping) else ()):
        other = first.setdefault(key.casefold(), key)
        if other != key:
            value.child(key).problem(f"IAM takes '{other}' and '{key}' for one key; remove one of the two")
    return _tags(value)


#: AWS tags of the user's own.
tags = replace(_tags, read=_read_tags)


@reads("quantity", "quantities", type=["integer", "string"], minimum=0)
def quantity(value: Value) -> int | str:
    """A Kubernetes quantity: a whole number, or a text such as 500m, 1.5, 2Gi or 129e6. The author's form is kept."""
    data = value.data
    form = "write a Kubernetes quantity such as 1, 500m or 2Gi"
    if isinstance(data, int) and not isinstance(data, bool):
        if data < 0:
            raise value.refuse(f"{int(data)} is less than 0; {form}")
        return int(data)
    if isinstance(data, float):
        raise value.refuse(f'a number with a point; write "{data}" in quotes')
    if not isinstance(data, str) or len(data) > 30 or not is_quantity(data):
        shown = f"'{data}' " if isinstance(data, str) else ""
        raise value.refuse(f"{shown}is not a quantity; {form}")
    return str(data)
