# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What an EC2 instance type has: vCPUs, memory, NVIDIA GPUs, architecture, and how many addresses its node can take.

The figures are those of EC2's DescribeInstanceTypes as moto 5.2.5 records them; a unit test compares each with moto's
record. p3 is not in that record: its vCPUs, memory and interfaces come from AWS's page of instance types. A test also
checks the GPU counts against instance-info.jsonl of the EKS node monitoring agent.

The interfaces are those of the type's default network card, the one that the VPC CNI takes addresses from.

Left out on purpose: types that run no node of Amazon Linux 2023 (mac, a1, the generations before c4, m4, r4 and t2),
Neuron accelerators (inf, trn), fractions of a GPU (g6f, gr6f), and p6e-gb200, which is sold by the UltraServer only.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import Literal

Architecture = Literal["x86_64", "arm64"]

#: What the NVIDIA device plugin looks for. The AMI's start-up sets the label too, but an autoscaler that starts the
#: first node only knows what the node group says.
GPU_LABEL = "nvidia.com/gpu.present"


@dataclass(frozen=True)
class InstanceType:
    """One instance type. C(interfaces) are network interfaces, C(addresses) IPv4 addresses of each."""

    name: str
    architecture: Architecture
    vcpus: int
    memory_mib: int
    gpus: int
    interfaces: int
    addresses: int

    @property
    def node_addresses(self) -> int:
        """The most IPv4 addresses that a node of this type takes from its subnet (VPC CNI, no prefix delegation)."""
        return self.interfaces * self.addresses


def instance_type(name: str) -> InstanceType | None:
    """The instance type of this name, or None where the table does not have it."""
    return _types().get(name)


def known_names() -> tuple[str, ...]:
    """The names of all instance types of the table, in the order of the table."""
    return tuple(_types())


def nearest(name: str) -> tuple[str, ...]:
    """Up to three known names that look most like C(name), the best first."""
    return tuple(difflib.get_close_matches(name.lower(), known_names(), n=3, cutoff=0.6))


_SIZE = re.compile(
    r"(?P<size>[a-z0-9-]+)=(?P<vcpus>\d+)(?:/(?P<memory>\d+)(?P<unit>GiB|MiB))?"
    r"/(?P<interfaces>\d+)x(?P<addresses>\d+)(?:/(?P<gpus>\d+)gpu)?"
)


@functools.cache
def _types() -> dict[str, InstanceType]:
    types: dict[str, InstanceType] = {}
    architecture: Architecture = "x86_64"
    families: list[tuple[str, float]] = []
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            architecture = "arm64" if line.startswith("arm64 ") else "x86_64"
            families = [(name, float(gib)) for name, gib in (word.split(":") for word in line.split()[1:])]
            continue
        for family, gib_per_vcpu in families:
            for word in line.split():
                entry = _type(f"{family}.", architecture, gib_per_vcpu, word)
                types[entry.name] = entry
    return types


def _type(prefix: str, architecture: Architecture, gib_per_vcpu: float, word: str) -> InstanceType:
    match = _SIZE.fullmatch(word)
    if match is None:
        raise ValueError(f"the table of instance types holds '{word}', which is not of its form")
    vcpus = int(match["vcpus"])
    memory_mib = int(match["memory"] or 0) * (1024 if match["unit"] == "GiB" else 1)
    return InstanceType(
        name=prefix + match["size"],
        architecture=architecture,
        vcpus=vcpus,
        memory_mib=memory_mib or int(vcpus * gib_per_vcpu * 1024),
        gpus=int(match["gpus"] or 0),
        interfaces=int(match["interfaces"]),
        addresses=int(match["addresses"]),
    )


