# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token webhook: who holds a token of C(aws eks get-token), and does an access entry let the caller in?

The token is a presigned GetCallerIdentity request. AWS's authenticator sends it to STS, which checks the signature.
Here the secret keys are at hand in the emulated IAM and STS, so the signature is checked on the spot.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Iterable
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
#: The parameters that aws-iam-authenticator lets pass; any other could change what is asked of STS.
_PARAMETERS = frozenset(
    {
        "action",
        "version",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
        "x-amz-user-agent",
    }
)


class RefusedToken(Exception):  # noqa: N818 - the answer of the webhook, not a failure of it
    """Why a token lets nobody in."""


@dataclass(frozen=True)
class Identity:
    """A caller as Kubernetes knows it."""

    username: str
    uid: str
    groups: tuple[str, ...]
    extra: dict[str, list[str]]


def verify(token: str, cluster: str, host: str, now: float) -> account.Caller:
    """The AWS caller behind a token for a cluster.

    C(host) is where the sandbox's own STS answers; a URL of the real STS is fine too, since nothing is sent there.

    Raises:
        RefusedToken: the token is malformed, too old, for another cluster, of an unknown key, or not signed by it.
    """
    url = _decode(token)
    parts = urlsplit(url)
    if parts.netloc != host and not re.fullmatch(r"sts(-fips)?(\.[a-z0-9-]+)?\.amazonaws\.com", parts.netloc):
        raise RefusedToken(f"the token's request goes to {parts.netloc}, which is no STS")
    if parts.path not in ("", "/"):
        raise RefusedToken("the token's request has a path")
    pairs = [(name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    asked = dict(pairs)
    if len(asked) < len(pairs):
        raise RefusedToken("the token's request has a parameter twice")
    if foreign := sorted(asked.keys() - _PARAMETERS):
        raise RefusedToken(f"the token's request has the parameter {foreign[0]}")
    if asked.get("action") != "GetCallerIdentity":
        raise RefusedToken("the token's request is not GetCallerIdentity")
    signed = asked.get("x-amz-signedheaders", "").lower().split(";")
    if not {"host", _CLUSTER_HEADER} <= set(signed):
        raise RefusedToken(f"the token's signature does not cover host and {_CLUSTER_HEADER}")
    _check_time(asked, now)
    scope = asked.get("x-amz-credential", "").split("/")
    if len(scope) != 5 or scope[3:] != ["sts", "aws4_request"]:
        raise RefusedToken("the token's credential is not one for STS")
    caller = account.known_caller(scope[0])
    if caller is None:
        raise RefusedToken(f"the access key {scope[0]} is unknown, inactive or expired")
    if asked.get("x-amz-security-token", "") != caller.session_token:
        raise RefusedToken("the token's session token is not that of its access key")
    if not hmac.compare_digest(_signature(url, cluster, caller, scope[2], asked), asked.get("x-amz-signature", "")):
        raise RefusedToken(f"the token's signature is wrong, or it is not for the cluster {cluster}")
    return caller


def _decode(token: str) -> str:
    if not token.startswith(_PREFIX):
        raise RefusedToken(f"the token does not begin with {_PREFIX}")
    encoded = token.removeprefix(_PREFIX)
    try:
        url = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode("ascii")
        urlsplit(url)
    except (binascii.Error, ValueError) as error:
        raise RefusedToken("the token is not a URL in base64") from error
    return url


def _check_time(asked: dict[str, str], now: float) -> None:
    try:
        issued = datetime.strptime(asked.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        expires = int(asked.get("x-amz-expires", ""))
    except ValueError as error:
        raise RefusedToken("the token has no valid date and expiry") from error
    if not 0 <= expires <= _LIFETIME:
        raise RefusedToken(f"the token's expiry of {expires} seconds is not within {_LIFETIME}")
    if issued > now + _SKEW:
        raise RefusedToken("the token is of the future")
    if now >= issued + _LIFETIME:
        raise RefusedToken("the token is older than 15 minutes")


def _signature(url: str, cluster: str, caller: account.Caller, region: str, asked: dict[str, str]) -> str:
    """The signature that the caller's secret key makes of this request for this cluster."""
    unsigned = re.sub(r"&?X-Amz-Signature=[0-9a-fA-F]*", "", url)
    signer = SigV4QueryAuth(Credentials(caller.access_key_id, caller.secret_access_key), "sts", region)
    request = AWSRequest("GET", unsigned, headers={_CLUSTER_HEADER: cluster})
    request.context["timestamp"] = asked["x-amz-date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signature: str = signer.signature(text, request)
    return signature


def admit(cluster: Cluster, caller: account.Caller) -> Identity:
    """What the cluster's access entries make of a caller.

    Raises:
        RefusedToken: there is no entry for the caller.
    """
    name = caller.principal.rpartition("/")[2]
    arn = caller.principal
    if caller.session:
        arn = f"arn:{account.PARTITION}:sts::{caller.account}:assumed-role/{name}/{caller.session}"
    extra = {
        "arn": [arn],
        "canonicalArn": [caller.principal],
        "accessKeyId": [caller.access_key_id],
        "principalId": [caller.user_id.partition(":")[0]],
        "sessionName": [caller.session],
    }
    uid = f"aws-iam-authenticator:{caller.account}:{caller.user_id.partition(':')[0]}"
    access = cluster.view["accessConfig"]
    if access["authenticationMode"] == "CONFIG_MAP":
        # Only the creator's right is emulated in this mode; the ConfigMap aws-auth is not read.
        if caller.principal == cluster.creator and access["bootstrapClusterCreatorAdminPermissions"]:
            return Identity("kubernetes-admin", uid, ("system:masters",), extra)
        raise RefusedToken(f"{caller.principal} is not the creator of the cluster, and aws-auth is not emulated")
    entry = cluster.access_entries.get(caller.principal)
    if entry is None:
        raise RefusedToken(f"no access entry for {caller.principal}")
    username = (
        entry.view["username"]
        .replace("{{SessionName}}", caller.session.replace("@", "-"))
        .replace("{{SessionNameRaw}}", caller.session)
        .replace("{{AccountID}}", caller.account)
    )
    groups = (*entry.view["kubernetesGroups"], *rbac.groups(entry.policies.values()))
    return Identity(username, uid, groups, extra)


class Webhook:
    """The WSGI application that the API server asks, at C(/_sandbox/authenticate)."""

    def __init__(self, store: Store, host: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._host = host
        self._clock = clock

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            token = json.loads(environ["wsgi.input"].read(length))["spec"]["token"]
        except (ValueError, KeyError, TypeError):
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"the body is not a TokenReview\n"]
        content = json.dumps(self.review(str(token))).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]

    def review(self, token: str) -> dict[str, Any]:
        """The answer to one TokenReview."""
        try:
            with self._store.reading():
                cluster = self._cluster()
                caller = verify(token, cluster.name, self._host, self._clock())
                identity = admit(cluster, caller)
        except RefusedToken as reason:
            status: dict[str, Any] = {"authenticated": False, "error": str(reason)}
        else:
            user = {"username": identity.username, "uid": identity.uid, "groups": list(identity.groups)}
            status = {"authenticated": True, "user": {**user, "extra": identity.extra}}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    def _cluster(self) -> Cluster:
        """The one cluster that the control plane belongs to."""
        for cluster in self._store.clusters():
            if cluster.status in ("ACTIVE", "UPDATING"):
                return cluster
        raise RefusedToken("no cluster is ACTIVE")
