# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the tables of docs/spec.md and docs/entasis_platform.schema.json from the spec's sections and the releases."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import json_schema, kinds, rows

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "spec.md"
SCHEMA = DOCS / "entasis_platform.schema.json"

KINDS = {kind.__name__: kind for kind in kinds(Platform)}
_TABLE = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_RELEASES = re.compile(r"(<!-- releases -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = ["| key | form | default | meaning |", "|---|---|---|---|"]


def page(text: str) -> str:
    """The page with each table between its marks made anew."""
    text = _TABLE.sub(lambda mark: mark[1] + "\n".join([*_HEAD, *rows(KINDS[mark[2]])]) + "\n" + mark[3], text)
    return _RELEASES.sub(lambda mark: mark[1] + "\n".join(_releases()) + "\n" + mark[2], text)


def _releases() -> list[str]:
    """The rows of the platform's own releases."""
    head = ["| release | version | namespace | not installed where | needs |", "|---|---|---|---|---|"]
    cells = (
        (one.name, one.version, one.namespace, one.absent_because or "—", ", ".join(one.needs) or "—")
        for one in RELEASES.values()
    )
    return head + [f"| {' | '.join(row)} |" for row in cells]


def tables(text: str) -> list[str]:
    """The sections that the page has a table of."""
    return [mark[2] for mark in _TABLE.finditer(text)]


def schema() -> str:
    """The JSON Schema, a line for each section."""
    whole = json_schema(Platform, "entasis_platform")
    sections = (
        f"{json.dumps(name)}: {json.dumps(found, ensure_ascii=False)}"
        for name, found in whole.pop("definitions").items()
    )
    return json.dumps(whole)[:-1] + ', "definitions": {\n' + ",\n".join(sections) + "\n}}\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    SCHEMA.write_text(schema())
