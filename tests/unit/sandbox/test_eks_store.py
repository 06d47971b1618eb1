# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of the emulated EKS and their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.eks.store import (
    AccessEntry,
    Addon,
    Cluster,
    Instance,
    NodeGroup,
    PodIdentity,
    Request,
    Store,
    Update,
)


def full_cluster() -> Cluster:
    instance = Instance("i-1", "a", "s", "10.0.0.4", "c5.large", "1.35", "1.35.5-1", 12.5, ready=True)
    group = NodeGroup({"status": "ACTIVE"}, instances=[instance], subnets={"s": ["a", "10.0.0.0/24"]})
    return Cluster(
        "1",
        "r",
        {"name": "prod", "status": "ACTIVE", "createdAt": 1.5},
        Request("token", "digest"),
        due=3.25,
        node_groups={"general": group},
        access_entries={"arn": AccessEntry({"username": "x"}, policies={"p": {"policyArn": "p"}})},
        addons={"coredns": Addon({"status": "ACTIVE"}, Request("t", "d"), due=1.0)},
        pod_identities={"a-1": PodIdentity({"namespace": "x"})},
        updates={"u": Update({"id": "u"}, "general", changes={"version": "1.36"})},
    )


def test_what_is_written_is_what_is_read_also_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "account" / "eks.json"

    def fail_halfway() -> None:
        with Store(path).transaction() as clusters:
            clusters.setdefault("1", {}).setdefault("r", {})["prod"] = full_cluster()
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        fail_halfway()
    assert Store(path).clusters() == [full_cluster()]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("damaged", ["{", '{"1": {"r": {"prod": {}}}}', "[]"])
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "eks.json"
    path.write_text(damaged)
    with pytest.raises(ValueError, match="Take the file away"):
        Store(path)
