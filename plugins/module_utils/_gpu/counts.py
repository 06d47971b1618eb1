# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The set of nodes as numbers that are kept up to date node by node, however many there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason
from ansible_collections.entasis.engine.plugins.module_utils._gpu.report import NodeReport


@dataclass
class Counts:
    """The reports of all nodes, and how many of them are what.

    L(put) and L(remove) cost the reasons of one node; reading a number costs nothing.
    """

    ready: int = 0
    total: int = 0
    capacity: int = 0
    allocatable: int = 0
    expected: int = 0
    #: For each code the nodes that have it.
    _having: dict[str, dict[str, Reason]] = field(default_factory=dict)
    _reports: dict[str, NodeReport] = field(default_factory=dict)
    _unknown_types: Counter[str] = field(default_factory=Counter)

    def put(self, report: NodeReport) -> None:
        """Take in the newest report of a node, in place of an older one of the same name."""
        self.remove(report.name)
        self._reports[report.name] = report
        if report.excluded:
            return
        self._add(report, 1)
        for reason in report.reasons:
            self._having.setdefault(reason.code, {})[report.name] = reason

    def remove(self, name: str) -> None:
        """Forget a node. One that is not known is no error."""
        report = self._reports.pop(name, None)
        if report is None or report.excluded:
            return
        self._add(report, -1)
        for reason in report.reasons:
            self._having[reason.code].pop(name, None)

    def get(self, name: str) -> NodeReport | None:
        """The newest report of a node, also of an excluded one."""
        return self._reports.get(name)

    def nodes(self) -> list[NodeReport]:
        """The reports of the set, in the order of the names. This looks at all of them."""
        return sorted((one for one in self._reports.values() if not one.excluded), key=lambda one: one.name)

    def has(self, name: str) -> bool:
        """Whether the node is one of the set."""
        return name in self._reports and not self._reports[name].excluded

    def by_code(self) -> dict[str, int]:
        """How many nodes have each reason."""
        return {code: len(nodes) for code, nodes in self._having.items() if nodes}

    def example(self, code: str) -> tuple[str, Reason]:
        """A node that has this reason: the first of the names, so that it is the same in every run.

        Raises:
            KeyError: no node has it.
        """
        name = min(self._having[code])
        return name, self._having[code][name]

    def unknown_types(self) -> list[str]:
        """Instance types of which it is not known how many GPUs they have, though that was asked."""
        return sorted(name for name, nodes in self._unknown_types.items() if nodes)

    def _add(self, report: NodeReport, sign: int) -> None:
        self.total += sign
        self.ready += sign * report.ready
        self.capacity += sign * (report.capacity or 0)
        self.allocatable += sign * (report.allocatable or 0)
        self.expected += sign * (report.expected or 0)
        if report.expected is None and not report.expected_from:
            self._unknown_types[report.instance_type] += sign
