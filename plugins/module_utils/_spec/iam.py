# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(iam): what the IAM roles of the platform have besides what they need."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import list_of, pattern
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key

_policy = pattern(
    r"arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[\w+=,.@/-]+|[\w+=,.@-]+(/[\w+=,.@-]+)*",
    "a managed policy; write its ARN, or the name of one of AWS's own, such as AmazonSSMManagedInstanceCore",
    longest=2048,
).called("policy")


@dataclass(frozen=True)
class Iam:
    cluster_policies: tuple[str, ...] = key(
        list_of(_policy, most=19, unique=True), "Managed policies of the cluster's role, besides the one it needs.", ()
    )
    node_policies: tuple[str, ...] = key(
        list_of(_policy, most=17, unique=True), "Managed policies of the nodes' role, besides the three it needs.", ()
    )
    permissions_boundary: str | None = key(_policy, "Managed policy that no role of the platform goes beyond.", None)
    path: str = key(
        pattern(r"/|(/[!-~]*[!-.0-~])*/", "a path; write it with / at both ends, such as /platform/", longest=512),
        "Path of the roles. Cannot be changed later.",
        "/",
    )
