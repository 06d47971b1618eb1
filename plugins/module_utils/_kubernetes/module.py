# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What every Kubernetes module of the collection does the same way: options, connection, apply, errors."""

from __future__ import annotations

import traceback
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.entasis.engine.plugins.module_utils import _reconcile_module
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import client as kubernetes_client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import (
    Client,
    KubernetesError,
    NoClusterError,
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


def reconcile(module: AnsibleModule, **run: Any) -> NoReturn:
    """Run one reconciling module to its end, see L(_reconcile_module.reconcile)."""
    _reconcile_module.reconcile(module, errors=(KubernetesError,), **run)
