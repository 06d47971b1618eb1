# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox for all end-to-end tests, and inventories that differ from the sandbox's in one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.platform import PROJECT, Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.command("up")
    yield running
    running.command("down")


@pytest.fixture
def inventory_of(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """An inventory like the sandbox's, with a spec that a function has changed."""

    def make(change: Callable[[dict[str, Any]], None]) -> Path:
        folder = tmp_path / "inventory"
        groups = folder / "group_vars" / "all"
        groups.mkdir(parents=True)
        source = PROJECT / "inventories" / "sandbox"
        (folder / "hosts.yml").write_text((source / "hosts.yml").read_text())
        connection = (source / "group_vars" / "all" / "connection.yml").read_text()
        (groups / "connection.yml").write_text(connection.replace("inventory_dir", "sandbox_inventory"))
        (groups / "location.yml").write_text(yaml.safe_dump({"sandbox_inventory": str(source)}))
        text = (source / "group_vars" / "all" / "platform.yml").read_text()
        spec = yaml.safe_load(text.replace("inventory_dir", "sandbox_inventory"))
        change(spec["entasis_platform"])
        (groups / "platform.yml").write_text(yaml.safe_dump(spec))
        return folder

    return make