#: A line of families of the same shape, each with its GiB of memory per vCPU; below it their sizes:
#: size=vCPUs/interfaces x IPv4 addresses of each, the memory in between where it does not follow, the GPUs at the end.
_TABLE = """
x86_64 c4:1.875
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=36/60GiB/8x30
x86_64 c5:2 c5d:2
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 9xlarge=36/8x30 12xlarge=48/8x30 18xlarge=72/15x50
    24xlarge=96/15x50 metal=96/15x50
x86_64 c5a:2 c5ad:2 m5a:4 m5ad:4 r5a:8 r5ad:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50
x86_64 c5n:2.625
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 9xlarge=36/96GiB/8x30 18xlarge=72/192GiB/15x50
    metal=72/192GiB/15x50
x86_64 c6a:2 m6a:4 r6a:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 32xlarge=128/15x50 48xlarge=192/15x50 metal=192/15x50
arm64 c6g:2 c6gd:2 c7g:2 c7gd:2 c7gn:2 m6g:4 m6gd:4 m7g:4 m7gd:4 r6g:8 r6gd:8 r7g:8 r7gd:8 x2gd:16
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30
    16xlarge=64/15x50 metal=64/15x50
arm64 c6gn:2
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30
    16xlarge=64/15x50
x86_64 c6i:2 c6id:2 m6i:4 m6id:4 r6i:8 r6id:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 32xlarge=128/15x50 metal=128/15x50
x86_64 c6in:2 m6idn:4 m6in:4 r6idn:8 r6in:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 32xlarge=128/8x50 metal=128/8x50
x86_64 c7a:2 m7a:4 r7a:8
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30
    16xlarge=64/15x50 24xlarge=96/15x50 32xlarge=128/15x50 48xlarge=192/15x50 metal-48xl=192/15x50
x86_64 c7i-flex:2 m7i-flex:4
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
x86_64 c7i:2 i7i:8 m7i:4 r7i:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 48xlarge=192/15x50 metal-24xl=96/15x50 metal-48xl=192/15x50
x86_64 c8a:2 m8a:4 r8a:8
    medium=1/2x4 large=2/3x20 xlarge=4/4x20 2xlarge=8/4x40 4xlarge=16/8x40 8xlarge=32/10x40 12xlarge=48/12x64
    16xlarge=64/16x64 24xlarge=96/16x64 48xlarge=192/24x64 metal-24xl=96/16x64 metal-48xl=192/24x64
arm64 c8g:2 c8gd:2 m8g:4 m8gd:4 r8g:8 r8gd:8 x8g:16
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30
    16xlarge=64/15x50 24xlarge=96/15x50 48xlarge=192/15x50 metal-24xl=96/15x50 metal-48xl=192/15x50
arm64 c8gb:2 c8gn:2 m8gb:4 m8gn:4 r8gb:8 r8gn:8
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/10x30 12xlarge=48/12x30
    16xlarge=64/16x50 24xlarge=96/24x50 48xlarge=192/12x50 metal-24xl=96/24x50 metal-48xl=192/12x50
x86_64 c8i-flex:2 m8i-flex:4 r8i-flex:8
    large=2/3x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/10x50 12xlarge=48/12x50 16xlarge=64/16x64
x86_64 c8i:2 c8id:2 m8i:4 m8id:4 r8i:8 r8id:8
    large=2/3x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/10x50 12xlarge=48/12x50 16xlarge=64/16x64
    24xlarge=96/16x64 32xlarge=128/24x64 48xlarge=192/24x64 96xlarge=384/24x64 metal-48xl=192/24x64
    metal-96xl=384/24x64
x86_64 c8ib:2 c8in:2 m8ib:4 m8idb:4 m8idn:4 m8in:4 r8ib:8 r8idb:8 r8idn:8 r8in:8
    large=2/4x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/8x50 12xlarge=48/12x50 16xlarge=64/16x64
    24xlarge=96/16x64 32xlarge=128/16x64 48xlarge=192/24x64 96xlarge=384/12x64 metal-48xl=192/24x64
    metal-96xl=384/12x64
x86_64 c8ine:2 m8ine:4
    large=2/4x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/8x50 12xlarge=48/12x50
arm64 c9g:2 c9gd:2 m9g:4 m9gd:4 r9g:8 r9gd:8
    medium=1/2x20 large=2/3x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/10x50 12xlarge=48/12x50
    16xlarge=64/16x64 24xlarge=96/24x64 48xlarge=192/24x64 metal-48xl=192/24x64
x86_64 d3:8
    xlarge=4/4x3 2xlarge=8/4x5 4xlarge=16/4x10 8xlarge=32/3x20
x86_64 d3en:4
    xlarge=4/4x3 2xlarge=8/4x5 4xlarge=16/4x10 6xlarge=24/4x15 8xlarge=32/4x20 12xlarge=48/3x30
x86_64 g4dn:4
    xlarge=4/3x10/1gpu 2xlarge=8/3x10/1gpu 4xlarge=16/3x10/1gpu 8xlarge=32/4x15/1gpu 12xlarge=48/8x30/4gpu
    16xlarge=64/4x15/1gpu metal=96/15x50/8gpu
x86_64 g5:4
    xlarge=4/4x15/1gpu 2xlarge=8/4x15/1gpu 4xlarge=16/8x30/1gpu 8xlarge=32/8x30/1gpu 12xlarge=48/15x50/4gpu
    16xlarge=64/8x30/1gpu 24xlarge=96/15x50/4gpu 48xlarge=192/7x50/8gpu
arm64 g5g:2
    xlarge=4/4x15/1gpu 2xlarge=8/4x15/1gpu 4xlarge=16/8x30/1gpu 8xlarge=32/8x30/1gpu 16xlarge=64/15x50/2gpu
    metal=64/15x50/2gpu
x86_64 g6:4
    xlarge=4/4x15/1gpu 2xlarge=8/4x15/1gpu 4xlarge=16/8x30/1gpu 8xlarge=32/8x30/1gpu 12xlarge=48/8x30/4gpu
    16xlarge=64/15x50/1gpu 24xlarge=96/15x50/4gpu 48xlarge=192/15x50/8gpu
x86_64 g6e:8
    xlarge=4/4x15/1gpu 2xlarge=8/4x15/1gpu 4xlarge=16/8x30/1gpu 8xlarge=32/8x30/1gpu 12xlarge=48/10x30/4gpu
    16xlarge=64/15x50/1gpu 24xlarge=96/10x50/4gpu 48xlarge=192/10x50/8gpu
x86_64 g7:4
    2xlarge=8/4x64/1gpu 4xlarge=16/8x64/1gpu 8xlarge=32/10x64/1gpu 12xlarge=48/12x64/2gpu 24xlarge=96/24x64/4gpu
    48xlarge=192/12x64/8gpu
x86_64 g7e:8
    2xlarge=8/4x64/1gpu 4xlarge=16/8x64/1gpu 8xlarge=32/8x64/1gpu 12xlarge=48/512GiB/10x64/2gpu
    24xlarge=96/1024GiB/10x64/4gpu 48xlarge=192/2048GiB/10x64/8gpu
x86_64 gr6:8
    4xlarge=16/8x30/1gpu 8xlarge=32/8x30/1gpu
x86_64 i3:7.625 r4:7.625
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 16xlarge=64/15x50
x86_64 i3en:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 3xlarge=12/4x15 6xlarge=24/8x30 12xlarge=48/8x30 24xlarge=96/15x50
    metal=96/15x50
arm64 i4g:8 im4gn:4
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 16xlarge=64/15x50
x86_64 i4i:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x30 32xlarge=128/15x50 metal=128/15x50
x86_64 i7ie:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 3xlarge=12/4x15 6xlarge=24/8x30 12xlarge=48/8x50 18xlarge=72/15x50
    24xlarge=96/15x50 48xlarge=192/8x50 metal-24xl=96/15x50 metal-48xl=192/8x50
arm64 i8g:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 48xlarge=192/15x50 metal-24xl=96/15x50 metal-48xl=192/15x50
arm64 i8ge:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 3xlarge=12/6x30 6xlarge=24/10x30 12xlarge=48/12x30 18xlarge=72/16x50
    24xlarge=96/16x50 48xlarge=192/12x50 metal-24xl=96/16x50 metal-48xl=192/12x50
arm64 is4gen:6
    medium=1/2x4 large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30
x86_64 m4:4
    large=2/2x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 10xlarge=40/8x30 16xlarge=64/8x30
x86_64 m5:4 m5d:4 m5dn:4 m5n:4 r5:8 r5b:8 r5d:8 r5dn:8 r5n:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    24xlarge=96/15x50 metal=96/15x50
x86_64 m5zn:4 z1d:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 3xlarge=12/8x30 6xlarge=24/8x30 12xlarge=48/15x50 metal=48/15x50
x86_64 m8azn:4
    medium=1/3x4 large=2/4x20 xlarge=4/4x20 3xlarge=12/8x40 6xlarge=24/8x40 12xlarge=48/16x64 24xlarge=96/16x64
    metal-12xl=48/16x64 metal-24xl=96/16x64
x86_64 p3:7.625
    2xlarge=8/4x15/1gpu 8xlarge=32/8x30/4gpu 16xlarge=64/8x30/8gpu
x86_64 p3dn:8 p4d:12 p4de:12
    24xlarge=96/15x50/8gpu
x86_64 p5:16
    4xlarge=16/4x30/1gpu 48xlarge=192/2048GiB/2x50/8gpu
x86_64 p5e:4
    48xlarge=192/2048GiB/2x50/8gpu
x86_64 p5en:4 p6-b200:4
    48xlarge=192/2048GiB/4x50/8gpu
x86_64 p6-b300:4
    48xlarge=192/4096GiB/4x50/8gpu
x86_64 r7iz:8
    large=2/3x10 xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 12xlarge=48/8x30 16xlarge=64/15x50
    32xlarge=128/15x50 metal-16xl=64/15x50 metal-32xl=128/15x50
x86_64 t2:4
    nano=1/512MiB/2x2 micro=1/1GiB/2x2 small=1/2GiB/3x4 medium=2/4GiB/3x6 large=2/3x12 xlarge=4/3x15 2xlarge=8/3x15
x86_64 t3:4
    nano=2/512MiB/2x2 micro=2/1GiB/2x2 small=2/2GiB/3x4 medium=2/4GiB/3x6 large=2/3x12 xlarge=4/4x15 2xlarge=8/4x15
x86_64 t3a:4
    nano=2/512MiB/2x2 micro=2/1GiB/2x2 small=2/2GiB/2x4 medium=2/4GiB/3x6 large=2/3x12 xlarge=4/4x15 2xlarge=8/4x15
arm64 t4g:4
    nano=2/512MiB/2x2 micro=2/1GiB/2x2 small=2/2GiB/3x4 medium=2/4GiB/3x6 large=2/3x12 xlarge=4/4x15 2xlarge=8/4x15
x86_64 t8i:2
    nano=2/512MiB/2x2 micro=2/1GiB/2x2 small=2/2GiB/3x4 medium=2/3x6
x86_64 x2idn:16
    16xlarge=64/15x50 24xlarge=96/15x50 32xlarge=128/15x50 metal=128/15x50
x86_64 x2iedn:32
    xlarge=4/4x15 2xlarge=8/4x15 4xlarge=16/8x30 8xlarge=32/8x30 16xlarge=64/15x50 24xlarge=96/15x50
    32xlarge=128/15x50 metal=128/15x50
x86_64 x2iezn:32
    2xlarge=8/4x15 4xlarge=16/8x30 6xlarge=24/8x30 8xlarge=32/8x30 12xlarge=48/15x50 metal=48/15x50
x86_64 x8aedz:32
    large=2/4x20 xlarge=4/4x20 3xlarge=12/8x40 6xlarge=24/8x40 12xlarge=48/16x64 24xlarge=96/16x64 metal-12xl=48/16x64
    metal-24xl=96/16x64
x86_64 x8i:16
    large=2/3x20 xlarge=4/4x30 2xlarge=8/4x30 4xlarge=16/8x50 8xlarge=32/10x50 12xlarge=48/12x50 16xlarge=64/16x64
    24xlarge=96/16x64 32xlarge=128/24x64 48xlarge=192/24x64 64xlarge=256/24x64 96xlarge=384/24x64 metal-48xl=192/24x64
    metal-96xl=384/24x64
"""
