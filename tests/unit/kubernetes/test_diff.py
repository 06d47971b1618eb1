# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a diff shows of an object and of a chart's values, and what it never shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.diff import (
    CHANGED_MASK,
    MASK,
    differences,
    is_secret_name,
    masked,
    masked_values,
    normalised,
    value_differences,
)
from hypothesis import given
from hypothesis import strategies as st


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}, "data": data}


def secret(**data: str) -> dict[str, Any]:
    return {**config_map(**data), "kind": "Secret"}


def test_what_the_server_keeps_for_itself_is_no_difference() -> None:
    written = config_map(a="1")
    read = config_map(a="1")
    read["metadata"] |= {
        "uid": "1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-11-22T00:00:00Z",
        "managedFields": [{"manager": "x"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    read["status"] = {"phase": "Active"}
    assert normalised(read) == normalised(written)
    assert differences(read, written) == ({}, {})


def test_labels_and_annotations_of_the_user_are_differences() -> None:
    old, new = config_map(), config_map()
    new["metadata"]["annotations"] = {"example.com/note": "x"}
    assert differences(old, new) == ({}, {"metadata.annotations['example.com/note']": "x"})


def test_list_entries_are_matched_by_name() -> None:
    def workload(*containers: tuple[str, str]) -> dict[str, Any]:
        return {
            "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {"containers": [{"name": name, "image": image} for name, image in containers]},
        }

    was, becomes = differences(workload(("a", "a:1"), ("b", "b:1")), workload(("b", "b:2"), ("a", "a:1")))
    assert was == {"spec.containers[name=b].image": "b:1"}
    assert becomes == {"spec.containers[name=b].image": "b:2"}


def test_lists_without_names_are_matched_by_position() -> None:
    was, becomes = differences(
        {"kind": "X", "metadata": {}, "spec": {"args": ["a", "b"]}},
        {"kind": "X", "metadata": {}, "spec": {"args": ["a", "c", "d"]}},
    )
    assert was == {"spec.args[1]": "b"}
    assert becomes == {"spec.args[1]": "c", "spec.args[2]": "d"}


def test_a_secret_shows_which_keys_change_and_no_value() -> None:
    old = secret(same="c2FtZQ==", other="b2xk", gone="Z29uZQ==")
    new = secret(same="c2FtZQ==", other="bmV3", **{"tls.key": "a2V5"})
    assert differences(old, new) == (
        {"data.other": MASK, "data.gone": MASK},
        {"data.other": CHANGED_MASK, "data['tls.key']": CHANGED_MASK},
    )
    assert masked(old)["data"] == {"same": MASK, "other": MASK, "gone": MASK}
    assert masked({**old, "stringData": {"p": "x"}})["stringData"] == {"p": MASK}
    assert masked({"kind": "List", "items": [old]})["items"][0]["data"]["same"] == MASK


def test_a_secret_in_an_annotation_of_kubectl_is_not_shown() -> None:
    applied = secret(a="x")
    applied["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"topsecret"}}'
    }
    assert "topsecret" not in json.dumps(masked(applied))
    assert "topsecret" not in json.dumps(differences(applied, secret(a="y")))


@given(
    st.dictionaries(st.text(min_size=1), st.text(min_size=12)),
    st.dictionaries(st.text(min_size=1), st.text(min_size=12)),
)
def test_no_value_of_any_secret_is_in_its_diff(old: dict[str, str], new: dict[str, str]) -> None:
    was, becomes = differences(secret(**old), secret(**new))
    for shown in (*was.values(), *becomes.values()):
        # An empty mapping is what stands there when the last key goes, or the first comes.
        assert shown in (MASK, CHANGED_MASK, {})


def test_other_objects_are_shown_as_they_are() -> None:
    assert masked(config_map(password="x")) == config_map(password="x")


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "adminPassword",
        "admin_password",
        "ADMIN-PASSWORD",
        "passwd",
        "pw",
        "secret",
        "clientSecret",
        "token",
        "authToken",
        "apiKey",
        "api_key",
        "access-key",
        "secretKey",
        "privateKey",
        "credentials",
        "credential",
        "passphrase",
        "secretValue",
        "DBPassword",
        "rootpassword",
        "tokens",
        "slack_api_url",
        "webhookURL",
        "connectionString",
        "tlsKey",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "secretName",
        "existingSecretName",
        "tokenTtl",
        "passwordPolicy",
        "key",
        "keys",
        "image",
        "monkey",
        "powerful",
        "existingSecret",
        "imagePullSecrets",
        "url",
    ],
)
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_values_under_a_secrets_name_are_masked_and_switches_are_not() -> None:
    values = {
        "image": "a",
        "adminPassword": "x",
        "auth": {"token": "y", "enabled": True},
        "credentials": {"user": "u", "list": ["v", 7], "enabled": False, "none": None, "empty": ""},
    }
    assert masked_values(values) == {
        "image": "a",
        "adminPassword": MASK,
        "auth": {"token": MASK, "enabled": True},
        "credentials": {"user": MASK, "list": [MASK, MASK], "enabled": False, "none": None, "empty": ""},
    }


def test_values_that_differ() -> None:
    before = {"image": {"tag": "1"}, "password": "x", "same": 1, "gone": 2}
    after = {"image": {"tag": "2"}, "password": "y", "same": 1, "apiKey": "z"}
    assert value_differences(before, after) == (
        {"image.tag": "1", "password": MASK, "gone": 2},
        {"image.tag": "2", "password": CHANGED_MASK, "apiKey": MASK},
    )
