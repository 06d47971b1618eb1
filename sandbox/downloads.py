# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Official release downloads of the tools, each with its pinned checksum.

A tool is listed only where its published checksum is known: kube-apiserver, kube-controller-manager and kube-scheduler
are not, and are built. The checksums of kwok and kwokctl are those of GitHub's release assets, of kubectl that of
dl.k8s.io's .sha256 file, of helm that of get.helm.sh's .sha256sum file, of etcd that of its release's SHA256SUMS.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Seconds to wait for a host's first answer, and then for each further piece.
TIMEOUT = 5.0
#: Seconds between two lines about the same download.
HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Download:
    """A release of one tool for one platform. C(member) is its path in the archive; None where it is no archive."""

    tool: str
    version: str
    platform: str
    url: str
    sha256: str
    member: str | None = None


class DownloadError(Exception):
    """Why a tool could not be had from its official download."""


DOWNLOADS = (
    Download(
        "kubectl",
        "1.36.3",
        "linux-amd64",
        "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl",
        "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
    ),
    Download(
        "kwok",
        "0.8.0",
        "linux-amd64",
        "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64",
        "f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46",
    ),
    Download(
        "kwokctl",
        "0.8.0",
        "linux-amd64",
        "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwokctl-linux-amd64",
        "d5743166c657283d6e827c7c4c20cacfd9009fd94830f06718ca7b2c7099461f",
    ),
    Download(
        "etcd",
        "3.6.11",
        "linux-amd64",
        "https://github.com/etcd-io/etcd/releases/download/v3.6.11/etcd-v3.6.11-linux-amd64.tar.gz",
        "8756f7a4eaf921668a83de0bf13c0f65cae9186a165696e3ae8396afe6f557ed",
        "etcd-v3.6.11-linux-amd64/etcd",
    ),
    Download(
        "etcd",
        "3.6.11",
        "linux-arm64",
        "https://github.com/etcd-io/etcd/releases/download/v3.6.11/etcd-v3.6.11-linux-arm64.tar.gz",
        "5302f1a6157c34eb0568c75fba9d06da98353576df04399f08645bef634acd2d",
        "etcd-v3.6.11-linux-arm64/etcd",
    ),
    Download(
        "helm",
        "3.22.0",
        "linux-amd64",
        "https://get.helm.sh/helm-v3.22.0-linux-amd64.tar.gz",
        "1e4ab49e429626cf6c6958d914248b78c9730803c2751b87627e171dc800e7bb",
        "linux-amd64/helm",
    ),
    Download(
        "helm",
        "3.22.0",
        "linux-arm64",
        "https://get.helm.sh/helm-v3.22.0-linux-arm64.tar.gz",
        "f14e804dfee240f55525b667488fe9adca349e63e00c9af634c0beb1421ac310",
        "linux-arm64/helm",
    ),
)


def find(tool: str, version: str, platform: str) -> Download | None:
    """The official download of exactly this version for this platform."""
    for download in DOWNLOADS:
        if (download.tool, download.version, download.platform) == (tool, version, platform):
            return download
    return None


def host(download: Download) -> str:
    return urllib.parse.urlsplit(download.url).netloc


def fetch(download: Download, target: Path, say: Callable[[str], None]) -> None:
    """Download a tool, check it, and only then put it at its place, executable.

    Raises:
        DownloadError: the host does not answer, or what it sent is not what was pinned.
    """
    received = target.with_name(f".{target.name}.download")
    try:
        digest = _receive(download, received, say)
        if digest != download.sha256:
            raise DownloadError(f"{download.url} is refused: its SHA-256 is {digest}, and {download.sha256} is pinned")
        if download.member:
            _extract(received, download.member, target)
        else:
            received.replace(target)
        target.chmod(0o755)
    finally:
        received.unlink(missing_ok=True)


def _receive(download: Download, path: Path, say: Callable[[str], None]) -> str:
    """Write the file as it comes; return its SHA-256."""
    try:
        opener = urllib.request.build_opener()
        with opener.open(download.url, timeout=TIMEOUT) as response, path.open("wb") as file:
            return _copy(response, file, download, say)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise DownloadError(f"{download.url} cannot be had ({getattr(error, 'reason', error)})") from error


def _copy(response: IO[bytes], file: IO[bytes], download: Download, say: Callable[[str], None]) -> str:
    digest = hashlib.sha256()
    size, told = 0, time.monotonic()
    while piece := response.read(1024 * 1024):
        digest.update(piece)
        file.write(piece)
        size += len(piece)
        if time.monotonic() - told > HEARTBEAT_SECONDS:
            told = time.monotonic()
            say(f"downloading {download.tool} {download.version}: {size / 1024**2:.0f} MiB so far")
    return digest.hexdigest()


def _extract(archive: Path, member: str, target: Path) -> None:
    try:
        with tarfile.open(archive) as files:
            content = files.extractfile(member)
            if content is None:
                raise KeyError(f"{member} is no file")
            with target.open("wb") as file:
                shutil.copyfileobj(content, file)
    except (tarfile.TarError, KeyError) as error:
        raise DownloadError(f"The download of {target.name} is refused: it holds no {member} ({error})") from error
