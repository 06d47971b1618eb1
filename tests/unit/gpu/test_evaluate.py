# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One GPU node: every reason from plain nodes and pods."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import evaluate

from tests.support.gpu import Object, deleting, node, plugin

TABLE: list[tuple[Object, list[Object], Config, list[str]]] = [
    (node(), [], Config(), []),
    (node(), [plugin(ready=False)], Config(), []),
    # L1
    (node(ready="False"), [], Config(), ["NOT_READY"]),
    (node(ready="Unknown"), [], Config(), ["NOT_READY"]),
    (node(unschedulable=True), [], Config(), ["CORDONED"]),
    (deleting(), [], Config(), ["DELETING"]),
    (node(taints=["node.kubernetes.io/disk-pressure"]), [], Config(), ["TAINTED"]),
    (node(taints=["ebs.csi.aws.com/agent-not-ready"]), [], Config(), ["TAINTED"]),
    (node(taints=["readiness.k8s.io/network"]), [], Config(), ["TAINTED"]),
    (node(taints=["nvidia.com/gpu", "team"]), [], Config(), []),
    # the cordon's own taint adds nothing, and a node that is not ready is only said to be that
    (node(taints=["node.kubernetes.io/unschedulable"], unschedulable=True), [], Config(), ["CORDONED"]),
    (node(taints=["node.kubernetes.io/not-ready"], ready="False"), [], Config(), ["NOT_READY"]),
    # L4 and L5: absent is not zero, zero is not unhealthy
    (node(capacity=None, allocatable=None), [], Config(), ["PLUGIN_POD_MISSING"]),
    (node(capacity=None, allocatable=None), [plugin("n2")], Config(), ["PLUGIN_POD_MISSING"]),
    (node(capacity=None, allocatable=None), [plugin(ready=False)], Config(), ["PLUGIN_POD_NOT_READY"]),
    (node(capacity=None, allocatable=None), [plugin()], Config(), ["NOT_ADVERTISED"]),
    (node(capacity=0, allocatable=0), [plugin()], Config(), ["ALLOC_ZERO_PLUGIN_RUNNING"]),
    (node(capacity=0, allocatable=0), [], Config(), ["ALLOC_ZERO"]),
    (node(capacity=1, allocatable=0), [plugin()], Config(), ["ALL_UNHEALTHY"]),
    (node(capacity=4, allocatable=3, instance_type="g5.12xlarge"), [], Config(), ["PARTIAL_UNHEALTHY"]),
    # L6
    (node(capacity=3, allocatable=3, instance_type="g5.12xlarge"), [], Config(), ["COUNT_BELOW_TYPE"]),
    (node(capacity=2, allocatable=2), [], Config(), ["COUNT_ABOVE_TYPE"]),
    (node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "4"}), [], Config(), []),
    (node(capacity=4, allocatable=4, labels={"nvidia.com/gpu.replicas": "no"}), [], Config(), ["COUNT_ABOVE_TYPE"]),
    (node(capacity=2, allocatable=2), [], Config(expected_gpus=2), []),
    (node(instance_type="c5.2xlarge", capacity=None, allocatable=None), [], Config(), ["TYPE_WITHOUT_GPU"]),
    (node(instance_type="x9.huge", capacity=5, allocatable=5), [], Config(), []),
    (node(instance_type="x9.huge", capacity=None, allocatable=None), [], Config(), ["PLUGIN_POD_MISSING"]),
    (node(), [], Config(gpu_resource="nvidia.com/mig-1g.5gb"), ["PLUGIN_POD_MISSING"]),
    # several at once
    (node(capacity=1, allocatable=0, unschedulable=True), [], Config(), ["CORDONED", "ALL_UNHEALTHY"]),
]


@pytest.mark.parametrize(("one", "pods", "config", "codes"), TABLE)
def test_reasons(one: Object, pods: list[Object], config: Config, codes: list[str]) -> None:
    report = evaluate(one, pods, config)
    assert [reason.code for reason in report.reasons] == codes
    assert report.ready == (not codes)
    assert all(reason.message for reason in report.reasons)
