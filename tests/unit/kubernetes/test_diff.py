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


OURS = {"kind": "X", "metadata": {"name": "a"}}
NOTED = {**OURS, "metadata": {"name": "a", "annotations": {"example.com/note": "x"}}}


def pod(*containers: tuple[str, str]) -> dict[str, Any]:
    return {**OURS, "spec": {"containers": [{"name": name, "image": image} for name, image in containers]}}


@pytest.mark.parametrize(
    ("old", "new", "was", "becomes"),
    [
        # A key with dots in it is quoted.
        (OURS, NOTED, {}, {"metadata.annotations['example.com/note']": "x"}),
        # Entries of a list are matched by name where they have names, else by position.
        (
            pod(("a", "a:1"), ("b", "b:1")),
            pod(("b", "b:2"), ("a", "a:1")),
            {"spec.containers[name=b].image": "b:1"},
            {"spec.containers[name=b].image": "b:2"},
        ),
        (
            {**OURS, "spec": {"args": ["a", "b"]}},
            {**OURS, "spec": {"args": ["a", "c", "d"]}},
            {"spec.args[1]": "b"},
            {"spec.args[1]": "c", "spec.args[2]": "d"},
        ),
        # A Secret shows which keys change and no value.
        (
            secret(same="c2FtZQ==", other="b2xk", gone="Z29uZQ=="),
            secret(same="c2FtZQ==", other="bmV3", **{"tls.key": "a2V5"}),
            {"data.other": MASK, "data.gone": MASK},
            {"data.other": CHANGED_MASK, "data['tls.key']": CHANGED_MASK},
        ),
    ],
    ids=["a label or annotation of the user", "named entries", "entries without names", "a Secret"],
)
def test_what_differs(old: dict[str, Any], new: dict[str, Any], was: dict[str, Any], becomes: dict[str, Any]) -> None:
    assert differences(old, new) == (was, becomes)


def test_what_the_server_keeps_for_itself_is_no_difference() -> None:
    written = config_map(a="1")
    read = {**written, "status": {"phase": "Active"}}
    read["metadata"] = {
        **written["metadata"],
        "uid": "1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-11-22T00:00:00Z",
        "managedFields": [{"manager": "x"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    assert normalised(read) == normalised(written)


def test_the_values_of_secrets_are_masked_wherever_they_are() -> None:
    applied = {**secret(a="x"), "stringData": {"p": "x"}}
    applied["metadata"] = {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"topsecret"}}'}
    }
    for shown in (masked(applied), masked({"kind": "List", "items": [applied]})["items"][0]):
        assert (shown["data"], shown["stringData"]) == ({"a": MASK}, {"p": MASK})
        assert "topsecret" not in json.dumps(shown)
    assert "topsecret" not in json.dumps(differences(applied, secret(a="y")))
    assert masked(config_map(password="x")) == config_map(password="x")


@given(*[st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=5)] * 2)
def test_no_value_of_any_secret_is_in_its_diff(old: dict[str, str], new: dict[str, str]) -> None:
    was, becomes = differences(secret(**old), secret(**new))
    for shown in (*was.values(), *becomes.values()):
        # An empty mapping is what stands there when the last key goes, or the first comes.
        assert shown in (MASK, CHANGED_MASK, {})


SECRETS = """
    password adminPassword admin_password ADMIN-PASSWORD passwd pw secret clientSecret token authToken apiKey api_key
    access-key secretKey privateKey credentials credential passphrase secretValue DBPassword rootpassword tokens
    slack_api_url webhookURL connectionString tlsKey
"""
NO_SECRETS = """
    secretName existingSecretName tokenTtl passwordPolicy key keys image monkey powerful existingSecret imagePullSecrets
    url
"""


def test_names_of_secrets_and_of_none() -> None:
    assert [name for name in SECRETS.split() if not is_secret_name(name)] == []
    assert [name for name in NO_SECRETS.split() if is_secret_name(name)] == []


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
