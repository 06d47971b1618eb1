# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Official release downloads of the tools, each with its pinned checksum.

The checksums are those that the projects publish beside their releases, read in public pin lists: Kubernetes' in the
file assets of kops (pkg/assets/assetdata), kwok's in a Nix package, helm's in its .sha256sum, etcd's in its SHA256SUMS.
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sandbox.making import HEARTBEAT_SECONDS

if TYPE_CHECKING:
    from sandbox.making import Say

#: Seconds to wait for a host's first answer, and then for each further piece.
TIMEOUT = 5.0


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


def _releases(url: str, tools: str, version: str, member: str | None = None, **sums: str) -> list[Download]:
    """A release of tools for each architecture; C(sums) are the tools' checksums in their order, by architecture."""
    names = tools.split()
    return [
        Download(
            tool,
            version,
            f"linux-{arch}",
            url.format(tool=tool, version=version, arch=arch),
            digest,
            member and member.format(tool=tool, version=version, arch=arch),
        )
        for arch, digests in sums.items()
        for tool, digest in zip(names, digests.split(), strict=True)
    ]


DOWNLOADS = (
    *_releases(
        "https://dl.k8s.io/release/v{version}/bin/linux/{arch}/{tool}",
        "kube-apiserver kube-controller-manager kube-scheduler kubectl",
        "1.36.3",
        amd64="1f217d397234a6d065da663c6e086fdb02c0f0de97a0758ff3e6f3956f4ef8ab "
        "7edfe976d5a06c7a702d653e914095f4a732a04bb2139115b6a6eba6a9b781c7 "
        "b8955d4518c902110b50a825364339b1fb673822518ce0ba081a69ed634f8eee "
        "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
        arm64="16001b9d35d23634c361a1e2b7b0fc7abe186984af697ef7a869c8c8cded78b7 "
        "27868a5c822824945b93f2d8a724a5dcd99affc68b47230ae766bff8795bbb84 "
        "ca1c7cd0033942bf9ef7eac80e18375d91f6f29487244c3e685f11163b01a88d "
        "3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62",
    ),
    *_releases(
        "https://github.com/kubernetes-sigs/kwok/releases/download/v{version}/{tool}-linux-{arch}",
        "kwok kwokctl",
        "0.8.0",
        amd64="f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46 "
        "d5743166c657283d6e827c7c4c20cacfd9009fd94830f06718ca7b2c7099461f",
        arm64="628f7d277860f524a2a775c217adcc58828e7b59ab0933680315784f1b8b0e37 "
        "5a642b27d3e975f36040d215640cd90fb4a63cb6fca0ad5865a61bcd9c81051b",
    ),
    *_releases(
        "https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
        "etcd",
        "3.6.11",
        "etcd-v{version}-linux-{arch}/etcd",
        amd64="8756f7a4eaf921668a83de0bf13c0f65cae9186a165696e3ae8396afe6f557ed",
        arm64="5302f1a6157c34eb0568c75fba9d06da98353576df04399f08645bef634acd2d",
    ),
    *_releases(
        "https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
        "helm",
        "3.22.0",
        "linux-{arch}/helm",
        amd64="1e4ab49e429626cf6c6958d914248b78c9730803c2751b87627e171dc800e7bb",
        arm64="f14e804dfee240f55525b667488fe9adca349e63e00c9af634c0beb1421ac310",
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


def fetch(download: Download, target: Path, say: Say) -> None:
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


def _receive(download: Download, path: Path, say: Say) -> str:
    """Write the file as it comes; return its SHA-256."""
    try:
        opener = urllib.request.build_opener()
        with opener.open(download.url, timeout=TIMEOUT) as response, path.open("wb") as file:
            return _copy(response, file, download, say)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise DownloadError(f"{download.url} cannot be had ({getattr(error, 'reason', error)})") from error


def _copy(response: IO[bytes], file: IO[bytes], download: Download, say: Say) -> str:
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
