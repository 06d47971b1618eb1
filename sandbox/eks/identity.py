# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token webhook: who holds a token of C(aws eks get-token), and does an access entry let the caller in?

The token is a presigned GetCallerIdentity request. AWS's authenticator sends it to STS, which checks the signature.
Here the secret keys are at hand in the emulated IAM and STS, so the signature is checked on the spot.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.eks import account, rbac
from sandbox.eks.store import Cluster, Store

_PREFIX = "k8s-aws-v1."
_CLUSTER_HEADER = "x-k8s-aws-id"
#: Seconds for which a token is good from its date on, whatever expiry it names, as in aws-iam-authenticator.
_LIFETIME = 15 * 60
#: How far (seconds) the caller's clock may be ahead.
_SKEW = 5 * 60


class RefusedToken(Exception):  # noqa: N818 - the answer of the webhook, not a failure of it
    """Why a token lets nobody in."""


@dataclass(frozen=True)
class Identity:
    """A caller as Kubernetes knows it."""

    username: str
    groups: tuple[str, ...]


def verify(token: str, cluster: str, now: float) -> account.Caller:
    """The AWS caller behind a token for a cluster, whichever STS it was signed for, since nothing is sent there.

    Raises:
        RefusedToken: the token is malformed, too old, for another cluster, of an unknown key, or not signed by it.
    """
    encoded = token.removeprefix(_PREFIX)
    try:
        url = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode("ascii")
        asked = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
        issued = datetime.strptime(asked["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        key, _date, region, service, _end = asked["x-amz-credential"].split("/")
    except (ValueError, KeyError) as error:
        raise RefusedToken(f"the token is not {_PREFIX} and a presigned URL in base64") from error
    if (service, asked.get("action")) != ("sts", "GetCallerIdentity"):
        raise RefusedToken("the token's request is not GetCallerIdentity of STS")
    if not {"host", _CLUSTER_HEADER} <= set(asked.get("x-amz-signedheaders", "").split(";")):
        raise RefusedToken(f"the token's signature does not cover host and {_CLUSTER_HEADER}")
    if not now - _LIFETIME < issued <= now + _SKEW:
        raise RefusedToken("the token is older than 15 minutes, or of the future")
    caller = account.known_caller(key)
    if caller is None:
        raise RefusedToken(f"the access key {key} is unknown, inactive or expired")
    if asked.get("x-amz-security-token", "") != caller.session_token:
        raise RefusedToken("the token's session token is not that of its access key")
    signed = _signature(url, cluster, caller, region, asked["x-amz-date"])
    if not hmac.compare_digest(signed, asked.get("x-amz-signature", "")):
        raise RefusedToken(f"the token's signature is wrong, or it is not for the cluster {cluster}")
    return caller


def _signature(url: str, cluster: str, caller: account.Caller, region: str, date: str) -> str:
    """The signature that the caller's secret key makes of this request for this cluster."""
    unsigned = re.sub(r"&?X-Amz-Signature=[0-9a-fA-F]*", "", url)
    signer = SigV4QueryAuth(Credentials(caller.access_key_id, caller.secret_access_key), "sts", region)
    request = AWSRequest("GET", unsigned, headers={_CLUSTER_HEADER: cluster})
    request.context["timestamp"] = date
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signature: str = signer.signature(text, request)
    return signature


def admit(cluster: Cluster, caller: account.Caller) -> Identity:
    """What the cluster's access entries make of a caller.

    Raises:
        RefusedToken: there is no entry for the caller.
    """
    access = cluster.view["accessConfig"]
    if access["authenticationMode"] == "CONFIG_MAP":
        # Only the creator's right is emulated in this mode; the ConfigMap aws-auth is not read.
        if caller.principal == cluster.creator and access["bootstrapClusterCreatorAdminPermissions"]:
            return Identity("kubernetes-admin", ("system:masters",))
        raise RefusedToken(f"{caller.principal} is not the creator of the cluster, and aws-auth is not emulated")
    entry = cluster.access_entries.get(caller.principal)
    if entry is None:
        raise RefusedToken(f"no access entry for {caller.principal}")
    username = entry.view["username"].replace("{{SessionName}}", caller.session.replace("@", "-"))
    return Identity(username, (*entry.view["kubernetesGroups"], *rbac.groups(entry.policies.values())))


class Webhook:
    """What the API server asks at C(POST /_sandbox/authenticate)."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def __call__(self, review: Any) -> dict[str, Any]:
        """The answer to one TokenReview."""
        try:
            with self._store.reading():
                cluster = self._cluster()
                identity = admit(cluster, verify(str(review["spec"]["token"]), cluster.name, self._clock()))
        except RefusedToken as reason:
            status: dict[str, Any] = {"authenticated": False, "error": str(reason)}
        else:
            user = {"username": identity.username, "groups": list(identity.groups)}
            status = {"authenticated": True, "user": user}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    def _cluster(self) -> Cluster:
        """The one cluster that the control plane belongs to."""
        for cluster in self._store.clusters():
            if cluster.status in ("ACTIVE", "UPDATING"):
                return cluster
        raise RefusedToken("no cluster is ACTIVE")
