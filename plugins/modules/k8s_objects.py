#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Copyright (c) 2026, Entasis Engine contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply a named set of Kubernetes objects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_objects
short_description: Make a named set of Kubernetes objects what its manifests say
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - Applies manifests by server-side apply under the field manager C(entasis.engine), removes what left the set, and
    waits until everything is ready.
  - Namespaces come first, then CustomResourceDefinitions, each waited for until it is served, then what other objects
    name (accounts, roles, Secrets, ConfigMaps, claims), then the rest. Removals come last, in the opposite order.
  - A set is kept after the ApplySet standard (KEP-3659). Its members carry the label
    C(applyset.kubernetes.io/part-of), and the ConfigMap C(applyset-NAME) in O(namespace) records their kinds and
    namespaces. An object without the label is never changed or removed; see O(adopt) for taking one over.
  - What changes is found by a server-side dry run, in check mode and in a real run alike. The values of Secrets are
    hidden in the diff, in the returned values and in the invocation.
  - Where the set holds a HorizontalPodAutoscaler, the number of replicas of what it scales is left to it.
extends_documentation_fragment:
  - entasis.engine.attributes
  - entasis.engine.progress
  - entasis.engine.kubernetes
options:
  name:
    description: Name of the set, unique in its namespace.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the set's record, and of each manifest that names none and whose kind has one.
      - It may be made by a Namespace in the set.
    type: str
    required: true
  objects:
    description:
      - The manifests, each a mapping. The items of a C(List) are taken one by one. Empty documents, as a file may have
        them, are nothing, and a C(status) is left out.
      - A field that the kind does not have is refused.
      - Required with O(state=present). With O(state=absent) it is not looked at.
    type: list
    elements: raw
  state:
    description:
      - V(present) makes the set what O(objects) says.
      - V(absent) removes every member of the set, and its record.
    type: str
    choices: [present, absent]
    default: present
  prune:
    description:
      - Remove the members that are no longer in O(objects).
      - Without it they stay and are listed in RV(unlisted), all of them where O(objects) is empty.
      - An empty O(objects) with it is refused; O(state=absent) is the word for that.
    type: bool
    default: true
  allow_delete:
    description:
      - Kinds that are otherwise never removed, because data or other people's objects go with them.
      - What stays for this reason is listed in RV(kept).
    type: list
    elements: str
    choices: [Namespace, CustomResourceDefinition, PersistentVolumeClaim, PersistentVolume]
    default: []
  adopt:
    description:
      - Take over objects of O(objects) that exist and belong to no set. From then on they are members, and are removed
        when they leave the set.
      - A Namespace that exists is always taken in, because none is removed without O(allow_delete).
      - What C(kubectl apply), Helm or people wrote into an object before, and O(objects) does not name, stays in it and
        stays theirs in its C(managedFields). Nobody removes it any more; do so by hand, or remove the object first and
        let it be made anew. What O(objects) names with another value is a conflict, see O(force_conflicts).
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that another field manager owns with another value.
      - Without it such a field is an error that names the field and the manager.
    type: bool
    default: false
  wait:
    description:
      - Wait until every object of the set is ready, and until what is removed is gone.
      - Workloads are ready when all replicas are of the newest template and available, Jobs when they are complete,
        claims when they are bound. Other kinds are judged by their conditions C(Ready), C(Available) and
        C(Established), where they report one.
    type: bool
    default: true
  wait_timeout:
    description: The longest wait for the whole set to be ready, and for each removal, in seconds.
    type: int
    default: 300
seealso:
  - name: KEP-3659, ApplySet
    description: The standard for the labels and annotations of a set.
    link: https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
"""

EXAMPLES = r"""
- name: Run the trading API
  entasis.engine.k8s_objects:
    name: trading-api
    namespace: trading
    objects: "{{ services_plan.objects }}"

- name: See what a new manifest would change
  entasis.engine.k8s_objects:
    name: trading-api
    namespace: trading
    objects: "{{ lookup('ansible.builtin.file', 'trading-api.yml') | from_yaml_all | list }}"
  check_mode: true
  diff: true

- name: Remove the trading API, its namespace included
  entasis.engine.k8s_objects:
    name: trading-api
    namespace: trading
    state: absent
    allow_delete: [Namespace]
"""

RETURN = r"""
changes:
  description: The changes, in the order of the plan. Check mode returns those that a real run would make.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "kind": "Deployment.apps", "name": "trading/trading-api"}]
not_applied:
  description: The changes that were not made because one of them failed, that one first.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Everything that keeps the set from being applied, one entry each.
  returned: when the set cannot be planned
  type: list
  elements: str
set_id:
  description: The set's id, the value of the members' label C(applyset.kubernetes.io/part-of).
  returned: success
  type: str
unlisted:
  description: Members that are no longer in O(objects) and stay because O(prune) is off.
  returned: success
  type: list
  elements: str
  sample: ["ConfigMap trading/old-settings"]
