# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of every AWS domain, judged by boto3: one row of DOMAINS says all that a domain has of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.eks import make_cluster, make_parents, make_role
from tests.support.modules import Modules

_OWNER: dict[str, Any] = {"platform": "demo", "role": "life"}
MARKS = {"entasis.io/platform": "demo", "entasis.io/role": "life"}


@dataclass(frozen=True)
class Domain:
    module: str
    #: The option that lists the resources, two of them with every option, and what boto3 is to see of them.
    option: str
    resources: Sequence[Mapping[str, Any]]
    seen: Mapping[str, Any]
    #: For each changed option of the first resource, the part of the change; None where AWS cannot change it.
    changed: Sequence[tuple[Mapping[str, Any], str | None]]
    #: What others do to the first resource, and the part of the change that puts it right.
    drift: Sequence[tuple[Callable[[Any], Any], str]]
    #: What others add to the first resource, and how it is told while nobody asks for its removal.
    addition: tuple[Callable[[Any], Any], str] | None
    #: Makes what has the name of the first resource and is not ours.
    foreign: Callable[[Any], Any]
    #: Everything of the kind in the account, by name, as boto3 sees it.
    witness: Callable[[Any], Mapping[str, Any]]
    service: str
    #: The operation that makes one.
    creates: str
    #: What has to be there before.
    prepare: Callable[[AwsServer], Any] = lambda _account: None

    def options(self, resources: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        return {"platform": "demo", "role": "life", "tags": {"team": "data"}, self.option: list(resources), **more}


def _policy(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def _trust(service: str) -> dict[str, Any]:
    return _policy(Action="sts:AssumeRole", Principal={"Service": f"{service}.amazonaws.com"})


def _untag(eks: Any, arn: str) -> None:
    eks.untag_resource(resourceArn=arn, tagKeys=["team"])


def _tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


def _arn(policy: str) -> str:
    return f"arn:aws:iam::aws:policy/{policy}"


def _roles(iam: Any) -> dict[str, Any]:
    found = {}
    for name in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
        role, one = iam.get_role(RoleName=name)["Role"], {"RoleName": name}
        found[name] = {
            "trust": role["AssumeRolePolicyDocument"],
            "path": role["Path"],
            "description": role.get("Description", ""),
            "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "policies": sorted(p["PolicyArn"] for p in iam.list_attached_role_policies(**one)["AttachedPolicies"]),
            "inline": {
                policy: iam.get_role_policy(**one, PolicyName=policy)["PolicyDocument"]
                for policy in iam.list_role_policies(**one)["PolicyNames"]
            },
            "profiles": [
                (profile["InstanceProfileName"], profile["Path"])
                for profile in iam.list_instance_profiles_for_role(**one)["InstanceProfiles"]
            ],
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", ())},
        }
    return found


_NODE = {"RoleName": "demo-node"}
_READ = _policy(Action=["s3:GetObject"], Resource="*")
_ROLE = {
    "name": "demo-node",
    "assume_role_policy": _trust("ec2"),
    "description": "Nodes",
    "policies": ["AmazonEKSWorkerNodePolicy", _arn("AmazonEKS_CNI_Policy")],
    "inline_policies": {"read": _READ},
    "permissions_boundary": "PowerUserAccess",
    "instance_profile": True,
    "path": "/demo/",
    "tags": {"of": "nodes"},
}


def _keys(kms: Any) -> dict[str, Any]:
    """The keys that nobody is about to delete, by their aliases."""
    found = {}
    for alias in kms.list_aliases()["Aliases"]:
        if "TargetKeyId" not in alias or alias["AliasName"].startswith("alias/aws/"):
            continue
        key = {"KeyId": alias["TargetKeyId"]}
        metadata, rotation = kms.describe_key(**key)["KeyMetadata"], kms.get_key_rotation_status(**key)
        if metadata["KeyState"] == "PendingDeletion":
            continue
        found[alias["AliasName"].removeprefix("alias/")] = {
            "id": metadata["KeyId"],
            "description": metadata["Description"],
            "state": metadata["KeyState"],
            "rotation": rotation["KeyRotationEnabled"] and rotation["RotationPeriodInDays"],
            "policy": [
                statement["Sid"]
                for statement in json.loads(kms.get_key_policy(**key, PolicyName="default")["Policy"])["Statement"]
            ],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(**key)["Tags"]},
        }
    return found


def _key(kms: Any) -> str:
    """The id of the first key, whatever has become of its alias."""
    for key in kms.list_keys()["Keys"]:
        tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        if {"TagKey": "Name", "TagValue": "demo-data"} in tags:
            return str(key["KeyId"])
    raise AssertionError("there is no key demo-data")


_DECRYPT = {
    "Sid": "Logs",
    "Effect": "Allow",
    "Action": "kms:Decrypt",
    "Principal": {"Service": "logs.amazonaws.com"},
}
_KEY = {
    "name": "demo-data",
    "description": "Data",
    "rotation_days": 180,
    "policy_statements": [_DECRYPT],
    "tags": {"of": "data"},
}


def _log_groups(logs: Any) -> dict[str, Any]:
    return {
        group["logGroupName"]: {
            "retention": group.get("retentionInDays"),
            "class": group["logGroupClass"],
            "tags": logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"],
        }
        for group in logs.describe_log_groups()["logGroups"]
    }


def _buckets(s3: Any) -> dict[str, Any]:
    return {bucket["Name"]: _bucket(s3, Bucket=bucket["Name"]) for bucket in s3.list_buckets()["Buckets"]}


def _bucket(s3: Any, **one: str) -> dict[str, Any]:
    def ask(operation: str) -> dict[str, Any]:
        """What the bucket has of something; nothing where it has none."""
        with suppress(s3.exceptions.ClientError):
            return dict(getattr(s3, operation)(**one))
        return {}

    blocks = ask("get_public_access_block").get("PublicAccessBlockConfiguration", {})
    policy = json.loads(ask("get_bucket_policy").get("Policy", '{"Statement": []}'))
    return {
        "public": set(blocks.values()) != {True},
        "ownership": ask("get_bucket_ownership_controls")["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "versioning": ask("get_bucket_versioning").get("Status"),
        "policy": [statement["Sid"] for statement in policy["Statement"]],
        "rules": [rule["ID"] for rule in ask("get_bucket_lifecycle_configuration").get("Rules", ())],
        "tags": {tag["Key"]: tag["Value"] for tag in ask("get_bucket_tagging")["TagSet"]},
    }


def _secrets(secretsmanager: Any) -> dict[str, Any]:
    found = {}
    for secret in secretsmanager.list_secrets()["SecretList"]:
        one = {"SecretId": secret["Name"]}
        found[secret["Name"]] = {
            "description": secret.get("Description", ""),
            "value": secretsmanager.get_secret_value(**one)["SecretString"],
            "policy": secretsmanager.get_resource_policy(**one).get("ResourcePolicy"),
            "tags": {tag["Key"]: tag["Value"] for tag in secret["Tags"]},
        }
    return found


def _cluster(account: AwsServer) -> None:
    """The platform's cluster, and two roles that its service accounts may have."""
    account.control("POST", "settings", {"cluster": 0.0, "update": 0.1, "node_group": 0.1})
    make_cluster(account, make_parents(account))
    for name in ("demo-readers", "demo-writers"):
        make_role(account.client("iam"), name, "pods.eks")


def _entries(eks: Any) -> dict[str, Any]:
    """The access entries, but for that of the cluster's creator."""
    found = {}
    for principal in eks.list_access_entries(clusterName="demo")["accessEntries"]:
        if principal.endswith(":user/platform"):
            continue
        entry = eks.describe_access_entry(clusterName="demo", principalArn=principal)["accessEntry"]
        policies = eks.list_associated_access_policies(clusterName="demo", principalArn=principal)
        found[principal] = {
            "type": entry["type"],
            "groups": entry["kubernetesGroups"],
            "policies": [one["policyArn"].rpartition("/")[2] for one in policies["associatedAccessPolicies"]],
            "tags": entry["tags"],
        }
    return found


def _associations(eks: Any) -> dict[str, Any]:
    found = {}
    for one in eks.list_pod_identity_associations(clusterName="demo")["associations"]:
        answer = eks.describe_pod_identity_association(clusterName="demo", associationId=one["associationId"])
        association = answer["association"]
        found[f"{one['namespace']}/{one['serviceAccount']}"] = {
            "role": association["roleArn"].rpartition("/")[2],
            "tags": association["tags"],
        }
    return found


def _association(eks: Any) -> dict[str, str]:
    listed = eks.list_pod_identity_associations(clusterName="demo", serviceAccount="backup")["associations"]
    return {"clusterName": "demo", "associationId": listed[0]["associationId"]}


def _addons(eks: Any) -> dict[str, Any]:
    found = {}
    for name in eks.list_addons(clusterName="demo")["addons"]:
        addon = eks.describe_addon(clusterName="demo", addonName=name)["addon"]
        told = json.loads(addon.get("configurationValues") or "{}")
        found[name] = {"version": addon["addonVersion"], "told": told, "tags": addon["tags"]}
    return found


def _update_addon(eks: Any, **changes: str) -> None:
    """Change an add-on as somebody else would, and wait until EKS is done with it."""
    eks.update_addon(**_CNI, **changes)
    eks.get_waiter("addon_active").wait(**_CNI, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


_CNI = {"clusterName": "demo", "addonName": "vpc-cni"}
_POLICIES = {"enableNetworkPolicy": "true"}
_READERS_ROLE = "arn:aws:iam::123456789012:role/demo-readers"
_WRITERS_ROLE = "arn:aws:iam::123456789012:role/demo-writers"
_ENTRY = {"clusterName": "demo", "principalArn": _READERS_ROLE}
_VIEW = "AmazonEKSViewPolicy"
_BACKUP = {"namespace": "data", "service_account": "backup", "iam_role": "demo-readers", "tags": {"of": "data"}}
_SECRET = {"SecretId": "demo/cache"}
_SECRET_POLICY = _policy(Action="secretsmanager:GetSecretValue", Resource="*", Principal={"AWS": "123456789012"})
_BUCKET = {"Bucket": "demo-backups"}
_READERS = {"Sid": "Readers", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:GetObject"}
_OLD = {"name": "old", "prefix": "daily/", "expire_days": 400, "expire_noncurrent_days": 30, "abort_upload_days": 7}

_GROUP = {"logGroupName": "/aws/eks/demo/cluster"}

DOMAINS = [
    Domain(
        module="aws_iam_roles",
        option="roles",
        resources=[_ROLE, {"name": "demo-cluster", "assume_role_policy": _trust("eks")}],
        seen={
            "demo-node": {
                "trust": _trust("ec2"),
                "path": "/demo/",
                "description": "Nodes",
                "boundary": _arn("PowerUserAccess"),
                "policies": [_arn("AmazonEKSWorkerNodePolicy"), _arn("AmazonEKS_CNI_Policy")],
                "inline": {"read": _READ},
                "profiles": [("demo-node", "/demo/")],
            },
            "demo-cluster": {"trust": _trust("eks"), "path": "/", "description": "", "boundary": None, "policies": []},
        },
        changed=[
            ({"assume_role_policy": _trust("eks")}, "assume role policy"),
            ({"description": "Other nodes"}, "description"),
            ({"permissions_boundary": "ReadOnlyAccess"}, "permissions boundary"),
            ({"permissions_boundary": None}, "permissions boundary"),
            ({"policies": ["AmazonEKSWorkerNodePolicy", "AmazonSSMManagedInstanceCore"]}, "policies"),
            ({"inline_policies": {"read": _policy(Action="s3:*", Resource="*")}}, "inline policies"),
            ({"instance_profile": False}, "instance profile"),
            ({"tags": {"of": "others"}}, "tags"),
            ({"path": "/other/"}, None),
        ],
        drift=[
            (
                lambda iam: iam.update_assume_role_policy(**_NODE, PolicyDocument=json.dumps(_trust("eks"))),
                "assume role policy",
            ),
            (lambda iam: iam.detach_role_policy(**_NODE, PolicyArn=_arn("AmazonEKS_CNI_Policy")), "policies"),
            (lambda iam: iam.delete_role_permissions_boundary(**_NODE), "permissions boundary"),
            (lambda iam: iam.delete_role_policy(**_NODE, PolicyName="read"), "inline policies"),
            (
                lambda iam: iam.remove_role_from_instance_profile(**_NODE, InstanceProfileName="demo-node"),
                "instance profile",
            ),
            (lambda iam: iam.untag_role(**_NODE, TagKeys=["entasis.io/role", "team"]), "tags"),
        ],
        addition=(
            lambda iam: iam.attach_role_policy(**_NODE, PolicyArn=_arn("AmazonSSMManagedInstanceCore")),
            f"iam_role/demo-node policies: {_arn('AmazonSSMManagedInstanceCore')}",
        ),
        foreign=lambda iam: iam.create_role(**_NODE, AssumeRolePolicyDocument=json.dumps(_trust("ec2"))),
        witness=_roles,
        service="iam",
        creates="CreateRole",
    ),
    Domain(
        module="aws_kms_keys",
        option="keys",
        resources=[_KEY, {"name": "demo-logs"}],
        seen={
            "demo-data": {"description": "Data", "rotation": 180, "policy": ["Account", "Logs"], "state": "Enabled"},
            "demo-logs": {"description": "", "rotation": 365, "policy": ["Account"], "state": "Enabled"},
        },
        changed=[
            ({"description": "Other data"}, "description"),
            ({"rotation_days": 0}, "rotation days"),
            ({"rotation_days": 90}, "rotation days"),
            ({"policy_statements": []}, "policy"),
            ({"tags": {"of": "others"}}, "tags"),
            ({"multi_region": True}, None),
        ],
        drift=[
            (lambda kms: kms.disable_key(KeyId=_key(kms)), "enabled"),
            (lambda kms: kms.delete_alias(AliasName="alias/demo-data"), "alias"),
            (lambda kms: kms.disable_key_rotation(KeyId=_key(kms)), "rotation days"),
            (lambda kms: kms.untag_resource(KeyId=_key(kms), TagKeys=["team"]), "tags"),
        ],
        addition=None,
        foreign=lambda kms: kms.create_alias(
            AliasName="alias/demo-data", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"]
        ),
        witness=_keys,
        service="kms",
        creates="CreateKey",
    ),
    Domain(
        module="aws_log_groups",
        option="log_groups",
        resources=[
            {"name": "/aws/eks/demo/cluster", "retention_days": 30, "tags": {"of": "cluster"}},
            {"name": "/demo/flow", "retention_days": 0, "log_class": "INFREQUENT_ACCESS"},
        ],
        seen={
            "/aws/eks/demo/cluster": {"retention": 30, "class": "STANDARD"},
            "/demo/flow": {"retention": None, "class": "INFREQUENT_ACCESS"},
        },
        changed=[
            ({"retention_days": 365}, "retention days"),
            ({"retention_days": 0}, "retention days"),
            ({"tags": {"of": "others"}}, "tags"),
            ({"log_class": "INFREQUENT_ACCESS"}, None),
        ],
        drift=[
            (lambda logs: logs.delete_retention_policy(**_GROUP), "retention days"),
            (lambda logs: logs.untag_log_group(**_GROUP, tags=["team"]), "tags"),
        ],
        addition=None,
        foreign=lambda logs: logs.create_log_group(**_GROUP),
        witness=_log_groups,
        service="logs",
        creates="CreateLogGroup",
    ),
    Domain(
        module="aws_s3_buckets",
        option="buckets",
        resources=[
            {"name": "demo-backups", "policy_statements": [_READERS], "lifecycle": [_OLD], "tags": {"of": "backups"}},
            {"name": "demo-logs", "versioning": False},
        ],
        seen={
            "demo-backups": {
                "public": False,
                "ownership": "BucketOwnerEnforced",
                "versioning": "Enabled",
                "policy": ["DenyWithoutTLS", "Readers"],
                "rules": ["old"],
            },
            "demo-logs": {"public": False, "versioning": None, "policy": ["DenyWithoutTLS"], "rules": []},
        },
        changed=[
            ({"versioning": False}, "versioning"),
            ({"policy_statements": []}, "policy"),
            ({"lifecycle": []}, "lifecycle"),
            ({"lifecycle": [{**_OLD, "transition_days": 30, "storage_class": "GLACIER_IR"}]}, "lifecycle"),
            ({"tags": {"of": "others"}}, "tags"),
            ({"object_lock": {}}, None),
        ],
        drift=[
            (lambda s3: s3.delete_public_access_block(**_BUCKET), "public access blocked"),
            (lambda s3: s3.delete_bucket_policy(**_BUCKET), "policy"),
            (lambda s3: s3.delete_bucket_lifecycle(**_BUCKET), "lifecycle"),
            (
                lambda s3: s3.put_bucket_tagging(**_BUCKET, Tagging={"TagSet": [_tag("entasis.io/platform", "demo")]}),
                "tags",
            ),
        ],
        addition=None,
        foreign=lambda s3: s3.create_bucket(
            **_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name, "Tags": [_tag("of", "x")]},
            ObjectOwnership="BucketOwnerEnforced",
        ),
        witness=_buckets,
        service="s3",
        creates="CreateBucket",
    ),
    Domain(
        module="aws_secrets",
        option="secrets",
        resources=[
            {"name": "demo/cache", "description": "Cache", "policy": _SECRET_POLICY, "tags": {"of": "cache"}},
            {"name": "demo/database"},
        ],
        seen={"demo/cache": {"description": "Cache"}, "demo/database": {"description": "", "policy": None}},
        changed=[
            ({"description": "Other"}, "description"),
            ({"policy": {}}, "policy"),
            ({"tags": {"of": "others"}}, "tags"),
        ],
        drift=[
            (lambda secrets: secrets.update_secret(**_SECRET, Description="Theirs"), "description"),
            (lambda secrets: secrets.delete_resource_policy(**_SECRET), "policy"),
            (lambda secrets: secrets.untag_resource(**_SECRET, TagKeys=["team"]), "tags"),
        ],
        addition=None,
        foreign=lambda secrets: secrets.create_secret(
            Name="demo/cache", SecretString="theirs", Tags=[{"Key": "of", "Value": "others"}]
        ),
        witness=_secrets,
        service="secretsmanager",
        creates="CreateSecret",
    ),
    Domain(
        module="eks_access_entries",
        option="entries",
        resources=[
            {
                "name": _READERS_ROLE,
                "groups": ["readers"],
                "policies": [{"policy": _VIEW}],
                "adopt": False,
                "tags": {"of": "readers"},
            },
            {"name": _WRITERS_ROLE, "type": "EC2_LINUX"},
        ],
        seen={
            _READERS_ROLE: {"type": "STANDARD", "groups": ["readers"], "policies": [_VIEW]},
            _WRITERS_ROLE: {"type": "EC2_LINUX", "groups": ["system:nodes"], "policies": []},
        },
        changed=[
            ({"groups": []}, "groups"),
            ({"policies": []}, "policies"),
            ({"policies": [{"policy": _VIEW, "namespaces": ["data"]}]}, "policies"),
            ({"tags": {"of": "others"}}, "tags"),
            ({"type": "EC2_LINUX", "groups": [], "policies": []}, None),
        ],
        drift=[
            (lambda eks: eks.update_access_entry(**_ENTRY, kubernetesGroups=[]), "groups"),
            (
                lambda eks: eks.disassociate_access_policy(
                    **_ENTRY, policyArn=f"arn:aws:eks::aws:cluster-access-policy/{_VIEW}"
                ),
                "policies",
            ),
            (lambda eks: _untag(eks, eks.describe_access_entry(**_ENTRY)["accessEntry"]["accessEntryArn"]), "tags"),
        ],
        addition=None,
        foreign=lambda eks: eks.create_access_entry(**_ENTRY),
        witness=_entries,
        service="eks",
        creates="CreateAccessEntry",
        prepare=_cluster,
    ),
    Domain(
        module="eks_pod_identities",
        option="associations",
        resources=[_BACKUP, {"namespace": "logs", "service_account": "shipper", "iam_role": "demo-writers"}],
        seen={"data/backup": {"role": "demo-readers"}, "logs/shipper": {"role": "demo-writers"}},
        changed=[({"iam_role": "demo-writers"}, "iam role"), ({"tags": {"of": "others"}}, "tags")],
        drift=[
            (
                lambda eks: eks.update_pod_identity_association(**_association(eks), roleArn=_WRITERS_ROLE),
                "iam role",
            ),
            (
                lambda eks: _untag(
                    eks, eks.describe_pod_identity_association(**_association(eks))["association"]["associationArn"]
                ),
                "tags",
            ),
        ],
        addition=None,
        foreign=lambda eks: eks.create_pod_identity_association(
            clusterName="demo", namespace="data", serviceAccount="backup", roleArn=_READERS_ROLE
        ),
        witness=_associations,
        service="eks",
        creates="CreatePodIdentityAssociation",
        prepare=_cluster,
    ),
    Domain(
        module="eks_addons",
        option="addons",
        resources=[
            {"name": "vpc-cni", "version": "newest", "configuration": _POLICIES, "adopt": False, "tags": {"of": "net"}},
            {"name": "coredns"},
        ],
        seen={
            "vpc-cni": {"version": "v1.22.1-eksbuild.1", "told": _POLICIES},
            "coredns": {"version": "v1.13.2-eksbuild.1", "told": {}},
        },
        changed=[
            ({"version": "default"}, "version and configuration"),
            ({"version": "v1.21.3-eksbuild.2", "configuration": {}}, "version and configuration"),
            ({"configuration": {}}, "version and configuration"),
            ({"tags": {"of": "others"}}, "tags"),
        ],
        drift=[
            (lambda eks: _update_addon(eks, addonVersion="v1.21.3-eksbuild.2"), "version and configuration"),
            (lambda eks: _update_addon(eks, configurationValues="{}"), "version and configuration"),
            (lambda eks: _untag(eks, eks.describe_addon(**_CNI)["addon"]["addonArn"]), "tags"),
        ],
        addition=None,
        foreign=lambda eks: (eks.create_addon(**_CNI), eks.get_waiter("addon_active").wait(**_CNI)),
        witness=_addons,
        service="eks",
        creates="CreateAddon",
        prepare=_cluster,
    ),
]


@pytest.fixture(params=DOMAINS, ids=lambda domain: domain.module)
def domain(request: pytest.FixtureRequest) -> Domain:
    found: Domain = request.param
    return found


@pytest.fixture
def client(domain: Domain, account: AwsServer) -> Any:
    domain.prepare(account)
    return account.client(domain.service)


def test_life(domain: Domain, modules: Modules, client: Any) -> None:
    first, second = domain.resources
    names = list(domain.seen)
    made = modules.quartet(domain.module, **domain.options(domain.resources))
    assert made.changes == [("create", name) for name in names]
    live = domain.witness(client)
    assert {name: {key: live[name][key] for key in seen} for name, seen in domain.seen.items()} == domain.seen
    assert all(live[name]["tags"].items() >= {**MARKS, "Name": name, "team": "data"}.items() for name in names)

    for changed, part in domain.changed:
        options = domain.options([{**first, **changed}, second], purge=True)
        if part is None:
            refused = modules.run(domain.module, **options)
            assert "and AWS cannot make it" in refused.message
        else:
            done = modules.run(domain.module, **options)
            assert done.changes == [("update", f"{names[0]} {part}")], done.message
            assert not modules.run(domain.module, check=True, **options).changed
            modules.run(domain.module, **domain.options(domain.resources, purge=True))
    assert domain.witness(client) == live

    for drift, part in domain.drift:
        drift(client)
        mended = modules.run(domain.module, **domain.options(domain.resources))
        assert mended.changes == [("update", f"{names[0]} {part}")], mended.message
        assert domain.witness(client) == live

    additions = []
    if domain.addition:
        add, told = domain.addition
        add(client)
        additions = [told]
        kept = modules.run(domain.module, **domain.options(domain.resources))
        assert (kept.changes, kept.result["unlisted"]) == ([], additions)
    less = modules.run(domain.module, **domain.options([first]))
    assert less.changes == []
    *told_again, left = less.result["unlisted"]
    assert told_again == additions
    assert left.startswith(f"{made.result['changes'][0]['kind']}/{names[1]} (")
    others = modules.run(domain.module, **{**domain.options([]), "role": "other", "purge": True})
    assert (others.changes, others.result["unlisted"]) == ([], [])
    purged = modules.quartet(domain.module, **domain.options([first], purge=True))
    assert ("delete", names[1]) in purged.changes
    assert domain.witness(client) == {names[0]: live[names[0]]}
    gone = modules.quartet(domain.module, **_OWNER, state="absent")
    assert gone.changes == [("delete", names[0])]
    assert domain.witness(client) == {}


def test_what_is_not_ours_is_left_alone(domain: Domain, modules: Modules, client: Any) -> None:
    domain.foreign(client)
    before = domain.witness(client)
    for check in (True, False):
        refused = modules.run(domain.module, check=check, **domain.options(domain.resources))
        assert "exists and is not ours: it is left alone" in refused.message
    assert not modules.run(domain.module, **_OWNER, state="absent").changed
    assert domain.witness(client) == before


def test_a_lost_answer_of_a_creation_leaves_nothing_twice(domain: Domain, modules: Modules, account: AwsServer) -> None:
    domain.prepare(account)
    fault = {"service": domain.service, "operation": domain.creates, "kind": "lost_answer", "count": 1}
    account.control("POST", "faults", fault)
    made = modules.run(domain.module, **domain.options(domain.resources))
    assert not made.failed, made.message
    assert not modules.run(domain.module, **domain.options(domain.resources)).changed


@pytest.mark.parametrize(
    ("module", "option", "wanted", "operation", "code", "make"),
    [
        ("aws_kms_keys", "keys", _KEY, "ListResourceTags", "AccessDeniedException", lambda kms: kms.create_key()),
        (
            "aws_s3_buckets",
            "buckets",
            {"name": "demo-dumps"},
            "GetBucketTagging",
            "AccessDenied",
            lambda s3: s3.create_bucket(
                Bucket="demo-theirs", CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name}
            ),
        ),
    ],
)
def test_what_may_not_be_looked_at_is_not_ours_unless_it_is_wanted(
    module: str,
    option: str,
    wanted: Mapping[str, Any],
    operation: str,
    code: str,
    make: Callable[[Any], Any],
    modules: Modules,
    account: AwsServer,
) -> None:
    service = "kms" if module == "aws_kms_keys" else "s3"
    mine, none = {**_OWNER, option: [wanted]}, {**_OWNER, option: []}
    make(account.client(service))
    modules.run(module, **mine)
    fault = {"service": service, "operation": operation, "kind": "error", "code": code, "message": "no", "status": 400}
    account.control("POST", "faults", fault)
    refused = modules.run(module, **mine)
    assert f"{operation} answered {code}" in refused.message
    others = modules.run(module, **none, purge=True)
    assert not others.failed, others.message
    assert others.changes == []


def test_a_key_that_waits_for_its_deletion_is_kept_when_it_is_wanted_again(
    modules: Modules, account: AwsServer
) -> None:
    kms, options = account.client("kms"), {**_OWNER, "keys": [_KEY]}
    modules.run("aws_kms_keys", **options)
    key = _key(kms)
    modules.run("aws_kms_keys", **_OWNER, state="absent", deletion_window_days=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    kept = modules.quartet("aws_kms_keys", **options)
    assert kept.changes == [("update", "demo-data pending deletion"), ("update", "demo-data enabled")]
    assert _keys(kms)["demo-data"]["id"] == key


def test_a_log_group_has_the_key_that_it_is_given(modules: Modules, account: AwsServer) -> None:
    def group(**options: Any) -> dict[str, Any]:
        return {**_OWNER, "log_groups": [{"name": "/demo/flow", **options}]}

    def key() -> str | None:
        (found,) = account.client("logs").describe_log_groups()["logGroups"]
        return found.get("kmsKeyId")

    assert not modules.run("aws_log_groups", check=True, **group(kms_key="alias/demo-data")).failed
    missing = modules.run("aws_log_groups", **group(kms_key="alias/demo-data"))
    assert "KMS key 'alias/demo-data' does not exist" in missing.message
    made = modules.run("aws_kms_keys", **_OWNER, keys=[_KEY])
    modules.quartet("aws_log_groups", **group(kms_key="alias/demo-data"))
    assert key() == made.result["ids"]["demo-data"]
    assert modules.quartet("aws_log_groups", **group()).changes == [("update", "/demo/flow kms key")]
    assert key() is None
    assert modules.quartet("aws_log_groups", **group(kms_key="alias/demo-data")).changed


def test_a_log_group_that_a_service_made_is_adopted_when_asked(modules: Modules, account: AwsServer) -> None:
    account.client("logs").create_log_group(**_GROUP)
    group = {"name": _GROUP["logGroupName"], "adopt": True}
    adopted = modules.quartet("aws_log_groups", **_OWNER, log_groups=[group])
    assert adopted.changes == [("update", f"{group['name']} retention days"), ("update", f"{group['name']} tags")]


def test_a_bucket_is_named_after_its_account_and_goes_with_its_objects_only_when_told(
    modules: Modules, account: AwsServer
) -> None:
    s3 = account.client("s3")
    name, full = "demo-dumps-{account}-{region}", f"demo-dumps-123456789012-{s3.meta.region_name}"
    lock = {"mode": "GOVERNANCE", "days": 30}
    made = modules.run("aws_kms_keys", **_OWNER, keys=[_KEY])
    bucket = {"name": name, "kms_key": "alias/demo-data", "object_lock": lock}
    assert not modules.quartet("aws_s3_buckets", **_OWNER, buckets=[bucket]).failed
    rule = s3.get_bucket_encryption(Bucket=full)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == made.result["ids"]["demo-data"]
    retention = s3.get_object_lock_configuration(Bucket=full)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 30)

    s3.put_object(Bucket=full, Key="dump", Body=b"1")
    s3.put_object(Bucket=full, Key="dump", Body=b"2")
    for check in (True, False):
        refused = modules.run("aws_s3_buckets", check=check, **_OWNER, state="absent")
        assert f"bucket {full} has objects and would be removed with them" in refused.message
    assert len(s3.list_object_versions(Bucket=full)["Versions"]) == 2


def test_a_named_bucket_goes_with_all_its_versions(modules: Modules, account: AwsServer) -> None:
    s3 = account.client("s3")
    modules.run("aws_s3_buckets", **_OWNER, buckets=[{"name": "demo-dumps"}])
    for body in (b"1", b"2"):
        s3.put_object(Bucket="demo-dumps", Key="dump", Body=body)
    s3.delete_object(Bucket="demo-dumps", Key="dump")
    gone = modules.quartet("aws_s3_buckets", **_OWNER, state="absent", delete_objects=["demo-dumps"])
    assert gone.changes == [("delete", "demo-dumps")]
    assert s3.list_buckets()["Buckets"] == []


def test_a_secret_has_a_value_of_its_own_that_no_run_tells(modules: Modules, account: AwsServer) -> None:
    client = account.client("secretsmanager")

    def secret(**options: Any) -> dict[str, Any]:
        return {**_OWNER, "secrets": [{"name": "demo/cache", "content": {"username": "demo"}, **options}]}

    def value() -> dict[str, str]:
        return dict(json.loads(client.get_secret_value(SecretId="demo/cache")["SecretString"]))

    runs = [modules.quartet("aws_secrets", **secret())]
    first = value()
    assert (first["username"], len(first["password"]), first["password"].isalnum()) == ("demo", 32, True)
    runs.append(modules.quartet("aws_secrets", **secret(generation=2)))
    assert runs[-1].changes == [("update", "demo/cache generation")]
    second = value()
    assert second["password"] != first["password"]
    previous = client.get_secret_value(SecretId="demo/cache", VersionStage="AWSPREVIOUS")["SecretString"]
    assert json.loads(previous) == first

    runs.append(modules.run("aws_secrets", **_OWNER, state="absent"))
    assert client.list_secrets()["SecretList"] == []
    runs.append(modules.quartet("aws_secrets", **secret(generation=2)))
    assert runs[-1].changes == [("update", "demo/cache pending deletion")]
    assert value() == second
    said = json.dumps([run.result for run in runs])
    assert first["password"] not in said
    assert second["password"] not in said
