# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What of two versions of an object differs, without what the server keeps for itself and without any secret."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: What the API server and the controllers write: never a difference that a manifest asks for.
_SERVER_METADATA = (
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
#: Holds a whole earlier manifest, that of a Secret included.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

MASK = "********"
CHANGED_MASK = "******** (changed)"

#: Names of values that are secrets more often than not, with the words apart. A name that only speaks of a secret, such
#: as secret_name, existing_secret or token_ttl, is not meant.
_SECRET_NAME = re.compile(
    r"""
    ( (password|passwd|passphrase)s?
    | (^|[_.-]) (pass|pw|tokens?|credentials?|dsn)
    | (^|[_.-]) (?<!existing_)secret
    | (^|[_.-]) (api|access|private|secret|encryption|signing|ssh|tls)[_.-]?key
    | (^|[_.-]) (webhook|api)[_.-]?url
    | (^|[_.-]) connection[_.-]?string
    )
    ([_.-](value|data|base64))?$
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: Between two words of a name such as adminPassword or DBPassword.
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def normalised(live: Mapping[str, Any]) -> dict[str, Any]:
    """An object as it can be compared with another answer of the API server."""
    kept = {key: copy.deepcopy(value) for key, value in live.items() if key != "status"}
    metadata = {key: value for key, value in (kept.get("metadata") or {}).items() if key not in _SERVER_METADATA}
    annotations = {k: v for k, v in (metadata.pop("annotations", None) or {}).items() if k != _LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    kept["metadata"] = metadata
    return kept


def masked(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an object without the values of a Secret, of each Secret where it is a List."""
    copied = copy.deepcopy(dict(manifest))
    if copied.get("kind") == "List" and copied.get("items") is not None:
        copied["items"] = masked_list(copied["items"])
    if copied.get("kind") != "Secret":
        return copied
    for field in ("data", "stringData"):
        if isinstance(copied.get(field), Mapping):
            copied[field] = dict.fromkeys(copied[field], MASK)
        elif copied.get(field) is not None:
            copied[field] = MASK
    metadata = copied.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict):
        annotations.pop(_LAST_APPLIED, None)
    return copied


def masked_list(manifests: Any) -> Any:
    """A copy of manifests as a user gave them, each masked. What is no manifest may hold anything, so it is hidden."""
    if not isinstance(manifests, list):
        return MASK
    return [masked(one) if isinstance(one, Mapping) else None if one is None else MASK for one in manifests]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, by their paths, in both versions of an object; a Secret's values are masked.

    Entries of a list that have a name are matched by it: C(spec.template.spec.containers[name=api].image).
    """
    old = dict(_leaves(normalised(before)))
    new = dict(_leaves(normalised(after)))
    differing = _differing(old, new)
    was = {path: old[path] for path in differing if path in old}
    becomes = {path: new[path] for path in differing if path in new}
    if after.get("kind") == "Secret":
        was = {path: MASK if _is_secret_data(path) else value for path, value in was.items()}
        becomes = {path: CHANGED_MASK if _is_secret_data(path) else value for path, value in becomes.items()}
    return was, becomes


def _is_secret_data(path: str) -> bool:
    return re.match(r"(data|stringData)\b", path) is not None


def is_secret_name(name: str) -> bool:
    """Whether a value of this name is taken for a secret: C(adminPassword), C(api_key), C(token); not C(secretName)."""
    return bool(_SECRET_NAME.search(_WORD_BOUNDARY.sub("_", name)))


def masked_values(value: Any, *, inside_secret: bool = False) -> Any:
    """A copy of a chart's values in which whatever stands under the name of a secret is masked."""
    if isinstance(value, Mapping):
        return {
            key: masked_values(inner, inside_secret=inside_secret or is_secret_name(str(key)))
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [masked_values(inner, inside_secret=inside_secret) for inner in value]
    # A switch or an absent value gives nothing away, and hiding it would hide what the chart does.
    return MASK if inside_secret and value not in (None, "") and not isinstance(value, bool) else value


def value_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The chart values that differ, by their paths, secrets masked."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    hidden_old, hidden_new = dict(_leaves(masked_values(before))), dict(_leaves(masked_values(after)))
    differing = _differing(old, new)
    was = {path: hidden_old[path] for path in differing if path in old}
    becomes = {path: hidden_new[path] for path in differing if path in new}
    for path in becomes:
        if becomes[path] == MASK and was.get(path) == MASK:
            becomes[path] = CHANGED_MASK
    return was, becomes


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The paths that are in only one of the two, or lead to different values. To Python true equals 1; not to us."""
    return [
        path
        for path in {**old, **new}
        if path not in old
        or path not in new
        or old[path] != new[path]
        or isinstance(old[path], bool) != isinstance(new[path], bool)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that holds no other, with its path; an empty whole has none."""
    if isinstance(value, Mapping) and value:
        for key in value:
            # A key with dots in it, as labels have, is quoted so that the path can be read.
            step = f"['{key}']" if "." in str(key) else f".{key}" if path else str(key)
            yield from _leaves(value[key], path + step)
    elif isinstance(value, list) and value:
        names = [item.get("name") if isinstance(item, Mapping) else None for item in value]
        by_name = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
        for position, item in enumerate(value):
            yield from _leaves(item, f"{path}[name={names[position]}]" if by_name else f"{path}[{position}]")
    elif path:
        yield path, value
