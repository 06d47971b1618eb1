# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of the API, and what every operation needs: its resource or the right error, tokens, pages, updates."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.aws.settings import Settings
from sandbox.eks.account import PARTITION, Caller
from sandbox.eks.control_plane import ControlPlane
from sandbox.eks.failures import Failures
from sandbox.eks.model import Parameters, in_use, invalid, not_found, refused
from sandbox.eks.store import Addon, Cluster, NodeGroup, Request, Update, View

_PAGE = 100


@dataclass(frozen=True)
class Call:
    """Who calls, where and when, and the clusters that the caller's account has in this region."""

    caller: Caller
    region: str
    now: float
    settings: Settings
    clusters: dict[str, Cluster]
    #: Every cluster of the sandbox, of all accounts and regions.
    everywhere: Sequence[Cluster]
    control_plane: ControlPlane | None
    failures: Failures

    def arn(self, resource: str) -> str:
        return f"arn:{PARTITION}:eks:{self.region}:{self.caller.account}:{resource}"

    def cluster(self, name: str) -> Cluster:
        """The cluster of this name, or EKS's error."""
        if name not in self.clusters:
            raise not_found(f"No cluster found for name: {name}.")
        return self.clusters[name]

    def active_cluster(self, name: str) -> Cluster:
        """The cluster of this name, if it is ACTIVE."""
        cluster = self.cluster(name)
        if cluster.status != "ACTIVE":
            raise refused(f"Cluster '{name}' is not in ACTIVE status")
        return cluster


Operation = Callable[[Call, Parameters], View]


def digest(parameters: Parameters) -> str:
    """What the same clientRequestToken must come with again."""
    content = {key: value for key, value in parameters.items() if key != "clientRequestToken"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def request_of(parameters: Parameters) -> Request:
    return Request(str(parameters.get("clientRequestToken", "")), digest(parameters))


def repeats(request: Request, parameters: Parameters) -> bool:
    """Whether a create call is the repetition of the one that made the resource.

    Raises:
        EksError: the token is that call's, and the parameters are not.
    """
    token = parameters.get("clientRequestToken")
    if not token or token != request.token:
        return False
    if request.digest != digest(parameters):
        raise invalid("The clientRequestToken was used before with other parameters.")
    return True


def page(items: Sequence[Any], parameters: Parameters, key: str) -> View:
    """One page of a list, under C(key), with the token of the next one."""
    start = 0
    if token := parameters.get("nextToken"):
        try:
            start = int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("from:"))
        except ValueError as error:
            raise invalid("nextToken is not one that this API gave out") from error
    size = int(parameters.get("maxResults", _PAGE))
    answer: View = {key: list(items[start : start + size])}
    if start + size < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(f"from:{start + size}".encode()).decode()
    return answer


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > 50:
        raise invalid("A resource can have at most 50 tags.")
    if reserved := sorted(key for key in tags if key.lower().startswith("aws:")):
        raise invalid(f"Tag keys must not start with aws: ({', '.join(reserved)}).")


def start_update(
    call: Call,
    cluster: Cluster,
    record: Cluster | NodeGroup | Addon,
    kind: str,
    changes: View,
) -> View:
    """Begin an update of a resource, which ends with these changes of its view, and return the answer that holds it."""
    group = str(record.view.get("nodegroupName", ""))
    addon = str(record.view.get("addonName", ""))
    if record.view["status"] not in ("ACTIVE", "DEGRADED") or record.update_id:
        what = f"node group {group}" if group else f"add-on {addon}" if addon else f"cluster {cluster.name}"
        if record.update_id:
            raise in_use(f"Cannot {kind} because {what} currently has update {record.update_id} in progress")
        raise in_use(f"Cannot {kind} because {what} is {record.view['status']}.")
    if isinstance(record, NodeGroup):
        record.failure = call.failures.take("UpdateNodegroupConfig", group)
    view: View = {
        "id": str(uuid.uuid4()),
        "status": "InProgress",
        "type": kind,
        "params": [{"type": name[0].upper() + name[1:], "value": _text(value)} for name, value in changes.items()],
        "createdAt": call.now,
        "errors": [],
    }
    cluster.updates[view["id"]] = Update(view, group, addon, {**changes, "modifiedAt": call.now})
    record.update_id = view["id"]
    record.view["status"] = "UPDATING"
    record.due = call.now + call.settings.update
    return {"update": view}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
