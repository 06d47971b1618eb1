# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""Helm releases: what is desired, what Helm has recorded in the cluster, and the plan between them.

Helm keeps each revision of a release in a Secret. Reading those tells name, chart, version, values and status of every
release with one request, where the helm command would need several processes a release. Only changes run helm.
"""

from __future__ import annotations

import base64
import datetime
import graphlib
import gzip
import json
import math
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils import _reconcile
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.client import Client
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.diff import masked_values, value_differences
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.kinds import SECRETS
from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG, ROLE_TAG
from ansible_collections.entasis.engine.plugins.module_utils._reconcile import Change, Plan, PlanError

KIND = "HelmRelease"


#: A version that only one version of a chart has. Helm reads anything shorter as a range, and takes the newest of it.
_EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")

#: Helm keeps every number as a float of 64 bits, which holds no whole number beyond this one for sure.
_LARGEST_INTEGER = 2**53

_PENDING = ("pending-install", "pending-upgrade", "pending-rollback")


@dataclass(frozen=True)
class Desired:
    """A release as it is to be.

    C(timeout) is in seconds. C(needs) names other releases of the list, by name or C(namespace/name).
    """

    name: str
    namespace: str
    chart: str
    version: str
    repository: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = True
    timeout: int = 300
    create_namespace: bool = True
    needs: Sequence[str] = ()
    skip_crds: bool = False

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def chart_name(self) -> str:
        """The chart's own name, out of a plain name, a folder, or a file NAME-VERSION.tgz."""
        last = posixpath.basename(self.chart.rstrip("/"))
        return last.removesuffix(".tgz").removesuffix(f"-{self.version}") if last.endswith(".tgz") else last


@dataclass(frozen=True)
class Live:
    """The newest revision of a release, as Helm has recorded it."""

    name: str
    namespace: str
    revision: int
    status: str
    chart_name: str
    version: str
    values: Mapping[str, Any]
    labels: Mapping[str, str]
    #: When the revision was begun.
    updated: datetime.datetime
    #: When the first revision was begun.
    installed: datetime.datetime
    secret_name: str = ""

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def pending(self) -> bool:
        return self.status in _PENDING

    def is_owned(self, owner: Owner) -> bool:
        return all(self.labels.get(key) == value for key, value in owner.labels.items())

    def age(self, now: datetime.datetime) -> float:
        """Seconds since the revision was begun."""
        return (now - self.updated).total_seconds()


@dataclass(frozen=True)
class Owner:
    """Whose releases: the platform, and the role that makes them."""

    platform: str
    role: str

    @property
    def labels(self) -> dict[str, str]:
        return {PLATFORM_TAG: self.platform, ROLE_TAG: self.role}


def observe(client: Client) -> dict[str, Live]:
    """The newest revision of every release of the cluster, by C(namespace/name)."""
    secrets, _version = client.list(
        SECRETS,
        label_selector="owner=helm,status notin (superseded,uninstalled)",
        field_selector="type=helm.sh/release.v1",
    )
    newest: dict[str, Mapping[str, Any]] = {}
    for secret in secrets:
        labels = secret["metadata"].get("labels") or {}
        path = f"{secret['metadata']['namespace']}/{labels.get('name', '')}"
        if path not in newest or _revision(secret) > _revision(newest[path]):
            newest[path] = secret
    return {path: read_release(secret) for path, secret in newest.items()}


def newest_record(client: Client, one: Desired) -> dict[str, Any]:
    """Helm's whole record of the newest revision of a release; empty where there is none."""
    secrets, _version = client.list(SECRETS, one.namespace, label_selector=f"owner=helm,name={one.name}")
    return decode(max(secrets, key=_revision)["data"]["release"]) if secrets else {}


def _revision(secret: Mapping[str, Any]) -> int:
    return int((secret["metadata"].get("labels") or {}).get("version") or 0)


