# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""The options of gpu_node_ready that say what is expected, checked: all that is wrong with them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import (
    GPU_RESOURCE,
    ConditionRule,
    Conditions,
    Config,
    DevicePlugin,
    ProductPattern,
    TaintPattern,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import CODES, LASTING
from ansible_collections.entasis.engine.plugins.module_utils._gpu.scheduling import matches
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import FAIL_FAST_AFTER, Goal, Percent

T = TypeVar("T")

_VERSION = re.compile(r"\d+(\.\d+)*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_RESOURCE = re.compile(r"[a-z0-9.-]+/[\w.-]+")
_STATUSES = ("True", "False", "Unknown")


class OptionsError(ValueError):
    """Options that cannot be used. C(problems) has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def parse(given: Mapping[str, Any]) -> tuple[Config, Goal]:
    """What is expected of each node, and of how many. An option that is absent or null has its default.

    Raises:
        OptionsError: with all problems.
    """
    options = {key: value for key, value in given.items() if value is not None}
    problems: list[str] = []
    config = _config(options, problems)
    goal = _goal(options, problems)
    problems += _contradictions(config, goal)
    if problems:
        raise OptionsError(problems)
    return config, goal


def _config(options: Mapping[str, Any], problems: list[str]) -> Config:
    def taints(name: str) -> tuple[TaintPattern, ...]:
        return _each(name, options.get(name, ()), TaintPattern.parse, problems)

    resource = str(options.get("gpu_resource", GPU_RESOURCE))
    if not _RESOURCE.fullmatch(resource):
        problems.append(f"gpu_resource is '{resource}'. Write a name such as nvidia.com/gpu.")
    released = options.get("release_taint")
    ignored = (TaintPattern(released["key"], released.get("value") or "", released.get("effect")),) if released else ()
    return Config(
        gpu_resource=resource,
        expected_gpus=_expected_gpus(str(options.get("expected_gpus", "auto")), problems),
        expected_product=_one("expected_product", options.get("expected_product"), ProductPattern.parse, problems),
        min_driver_version=_version("min_driver_version", options, problems),
        min_cuda_version=_version("min_cuda_version", options, problems),
        mig_strategy=options.get("mig_strategy"),
        mig_profiles=_profiles(options.get("mig_profiles", {}), problems),
        mode=options.get("mode", "auto"),
        require_schedulable=options.get("require_schedulable", True),
        expected_taints=taints("expected_taints"),
        # The taint that is lifted once the node is ready must not be what it waits for.
        ignore_taints=(*taints("ignore_taints"), *ignored),
        startup_taints=taints("startup_taints"),
        device_plugin=_device_plugin(options.get("device_plugin", {}), problems),
        conditions=_conditions(options.get("conditions", {}), problems),
        exclude_deleting=options.get("exclude_deleting", True),
        ignore_reasons=frozenset(_each("ignore_reasons", options.get("ignore_reasons", ()), _code_of_a_node, problems)),
    )


def _goal(options: Mapping[str, Any], problems: list[str]) -> Goal:
    expected = options.get("expected_count")
    if expected is not None and expected < 0:
        problems.append(f"expected_count is {expected}. Write a number of nodes.")
    return Goal(
        expected_count=expected,
        min_ready=_one("min_ready", options.get("min_ready"), _min_ready, problems),
        allow_empty=options.get("allow_empty", False),
        names=frozenset(options.get("nodes", ())),
        fail_fast=_fail_fast(options, problems),
    )


def _contradictions(config: Config, goal: Goal) -> list[str]:
    found = []
    if goal.expected_count is not None and isinstance(goal.min_ready, int) and goal.min_ready > goal.expected_count:
        found.append(f"min_ready is {goal.min_ready}, more than expected_count, which is {goal.expected_count}.")
    if config.mode == "dra" and config.expected_gpus == "peers_max":
        found.append("expected_gpus is peers_max, which needs the device plugin's resource: it cannot be had with DRA.")
    if config.mig_profiles and config.mig_strategy == "none":
        found.append("mig_profiles are given, and mig_strategy is none.")
    if len(config.mig_profiles) > 1 and config.mig_strategy == "single":
        found.append("mig_strategy is single, so all partitions are alike: mig_profiles can have one entry only.")
    if isinstance(config.expected_gpus, int) and config.mig_strategy == "mixed" and config.gpu_resource == GPU_RESOURCE:
        found.append(
            "expected_gpus is a number, and mig_strategy mixed has a number for each profile: set mig_profiles."
        )
    return found


def _expected_gpus(text: str, problems: list[str]) -> int | Literal["auto", "peers_max", "skip"]:
    if text == "peers_max":
        return "peers_max"
    if text == "skip":
        return "skip"
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text != "auto":
        problems.append(f"expected_gpus is '{text}'. Write auto, peers_max, skip, or a whole number of at least 1.")
    return "auto"


def _min_ready(given: Any) -> int | Percent:
    text = str(given).strip()
    percent = _PERCENT.fullmatch(text)
    if percent and 0 < float(percent[1]) <= 100:
        return Percent(float(percent[1]))
    if text.isdecimal():
        return int(text)
    raise ValueError(f"'{text}' is neither a number of nodes nor a percentage above 0% and at most 100%")


def _version(name: str, options: Mapping[str, Any], problems: list[str]) -> tuple[int, ...]:
    text = str(options.get(name, ""))
    if text and not _VERSION.fullmatch(text):
        problems.append(f"{name} is '{text}'. Write numbers with dots between them, such as 570.86.")
    return labels.version(text)


def _profiles(given: Mapping[str, Any], problems: list[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for profile, count in given.items():
        if count is not None and not (str(count).isdecimal() and int(count) > 0):
            problems.append(f"mig_profiles.{profile} is '{count}'. Write a number of at least 1, or null for any.")
        else:
            found[str(profile)] = None if count is None else int(count)
    return found


def _device_plugin(given: Mapping[str, Any], problems: list[str]) -> DevicePlugin:
    values = {key: value for key, value in given.items() if value is not None}
    if "selectors" in values:
        values["selectors"] = _each("device_plugin.selectors", values["selectors"], _selector, problems)
    return DevicePlugin(**values)


def _conditions(given: Mapping[str, Any], problems: list[str]) -> Conditions:
    values = {key: value for key, value in given.items() if value is not None}
    for name in ("require", "forbid"):
        values[name] = _each(f"conditions.{name}", values.get(name, ()), _condition_rule, problems)
    values["ignore"] = frozenset(values.get("ignore", ()))
    values["presets"] = tuple(values.get("presets", Conditions.presets))
    if float(values.get("min_age", 0)) < 0:
        problems.append(f"conditions.min_age is {values['min_age']}. Write a number of seconds of at least 0.")
    return Conditions(**values)


def _fail_fast(options: Mapping[str, Any], problems: list[str]) -> dict[str, float]:
    after = float(options.get("fail_fast_after", FAIL_FAST_AFTER))
    if after < 0:
        problems.append(f"fail_fast_after is {after:g}. Write a number of seconds of at least 0.")
    chosen = _each("fail_fast_reasons", options.get("fail_fast_reasons", LASTING), _code_of_a_node, problems)
    return dict.fromkeys(chosen, after)


def _code_of_a_node(text: str) -> str:
    known = [row.code for row in CODES.values() if row.given_by == "rules" and row.layer != "L0"]
    if text in known:
        return text
    near = difflib.get_close_matches(text.upper(), known, n=1)
    raise ValueError(f"'{text}' is no reason that a node can have" + (f", did you mean {near[0]}?" if near else ""))


def _selector(text: str) -> str:
    matches(text, {})
    return text


def _condition_rule(given: Mapping[str, Any]) -> ConditionRule:
    status = str(given.get("status") or "True")
    if not given.get("type"):
        raise ValueError("an entry has no type")
    if status not in _STATUSES:
        raise ValueError(f"the status of {given['type']} is '{status}', not one of {', '.join(_STATUSES)}")
    return ConditionRule(str(given["type"]), status)


def _one(name: str, given: Any, make: Callable[[Any], T], problems: list[str]) -> T | None:
    made = _each(name, () if given is None else (given,), make, problems)
    return made[0] if made else None


def _each(name: str, given: Iterable[Any], make: Callable[[Any], T], problems: list[str]) -> tuple[T, ...]:
    made = []
    for one in given:
        try:
            made.append(make(one))
        except ValueError as error:
            problems.append(f"{name}: {error}.")
    return tuple(made)
