# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where everything of one sandbox lives: the paths of its state folder, in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

#: The AWS profile, account, region and IAM user that a new sandbox has.
AWS_PROFILE = "entasis-sandbox"
AWS_REGION = "ap-northeast-2"
AWS_ACCOUNT_ID = "123456789012"
AWS_USER = "platform"

#: kwokctl's name for the one control plane of a sandbox.
CONTROL_PLANE_NAME = "sandbox"


@dataclass(frozen=True)
class Layout:
    """The paths of one sandbox. Nothing of a sandbox is written outside C(home)."""

    home: Path

    @classmethod
    def from_environment(cls) -> Layout:
        """The state folder of C(ENTASIS_SANDBOX_HOME), or C(.cache/sandbox) of this checkout."""
        configured = os.environ.get("ENTASIS_SANDBOX_HOME")
        return cls(Path(configured).expanduser().resolve() if configured else PROJECT / ".cache" / "sandbox")

    @property
    def connection(self) -> Path:
        """How to reach the running sandbox, as JSON. Mode 0600."""
        return self.home / "connection.json"

    @property
    def aws_config(self) -> Path:
        return self.home / "aws" / "config"

    @property
    def aws_credentials(self) -> Path:
        """Mode 0600."""
        return self.home / "aws" / "credentials"

    @property
    def access_key(self) -> Path:
        """The one known access key, as JSON: account_id, user_name, access_key_id, secret_access_key. Mode 0600.

        The server reads it and makes the IAM user with exactly this key.
        """
        return self.home / "access-key.json"

    @property
    def charts(self) -> Path:
        """Stand-in charts, C(<chart>-<version>.tgz)."""
        return self.home / "charts"

    @property
    def logs(self) -> Path:
        """The logs of the AWS API and of kwokctl, which outlive C(down); the components log beside kwok.yaml."""
        return self.home / "logs"

    @property
    def pids(self) -> Path:
        """One C(<part>.json) for each process of the sandbox: its pid and the command line that starts it again."""
        return self.home / "pids"

    @property
    def run(self) -> Path:
        """What the last start decided and measured, as JSON: the ports, with or without Kubernetes, the seconds."""
        return self.home / "run.json"

    @property
    def kubeconfig(self) -> Path:
        """The users' way into the cluster, by EKS tokens. The sandbox's inventory writes it, not the sandbox."""
        return self.home / "kubeconfig"

    @property
    def lock(self) -> Path:
        """Held by whatever starts or ends processes, so that two of them never work at once."""
        return self.home / "lock"

    @property
    def account(self) -> Path:
        """The persisted AWS state."""
        return self.home / "account"

    @property
    def control_plane(self) -> Path:
        """kwokctl's work folder (KWOK_WORKDIR) and what the control plane is configured with."""
        return self.home / "control-plane"

    @property
    def cluster(self) -> Path:
        """kwokctl's folder of the one control plane."""
        return self.control_plane / "clusters" / CONTROL_PLANE_NAME

    @property
    def token_webhook(self) -> Path:
        """The API server's authentication-token-webhook-config-file."""
        return self.control_plane / "token-webhook.yaml"

    @property
    def admin_kubeconfig(self) -> Path:
        """The sandbox's own way into the control plane; a user's way in is an EKS token."""
        return self.cluster / "kubeconfig.yaml"

    @property
    def database(self) -> Path:
        """PostgreSQL's data and log."""
        return self.home / "database"

    @property
    def database_record(self) -> Path:
        """What the database is and its superuser's password, as JSON. Mode 0600."""
        return self.database / "database.json"

    @property
    def ca_certificate(self) -> Path:
        return self.cluster / "pki" / "ca.crt"
