# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CustomResourceDefinitions of charts, applied by helm_releases to a real API server, judged by kubectl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.test_helm_releases import Releases, charts, cluster
from tests.support.control_plane import definition, tool

__all__ = ["charts", "cluster"]

KIND = "CustomResourceDefinition.apiextensions.k8s.io"


class Operator(Releases):
    """Releases of a chart that brings definitions, one of them by a subchart, and makes an object of its own kind."""

    @property
    def group(self) -> str:
        return f"{self.namespace}.example.com"

    def definition(self, name: str, **fields: Any) -> dict[str, Any]:
        # The operator of a comparison, as charts write it; most readers of YAML take it for something else.
        return definition(self.group, name, compare={"type": "string", "enum": ["=", "!="]}, **fields)

    def package(self, folder: Path, version: str, name: str = "operator", **fields: str) -> None:
        """A chart NAME-VERSION.tgz in the folder of charts; C(fields) are fields of the kind Widget."""
        chart, extra = folder / name, folder / name / "charts" / "extra"
        for where in (chart / "crds", chart / "templates", extra / "crds"):
            where.mkdir(parents=True, exist_ok=True)
        dependencies = [{"name": "extra", "version": "1.0.0", "condition": "extra.enabled"}]
        about = {"apiVersion": "v2", "name": name, "version": version, "dependencies": dependencies}
        (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
        (chart / "values.yaml").write_text("extra: {enabled: true}\n")
        written = yaml.safe_dump(self.definition("widget", **fields)).replace("'='", "=")
        (chart / "crds" / "widgets.yaml").write_text(f"# a licence\n---\n{written}---\n# nothing\n")
        (chart / "templates" / "widget.yaml").write_text(
            '{{ if not (.Capabilities.APIVersions.Has "GROUP/v1") }}{{ fail "no widgets" }}{{ end }}\n'
            "apiVersion: GROUP/v1\nkind: Widget\nmetadata: {name: {{ .Release.Name }}}\n".replace("GROUP", self.group)
        )
        (extra / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "extra", "version": "1.0.0"}))
        (extra / "crds" / "gadgets.yaml").write_text(yaml.safe_dump(self.definition("gadget")))
        command = [tool("helm"), "package", str(chart), "--destination", str(self.charts)]
        subprocess.run(command, check=True, capture_output=True)

    def operator(self, name: str = "one", version: str = "1.0.0", **options: Any) -> dict[str, Any]:
        return self.release(name, version, **{"chart": "operator", **options})

    def crd(self, name: str) -> dict[str, Any]:
        return self.cluster.get("crd", f"{name}s.{self.group}")

    def there(self) -> set[str]:
        found = self.cluster.get("crd")["items"]
        return {one["spec"]["names"]["singular"] for one in found if one["spec"]["group"] == self.group}

    def changed(self, action: str, name: str) -> tuple[str, str, str]:
        return (action, KIND, f"{name}s.{self.group}")


@pytest.fixture
def operator(cluster: Any, tmp_path: Path) -> Operator:
    releases = Operator(cluster, tmp_path)
    releases.package(tmp_path / "source", "1.0.0")
    releases.package(tmp_path / "source", "1.1.0", colour="string")
    return releases


