# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a spec means: its defaults, what is derived, and that no input does anything but parse or be refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import SpecError
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform, parse_platform
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.borders import BORDERS, LONGEST

MINIMAL: dict[str, Any] = {"name": "entasis", "region": "ap-northeast-2"}
POOL = {"name": "general", "instance_type": "c5.2xlarge", "min_size": 1, "max_size": 3}


def _parse(**keys: Any) -> Platform:
    return parse_platform({**MINIMAL, **keys})


def test_name_and_region_are_enough() -> None:
    platform = parse_platform(MINIMAL)
    assert platform.kubeconfig == "~/.kube/entasis.config"
    assert platform.network.zones == ("ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c")
    assert [pool.name for pool in platform.node_pools] == ["general", "ai-inference", "data-processing"]
    assert [service.name for service in platform.services] == ["trading-api"]


def test_null_is_as_good_as_absent() -> None:
    assert _parse(network=None, node_pools=None, eks_cluster={"version": None}) == parse_platform(MINIMAL)


def test_a_pool_with_gpus_gets_its_ami_taint_label_and_disk() -> None:
    general, gpu, _data = parse_platform(MINIMAL).node_pools
    assert (gpu.ami_type, gpu.gpus, gpu.disk_size) == ("AL2023_x86_64_NVIDIA", 1, 100)
    assert [dataclasses.astuple(taint) for taint in gpu.taints] == [("nvidia.com/gpu", "true", "NoSchedule")]
    assert gpu.labels == {"role": "ai-inference", "nvidia.com/gpu.present": "true"}
    assert (general.ami_type, general.gpus, general.disk_size) == ("AL2023_x86_64_STANDARD", 0, 50)
    assert general.taints == ()
    assert general.labels == {"role": "general"}


def test_taints_of_ones_own_replace_the_gpu_taint() -> None:
    taints = [{"key": "dedicated", "value": "inference", "effect": "NoExecute"}]
    [gpu] = _parse(node_pools=[{**POOL, "instance_type": "g5.xlarge", "taints": taints}], services=[]).node_pools
    assert [taint.key for taint in gpu.taints] == ["dedicated"]
    [open_to_all] = _parse(node_pools=[{**POOL, "instance_type": "g5.xlarge", "taints": []}]).node_pools
    assert open_to_all.taints == ()


@pytest.mark.parametrize(
    ("instance_type", "ami_type"),
    [
        ("c5.2xlarge", "AL2023_x86_64_STANDARD"),
        ("m7g.large", "AL2023_ARM_64_STANDARD"),
        ("g6.xlarge", "AL2023_x86_64_NVIDIA"),
        ("g5g.xlarge", "AL2023_ARM_64_NVIDIA"),
    ],
)
def test_the_ami_type_follows_the_instance_type(instance_type: str, ami_type: str) -> None:
    [pool] = _parse(node_pools=[{**POOL, "instance_type": instance_type}], services=[]).node_pools
    assert pool.ami_type == ami_type


def test_pools_use_all_private_subnets_or_those_they_choose() -> None:
    everywhere, zoned, named = _parse(
        node_pools=[
            POOL,
            {**POOL, "name": "zoned", "zones": ["ap-northeast-2b"]},
            {**POOL, "name": "named", "subnets": ["entasis-private-c"]},
        ]
    ).node_pools
    assert everywhere.subnets == ("entasis-private-a", "entasis-private-b", "entasis-private-c")
    assert zoned.subnets == ("entasis-private-b",)
    assert named.subnets == ("entasis-private-c",)


def test_subnets_of_ones_own() -> None:
    network = _parse(
        network={
            "nat_gateways": "single",
            "subnets": [
                {"cidr": "10.0.0.0/20", "zone": "ap-northeast-2a"},
                {"cidr": "10.0.16.0/20", "zone": "ap-northeast-2c", "name": "workers"},
                {"cidr": "10.0.32.0/24", "zone": "ap-northeast-2a", "public": True},
            ],
        }
    ).network
    assert [subnet.name for subnet in network.subnets] == ["entasis-private-a", "workers", "entasis-public-a"]
    assert network.zones == ("ap-northeast-2a", "ap-northeast-2c")


@pytest.mark.parametrize("region", ["xx-new-1", "eusc-de-east-1", "us-iso-east-1", "us-east-1", "eu-west-2"])
def test_zones_are_the_accounts_own(region: str) -> None:
    """Of a region that is new, of other partitions, without a default, with a zone that only some accounts have."""
    zones = [f"{region}a", f"{region}d"]
    assert parse_platform({"name": "p", "region": region, "network": {"zones": zones}}).network.zones == tuple(zones)


