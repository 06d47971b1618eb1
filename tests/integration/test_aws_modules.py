# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all AWS modules do the same way: keep to the account, and talk to AWS as the user configured it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client

from tests.integration.test_aws_domains import DOMAINS
from tests.support.aws_server import PROJECT, AwsServer
from tests.support.eks import cluster_options, node_pool, pool_options
from tests.support.modules import Modules
from tests.support.network import network_options

MINE = {"platform": "demo", "role": "vpc"}
OPTIONS: dict[str, dict[str, Any]] = {
    **{domain.module: domain.options([]) for domain in DOMAINS},
    "aws_network": network_options(),
    "aws_security_groups": {**MINE, "groups": []},
    "eks_cluster": cluster_options(),
    "eks_kubeconfig": {"cluster": "demo"},
    "eks_node_pools": pool_options(),
}


def test_each_aws_module_is_here() -> None:
    groups = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert groups["aws"] == sorted(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_another_account_is_refused_before_anything_is_read(
    name: str, modules: Modules, account: AwsServer, tmp_path: Path
) -> None:
    given = {**OPTIONS[name], **({"path": str(tmp_path / "config")} if name == "eks_kubeconfig" else {})}
    refused = modules.run(name, check=True, **given, account="999999999999")
    assert refused.message == (
        "the account is to be 999999999999, and the credentials in use belong to "
        "arn:aws:iam::123456789012:user/platform in 123456789012. Nothing was read or changed. Use credentials of the "
        "right account, or mend account"
    )
    assert account.control("GET", "calls")["calls"] == {"sts": {"GetCallerIdentity": 1}}
    assert "the account" not in modules.run(name, check=True, **given, account="123456789012").message


@pytest.mark.parametrize(
    ("name", "wrong", "problems"),
    [
        ("aws_network", {"cidr": "10.20.0.7/16", "subnets": [{"name": "a", "cidr": "10.99.0.0/24", "zone": "x"}]}, 4),
        ("aws_security_groups", {"groups": [{"name": "a", "inbound": [{"from_port": 22}, {"group": "b"}]}]}, 3),
        ("eks_cluster", {"subnets": ["a"], "version": "v1.36", "public_access_cidrs": ["nowhere"]}, 3),
        ("eks_node_pools", {"node_pools": [node_pool(min_size=9), node_pool(), node_pool("x", instance_types=[])]}, 3),
    ],
)
def test_all_mistakes_of_the_options_are_told_at_once_and_nothing_is_called(
    name: str, wrong: dict[str, Any], problems: int, modules: Modules, account: AwsServer
) -> None:
    refused = modules.run(name, **{**OPTIONS[name], **wrong})
    assert refused.failed
    assert len(refused.result["problems"]) == problems, refused.message
    assert account.control("GET", "calls")["total"] == 0


@pytest.mark.parametrize(
    ("written", "timeout", "proxies"),
    [
        ({}, 10, None),
        ({"connect_timeout": 3, "proxies": {"https": "http://proxy:3128"}}, 3, {"https": "http://proxy:3128"}),
    ],
)
def test_what_the_user_configures_counts_and_no_packet_is_waited_for_long(
    written: dict[str, Any], timeout: int, proxies: Any
) -> None:
    with patch_module_args({"region": "ap-northeast-2", "aws_config": written}):
        config = client(AnsibleAWSModule(argument_spec={}), "ec2").meta.config
    assert (config.connect_timeout, config.proxies) == (timeout, proxies)
    assert config.retries["mode"] == "adaptive"
