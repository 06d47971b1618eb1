# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that are to end badly, on demand: C(POST /_sandbox/eks/failures).

AWS accepts such a call. Minutes later a creation ends the resource in CREATE_FAILED (FAILED for a cluster); an update
of a node group is successful, and the group is DEGRADED all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.eks import own_calls

OPERATIONS = ("CreateCluster", "CreateNodegroup", "UpdateNodegroupConfig")


@dataclass(frozen=True)
class Failure:
    """One call that is to end badly; C(name) is the resource's, C(*) stands for the next of any name."""

    operation: str
    name: str = "*"
    code: str = "NodeCreationFailure"
    message: str = "Instances failed to join the kubernetes cluster (simulated)"


class Failures:
    """The failures that are set. Each is for one call. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[Failure] = []

    def take(self, operation: str, name: str) -> dict[str, str]:
        """How a call is to end badly; empty where it is not."""
        with self._lock:
            for failure in self._set:
                if failure.operation == operation and failure.name in ("*", name):
                    self._set.remove(failure)
                    return {"code": failure.code, "message": failure.message}
        return {}

    def add(self, content: Any) -> None:
        """Set one failure from plain data.

        Raises:
            ValueError: it is not an object of texts, or names an unknown key or operation.
        """
        if not isinstance(content, Mapping) or not all(isinstance(value, str) for value in content.values()):
            raise ValueError("a failure is an object of texts")
        known = list(Failure.__dataclass_fields__)
        if unknown := sorted(content.keys() - set(known)):
            raise ValueError(f"unknown key {unknown[0]!r}; there are {', '.join(known)}")
        if content.get("operation") not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}")
        with self._lock:
            self._set.append(Failure(**content))

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """POST sets one, DELETE clears all, GET lists them."""

        def answer() -> Any:
            if environ["REQUEST_METHOD"] == "POST":
                self.add(own_calls.content(environ))
            elif environ["REQUEST_METHOD"] == "DELETE":
                self.clear()
            with self._lock:
                return [vars(failure) for failure in self._set]

        return own_calls.respond(start_response, answer)
