# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Lifting a startup taint from a node that has become ready, and no other change of the node.

A node pool whose nodes start with the taint lets no pod onto a node before its GPUs work. The taint is removed by a
JSON patch that first tests the node's uid and the very entry of the list, so that neither a taint that somebody else
changes at the same time is lost, nor the taint of a new node that has taken the old one's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import TaintPattern
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import ApiError
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import NODES

Object = Mapping[str, Any]

#: How often a node is read again after somebody else had changed its taints in between.
_ATTEMPTS = 20

#: What the API server answers where the test of a JSON patch fails, and where the node changed during the patch.
_CONFLICTS = (409, 422)


def carries(node: Object, taint: TaintPattern) -> bool:
    return _position(node, taint) is not None


def removal(node: Object, taint: TaintPattern) -> list[dict[str, Any]] | None:
    """The JSON patch that takes the taint, and nothing else, off exactly this node; None where it is not there."""
    position = _position(node, taint)
    if position is None:
        return None
    path = f"/spec/taints/{position}"
    return [
        {"op": "test", "path": "/metadata/uid", "value": node["metadata"]["uid"]},
        {"op": "test", "path": path, "value": node["spec"]["taints"][position]},
        {"op": "remove", "path": path},
    ]


def release(client: Client, nodes: Iterable[Object], taint: TaintPattern, *, check_mode: bool) -> Iterator[str]:
    """Lift the taint from these nodes, which were found ready. The name of each once it was lifted from it.

    In check mode nothing is written, and the names are those from which it would be lifted. A node that is gone, or
    that another one has replaced under its name, is left alone.

    Raises:
        ApiError: the caller may not change nodes, or the API server refused for another reason.
        KubernetesError: the API server cannot be reached.
    """
    for node in nodes:
        if carries(node, taint) and (check_mode or _release(client, node, taint)):
            yield str(node["metadata"]["name"])


def _release(client: Client, node: Object, taint: TaintPattern) -> bool:
    name, uid = node["metadata"]["name"], node["metadata"]["uid"]
    for attempt in range(_ATTEMPTS):
        patch = removal(node, taint)
        if patch is None:
            return False
        try:
            client.request("PATCH", NODES.path(name=name), body=patch, content_type="application/json-patch+json")
        except ApiError as error:
            if error.status == 404:
                return False
            if error.status not in _CONFLICTS or attempt == _ATTEMPTS - 1:
                raise
        else:
            return True
        found = client.get(NODES, "", name)
        if found is None or found["metadata"]["uid"] != uid:
            return False
        node = found
    return False


def _position(node: Object, taint: TaintPattern) -> int | None:
    entries = node["spec"].get("taints") or ()
    return next((place for place, entry in enumerate(entries) if taint.matches(entry)), None)