def read_release(secret: Mapping[str, Any]) -> Live:
    """A release out of the Secret that Helm keeps it in."""
    record = decode(secret["data"]["release"])
    metadata = (record.get("chart") or {}).get("metadata") or {}
    information = record.get("info") or {}
    updated = _time(information.get("last_deployed") or secret["metadata"]["creationTimestamp"])
    return Live(
        name=record["name"],
        namespace=record.get("namespace") or secret["metadata"]["namespace"],
        revision=int(record.get("version") or 0),
        status=str(information.get("status") or "unknown"),
        chart_name=str(metadata.get("name") or ""),
        version=str(metadata.get("version") or ""),
        values=record.get("config") or {},
        labels=secret["metadata"].get("labels") or {},
        updated=updated,
        installed=_time(information["first_deployed"]) if information.get("first_deployed") else updated,
        secret_name=secret["metadata"]["name"],
    )


def decode(data: str) -> dict[str, Any]:
    """Helm's record of a release: JSON, gzipped, in base64, in the base64 of a Secret."""
    return json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))


def encode(record: Mapping[str, Any]) -> str:
    """The reverse of L(decode)."""
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()


def _time(text: str) -> datetime.datetime:
    """A time as Go writes it."""
    read = datetime.datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


def problems(desired: Sequence[Desired]) -> list[str]:
    """What is wrong with the list of releases itself."""
    found = []
    for path, times in Counter(one.path for one in desired).items():
        if times > 1:
            found.append(f"release {path}: is listed {times} times; remove all but one.")
    for one in desired:
        if one.repository.startswith("oci://") and one.chart.endswith(".tgz"):
            found.append(f"release {one.path}: chart is a file and repository is set; give one of the two.")
        if not _EXACT_VERSION.fullmatch(one.version):
            found.append(f"release {one.path}: version {one.version} is not exact; write all of it, such as 1.2.3.")
        found += [f"release {one.path}: {problem}" for problem in _number_problems(one.values, "values")]
    return found + _ordered(desired)[2]


