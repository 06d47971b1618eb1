# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The set of nodes as numbers that are kept up to date node by node, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason


@dataclass
class Counts:
    """The reports of all nodes, and how many of them are what.

    L(put) and L(remove) cost the reasons of one node; reading a number costs nothing. C(fail_fast) are the seconds
    after which a reason counts as lasting, by code: a node that has had one for so long is hopeless.
    """

    fail_fast: Mapping[str, float] = field(default_factory=dict)
    ready: int = 0
    total: int = 0
    capacity: int = 0
    allocatable: int = 0
    expected: int = 0
    #: For each code the nodes that have it.
    _having: dict[str, dict[str, Reason]] = field(default_factory=dict)
    _reports: dict[str, NodeReport] = field(default_factory=dict)
    #: For each code of fail_fast since when nodes have it, the longest first, until that is long enough.
    _young: dict[str, dict[str, float]] = field(default_factory=dict)
    #: The codes that each node has had for long enough, and how many nodes have each.
    _hopeless: dict[str, set[str]] = field(default_factory=dict)
    _hopeless_codes: Counter[str] = field(default_factory=Counter)
    _rechecks: dict[str, float] = field(default_factory=dict)
    _unknown_types: Counter[str] = field(default_factory=Counter)

    def put(self, report: NodeReport, at: float) -> None:
        """Take in the newest report of a node, in place of an older one of the same name.

        C(at) is a clock's time in seconds that never goes back (time.monotonic). A reason that the node had before
        keeps its time, unless it is another machine under the same name.
        """
        old = self._reports.get(report.name)
        reasons = () if report.excluded else report.reasons
        if old is not None:
            self._add(old, -1)
            kept = {one.code for one in reasons} if old.uid == report.uid else set()
            self._forget(report.name, {one.code for one in old.reasons} - kept)
        self._reports[report.name] = report
        self._add(report, 1)
        for reason in reasons:
            having = self._having.setdefault(reason.code, {})
            if report.name not in having and reason.code in self.fail_fast:
                self._young.setdefault(reason.code, {})[report.name] = at
            having[report.name] = reason
        if report.recheck_at is not None:
            self._rechecks[report.name] = report.recheck_at
        else:
            self._rechecks.pop(report.name, None)

    def remove(self, name: str) -> None:
        """Forget a node. One that is not known is no error."""
        report = self._reports.pop(name, None)
        if report is not None:
            self._add(report, -1)
            self._forget(name, {one.code for one in report.reasons})
            self._rechecks.pop(name, None)

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

    def hopeless(self, at: float) -> dict[str, int]:
        """How many nodes have had each reason of C(fail_fast) for so long that waiting is in vain."""
        for code, nodes in self._young.items():
            while nodes:
                name = next(iter(nodes))
                if at - nodes[name] < self.fail_fast[code]:
                    break
                del nodes[name]
                self._hopeless.setdefault(name, set()).add(code)
                self._hopeless_codes[code] += 1
        return {code: nodes for code, nodes in self._hopeless_codes.items() if nodes}

    def hopeless_nodes(self, at: float) -> int:
        """How many nodes are hopeless, each counted once."""
        self.hopeless(at)
        return len(self._hopeless)

    def next_hopeless(self) -> float | None:
        """When the next node becomes hopeless if nothing changes, on the clock of L(put)."""
        times = [next(iter(nodes.values())) + self.fail_fast[code] for code, nodes in self._young.items() if nodes]
        return min(times, default=None)

    def due(self, now: float) -> list[str]:
        """The nodes to evaluate again because time alone changes them. C(now) is in seconds since 1970."""
        return [name for name, when in self._rechecks.items() if when <= now]

    def next_due(self) -> float | None:
        """When the next node is due, in seconds since 1970."""
        return min(self._rechecks.values(), default=None)

    def _add(self, report: NodeReport, sign: int) -> None:
        if report.excluded:
            return
        self.total += sign
        self.ready += sign * report.ready
        self.capacity += sign * (report.capacity or 0)
        self.allocatable += sign * (report.allocatable or 0)
        self.expected += sign * (report.expected or 0)
        if report.expected is None and not report.expected_from:
            self._unknown_types[report.instance_type] += sign

    def _forget(self, name: str, codes: set[str]) -> None:
        hopeless = self._hopeless.pop(name, set())
        self._hopeless_codes.subtract(hopeless & codes)
        if hopeless - codes:
            self._hopeless[name] = hopeless - codes
        for code in codes:
            self._having.get(code, {}).pop(name, None)
            self._young.get(code, {}).pop(name, None)