kept:
  description: Members that are to go and stay because their kind is protected, see O(allow_delete).
  returned: success
  type: list
  elements: str
  sample: ["PersistentVolumeClaim trading/journal"]
not_ready:
  description: The objects that are not ready, with what each lacks and what keeps its pods.
  returned: when the wait ended without everything ready
  type: list
  elements: str
  sample: ["Deployment.apps trading/trading-api: 0 of 3 are available; pod trading-api-7c9: Unschedulable: 0/3 nodes"]
waited:
  description: How long the wait for the objects to be ready took, in seconds.
  returned: when O(wait) is on and the objects were waited for
  type: float
"""

import copy
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes import object_set, objects, waiting
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.apply_set import PROTECTED_KINDS
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.diff import masked_list
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.module import (
    CONNECTION_ALTERNATIVES,
    CONNECTION_ARGUMENTS,
    connect,
    reconcile,
)
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.object_set import ObjectSet, Policy
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.object_set_apply import Applier, wait_ready
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Handler
from ansible_collections.entasis.engine.plugins.module_utils._reconcile_module import ReportError

#: Objects that an error speaks of; all of them are returned.
SHOWN_NOT_READY = 5


class K8sObjects:
    def __init__(self, module: AnsibleModule, manifests: list[Any]) -> None:
        self._module = module
        self._manifests = manifests
        options = module.params
        self._policy = Policy(
            prune=options["prune"] or options["state"] == "absent",
            allow_delete=frozenset(options["allow_delete"]),
            adopt=options["adopt"],
            force_conflicts=options["force_conflicts"],
            tolerate_missing=module.check_mode,
        )

    def plan(self) -> object_set.Plan:
        options = self._module.params
        manifests = object_set.read_manifests(self._manifests)
        client = connect(self._module)
        kinds = object_set.namespaced_kinds(client, manifests) if client else {}
        self._desired = ObjectSet(options["name"], options["namespace"], manifests, kinds)
        if client is None:
            self._plan = object_set.plan_without_cluster(self._desired)
            return self._plan
        self._client = client
        self._observed = object_set.observe(client, self._desired, self._policy)
        self._plan = object_set.plan(self._desired, self._observed, self._policy)
        wait, timeout = options["wait"], options["wait_timeout"]
        self._applier = Applier(
            client, self._desired, self._observed, self._plan, self._policy, wait=wait, timeout=timeout
        )
        return self._plan

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return self._applier.handlers()

    def report(self) -> Mapping[str, Any]:
        """The module's own return values, once the set is whole and, where that is waited for, ready.

        Raises:
            ReportError: some objects are not ready.
        """
        options = self._module.params
        report: dict[str, Any] = {"set_id": self._desired.id, "kept": [str(one) for one in self._plan.kept]}
        if self._module.check_mode:
            return report
        self._applier.finish()
        if options["wait"] and self._desired.manifests:
            timeout = options["wait_timeout"]
            outcome = wait_ready(self._client, self._desired, self._observed, self._applier.written, timeout)
            report["waited"] = round(outcome.seconds, 1)
            if outcome.lacking:
                raise not_ready(self._client, outcome, report)
        return report


def not_ready(client: Client, outcome: waiting.Outcome, report: Mapping[str, Any]) -> ReportError:
    """What each object lacks."""
    lines = waiting.explain(client, outcome)
    when = "can never become ready" if outcome.hopeless else f"are not ready after {outcome.seconds:.0f} s"
    shown = [line.rstrip(".") for line in lines[:SHOWN_NOT_READY]]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more, see not_ready")
    return ReportError(
        f"{len(lines)} of the set's objects {when}: {'. '.join(shown)}. All is applied; a new run waits again.",
        not_ready=lines,
        **report,
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_ARGUMENTS,
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "objects": {"type": "list", "elements": "raw"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "prune": {"type": "bool", "default": True},
            "allow_delete": {
                "type": "list",
                "elements": "str",
                "choices": list(PROTECTED_KINDS.values()),
                "default": [],
            },
            "adopt": {"type": "bool", "default": False},
            "force_conflicts": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ["objects"])],
        mutually_exclusive=CONNECTION_ALTERNATIVES,
        supports_check_mode=True,
        # Keeps the manifests, Secrets among them, out of the system's log.
        no_log=True,
    )
    manifests = copy.deepcopy(module.params["objects"] or [])
    # The invocation is part of what a module returns; it shows the Secrets' keys and not their values.
    module.params["objects"] = masked_list(manifests)
    if module.params["state"] == "absent":
        manifests = []
    elif module.params["prune"] and not objects.flatten(manifests):
        module.fail_json(msg="objects is empty. Use state: absent to remove the whole set.")
    run = K8sObjects(module, manifests)
    reconcile(module, plan=run.plan, handlers=run.handlers, extra=run.report, purge="prune")


if __name__ == "__main__":
    main()
