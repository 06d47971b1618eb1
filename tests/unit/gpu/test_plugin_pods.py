# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the pods of the device plugin, however it was installed."""

from __future__ import annotations

import pytest
from ansible_collections.entasis.engine.plugins.module_utils._gpu.config import DevicePlugin
from ansible_collections.entasis.engine.plugins.module_utils._gpu.sources import is_dra_driver, plugin_pods, pods

from tests.support.gpu import Object, settings


def daemon_set(name: str, namespace: str, labels: dict[str, str]) -> Object:
    template = {"metadata": {"labels": labels}, "spec": {}}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"template": template}}


def plugin(**options: object) -> DevicePlugin:
    return settings(device_plugin=options).config.device_plugin


HELM = daemon_set("plugin", "nvidia", {"app.kubernetes.io/name": "nvidia-device-plugin"})
OPERATOR = daemon_set("nvidia-device-plugin-daemonset", "gpu-operator", {"app": "nvidia-device-plugin-daemonset"})
MANIFEST = daemon_set("nvidia-device-plugin-daemonset", "kube-system", {"name": "nvidia-device-plugin-ds"})
OTHER = daemon_set("aws-node", "kube-system", {"app": "aws-node"})


@pytest.mark.parametrize(
    ("installed", "namespace", "selector"),
    [
        (HELM, "nvidia", "app.kubernetes.io/name=nvidia-device-plugin"),
        (OPERATOR, "gpu-operator", "app in (nvidia-device-plugin-daemonset,nvidia-driver-daemonset)"),
        (MANIFEST, "kube-system", "name=nvidia-device-plugin-ds"),
    ],
    ids=["helm", "operator", "manifest"],
)
def test_each_way_of_installing_it_is_known(installed: Object, namespace: str, selector: str) -> None:
    assert plugin_pods([OTHER, installed], plugin()) == (pods(namespace, selector), ())


def test_none_is_there() -> None:
    assert plugin_pods([OTHER], plugin()) == (None, ())
    assert plugin_pods([HELM], plugin(namespace="elsewhere")) == (None, ())
    assert plugin_pods([HELM], plugin(selectors=["app=own-plugin"])) == (None, ())


def test_of_two_the_other_is_named() -> None:
    second = daemon_set("plugin-arm", "nvidia", {"app.kubernetes.io/name": "nvidia-device-plugin"})
    query, others = plugin_pods([MANIFEST, HELM, second], plugin())
    assert query == pods("nvidia", "app.kubernetes.io/name=nvidia-device-plugin")
    assert others == ("kube-system/nvidia-device-plugin-daemonset",)


def test_the_dra_driver_is_known() -> None:
    assert is_dra_driver(daemon_set("nvidia-dra-driver-gpu-kubelet-plugin", "nvidia", {}))
    assert is_dra_driver(daemon_set("mine", "nvidia", {"app.kubernetes.io/name": "nvidia-dra-driver-gpu"}))
    assert not is_dra_driver(HELM)
