# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text file for Prometheus and the condition of a Node."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.doc_fragments.gpu_smoke import ModuleDocFragment
from ansible_collections.entasis.engine.plugins.module_utils._gpu import exposition

READY: dict[str, Any] = {
    "name": "n1",
    "pool": "ai",
    "instance_type": "g5.12xlarge",
    "zone": "eu-central-1a",
    "ready": True,
    "expected": 4,
    "capacity": 4,
    "allocatable": 4,
    "reasons": [],
    "smoke": {"phase": "passed", "duration": 12.5},
}
BROKEN: dict[str, Any] = {
    "name": "n2",
    "pool": 'a"\\\nb',
    "ready": False,
    "expected": None,
    "capacity": None,
    "allocatable": None,
    "reasons": [{"code": "PLUGIN_POD_MISSING", "message": "no pod"}, {"code": "CORDONED", "message": "cordoned"}],
}


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_every_node_has_its_samples() -> None:
    found = samples(exposition.render([READY, BROKEN], 1.5))
    labels = 'node="n1",pool="ai",instance_type="g5.12xlarge",zone="eu-central-1a"'
    escaped = 'node="n2",pool="a\\"\\\\\\nb",instance_type="",zone=""'
    assert found == {
        "entasis_gpu_nodes": "2",
        "entasis_gpu_nodes_ready": "1",
        f"entasis_gpu_node_ready{{{labels}}}": "1",
        f"entasis_gpu_node_ready{{{escaped}}}": "0",
        f'entasis_gpu_node_gpus{{{labels},kind="expected"}}': "4",
        f'entasis_gpu_node_gpus{{{labels},kind="capacity"}}': "4",
        f'entasis_gpu_node_gpus{{{labels},kind="allocatable"}}': "4",
        f'entasis_gpu_node_reason{{{escaped},code="PLUGIN_POD_MISSING"}}': "1",
        f'entasis_gpu_node_reason{{{escaped},code="CORDONED"}}': "1",
        f"entasis_gpu_node_smoke_passed{{{labels}}}": "1",
        f"entasis_gpu_node_smoke_seconds{{{labels}}}": "12.5",
        "entasis_gpu_nodes_checked_timestamp_seconds": "1.5",
    }


def test_every_metric_is_described_and_well_named() -> None:
    text = exposition.render([], 1_790_000_000.25)
    for name in exposition.METRICS:
        assert re.fullmatch(r"entasis_gpu_[a-z_]+", name)
        assert f"# HELP {name} " in text
        assert f"# TYPE {name} gauge\n" in text
    assert "checked_timestamp_seconds 1790000000.25\n" in text
    assert text.endswith("\n")


def test_the_documentation_names_every_metric() -> None:
    named = re.findall(r"C\((entasis_gpu_\w+)\)", " ".join(ModuleDocFragment.DOCUMENTATION.split()))
    assert named == list(exposition.METRICS)


def test_the_file_is_put_in_place_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "gpu.prom"
    path.write_text("before")
    before = path.stat().st_ino
    exposition.write(str(path), "after\n")
    assert path.read_text() == "after\n"
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "gpu.prom"
    path.mkdir()
    with pytest.raises(OSError, match=re.escape("gpu.prom")):
        exposition.write(str(path), "after\n")
    assert list(tmp_path.iterdir()) == [path]


def test_the_place_of_the_file_is_checked(tmp_path: Path) -> None:
    assert exposition.textfile_problem(str(tmp_path / "gpu.prom")) == ""
    assert ".prom" in exposition.textfile_problem(str(tmp_path / "gpu.txt"))
    assert "does not exist" in exposition.textfile_problem(str(tmp_path / "none" / "gpu.prom"))


@pytest.mark.parametrize("name", ["Ready", "MemoryPressure", "", "with space", "x" * 317])
def test_a_condition_of_the_kubelet_or_none_at_all_is_refused(name: str) -> None:
    assert exposition.condition_problem(name)


def test_a_condition_says_what_the_report_says() -> None:
    assert exposition.condition_problem("example.com/GPUReady") == ""
    ready = exposition.condition("example.com/GPUReady", READY, None, "T2")
    assert (ready["status"], ready["reason"], ready["lastTransitionTime"]) == ("True", "GPUsProved", "T2")
    broken = exposition.condition("example.com/GPUReady", BROKEN, ready, "T3")
    assert (broken["status"], broken["reason"], broken["message"]) == (
        "False",
        "PLUGIN_POD_MISSING",
        "no pod; cordoned",
    )
    assert broken["lastTransitionTime"] == "T3"


@pytest.mark.parametrize("smoke", [None, {"phase": "busy", "duration": 1.0}, {"phase": "skipped_check_mode"}])
def test_a_node_counts_as_proved_only_by_a_smoke_pod_and_until_it_fails(smoke: Any) -> None:
    unproved = {**READY, "smoke": smoke}
    ready = exposition.condition("x", unproved, None, "T1")
    assert (ready["status"], ready["reason"]) == ("True", "GPUsReady")
    proved = exposition.condition("x", READY, ready, "T2")
    assert (proved["reason"], proved["lastTransitionTime"]) == ("GPUsProved", "T1")
    assert exposition.condition("x", unproved, proved, "T3")["reason"] == "GPUsProved"
    broken = exposition.condition("x", BROKEN, proved, "T4")
    assert exposition.condition("x", unproved, broken, "T5")["reason"] == "GPUsReady"


def test_the_time_of_the_last_change_stays_while_nothing_changes() -> None:
    before = {"status": "True", "lastTransitionTime": "T1"}
    after = exposition.condition("example.com/GPUReady", READY, before, "T2")
    assert (after["lastTransitionTime"], after["lastHeartbeatTime"]) == ("T1", "T2")
