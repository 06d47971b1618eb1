# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of Helm releases, and what is read of Helm's records."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import helm
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm import Desired, Live, Owner
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm_command import Command
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm_errors import explained
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Plan, PlanError

OWNER = Owner("demo", "helm_releases")
LONG_AGO = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def desired(name: str = "one", **options: Any) -> Desired:
    return Desired(**{"name": name, "namespace": "space", "chart": "tiny", "version": "1.0.0", **options})


def live(name: str = "one", **options: Any) -> Live:
    given: dict[str, Any] = {
        "name": name,
        "namespace": "space",
        "revision": 1,
        "status": "deployed",
        "chart_name": "tiny",
        "version": "1.0.0",
        "values": {},
        "labels": OWNER.labels,
        "updated": LONG_AGO,
        "installed": LONG_AGO,
        **options,
    }
    return Live(**given)


def plan(wanted: list[Desired], there: list[Live], **options: Any) -> Plan:
    return helm.plan(wanted, {one.path: one for one in there}, OWNER, **options)


def short(found: Plan) -> list[tuple[str, str]]:
    return [(change.action, change.name) for change in found.changes]


@pytest.mark.parametrize(
    ("wanted", "there", "before", "after"),
    [
        ({}, {}, None, None),
        ({"version": "v1.0.0"}, {}, None, None),
        ({"values": {"a": 1.0, "b": [True, None]}}, {"values": {"b": [True, None], "a": 1}}, None, None),
        ({"values": {"a": 2**53, "b": -0.0}}, {"values": {"a": 9007199254740992.0, "b": 0}}, None, None),
        ({"values": {"a": 1e22}}, {"values": {"a": 10000000000000000000000}}, None, None),
        ({"values": {1: {True: "x"}}}, {"values": {"1": {"true": "x"}}}, None, None),
        ({"version": "1.1.0"}, {}, {"version": "1.0.0"}, {"version": "1.1.0"}),
        ({"values": {"a": 2}}, {"values": {"a": 1}}, {"values": {"a": 1}}, {"values": {"a": 2}}),
        ({"values": {"a": True}}, {"values": {"a": 1}}, {"values": {"a": 1}}, {"values": {"a": True}}),
        ({"values": {"a": "1"}}, {"values": {"a": 1}}, {"values": {"a": 1}}, {"values": {"a": "1"}}),
        ({"values": {"a": None}}, {}, {"values": {}}, {"values": {"a": None}}),
        ({}, {"values": {"a": 1}}, {"values": {"a": 1}}, {"values": {}}),
        ({}, {"status": "failed"}, {"status": "failed"}, {"status": "deployed"}),
        ({}, {"status": "pending-upgrade"}, {"status": "pending-upgrade"}, {"status": "deployed"}),
    ],
)
def test_what_differs(wanted: dict[str, Any], there: dict[str, Any], before: Any, after: Any) -> None:
    changes = plan([desired(**wanted)], [live(**there)]).changes
    assert [(one.action, one.before, one.after) for one in changes] == ([("update", before, after)] if after else [])


@pytest.mark.parametrize(
    ("needs", "waits"),
    [
        ({"a": [], "b": []}, {"a": "", "b": ""}),
        ({"a": ["b"], "b": ["space/c"], "c": [], "d": ["c"]}, {"c": "", "b": "c", "d": "c", "a": "bc"}),
        # b is as it should be, and a waits for what b needs all the same.
        ({"a": ["there"], "there": ["c"], "c": []}, {"c": "", "a": "c"}),
    ],
)
def test_releases_wait_for_what_they_need_and_for_nothing_else(
    needs: dict[str, list[str]], waits: dict[str, str]
) -> None:
    changes = plan([desired(name, needs=needs[name]) for name in needs], [live("there")]).changes
    planned = {change.resource for change in changes}
    found = {change.name[-1]: "".join(need[-1] for need in change.needs if need in planned) for change in changes}
    assert list(found.items()) == list(waits.items())


