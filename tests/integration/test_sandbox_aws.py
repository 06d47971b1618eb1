# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the emulated AWS: who calls, what is counted, what fails on demand, and what outlives the process."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.aws_server import PROJECT, AwsServer, free_port

REGION = "ap-northeast-2"
OTHER_ACCOUNT = "222222222222"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[AwsServer]:
    """A server of the test's own, which it may end and start again."""
    with AwsServer(tmp_path / "home") as running:
        yield running


def error_of(call: Callable[..., Any], **arguments: Any) -> ClientError:
    with pytest.raises(ClientError) as failed:
        call(**arguments)
    return failed.value


def calls_of(server: AwsServer) -> dict[str, dict[str, int]]:
    calls: dict[str, dict[str, int]] = server.control("GET", "calls")["calls"]
    return calls


def test_the_known_key_is_the_user_platform(account: AwsServer) -> None:
    caller = account.client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:iam::123456789012:user/platform"
    assert caller["Account"] == "123456789012"
    [key] = account.client("iam").list_access_keys(UserName="platform")["AccessKeyMetadata"]
    assert key["AccessKeyId"] == account.access_key["access_key_id"]
    assert stat.S_IMODE((account.home / "access-key.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((account.home / "account" / "aws.pickle").stat().st_mode) == 0o600


def test_the_managed_policies_of_eks_are_there(account: AwsServer) -> None:
    iam = account.client("iam")
    for name in (
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonSSMManagedInstanceCore",
    ):
        policy = iam.get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{name}")["Policy"]
        assert policy["PolicyName"] == name


def test_another_account_by_assuming_a_role(account: AwsServer) -> None:
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/deployer"
    given = account.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    caller = account.client("sts", **keys).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/deployer/test"
    theirs = account.client("ec2", **keys).create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    assert (
        error_of(account.client("ec2").describe_vpcs, VpcIds=[theirs]).response["Error"]["Code"]
        == "InvalidVpcID.NotFound"
    )


def test_a_presigned_url_reaches_its_service(account: AwsServer) -> None:
    """moto finds the service in the Authorization header only, and takes a presigned URL for one of S3."""
    key = Credentials(account.access_key["access_key_id"], account.access_key["secret_access_key"])
    request = AWSRequest("GET", f"{account.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15")
    SigV4QueryAuth(key, "sts", REGION, expires=60).add_auth(request)
    with urllib.request.urlopen(request.prepare().url, timeout=10) as answer:  # noqa: S310 - our own server
        assert b"user/platform" in answer.read()


def test_eks_is_told_by_its_signature_and_not_by_its_path(account: AwsServer) -> None:
    assert account.client("eks").list_clusters()["clusters"] == []
    assert account.client("kafka").list_clusters()["ClusterInfoList"] == []
    assert calls_of(account) == {"eks": {"ListClusters": 1}, "kafka": {"ListClusters": 1}}


def test_calls_are_counted_whatever_their_protocol(account: AwsServer) -> None:
    account.client("ec2").describe_vpcs()
    account.client("ec2").describe_vpcs()
    account.client("iam").list_roles()
    account.client("kms").list_keys()
    account.client("s3").list_buckets()
    account.client("eks").list_clusters()
    account.client("cloudwatch").list_metrics()
    assert account.control("GET", "calls") == {
        "total": 7,
        "calls": {
            "ec2": {"DescribeVpcs": 2},
            "eks": {"ListClusters": 1},
            "iam": {"ListRoles": 1},
            "kms": {"ListKeys": 1},
            "monitoring": {"ListMetrics": 1},
            "s3": {"ListBuckets": 1},
        },
    }
    account.control("DELETE", "calls")
    assert account.control("GET", "calls") == {"total": 0, "calls": {}}


SERVICES = [
    ("ec2", "ec2", "describe_vpcs", "RequestLimitExceeded", 503),
    ("iam", "iam", "list_roles", "Throttling", 400),
    ("sts", "sts", "get_caller_identity", "Throttling", 400),
    ("eks", "eks", "list_clusters", "ThrottlingException", 429),
    ("kms", "kms", "list_keys", "ThrottlingException", 400),
    ("s3", "s3", "list_buckets", "SlowDown", 503),
    ("elbv2", "elasticloadbalancing", "describe_load_balancers", "Throttling", 400),
]


@pytest.mark.parametrize(("client", "service", "method", "code", "status"), SERVICES, ids=[s[0] for s in SERVICES])
def test_throttling_and_errors_have_the_shape_of_each_protocol(
    account: AwsServer, client: str, service: str, method: str, code: str, status: int
) -> None:
    call = getattr(account.client(client), method)
    account.control("POST", "faults", {"service": service, "kind": "throttle", "count": 1})
    error = error_of(call).response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    fault = {"code": "Unlucky", "message": "Not today.", "status": 409}
    account.control("POST", "faults", {"service": service, "kind": "error", "count": 1, **fault})
    error = error_of(call).response
    assert error["Error"]["Code"] == "Unlucky"
    assert error["Error"]["Message"] == "Not today."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
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


def test_a_lost_answer_leaves_what_the_call_has_made(account: AwsServer) -> None:
    account.control("POST", "faults", {"service": "ec2", "operation": "CreateVpc", "kind": "lost_answer", "count": 1})
    ec2 = account.client("ec2")
    error_of(ec2.create_vpc, CidrBlock="10.9.0.0/16")
    assert len(ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]) == 1


def test_a_wrong_request_of_the_sandbox_itself_is_explained(account: AwsServer) -> None:
    for path, body, expected in (
        ("faults", {"service": "ec2", "kind": "slow"}, "kind must be one of"),
        ("settings", {"nat_gatway": 1}, "unknown setting 'nat_gatway'; there are"),
        ("settings", {"nat_gateway": -1}, "nat_gateway must be a number of seconds"),
        ("settings", ["nat_gateway"], "must be an object"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            account.control("POST", path, body)
        assert refused.value.code == 400
        assert expected in json.loads(refused.value.read())["error"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        account.control("GET", "nothing")
    assert refused.value.code == 404


def test_settings_of_aws_and_eks_are_one_list(account: AwsServer) -> None:
    before = account.control("GET", "settings")
    assert {"nat_gateway", "cluster", "node_group", "node", "gpu", "update"} <= set(before)
    changed = account.control("POST", "settings", {"cluster": 7.5})
    assert changed == {**before, "cluster": 7.5}
    account.control("POST", "settings", {"cluster": before["cluster"]})


def test_what_moto_cannot_do_is_said_in_the_shape_of_aws(account: AwsServer) -> None:
    error = error_of(account.client("elasticache").describe_cache_engine_versions).response
    assert error["Error"]["Code"] == "NotImplemented"
    assert "elasticache DescribeCacheEngineVersions" in error["Error"]["Message"]


def make_something_everywhere(server: AwsServer) -> dict[str, Any]:
    ec2, iam = server.client("ec2"), server.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken="once")["NatGateway"]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    iam.create_role(RoleName="cluster", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="cluster", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
    key = server.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    s3 = server.client("s3")
    s3.create_bucket(Bucket="entasis-test", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="entasis-test", Key="a/b", Body=b"content")
    given = server.client("sts").assume_role(RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/x", RoleSessionName="test")
    return {
        "vpc": vpc,
        "nat": nat["NatGatewayId"],
        "subnet": subnet,
        "address": address,
        "group": group,
        "key": key,
    } | {"session": given["Credentials"]}


def test_a_killed_server_comes_back_with_the_account(fresh: AwsServer) -> None:
    made = make_something_everywhere(fresh)
    assert fresh.control("GET", "health")["account_problem"] == ""
    fresh.stop(signal.SIGKILL)
    fresh.start()
    assert fresh.control("GET", "health")["account"] == "restored"
    ec2 = fresh.client("ec2")
    assert fresh.client("sts").get_caller_identity()["Arn"].endswith(":user/platform")
    assert ec2.describe_subnets(SubnetIds=[made["subnet"]])["Subnets"][0]["VpcId"] == made["vpc"]
    call = {"SubnetId": made["subnet"], "AllocationId": made["address"], "ClientToken": "once"}
    assert ec2.create_nat_gateway(**call)["NatGateway"]["NatGatewayId"] == made["nat"]
    [shown] = ec2.describe_security_groups(GroupIds=[made["group"]])["SecurityGroups"]
    assert shown["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == made["group"]
    assert error_of(ec2.delete_vpc, VpcId=made["vpc"]).response["Error"]["Code"] == "DependencyViolation"
    iam = fresh.client("iam")
    [attached] = iam.list_attached_role_policies(RoleName="cluster")["AttachedPolicies"]
    policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
    assert (policy["PolicyName"], policy["AttachmentCount"]) == ("AmazonEKSClusterPolicy", 1)
    fresh.client("kms").sign(KeyId=made["key"], Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
    s3 = fresh.client("s3")
    assert s3.get_object(Bucket="entasis-test", Key="a/b")["Body"].read() == b"content"
    s3.put_object(Bucket="entasis-test", Key="a/c", Body=b"more")
    session = made["session"]
    keys = {"aws_access_key_id": session["AccessKeyId"], "aws_secret_access_key": session["SecretAccessKey"]}
    caller = fresh.client("sts", **keys, aws_session_token=session["SessionToken"]).get_caller_identity()
    assert caller["Account"] == OTHER_ACCOUNT


def test_an_account_that_cannot_be_read_is_said_and_kept(fresh: AwsServer) -> None:
    fresh.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    fresh.stop()
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

    def resident_megabytes() -> int:
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) // 1024

    def reset(times: int) -> None:
        for _index in range(times):
            fresh.control("POST", "reset")
            fresh.client("ec2").describe_vpcs()

    reset(5)
    before = resident_megabytes()
    reset(20)
    assert resident_megabytes() - before < 60


def test_sigterm_ends_it_cleanly(fresh: AwsServer) -> None:
    fresh.client("ec2").describe_vpcs()
    assert fresh.stop(signal.SIGTERM) == 0
    with socket.socket() as probe:
        # As any server does: a connection that was closed a moment ago holds no port. One that listens would.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", fresh.port))


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.server", "--no-kubernetes", "--home", str(tmp_path), "--port", str(port)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot start on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_listens_on_loopback_only(account: AwsServer) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {
        line[1].split(":")[0] for line in listening if line[1].endswith(f":{account.port:04X}") and line[3] == "0A"
    }
    assert addresses == {"0100007F"}


def test_the_callers_own_aws_settings_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 in the server would fail on a profile that does not exist."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with AwsServer(tmp_path / "home") as server:
        monkeypatch.delenv("AWS_PROFILE")
        assert server.client("ec2").describe_vpcs()["Vpcs"]
