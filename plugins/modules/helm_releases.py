#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Copyright (c) 2026, Entasis Engine contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install, upgrade and remove a list of Helm releases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_releases
short_description: Make the Helm releases of a platform what a list says
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - Compares chart, version, values and status of each release with what Helm has recorded in the cluster, and runs helm
    only for what differs. All records are read with one request.
  - A release is installed or upgraded after those that it needs, see O(releases[].needs); those that do not need each
    other go side by side, whatever their order in the list. Removals come last, one by one, the newest release first.
  - The releases made carry the labels C(entasis.io/platform) and C(entasis.io/role). A release without them is never
    changed or removed; see O(adopt) for taking one over.
  - A release that failed is upgraded again. One that a helm left pending when it ended before its time is marked as
    failed and upgraded; one that is pending for less than its timeout is waited for, because another helm may be at
    work.
  - The CustomResourceDefinitions in the C(crds) folders of a chart and of its subcharts are a part of the release. They
    are applied server-side before it and awaited, with each change of the release, and whenever one is missing; helm
    itself only makes them once. They stay when the release goes, see O(delete_crds). Definitions among a chart's
    templates are left to helm.
  - A definition that others made is refused; those of a release that the platform already has are taken over.
  - Values reach helm through its standard input. In the diff and in the invocation, values are hidden whose name, or
    the name of a mapping around them, is that of a secret, such as C(adminPassword), C(apiKey) or C(token).
extends_documentation_fragment:
  - entasis.engine.attributes
  - entasis.engine.progress
  - entasis.engine.kubernetes
requirements:
  - "the C(helm) command, 3.14 or later, or 4; in check mode only for the definitions of changed releases"
options:
  platform:
    description: Name of the platform that the releases belong to.
    type: str
    required: true
  role:
    description:
      - Name of the role that the releases belong to.
      - O(purge) and O(state=absent) look only at the releases of this role.
    type: str
    default: helm_releases
  releases:
    description:
      - The releases. With O(state=absent) they are not looked at.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the release.
        type: str
        required: true
      namespace:
        description: Namespace of the release.
        type: str
        required: true
      chart:
        description:
          - Name of the chart in O(releases[].repository).
          - Without a repository, the path of a folder, or of a file C(NAME-VERSION.tgz).
        type: str
        required: true
      repository:
        description: URL of the chart repository, C(https://) or C(oci://).
        type: str
        default: ""
      version:
        description: Exact version of the chart, such as V(1.2.3); a range is refused.
        type: str
        required: true
      values:
        description:
          - The user's values. They replace those of the last revision as a whole.
          - V(null) takes a default of the chart away. To helm V(1) and V(1.0) are the same number, and V("1") is none.
        type: dict
        default: {}
      wait:
        description: Wait until the chart's objects are ready.
        type: bool
        default: true
      timeout:
        description: The longest wait for the release, in seconds.
        type: int
        default: 300
      create_namespace:
        description: Make the namespace where it does not exist.
        type: bool
        default: true
      needs:
        description:
          - Releases of O(releases) that are installed or upgraded before this one, each as its name or
            C(namespace/name).
          - A name that is not listed, and releases that need each other in a circle, are refused.
        type: list
        elements: str
        default: []
      skip_crds:
        description: Leave the CustomResourceDefinitions of the chart's C(crds) folders to whoever makes them.
        type: bool
        default: false
  mirror:
    description:
      - A folder, or the beginning of a URL. Each chart is then taken from C(MIRROR/CHART-VERSION.tgz), and
        O(releases[].repository) is not used.
    type: str
    default: ""
  state:
    description:
      - V(present) makes the releases what O(releases) says.
      - V(absent) removes every release of the platform and the role.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Remove the releases of the platform and the role that are not in O(releases).
      - Without it they stay and are listed in RV(unlisted).
      - An empty O(releases) with it is refused; O(state=absent) is the word for that.
    type: bool
    default: false
  adopt:
    description: Take over releases of O(releases) that exist and carry no label of a platform.
    type: bool
    default: false
  delete_crds:
    description:
      - Remove the CustomResourceDefinitions of the releases that are removed, and so all objects of these kinds.
      - Without it they stay, and a warning names them.
    type: bool
    default: false
  parallelism:
    description: How many releases are worked on at the same time. Each is a helm process of some 100 MiB.
    type: int
    default: 10
  helm_binary:
    description: The helm command, a path or a name to look for in E(PATH).
    type: str
    default: helm
"""

EXAMPLES = r"""
- name: Install metrics-server and the device plugin of the GPU nodes
  entasis.engine.helm_releases:
    platform: entasis
    releases:
      - name: metrics-server
        namespace: kube-system
        chart: metrics-server
        repository: https://kubernetes-sigs.github.io/metrics-server/
        version: 3.13.1
        values:
          replicas: 2
      - name: nvidia-device-plugin
        namespace: nvidia
        chart: nvidia-device-plugin
        repository: https://nvidia.github.io/k8s-device-plugin
        version: 0.19.3
      - name: node-dashboards
        namespace: monitoring
        chart: oci://charts.example.com/node-dashboards
        version: 2.0.0
        needs: [metrics-server]

- name: Install from a folder of charts, without the network
  entasis.engine.helm_releases:
    platform: entasis
    mirror: /srv/charts
    releases: "{{ helm_releases_plan.releases }}"

- name: Remove all of the role's releases
  entasis.engine.helm_releases:
    platform: entasis
    state: absent
"""

RETURN = r"""
changes:
  description: The changes, in the order in which they are made. Check mode returns those that a real run would make.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "update", "kind": "HelmRelease", "name": "kube-system/metrics-server"}]
