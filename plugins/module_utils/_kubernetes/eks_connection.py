# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The way to an EKS cluster by its name: what DescribeCluster says, and a token that is made in this process.

The token is that of C(aws eks get-token): a presigned GetCallerIdentity request which names the cluster.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.shared import describe_cluster
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import explain
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import KubernetesError, NoClusterError

try:
    import botocore.config
    import botocore.exceptions
    import botocore.session
    import urllib3

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

#: EKS takes a token for 15 minutes from its date on, whatever expiry its URL names. Seconds until a new one is made.
TOKEN_LIFETIME = 600.0
_EXPIRY_IN_URL = 60

_CLUSTER_HEADER = "x-k8s-aws-id"

#: Threads that may use the pool at the same time without opening a connection for one request only.
_POOL_SIZE = 16


class EksConnection:
    """An EKS cluster by its name, as the caller's AWS credentials."""

    def __init__(
        self,
        cluster: str,
        region: str | None,
        *,
        profile: str | None,
        endpoint_url: str | None,
        account: str | None = None,
    ) -> None:
        """Without C(region), that of the profile; without C(profile) and C(endpoint_url), as the AWS CLI finds them.

        Raises:
            NoClusterError: there is no such cluster, or it has no endpoint yet.
            KubernetesError: AWS cannot be asked, or it is not C(account), or the cluster is of no use.
            ImportError: botocore is not there, or urllib3, which it brings.
        """
        if IMPORT_ERROR is not None:
            raise IMPORT_ERROR
        self._cluster = cluster
        self._token = ""
        self._token_ends = 0.0
        try:
            session = botocore.session.Session(profile=profile)
            configuration = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 6})
            options = {"region_name": region, "endpoint_url": endpoint_url, "config": configuration}
            eks = session.create_client("eks", **options)
            self.source = f"EKS cluster {cluster} in {eks.meta.region_name}"
            described = describe_cluster(eks, cluster)
            self._sts = session.create_client("sts", **options)
            if account:
                self._refuse_other(account, described)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ValueError) as error:
            raise KubernetesError(f"cannot look up the EKS cluster '{cluster}': {explain(error)}") from error
        self._sts.meta.events.register("before-sign.sts.GetCallerIdentity", self._name_cluster)
        self.server, self._authority = self._endpoint(described)
        self.pool = self._open_pool()

    def _refuse_other(self, account: str, described: Mapping[str, Any] | None) -> None:
        """The cluster tells its account; where there is none, it may only be that the credentials are of another."""
        found = described["arn"].split(":")[4] if described else self._sts.get_caller_identity()["Account"]
        if found != account:
            raise KubernetesError(
                f"the account is to be {account}, and the credentials in use for the {self.source} belong to {found}. "
                "Nothing was read or changed. Use credentials of the right account, or mend account."
            )

    def _endpoint(self, described: Mapping[str, Any] | None) -> tuple[str, bytes]:
        """The URL of the API server and the certificate of its authority."""
        status = described["status"] if described else "absent"
        server = (described or {}).get("endpoint")
        authority = (described or {}).get("certificateAuthority", {}).get("data")
        if status == "FAILED":
            raise KubernetesError(f"the {self.source} is FAILED. Remove it, and make it again with eks_cluster.")
        if status in ("absent", "CREATING", "PENDING", "DELETING") or not (server and authority):
            state = "does not exist" if described is None else f"is {status}"
            raise NoClusterError(
                f"the {self.source} {state}. Make it with eks_cluster, which waits until it is ACTIVE.",
                expected=status in ("absent", "CREATING", "PENDING"),
            )
        return str(server), base64.b64decode(authority)

    def _open_pool(self) -> Any:
        context = ssl.create_default_context(cadata=self._authority.decode())
        # The authorities of EKS have no key identifier, which Python 3.13 and later would ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        options: dict[str, Any] = {"ssl_context": context, "maxsize": _POOL_SIZE}
        proxy = getproxies().get("https")
        if proxy and not proxy_bypass(urlsplit(self.server).netloc):
            return urllib3.ProxyManager(proxy, **options)
        return urllib3.PoolManager(**options)

    def _name_cluster(self, request: Any, **_event: Any) -> None:
        request.headers[_CLUSTER_HEADER] = self._cluster

    def header(self) -> dict[str, str]:
        if time.monotonic() >= self._token_ends:
            self._token = self._make_token()
            self._token_ends = time.monotonic() + TOKEN_LIFETIME
        return {"authorization": f"Bearer {self._token}"}

    def _make_token(self) -> str:
        try:
            url = self._sts.generate_presigned_url("get_caller_identity", ExpiresIn=_EXPIRY_IN_URL, HttpMethod="GET")
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise KubernetesError(f"no token for the {self.source}: {explain(error)}") from error
        return f"k8s-aws-v1.{base64.urlsafe_b64encode(url.encode()).decode().rstrip('=')}"

    def configuration(self) -> Any:
        import kubernetes.client
        import kubernetes.config

        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config_from_dict(
            self._kubeconfig({}), client_configuration=configuration, persist_config=False
        )
        return configuration

    def _kubeconfig(self, user: Mapping[str, Any]) -> dict[str, Any]:
        name = self._cluster
        authority = base64.b64encode(self._authority).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.server, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": dict(user)}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }

    @contextlib.contextmanager
    def kubeconfig(self, folder: str) -> Iterator[tuple[str | None, str | None]]:
        """As the protocol says. The token lies in a file of its own that only we can read; it is renewed in time."""
        with tempfile.TemporaryDirectory(dir=folder) as private:
            token, path = Path(private, "token"), Path(private, "kubeconfig")
            _write(token, self._make_token())
            _write(path, json.dumps(self._kubeconfig({"tokenFile": str(token)})))
            ended = threading.Event()

            def renew() -> None:
                while not ended.wait(TOKEN_LIFETIME / 2):
                    with contextlib.suppress(KubernetesError):
                        _write(token, self._make_token())

            thread = threading.Thread(target=renew, daemon=True)
            thread.start()
            try:
                yield str(path), self._cluster
            finally:
                ended.set()
                thread.join()


def _write(path: Path, text: str) -> None:
    """Put a text into a file that only its owner reads, in one step."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(path)
