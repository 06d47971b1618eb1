# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the emulated AWS: who calls, what is counted, what fails on demand, and what outlives the process."""

from __future__ import annotations

import json
import signal
import stat
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_server import REGION, AwsServer
from tests.support.eks_account import refusal

OTHER_ACCOUNT = "222222222222"


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """A server of the test's own, which it may end and start again.

    It is started with AWS settings of the caller's, which it must not use: there is no such profile.
    """
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    server = AwsServer(tmp_path / "home")
    server.start()
    monkeypatch.delenv("AWS_PROFILE")
    yield server
    server.stop()


def test_the_known_key_is_the_user_platform_and_nobody_elses_to_read(account: AwsServer) -> None:
    assert account.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/platform"
    [key] = account.client("iam").list_access_keys(UserName="platform")["AccessKeyMetadata"]
    assert key["AccessKeyId"] == account.access_key["access_key_id"]
    for path in ("access-key.json", "account/aws.pickle"):
        assert stat.S_IMODE((account.home / path).stat().st_mode) == 0o600


def test_calls_are_told_by_their_signature_and_counted_whatever_their_protocol(account: AwsServer) -> None:
    """EKS and Kafka have the same path."""
    for _time in range(2):
        account.client("ec2").describe_vpcs()
    for service, method in (
        ("iam", "list_roles"),
        ("kms", "list_keys"),
        ("s3", "list_buckets"),
        ("eks", "list_clusters"),
        ("kafka", "list_clusters"),
        ("cloudwatch", "list_metrics"),
    ):
        getattr(account.client(service), method)()
    assert account.control("GET", "calls") == {
        "total": 8,
        "calls": {
            "ec2": {"DescribeVpcs": 2},
            "eks": {"ListClusters": 1},
            "iam": {"ListRoles": 1},
            "kafka": {"ListClusters": 1},
            "kms": {"ListKeys": 1},
            "monitoring": {"ListMetrics": 1},
            "s3": {"ListBuckets": 1},
        },
    }
    assert account.control("DELETE", "calls") == {"total": 0, "calls": {}}


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded", 503),
        ("iam", "list_roles", "Throttling", 400),
        ("eks", "list_clusters", "ThrottlingException", 429),
        ("kms", "list_keys", "ThrottlingException", 400),
        ("s3", "list_buckets", "SlowDown", 503),
    ],
)
def test_throttling_and_errors_have_the_shape_of_each_protocol(
    account: AwsServer, service: str, method: str, code: str, status: int
) -> None:
    call = getattr(account.client(service), method)
    account.control("POST", "faults", {"service": service, "kind": "throttle", "count": 1})
    with pytest.raises(account.client(service).exceptions.ClientError) as throttled:
        call()
    answer = throttled.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    fault = {"code": "Unlucky", "message": "Not today.", "status": 409}
    account.control("POST", "faults", {"service": service, "kind": "error", "count": 1, **fault})
    assert refusal(call) == ("Unlucky", "Not today.")
    call()
    assert account.control("GET", "faults") == []


def test_latency_does_not_hold_up_the_calls_beside_it(account: AwsServer) -> None:
    account.control("POST", "faults", {"service": "ec2", "kind": "latency", "seconds": 0.4})
    ec2 = account.client("ec2")
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(pool.map(lambda _number: ec2.describe_vpcs(), range(8)))
        taken = time.monotonic() - started
    assert 0.4 <= taken < 1.6


