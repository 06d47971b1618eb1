# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loopback ports of one sandbox: a block of neighbouring ports, found free or fixed by the user."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sandbox.errors import SandboxError

ADDRESS = "127.0.0.1"
FIRST_BASE = 5570
#: Ports from one block to the next.
BLOCK = 10
BLOCKS = 40
SETTING = "ENTASIS_SANDBOX_PORT"


class Ports(NamedTuple):
    """The neighbouring ports of one sandbox, in their order."""

    server: int
    kube_apiserver: int
    etcd: int
    etcd_peer: int
    kube_controller_manager: int
    kube_scheduler: int
    kwok_controller: int
    postgresql: int

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """The block that begins with the port of the AWS API."""
        return cls(*range(base, base + len(cls._fields)))

    def used(self, kubernetes: bool) -> list[int]:
        """The ports that a sandbox with, or without, a control plane and what runs in it listens on."""
        return list(self) if kubernetes else [self.server]


def is_free(port: int) -> bool:
    """Whether a server may listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that lingers after its server has ended does not make the port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def fixed_base() -> int | None:
    """The base port that the user fixed by C(ENTASIS_SANDBOX_PORT); None where it is left to us."""
    text = os.environ.get(SETTING, "").strip()
    if not text:
        return None
    last = 65535 - BLOCK
    if not text.isdigit() or not 1024 <= int(text) <= last:
        raise SandboxError(f"{SETTING} is {text!r}; it must be a port number from 1024 to {last}.")
    return int(text)


def check_free(ports: Ports, kubernetes: bool, why: str) -> None:
    """Fail with the name of the first busy port. C(why) says why another block is no way out."""
    for port in ports.used(kubernetes):
        if not is_free(port):
            raise SandboxError(f"Port {port} on {ADDRESS} is taken by another program, and {why}.")


@contextmanager
def claim(kubernetes: bool) -> Iterator[Ports]:
    """A free block: the fixed one, or the first free one from 5570 up.

    Until the sandbox listens on it, the block is held against other sandboxes that start at the same time.
    """
    fixed = fixed_base()
    if fixed is not None:
        why = f"{SETTING}={fixed} fixes the block; end that program, or set {SETTING} to another port or not at all"
        check_free(Ports.from_base(fixed), kubernetes, why)
        yield Ports.from_base(fixed)
        return
    for base in range(FIRST_BASE, FIRST_BASE + BLOCKS * BLOCK, BLOCK):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as claimed:
            try:
                # A name in the abstract namespace: it leaves no file, and the kernel drops it with this process.
                claimed.bind(f"\0entasis-sandbox-{base}")
            except OSError:
                continue
            if all(is_free(port) for port in Ports.from_base(base).used(kubernetes)):
                yield Ports.from_base(base)
                return
    last = FIRST_BASE + BLOCKS * BLOCK - 1
    raise SandboxError(
        f"No free block of {BLOCK} ports between {FIRST_BASE} and {last}; set {SETTING} to one elsewhere."
    )
