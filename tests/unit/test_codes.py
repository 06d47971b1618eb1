# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/codes.md says what the tables of codes say, and every reason of a GPU node is one that a test names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu import reasons
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import refusals

from scripts import codes

TESTS = Path(__file__).resolve().parents[1]


def test_the_page_is_fresh() -> None:
    assert codes.PAGE.read_text() == codes.page(), "write it anew: make docs"


def test_the_page_has_every_code_once() -> None:
    cells = [line.split("|")[1].strip(" `") for line in codes.page().splitlines() if line.startswith("| `")]
    assert cells == [*reasons.CODES, *refusals.CODES]


@pytest.mark.parametrize("row", [*reasons.CODES.values(), *refusals.CODES.values()], ids=lambda row: row.code)
def test_a_row_is_complete(row: reasons.Code | refusals.Code) -> None:
    for text in (row.meaning, row.remedy):
        assert text.endswith(".")


def test_every_reason_has_a_layer() -> None:
    assert {row.layer for row in reasons.CODES.values()} == set(reasons.LAYERS)


def _said_in(path: Path) -> Iterator[str]:
    """The texts of a test module but its docstrings, in which a code proves nothing."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_every_reason_that_no_rule_gives_is_provoked_in_a_test() -> None:
    """Those that the rules give are provoked in gpu/test_evaluate.py, which compares with the table itself."""
    modules = [
        *TESTS.glob("unit/gpu/test_smoke*.py"),
        *TESTS.glob("unit/gpu/test_verdict.py"),
        *TESTS.glob("integration/test_gpu_node_ready*.py"),
    ]
    said = {word for path in modules for text in _said_in(path) for word in re.findall(r"[A-Z_]+", text)}
    assert reasons.CODES.keys() - said - set(reasons.OF_A_NODE) == set()
