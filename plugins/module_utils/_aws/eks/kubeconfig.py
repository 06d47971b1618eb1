# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The kubeconfig of an EKS cluster: what DescribeCluster says, brought into a file."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _kubeconfig as kubeconfig
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    KNOWN_AFTER_APPLY,
    Change,
    Handler,
    Plan,
    PlanError,
    create,
    delete,
    update,
)

KIND = "kubeconfig_context"

#: What the AWS CLI needs to find the same account as this run: names of files and profiles, never a key.
_NAMES = ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")
_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE")
#: The options that are a key, each with the only place from which the AWS CLI would take it.
_KEYS = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
}


class EksKubeconfig:
    """One run of the module eks_kubeconfig."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._cluster: str = module.params["cluster"]
        self._context: str = module.params["context"] or self._cluster
        self._path = Path(module.params["path"])
        self._present: bool = module.params["state"] == "present"
        self._config: dict[str, Any] = {}

    def plan(self) -> Plan:
        return Plan(self._changes())

    def _changes(self) -> list[Change]:
        found = kubeconfig.read(self._path)
        present = kubeconfig.entries_of(found, self._context)
        before = kubeconfig.shown(present)
        if not self._present:
            self._config = kubeconfig.without(found, self._context)
            return [delete(KIND, self._context, before)] if self._config != found else []
        _refuse_keys(self._module.params)
        described = eks.describe_cluster(client(self._module, "eks"), self._cluster) or {}
        if not described and self._module.check_mode and self._module.params["missing_cluster"] == "ignore":
            return []
        wanted = self._entries(described)
        self._config = kubeconfig.merged(found, self._context, wanted)
        after = kubeconfig.shown(wanted)
        if not present:
            return [create(KIND, self._context, after)]
        changes = update(KIND, self._context, before, after)
        if not changes and self._config != found:
            changes = [Change("update", KIND, self._context, {}, {}, part="form")]
        mode = self._path.stat().st_mode & 0o777
        return changes + update(
            KIND, self._context, {"mode": f"{mode:04o}"}, {"mode": f"{kubeconfig.FILE_MODE:04o}"}, part="file mode"
        )

    def _entries(self, described: dict[str, Any]) -> kubeconfig.Entries:
        """The entries of a context whose user gets a token from the AWS CLI."""
        if not self._module.check_mode and (why := unreachable(described)):
            raise PlanError(f"the EKS cluster '{self._cluster}' {why}")
        environment, region = self._environment(), self._module.region
        token = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": aws_command(),
            "args": ["eks", "get-token", "--cluster-name", self._cluster, "--region", region, "--output", "json"],
            "env": [{"name": name, "value": environment[name]} for name in sorted(environment)],
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }
        return {
            "clusters": {
                "server": described.get("endpoint") or KNOWN_AFTER_APPLY,
                "certificate-authority-data": described.get("certificateAuthority", {}).get("data")
                or KNOWN_AFTER_APPLY,
            },
            "users": {"exec": token},
            "contexts": {"cluster": self._context, "user": self._context},
        }

    def _environment(self) -> dict[str, str]:
        options = {
            "AWS_PROFILE": self._module.params["profile"],
            "AWS_ENDPOINT_URL": self._module.params["endpoint_url"],
            "AWS_CA_BUNDLE": self._module.params["aws_ca_bundle"],
        }
        values = {name: options.get(name) or os.environ.get(name) for name in _NAMES}
        return {
            name: os.path.abspath(os.path.expanduser(value)) if name in _FILES else value
            for name, value in values.items()
            if value
        }

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {(KIND, action): self._write for action in ("create", "update", "delete")}

    def _write(self, _change: Change) -> None:
        if not self._present and kubeconfig.is_empty(self._config):
            self._path.unlink()
        else:
            kubeconfig.write(self._path, self._config)

    def report(self) -> dict[str, Any]:
        return {"path": str(self._path), "context": self._context}


def unreachable(described: Mapping[str, Any]) -> str:
    """Why a kubeconfig cannot lead to a cluster as DescribeCluster answers, and what to do; empty where it can."""
    if not described:
        return "does not exist. Make it with eks_cluster."
    status = described.get("status", "in an unknown state")
    shown = {
        "endpoint": described.get("endpoint"),
        "certificate authority": described.get("certificateAuthority", {}).get("data"),
    }
    missing = " and no ".join(name for name, value in shown.items() if not value)
    if missing and status in eks.UNDER_WAY:
        return f"is {status} and has no {missing} yet. eks_cluster waits until it has; run that first."
    if missing:
        return f"is {status} and shows no {missing}. Look at its health in EKS; nothing can call it as it is."
    return ""


def _refuse_keys(options: Mapping[str, Any]) -> None:
    """Refuse keys that only this module would have: kubectl would call as somebody else, or as nobody.

    Raises:
        PlanError: a key is an option, and the environment has another one or none.
    """
    given = {option: name for option, name in _KEYS.items() if options[option] not in (None, os.environ.get(name))}
    if given:
        raise PlanError(
            f"{', '.join(given)}: a key given as an option never reaches kubectl, since a kubeconfig holds none and "
            f"the AWS CLI looks for its own. Give profile instead, or set {', '.join(given.values())} in the "
            "environment of this task and of everything that uses the kubeconfig."
        )


def aws_command() -> str:
    """The absolute path of the AWS CLI: on PATH, or beside the Python that runs this module.

    Raises:
        PlanError: there is none.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("aws") or shutil.which("aws", path=str(beside))
    if found is None:
        raise PlanError(
            f"the AWS CLI was not found: there is no 'aws' on PATH or in {beside}. Install it (pip install awscli): "
            "kubectl asks it for a token."
        )
    return os.path.abspath(found)
