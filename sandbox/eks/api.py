# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WSGI application of the emulated EKS API."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore import xform_name
from moto.core.utils import get_service_model

from sandbox.aws.calls import recognise
from sandbox.aws.settings import SETTINGS
from sandbox.eks import access_entries, account, addons, clusters, node_groups, pod_identities, tags, updates
from sandbox.eks.call import Call, Operation
from sandbox.eks.control_plane import ControlPlane, ControlPlaneMissingError
from sandbox.eks.failures import Failures
from sandbox.eks.interfaces import keep_interfaces
from sandbox.eks.model import EksError, read
from sandbox.eks.nodes import node_name
from sandbox.eks.progress import DelayedNodes, Nodes, advance, new_instance_id
from sandbox.eks.store import Cluster, Store, View

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Each operation of EKS that is emulated, by its name: create_nodegroup answers CreateNodegroup.
OPERATIONS: dict[str, Operation] = {
    name: getattr(subject, xform_name(name))
    for subject in (clusters, updates, node_groups, access_entries, addons, pod_identities, tags)
    for name in get_service_model("eks").operation_names
    if hasattr(subject, xform_name(name))
}


class EksApi:
    """Every route of the EKS API. Give C(wsgi_app) the requests that are signed for the service C(eks).

    With a control plane, C(nodes) tells what is known of the nodes, and the bridge takes deleted clusters away; without
    one the delays of C(settings) decide everything.
    """

    def __init__(
        self,
        store: Store,
        *,
        control_plane: ControlPlane | None,
        nodes: Nodes | None,
        failures: Failures,
        account_changed: Callable[[], None],
    ) -> None:
        self.store = store
        self.settings = SETTINGS
        self.control_plane = control_plane
        self._nodes = nodes
        self._failures = failures
        self._account_changed = account_changed
        self.now = time.time

    def advance(self) -> None:
        """Move everything as far as it can go now."""
        now = self.now()
        nodes = self._nodes or DelayedNodes(now, self.settings)
        with self.store.transaction():
            for cluster in self.store.clusters():
                over = advance(cluster, now, self.settings, nodes)
                keep_interfaces(cluster)
                if over and self.control_plane is None:
                    self.remove(cluster)

    def remove(self, cluster: Cluster) -> None:
        """Take a deleted cluster's record away, and what the cluster had in the rest of the account."""
        # The record goes last: if the process is killed before, the next one does it all again.
        account.keep_interfaces(cluster.account, cluster.region, cluster.name, set())
        account.delete_security_group(cluster.account, cluster.region, cluster.security_group)
        self._account_changed()
        with self.store.transaction() as everything:
            everything[cluster.account][cluster.region].pop(cluster.name, None)

    def forget_everything(self) -> bool:
        """Forget every record; the rest of the account is not touched. True if there was a cluster."""
        with self.store.transaction() as everything:
            had_cluster = bool(self.store.clusters())
            everything.clear()
        self._failures.clear()
        return had_cluster

    def replace_instance(self, node: str) -> tuple[str, str]:
        """Put a new instance in the place of the one behind this Node, with its address: the ids of both.

        Raises:
            ValueError: no instance has a Node of this name.
        """
        with self.store.transaction():
            for cluster in self.store.clusters():
                for instance in (i for group in cluster.node_groups.values() for i in group.instances):
                    if node_name(cluster, instance) == node:
                        before, instance.id = instance.id, new_instance_id()
                        instance.launched_at, instance.ready = self.now(), False
                        return before, instance.id
        raise ValueError(f"there is no node {node!r}")

    def call(self, operation: str, values: View, caller: account.Caller, region: str) -> View:
        """Answer one call.

        Raises:
            EksError: what EKS answers instead.
        """
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise EksError("NotImplemented", f"The emulated EKS does not implement {operation}.")
        with self.store.transaction() as everything:
            self.advance()
            call = Call(
                caller,
                region,
                self.now(),
                self.settings,
                everything.setdefault(caller.account, {}).setdefault(region, {}),
                self.store.clusters(),
                self.control_plane,
                self._failures,
            )
            try:
                # A copy: what is sent must not change while it is written.
                answer: View = json.loads(json.dumps(handler(call, values)))
                self.advance()
            except ControlPlaneMissingError as error:
                raise EksError("ServiceUnavailableException", f"The sandbox is not whole: {error}.") from error
        if operation == "CreateCluster":
            self._account_changed()
        return answer

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except EksError as error:
            return _respond(start_response, error.status, {"message": error.message}, error.code)
        return _respond(start_response, 200, answer)

    def _answer(self, environ: WSGIEnvironment) -> View:
        operation, values = read(environ)
        signed = recognise(environ)
        if signed is None:
            raise EksError("MissingAuthenticationTokenException", "The request is not signed.")
        return self.call(operation, values, account.caller(signed.access_key_id), signed.region)


def _respond(start_response: StartResponse, status: int, body: View, error: str = "") -> Iterable[bytes]:
    content = json.dumps(body).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    if error:
        headers.append(("x-amzn-ErrorType", error))
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [content]
