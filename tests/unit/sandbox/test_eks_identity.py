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

#: An account of this file's own, so that no other test's users are in it.
ACCOUNT = "777777777777"
CLUSTER = "prod"
URL = "http://127.0.0.1:5570/?Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture
def user() -> Iterator[Caller]:
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_user(region_name="ap-northeast-2", user_name="ops")
    caller = account.known_caller(iam.create_access_key("ops").access_key_id)
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


def token(caller: Caller, *, cluster: str = CLUSTER, url: str = URL, age: float = 0, signed: bool = True) -> str:
    """A token as C(aws eks get-token) makes it, or with one thing wrong."""
    credentials = Credentials(caller.access_key_id, caller.secret_access_key, caller.session_token or None)
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": cluster} if signed else {})
    signer = SigV4QueryAuth(credentials, "sts", "ap-northeast-2", 60)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age))
    signer._modify_request_before_signing(request)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return encoded(f"{request.url}&X-Amz-Signature={signature}")


def encoded(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def changed(text: str, before: str, after: str) -> str:
    body = text.removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    assert before in url
    return encoded(url.replace(before, after))


def verified(text: str) -> Caller:
    return verify(text, CLUSTER, time.time())


def test_a_token_tells_the_user_or_the_role_with_its_path_whichever_sts_it_is_for(user: Caller, role: Caller) -> None:
    real = URL.replace("http://127.0.0.1:5570", "https://sts.ap-northeast-2.amazonaws.com")
    for text in (token(user), token(user, url=real), token(user, age=14 * 60)):
        assert verified(text).principal == f"arn:aws:iam::{ACCOUNT}:user/ops"
    assert verified(token(role)) == role
    assert (role.principal, role.session) == (f"arn:aws:iam::{ACCOUNT}:role/team/viewer", "alice@example.org")


def test_a_token_with_something_wrong_is_refused_with_the_reason(user: Caller) -> None:
    good = token(user)
    cases = {
        "not k8s-aws-v1. and a presigned URL": [
            "bearer",
            "k8s-aws-v1.%%%",
            changed(good, "Date=2", "Date=x"),
        ],
        "not GetCallerIdentity of STS": [
            token(user, url=URL.replace("CallerIdentity", "SessionToken")),
            changed(good, "%2Fsts%2F", "%2Fs3%2F"),
        ],
        "does not cover host and x-k8s-aws-id": [token(user, signed=False)],
        "older than 15 minutes, or of the future": [token(user, age=15 * 60 + 1), token(user, age=-6 * 60)],
        "is unknown": [changed(good, user.access_key_id, "AKIAUNKNOWNUNKNOWN00")],
        "not that of its access key": [token(replace(user, session_token="made up"))],
        "signature is wrong, or it is not for the cluster prod": [
            token(replace(user, secret_access_key="guessed")),
            token(user, cluster="staging"),
            changed(good, "X-Amz-Expires=60", "X-Amz-Expires=600"),
        ],
    }
    for reason, texts in cases.items():
        for text in texts:
            with pytest.raises(RefusedToken, match=reason):
                verified(text)


def test_an_inactive_key_is_unknown(user: Caller) -> None:
    iam_backends[ACCOUNT]["aws"].access_keys[user.access_key_id].status = "Inactive"
    with pytest.raises(RefusedToken, match="is unknown, inactive or expired"):
        verified(token(user))


def cluster_with(principal: str, **entry: object) -> Cluster:
    view = {"name": CLUSTER, "accessConfig": {"authenticationMode": "API"}}
    made = AccessEntry({"username": principal, "kubernetesGroups": [], **entry})
    return Cluster(ACCOUNT, "ap-northeast-2", view, creator="nobody", access_entries={principal: made})


def test_an_entry_names_the_caller_its_groups_and_those_of_its_policies(user: Caller, role: Caller) -> None:
    cluster = cluster_with(user.principal, kubernetesGroups=["watchers"])
    prefix = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS"
    cluster.access_entries[user.principal].policies = {
        "1": {"policyArn": f"{prefix}ViewPolicy", "accessScope": {"type": "cluster", "namespaces": []}},
        "2": {"policyArn": f"{prefix}EditPolicy", "accessScope": {"type": "namespace", "namespaces": ["a", "b"]}},
    }
    identity = admit(cluster, user)
    assert identity.username == user.principal
    assert identity.groups == (
        "watchers",
        "eks-access-policy:AmazonEKSViewPolicy",
        "eks-access-policy:AmazonEKSEditPolicy:a",
        "eks-access-policy:AmazonEKSEditPolicy:b",
    )
    pattern = f"arn:aws:sts::{ACCOUNT}:assumed-role/viewer/{{{{SessionName}}}}"
    assert admit(cluster_with(role.principal, username=pattern), role).username.endswith("/viewer/alice-example.org")
    with pytest.raises(RefusedToken, match="no access entry for"):
        admit(cluster, role)


def test_in_the_config_map_mode_only_the_creator_gets_in(user: Caller, role: Caller) -> None:
    access = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}
    cluster = Cluster(ACCOUNT, "r", {"name": CLUSTER, "accessConfig": access}, creator=user.principal)
    assert admit(cluster, user).groups == ("system:masters",)
    with pytest.raises(RefusedToken):
        admit(cluster, role)
