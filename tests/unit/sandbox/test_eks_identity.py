# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tokens the webhook takes, and what it makes of the caller."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from sandbox.eks import account
from sandbox.eks.account import Caller
from sandbox.eks.identity import RefusedToken, admit, verify
from sandbox.eks.store import AccessEntry, Cluster

HOST = "127.0.0.1:5570"
#: An account of this file's own, so that no other test's users are in it.
ACCOUNT = "777777777777"
CLUSTER = "prod"


@pytest.fixture
def user() -> Iterator[Caller]:
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_user(region_name="ap-northeast-2", user_name="ops")
    key = iam.create_access_key("ops")
    caller = account.known_caller(key.access_key_id)
    assert caller is not None
    yield caller
    iam.reset()


@pytest.fixture
def role() -> Iterator[Caller]:
    sts = sts_backends[ACCOUNT]["aws"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/team/viewer"
    made = sts.assume_role("ap-northeast-2", "alice@example.org", arn, "", 900, "")
    caller = account.known_caller(made.access_key_id)
    assert caller is not None
    yield caller
    sts.reset()
    iam_backends[ACCOUNT]["aws"].reset()


def token(
    caller: Caller,
    *,
    cluster: str = CLUSTER,
    url: str = f"http://{HOST}/?Action=GetCallerIdentity&Version=2011-06-15",
    age: float = 0,
    expires: int = 60,
    headers: tuple[str, ...] = ("x-k8s-aws-id",),
) -> str:
    """A token as C(aws eks get-token) makes it, or with one thing wrong."""
    credentials = Credentials(caller.access_key_id, caller.secret_access_key, caller.session_token or None)
    request = AWSRequest("GET", url, headers=dict.fromkeys(headers, cluster))
    signer = SigV4QueryAuth(credentials, "sts", "ap-northeast-2", expires)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age))
    signer._modify_request_before_signing(request)
    if credentials.token:
        assert "X-Amz-Security-Token" in request.url
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return encoded(f"{request.url}&X-Amz-Signature={signature}")


