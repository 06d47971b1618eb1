# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the definitions that charts bring, and what is read of a chart."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import helm, helm_crds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm_crds import COUNT_LABEL, Member
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PlanError

from tests.unit.kubernetes.test_helm import OWNER, desired, live


def definition(name: str = "widgets", **spec: Any) -> dict[str, Any]:
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def test_a_chart_is_read_as_the_kubernetes_api_reads_it() -> None:
    text = "---\n# Source: x\n---\nenum: [=, '!=']\nsince: 2026-01-01\n---\n# nothing\n---\n{a: b}\n"
    assert helm_crds.read(text) == [{"enum": ["=", "!="], "since": "2026-01-01"}, {"a": "b"}]


def test_two_releases_share_a_definition_only_where_it_is_the_same() -> None:
    [shared] = helm_crds.gather({"x/a": [definition()], "x/b": [definition()]})
    assert shared.releases == {"x/a", "x/b"}
    with pytest.raises(PlanError) as refused:
        helm_crds.gather({"x/a": [definition()], "x/b": [definition(scope="Cluster")], "x/c": [{"kind": "ConfigMap"}]})
    assert len(refused.value.problems) == 2
    assert "x/a and x/b: their charts have different definitions of widgets" in str(refused.value)
    assert "release x/c: a crds folder of its chart holds something that is no Custom" in str(refused.value)


@pytest.mark.parametrize(
    ("label", "there", "skipped", "looked_at"),
    [
        # Made before releases had the label, or by others: looked at with the next change.
        (None, 0, False, False),
        ("0", 0, False, False),
        ("2", 2, False, False),
        ("2", 1, False, True),
        ("2", 3, False, True),
        ("2", 1, True, False),
        # Is no longer to be skipped.
        ("skipped", 0, False, True),
    ],
)
def test_which_charts_are_looked_into(label: str | None, there: int, skipped: bool, looked_at: bool) -> None:
    labels = OWNER.labels if label is None else {**OWNER.labels, COUNT_LABEL: label}
    wanted, found = [desired(skip_crds=skipped)], {"space/one": live(labels=labels)}
    members = [Member(str(number), "", frozenset(["space/one"])) for number in range(there)]
    planned = helm.plan(wanted, found, OWNER)
    assert bool(helm_crds.to_look_at(wanted, found, planned, members)) == looked_at
    changed = helm.plan(wanted, {}, OWNER)
    assert bool(helm_crds.to_look_at(wanted, {}, changed, members)) == (not skipped)


def test_definitions_come_before_their_release_and_before_all_that_need_it() -> None:
    """How many a release has is recorded anew where its label says otherwise."""
    wanted = [desired("a", needs=["b"]), desired("b", needs=["c"]), desired("c"), desired("d")]
    there = {f"space/{name}": live(name, labels={**OWNER.labels, COUNT_LABEL: "1"}) for name in ("b", "c")}
    definitions = helm_crds.gather({"space/c": [definition("cs")], "space/a": [definition("as")], "space/b": []})
    stale = [Member("old", "", frozenset(["space/c"]))]
    paths = ["space/a", "space/b", "space/c"]
    plan, labels = helm_crds.plan(helm.plan(wanted, there, OWNER), definitions, paths, stale, there, OWNER)
    assert labels == {"space/a": "1", "space/b": "0", "space/c": "2"}
    waits = {change.name: {need.rpartition("/")[2] for need in change.needs} for change in plan.changes}
    assert waits == {
        "as": set(),
        "cs": set(),
        "space/a": {"b", "c", "as", "cs"},
        "space/d": set(),
        "space/b": set(),
        "space/c": {"cs"},
    }
    recorded = {change.name: change.after for change in plan.changes if change.action == "update"}
    assert recorded == {path: {"labels": {COUNT_LABEL: labels[path]}} for path in ("space/b", "space/c")}
