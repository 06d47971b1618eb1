# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The options of gpu_node_ready beyond what the argument spec checks: all that is wrong with them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ansible_collections.entasis.engine.plugins.module_utils._gpu import labels, node_condition
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import (
    GPU_RESOURCE,
    ConditionRule,
    Conditions,
    Config,
    DevicePlugin,
    ProductPattern,
    TaintPattern,
)
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import LASTING, OF_A_NODE
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import options as smoke_options
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import Selection
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Goal, Patience, Percent

T = TypeVar("T")

_VERSION = re.compile(r"\d+(\.\d+)*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_SELECTOR = re.compile(r"[\w./-]+=[\w.-]*")
_RESOURCE = re.compile(r"[a-z0-9.-]+/[\w.-]+")

#: The label of a pool's nodes, by who makes them.
_POOL_LABELS = {"nodegroup": "eks.amazonaws.com/nodegroup", "karpenter": "karpenter.sh/nodepool"}

#: The least that a number may be, by the option and, within a group, the suboption.
_LEAST = {
    ("timeout",): 0,
    ("stable_for",): 0,
    ("lease_max_age",): 0,
    ("expected_count",): 0,
    ("fail_fast_after",): 0,
    ("conditions", "min_age"): 0,
    ("smoke", "parallelism"): 1,
    ("smoke", "timeout"): 1,
}


class OptionsError(ValueError):
    """Options that cannot be used. C(problems) has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """What a run does. C(condition) is empty where none is written."""

    only_looks: bool
    selection: Selection
    config: Config
    goal: Goal
    patience: Patience
    smoke: SmokeOptions
    release_taint: TaintPattern | None
    condition: str


def parse(given: Mapping[str, Any]) -> Settings:
    """The options of the module, whose types, choices and defaults are those of its argument spec.

    Raises:
        OptionsError: with all problems.
    """
    problems = [*_too_small(given)]
    condition = given["condition"] or ""
    if condition:
        problems += node_condition.problems(condition)
    released = _released(given["release_taint"], problems)
    config, goal = _config(given, released, problems), _goal(given, problems)
    smoke = smoke_options.parse(
        given["smoke"], problems, gpu_resource=config.gpu_resource, release_taint=released, condition=condition
    )
    selection = _selection(given, problems)
    problems += _contradictions(config, goal)
    if problems:
        raise OptionsError(problems)
    return Settings(
        only_looks=given["state"] == "report",
        selection=selection,
        config=config,
        goal=goal,
        patience=Patience(given["timeout"], given["stable_for"]),
        smoke=smoke,
        release_taint=released,
        condition=condition,
    )


def _too_small(given: Mapping[str, Any]) -> Iterable[str]:
    for path, least in _LEAST.items():
        value: Any = given
        for name in path:
            value = value[name]
        if value is not None and value < least:
            yield f"{'.'.join(path)} is {value}. Write a number of at least {least}."


def _released(given: Mapping[str, Any] | None, problems: list[str]) -> TaintPattern | None:
    if given is None:
        return None
    if not re.fullmatch(r"[\w./-]+", given["key"]):
        problems.append(f"release_taint.key is '{given['key']}'. Write the key of a taint.")
    return TaintPattern(given["key"], given["value"] or "", given["effect"])


def _config(given: Mapping[str, Any], released: TaintPattern | None, problems: list[str]) -> Config:
    def taints(name: str) -> tuple[TaintPattern, ...]:
        return _each(name, given[name], TaintPattern.parse, problems)

    resource = given["gpu_resource"]
    if not _RESOURCE.fullmatch(resource):
        problems.append(f"gpu_resource is '{resource}'. Write a name such as nvidia.com/gpu.")
    plugin, conditions = given["device_plugin"], given["conditions"]
    selectors = _each("device_plugin.selectors", plugin["selectors"], _selector, problems)
    return Config(
        gpu_resource=resource,
        expected_gpus=_expected_gpus(given["expected_gpus"], problems),
        expected_product=_one("expected_product", given, ProductPattern.parse, problems),
        min_driver_version=_one("min_driver_version", given, _version, problems) or (),
        min_cuda_version=_one("min_cuda_version", given, _version, problems) or (),
        mig_strategy=given["mig_strategy"],
        mig_profiles=dict(_each("mig_profiles", (given["mig_profiles"] or {}).items(), _profile, problems)),
        mode=given["mode"],
        expected_taints=taints("expected_taints"),
        # The taint that is lifted once the node is ready must not be what it waits for.
        ignore_taints=(*taints("ignore_taints"), *filter(None, [released])),
        startup_taints=taints("startup_taints"),
        device_plugin=DevicePlugin(plugin["mode"], plugin["namespace"] or "", selectors),
        conditions=Conditions(
            rules=tuple(
                ConditionRule(one["type"], one["status"], required=name == "require")
                for name in ("require", "forbid")
                for one in conditions[name]
            ),
            ignore=frozenset(conditions["ignore"]),
            min_age=float(conditions["min_age"]),
        ),
        ignore_reasons=frozenset(_each("ignore_reasons", given["ignore_reasons"], _code_of_a_node, problems)),
        lease_max_age=float(given["lease_max_age"]),
    )


def _goal(given: Mapping[str, Any], problems: list[str]) -> Goal:
    chosen = LASTING if given["fail_fast_reasons"] is None else given["fail_fast_reasons"]
    codes = _each("fail_fast_reasons", chosen, _code_of_a_node, problems)
    return Goal(
        expected_count=given["expected_count"],
        min_ready=_one("min_ready", given, _min_ready, problems),
        allow_empty=given["allow_empty"],
        names=frozenset(given["nodes"] or ()),
        fail_fast=dict.fromkeys(codes, float(given["fail_fast_after"])),
    )


def _selection(given: Mapping[str, Any], problems: list[str]) -> Selection:
    """Which nodes; the argument spec has seen to it that exactly one option says so."""
    names, pool, selector = given["nodes"], given["node_pool"], given["label_selector"]
    if names is not None:
        if not names or "" in names:
            problems.append("nodes is empty, or has an empty name. Name at least one node.")
        return Selection(names=frozenset(names))
    if pool is not None:
        if not pool["name"]:
            problems.append("node_pool.name is empty. Write the name of the pool.")
        return Selection(f"{_POOL_LABELS[pool['type']]}={pool['name']}")
    if not selector:
        problems.append("label_selector is empty, which would be every node. Write at least one label.")
    return Selection(selector)


def _contradictions(config: Config, goal: Goal) -> Iterable[str]:
    if goal.expected_count is not None and isinstance(goal.min_ready, int) and goal.min_ready > goal.expected_count:
        yield f"min_ready is {goal.min_ready}, more than expected_count, which is {goal.expected_count}."
    if config.mig_profiles and config.mig_strategy == "none":
        yield "mig_profiles are given, and mig_strategy is none."
    if len(config.mig_profiles) > 1 and config.mig_strategy == "single":
        yield "mig_strategy is single, so all partitions are alike: mig_profiles can have one entry only."
    if isinstance(config.expected_gpus, int) and config.mig_strategy == "mixed" and config.gpu_resource == GPU_RESOURCE:
        yield "expected_gpus is a number, and mig_strategy mixed has a number for each profile: set mig_profiles."


def _expected_gpus(text: str, problems: list[str]) -> int | Literal["auto", "skip"]:
    if text == "skip":
        return "skip"
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text != "auto":
        problems.append(f"expected_gpus is '{text}'. Write auto, skip, or a whole number of at least 1.")
    return "auto"


def _min_ready(text: str) -> int | Percent:
    percent = _PERCENT.fullmatch(text.strip())
    if percent and 0 < float(percent[1]) <= 100:
        return Percent(float(percent[1]))
    if text.strip().isdecimal():
        return int(text)
    raise ValueError(f"'{text}' is neither a number of nodes nor a percentage above 0% and at most 100%")


def _version(text: str) -> tuple[int, ...]:
    if not _VERSION.fullmatch(text):
        raise ValueError(f"'{text}' is no version. Write numbers with dots between them, such as 570.86")
    return labels.version(text)


def _profile(given: tuple[str, Any]) -> tuple[str, int | None]:
    profile, count = given
    if count is not None and not (str(count).isdecimal() and int(count) > 0):
        raise ValueError(f"{profile} is '{count}'. Write a number of at least 1, or null for any")
    return str(profile), None if count is None else int(count)


def _code_of_a_node(text: str) -> str:
    if text in OF_A_NODE:
        return text
    near = difflib.get_close_matches(text.upper(), OF_A_NODE, n=1)
    raise ValueError(f"'{text}' is no reason that a node can have" + (f", did you mean {near[0]}?" if near else ""))


def _selector(text: str) -> str:
    if not _SELECTOR.fullmatch(text):
        raise ValueError(f"'{text}' is no label with a value. Write key=value")
    return text


def _one(name: str, given: Mapping[str, Any], make: Callable[[Any], T], problems: list[str]) -> T | None:
    """The option as C(make) reads it, None where it is not given."""
    made = _each(name, () if given[name] is None else (given[name],), make, problems)
    return made[0] if made else None


def _each(name: str, given: Iterable[Any], make: Callable[[Any], T], problems: list[str]) -> tuple[T, ...]:
    made = []
    for one in given:
        try:
            made.append(make(one))
        except ValueError as error:
            problems.append(f"{name}: {error}.")
    return tuple(made)
