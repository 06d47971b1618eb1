# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where everything of one sandbox lives: the paths of its state folder, in one place."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

#: The AWS profile, account, region and IAM user that a new sandbox has.
AWS_PROFILE = "entasis-sandbox"
AWS_REGION = "ap-northeast-2"
AWS_ACCOUNT_ID = "123456789012"
AWS_USER = "platform"

#: kwokctl's name for the one control plane of a sandbox.
CONTROL_PLANE_NAME = "sandbox"


class Layout:
    """The paths of one sandbox. Nothing of a sandbox is written outside C(home)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        #: How to reach the running sandbox, as JSON. Mode 0600.
        self.connection = home / "connection.json"
        self.aws_config = home / "aws" / "config"
        #: Mode 0600.
        self.aws_credentials = home / "aws" / "credentials"
        #: The one known access key, as JSON: account_id, user_name, access_key_id, secret_access_key. Mode 0600.
        #: The server reads it and makes the IAM user with exactly this key.
        self.access_key = home / "access-key.json"
        #: Stand-in charts, C(<chart>-<version>.tgz).
        self.charts = home / "charts"
        #: The logs of the AWS API and of kwokctl, which outlive C(down); the components log beside kwok.yaml.
        self.logs = home / "logs"
        #: One C(<part>.json) for each process of the sandbox: its pid and the command line that starts it again.
        self.pids = home / "pids"
        #: What the last start decided and measured, as JSON: the ports, with or without Kubernetes, the seconds.
        self.run = home / "run.json"
        #: The users' way into the cluster, by EKS tokens. The sandbox's inventory writes it, not the sandbox.
        self.kubeconfig = home / "kubeconfig"
        #: Held by whatever starts or ends processes, so that two of them never work at once.
        self.lock = home / "lock"
        #: The persisted AWS state.
        self.account = home / "account"
        #: kwokctl's work folder (KWOK_WORKDIR) and what the control plane is configured with.
        self.control_plane = home / "control-plane"
        #: kwokctl's folder of the one control plane.
        self.cluster = self.control_plane / "clusters" / CONTROL_PLANE_NAME
        #: The API server's authentication-token-webhook-config-file.
        self.token_webhook = self.control_plane / "token-webhook.yaml"
        #: The sandbox's own way into the control plane; a user's way in is an EKS token.
        self.admin_kubeconfig = self.cluster / "kubeconfig.yaml"
        #: PostgreSQL's data and log.
        self.database = home / "database"
        #: What the database is and its superuser's password, as JSON. Mode 0600.
        self.database_record = self.database / "database.json"
        self.ca_certificate = self.cluster / "pki" / "ca.crt"

    @classmethod
    def from_environment(cls) -> Layout:
        """The state folder of C(ENTASIS_SANDBOX_HOME), or C(.cache/sandbox) of this checkout."""
        configured = os.environ.get("ENTASIS_SANDBOX_HOME")
        return cls(Path(configured).expanduser().resolve() if configured else PROJECT / ".cache" / "sandbox")
