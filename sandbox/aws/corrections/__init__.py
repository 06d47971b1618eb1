# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What moto does otherwise than AWS, corrected in the running process: one file a subject, each with its reason."""

from __future__ import annotations

from importlib import import_module

from sandbox.aws.corrections.correction import install

#: The order matters where two of them correct the same function: the later one is called first.
SUBJECTS = (
    "memory",
    "accounts",
    "tags",
    "vpcs",
    "subnets",
    "route_tables",
    "nat_gateways",
    "vpc_endpoints",
    "security_groups",
    "security_group_rules",
    "client_tokens",
    "kms",
    "log_groups",
    "s3_buckets",
)


def apply() -> None:
    """Correct moto. Does nothing the second time."""
    for subject in SUBJECTS:
        import_module(f"{__name__}.{subject}")
    install()