def encoded(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def decoded(text: str) -> str:
    body = text.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def verified(text: str, *, cluster: str = CLUSTER) -> Caller:
    return verify(text, cluster, HOST, time.time())


def refusal(text: str, *, cluster: str = CLUSTER) -> str:
    with pytest.raises(RefusedToken) as caught:
        verified(text, cluster=cluster)
    return str(caught.value)


def test_a_users_token_tells_the_user(user: Caller) -> None:
    assert verified(token(user)).principal == f"arn:aws:iam::{ACCOUNT}:user/ops"


def test_an_assumed_roles_token_tells_the_role_with_its_path(role: Caller) -> None:
    found = verified(token(role))
    assert found.principal == f"arn:aws:iam::{ACCOUNT}:role/team/viewer"
    assert found.session == "alice@example.org"


def test_a_token_signed_for_the_real_sts_is_taken(user: Caller) -> None:
    real = "https://sts.ap-northeast-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    assert verified(token(user, url=real)).principal.endswith("user/ops")


def test_a_token_is_good_for_a_quarter_of_an_hour(user: Caller) -> None:
    assert verified(token(user, age=14 * 60)).principal.endswith("user/ops")
    assert "older than 15 minutes" in refusal(token(user, age=15 * 60 + 1))
    assert "of the future" in refusal(token(user, age=-6 * 60))
    assert "not within 900" in refusal(token(user, expires=901))


def test_a_token_with_something_wrong_is_refused_with_the_reason(user: Caller) -> None:
    good = decoded(token(user))
    base = f"http://{HOST}/"
    cases = {
        "does not begin with": "bearer",
        "not a URL in base64": "k8s-aws-v1.%%%",
        "URL in base64": encoded("http://[?Action=GetCallerIdentity"),
        "is no STS": token(user, url="http://evil.example/?Action=GetCallerIdentity&Version=2011-06-15"),
        "has a path": token(user, url=f"{base}x?Action=GetCallerIdentity&Version=2011-06-15"),
        "not GetCallerIdentity": token(user, url=f"{base}?Action=GetSessionToken&Version=2011-06-15"),
        "a parameter twice": encoded(good + "&Action=GetCallerIdentity"),
        "has the parameter role": encoded(good + "&Role=admin"),
        "does not cover host and x-k8s-aws-id": token(user, headers=()),
        "no valid date": encoded(good.replace("X-Amz-Date=2", "X-Amz-Date=x")),
        "not one for STS": encoded(good.replace("%2Fsts%2F", "%2Fs3%2F")),
        "is unknown": encoded(good.replace(user.access_key_id, "AKIAUNKNOWNUNKNOWN00")),
        "signature is wrong": token(replace(user, secret_access_key="guessed")),
        "not for the cluster prod": token(user, cluster="staging"),
        "not that of its access key": token(replace(user, session_token="made up")),
    }
    for reason, text in cases.items():
        assert reason in refusal(text)


def test_a_changed_url_breaks_the_signature(user: Caller) -> None:
    later = decoded(token(user)).replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    assert "signature is wrong" in refusal(encoded(later))


def test_an_inactive_key_is_unknown(user: Caller) -> None:
    text = token(user)
    iam_backends[ACCOUNT]["aws"].access_keys[user.access_key_id].status = "Inactive"
    assert "is unknown, inactive or expired" in refusal(text)


def cluster_with(principal: str, **entry: object) -> Cluster:
    view = {"name": CLUSTER, "accessConfig": {"authenticationMode": "API"}}
    made = AccessEntry({"username": principal, "kubernetesGroups": [], **entry})
    return Cluster(ACCOUNT, "ap-northeast-2", view, creator="nobody", access_entries={principal: made})


def test_an_entry_names_the_caller(user: Caller, role: Caller) -> None:
    identity = admit(cluster_with(user.principal, kubernetesGroups=["watchers"]), user)
    assert (identity.username, identity.groups) == (user.principal, ("watchers",))
    assert identity.extra["arn"] == [user.principal]
    pattern = f"arn:aws:sts::{ACCOUNT}:assumed-role/viewer/{{{{SessionName}}}}"
    identity = admit(cluster_with(role.principal, username=pattern), role)
    assert identity.username == f"arn:aws:sts::{ACCOUNT}:assumed-role/viewer/alice-example.org"
    assert identity.extra["arn"] == [f"arn:aws:sts::{ACCOUNT}:assumed-role/viewer/alice@example.org"]
    assert identity.extra["sessionName"] == ["alice@example.org"]


def test_policies_become_groups_by_scope(user: Caller) -> None:
    cluster = cluster_with(user.principal)
    prefix = "arn:aws:eks::aws:cluster-access-policy/"
    cluster.access_entries[user.principal].policies = {
        "1": {"policyArn": f"{prefix}AmazonEKSViewPolicy", "accessScope": {"type": "cluster", "namespaces": []}},
        "2": {
            "policyArn": f"{prefix}AmazonEKSEditPolicy",
            "accessScope": {"type": "namespace", "namespaces": ["a", "b"]},
        },
    }
    assert admit(cluster, user).groups == (
        "eks-access-policy:AmazonEKSViewPolicy",
        "eks-access-policy:AmazonEKSEditPolicy:a",
        "eks-access-policy:AmazonEKSEditPolicy:b",
    )


def test_without_an_entry_nobody_gets_in(user: Caller) -> None:
    with pytest.raises(RefusedToken, match="no access entry for"):
        admit(cluster_with("arn:aws:iam::777777777777:user/other"), user)


def test_in_the_config_map_mode_only_the_creator_gets_in(user: Caller, role: Caller) -> None:
    access = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}
    cluster = Cluster(ACCOUNT, "r", {"name": CLUSTER, "accessConfig": access}, creator=user.principal)
    assert admit(cluster, user).groups == ("system:masters",)
    with pytest.raises(RefusedToken):
        admit(cluster, role)
