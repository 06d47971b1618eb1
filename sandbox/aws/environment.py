# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What moto reads from the environment of its process."""

from __future__ import annotations

import os


def configure() -> None:
    """Set the environment for moto. Call it before the first import of moto.

    The caller's own AWS settings are taken out: moto makes boto3 sessions, which fail on a profile that is not there,
    and nothing here may ever use somebody's real credentials.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
        # moto's sample images, with a snapshot each, would be most of every write of the account to disk.
        MOTO_EC2_LOAD_DEFAULT_AMIS="false",
    )
