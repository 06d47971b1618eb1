# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A set of resources of one kind inside a cluster of EKS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.entasis.engine.plugins.module_utils._aws.domain import Domain, Resource
from ansible_collections.entasis.engine.plugins.module_utils._aws.eks import shared as eks
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import PARALLELISM

#: Seconds in which an operation on the cluster ends that is under way. An upgrade of EKS takes up to half an hour.
CLUSTER_TIMEOUT = 3600.0


class EksDomain(Domain):
    """A domain inside a cluster: it says which ids are there, and what one of them is."""

    service = "eks"
    inside = True

    @property
    def cluster(self) -> str:
        return str(self.options["cluster"] or self.options["platform"])

    def identifiers(self) -> Iterable[str]:
        """What the cluster has of this kind, by what EKS calls each in its lists."""
        raise NotImplementedError

    def read(self, identifier: str) -> Resource | None:
        raise NotImplementedError

    def observe(self) -> Iterator[Resource]:
        if eks.platform_cluster(self.module, self.client, self.cluster, CLUSTER_TIMEOUT) is None:
            return
        with ThreadPoolExecutor(PARALLELISM) as pool:
            for found in pool.map(lambda one: eks.found(lambda: self.read(one)), self.identifiers()):
                if found:
                    yield found
