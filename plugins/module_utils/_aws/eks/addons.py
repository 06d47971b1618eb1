# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The add-ons of a cluster: their versions, and what they are told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.domain import EksDomain
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import read_all
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import KNOWN_AFTER_APPLY, PlanError

#: Seconds in which EKS makes, changes or removes an add-on. Its own limit is 20 minutes.
TIMEOUT = 1500.0
#: What stands for a version that EKS knows: the newest for the cluster's, the one that EKS takes by itself, and what is
#: there, as long as it runs on the cluster's version.
NEWEST, DEFAULT, COMPATIBLE = "newest", "default", "compatible"


class Addons(EksDomain):
    kind = "addon"
    option = "addons"
    creates = ("CreateAddon",)
    # One call changes both.
    parts = {"version and configuration": ("version", "configuration")}

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "version": self._version(options["name"], options["version"]),
            "configuration": options["configuration"],
        }

    def desired(self) -> Iterator[Resource]:
        problems = [
            f"{one['name']} {one['version']} is not offered for Kubernetes {self._kubernetes}. EKS offers "
            f"{', '.join(self._offered[one['name']]) or 'no add-on of this name'}"
            for one in self.options["addons"]
            if self._kubernetes and not self._version(one["name"], one["version"])
        ]
        if problems:
            raise PlanError(problems)
        yield from super().desired()

    def _version(self, name: str, wanted: str) -> str:
        """The version that the options stand for; empty where EKS does not offer it for the cluster's Kubernetes."""
        if not self._kubernetes:
            return wanted if wanted not in (NEWEST, DEFAULT, COMPATIBLE) else KNOWN_AFTER_APPLY
        offered = self._offered[name]
        if wanted == NEWEST:
            return max(offered, key=_order, default="")
        if wanted == COMPATIBLE and (there := self._describe(name)) and there["addonVersion"] in offered:
            return str(there["addonVersion"])
        if wanted in (DEFAULT, COMPATIBLE):
            return next((version for version, is_default in offered.items() if is_default), "")
        return wanted if wanted in offered else ""

    @cached_property
    def _kubernetes(self) -> str:
        """The version of the cluster; empty in check mode where there is no cluster yet."""
        described = eks.describe_cluster(self.client, self.cluster)
        return str(described["version"]) if described else ""

    @cached_property
    def _offered(self) -> Mapping[str, Mapping[str, bool]]:
        """The versions of each add-on that run on the cluster, and whether EKS takes it by itself."""
        listed = read_all(self.client, "describe_addon_versions", "addons", kubernetesVersion=self._kubernetes)
        found: dict[str, dict[str, bool]] = {one["name"]: {} for one in self.options["addons"]}
        for addon in listed:
            found[addon["addonName"]] = {
                one["addonVersion"]: any(fit["defaultVersion"] for fit in one["compatibilities"])
                for one in addon["addonVersions"]
            }
        return found

    def identifiers(self) -> Iterable[str]:
        return map(str, read_all(self.client, "list_addons", "addons", clusterName=self.cluster))

    def read(self, identifier: str) -> Resource | None:
        """The add-on once nothing is under way on it; in check mode as it is now."""
        addon = self._describe(identifier)
        if addon and not self.module.check_mode:
            addon = eks.settled(lambda: self._describe(identifier), _what(identifier), TIMEOUT)
        if addon is None:
            return None
        configuration = addon.get("configurationValues")
        fields = {
            "version": addon["addonVersion"],
            "configuration": json.loads(configuration) if configuration else {},
        }
        return Resource(identifier, fields, addon.get("tags", {}), addon["addonArn"])

    def _describe(self, name: str) -> dict[str, Any] | None:
        return eks.found(lambda: self.client.describe_addon(**self._one(name))["addon"])

    def create(self, wanted: Resource) -> str:
        made = self.client.create_addon(
            **self._one(wanted.name), **_request(wanted), resolveConflicts="OVERWRITE", tags=dict(wanted.tags)
        )
        eks.wait_until_made(lambda: self._describe(wanted.name), _what(wanted.name), TIMEOUT)
        return str(made["addon"]["addonArn"])

    def update(self, there: Resource, part: str, wanted: Resource) -> None:  # noqa: ARG002 - EKS takes both at once
        one, what = self._one(there.name), _what(there.name)
        answer = eks.when_free(
            lambda: self.client.update_addon(**one, **_request(wanted), resolveConflicts="OVERWRITE"), what, TIMEOUT
        )
        which = {"name": self.cluster, "addonName": there.name, "updateId": answer["update"]["id"]}
        eks.wait_for_update(self.client, what, TIMEOUT, describe=lambda: self._describe(there.name), **which)

    def delete(self, there: Resource) -> None:
        self.client.delete_addon(**self._one(there.name))
        eks.wait_until_gone(lambda: self._describe(there.name), _what(there.name), TIMEOUT)

    def _one(self, name: str) -> dict[str, str]:
        return {"clusterName": self.cluster, "addonName": name}


def _request(wanted: Resource) -> dict[str, str]:
    configuration = wanted.fields["configuration"]
    # EKS keeps what it was told last: an empty object takes it back.
    return {"addonVersion": wanted.fields["version"], "configurationValues": json.dumps(configuration)}


def _what(name: str) -> str:
    return f"the add-on '{name}'"


def _order(version: str) -> list[int]:
    """The numbers of a version, so that 1.10 comes after 1.9."""
    return [int(number) for number in re.findall(r"[0-9]+", version)]
