# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/spec.md describes exactly the keys that the parser knows, section by section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import SpecError
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import parse_platform

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "spec.md"
MINIMAL = {"name": "entasis", "region": "ap-northeast-2"}
#: A key that no section has, so that a refusal lists those that it has.
NO_KEY: dict[str, Any] = {"-": 0}
#: Each heading of the reference that has a table of keys, and a spec with NO_KEY in that place.
SECTIONS: dict[str, dict[str, Any]] = {
    "The platform": NO_KEY,
    "network": {"network": NO_KEY},
    "network.subnets[]": {"network": {"subnets": [NO_KEY]}},
    "security_groups.<name>": {"security_groups": {"a": NO_KEY}},
    "security_groups.<name>.inbound[]": {"security_groups": {"a": {"inbound": [NO_KEY]}}},
    "eks_cluster": {"eks_cluster": NO_KEY},
    "node_pools[]": {"node_pools": [NO_KEY]},
    "node_pools[].taints[]": {"node_pools": [{"taints": [NO_KEY]}]},
    "gpu_readiness": {"gpu_readiness": NO_KEY},
    "charts": {"charts": NO_KEY},
    "helm_releases[]": {"helm_releases": [NO_KEY]},
    "services[]": {"services": [NO_KEY]},
    "services[].resources": {"services": [{"resources": NO_KEY}]},
    "services[].autoscaling": {"services": [{"autoscaling": NO_KEY}]},
    "services[].network_policy": {"services": [{"network_policy": NO_KEY}]},
    "services[].network_policy.egress[]": {"services": [{"network_policy": {"egress": [NO_KEY]}}]},
    "timescaledb": {"timescaledb": NO_KEY},
    "retention[]": {"retention": [NO_KEY]},
    "prometheus": {"prometheus": NO_KEY},
    "alertmanager": {"alertmanager": NO_KEY},
    "encryption[]": {"encryption": [NO_KEY]},
    "filebeat": {"filebeat": NO_KEY},
    "backup": {"backup": NO_KEY},
    "backup.retention": {"backup": {"retention": NO_KEY}},
    "backup.storage": {"backup": {"storage": NO_KEY}},
}


def _described() -> dict[str, list[str]]:
    """The keys of each table, by the heading above it."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in REFERENCE.read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").replace("\\", "")
        elif match := re.match(r"\| `([a-z_0-9]+)` \|", line):
            found.setdefault(heading, []).append(match[1])
    return found


def _known(spec: dict[str, Any]) -> set[str]:
    """The keys that a refusal of NO_KEY lists."""
    with pytest.raises(SpecError) as raised:
        parse_platform({**MINIMAL, **spec})
    [problem] = [problem for problem in raised.value.problems if "unknown key '-'" in problem]
    return set(problem.partition("write one of: ")[2].split(", "))


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_table_lists_exactly_the_keys_that_are_known(heading: str) -> None:
    described = _described()[heading]
    assert len(described) == len(set(described))
    assert set(described) == _known(SECTIONS[heading])


def test_every_table_of_keys_is_compared() -> None:
    assert set(_described()) == set(SECTIONS)


def test_the_deviations_that_the_tests_know_are_explained() -> None:
    text = REFERENCE.read_text().partition("## Where the platform deviates from the document")[2]
    for word in ("`cpu: 1`", "VerticalPodAutoscaler", "`Egress`", "prometheus.io/scrape"):
        assert word in text
