# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of every AWS domain, judged by boto3: one row of DOMAINS says all that a domain has of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.modules import Modules

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
    addition: tuple[Callable[[Any], Any], str]
    #: Makes what has the name of the first resource and is not ours.
    foreign: Callable[[Any], Any]
    #: Everything of the kind in the account, by name, as boto3 sees it.
    witness: Callable[[Any], Mapping[str, Any]]
    service: str

    def options(self, resources: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        return {"platform": "demo", "role": "life", "tags": {"team": "data"}, self.option: list(resources), **more}


def _policy(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def _trust(service: str) -> dict[str, Any]:
    return _policy(Action="sts:AssumeRole", Principal={"Service": f"{service}.amazonaws.com"})


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
    ),
]


@pytest.fixture(params=DOMAINS, ids=lambda domain: domain.module)
def domain(request: pytest.FixtureRequest) -> Domain:
    found: Domain = request.param
    return found


@pytest.fixture
def client(domain: Domain, account: AwsServer) -> Any:
    return account.client(domain.service)


def test_life(domain: Domain, modules: Modules, client: Any) -> None:
    first, second = domain.resources
    names = [first["name"], second["name"]]
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

    add, told = domain.addition
    add(client)
    kept = modules.run(domain.module, **domain.options(domain.resources))
    assert (kept.changes, kept.result["unlisted"]) == ([], [told])
    less = modules.run(domain.module, **domain.options([first]))
    assert less.changes == []
    assert less.result["unlisted"][1].startswith(f"{made.result['changes'][0]['kind']}/{names[1]} (")
    others = modules.run(domain.module, **{**domain.options([]), "role": "other", "purge": True})
    assert (others.changes, others.result["unlisted"]) == ([], [])
    purged = modules.quartet(domain.module, **domain.options([first], purge=True))
    assert ("delete", names[1]) in purged.changes
    assert domain.witness(client) == {names[0]: live[names[0]]}
    gone = modules.quartet(domain.module, platform="demo", role="life", state="absent")
    assert gone.changes == [("delete", names[0])]
    assert domain.witness(client) == {}


def test_what_is_not_ours_is_left_alone(domain: Domain, modules: Modules, client: Any) -> None:
    domain.foreign(client)
    before = domain.witness(client)
    for check in (True, False):
        refused = modules.run(domain.module, check=check, **domain.options(domain.resources))
        assert "exists and is not ours: it is left alone" in refused.message
    assert not modules.run(domain.module, platform="demo", role="life", state="absent").changed
    assert domain.witness(client) == before


def test_a_lost_answer_of_a_creation_leaves_nothing_twice(domain: Domain, modules: Modules, account: AwsServer) -> None:
    operation = {"iam": "CreateRole"}[domain.service]
    fault = {"service": domain.service, "operation": operation, "kind": "lost_answer", "count": 1}
    account.control("POST", "faults", fault)
    made = modules.run(domain.module, **domain.options(domain.resources))
    assert not made.failed, made.message
    assert not modules.run(domain.module, **domain.options(domain.resources)).changed
