# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/spec.md and the JSON Schema say what the parser does, because they are made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import keys
from jsonschema import Draft7Validator, ValidationError

from scripts import spec
from tests.support.document import spec_blocks
from tests.unit.test_spec_meaning import FULL
from tests.unit.test_spec_refusals import refused_specs

INVENTORIES = sorted((Path(__file__).resolve().parents[2] / "inventories").glob("*/group_vars/all/platform.yml"))
VALIDATOR = Draft7Validator(json.loads(spec.schema()))
#: What the parser says of a type, an unknown key and a range. Dates are no JSON, and conditions of other keys no range.
BY_SCHEMA = re.compile(
    r"(a|true or) .* where (a|true or) .* is expected|a number with a point|"
    r"unknown key '|is a moment that YAML has read|"
    r"-?\d+ is (less|more) than \d+;|\d+ of at (least|most) \d+;|'.*' has \d+ characters; write at most"
)


def test_the_page_and_the_schema_are_fresh() -> None:
    assert spec.PAGE.read_text() == spec.page(spec.PAGE.read_text()), "write it anew: make docs"
    assert spec.SCHEMA.read_text() == spec.schema(), "write it anew: make docs"


def test_the_page_has_a_table_of_each_section() -> None:
    """A rule of outbound differs from one of inbound by the name of one key."""
    assert sorted([*spec.tables(spec.PAGE.read_text()), "OutboundRule"]) == sorted(spec.KINDS)


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parts[-4])
def test_the_schema_takes_every_inventory(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


def test_the_schema_takes_what_the_parser_takes() -> None:
    VALIDATOR.validate({"entasis_platform": {**FULL, **spec_blocks()}})
    VALIDATOR.validate({"entasis_platform": dict.fromkeys(keys(Platform)) | FULL})


def _paths(errors: Iterable[ValidationError]) -> Iterator[str]:
    for error in errors:
        steps = list(error.absolute_path)[1:]
        yield "platform" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        yield from _paths(error.context or ())


@pytest.mark.parametrize(("whole", "problems"), refused_specs())
def test_the_schema_refuses_types_keys_and_ranges_in_the_same_places(whole: Any, problems: list[str]) -> None:
    told = [problem.split(": ", 1) for problem in problems]
    wanted = {path for path, text in told if BY_SCHEMA.match(text) and "plain data" not in text}
    assert wanted <= set(_paths(VALIDATOR.iter_errors({"entasis_platform": whole})))


def test_enough_refusals_are_of_these_kinds() -> None:
    found = [text for case in refused_specs() for text in case.values[1] if BY_SCHEMA.match(text.split(": ", 1)[1])]
    assert len(found) > 20


def test_the_deviations_that_the_tests_know_are_explained() -> None:
    text = spec.PAGE.read_text().partition("## Where the platform deviates from the document")[2]
    for word in ("`cpu: 1`", "VerticalPodAutoscaler", "`Egress`", "prometheus.io/scrape"):
        assert word in text
