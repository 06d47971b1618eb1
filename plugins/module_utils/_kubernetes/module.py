# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What every Kubernetes module of the collection does the same way: options, connection, apply, errors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import client as kubernetes_client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    Client,
    KubernetesError,
    NoClusterError,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import (
    ApplyError,
    Change,
    Handler,
    apply,
    result,
    summary,
)

#: The options of the doc fragment entasis.engine.kubernetes.
CONNECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path", "fallback": (env_fallback, ["K8S_AUTH_KUBECONFIG", "KUBECONFIG"])},
    "context": {"type": "str", "fallback": (env_fallback, ["K8S_AUTH_CONTEXT"])},
}


def connect(module: AnsibleModule) -> Client | None:
    """A client whose API server answers; None in check mode where there is no cluster yet.

    Raises:
        KubernetesError: there is no cluster in a real run, or it cannot be used.
    """
    if kubernetes_client.KUBERNETES_IMPORT_ERROR is not None:
        error = kubernetes_client.KUBERNETES_IMPORT_ERROR
        module.fail_json(
            msg=missing_required_lib("kubernetes"),
            exception="".join(traceback.format_exception(error)),
        )
    try:
        client = kubernetes_client.connect(module.params["kubeconfig"], module.params["context"])
        client.discover()
    except NoClusterError as error:
        if not module.check_mode:
            raise
        if not error.expected:
            module.warn(f"planned as if there were no cluster yet: {error}")
        return None
    return client


def apply_changes(
    module: AnsibleModule, changes: Sequence[Change], handlers: Mapping[tuple[str, str], Handler], **options: Any
) -> None:
    """Apply a plan; where a change fails, end the module with what was done, what was not, and why."""
    try:
        apply(changes, handlers, **options)
    except ApplyError as error:
        if not isinstance(error.cause, KubernetesError):
            raise
        report = result(error.done)
        report["msg"] = (
            f"cannot {error.change.action} {error.change.label}: {error.cause} "
            f"{len(error.done)} of {len(changes)} changes were applied; a new run goes on from there."
        )
        report["not_applied"] = summary([error.change, *error.left])
        module.fail_json(**report)
