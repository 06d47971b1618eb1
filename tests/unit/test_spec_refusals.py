# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The truth table of refused specs: fixtures/refused_specs, where each spec stands beside its exact problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import SpecError
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import parse_platform

FIXTURES = Path(__file__).parent / "fixtures" / "refused_specs"
MINIMAL = {"name": "entasis", "region": "ap-northeast-2"}
POOL = {"name": "general", "instance_type": "c5.2xlarge", "min_size": 1, "max_size": 3}
SERVICE = {"name": "api", "image": "api:1"}
#: Where the problems of a case are, by what the case gives.
PLACES = {
    "spec": "platform",
    "pool": "platform.node_pools[0]",
    "service": "platform.services[0]",
    "rule": "platform.security_groups.frontend.inbound[0]",
}


def _spec(case: dict[str, Any]) -> Any:
    """A case's C(spec), with name and region where it is not C(whole); or keys of one pool, service or rule."""
    if "pool" in case:
        return {**MINIMAL, "services": [], "node_pools": [{**POOL, **case["pool"]}]}
    if "service" in case:
        return {**MINIMAL, "services": [{**SERVICE, **case["service"]}]}
    if "rule" in case:
        return {**MINIMAL, "security_groups": {"frontend": {"inbound": [case["rule"]]}}}
    return case["spec"] if case.get("whole") else {**MINIMAL, **case["spec"]}


def _problems(case: dict[str, Any]) -> list[str]:
    """A case's problems, each with the whole path: written are those that begin elsewhere, and what is below."""
    [place] = PLACES.keys() & case.keys()
    written = [text.replace("{releases}", ", ".join(RELEASES)) for text in case.get("problems") or [case["problem"]]]
    return [text if text.startswith("platform") else f"{PLACES[place]}.{text}" for text in written]


def refused_specs() -> list[Any]:
    """Every case of the table."""
    return [
        pytest.param(_spec(case), _problems(case), id=f"{path.stem}: {case['case']}")
        for path in sorted(FIXTURES.glob("*.yml"))
        for case in yaml.safe_load(path.read_text())
    ]


@pytest.mark.parametrize(("spec", "problems"), refused_specs())
def test_refused_with_exactly_these_problems(spec: Any, problems: list[str]) -> None:
    with pytest.raises(SpecError) as raised:
        parse_platform(spec)
    assert list(raised.value.problems) == problems


def test_one_message_lists_every_problem() -> None:
    with pytest.raises(SpecError) as raised:
        parse_platform({"name": "entasis", "region": "seoul", "purge": "yes"})
    assert str(raised.value) == (
        "The spec has 2 problems:\n"
        "- platform.region: 'seoul' is not a region; write it as AWS does, such as ap-northeast-2\n"
        "- platform.purge: a text where true or false is expected; write true or false, without quotes"
    )


def test_one_problem_is_called_one() -> None:
    with pytest.raises(SpecError, match=r"\AThe spec has a problem:\n- platform: 'region' is missing; write it\Z"):
        parse_platform({"name": "entasis"})


def test_every_problem_has_its_path_and_what_to_write() -> None:
    for case in refused_specs():
        for problem in case.values[1]:
            _path, colon, text = problem.partition(": ")
            assert colon
            assert any(word in text for word in ("write", "remove")), problem


def test_more_tags_than_aws_takes() -> None:
    with pytest.raises(SpecError, match=r"platform\.tags: 41 of at most 40; write fewer"):
        parse_platform({**MINIMAL, "tags": {f"key-{number}": "" for number in range(41)}})


def test_no_problem_repeats_a_secret() -> None:
    secret = "c2VjcmV0LWtleS1vZi10aGUtdGVzdA=="
    bad = [
        {"resources": ["secrets"], "providers": [{"aescbd": {"keys": [{"name": "key1", "secret": secret}]}}]},
        {"resources": ["secrets"], "providers": [{"aescbc": {"keys": [{"name": "key1", secret: None, 1: secret}]}}]},
        {"resources": ["secrets"], "providers": secret},
    ]
    with pytest.raises(SpecError) as raised:
        parse_platform({**MINIMAL, "encryption": bad})
    assert len(raised.value.problems) == 3
    assert secret not in str(raised.value)
