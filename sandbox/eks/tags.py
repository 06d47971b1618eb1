# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on tags: of clusters, node groups, access entries, add-ons and pod identity associations."""

from __future__ import annotations

from sandbox.eks.call import Call, check_tags
from sandbox.eks.model import EksError, Parameters
from sandbox.eks.store import View


def tag_resource(call: Call, parameters: Parameters) -> View:
    tags = _tags(call, parameters["resourceArn"])
    check_tags(tags | parameters["tags"])
    tags.update(parameters["tags"])
    return {}


def untag_resource(call: Call, parameters: Parameters) -> View:
    tags = _tags(call, parameters["resourceArn"])
    for key in parameters["tagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(call: Call, parameters: Parameters) -> View:
    return {"tags": _tags(call, parameters["resourceArn"])}


def _tags(call: Call, arn: str) -> dict[str, str]:
    """The tags of the resource itself, to read or to change."""
    for cluster in call.clusters.values():
        records = [
            *((group.view["nodegroupArn"], group.view) for group in cluster.node_groups.values()),
            *((entry.view["accessEntryArn"], entry.view) for entry in cluster.access_entries.values()),
            *((addon.view["addonArn"], addon.view) for addon in cluster.addons.values()),
            *((identity.view["associationArn"], identity.view) for identity in cluster.pod_identities.values()),
            (cluster.view["arn"], cluster.view),
        ]
        for found, view in records:
            if found == arn:
                tags: dict[str, str] = view["tags"]
                return tags
    if arn.split(":")[2:3] != ["eks"]:
        raise EksError("BadRequestException", f"{arn} is not the ARN of an EKS resource")
    raise EksError("NotFoundException", f"No resource found for resourceArn: {arn}")