def test_removals_come_last_and_one_by_one_the_newest_first() -> None:
    newer = LONG_AGO + datetime.timedelta(days=1)
    there = [live("m"), live("old"), live("new", installed=newer)]
    found = plan([desired("z"), desired("m", version="2.0.0")], there, purge=True)
    assert short(found) == [
        ("create", "space/z"),
        ("update", "space/m"),
        ("delete", "space/new"),
        ("delete", "space/old"),
    ]
    resources = [change.resource for change in found.changes]
    assert [change.needs for change in found.changes] == [(), (), tuple(resources[:2]), tuple(resources[:3])]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([desired(), desired()], ["release space/one: is listed 2 times; remove all but one."]),
        ([desired("chart", chart="other")], ["release space/chart: runs the chart tiny, and other is asked for."]),
        ([desired(version="1.2")], ["version 1.2 is not exact; write all of it"]),
        (
            [desired(values={"a": [{"b": 2**53 + 1}], "c": float("nan")})],
            ["values.a[0].b has more digits than helm keeps", "values.c is nan, which is no number to helm"],
        ),
        ([desired(needs=["none"])], ["release space/one: needs none, which is not listed"]),
        (
            [desired(needs=["x"]), desired("x"), desired("x", namespace="else")],
            ["needs x, which can be else/x or space/x; write which."],
        ),
        (
            [desired(needs=["one"]), desired("a", needs=["b"]), desired("b", needs=["c"]), desired("c", needs=["a"])],
            ["circle: space/one needs space/one;", "circle: space/a needs space/b needs space/c needs space/a;"],
        ),
    ],
)
def test_what_is_refused(wanted: list[Desired], said: list[str]) -> None:
    """All problems come at once: each list has another one beside those that it is refused for."""
    twice = [desired("twice"), desired("twice")]
    with pytest.raises(PlanError) as refused:
        plan([*wanted, *twice], [live("chart")])
    assert len(refused.value.problems) == len(said) + 1
    for text in [*said, "release space/twice: is listed 2 times"]:
        assert text in str(refused.value)


def test_a_stuck_release_is_spoken_of() -> None:
    assert "left pending-install" in plan([desired()], [live(status="pending-install")]).warnings[0]
    assert "left uninstalling" in plan([desired()], [live(status="uninstalling")]).warnings[0]
    assert plan([desired()], [live(status="failed")]).warnings == []


def test_a_record_is_read_and_its_times_are_gos() -> None:
    record = {
        "name": "one",
        "namespace": "space",
        "version": 7,
        "info": {
            "status": "deployed",
            "first_deployed": "2026-11-22T22:15:55.123456789+09:00",
            "last_deployed": "2026-11-22T13:15:55.5Z",
        },
        "chart": {"metadata": {"name": "tiny", "version": "1.0.0"}},
        "config": None,
    }
    read = helm.read_release({"metadata": {"name": "x", "labels": {}}, "data": {"release": helm.encode(record)}})
    assert (read.name, read.revision, read.status, read.version, read.values) == ("one", 7, "deployed", "1.0.0", {})
    assert read.updated == datetime.datetime(2026, 11, 22, 13, 15, 55, 500000, tzinfo=datetime.UTC)
    assert read.installed.microsecond == 123456


@pytest.mark.parametrize(
    ("release", "mirror", "arguments"),
    [
        (
            desired(repository="https://c.example.com"),
            "",
            ["tiny", "--repo", "https://c.example.com", "--version", "1.0.0"],
        ),
        (desired(repository="oci://c.example.com/x"), "", ["oci://c.example.com/x/tiny", "--version", "1.0.0"]),
        (desired(repository="https://c.example.com"), "/srv/charts/", ["/srv/charts/tiny-1.0.0.tgz"]),
        (desired(chart="./charts/tiny"), "", ["./charts/tiny", "--version", "1.0.0"]),
        (desired(chart="/a/tiny-1.0.0.tgz"), "https://m.example.com", ["https://m.example.com/tiny-1.0.0.tgz"]),
    ],
)
def test_where_the_chart_comes_from(release: Desired, mirror: str, arguments: list[str]) -> None:
    assert Command("helm", mirror).chart(release) == arguments
    assert release.chart_name == "tiny"


@pytest.mark.parametrize(
    ("output", "verb", "said", "advice"),
    [
        ("", "upgrade", "no output", ""),
        ("WARNING: only this", "upgrade", "WARNING: only this", ""),
        ('W0101 x\nlevel=WARN msg="x"\nError: UPGRADE FAILED: gone\n', "upgrade", "UPGRADE FAILED: gone", ""),
        (
            'Error: 1 error occurred:\n\t* pods "x" is forbidden: exceeded quota: q',
            "upgrade",
            '1 error occurred: pods "x" is forbidden: exceeded quota: q',
            " Raise that ResourceQuota, ask for less, or remove what is not used.",
        ),
        (
            'Error: secrets is forbidden: User "x" cannot list resource "secrets"',
            "upgrade",
            'secrets is forbidden: User "x" cannot list resource "secrets"',
            " Give the caller this permission (an access policy of EKS, or a role and its binding).",
        ),
        (
            "Error: execution error at (t/x.yaml:1:30): not correct-horse\n\nUse --debug flag",
            "upgrade",
            "execution error at (t/x.yaml:1:30): not ********",
            " Correct the values that the chart uses there.",
        ),
        (
            "Error: Get https://x/y-1.tgz: connection refused",
            "pull",
            "Get https://x/y-1.tgz: connection refused",
            " Check chart, version and repository, and the network to it, or set mirror to a folder with the chart.",
        ),
    ],
)
def test_helms_errors_are_condensed_and_explained(output: str, verb: str, said: str, advice: str) -> None:
    values = {"auth": {"token": "correct-horse", "tokens": ["x", True]}}
    assert explained(output, verb, values) == f"helm failed: {said}.{advice}"
