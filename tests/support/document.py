# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The document that the platform comes from: its blocks, and what of its manifests runs otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FIXTURE = Path(__file__).resolve().parents[1] / "unit" / "fixtures" / "document.txt"


def _blocks() -> list[Any]:
    return list(yaml.safe_load_all(FIXTURE.read_text()))


def spec_blocks() -> dict[str, Any]:
    """The blocks that the spec takes word for word, by their keys."""
    return {key: value for block in _blocks() if "kind" not in block for key, value in block.items()}


#: The document's Kubernetes manifests by their kinds.
MANIFESTS = {block["kind"]: block for block in _blocks() if "kind" in block}

#: Fields of the document's manifests that the plan holds otherwise, and why. docs/spec.md explains the same list.
DEVIATIONS = {
    # Quantities are texts in the API of Kubernetes, which takes a number as a shorthand.
    "Deployment.spec.template.spec.containers[0].resources.requests.cpu": "1",
    "Deployment.spec.template.spec.containers[0].resources.limits.cpu": "2",
}
#: Manifests that are not planned. Auto would change the CPU requests that the HPA of the same Deployment measures by.
LEFT_OUT = {"VerticalPodAutoscaler"}


def leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, node


def differing(manifests: dict[str, Any]) -> dict[str, Any]:
    """The fields of the document's manifests, but for those left out, that these manifests (by kind) hold otherwise."""
    there = dict(leaf for kind, manifest in manifests.items() for leaf in leaves(manifest, kind))
    written = dict(
        leaf for kind, manifest in MANIFESTS.items() for leaf in leaves(manifest, kind) if kind not in LEFT_OUT
    )
    assert len(written) > 30
    return {path: there.get(path) for path, value in written.items() if there.get(path) != value}
