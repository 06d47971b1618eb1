# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The newest AMI release of a Kubernetes version and an AMI type, which AWS publishes in Systems Manager."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.module import explain

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import ClientError

_AMAZON_LINUX = "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{kind}/recommended/release_version"
_BOTTLEROCKET = "/aws/service/bottlerocket/aws-k8s-{version}{kind}/latest/image_version"

#: The AMI types, each with its parameter: the form, and what stands for the type in it.
AMI_TYPES = {
    "AL2023_x86_64_STANDARD": (_AMAZON_LINUX, "x86_64/standard"),
    "AL2023_ARM_64_STANDARD": (_AMAZON_LINUX, "arm64/standard"),
    "AL2023_x86_64_NVIDIA": (_AMAZON_LINUX, "x86_64/nvidia"),
    "AL2023_ARM_64_NVIDIA": (_AMAZON_LINUX, "arm64/nvidia"),
    "AL2023_x86_64_NEURON": (_AMAZON_LINUX, "x86_64/neuron"),
    "BOTTLEROCKET_x86_64": (_BOTTLEROCKET, "/x86_64"),
    "BOTTLEROCKET_ARM_64": (_BOTTLEROCKET, "/arm64"),
    "BOTTLEROCKET_x86_64_NVIDIA": (_BOTTLEROCKET, "-nvidia/x86_64"),
    "BOTTLEROCKET_ARM_64_NVIDIA": (_BOTTLEROCKET, "-nvidia/arm64"),
}
#: The most names in one GetParameters.
_PAGE = 10


def newest(ssm: Any, images: Iterable[tuple[str, str]], warnings: list[str]) -> dict[tuple[str, str], str]:
    """The newest release of each version and AMI type, as far as it can be read; else C(warnings) says why not."""
    names = {
        form.format(version=version, kind=kind): (version, ami_type)
        for version, ami_type in images
        if ami_type in AMI_TYPES
        for form, kind in [AMI_TYPES[ami_type]]
    }
    ordered = sorted(names)
    try:
        found = [
            parameter
            for start in range(0, len(ordered), _PAGE)
            for parameter in ssm.get_parameters(Names=ordered[start : start + _PAGE])["Parameters"]
        ]
    except ClientError as error:
        warnings.append(f"nobody can tell whether the nodes run the newest AMI release: {explain(error)}")
        return {}
    return {names[parameter["Name"]]: parameter["Value"] for parameter in found}
