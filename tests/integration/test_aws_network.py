# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is aws_network's and aws_security_groups' own, beside the life that test_aws_life.py shows."""

from __future__ import annotations

import importlib
from typing import Any

import yaml

from tests.support.aws_server import AwsServer
from tests.support.modules import Modules, Outcome, finish
from tests.support.network import network_options, picture
from tests.support.security_groups import group_picture
from tests.support.waiting import wait_until


def test_a_nat_gateway_that_somebody_deletes_while_it_comes_up_is_told_at_once(
    modules: Modules, account: AwsServer, ec2: Any
) -> None:
    account.control("POST", "settings", {"nat_gateway": 5.0})
    process = modules.start("aws_network", **network_options(nat_gateways="single"))
    wait_until(lambda: bool(ec2.describe_nat_gateways()["NatGateways"]))
    account.control("POST", "settings", {"nat_gateway": 0.1})
    [gateway] = ec2.describe_nat_gateways()["NatGateways"]
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    outcome = Outcome(finish(process).result)
    assert f"NAT gateway {gateway['NatGatewayId']} was deleted by somebody else" in outcome.message
    assert not modules.run("aws_network", **network_options(nat_gateways="single")).failed


def test_the_examples_of_the_network_modules_run(modules: Modules, ec2: Any) -> None:
    """In the order in which a user would: networks, groups, and then both removed."""

    def examples(module: str) -> list[tuple[str, dict[str, Any]]]:
        imported = importlib.import_module(f"ansible_collections.entasis.engine.plugins.modules.{module}")
        return [(module, task[f"entasis.engine.{module}"]) for task in yaml.safe_load(imported.EXAMPLES)]

    *networks, no_network = examples("aws_network")
    *groups, no_groups = examples("aws_security_groups")
    for module, options in [*networks, *groups, no_groups, no_network]:
        outcome = modules.run(module, **options)
        assert not outcome.failed, outcome.message
        assert outcome.changed, options
    assert (group_picture(ec2), picture(ec2)) == ({}, {})
