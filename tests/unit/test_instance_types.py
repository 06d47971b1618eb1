# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of instance types, against moto's record of DescribeInstanceTypes and another source's GPU counts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import moto.ec2
import pytest
from ansible_collections.entasis.engine.plugins.module_utils._instance_types import instance_type, known_names, nearest

_ONE = dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1)
_UP_TO_EIGHT = {**_ONE, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8}
#: Sizes and GPU counts of eks-node-monitoring-agent, internal/pkg/instanceinfo/instance-info.jsonl.
GPU_COUNTS = {
    "g4dn": {**_ONE, "12xlarge": 4, "metal": 8},
    "g5": _UP_TO_EIGHT,
    "g5g": {**_ONE, "16xlarge": 2, "metal": 2},
    "g6": _UP_TO_EIGHT,
    "gr6": {"4xlarge": 1, "8xlarge": 1},
    "g6e": _UP_TO_EIGHT,
    "g7": {"48xlarge": 8},
    "g7e": {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"48xlarge": 8, "4xlarge": 1},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
}


def _record() -> dict[str, Any]:
    path = Path(moto.ec2.__file__).parent / "resources" / "instance_types.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


def _figures(entry: dict[str, Any]) -> tuple[Any, ...]:
    network = entry["NetworkInfo"]
    cards = {card["NetworkCardIndex"]: card for card in network["NetworkCards"]}
    gpus = [gpu for gpu in entry.get("GpuInfo", {}).get("Gpus", ()) if gpu["Manufacturer"] == "NVIDIA"]
    return (
        "arm64" if "arm64" in entry["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
        entry["VCpuInfo"]["DefaultVCpus"],
        entry["MemoryInfo"]["SizeInMiB"],
        sum(gpu["Count"] for gpu in gpus),
        cards[network["DefaultNetworkCardIndex"]]["MaximumNetworkInterfaces"],
        network["Ipv4AddressesPerInterface"],
    )


def test_every_line_is_what_ec2_describes() -> None:
    record = _record()
    differing = {}
    for name in known_names():
        entry = instance_type(name)
        assert entry is not None
        figures = (
            entry.architecture,
            entry.vcpus,
            entry.memory_mib,
            entry.gpus,
            entry.interfaces,
            entry.addresses,
        )
        if name in record and figures != _figures(record[name]):
            differing[name] = (figures, _figures(record[name]))
    assert not differing
    assert [name for name in known_names() if name not in record] == ["p3.2xlarge", "p3.8xlarge", "p3.16xlarge"]
    assert len(known_names()) == len(set(known_names())) > 1000


@pytest.mark.parametrize("family", sorted(GPU_COUNTS))
def test_gpus_are_those_that_the_node_monitoring_agent_expects(family: str) -> None:
    found = {size: instance_type(f"{family}.{size}") for size in GPU_COUNTS[family]}
    assert {size: entry.gpus for size, entry in found.items() if entry} == GPU_COUNTS[family]


def test_no_other_family_has_gpus() -> None:
    entries = {name: instance_type(name) for name in known_names()}
    assert {name.partition(".")[0] for name, entry in entries.items() if entry and entry.gpus} == set(GPU_COUNTS)


@pytest.mark.parametrize("family", ["g6f", "gr6f", "inf2", "trn1", "mac1"])
def test_what_is_left_out_on_purpose_is_unknown(family: str) -> None:
    assert not [name for name in known_names() if name.startswith(f"{family}.")]


@pytest.mark.parametrize(("name", "addresses"), [("c5.2xlarge", 60), ("g4dn.xlarge", 30), ("r5.2xlarge", 60)])
def test_the_addresses_that_a_node_of_the_document_takes(name: str, addresses: int) -> None:
    entry = instance_type(name)
    assert entry is not None
    assert entry.node_addresses == addresses


@pytest.mark.parametrize(
    ("written", "best"),
    [
        ("c5.2xl", ["c5.2xlarge"]),
        ("g4d.xlarge", ["g4dn.xlarge"]),
        ("C5.2XLARGE", ["c5.2xlarge"]),
        ("m5.lagre", ["m5.large"]),
        ("", []),
        ("????????????????", []),
    ],
)
def test_nearest_names_the_type_that_was_meant(written: str, best: list[str]) -> None:
    assert instance_type(written) is None
    assert list(nearest(written)[:1]) == best
