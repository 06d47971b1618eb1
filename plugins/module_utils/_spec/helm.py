# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The parsers of C(charts) and C(helm_releases)."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.module_utils._charts import CHARTS
from ansible_collections.entasis.engine.plugins.module_utils._spec import values
from ansible_collections.entasis.engine.plugins.module_utils._spec.model import Charts, HelmRelease
from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Section,
    Value,
    free_mapping,
    integer,
    list_of,
    section_of,
)

#: Seconds that a release may take until its workloads are ready.
DEFAULT_TIMEOUT = 600


def charts(value: Value) -> Charts:
    """The parser of C(charts)."""
    return section_of(lambda section: Charts(mirror=section.take("mirror", values.line, None)))(value)


def helm_releases(value: Value) -> tuple[HelmRelease, ...]:
    """The parser of C(helm_releases)."""
    return list_of(section_of(_release), named=True)(value)


def _release(section: Section) -> HelmRelease:
    name = section.take("name", values.dns_label(53))
    release = HelmRelease(
        name=name,
        namespace=section.take("namespace", values.dns_label(), None),
        chart=section.take("chart", values.line, None),
        repository=section.take("repository", values.line, None),
        version=section.take("version", values.line, None),
        values=section.take("values", free_mapping, {}),
        timeout=section.take("timeout", integer(1, 7200), DEFAULT_TIMEOUT),
    )
    if name in CHARTS:
        for key in ("namespace", "chart", "repository", "version"):
            if section.has(key):
                section.refuse(
                    key, f"{name} is the platform's own release, pinned to {CHARTS[name].version}; remove it"
                )
    elif section.understood("name"):
        for key in ("namespace", "chart", "version"):
            if not section.has(key):
                section.refuse(key, f"is missing; write it, because '{name}' is not one of {', '.join(CHARTS)}")
        if release.chart and not release.chart.startswith("oci://") and not release.repository:
            section.refuse("repository", "is missing; write the URL of the chart's repository, or chart: oci://…")
    return release
