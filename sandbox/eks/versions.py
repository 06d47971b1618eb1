# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Kubernetes versions that the emulated EKS offers, and what follows from a version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KubernetesVersion:
    """One minor version: its newest patch, and its platform version."""

    minor: str
    patch: str
    platform: str


VERSIONS = (
    KubernetesVersion("1.36", "1.36.3", "eks.4"),
    KubernetesVersion("1.35", "1.35.5", "eks.9"),
    KubernetesVersion("1.34", "1.34.9", "eks.18"),
    KubernetesVersion("1.33", "1.33.13", "eks.26"),
    KubernetesVersion("1.32", "1.32.14", "eks.31"),
)
DEFAULT = "1.36"
#: How many minor versions a kubelet may be behind the API server (Kubernetes' version skew policy since 1.28).
KUBELET_SKEW = 3
_AMI_DATE = "20261112"


def find(minor: str) -> KubernetesVersion | None:
    return next((version for version in VERSIONS if version.minor == minor), None)


def minor_number(minor: str) -> int:
    return int(minor.split(".")[1])


def release_version(minor: str) -> str:
    """The AMI release of a version: Kubernetes' patch version and the date of the AMI."""
    version = find(minor)
    return f"{version.patch if version else minor + '.0'}-{_AMI_DATE}"


def ami_parameters() -> dict[str, str]:
    """The public parameters of Systems Manager that name the newest AMI releases."""
    root = "/aws/service/eks/optimized-ami"
    return {
        f"{root}/{version.minor}/amazon-linux-2023/{architecture}/{kind}/recommended/release_version": release_version(
            version.minor
        )
        for version in VERSIONS
        for architecture in ("x86_64", "arm64")
        for kind in ("standard", "nvidia")
    }


def kubelet_version(minor: str) -> str:
    version = find(minor)
    return f"v{version.patch if version else minor + '.0'}-eks-7d95b1c"
