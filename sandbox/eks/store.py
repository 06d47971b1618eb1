# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of the emulated EKS, by account and region, kept in one JSON file.

A record holds what EKS shows of a resource (its C(view), in the shape of the REST API, times as epoch seconds) and
beside it what EKS keeps to itself. Times at which something happens are epoch seconds too, so that they stay right when
the process is started again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.state import write_private

View = dict[str, Any]


@dataclass
class Request:
    """A create call that carried a clientRequestToken: the same call again answers the same thing."""

    token: str = ""
    digest: str = ""


@dataclass
class Update:
    """An update of a cluster, a node group or an add-on."""

    view: View
    node_group: str = ""
    addon: str = ""
    #: The fields of the resource's view that change when the update has succeeded.
    changes: View = field(default_factory=dict)


@dataclass
class Instance:
    """One simulated EC2 instance of a node group, and so one Node."""

    id: str
    zone: str
    subnet_id: str
    address: str
    instance_type: str
    version: str
    release_version: str
    launched_at: float
    #: The Node was seen Ready, or its delay is over.
    ready: bool = False
    #: It is to go: its Node is cordoned, its pods are evicted, then both are gone.
    draining: bool = False
    draining_since: float = 0.0


@dataclass
class NodeGroup:
    view: View
    request: Request = field(default_factory=Request)
    instances: list[Instance] = field(default_factory=list)
    #: The earliest end of the present state; None where none is under way.
    due: float | None = None
    #: The update under way.
    update_id: str = ""
    #: What the instances are to run: the view's own version until a version update starts.
    version: str = ""
    release_version: str = ""
    #: The subnets with their zone and CIDR as they were at creation: {id: [zone, cidr]}.
    subnets: dict[str, list[str]] = field(default_factory=dict)
    #: How the group's creation is to fail, where a fault says so: {"code": ..., "message": ...}.
    failure: dict[str, str] = field(default_factory=dict)


@dataclass
class AccessEntry:
    view: View
    request: Request = field(default_factory=Request)
    #: Associated access policies by the policy's ARN, in the shape of ListAssociatedAccessPolicies.
    policies: dict[str, View] = field(default_factory=dict)


@dataclass
class Addon:
    view: View
    request: Request = field(default_factory=Request)
    due: float | None = None
    update_id: str = ""


@dataclass
class PodIdentity:
    view: View
    request: Request = field(default_factory=Request)


@dataclass
class Cluster:
    account: str
    region: str
    view: View
    request: Request = field(default_factory=Request)
    creator: str = ""
    due: float | None = None
    update_id: str = ""
    #: The cluster's own security group, which lives and dies with it.
    security_group: str = ""
    #: The zones of the subnets at creation, which no update changes.
    zones: list[str] = field(default_factory=list)
    failure: dict[str, str] = field(default_factory=dict)
    node_groups: dict[str, NodeGroup] = field(default_factory=dict)
    access_entries: dict[str, AccessEntry] = field(default_factory=dict)
    addons: dict[str, Addon] = field(default_factory=dict)
    pod_identities: dict[str, PodIdentity] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.view["name"])

    @property
    def status(self) -> str:
        return str(self.view["status"])


#: Clusters by account, region and name.
Clusters = dict[str, dict[str, dict[str, Cluster]]]


class Store:
    """The clusters of every account and region, behind one lock, written to C(path) after each change.

    A file that cannot be read is an error: losing what it holds in silence would leave Nodes and security groups that
    nobody owns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        #: Set after each change; who waits for it clears it.
        self.changed = threading.Event()
        self._written = ""
        self._clusters: Clusters = {}
        if path.exists():
            self._written = path.read_text(encoding="utf-8")
            self._clusters = _decode(self._written, path)

    @contextmanager
    def transaction(self) -> Iterator[Clusters]:
        """The records, held alone; what changed is on disk when the block ends, also when it ends by an error."""
        with self._lock:
            try:
                yield self._clusters
            finally:
                self._write()

    @contextmanager
    def reading(self) -> Iterator[Clusters]:
        """The records, held alone, for a look only."""
        with self._lock:
            yield self._clusters

    def clusters(self) -> list[Cluster]:
        """Every cluster there is. Call it while they are held."""
        return [
            cluster for regions in self._clusters.values() for region in regions.values() for cluster in region.values()
        ]

    def _write(self) -> None:
        # Every record is a dataclass or plain data. Without an indent the fast encoder is used: this runs at each call.
        text = json.dumps(self._clusters, default=vars)
        if text == self._written:
            return
        self.changed.set()
        self._written = text
        write_private(self._path, text)


def _decode(text: str, path: Path) -> Clusters:
    try:
        content = json.loads(text)
        return {
            account: {
                region: {name: _cluster(record) for name, record in named.items()} for region, named in regions.items()
            }
            for account, regions in content.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} does not hold the records of the emulated EKS ({error}). "
            "Take the file away to start with an empty account."
        ) from error


def _cluster(record: View) -> Cluster:
    record = dict(record)
    record["request"] = Request(**record["request"])
    record["node_groups"] = {name: _node_group(value) for name, value in record["node_groups"].items()}
    record["access_entries"] = {name: AccessEntry(**_requested(v)) for name, v in record["access_entries"].items()}
    record["addons"] = {name: Addon(**_requested(value)) for name, value in record["addons"].items()}
    record["pod_identities"] = {name: PodIdentity(**_requested(v)) for name, v in record["pod_identities"].items()}
    record["updates"] = {name: Update(**value) for name, value in record["updates"].items()}
    return Cluster(**record)


def _node_group(record: View) -> NodeGroup:
    record = _requested(record)
    record["instances"] = [Instance(**instance) for instance in record["instances"]]
    return NodeGroup(**record)


def _requested(record: View) -> View:
    return {**record, "request": Request(**record["request"])}
