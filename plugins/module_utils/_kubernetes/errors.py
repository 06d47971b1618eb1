# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What went wrong with the API, in words for the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class KubernetesError(Exception):
    """The API could not be used. The text says what, where, why and what to do."""


class NoClusterError(KubernetesError):
    """There is no cluster to talk to: no kubeconfig file, no such context in it, or nothing that answers.

    C(expected) is true where this is how things look before the cluster is made: the file or the context is absent.
    """

    def __init__(self, message: str, *, expected: bool) -> None:
        super().__init__(message)
        self.expected = expected


class ApiError(KubernetesError):
    """The API server answered with an error. C(retry_after) is the pause in seconds that it asks for, if any."""

    def __init__(
        self, method: str, path: str, status: int, body: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        self.method = method
        self.path = path
        self.status = status
        self.retry_after = retry_after
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or "").strip()
        self.details: Mapping[str, Any] = body.get("details") or {}
        super().__init__(_explain_status(self))

    @property
    def causes(self) -> list[Mapping[str, Any]]:
        """Each problem that the API server found: reason, message, field."""
        return list(self.details.get("causes") or ())


#: Why the API server forbids something, and what to do about it. The first that its text has counts.
FORBIDDEN = (
    (r"admission webhook \"|ValidatingAdmissionPolicy ", "Change the object to what that policy asks for."),
    (r'User "[^"]*" cannot ', "Give the caller this permission (an access policy of EKS, or a role and its binding)."),
    (
        "attempting to grant RBAC permissions",
        "Give the caller these permissions first: nobody grants more than that.",
    ),
    ("exceeded quota", "Raise that ResourceQuota, ask for less, or remove what is not used."),
    ("failed quota", "Write into each container the requests and limits that this ResourceQuota counts."),
    ("violates PodSecurity", "Change the pod to what the namespace's labels pod-security.kubernetes.io allow."),
    ("usage per |limit to request ratio per ", "Keep to the LimitRange of the namespace, or change it."),
    ("because it is being terminated", "Wait until the namespace is gone and make it anew, or take another."),
    ("error looking up service account", "Make that ServiceAccount first."),
)


def _explain_status(error: ApiError) -> str:
    what = f"{error.method} {error.path} was answered with {error.status} {error.reason}".rstrip()
    said = error.message.rstrip(".")
    if error.status == 401:
        return (
            f"{what}: the API server does not know the caller. Check who the kubeconfig's credentials belong to (aws "
            "sts get-caller-identity), and that the cluster has an access entry for that principal."
        )
    if error.status == 403 and said:
        advice = next((advice for cause, advice in FORBIDDEN if re.search(cause, said)), "")
        return f"{what}: {said}. {advice}".rstrip()
    return f"{what}: {said}." if said else f"{what}."
