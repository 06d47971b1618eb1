# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from sandbox import ports
from sandbox.errors import SandboxError
from sandbox.ports import ADDRESS

#: A range that neither a sandbox nor the kernel's choice of ports uses.
FIRST_BASE = 21570


@pytest.fixture(autouse=True)
def own_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST_BASE", FIRST_BASE)
    monkeypatch.delenv(ports.SETTING, raising=False)


@contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((ADDRESS, port))
        server.listen(1)
        yield


@pytest.mark.parametrize(
    ("busy", "kubernetes", "taken"),
    [
        *((offset, True, FIRST_BASE + ports.BLOCK) for offset in range(8)),
        (0, False, FIRST_BASE + ports.BLOCK),
        (1, False, FIRST_BASE),
        (8, True, FIRST_BASE),
    ],
)
def test_a_block_with_a_busy_port_of_its_own_is_passed_over(busy: int, kubernetes: bool, taken: int) -> None:
    with listening(FIRST_BASE + busy), ports.claim(kubernetes=kubernetes) as block:
        assert block.server == taken


def test_two_sandboxes_that_start_at_once_get_blocks_of_their_own() -> None:
    with ports.claim(kubernetes=True) as first, ports.claim(kubernetes=True) as second:
        assert first.server != second.server
    with ports.claim(kubernetes=True) as later:
        assert later.server == first.server == FIRST_BASE


def test_no_free_block_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "BLOCKS", 2)
    with ExitStack() as stack:
        for base in (FIRST_BASE, FIRST_BASE + ports.BLOCK):
            stack.enter_context(listening(base))
        with pytest.raises(SandboxError, match=f"between {FIRST_BASE} and {FIRST_BASE + 19}; set {ports.SETTING}"):
            stack.enter_context(ports.claim(kubernetes=True))


def test_a_busy_port_of_a_fixed_block_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.SETTING, str(FIRST_BASE))
    busy = FIRST_BASE + 2
    with listening(busy), pytest.raises(SandboxError, match=f"Port {busy} on 127.0.0.1 is taken"):
        ports.claim(kubernetes=True).__enter__()


@pytest.mark.parametrize("text", ["http", "-1", "80", "65530", "5570.5"])
def test_a_setting_that_is_no_port_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(ports.SETTING, text)
    with pytest.raises(SandboxError, match=f"{ports.SETTING} is '{text}'; it must be a port number from 1024 to"):
        ports.fixed_base()


def test_a_lingering_connection_does_not_make_a_port_busy() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((ADDRESS, FIRST_BASE))
        server.listen(1)
        with socket.create_connection((ADDRESS, FIRST_BASE)) as client:
            accepted, _address = server.accept()
            # The side that closes first is the one that lingers.
            accepted.close()
            assert client.recv(1) == b""
    assert ports.is_free(FIRST_BASE)