not_applied:
  description: The changes that were not made because one of them failed, that one first.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Everything that keeps the releases from being planned, one entry each.
  returned: when the releases cannot be planned
  type: list
  elements: str
unlisted:
  description:
    - Releases of the platform and the role that are not listed and stay because O(purge) is off.
    - Each as C(namespace/name).
  returned: success
  type: list
  elements: str
releases:
  description: The listed releases as Helm has recorded them in the end; in check mode, as they are.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    namespace:
      description: Namespace of the release.
      type: str
    chart:
      description: Name of the chart.
      type: str
    version:
      description: Version of the chart.
      type: str
    revision:
      description: Number of the newest revision.
      type: int
    status:
      description: Status of the newest revision.
      type: str
"""

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import helm, helm_crds
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.diff import masked_values
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.helm_command import (
    Command,
    Installer,
    fetch_charts,
    wait_for_others,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.module import (
    CONNECTION_ALTERNATIVES,
    CONNECTION_ARGUMENTS,
    connect,
    reconcile,
)
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Handler, Plan


class HelmReleases:
    """One run: observe and plan, the apply table, and what is returned."""

    def __init__(self, module: AnsibleModule, desired: Sequence[helm.Desired], stack: contextlib.ExitStack) -> None:
        """C(stack) ends with the module; a kubeconfig that was written for helm goes with it."""
        self._module = module
        self._desired = desired
        self._open = stack
        self._owner = helm.Owner(module.params["platform"], module.params["role"])
        self._client: Client | None = None
        self._live: Mapping[str, helm.Live] = {}
        self._members: Sequence[helm_crds.Member] = ()
        self._definitions: Sequence[helm_crds.Definition] = ()
        self._charts: Mapping[str, Path] = {}
        self._labels: Mapping[str, str] = {}

    def plan(self) -> Plan:
        """Read the cluster, and the charts of what changes.

        Raises:
            PlanError: the releases cannot be planned.
            KubernetesError: the cluster cannot be used.
        """
        options, check_mode = self._module.params, self._module.check_mode
        client = self._client = connect(self._module)
        if client is not None:
            self._live = helm.observe(client) if check_mode else wait_for_others(client, self._desired)
        purge = options["purge"] or options["state"] == "absent"
        planned = helm.plan(self._desired, self._live, self._owner, purge=purge, adopt=options["adopt"])
        if client is not None and (planned.changes or helm_crds.are_recorded(self._live.values(), self._owner)):
            self._members = helm_crds.members(client, self._owner)
        looked_at = helm_crds.to_look_at(self._desired, self._live, planned, self._members)
        command = self._command()
        if looked_at and check_mode and command.path is None:
            self._module.warn(f"CustomResourceDefinitions are not shown: there is no helm command '{command.binary}'.")
            return planned
        kubernetes = client.version() if client is not None and looked_at else ""
        self._charts, brought = fetch_charts(command, looked_at, Path(self._module.tmpdir), kubernetes)
        definitions = helm_crds.gather(brought)
        self._definitions = helm_crds.observe(client, definitions, self._owner, self._live)
        planned, self._labels = helm_crds.plan(
            planned,
            self._definitions,
            brought,
            self._members,
            self._live,
            self._owner,
            adopt=options["adopt"],
            delete=options["delete_crds"],
        )
        return planned

    def _command(self) -> Command:
        return Command(self._module.params["helm_binary"], self._module.params["mirror"] or "")

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """The apply table of the plan."""
        if self._client is None:
            return {}
        kubeconfig, context = self._open.enter_context(self._client.connection.kubeconfig(self._module.tmpdir))
        command = replace(self._command(), kubeconfig=kubeconfig, context=context)
        installer = Installer(self._client, command, self._desired, self._live, self._owner, self._charts, self._labels)
        return {**installer.handlers(), **helm_crds.handlers(self._client, self._definitions, self._members)}

    def report(self) -> dict[str, Any]:
        """The listed releases as they are now."""
        if self._client is not None and not self._module.check_mode:
            self._live = helm.observe(self._client)
        return {"releases": [describe(self._live[one.path]) for one in self._desired if one.path in self._live]}


def describe(live: helm.Live) -> dict[str, Any]:
    """A release as the module returns it."""
    return {
        "name": live.name,
        "namespace": live.namespace,
        "chart": live.chart_name,
        "version": live.version,
        "revision": live.revision,
        "status": live.status,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_ARGUMENTS,
            "platform": {"type": "str", "required": True},
            "role": {"type": "str", "default": "helm_releases"},
            "releases": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "namespace": {"type": "str", "required": True},
                    "chart": {"type": "str", "required": True},
                    "repository": {"type": "str", "default": ""},
                    "version": {"type": "str", "required": True},
                    "values": {"type": "dict", "default": {}},
                    "wait": {"type": "bool", "default": True},
                    "timeout": {"type": "int", "default": 300},
                    "create_namespace": {"type": "bool", "default": True},
                    "needs": {"type": "list", "elements": "str", "default": []},
                    "skip_crds": {"type": "bool", "default": False},
                },
            },
            "mirror": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "purge": {"type": "bool", "default": False},
            "adopt": {"type": "bool", "default": False},
            "delete_crds": {"type": "bool", "default": False},
            "parallelism": {"type": "int", "default": 10},
            "helm_binary": {"type": "str", "default": "helm"},
        },
        mutually_exclusive=CONNECTION_ALTERNATIVES,
        supports_check_mode=True,
        # Keeps the values, secrets among them, out of the system's log.
        no_log=True,
    )
    releases = copy.deepcopy(module.params["releases"])
    # The invocation is part of what a module returns; it shows the values without the secrets among them.
    module.params["releases"] = [{**one, "values": masked_values(one["values"])} for one in releases]
    if module.params["state"] == "absent":
        releases = []
    elif module.params["purge"] and not releases:
        module.fail_json(msg="releases is empty. Use state: absent to remove all releases of the role.")
    with contextlib.ExitStack() as stack:
        run = HelmReleases(module, [helm.Desired(**one) for one in releases], stack)
        parallelism = module.params["parallelism"]
        reconcile(module, plan=run.plan, handlers=run.handlers, extra=run.report, parallelism=parallelism)


if __name__ == "__main__":
    main()
