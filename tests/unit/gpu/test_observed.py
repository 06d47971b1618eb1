# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking in news of GPU nodes: what is judged again, and since when a node counts as ready."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.module_utils._gpu.observed import Moment, Observed
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import DAEMON_SETS, NODES, PODS
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.following import Changed, Listed

from tests.support.gpu import NOW, Object, ago, node, settings


class Story:
    """News in the order in which they come, a second after the other."""

    def __init__(self) -> None:
        self.observed = Observed(settings().config, {})
        self.second = 0

    def tell(self, *news: Listed | Changed) -> None:
        for one in news:
            self.second += 1
            self.observed.take(one, self.moment())
        self.observed.evaluate(self.moment())

    def moment(self) -> Moment:
        return Moment(self.second, NOW + self.second)

    def judged_by(self, *news: Listed | Changed) -> int:
        """How many nodes are judged again for these news."""
        with mock.patch.object(self.observed.counts, "put", wraps=self.observed.counts.put) as put:
            self.tell(*news)
        return put.call_count

    def codes(self, name: str) -> list[str]:
        report = self.observed.counts.get(name)
        assert report is not None
        return [reason.code for reason in report.reasons]


def versioned(name: str, version: int, **properties: Any) -> Object:
    made = node(name, **properties)
    made["metadata"]["resourceVersion"] = str(version)
    return made


def n1(version: int, **properties: Any) -> Object:
    return versioned("n1", version, **properties)


def listed(*nodes: Object, again: bool = False) -> Listed:
    return Listed(NODES, list(nodes), again)


def changed(one: Object, *, deleted: bool = False) -> Changed:
    return Changed(NODES, one, deleted)


def pod(on: str) -> Object:
    return {
        "metadata": {"name": f"plugin-{on}", "labels": {}},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def daemon_set(generation: int, version: int) -> Object:
    metadata = {"name": "web", "namespace": "default", "uid": "u", "generation": generation}
    template: Object = {"metadata": {"labels": {"app": "web"}}, "spec": {}}
    return {"metadata": {**metadata, "resourceVersion": str(version)}, "spec": {"template": template}}


def test_only_what_the_news_concern_is_judged_again() -> None:
    story = Story()
    nodes = [versioned(f"n{number}", 1) for number in range(100)]
    assert story.judged_by(listed(*nodes)) == 100
    assert story.judged_by(Listed(PODS, [], again=False)) == 100
    assert story.judged_by(changed(versioned("n7", 2))) == 1
    assert story.judged_by(Changed(PODS, pod("n8"), deleted=False)) == 1
    assert story.judged_by(Changed(PODS, pod("elsewhere"), deleted=False)) == 0
    assert story.judged_by(listed(*nodes[:7], versioned("n7", 2), *nodes[8:], again=True)) == 0
    assert story.judged_by(Listed(DAEMON_SETS, [daemon_set(1, 1)], again=False)) == 100
    # The status of a DaemonSet changes with every pod of it; nothing is judged by that.
    assert story.judged_by(Listed(DAEMON_SETS, [daemon_set(1, 2)], again=True)) == 0
    assert story.judged_by(Listed(DAEMON_SETS, [daemon_set(2, 3)], again=True)) == 100


def test_a_plugins_pod_that_goes_is_seen() -> None:
    story = Story()
    story.tell(listed(node("n1", capacity=None, allocatable=None)), Listed(PODS, [pod("n1")], again=False))
    assert story.codes("n1") == ["NOT_ADVERTISED"]
    story.tell(Changed(PODS, pod("n1"), deleted=True))
    assert story.codes("n1") == ["PLUGIN_POD_MISSING"]


@pytest.mark.parametrize(
    ("news", "since"),
    [
        ([listed(n1(1)), changed(n1(2, labels={"new": "label"}))], {"n1": 1}),
        ([listed(n1(1, unschedulable=True)), changed(n1(2))], {"n1": 2}),
        ([listed(n1(1)), changed(n1(2, ready="False")), changed(n1(3))], {"n1": 3}),
        ([listed(n1(1)), listed(n1(1), again=True)], {"n1": 1}),
        ([listed(n1(1)), listed(n1(9), again=True)], {"n1": 2}),
        ([listed(n1(1)), listed(again=True)], {}),
    ],
    ids=[
        "a change that does not matter",
        "it became so",
        "a break between two looks",
        "listed again and the same",
        "what changed unseen begins anew",
        "gone",
    ],
)
def test_since_when_a_node_is_ready(news: list[Listed | Changed], since: dict[str, float]) -> None:
    story = Story()
    story.tell(news[0])
    story.tell(*news[1:])
    assert story.observed.ready_since == since
    assert story.observed.counts.total == len(since)


def well_since(second: float) -> tuple[Object, Object]:
    """A node that has been Ready for a day, and the pod of its device plugin that has been so since a second."""
    sound = n1(1)
    sound["status"]["conditions"][0]["lastTransitionTime"] = ago(86400)
    plugin = pod("n1")
    plugin["status"]["conditions"][0]["lastTransitionTime"] = ago(-second)
    return sound, plugin


def test_what_the_first_look_finds_well_has_been_so_since_the_last_dated_change() -> None:
    sound, plugin = well_since(-600)
    story = Story()
    story.tell(listed(sound))
    assert story.observed.ready_since == {"n1": 1}, "nothing dates the GPUs without the plugin's pod"
    story.tell(Listed(PODS, [plugin], again=False))
    assert story.observed.ready_since == {"n1": -600}
    story.tell(changed(n1(2, ready="False")), changed(n1(3)))
    assert story.observed.ready_since == {"n1": 4}, "a break that was seen begins anew, whatever the dates say"


def test_a_plugin_that_has_just_become_ready_proves_no_stability() -> None:
    sound, plugin = well_since(1)
    story = Story()
    story.tell(listed(sound), Listed(PODS, [plugin], again=False))
    assert story.observed.ready_since == {"n1": 1}


def test_another_machine_of_the_same_name_begins_anew() -> None:
    story = Story()
    story.tell(listed(n1(1, uid="old")))
    story.observed.add_reasons("n1", (reasons.reason("SMOKE_FAILED", "it failed"),))
    story.tell()
    assert story.codes("n1") == ["SMOKE_FAILED"]
    story.tell(changed(n1(2, uid="old")))
    assert story.codes("n1") == ["SMOKE_FAILED"]
    story.tell(changed(n1(3, uid="new")))
    assert story.codes("n1") == []
    assert story.observed.ready_since == {"n1": 3}


def test_what_time_alone_changes_is_judged_in_time() -> None:
    story = Story()
    young = {"type": "AcceleratedHardwareReady", "status": "True", "lastTransitionTime": "2026-11-22T12:00:00Z"}
    story.tell(listed(node("n1", conditions=[young])))
    assert story.codes("n1") == ["CONDITION_TOO_YOUNG"]
    due = story.observed.counts.next_due()
    assert due == NOW + 60
    story.second = 61
    assert story.judged_by() == 1
    assert story.codes("n1") == []
