# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""C(eks_cluster.addons)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Value,
    boolean,
    free_mapping,
    mapping_of,
    pattern,
)
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import key, section

_version = pattern(
    r"compatible|default|newest|v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+",
    "a version of an add-on; write compatible, default, newest, or a version as EKS has it, such as v1.22.1-eksbuild.1",
    longest=64,
).called("text")


@dataclass(frozen=True)
class Addon:
    version: str = key(
        _version,
        "`compatible` keeps what is there while it runs on the cluster's version, and takes EKS's default otherwise; "
        "`newest` and `default` follow what EKS offers; or a version as EKS has it.",
        "compatible",
    )
    configuration: Mapping[str, Any] = key(
        free_mapping, "What the add-on is told, by the schema of `aws eks describe-addon-configuration`.", {}
    )
    enabled: bool = key(boolean, "Whether the platform installs it.", True)


@dataclass(frozen=True)
class Installed:
    """An add-on of every cluster."""

    #: Nodes do not join, or pods get no address or no IAM role, without it.
    before_nodes: bool = False
    configuration: Mapping[str, Any] = field(default_factory=dict)


#: The add-ons that every cluster gets. Without the first switch network policies are accepted and do nothing.
ADDONS: dict[str, Installed] = {
    "vpc-cni": Installed(before_nodes=True, configuration={"enableNetworkPolicy": "true"}),
    "kube-proxy": Installed(before_nodes=True),
    "eks-pod-identity-agent": Installed(before_nodes=True),
    "coredns": Installed(),
    "aws-ebs-csi-driver": Installed(),
    "snapshot-controller": Installed(),
    "eks-node-monitoring-agent": Installed(),
}


@mapping_of(values.dns_label, section(Addon)).then
def addons(_value: Value, written: Mapping[str, Addon]) -> Mapping[str, Addon]:
    """The parser: what the spec says of an add-on counts more than what every cluster gets."""
    found = {name: Addon("compatible", addon.configuration, True) for name, addon in ADDONS.items()}
    for name, addon in written.items():
        base = found[name].configuration if name in found else {}
        found[name] = replace(addon, configuration={**base, **addon.configuration})
    return found
