# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the control plane's API server: JSON in, JSON out, over the admin kubeconfig.

The kubernetes package would do the same at ten times the memory and start-up time of the server's process.
"""

from __future__ import annotations

from typing import Any

import requests

from sandbox.eks.control_plane import ControlPlane, ControlPlaneMissingError

Manifest = dict[str, Any]
_MERGE_PATCH = "application/merge-patch+json"
#: Seconds for one call. The API server is on this machine.
_TIMEOUT = 10.0


class Unreachable(Exception):  # noqa: N818 - a state of the world that is waited for, not a mistake
    """The API server does not answer, or not yet as it should."""


class Rejected(Exception):  # noqa: N818 - as above
    """The API server refused a call."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Kubernetes:
    """The API server of a control plane, as its admin."""

    def __init__(self, control_plane: ControlPlane) -> None:
        try:
            content = control_plane.read()
            cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
            self.server: str = cluster["server"]
            self._session = requests.Session()
            self._session.verify = cluster["certificate-authority"]
            self._session.cert = (user["client-certificate"], user["client-key"])
            # A proxy of the environment has no business with loopback.
            self._session.trust_env = False
        except (ControlPlaneMissingError, KeyError, IndexError, TypeError) as error:
            raise Unreachable(f"the admin's kubeconfig cannot be read: {error}") from error

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, **query: str) -> Manifest:
        return self._call("GET", path, query=query)

    def items(self, path: str, **query: str) -> list[Manifest]:
        """Every object of a list, from the API server's cache."""
        found: list[Manifest] = self._call("GET", path, query={"resourceVersion": "0", **query})["items"]
        return found

    def create(self, path: str, content: Manifest) -> Manifest:
        return self._call("POST", path, content)

    def patch(self, path: str, content: Manifest) -> Manifest:
        return self._call("PATCH", path, content, content_type=_MERGE_PATCH)

    def delete(self, path: str, *, at_once: bool = False) -> None:
        """Delete an object; one that is gone already is fine."""
        try:
            self._call("DELETE", path, {"gracePeriodSeconds": 0} if at_once else None)
        except Rejected as error:
            if error.status != 404:
                raise

    def _call(
        self,
        method: str,
        path: str,
        content: Manifest | None = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        try:
            answer = self._session.request(
                method,
                self.server + path,
                params=query,
                json=content,
                headers={"Content-Type": content_type, "Accept": "application/json"},
                timeout=_TIMEOUT,
            )
            body = answer.json()
        except (requests.RequestException, OSError, ValueError) as error:
            raise Unreachable(str(error)) from error
        if not isinstance(body, dict):
            raise Unreachable(f"{method} {path} answered no object")
        if answer.status_code in (401, 403) or answer.status_code >= 500:
            # An API server that starts refuses even the admin for a moment, until its RBAC is loaded.
            raise Unreachable(f"{method} {path} answered {answer.status_code}: {body.get('message', '')}")
        if answer.status_code >= 400:
            raise Rejected(answer.status_code, str(body.get("message", "")))
        return body
