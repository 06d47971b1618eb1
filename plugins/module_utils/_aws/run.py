# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""One run of an AWS module: its options, which are those that it documents, and the account that it is meant for."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from ansible.module_utils.common.yaml import HAS_YAML
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.entasis.engine.plugins.module_utils import _reconcile_module
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import AwsModule, client, explain
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Handler, Plan, PlanError

with suppress(ImportError):  # AnsibleAWSModule reports the missing library to the user
    from botocore.exceptions import BotoCoreError, ClientError

if HAS_YAML:
    from ansible.module_utils.common.yaml import yaml_load

#: The options of our doc fragments.
_FRAGMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "entasis.engine.aws": {
        "platform": {"type": "str", "required": True},
        "role": {"type": "str", "required": True},
        "account": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "tags": {"type": "dict", "default": {}},
    },
    "entasis.engine.aws.set": {"purge": {"type": "bool", "default": False}},
    "entasis.engine.aws.cluster": {"cluster": {"type": "str"}},
}


class Reconciler(Protocol):
    """What a module runs: see L(_reconcile_module.reconcile)."""

    def plan(self) -> Plan: ...
    def handlers(self) -> Mapping[tuple[str, str], Handler]: ...
    def report(self) -> Mapping[str, Any]: ...


def run(make: Callable[[Any], Reconciler], documentation: str, **rules: Any) -> NoReturn:
    """Run a module to its end in the account it is meant for. Its options are those that it documents.

    C(rules) are those between options, as AnsibleModule takes them.
    """
    # PyYAML is missing only where nothing runs: ansible-core needs it itself.
    specification = arguments(documentation) if HAS_YAML else {}
    module = AnsibleAWSModule(argument_spec=specification, supports_check_mode=True, **rules)
    reconcile(module, make(module))


def arguments(documentation: str) -> dict[str, dict[str, Any]]:
    """The argument_spec of a module with this documentation."""
    written = yaml_load(documentation)
    fragments = [_FRAGMENTS.get(fragment, {}) for fragment in written["extends_documentation_fragment"]]
    return dict(ChainMap(_arguments(written["options"]), *fragments))


def _arguments(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    taken = ("type", "elements", "choices", "default", "required")
    return {
        name: {
            **{key: option[key] for key in taken if key in option},
            **({"options": _arguments(option["suboptions"])} if "suboptions" in option else {}),
            # None is a secret, whatever it is called: encryption_key is an id.
            "no_log": False,
        }
        for name, option in options.items()
    }


def reconcile(module: AwsModule, reconciler: Reconciler) -> NoReturn:
    def plan() -> Plan:
        _refuse_other_account(module)
        return reconciler.plan()

    _reconcile_module.reconcile(
        module,
        plan=plan,
        handlers=reconciler.handlers,
        extra=reconciler.report,
        errors=(ClientError, BotoCoreError),
        explain=explain,
    )


def _refuse_other_account(module: AwsModule) -> None:
    wanted = module.params.get("account")
    if not wanted:
        return
    caller = client(module, "sts").get_caller_identity()
    if caller["Account"] != wanted:
        profile = module.params.get("profile") or os.environ.get("AWS_PROFILE")
        source = f"the profile {profile}" if profile else "the credentials in use"
        raise PlanError(
            f"the account is to be {wanted}, and {source} belong to {caller['Arn']} in {caller['Account']}. Nothing "
            "was read or changed. Use credentials of the right account, or mend account"
        )