@pytest.mark.parametrize(
    ("method", "path", "code", "says"),
    [
        ("POST", "faults", 400, "'service'"),
        ("PATCH", "faults", 405, "not allowed"),
        ("GET", "nothing", 404, "not found"),
    ],
)
def test_a_wrong_request_of_the_sandbox_itself_is_explained(
    account: AwsServer, method: str, path: str, code: int, says: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        account.control(method, path, {})
    assert refused.value.code == code
    assert says in json.loads(refused.value.read())["error"]


def test_what_the_sandbox_cannot_do_is_said_in_the_shape_of_aws(account: AwsServer) -> None:
    for service, method, arguments, operation in (
        ("elasticache", "describe_cache_engine_versions", {}, "elasticache DescribeCacheEngineVersions"),
        ("eks", "list_fargate_profiles", {"clusterName": "x"}, "ListFargateProfiles"),
    ):
        code, message = refusal(getattr(account.client(service), method), **arguments)
        assert (code, operation in message) == ("NotImplemented", True)


def make_something_everywhere(server: AwsServer) -> dict[str, Any]:
    ec2, iam = server.client("ec2"), server.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = {"SubnetId": subnet, "AllocationId": address, "ClientToken": "once"}
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    iam.create_role(RoleName="cluster", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="cluster", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="entasis-test", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="entasis-test", Key="a/b", Body=b"content")
    given = server.client("sts").assume_role(RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/x", RoleSessionName="test")
    return {
        "vpc": vpc,
        "nat": nat,
        "nat_id": ec2.create_nat_gateway(**nat)["NatGateway"]["NatGatewayId"],
        "group": group,
        "key": server.client("kms").create_key()["KeyMetadata"]["KeyId"],
        "session": given["Credentials"],
    }


def test_a_killed_server_comes_back_with_the_account(fresh: AwsServer) -> None:
    made = make_something_everywhere(fresh)
    assert fresh.control("GET", "health")["account_problem"] == ""
    fresh.stop(signal.SIGKILL)
    fresh.start()
    assert fresh.control("GET", "health")["account"] == "restored"
    ec2 = fresh.client("ec2")
    assert fresh.client("sts").get_caller_identity()["Arn"].endswith(":user/platform")
    assert ec2.create_nat_gateway(**made["nat"])["NatGateway"]["NatGatewayId"] == made["nat_id"]
    [shown] = ec2.describe_security_groups(GroupIds=[made["group"]])["SecurityGroups"]
    assert shown["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == made["group"]
    assert refusal(ec2.delete_vpc, VpcId=made["vpc"])[0] == "DependencyViolation"
    iam = fresh.client("iam")
    [attached] = iam.list_attached_role_policies(RoleName="cluster")["AttachedPolicies"]
    policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
    assert (policy["PolicyName"], policy["AttachmentCount"]) == ("AmazonEKSClusterPolicy", 1)
    assert fresh.client("kms").describe_key(KeyId=made["key"])["KeyMetadata"]["KeyState"] == "Enabled"
    s3 = fresh.client("s3")
    assert s3.get_object(Bucket="entasis-test", Key="a/b")["Body"].read() == b"content"
    s3.put_object(Bucket="entasis-test", Key="a/c", Body=b"more")
    where = {"LocationConstraint": s3.meta.region_name}
    code, _message = refusal(s3.create_bucket, Bucket="entasis-test", CreateBucketConfiguration=where)
    assert code == "BucketAlreadyOwnedByYou"
    session = made["session"]
    keys = {"aws_access_key_id": session["AccessKeyId"], "aws_secret_access_key": session["SecretAccessKey"]}
    theirs = fresh.client("sts", **keys, aws_session_token=session["SessionToken"])
    assert theirs.get_caller_identity()["Account"] == OTHER_ACCOUNT


def test_an_account_that_cannot_be_read_is_said_and_kept(fresh: AwsServer) -> None:
    fresh.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert fresh.stop() == 0
    path = fresh.home / "account" / "aws.pickle"
    path.write_bytes(path.read_bytes()[:-100])
    clusters = path.with_name("eks.json")
    clusters.write_text("{}")
    fresh.start()
    health = fresh.control("GET", "health")
    assert health["account"] == "new"
    assert "cannot be read" in health["account_problem"]
    assert path.with_suffix(".unreadable").exists()
    assert clusters.with_suffix(".orphaned").read_text() == "{}"
    assert fresh.client("sts").get_caller_identity()["Arn"].endswith(":user/platform")


def test_reset_leaves_a_new_account(account: AwsServer) -> None:
    make_something_everywhere(account)
    account.control("POST", "faults", {"service": "ec2", "kind": "throttle"})
    account.control("POST", "reset")
    assert account.control("GET", "faults") == []
    assert account.control("GET", "calls")["total"] == 0
    assert [vpc["IsDefault"] for vpc in account.client("ec2").describe_vpcs()["Vpcs"]] == [True]
    assert account.client("iam").list_roles()["Roles"] == []
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("sts").get_caller_identity()["Arn"].endswith(":user/platform")


def test_a_reset_account_is_freed(fresh: AwsServer) -> None:
    """moto keeps it: 10 MB more at each reset."""
    status = Path("/proc") / str(fresh.control("GET", "health")["pid"]) / "status"

    def megabytes_after_resets(times: int) -> int:
        for _index in range(times):
            fresh.control("POST", "reset")
            fresh.client("ec2").describe_vpcs()
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) // 1024

    assert -megabytes_after_resets(5) + megabytes_after_resets(10) < 50
