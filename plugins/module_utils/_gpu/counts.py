# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The set of nodes as numbers that are kept up to date node by node, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.entasis.engine.plugins.module_utils._gpu.evaluate import NodeReport
from ansible_collections.entasis.engine.plugins.module_utils._gpu.reasons import Reason


@dataclass
class Counts:
    """The reports of all nodes, and how many of them are what.

    L(put) and L(remove) cost the reasons of one node. C(fail_fast) are the seconds after which a reason counts as
    lasting, by code: a node that has had one for so long is hopeless.
    """

    fail_fast: Mapping[str, float] = field(default_factory=dict)
    ready: int = 0
    total: int = 0
    #: For each code the nodes that have it.
    _having: dict[str, dict[str, Reason]] = field(default_factory=dict)
    _reports: dict[str, NodeReport] = field(default_factory=dict)
    #: For each code of fail_fast since when nodes have it.
    _since: dict[str, dict[str, float]] = field(default_factory=dict)
    _rechecks: dict[str, float] = field(default_factory=dict)

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
            self._having.setdefault(reason.code, {})[report.name] = reason
            if reason.code in self.fail_fast:
                self._since.setdefault(reason.code, {}).setdefault(report.name, at)
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
        """The reports of the set, in the order of the names. This looks at all of them, as the next two do."""
        return sorted((one for one in self._reports.values() if not one.excluded), key=lambda one: one.name)

    def gpus(self) -> dict[str, int]:
        """The sums over the set."""
        names = ("expected", "capacity", "allocatable")
        return {name: sum(getattr(one, name) or 0 for one in self.nodes()) for name in names}

    def unknown_types(self) -> list[str]:
        """Instance types of which it is not known how many GPUs they have, though that was asked."""
        return sorted({one.instance_type for one in self.nodes() if one.expected is None and not one.expected_from})

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

    def hopeless(self, at: float) -> dict[str, set[str]]:
        """The nodes that have had each reason of C(fail_fast) for so long that waiting is in vain."""
        found = {
            code: {name for name, since in nodes.items() if at - since >= self.fail_fast[code]}
            for code, nodes in self._since.items()
        }
        return {code: names for code, names in found.items() if names}

    def next_hopeless(self, at: float) -> float | None:
        """When the next node becomes hopeless if nothing changes, on the clock of L(put)."""
        times = (since + self.fail_fast[code] for code, nodes in self._since.items() for since in nodes.values())
        return min((when for when in times if when > at), default=None)

    def due(self, now: float) -> list[str]:
        """The nodes to evaluate again because time alone changes them. C(now) is in seconds since 1970."""
        return [name for name, when in self._rechecks.items() if when <= now]

    def next_due(self) -> float | None:
        """When the next node is due, in seconds since 1970."""
        return min(self._rechecks.values(), default=None)

    def _add(self, report: NodeReport, sign: int) -> None:
        if not report.excluded:
            self.total += sign
            self.ready += sign * report.ready

    def _forget(self, name: str, codes: set[str]) -> None:
        for code in codes:
            self._having.get(code, {}).pop(name, None)
            self._since.get(code, {}).pop(name, None)
