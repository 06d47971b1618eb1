# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bad spec fails before any AWS call, with every problem in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.platform import Sandbox


def test_every_problem_of_a_spec_at_once_and_no_call(
    sandbox: Sandbox, inventory_of: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    def spoil(platform: dict[str, Any]) -> None:
        platform["netwrok"] = {}
        platform["security_groups"]["application"]["inbound"][0]["source"] = "fronted_sg"
        platform["node_pools"][0].update(min_size=5, max_size=2)

    inventory = inventory_of(spoil)
    sandbox.control("DELETE", "calls")
    run = sandbox.site(inventory=inventory)
    calls = sandbox.control("GET", "calls")
    assert run.code != 0
    for expected in (
        "3 problems",
        "platform: unknown key 'netwrok'; did you mean 'network'?",
        "platform.security_groups.application.inbound[0].source: there is no security group 'fronted'",
        "platform.node_pools[0].max_size: 2 is less than min_size 5; write max_size: 5 or more",
    ):
        assert expected in run.messages, run.messages
    assert "Traceback" not in run.output
    assert not calls.get("calls", calls), calls
