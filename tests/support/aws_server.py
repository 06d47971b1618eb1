# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of the sandbox's AWS API for tests: no control plane, its own folder, its own port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

PROJECT = Path(__file__).resolve().parents[2]
REGION = "ap-northeast-2"
#: The longest that a start may take (seconds). It takes one on an idle machine.
START_LIMIT = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class AwsServer:
    """One C(python -m sandbox.server --no-kubernetes) process."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AwsServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.server", "--no-kubernetes", "--home", self.home, "--port", str(self.port)],
            cwd=PROJECT,
        )
        end = time.monotonic() + START_LIMIT
        while True:
            try:
                self.control("GET", "health")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End the process by a signal and give its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(timeout=10)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of one of the sandbox's own routes.

        Raises:
            urllib.error.HTTPError: the server refused it.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint_url}/_sandbox/{path}", data=data, method=method)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())

    @property
    def access_key(self) -> dict[str, str]:
        return dict(json.loads((self.home / "access-key.json").read_text(encoding="utf-8")))

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which any AWS tool talks to this server."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.access_key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.access_key["secret_access_key"],
        }

    def client(self, service: str, *, region: str = REGION, attempts: int = 1, **credentials: str) -> Any:
        """A boto3 client as the known user, or with other credentials; without retries where not asked for."""
        keys = credentials or {
            "aws_access_key_id": self.access_key["access_key_id"],
            "aws_secret_access_key": self.access_key["secret_access_key"],
        }
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_url,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
            **keys,
        )
