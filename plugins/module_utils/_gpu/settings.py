# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""All options of gpu_node_ready, checked: which nodes, what is expected of them, how long to wait, what to do then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.entasis.engine.plugins.module_utils._gpu import node_condition, options
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import Config
from ansible_collections.entasis.engine.plugins.module_utils._gpu.options import OptionsError
from ansible_collections.entasis.engine.plugins.module_utils._gpu.patience import Patience
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke import options as smoke_options
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SmokeOptions
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import Selection
from ansible_collections.entasis.engine.plugins.module_utils._gpu.taints import Taint
from ansible_collections.entasis.engine.plugins.module_utils._gpu.verdict import Goal

T = TypeVar("T")

#: The label of a pool's nodes, by who makes them.
_POOL_LABELS = {"nodegroup": "eks.amazonaws.com/nodegroup", "karpenter": "karpenter.sh/nodepool"}

#: Options that are numbers, with the least that they may be.
_LEAST = {"timeout": 0, "stable_for": 0, "lease_max_age": 0, "max_report_nodes": 0, "progress_interval": 1}


@dataclass(frozen=True)
class Settings:
    """What a run does. C(condition) is empty where none is written."""

    only_looks: bool
    selection: Selection
    config: Config
    goal: Goal
    patience: Patience
    smoke: SmokeOptions
    release_taint: Taint | None
    condition: str
    progress_interval: float
    max_report_nodes: int


def parse(given: Mapping[str, Any]) -> Settings:
    """The options of the module; the argument spec has checked their types, and that one says which nodes.

    Raises:
        OptionsError: with all problems.
    """
    problems = [
        f"{name} is {given[name]}. Write a number of at least {least}."
        for name, least in _LEAST.items()
        if given[name] < least
    ]
    condition = given["condition"] or ""
    if condition:
        problems += filter(None, [node_condition.problem(condition)])
    released = _tried(problems, lambda: Taint.parse(given["release_taint"]) if given["release_taint"] else None)
    smoke = _tried(
        problems,
        lambda: smoke_options.parse(
            given["smoke"], gpu_resource=given["gpu_resource"], release_taint=released, condition=condition
        ),
    )
    expected = _tried(problems, lambda: options.parse(given))
    selection = _tried(problems, lambda: _selection(given))
    if problems or smoke is None or expected is None or selection is None:
        raise OptionsError(problems)
    config, goal = expected
    config = dataclasses.replace(config, lease_max_age=float(given["lease_max_age"]))
    return Settings(
        only_looks=given["state"] == "report",
        selection=selection,
        config=config,
        goal=goal,
        patience=Patience(given["timeout"], given["stable_for"]),
        smoke=smoke,
        release_taint=released,
        condition=condition,
        progress_interval=given["progress_interval"],
        max_report_nodes=given["max_report_nodes"],
    )


def _tried(problems: list[str], parse_one: Callable[[], T]) -> T | None:
    """What a parser gives; what is wrong is a problem among others."""
    try:
        return parse_one()
    except ValueError as error:
        problems.append(str(error))
        return None


def _selection(given: Mapping[str, Any]) -> Selection:
    names, pool, selector = given["nodes"], given["node_pool"], given["label_selector"]
    if names is not None:
        if not names or "" in names:
            raise ValueError("nodes is empty, or has an empty name. Name at least one node.")
        return Selection(names=frozenset(names))
    if pool is not None:
        if not pool["name"]:
            raise ValueError("node_pool.name is empty. Write the name of the pool.")
        return Selection(f"{_POOL_LABELS[pool['type']]}={pool['name']}")
    if not selector:
        raise ValueError("label_selector is empty, which would be every node. Write at least one label.")
    return Selection(selector)
