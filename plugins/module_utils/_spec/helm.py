# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.


"""C(charts) and C(helm_releases)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._releases.table import RELEASES
from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import free_mapping, integer, list_of, named
from ansible_collections.entasis.engine.plugins.module_utils._spec.schema import Section, key, section

#: Seconds that a release may take until its workloads are ready.
DEFAULT_TIMEOUT = 600


@dataclass(frozen=True)
class Charts:
    """Where charts come from instead of their repositories."""

    mirror: str | None = key(
        values.line,
        "A folder or the beginning of a URL, from which every chart comes as `<mirror>/<chart>-<version>.tgz` instead "
        "of from its repository.",
        None,
    )


@dataclass(frozen=True)
class HelmRelease:
    """A release of the spec's own, or, where C(chart) is None, changes to one of the platform's releases."""

    name: str = key(values.subdomain(53), "Name of the release.")
    namespace: str | None = key(
        values.dns_label,
        "Namespace; it is made where it is not there. Not for the platform's releases.",
        None,
        shown="—",
    )
    chart: str | None = key(
        values.line, "Name of the chart, or `oci://…`. Not for the platform's releases.", None, shown="—"
    )
    repository: str | None = key(values.line, "URL of the chart's repository. Not for the platform's releases.", None)
    version: str | None = key(values.line, "Version of the chart. Not for the platform's releases.", None, shown="—")
    values: Mapping[str, Any] = key(free_mapping, "Values of the chart.", {})
    timeout: int = key(integer(1, 7200), "Seconds until the release must be ready.", DEFAULT_TIMEOUT)


def _release(taken: Section, release: HelmRelease) -> HelmRelease:
    name = release.name
    if name in RELEASES:
        for word in ("namespace", "chart", "repository", "version"):
            if taken.has(word):
                pinned = RELEASES[name].version
                taken.refuse(word, f"{name} is the platform's own release, pinned to {pinned}; remove it")
    elif taken.understood("name"):
        for word in ("namespace", "chart", "version"):
            if not taken.has(word):
                taken.refuse(word, f"is missing; write it, because '{name}' is not one of {', '.join(RELEASES)}")
        if release.chart and not release.chart.startswith("oci://") and not release.repository:
            taken.refuse("repository", "is missing; write the URL of the chart's repository, or chart: oci://…")
    return release


helm_releases = named(list_of(section(HelmRelease, _release)))