def test_definitions_live_with_their_release(operator: Operator) -> None:
    release = ("create", "HelmRelease", f"{operator.namespace}/one")
    created = [operator.changed("create", "gadget"), operator.changed("create", "widget"), release]
    assert operator.run(operator.operator(), check=True).changes == created
    assert operator.there() == set()
    assert operator.apply(operator.operator()).changes == created
    metadata = operator.crd("widget")["metadata"]
    assert metadata["labels"] == {"entasis.io/platform": operator.platform, "entasis.io/role": "helm_releases"}
    assert {entry["manager"] for entry in metadata["managedFields"] if "subresource" not in entry} == {"entasis.engine"}
    assert operator.apply(operator.operator()).changes == []

    operator.cluster.kubectl("delete", "crd", f"gadgets.{operator.group}")
    repaired = operator.run(operator.operator(), check=True)
    assert repaired.changes == [operator.changed("create", "gadget")]
    assert operator.apply(operator.operator()).changes == repaired.changes
    assert operator.listed()["one"] == ("operator-1.0.0", "deployed", "1")

    # A newer version brings new fields, and what somebody changed by hand is put back.
    cut = [{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/compare"}]
    operator.cluster.kubectl(
        "patch", "crd", f"gadgets.{operator.group}", "--type=json", f"--patch={yaml.safe_dump(cut)}"
    )
    upgrade = operator.run(operator.operator(version="1.1.0"), check=True)
    assert upgrade.changes == [operator.changed("update", name) for name in ("gadget", "widget")] + [
        ("update", "HelmRelease", f"{operator.namespace}/one")
    ]
    path = "spec.versions[name=v1].schema.openAPIV3Schema.properties.spec.properties"
    assert upgrade.result["diff"]["after"][f"{KIND}/widgets.{operator.group}"] == {f"{path}.colour.type": "string"}
    assert operator.apply(operator.operator(version="1.1.0")).changes == upgrade.changes
    assert operator.apply(operator.operator(version="1.1.0")).changes == []

    # Nothing goes with the release, and a release that comes back finds its own.
    gone = operator.apply(state="absent")
    assert gone.changes == [("delete", "HelmRelease", f"{operator.namespace}/one")]
    assert f"stay, because their objects would go with them: gadgets.{operator.group}, widgets" in gone.warnings
    back = operator.apply(operator.operator(version="1.1.0"))
    assert back.changes == [release]
    assert operator.apply(operator.operator(version="1.1.0")).changes == []
    assert operator.apply(state="absent", delete_crds=True).changes == [
        ("delete", "HelmRelease", f"{operator.namespace}/one"),
        operator.changed("delete", "gadget"),
        operator.changed("delete", "widget"),
    ]
    assert operator.there() == set()


def test_only_what_the_values_turn_on_is_brought_and_two_releases_can_share_it(operator: Operator) -> None:
    lean = operator.operator("lean", values={"extra": {"enabled": False}})
    operator.apply(lean)
    assert operator.there() == {"widget"}
    both = [lean, operator.operator("full")]
    shared = operator.apply(*both)
    assert operator.changed("update", "widget") in shared.changes
    assert operator.apply(*both).changes == []
    # What another release still has does not go with the first.
    assert operator.apply(both[0], purge=True, delete_crds=True).changes == [
        ("delete", "HelmRelease", f"{operator.namespace}/full"),
        operator.changed("delete", "gadget"),
    ]
    assert operator.there() == {"widget"}
    operator.package(operator.charts / "source", "1.0.0", name="rival", size="integer")
    refused = operator.run(operator.operator("lean", "1.1.0"), operator.operator("other", chart="rival"))
    assert refused.failed
    assert f"their charts have different definitions of widgets.{operator.group}" in refused.message


@pytest.mark.parametrize(
    ("labels", "annotations", "said"),
    [
        ({}, {}, "was not made by the platform"),
        ({"entasis.io/platform": "other", "entasis.io/role": "x"}, {}, "belongs to the role x of the platform other"),
        ({}, {"meta.helm.sh/release-name": "y", "meta.helm.sh/release-namespace": "x"}, "the release x/y has it among"),
        ({"applyset.kubernetes.io/part-of": "applyset-x-v1"}, {}, "belongs to a set of k8s_objects"),
    ],
)
def test_definitions_of_others_are_left_alone(
    operator: Operator, labels: dict[str, str], annotations: dict[str, str], said: str
) -> None:
    foreign = operator.definition("widget")
    foreign["metadata"] |= {"labels": labels, "annotations": annotations}
    operator.cluster.kubectl("create", "--filename", "-", manifest=foreign)
    for check in (True, False):
        refused = operator.run(operator.operator(), check=check)
        assert refused.failed
        assert said in refused.message
    assert operator.there() == {"widget"}
    skipped = operator.operator(skip_crds=True)
    assert operator.apply(skipped).changes == [("create", "HelmRelease", f"{operator.namespace}/one")]
    assert operator.apply(skipped).changes == []
    assert operator.there() == {"widget"}
    assert operator.crd("widget")["metadata"].get("labels", {}) == labels


def test_definitions_that_helm_made_are_taken_over_with_their_release(operator: Operator) -> None:
    labels = f"entasis.io/platform={operator.platform},entasis.io/role=helm_releases"
    package = str(operator.charts / "operator-1.0.0.tgz")
    operator.helm("install", "one", package, "--create-namespace", "--labels", labels)
    operator.apply(operator.operator(version="1.1.0"))
    schema = operator.crd("widget")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "colour" in schema["properties"]["spec"]["properties"]
    assert operator.crd("gadget")["metadata"]["labels"]["entasis.io/platform"] == operator.platform


def test_a_chart_that_cannot_be_had_is_refused_before_anything_is_made(operator: Operator) -> None:
    folder = operator.charts / "source" / "operator"
    wanted = [
        operator.operator("missing", chart=str(operator.charts / "operator-9.9.9.tgz"), repository=""),
        operator.operator("unreachable", repository="https://127.0.0.1:1"),
        operator.operator("older", chart=str(folder), repository=""),
        operator.operator("fine", "1.1.0", chart=str(folder), repository=""),
    ]
    for check in (True, False):
        refused = operator.run(*wanted, check=check, mirror="")
        assert refused.failed
        assert len(refused.result["problems"]) == 3
        for said in (
            "missing: there is no chart",
            "connection refused. Check chart, version and repository",
            f"older: the chart in {folder} is operator-1.1.0, not operator-1.0.0.",
        ):
            assert said in refused.message
        assert operator.there() == set()
        assert not operator.cluster.exists("namespace", operator.namespace)
    assert operator.apply(wanted[-1], mirror="").changed
    assert not operator.apply(wanted[-1], mirror="").changed
