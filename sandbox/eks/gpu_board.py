# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the GPUs of simulated nodes do, on demand: C(POST /_sandbox/eks/gpus) and C(POST /_sandbox/eks/replacements)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.eks import own_calls
from sandbox.eks.api import EksApi

#: Every node that has no conduct of its own.
EVERY_NODE = "*"


@dataclass(frozen=True)
class GpuConduct:
    """How the GPUs of one node, or of every other one (C(*)), behave; what is None is as on a sound node.

    C(delay) are the seconds from the device plugin's Running pod to the GPUs. C(capacity) is how many the kubelet
    knows, C(allocatable) how many of them are healthy, and C(seen) how many a pod sees that asked for all. C(exit_code)
    is how a smoke pod ends.
    """

    node: str = EVERY_NODE
    delay: float | None = None
    capacity: int | None = None
    allocatable: int | None = None
    seen: int | None = None
    exit_code: int = 0

    def amounts(self, gpus: int) -> tuple[int, int]:
        """What a node with so many GPUs advertises: capacity and allocatable."""
        capacity = gpus if self.capacity is None else self.capacity
        return capacity, capacity if self.allocatable is None else min(capacity, self.allocatable)


class GpuBoard:
    """The conduct that was asked for. Safe for threads. C(changed) is called after each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._by_node: dict[str, GpuConduct] = {}
        self._changed = changed

    def of(self, node: str) -> GpuConduct:
        with self._lock:
            return self._by_node.get(node) or self._by_node.get(EVERY_NODE) or GpuConduct()

    def set(self, content: Any) -> None:
        """Set the conduct of a node, in the place of an earlier one.

        Raises:
            ValueError: it is not an object, or has an unknown key or a value that cannot be.
        """
        if not isinstance(content, Mapping):
            raise ValueError("the conduct of GPUs is an object")
        known = list(GpuConduct.__dataclass_fields__)
        if unknown := sorted(content.keys() - set(known)):
            raise ValueError(f"unknown key {unknown[0]!r}; there are {', '.join(known)}")
        problems = [
            f"{key}: {value!r} is not a number from 0 on"
            for key, value in content.items()
            if key != "node" and not _is_amount(value, whole=key != "delay")
        ]
        if not isinstance(content.get("node", EVERY_NODE), str):
            problems.append("node must be the name of a node, or *")
        if problems:
            raise ValueError("; ".join(problems))
        conduct = GpuConduct(**content)
        with self._lock:
            self._by_node[conduct.node] = conduct
        self._changed()

    def clear(self) -> None:
        with self._lock:
            self._by_node.clear()
        self._changed()

    def report(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(conduct) for conduct in self._by_node.values()]

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """POST sets the conduct of a node, DELETE makes all sound again, GET lists what was set."""

        def answer() -> Any:
            if environ["REQUEST_METHOD"] == "POST":
                self.set(own_calls.content(environ))
            elif environ["REQUEST_METHOD"] == "DELETE":
                self.clear()
            return self.report()

        return own_calls.respond(start_response, answer)


class Replacements:
    """Replaces a node by a new instance under the old one's address, and so under its name."""

    def __init__(self, api: EksApi) -> None:
        self._api = api

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """POST with the name of the node gives the ids of the old and of the new instance."""

        def answer() -> Any:
            content = own_calls.content(environ)
            if not isinstance(content, Mapping) or content.keys() != {"node"}:
                raise ValueError("a replacement is an object with the key node")
            before, after = self._api.replace_instance(str(content["node"]))
            return {"before": before, "after": after}

        return own_calls.respond(start_response, answer)


def _is_amount(value: Any, *, whole: bool) -> bool:
    kind = int if whole else int | float
    return value is None or (isinstance(value, kind) and not isinstance(value, bool) and value >= 0)
