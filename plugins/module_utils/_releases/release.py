# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What the platform says of a Helm release that it installs itself: all of it in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The spec knows the releases by name, so they must not need it to be imported.
    from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform


def _always(_platform: Platform) -> bool:
    return True


@dataclass(frozen=True)
class Release:
    """A release, named as its chart.

    C(role) is the role that installs it, C(values) what the platform sets in its chart. Where C(when) is false it is
    not installed, C(absent_because). C(needs) are releases of the same role that come before it, where they are
    installed.
    """

    name: str
    repository: str
    version: str
    namespace: str
    values: Callable[[Platform], Mapping[str, Any]]
    role: str = "helm_releases"
    when: Callable[[Platform], bool] = _always
    absent_because: str = ""
    needs: tuple[str, ...] = ()
