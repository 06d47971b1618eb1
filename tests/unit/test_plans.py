# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans: what they hold besides the document's fields, that they are plain data, and how a filter refuses."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.entasis.engine.plugins.filter.plan import PLANS, plan
from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import desired

PROJECT = Path(__file__).resolve().parents[2]
MINIMAL: dict[str, Any] = {"name": "entasis", "region": "ap-northeast-2"}
POOL = {"name": "general", "instance_type": "c5.2xlarge", "min_size": 1, "max_size": 3}
GPU_POOL = {"name": "gpu", "instance_type": "g5.12xlarge", "min_size": 1, "max_size": 2}
ENVIRONMENTS = ["sandbox", "staging", "production"]


def _plan(role: str, **keys: Any) -> Any:
    return plan({**MINIMAL, **keys}, role)


def _environment(name: str) -> Any:
    path = PROJECT / "inventories" / name / "group_vars" / "all" / "platform.yml"
    return yaml.safe_load(path.read_text())["entasis_platform"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("role", PLANS)
def test_a_plan_is_plain_data_and_the_same_every_time(role: str, environment: str) -> None:
    spec = _environment(environment)
    before = copy.deepcopy(spec)
    first = plan(spec, role)
    assert json.loads(json.dumps(first)) == first
    assert json.dumps(plan(spec, role)) == json.dumps(first)
    assert spec == before


def test_plans_say_whose_the_platform_is_and_the_first_what_was_left_to_it() -> None:
    first = _plan("vpc", tags={"team": "platform"}, purge=True)
    assert (first["platform"], first["region"], first["tags"], first["purge"]) == (
        "entasis",
        "ap-northeast-2",
        {"team": "platform"},
        True,
    )
    assert [notice for notice in first["notices"] if "monitoring_sg" in notice]


@pytest.mark.parametrize("role", PLANS)
def test_every_plan_refuses_a_spec_that_is_wrong_anywhere(role: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        _plan(role, purge="yes", services=[{"name": "api", "image": "api"}])
    assert str(raised.value) == (
        "The spec has 2 problems:\n"
        "- platform.purge: a text where true or false is expected; write true or false, without quotes\n"
        "- platform.services[0].image: 'api' has no tag, so that it may change under you; write api:<tag>"
    )


@pytest.mark.parametrize("data", [None, "entasis", 3, []])
def test_the_filter_says_what_it_is_to_be_given(data: object) -> None:
    with pytest.raises(AnsibleFilterError, match="give this filter entasis_platform"):
        plan(data, "vpc")


@pytest.mark.parametrize("role", ["vcp", None, ["vpc"]])
def test_the_filter_lists_the_roles_that_have_a_plan(role: Any) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        plan(MINIMAL, role)
    assert str(raised.value) == (
        f"there is no plan for a role {role!r}; the roles are data_stores, eks_cluster, eks_node_pools, "
        "helm_releases, identity, services, vpc"
    )


def test_subnets_carry_the_tags_by_which_load_balancers_find_them() -> None:
    subnets = _plan("vpc")["network"]["subnets"]
    assert [subnet["tags"] for subnet in subnets if subnet["public"]] == [
        {"kubernetes.io/role/elb": "1", "kubernetes.io/cluster/entasis": "shared"}
    ] * 3
    assert [subnet["tags"] for subnet in subnets if not subnet["public"]] == [
        {"kubernetes.io/role/internal-elb": "1", "kubernetes.io/cluster/entasis": "shared"}
    ] * 3


def test_each_peer_of_a_rule_is_a_rule_of_its_own() -> None:
    inbound = [
        {"port": 443, "source": ["0.0.0.0/0", "::/0"], "description": "HTTPS"},
        {"port": "all", "source": "web_sg"},
        {"protocol": "icmp", "source": "10.0.0.0/8"},
        {"protocol": "all", "source": "pl-0123456789abcdef0"},
    ]
    [group] = _plan("vpc", security_groups={"web": {"inbound": inbound}})["security_groups"]
    assert group["inbound"] == [
        {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ipv4": "0.0.0.0/0", "description": "HTTPS"},
        {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ipv6": "::/0", "description": "HTTPS"},
        {"protocol": "tcp", "from_port": 0, "to_port": 65535, "group": "web"},
        {"protocol": "icmp", "from_port": -1, "to_port": -1, "cidr_ipv4": "10.0.0.0/8"},
        {"protocol": "-1", "prefix_list": "pl-0123456789abcdef0"},
    ]
    assert group["outbound"] == [{"protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}]


def test_the_clusters_role_may_be_taken_on_by_eks_alone() -> None:
    iam = {"cluster_policies": ["A"], "node_policies": ["B"], "permissions_boundary": "C", "path": "/x/"}
    role, storage = _plan("eks_cluster", iam=iam)["iam_roles"]
    assert storage["assume_role_policy"]["Statement"][0]["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert role == {
        "name": "entasis-ap-northeast-2-eks-cluster",
        "description": "Control plane of EKS cluster entasis",
        "assume_role_policy": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "eks.amazonaws.com"}},
            ],
        },
        "policies": ["AmazonEKSClusterPolicy", "A"],
        "permissions_boundary": "C",
        "path": "/x/",
    }
    [nodes] = _plan("eks_node_pools", iam=iam)["iam_roles"]
    assert nodes["policies"][2:] == ["AmazonEKS_CNI_Policy", "B"]


def test_addons_come_before_or_after_the_nodes_and_a_written_one_counts_more() -> None:
    written = {
        "vpc-cni": {"version": "newest", "configuration": {"env": {"ENABLE_PREFIX_DELEGATION": "true"}}},
        "aws-ebs-csi-driver": {"enabled": False},
        "metrics-server": {},
    }
    cluster, pools = (_plan(role, eks_cluster={"addons": written}) for role in ("eks_cluster", "eks_node_pools"))
    cni, *before = cluster["addons"]
    assert cni == {
        "name": "vpc-cni",
        "version": "newest",
        "configuration": {"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}},
    }
    assert [one["name"] for one in before] == ["kube-proxy", "eks-pod-identity-agent"]
    after = ["coredns", "snapshot-controller", "eks-node-monitoring-agent", "metrics-server"]
    assert [one["name"] for one in pools["addons"]] == after
    assert (len(cluster["iam_roles"]), cluster["pod_identities"]) == (1, [])
    (association,) = _plan("eks_cluster")["pod_identities"]
    assert association["iam_role"] == "entasis-ap-northeast-2-ebs-csi"


def test_the_longest_name_of_a_role_is_one_that_iam_takes() -> None:
    longest = {"name": "x" * 27, "region": "ap-southeast-1"}
    roles = [role for layer in ("eks_cluster", "eks_node_pools") for role in _plan(layer, **longest)["iam_roles"]]
    assert all(len(role["name"]) <= 64 for role in roles)


def test_a_pool_has_a_desired_size_only_where_the_spec_has_one() -> None:
    pools = [POOL, {**POOL, "name": "sized", "desired_size": 2}]
    planned = _plan("eks_node_pools", node_pools=pools)["node_pools"]
    assert [pool.get("desired_size", "absent") for pool in planned] == ["absent", 2]


def _releases(**keys: Any) -> dict[str, Any]:
    return {release["name"]: release for release in _plan("helm_releases", **keys)["releases"]}


def test_the_device_plugin_is_installed_where_a_pool_has_gpus() -> None:
    assert set(_releases(node_pools=[POOL])) == {"metrics-server"}
    assert set(_releases(node_pools=[POOL, GPU_POOL])) == {"metrics-server", "nvidia-device-plugin"}


def test_the_device_plugin_tolerates_every_taint_of_the_gpu_pools() -> None:
    taints = [{"key": "dedicated", "effect": "NoExecute"}]
    values = _releases(node_pools=[POOL, GPU_POOL, {**GPU_POOL, "name": "other", "taints": taints}])[
        "nvidia-device-plugin"
    ]["values"]
    assert values["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert values["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Equal", "value": "", "effect": "NoExecute"},
    ]


def test_values_of_a_platforms_release_are_merged_and_its_pin_stays() -> None:
    changes = {"name": "metrics-server", "values": {"podDisruptionBudget": {"minAvailable": 2}, "args": ["--v=2"]}}
    release = _releases(helm_releases=[{**changes, "timeout": 60}])["metrics-server"]
    assert release["values"] == {
        "replicas": 2,
        "podDisruptionBudget": {"enabled": True, "minAvailable": 2},
        "args": ["--v=2"],
    }
    assert (release["version"], release["timeout"]) == ("3.13.1", 60)


def test_a_release_of_ones_own_comes_after_the_platforms() -> None:
    own = {"name": "echo", "namespace": "echo", "chart": "oci://registry.example.com/charts/echo", "version": "1.2.3"}
    assert list(_releases(helm_releases=[own])) == ["metrics-server", "nvidia-device-plugin", "echo"]
    assert _releases(helm_releases=[own])["echo"] == {**own, "values": {}, "timeout": 600}


def test_values_for_a_release_that_is_not_installed_are_told_of_with_the_reason() -> None:
    keys = {"node_pools": [POOL], "helm_releases": [{"name": "nvidia-device-plugin", "values": {"a": 1}}]}
    assert list(_releases(**keys)) == ["metrics-server"]
    assert _plan("vpc", **keys)["notices"][-1] == (
        "helm_releases has values for nvidia-device-plugin, which is not installed, because no node pool has GPUs."
    )


def test_what_a_release_needs_is_left_out_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = dataclasses.replace(RELEASES["metrics-server"], needs=("nvidia-device-plugin",))
    monkeypatch.setitem(RELEASES, "metrics-server", needs)
    assert _releases(node_pools=[POOL])["metrics-server"]["needs"] == []
    assert _releases(node_pools=[POOL, GPU_POOL])["metrics-server"]["needs"] == ["nvidia-device-plugin"]


def test_the_gpu_gate_waits_for_the_least_nodes_of_all_gpu_pools() -> None:
    assert _plan("helm_releases", node_pools=[POOL])["gates"] == []
    pools = [POOL, GPU_POOL, {**GPU_POOL, "name": "more", "min_size": 2}]
    assert _plan("helm_releases", node_pools=pools, gpu_readiness={"timeout": 60, "stable_for": 0})["gates"] == [
        {
            "label_selector": "nvidia.com/gpu.present=true",
            "expected_count": 3,
            "device_plugin": {
                "mode": "required",
                "namespace": "nvidia",
                "selectors": ["app.kubernetes.io/name=nvidia-device-plugin"],
            },
            "timeout": 60,
            "stable_for": 0,
        }
    ]


def _objects(**service: Any) -> dict[str, Any]:
    services = [{"name": "api", "image": "api:1", **service}]
    [objects] = _plan("services", services=services)["sets"]
    return {manifest["kind"]: manifest for manifest in objects["objects"]}


def test_a_service_is_a_deployment_and_a_service_in_its_namespace_and_with_replicas_a_budget() -> None:
    assert set(_objects(namespace="shop")) == {"Namespace", "Deployment", "Service"}
    assert set(_objects(namespace="shop", ports={})) == {"Namespace", "Deployment"}
    assert _objects(namespace="shop")["Namespace"]["metadata"]["name"] == "shop"
    assert _objects(namespace="shop")["Deployment"]["metadata"]["namespace"] == "shop"
    assert _objects(replicas=2)["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(("purge", "state"), [(False, "present"), (True, "absent")])
def test_without_services_what_ran_is_removed_only_with_purge(purge: bool, state: str) -> None:
    [objects] = _plan("services", services=[], purge=purge)["sets"]
    assert (objects["objects"], objects["prune"], objects["state"]) == ([], purge, state)


def test_every_namespaced_object_is_labelled_with_its_platform() -> None:
    [objects] = _plan("services")["sets"]
    assert {manifest["metadata"]["labels"]["entasis.io/platform"] for manifest in objects["objects"]} == {"entasis"}


def test_a_network_policy_always_lets_a_service_find_names() -> None:
    rules = _objects(network_policy={"egress": []})["NetworkPolicy"]["spec"]["egress"]
    assert [rule["ports"] for rule in rules] == [[{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]]


def test_the_environment_of_a_service() -> None:
    container = _objects(environment={"LOG_LEVEL": "info"})["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "LOG_LEVEL", "value": "info"}]


def test_the_sandbox_writes_the_documents_blocks_word_for_word() -> None:
    blocks = yaml.safe_load_all((PROJECT / "tests" / "unit" / "fixtures" / "document.txt").read_text())
    document = {key: block[key] for block in blocks for key in ("security_groups", "node_pools") if key in block}
    spec = _environment("sandbox")
    assert {key: spec[key] for key in document} == document


def test_production_is_guarded() -> None:
    planned = plan(_environment("production"), "eks_cluster")
    assert planned["cluster"]["deletion_protection"] is True
    assert planned["cluster"]["endpoint_public_access"] is False
    assert plan(_environment("production"), "vpc")["purge"] is False


def test_a_list_of_ones_own_replaces_the_defaults() -> None:
    assert _plan("data_stores", retention=[])["retention"] == []
    own = {"relation": 'market."Order Book"', "drop_after": 1000, "integer_now_func": "market.now()"}
    assert _plan("data_stores", retention=[own])["retention"] == [{**own, "state": "present"}]


@pytest.mark.parametrize(
    "entry",
    [
        {"drop_after": "P90D", "chunk_time_interval": "1 day", "initial_start": "2026-01-31T03:00:00+09:00"},
        {"drop_created_before": "6 months", "schedule_interval": "12 hours", "timezone": "Asia/Seoul"},
        {"drop_after": "90 days", "state": "paused", "max_runtime": "0 minutes"},
        {"state": "absent"},
    ],
)
def test_the_module_understands_what_the_spec_accepts_and_has_by_default(entry: dict[str, Any]) -> None:
    written = {"relation": "market.trades", **entry}
    [policy] = _plan("data_stores", retention=[written])["retention"]
    assert policy == {"state": "present", **written}
    for understood in ([policy], _plan("data_stores")["retention"]):
        assert desired({"policies": understood}).problems == ()
