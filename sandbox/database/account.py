# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs PostgreSQL, which refuses to run as root: an ordinary user himself; for root, the account nobody.

The account must get to its data, and the state folder, which is its owner's only, does not let it through; nor does a
virtual environment below root's own folder. So it is given one capability, and no more.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = "nobody"


@dataclass(frozen=True)
class Account:
    """Who runs the server.

    C(prefix) starts each of its command lines; it replaces itself by the program, so that the pid stays. C(owner) is
    whom the data must belong to, as uid and gid.
    """

    prefix: tuple[str, ...]
    owner: tuple[int, int]

    def give(self, *paths: Path) -> None:
        """Make these the account's own."""
        for path in paths:
            os.chown(path, *self.owner)


def candidates() -> Iterator[Account]:
    """The accounts that may run a server here, the one with the least power first."""
    if os.geteuid() != 0:
        yield Account((), (os.geteuid(), os.getegid()))
        return
    user, group = _nobody()
    switch = ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups")
    # Without this bit, access(2) leaves capabilities out, and PostgreSQL asks access(2) for its own programs.
    keep = "--securebits=+no_setuid_fixup"
    # The second is for containers: Docker grants it to root, and does not grant the first, which only reads.
    for capability in ("dac_read_search", "dac_override"):
        grant = (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}")
        yield Account((*switch, keep, *grant, "--"), (user, group))


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid
