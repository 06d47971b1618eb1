# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The pod identity associations of a cluster: which IAM role the pods of a service account have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ansible_collections.entasis.engine.plugins.module_utils._aws import lookups
from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.domain import EksDomain
from ansible_collections.entasis.engine.plugins.module_utils._aws.lookups import Lookup, read_all
from ansible_collections.entasis.engine.plugins.module_utils._aws.module import client


class PodIdentities(EksDomain):
    kind = "pod_identity"
    option = "associations"
    creates = ("CreatePodIdentityAssociation",)

    def desired(self) -> Iterator[Resource]:
        for one in self.options["associations"]:
            name = f"{one['namespace']}/{one['service_account']}"
            yield Resource(name, {"iam_role": self._roles.id_of(one["iam_role"])}, self.own(name, one["tags"]))

    @cached_property
    def _roles(self) -> Lookup:
        names = [one["iam_role"] for one in self.options["associations"]]
        iam, required = client(self.module, "iam"), not self.module.check_mode
        return lookups.find(lambda: {"roles": lookups.roles(iam, names)}, required=required)["roles"]

    def identifiers(self) -> Iterable[str]:
        listed = read_all(self.client, "list_pod_identity_associations", "associations", clusterName=self.cluster)
        return [one["associationId"] for one in listed]

    def read(self, identifier: str) -> Resource:
        found = self.client.describe_pod_identity_association(clusterName=self.cluster, associationId=identifier)
        one = found["association"]
        name = f"{one['namespace']}/{one['serviceAccount']}"
        return Resource(name, {"iam_role": one["roleArn"]}, one["tags"], one["associationArn"])

    def create(self, wanted: Resource) -> str:
        namespace, service_account = wanted.name.split("/")
        made = eks.create_with_new_role(
            lambda: self.client.create_pod_identity_association(
                clusterName=self.cluster,
                namespace=namespace,
                serviceAccount=service_account,
                roleArn=wanted.fields["iam_role"],
                tags=dict(wanted.tags),
            )
        )
        return str(made["association"]["associationArn"])

    def update(self, there: Resource, part: str, wanted: Resource) -> None:  # noqa: ARG002 - there is one part
        role = wanted.fields["iam_role"]
        eks.create_with_new_role(lambda: self.client.update_pod_identity_association(**self._one(there), roleArn=role))

    def delete(self, there: Resource) -> None:
        self.client.delete_pod_identity_association(**self._one(there))

    def _one(self, there: Resource) -> Mapping[str, str]:
        return {"clusterName": self.cluster, "associationId": there.id.rpartition("/")[2]}
