# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What every Kubernetes module of the collection does the same way: options, connection, apply, errors."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.entasis.engine.plugins.module_utils import _reconcile_module
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.connection import (
    Connection,
    KubeconfigConnection,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError, NoClusterError

if TYPE_CHECKING:
    from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client

#: The options of the doc fragment entasis.engine.kubernetes.
CONNECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str"},
    "region": {"type": "str", "fallback": (env_fallback, ["AWS_REGION", "AWS_DEFAULT_REGION"])},
    "profile": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "account": {"type": "str"},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
}
#: Which of them exclude each other.
CONNECTION_ALTERNATIVES = [("cluster", "kubeconfig"), ("cluster", "context")]


def open_client(module: AnsibleModule, options: Mapping[str, Any]) -> Client:
    """A client for the cluster that the options name; its API server was not asked yet.

    Raises:
        NoClusterError: there is no such cluster, or no such kubeconfig or context.
        KubernetesError: the cluster cannot be used.
    """

    def load() -> Connection:
        if options["cluster"]:
            # Who goes by a kubeconfig needs nothing of AWS.
            from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.eks_connection import (
                EksConnection,
            )

            return EksConnection(
                options["cluster"],
                options["region"],
                profile=options["profile"],
                endpoint_url=options["endpoint_url"],
                account=options["account"],
            )
        return KubeconfigConnection(
            options["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG") or os.environ.get("KUBECONFIG"),
            options["context"] or os.environ.get("K8S_AUTH_CONTEXT"),
        )

    from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client

    try:
        return Client(load)
    except ImportError as error:
        library = (error.name or "kubernetes").partition(".")[0]
        module.fail_json(msg=missing_required_lib(library), exception=traceback.format_exc())
        raise


def connect(module: AnsibleModule) -> Client | None:
    """A client whose API server answers; None in check mode where there is no cluster yet.

    Raises:
        KubernetesError: there is no cluster in a real run, or it cannot be used.
    """
    try:
        client = open_client(module, module.params)
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
