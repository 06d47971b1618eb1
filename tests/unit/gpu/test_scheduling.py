# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods a node takes, read as Kubernetes does; labels, versions and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import repelling, selects
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gpu import daemon_set, node, taint


@pytest.mark.parametrize(
    ("toleration", "text", "tolerated"),
    [
        ({"operator": "Exists"}, "a=b:NoSchedule", True),
        ({"operator": "Exists", "effect": "NoExecute"}, "a=b:NoSchedule", False),
        ({"key": "a", "operator": "Exists"}, "a=b:NoExecute", True),
        ({"key": "b", "operator": "Exists"}, "a=b:NoExecute", False),
        ({"key": "a", "value": "b"}, "a=b", True),
        ({"key": "a", "operator": "Equal", "value": "c"}, "a=b", False),
        ({"key": "a"}, "a", True),
        ({"key": "a", "value": "b", "effect": "NoSchedule"}, "a=b:NoExecute", False),
        ({"key": "none"}, "a:PreferNoSchedule", True),
        # the DaemonSet controller adds tolerations of its own
        ({"key": "none"}, "node.kubernetes.io/not-ready:NoExecute", True),
        ({"key": "none"}, "node.kubernetes.io/unschedulable", True),
        ({"key": "none"}, "node.kubernetes.io/network-unavailable", False),
    ],
)
def test_tolerations(toleration: dict[str, Any], text: str, tolerated: bool) -> None:
    pod = daemon_set(tolerations=[toleration])
    assert (repelling(pod, node(taints=[text])) == []) == tolerated


def test_a_pod_of_the_host_network_needs_no_network() -> None:
    away = node(taints=["node.kubernetes.io/network-unavailable"])
    assert repelling(daemon_set(hostNetwork=True), away) == []


def terms(*expressions: dict[str, Any], fields: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    term = {"matchExpressions": list(expressions), "matchFields": fields or []}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("pod", "selected"),
    [
        ({}, True),
        ({"nodeSelector": {"gpu": "yes"}}, True),
        ({"nodeSelector": {"gpu": "no"}}, False),
        (terms(fields=[{"key": "metadata.name", "operator": "In", "values": ["n1"]}]), True),
        (terms(fields=[{"key": "metadata.name", "operator": "In", "values": ["n2"]}]), False),
        # a term without requirements selects nothing
        (terms(), False),
        *(
            (terms({"key": key, "operator": operator, "values": values}), selected)
            for key, operator, values, selected in (
                ("gpu", "In", ["yes"], True),
                ("gpu", "NotIn", ["yes"], False),
                ("none", "NotIn", ["yes"], True),
                ("gpu", "Exists", None, True),
                ("gpu", "DoesNotExist", None, False),
                ("count", "Gt", ["7"], True),
                ("count", "Lt", ["8"], False),
                ("gpu", "Gt", ["7"], False),
            )
        ),
    ],
)
def test_which_nodes_a_daemon_set_selects(pod: dict[str, Any], selected: bool) -> None:
    assert bool(selects(daemon_set(**pod), node(labels={"gpu": "yes", "count": "8"}))) == selected


@pytest.mark.parametrize(
    ("pattern", "text", "same"),
    [
        ("nvidia.com/gpu", "nvidia.com/gpu=true:NoExecute", True),
        ("nvidia.com/gpu=true", "nvidia.com/gpu=true:NoExecute", True),
        ("nvidia.com/gpu=", "nvidia.com/gpu=true", False),
        ("nvidia.com/gpu=", "nvidia.com/gpu", True),
        ("nvidia.com/gpu:NoSchedule", "nvidia.com/gpu=true:NoExecute", False),
        ("nvidia.com/*:NoSchedule", "nvidia.com/mig=a:NoSchedule", True),
        ("nvidia.com/g", "nvidia.com/gpu", False),
    ],
)
def test_taint_patterns(pattern: str, text: str, same: bool) -> None:
    assert TaintPattern.parse(pattern).matches(taint(text)) == same
    assert str(TaintPattern.parse(pattern)) == pattern


@pytest.mark.parametrize("text", ["", "=a", "a:Never", "a b", "*a"])
def test_what_is_no_taint(text: str) -> None:
    with pytest.raises(ValueError, match="is no taint"):
        TaintPattern.parse(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("570.86.15", (570, 86, 15)), ("535.183.01-open", (535, 183, 1)), ("12", (12,)), ("", ()), ("v1", ())],
)
def test_versions(text: str, numbers: tuple[int, ...]) -> None:
    assert labels.version(text) == numbers


NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(tuple)


@given(NUMBERS, NUMBERS)
def test_versions_are_in_order(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    shown = ".".join(map(str, one))
    assert labels.version(shown) == one
    # Exactly one of: older, newer, the same but for zeros at the end.
    same = [*one, *[0] * 4][:4] == [*other, *[0] * 4][:4]
    assert labels.older(one, other) + labels.older(other, one) + same == 1
    assert not labels.older((*one, 0), one)
    assert not labels.older(one, (*one, 0))


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_times_of_the_api(moment: datetime) -> None:
    # Conditions have whole seconds, leases microseconds.
    assert labels.seconds(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")) == moment.timestamp()
    assert labels.seconds(moment.strftime("%Y-%m-%dT%H:%M:%SZ")) == moment.replace(microsecond=0).timestamp()