def _rules(inbound: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    [group] = _parse(security_groups={"a": {"inbound": inbound}}).security_groups
    return [(rule.protocol, rule.ports, [(peer.kind, peer.name) for peer in rule.peers]) for rule in group.inbound]


def test_the_forms_of_a_rule() -> None:
    assert _rules(
        [
            {"port": 443, "source": ["0.0.0.0/0", "::/0"]},
            {"port": "8000-8100", "source": "a_sg"},
            {"port": "all", "protocol": "udp", "source": "pl-0123456789abcdef0"},
            {"protocol": "icmp", "source": "10.0.0.0/8"},
            {"protocol": "all", "source": "com.amazonaws.global.cloudfront.origin-facing"},
        ]
    ) == [
        ("tcp", (443, 443), [("cidr_ipv4", "0.0.0.0/0"), ("cidr_ipv6", "::/0")]),
        ("tcp", (8000, 8100), [("group", "a")]),
        ("udp", None, [("prefix_list", "pl-0123456789abcdef0")]),
        ("icmp", None, [("cidr_ipv4", "10.0.0.0/8")]),
        ("-1", None, [("prefix_list", "com.amazonaws.global.cloudfront.origin-facing")]),
    ]


def test_outbound_is_everything_unless_it_is_written() -> None:
    default, none, some = _parse(
        security_groups={
            "default": {},
            "none": {"outbound": []},
            "some": {"outbound": [{"port": 443, "destination": "none_sg"}]},
        }
    ).security_groups
    assert [(rule.protocol, [peer.name for peer in rule.peers]) for rule in default.outbound] == [("-1", ["0.0.0.0/0"])]
    assert none.outbound == ()
    assert [(rule.ports, [peer.name for peer in rule.peers]) for rule in some.outbound] == [((443, 443), ["none"])]


def test_monitoring_is_added_only_where_a_rule_refers_to_it_and_nothing_defines_it() -> None:
    rule = {"port": 9000, "source": "monitoring_sg"}
    added = _parse(security_groups={"application": {"inbound": [rule]}})
    assert [group.name for group in added.security_groups] == ["application", "monitoring"]
    assert [notice for notice in added.notices if "monitoring" in notice]

    own = _parse(security_groups={"application": {"inbound": [rule]}, "monitoring": {"description": "mine"}})
    assert [group.description for group in own.security_groups if group.name == "monitoring"] == ["mine"]
    assert not [notice for notice in own.notices if "monitoring" in notice]

    unused = _parse(security_groups={"application": {}})
    assert [group.name for group in unused.security_groups] == ["application"]
    assert not [notice for notice in unused.notices if "monitoring" in notice]


def test_the_networks_of_the_private_endpoint_get_a_group_of_the_control_plane() -> None:
    cluster = {"private_access_cidrs": ["10.8.0.0/16", "10.9.0.0/16"], "security_groups": ["application"]}
    platform = _parse(eks_cluster=cluster)
    assert platform.eks_cluster.security_groups == ("application", "control-plane")
    *_others, group = platform.security_groups
    (rule,) = group.inbound
    assert (group.name, rule.protocol, rule.ports) == ("control-plane", "tcp", (443, 443))
    assert [peer.name for peer in rule.peers] == ["10.8.0.0/16", "10.9.0.0/16"]


@pytest.mark.parametrize(
    ("keys", "notice"),
    [
        ({}, None),
        ({"network": {"nat_gateways": "none"}}, "network.nat_gateways is none: "),
        ({"eks_cluster": {}}, "eks_cluster.public_access_cidrs is everybody: "),
        ({"eks_cluster": {"endpoint_public_access": False}}, "eks_cluster has no public endpoint, "),
        ({"eks_cluster": {"endpoint_public_access": False, "private_access_cidrs": ["10.8.0.0/16"]}}, None),
    ],
)
def test_notices_of_what_a_person_should_know(keys: dict[str, Any], notice: str | None) -> None:
    quiet = {"security_groups": {}, "eks_cluster": {"public_access_cidrs": ["203.0.113.0/24"]}}
    found = _parse(**{**quiet, **keys}).notices
    assert len(found) == (notice is not None)
    assert all(text.startswith(notice or "") for text in found)


def _service(**keys: Any) -> dict[str, Any]:
    return {"services": [{"name": "api", "image": "api:1", **keys}]}


@pytest.mark.parametrize(
    "keys",
    [
        *BORDERS.values(),
        *(
            _service(resources={"requests": {"memory": amount}})
            for amount in ("128974848000m", "129e6", "1E9", "+129M")
        ),
        *(
            _service(resources={"limits": {"cpu": amount}})
            for amount in ("1e-1", "100000u", "2.", ".5", "100000000n", 0)
        ),
        _service(resources={"requests": {"nvidia.com/gpu": "1.0"}, "limits": {"nvidia.com/gpu": 1}}),
        _service(resources={"limits": {"memory": "1Gi", "hugepages-2Mi": "4Mi", "example.com/e": "1E"}}),
        {"helm_releases": [{"name": "1.x", "namespace": "2x", "chart": "oci://x/y", "version": "1"}]},
        {"timescaledb": {"namespace": "1", "secret": "1.timescaledb.app"}},
        {"eks_cluster": {"endpoint_private_access": False}},
        {"account": "012345678901"},
        {"name": "sgs"},
    ],
)
def test_what_aws_and_kubernetes_take_is_taken(keys: dict[str, Any]) -> None:
    _parse(**keys)


def test_a_service_goes_to_the_general_pool_where_there_is_one() -> None:
    service = {"name": "api", "image": "api:1"}
    assert _parse(services=[service]).services[0].node_selector == {"role": "general"}
    assert _parse(services=[service], node_pools=[POOL]).services[0].node_selector == {}


def test_a_service_may_call_the_databases_of_its_own_vpc() -> None:
    service = {"name": "api", "image": "api:1", "network_policy": {}}
    policy = _parse(network={"cidr": "10.9.0.0/16"}, services=[service]).services[0].network_policy
    assert policy is not None
    assert policy.name == "api-network-policy"
    assert [(egress.cidr, egress.ports) for egress in policy.egress] == [("10.9.0.0/16", (5432, 6379))]


class _Text(str):
    """As Ansible's tagged texts: a subclass of str."""


class _Lazy(Mapping[str, Any]):
    """As Ansible's containers: a mapping that is no dict, whose values come when they are asked for."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def __getitem__(self, key: str) -> Any:
        value = self._data[key]
        return _Lazy(value) if isinstance(value, dict) else _Text(value) if isinstance(value, str) else value

    def __iter__(self) -> Iterator[str]:
        return iter(map(_Text, self._data))

    def __len__(self) -> int:
        return len(self._data)


def _types(node: Any) -> Iterator[type]:
    if dataclasses.is_dataclass(node):
        for entry in dataclasses.fields(node):
            yield from _types(getattr(node, entry.name))
    elif isinstance(node, (list, tuple)):
        for item in node:
            yield from _types(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            yield type(key)
            yield from _types(item)
    else:
        yield type(node)


def test_what_ansible_wraps_comes_out_plain() -> None:
    spec = {
        **MINIMAL,
        "tags": {"team": "platform"},
        "node_pools": [{**POOL, "labels": {"role": "general"}}],
        "helm_releases": [{"name": "metrics-server", "values": {"args": ["--v=2"], "nested": {"key": "value"}}}],
        "alertmanager": {"config": {"route": {"receiver": "slack"}}},
    }
    wrapped = parse_platform(_Lazy(spec))
    assert wrapped == parse_platform(spec)
    assert set(_types(wrapped)) <= {str, int, bool, type(None)}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=20,
)
_KEYS = st.sampled_from([field.name for field in dataclasses.fields(Platform)])


def _refused_or_parsed(spec: Any) -> None:
    try:
        parsed: Platform | tuple[str, ...] = parse_platform(spec)
    except SpecError as error:
        parsed = error.problems
    assert isinstance(parsed, Platform) or parsed


@settings(deadline=None)
@given(_JSON)
def test_any_data_is_refused_or_parsed(data: Any) -> None:
    _refused_or_parsed(data)


@settings(deadline=None)
@given(st.dictionaries(_KEYS, _JSON))
def test_any_data_under_the_specs_own_keys_is_refused_or_parsed(data: Any) -> None:
    _refused_or_parsed({**MINIMAL, **data})


FULL: dict[str, Any] = {
    **MINIMAL,
    **BORDERS["the least"],
    **LONGEST,
    "node_pools": [{**LONGEST["node_pools"][0], "zones": ["ap-northeast-2a"], "update_strategy": "MINIMAL"}],
    "security_groups": {"web": {"inbound": [{"port": 80, "source": ["0.0.0.0/0", "web_sg"], "protocol": "tcp"}]}},
    "helm_releases": [{"name": "x", "namespace": "x", "chart": "x", "version": "1", "repository": "https://x"}],
}


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _places(value, (*path, key))


def _replaced(node: Any, path: tuple[Any, ...], data: Any) -> Any:
    if not path:
        return data
    changed = dict(node) if isinstance(node, dict) else list(node)
    changed[path[0]] = _replaced(node[path[0]], path[1:], data)
    return changed


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(_places(FULL))), _JSON)
def test_a_spec_with_anything_in_any_one_place_is_refused_or_parsed(path: tuple[Any, ...], data: Any) -> None:
    _refused_or_parsed(_replaced(FULL, path, data))


def test_the_full_spec_of_these_tests_is_a_good_one() -> None:
    parse_platform(FULL)
    assert json.loads(json.dumps(FULL)) == FULL