def _number_problems(value: Any, path: str) -> Iterator[str]:
    """The numbers that would reach the chart as another number, or not at all."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _number_problems(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _number_problems(inner, f"{path}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}, which is no number to helm; write one."
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        yield f"{path} has more digits than helm keeps of a number; write it in quotes."


def _ordered(desired: Sequence[Desired]) -> tuple[list[str], dict[str, set[str]], list[str]]:
    """The order of the releases by their paths, all that each of them needs, and what is wrong with the needs.

    A release comes after what it needs, else in the order of the list.
    """
    found = []
    meant: dict[str, set[str]] = {}
    for one in desired:
        for name in (one.name, one.path):
            meant.setdefault(name, set()).add(one.path)
    needs: dict[str, set[str]] = {one.path: set() for one in desired}
    for one in desired:
        for need in one.needs:
            paths = meant.get(need, set())
            if len(paths) == 1:
                needs[one.path] |= paths
            elif paths:
                found.append(
                    f"release {one.path}: needs {need}, which can be {' or '.join(sorted(paths))}; write which."
                )
            else:
                found.append(f"release {one.path}: needs {need}, which is not listed; list it, or take the need out.")
    while True:
        try:
            order = [*graphlib.TopologicalSorter(needs).static_order()]
            break
        except graphlib.CycleError as error:
            circle = error.args[1][::-1]
            found.append(
                f"releases need each other in a circle: {' needs '.join(circle)}; take one of these needs out."
            )
            needs = {path: needs[path] - {*circle} for path in needs}
    everything: dict[str, set[str]] = {}
    for path in order:
        everything[path] = needs[path].union(*(everything[need] for need in needs[path]))
    return order, everything, found


def plan(
    desired: Sequence[Desired], live: Mapping[str, Live], owner: Owner, *, purge: bool = False, adopt: bool = False
) -> Plan:
    """The changes that make the releases what is desired. Reads nothing.

    A release comes after those that it needs, and side by side with all others. Removals come last, one by one, the
    newest release first: what a release needs that is not listed any more is not known, but it was there before.

    Raises:
        PlanError: a release belongs to somebody else or runs another chart; says all of them.
    """
    found = problems(desired)
    warnings: list[str] = []
    planned: dict[str, Change] = {}
    for one in desired:
        existing = live.get(one.path)
        if existing is None:
            planned[one.path] = _reconcile.create(KIND, one.path, _description(one))
            continue
        problem = _ownership_problem(existing, owner, adopt) or _chart_problem(one, existing)
        if problem:
            found.append(f"release {one.path}: {problem}")
            continue
        if existing.pending or existing.status == "uninstalling":
            warnings.append(_stuck(existing))
        change = _update(one, existing, owner)
        if change is not None:
            planned[one.path] = change
    if found:
        raise PlanError(found)
    order, needs, _problems = _ordered(desired)
    changes = [
        replace(planned[path], needs=tuple(f"{KIND}/{need}" for need in sorted(needs[path])))
        for path in order
        if path in planned
    ]
    ours = sorted(
        (path for path, one in live.items() if path not in needs and one.is_owned(owner)),
        key=lambda path: (live[path].installed, path),
        reverse=True,
    )
    removed = ours if purge else []
    for path in removed:
        before = {"chart": live[path].chart_name, "version": live[path].version, "status": live[path].status}
        changes.append(_reconcile.delete(KIND, path, before, needs=[change.resource for change in changes]))
    return Plan(changes, [path for path in ours if path not in removed], warnings)


def canonical(values: Any) -> Any:
    """Values as helm keeps them: as JSON, with every number as a float, so that 1 and 1.0 are one number."""
    return json.loads(json.dumps(values), parse_int=_number, parse_float=_number)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _same(one: Any, other: Any) -> bool:
    """Whether two canonical values are the same; to Python true equals 1, to a chart it does not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _description(one: Desired) -> dict[str, Any]:
    return {"chart": one.chart_name, "version": one.version, "values": masked_values(canonical(one.values))}


def _update(one: Desired, existing: Live, owner: Owner) -> Change | None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if existing.version.removeprefix("v") != one.version.removeprefix("v"):
        before["version"], after["version"] = existing.version, one.version
    was, becomes = canonical(existing.values), canonical(one.values)
    if not _same(was, becomes):
        before["values"], after["values"] = value_differences(was, becomes)
    if existing.status != "deployed":
        before["status"], after["status"] = existing.status, "deployed"
    if not existing.is_owned(owner):
        before["labels"], after["labels"] = {}, owner.labels
    return Change("update", KIND, one.path, before, after) if after else None


def _ownership_problem(existing: Live, owner: Owner, adopt: bool) -> str | None:
    platform, role = existing.labels.get(PLATFORM_TAG), existing.labels.get(ROLE_TAG)
    if existing.is_owned(owner) or (platform is None and adopt):
        return None
    if platform is None:
        return "exists and was not made by the platform. Set adopt to true to take it over, or choose another name."
    return f"belongs to the role {role} of the platform {platform}. Choose another name or namespace."


def _chart_problem(one: Desired, existing: Live) -> str | None:
    if existing.chart_name == one.chart_name:
        return None
    return (
        f"runs the chart {existing.chart_name}, and {one.chart_name} is asked for. Give the new chart a release of its "
        "own name and remove this one."
    )


def _stuck(existing: Live) -> str:
    mended = (
        "its revision is marked as failed, and the release is upgraded from there"
        if existing.pending
        else "its removal is finished, and the release is installed anew"
    )
    return (
        f"release {existing.path} was left {existing.status} at {existing.updated:%Y-%m-%d %H:%M:%S} UTC, because the "
        f"helm that worked on it ended before its time: {mended}."
    )
