# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A kubeconfig as plain data: the entries of one EKS context, merged into a file or taken out of it.

The entries (cluster, user, context) all have the name of the context. A user's entry holds no secret: the AWS CLI asks
for a token each time, by the credentials that it finds.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

with suppress(ImportError):  # eks_kubeconfig reports the missing library to the user
    import yaml

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_EMPTY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [],
    "users": [],
    "contexts": [],
    "current-context": "",
}

Entries = dict[str, dict[str, Any]]


def entries_of(config: Mapping[str, Any], context: str) -> Entries:
    """The entries of a context that are there, by section."""
    return {
        section: dict(entry.get(key) or {})
        for section, key in _SECTIONS.items()
        for entry in config.get(section) or []
        if entry.get("name") == context
    }


def merged(config: Mapping[str, Any], context: str, entries: Entries) -> dict[str, Any]:
    """The config with these entries of a context; all else as it is. The first context becomes the current one."""
    result = {**_EMPTY, **config}
    for section, key in _SECTIONS.items():
        present = list(result[section] or [])
        mine = {"name": context, key: entries[section]}
        positions = [index for index, entry in enumerate(present) if entry.get("name") == context]
        if positions:
            present[positions[0]] = mine
            present = [entry for index, entry in enumerate(present) if index not in positions[1:]]
        else:
            present.append(mine)
        result[section] = present
    result["current-context"] = result["current-context"] or context
    return result


def without(config: Mapping[str, Any], context: str) -> dict[str, Any]:
    """The config without the entries of a context; all else as it is."""
    result = dict(config)
    for section in _SECTIONS:
        if section in result:
            result[section] = [entry for entry in result[section] or [] if entry.get("name") != context]
    if result.get("current-context") == context:
        result["current-context"] = ""
    return result


def is_empty(config: Mapping[str, Any]) -> bool:
    """Whether a config says nothing, so that a file of it is of no use."""
    return all(not value for key, value in config.items() if key not in ("apiVersion", "kind"))


def shown(entries: Entries) -> dict[str, Any]:
    """The entries of a context as the diff shows them. Nothing of other contexts, whose users may hold secrets."""
    cluster, user = entries.get("clusters", {}), entries.get("users", {})
    token = user.get("exec") or {}
    return {
        "server": cluster.get("server"),
        "certificate_authority": cluster.get("certificate-authority-data"),
        "command": " ".join([token.get("command", ""), *(token.get("args") or [])]).strip(),
        "environment": {entry["name"]: entry["value"] for entry in token.get("env") or []},
    }


def read(path: Path) -> dict[str, Any]:
    """The config in a file; empty where there is no file.

    Raises:
        PlanError: the file cannot be read, or is not a kubeconfig. Its text is not quoted, since it may hold secrets.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(f"cannot read the kubeconfig {path}: {reason}.") from error
    try:
        config = yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise PlanError(_not_a_kubeconfig(path)) from error
    if config is None:
        return {}
    sections = [config.get(section) or [] for section in _SECTIONS] if isinstance(config, dict) else [None]
    if not all(isinstance(section, list) and all(isinstance(e, dict) for e in section) for section in sections):
        raise PlanError(_not_a_kubeconfig(path))
    return config


def _loader() -> Any:
    """PyYAML's safe loader, without timestamps: a date of another context is written back as it was."""

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Loader


def _not_a_kubeconfig(path: Path) -> str:
    return f"{path} exists and is not a kubeconfig. Mend it, or give another path."


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Put a config into a file that only its owner reads, in one step: a reader sees the old file or the new one.

    A missing folder is made for its owner alone. A link stays a link.
    """
    target = path.resolve()
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yaml.safe_dump(dict(config), stream, default_flow_style=False, sort_keys=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, FILE_MODE)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
