# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The document's own YAML blocks: the spec takes them word for word, and the plans hold what its manifests say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._plans.eks_node_pools import eks_node_pools_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.services import services_plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.vpc import vpc_plan
from ansible_collections.entasis.engine.plugins.module_utils._spec import defaults
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import parse_platform

from tests.support.document import DEVIATIONS, FIXTURE, LEFT_OUT, MANIFESTS, differing, spec_blocks

SEED = Path(__file__).resolve().parents[2].parent / "shared" / "seed"
MINIMAL = {"name": "entasis", "region": "ap-northeast-2"}


@pytest.mark.skipif(not SEED.is_dir(), reason="the document itself is not beside this checkout (../shared/seed)")
def test_the_fixture_is_the_documents_text() -> None:
    [document] = SEED.glob("*.txt")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    copied = FIXTURE.read_text().split("---\n")[1:]
    assert len(blocks) == 11
    assert copied == blocks


def test_the_document_has_the_blocks_and_manifests_that_the_tests_below_speak_of() -> None:
    assert set(spec_blocks()) == {
        "security_groups",
        "node_pools",
        "prometheus",
        "alertmanager",
        "encryption",
        "filebeat",
        "backup",
    }
    assert set(MANIFESTS) == {"Deployment", "NetworkPolicy", "HorizontalPodAutoscaler", "VerticalPodAutoscaler"}


def test_all_blocks_are_taken_word_for_word_and_keep_every_value() -> None:
    written = spec_blocks()
    platform = parse_platform({**MINIMAL, **written})

    assert platform.prometheus is not None
    assert list(platform.prometheus.scrape_configs) == written["prometheus"]["scrape_configs"]
    assert platform.alertmanager is not None
    assert platform.alertmanager.config == written["alertmanager"]["config"]
    assert platform.filebeat is not None
    assert list(platform.filebeat.inputs) == written["filebeat"]["inputs"]
    [rule] = platform.encryption
    assert {"resources": list(rule.resources), "providers": list(rule.providers)} == written["encryption"][0]
    assert platform.backup is not None
    assert platform.backup.schedule == written["backup"]["schedule"]
    assert vars(platform.backup.retention) == written["backup"]["retention"]
    assert vars(platform.backup.storage) == written["backup"]["storage"]


def test_keys_of_the_encryption_block_stay_out_of_every_printed_form() -> None:
    platform = parse_platform({**MINIMAL, **spec_blocks()})
    assert "base64-encoded-key" not in repr(platform)


def test_the_defaults_are_the_documents_blocks() -> None:
    assert spec_blocks()["security_groups"] == defaults.SECURITY_GROUPS
    assert spec_blocks()["node_pools"] == defaults.NODE_POOLS


def test_node_pools_are_planned_as_written() -> None:
    planned = {pool["name"]: pool for pool in eks_node_pools_plan(parse_platform(MINIMAL))["node_pools"]}
    for written in spec_blocks()["node_pools"]:
        pool = planned[written["name"]]
        assert pool["instance_types"] == [written["instance_type"]]
        assert (pool["min_size"], pool["max_size"]) == (written["min_size"], written["max_size"])
        assert written["labels"].items() <= pool["labels"].items()
    assert len(planned) == len(spec_blocks()["node_pools"])


def test_security_groups_are_planned_as_written_and_monitoring_is_added() -> None:
    plan = vpc_plan(parse_platform(MINIMAL))
    planned = {group["name"]: group for group in plan["security_groups"]}
    for name, written in spec_blocks()["security_groups"].items():
        assert [(rule["from_port"], rule["to_port"], _source(rule)) for rule in planned[name]["inbound"]] == [
            (rule["port"], rule["port"], rule["source"]) for rule in written["inbound"]
        ]
    assert set(planned) == {*spec_blocks()["security_groups"], "monitoring"}
    assert planned["monitoring"]["inbound"] == []
    assert [notice for notice in plan["notices"] if "monitoring_sg" in notice]


def _source(rule: dict[str, Any]) -> str:
    return rule["cidr_ipv4"] if "cidr_ipv4" in rule else f"{rule['group']}_sg"


def _planned() -> dict[str, Any]:
    [objects] = services_plan(parse_platform(MINIMAL))["sets"]
    return {manifest["kind"]: manifest for manifest in objects["objects"]}


def test_every_field_of_the_documents_manifests_is_planned_or_an_explained_deviation() -> None:
    assert differing(_planned()) == DEVIATIONS


def test_every_manifest_of_the_document_is_planned_or_left_out_on_purpose() -> None:
    assert set(MANIFESTS) - set(_planned()) == LEFT_OUT


def test_the_documents_scrape_job_finds_the_service_and_is_let_through_by_the_network_policy() -> None:
    [target] = spec_blocks()["prometheus"]["scrape_configs"][1]["static_configs"][0]["targets"]
    name, _colon, port = target.partition(":")
    planned = _planned()
    assert planned["Service"]["metadata"]["name"] == name
    assert int(port) in [entry["port"] for entry in planned["Service"]["spec"]["ports"]]
    opened = [entry["port"] for rule in planned["NetworkPolicy"]["spec"]["ingress"] for entry in rule["ports"]]
    assert int(port) in opened
