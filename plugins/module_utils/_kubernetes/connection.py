# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The ways to a cluster: how its API server is reached, and who we are there."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any, Protocol

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError, NoClusterError

DEFAULT_KUBECONFIG = "~/.kube/config"


class Connection(Protocol):
    """One way to one cluster. Used by one thread at a time, but for the pool."""

    #: What it was opened by, for messages.
    source: str
    #: The URL of the API server.
    server: str
    #: The urllib3 pool that its requests go through.
    pool: Any

    def header(self) -> dict[str, str]:
        """The header that says who we are, renewed where it is due.

        Raises:
            KubernetesError: no credentials can be had.
        """

    def configuration(self) -> Any:
        """The kubernetes library's configuration, for its websockets."""

    def kubeconfig(self, folder: str) -> contextlib.AbstractContextManager[tuple[str | None, str | None]]:
        """The path of a kubeconfig and the context in it, for a program that takes no other way, while it runs.

        What must be written for it is written into a new folder inside of C(folder), and removed in the end.
        """


class KubeconfigConnection:
    """A context of a kubeconfig.

    The kubernetes library reads it, runs exec plugins such as C(aws eks get-token), renews tokens and sets up TLS and
    proxies. The account of a pod that we may be running in is never used, because its cluster is hardly ever the one
    that is meant.
    """

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """C(kubeconfig) may name several files with a colon between them. Without it, ~/.kube/config is read.

        Raises:
            ImportError: the kubernetes library is missing.
            NoClusterError: there is no such file, or no such context in it.
            KubernetesError: the file is wrong, or its exec plugin failed.
        """
        # It takes half a second to import, which who goes another way need not wait for.
        import kubernetes.client
        import kubernetes.config

        self._paths = kubeconfig, context
        files = kubeconfig or DEFAULT_KUBECONFIG
        self.source = f"context {context or 'current'} of {files}"
        if not any(os.path.exists(os.path.expanduser(file)) for file in files.split(os.pathsep) if file):
            raise NoClusterError(
                f"there is no kubeconfig file {files}. Make the cluster and write its kubeconfig first "
                "(eks_kubeconfig), or set the option kubeconfig or cluster.",
                expected=True,
            )
        self._configuration = kubernetes.client.Configuration()
        try:
            contexts, current = _contexts(kubernetes.config.kube_config.KubeConfigMerger(files).config)
            if (context or current) not in contexts:
                raise NoClusterError(
                    f"the kubeconfig {files} has no context '{context or current or ''}'; it has: "
                    f"{', '.join(contexts) or 'none'}. Make the cluster and write its kubeconfig first "
                    "(eks_kubeconfig).",
                    expected=True,
                )
            with _ExecPluginErrors(self.source):
                kubernetes.config.load_kube_config(
                    config_file=files, context=context, client_configuration=self._configuration, persist_config=False
                )
        except (kubernetes.config.ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise KubernetesError(
                f"cannot use {self.source}: {' '.join(str(error).split())}. Correct the file."
            ) from error
        self.server: str = self._configuration.host
        # The library's own pool: TLS, client certificates and proxies as the kubeconfig says.
        self.pool = kubernetes.client.ApiClient(self._configuration).rest_client.pool_manager

    def header(self) -> dict[str, str]:
        with _ExecPluginErrors(self.source):
            settings = self._configuration.auth_settings()
        return {setting["key"]: setting["value"] for setting in settings.values() if setting["in"] == "header"}

    def configuration(self) -> Any:
        return self._configuration

    def kubeconfig(self, folder: str) -> contextlib.AbstractContextManager[tuple[str | None, str | None]]:  # noqa: ARG002
        return contextlib.nullcontext(self._paths)


def _contexts(merged: Any) -> tuple[list[str], str | None]:
    """The names of all contexts of a kubeconfig, and the current one."""
    if merged is None:
        return [], None
    names = [entry.value["name"] if hasattr(entry, "value") else entry["name"] for entry in merged.value["contexts"]]
    return names, merged.value.get("current-context")


class _ExecPluginErrors(logging.Handler):
    """Turns a failed exec plugin into an error: the library only logs it, and goes on without credentials."""

    def __init__(self, source: str) -> None:
        super().__init__(logging.ERROR)
        self._source = source
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())

    def __enter__(self) -> _ExecPluginErrors:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *exception: object) -> None:
        logging.getLogger().removeHandler(self)
        if self._messages:
            raise KubernetesError(
                f"no credentials for {self._source}: {' '.join(' '.join(self._messages).split())}. Run the command of "
                "the kubeconfig's exec section by hand to see why it fails."
            )
